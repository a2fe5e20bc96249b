#!/usr/bin/env bash
# OpenSSL through libengine-pkcs11 (Debian 12): the key stays in the token, openssl does the rest.
#
#   run.sh [keyward|softhsm]
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh
. ../common/module.sh
use_module "${1:-keyward}"
cd "$SCRATCH"

engines=$(openssl version -e | sed -n 's/^ENGINESDIR: "\(.*\)"$/\1/p')
if [ ! -e "$engines/pkcs11.so" ]; then
    skip "everything" "no pkcs11.so in $engines: install libengine-pkcs11-openssl; Debian 13 has pkcs11-provider instead"
    summary openssl-engine
    exit
fi

echo "client: OpenSSL $(openssl version | cut -d ' ' -f 2) with engine_pkcs11 $(dpkg-query -W -f '${Version}' libengine-pkcs11-openssl 2>/dev/null || true)"
cat >openssl.cnf <<END
openssl_conf = start
[start]
engines = engines
[engines]
pkcs11 = token
[token]
engine_id = pkcs11
dynamic_path = $engines/pkcs11.so
MODULE_PATH = $MODULE
init = 0
[req]
distinguished_name = name
[name]
END
printf '%s' "$USER_PIN" >pin
head -c 1000 /dev/urandom >message

# openssl with the engine. Without OPENSSL_CONF, plain openssl knows nothing of the token.
with_token() { OPENSSL_CONF=$SCRATCH/openssl.cnf timeout 120 openssl "$@"; }
uri() { echo "pkcs11:token=$TOKEN;object=$1;type=private;pin-source=file:$SCRATCH/pin"; }
key_of() { echo -engine pkcs11 -keyform engine "$2" "$(uri "$1")"; } # LABEL OPTION

make_pair() { # LABEL TYPE ID
    as_user --keypairgen --label "$1" --key-type "$2" --id "$3" --usage-sign
}

certify() { # LABEL: a certificate request, and a certificate that signs itself
    # shellcheck disable=SC2046 # several words, none with a blank
    with_token req -new -subj "/CN=$1" -sha256 $(key_of "$1" -key) -out "$1.csr"
    openssl req -verify -noout -in "$1.csr"
    # shellcheck disable=SC2046
    with_token req -x509 -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -addext basicConstraints=critical,CA:TRUE -sha256 \
        $(key_of "$1" -key) -out "$1.crt"
    openssl verify -CAfile "$1.crt" "$1.crt"
    openssl x509 -in "$1.crt" -noout -pubkey >"$1.pub.pem"
}

dgst() { # LABEL DIGEST [OPTIONS...]
    local label=$1 digest=$2
    shift 2
    # shellcheck disable=SC2046
    with_token dgst "-$digest" "$@" $(key_of "$label" -sign) -out signature message
    openssl dgst "-$digest" "$@" -verify "$label.pub.pem" -signature signature message
}

sign_request() { # CA LABEL: what a certification authority does, with its key in the token
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr
    # shellcheck disable=SC2046
    with_token x509 -req -in leaf.csr -CA "$1.crt" $(key_of "$1" -CAkey | sed 's/-keyform/-CAkeyform/') -CAcreateserial \
        -days 10 -sha256 -out leaf.crt
    openssl verify -CAfile "$1.crt" leaf.crt
}

# A server with its key in the token, a client without one. The server says ACCEPT and its port when it listens;
# port 0 lets the system choose a free one.
tls() { # LABEL VERSION
    local port='' server waited
    # The server before this one left its log, with a port that nobody listens on any more.
    : >server.log
    # shellcheck disable=SC2046
    OPENSSL_CONF=$SCRATCH/openssl.cnf openssl s_server -accept 127.0.0.1:0 "-$2" -cert "$1.crt" $(key_of "$1" -key) \
        -www >server.log 2>&1 &
    server=$!
    # shellcheck disable=SC2064 # now, while the number is known
    trap "kill $server 2>/dev/null || true" EXIT
    for waited in $(seq 100); do
        port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server.log)
        if [ -n "$port" ]; then break; fi
        if ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if [ -z "$port" ]; then
        echo "the server did not start (waited $waited x 0.1 s)"
        cat server.log
        return 1
    fi
    printf 'GET / HTTP/1.0\r\n\r\n' |
        timeout 30 openssl s_client -connect "127.0.0.1:$port" "-$2" -CAfile "$1.crt" -verify_return_error \
            -servername localhost -verify_hostname localhost -ign_eof >client.log 2>&1 || {
        cat client.log server.log
        return 1
    }
    grep -q "Verify return code: 0" client.log
    grep -q "HTTP/1.0 200" client.log
}

step "make a token" make_token
step "generate an RSA key" make_pair rsa rsa:2048 01
step "generate an EC key" make_pair ec EC:prime256v1 02
for label in rsa ec; do
    step "$label: certificate request and certificate" certify "$label"
    step "$label: dgst -sha256" dgst "$label" sha256
    step "$label: dgst -sha384" dgst "$label" sha384
    step "$label: signs another's request" sign_request "$label"
    for version in tls1_2 tls1_3; do
        step "$label: s_server and s_client, $version" tls "$label" "$version"
    done
done
step "rsa: dgst with PSS" dgst rsa sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
wrong_pin() {
    printf '000000' >pin
    # shellcheck disable=SC2046
    refuse . with_token req -new -subj /CN=wrong $(key_of rsa -key) -out wrong.csr
}
step "a wrong PIN is refused" wrong_pin

summary openssl-engine
