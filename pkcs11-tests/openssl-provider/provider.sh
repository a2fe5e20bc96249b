#!/usr/bin/env bash
# The steps of run.sh, on a system that has OpenSSL with pkcs11-provider.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh
echo "client: OpenSSL $(openssl version | cut -d ' ' -f 2) with pkcs11-provider $(dpkg-query -W -f '${Version}' pkcs11-provider)"

step "make a token" make_token
page openssl

with_token() { OPENSSL_CONF=$SCRATCH/openssl.cnf timeout 120 openssl "$@"; }
uri() { echo "pkcs11:token=$TOKEN;object=$1;type=${2:-private}"; }
head -c 1000 /dev/urandom >message

echo "keys, checked by plain openssl"
for label in rsa ec ed; do
    step "$label: its request" openssl req -verify -noout -in $label.csr
    step "$label: its certificate" openssl verify -CAfile $label.crt $label.crt
done
step "the signed message" eval \
    'printf "attack at dawn\n" >dawn && openssl cms -verify -binary -inform DER -in message.cms -CAfile rsa.crt -purpose any -out opened && cmp dawn opened'
generate() { # LABEL ALGORITHM [OPTIONS...]
    local label=$1 algorithm=$2
    shift 2
    with_token genpkey -propquery provider=pkcs11 -algorithm "$algorithm" "$@" -pkeyopt "pkcs11_uri:pkcs11:token=$TOKEN;object=$label" -out "$label.pem"
    with_token pkey -pubin -in "$(uri "$label" public)" -pubout -out "$label.pub.pem"
}
step "genpkey RSA-3072" generate rsa3072 RSA -pkeyopt rsa_keygen_bits:3072
step "genpkey P-384" generate p384 EC -pkeyopt ec_paramgen_curve:P-384
step "genpkey P-521" generate p521 EC -pkeyopt ec_paramgen_curve:P-521

echo "signatures"
dgst() { # LABEL DIGEST [OPTIONS...]
    local label=$1 digest=$2
    shift 2
    with_token dgst "-$digest" "$@" -sign "$(uri "$label")" -out signature message
    openssl dgst "-$digest" "$@" -verify "$label.pub.pem" -signature signature message
    printf x >>message
    if openssl dgst "-$digest" "$@" -verify "$label.pub.pem" -signature signature message; then return 1; fi
}
for digest in sha256 sha384 sha512; do
    step "rsa: dgst -$digest" dgst rsa $digest
    step "rsa: dgst -$digest with PSS" dgst rsa $digest -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
done
step "ec: dgst -sha256" dgst ec sha256
step "p384: dgst -sha384" dgst p384 sha384
step "p521: dgst -sha512" dgst p521 sha512
raw() { # LABEL
    with_token pkeyutl -sign -rawin -inkey "$(uri "$1")" -in message -out signature
    openssl pkeyutl -verify -rawin -pubin -inkey "$1.pub.pem" -in message -sigfile signature
}
step "ed: pkeyutl -rawin" raw ed

if openssl list -propquery provider=pkcs11 -signature-algorithms -provider-path "$(dirname "$(sed -n 's/^module = //p' openssl.cnf)")" -provider pkcs11 2>/dev/null | grep -i 'ML-DSA.*pkcs11'; then
    for set in 44 65 87; do
        step "genpkey ML-DSA-$set" generate "mldsa$set" "ML-DSA-$set"
        step "ML-DSA-$set: pkeyutl -rawin" raw "mldsa$set"
    done
else
    skip "ML-DSA" "this pkcs11-provider has no ML-DSA; the module has"
fi

echo "encryption and agreement"
decrypts() { # LABEL OPTIONS...
    local label=$1
    shift
    head -c 32 /dev/urandom >secret
    openssl pkeyutl -encrypt -pubin -inkey "$label.pub.pem" -in secret -out sealed "$@"
    with_token pkeyutl -decrypt -inkey "$(uri "$label")" -in sealed -out opened "$@"
    cmp secret opened
}
step "genpkey RSA-2048 for decryption" generate sealed RSA -pkeyopt rsa_keygen_bits:2048
step "PKCS #1: openssl encrypts, the token decrypts" decrypts sealed -pkeyopt rsa_padding_mode:pkcs1
step "OAEP: openssl encrypts, the token decrypts" decrypts sealed -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
agrees() {
    as_user --keypairgen --key-type EC:prime256v1 --label agreeing --id 77 --usage-derive
    with_token pkey -pubin -in "$(uri agreeing public)" -pubout -out agreeing.pub.pem
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out peer.key
    openssl pkey -in peer.key -pubout -out peer.pub.pem
    with_token pkeyutl -derive -inkey "$(uri agreeing)" -peerkey peer.pub.pem -out here
    openssl pkeyutl -derive -inkey peer.key -peerkey agreeing.pub.pem -out there
    cmp here there
}
step "ECDH: the same secret on both sides" agrees

echo "a certification authority"
authority() { # LABEL DIGEST
    rm -rf ca
    mkdir -p ca/new
    : >ca/index
    echo 01 >ca/serial
    echo 01 >ca/crlnumber
    {
        cat openssl.cnf
        printf '[ca]\ndefault_ca=d\n[d]\ndatabase=ca/index\nnew_certs_dir=ca/new\nserial=ca/serial\ncrlnumber=ca/crlnumber\npolicy=p\ndefault_md=%s\ndefault_days=10\ndefault_crl_days=5\n[p]\ncommonName=supplied\n' "$2"
    } >ca.cnf
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj "/CN=leaf of $1" -out leaf.csr
    OPENSSL_CONF=ca.cnf openssl ca -batch -config ca.cnf -cert "$1.crt" -keyfile "$(uri "$1")" -in leaf.csr -out leaf.crt
    openssl verify -CAfile "$1.crt" leaf.crt
    OPENSSL_CONF=ca.cnf openssl ca -config ca.cnf -cert "$1.crt" -keyfile "$(uri "$1")" -revoke leaf.crt
    OPENSSL_CONF=ca.cnf openssl ca -config ca.cnf -cert "$1.crt" -keyfile "$(uri "$1")" -gencrl -out ca.crl
    openssl crl -in ca.crl -CAfile "$1.crt" -noout
    refuse revoked openssl verify -crl_check -CAfile "$1.crt" -CRLfile ca.crl leaf.crt
}
step "rsa: ca signs, revokes and lists" authority rsa sha256
step "ec: ca signs, revokes and lists" authority ec sha256
step "ed: ca signs, revokes and lists" authority ed null
# A responder on request files: as a server it would listen on every address of the machine.
answered() { # LABEL WORD
    OPENSSL_CONF=$SCRATCH/openssl.cnf openssl ocsp -index ca/index -CA "$1.crt" -rsigner "$1.crt" -rkey "$(uri "$1")" -reqin request.ocsp -respout answer.ocsp
    openssl ocsp -issuer "$1.crt" -cert leaf.crt -respin answer.ocsp -CAfile "$1.crt" -no_nonce >ocsp.log 2>&1 || { cat ocsp.log; return 1; }
    grep "Response verify OK" ocsp.log
    grep "leaf.crt: $2" ocsp.log
}
ocsp() { # LABEL: before and after the certificate is revoked
    authority "$1" sha256
    openssl ocsp -issuer "$1.crt" -cert leaf.crt -no_nonce -reqout request.ocsp
    answered "$1" revoked
    rm -f ca/index* ca/new/*
    : >ca/index
    OPENSSL_CONF=ca.cnf openssl ca -batch -config ca.cnf -cert "$1.crt" -keyfile "$(uri "$1")" -in leaf.csr -out leaf.crt
    openssl ocsp -issuer "$1.crt" -cert leaf.crt -no_nonce -reqout request.ocsp
    answered "$1" good
}
for label in rsa ec; do
    step "$label: an OCSP responder" ocsp $label
done
x509() { # LABEL
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr
    with_token x509 -req -in leaf.csr -CA "$1.crt" -CAkey "$(uri "$1")" -days 10 -out leaf.crt
    openssl verify -CAfile "$1.crt" leaf.crt
}
for label in rsa ec ed; do step "$label: x509 signs a request" x509 $label; done
cms() { # LABEL [OPTIONS...]
    local label=$1
    shift
    with_token cms -sign -binary -nodetach -in message -signer "$label.crt" -inkey "$(uri "$label")" -outform DER -out message.cms "$@"
    openssl cms -verify -binary -inform DER -in message.cms -CAfile "$label.crt" -purpose any -out opened
    cmp message opened
}
step "ec: cms -sign" cms ec
step "rsa: cms -sign with PSS" cms rsa -keyopt rsa_padding_mode:pss

echo "TLS"
# As in openssl-engine: port 0 lets the system choose; the server prints it.
listen() { # S_SERVER_OPTIONS...: sets port
    local waited
    : >server.log
    OPENSSL_CONF=$SCRATCH/${SERVER_CONF:-openssl.cnf} openssl s_server -accept 127.0.0.1:0 -www "$@" >server.log 2>&1 &
    server=$!
    # shellcheck disable=SC2064 # now, while the number is known
    trap "kill $server 2>/dev/null || true" EXIT
    for waited in $(seq 100); do
        port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' server.log)
        if [ -n "$port" ]; then return; fi
        if ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.1
    done
    echo "the server did not start (waited $waited x 0.1 s)"
    cat server.log
    return 1
}
ask() { # OPENSSL_FUNCTION S_CLIENT_OPTIONS...
    local run=$1
    shift
    printf 'GET / HTTP/1.0\r\n\r\n' | "$run" s_client -connect "127.0.0.1:$port" -verify_return_error -servername localhost \
        -verify_hostname localhost -ign_eof "$@" >client.log 2>&1 || { cat client.log server.log; return 1; }
    grep -q "HTTP/1.0 200" client.log || { cat client.log server.log; return 1; }
}
tls() { # LABEL VERSION
    listen "-$2" -cert "$1.crt" -key "$(uri "$1")"
    ask openssl -CAfile "$1.crt"
}
for label in rsa ec ed; do
    for version in tls1_2 tls1_3; do step "$label: s_server, $version" tls $label $version; done
done
printf '[req]\ndistinguished_name=d\n[d]\n' >plain.cnf
client_key() { # LABEL VERSION
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -days 5 -out other.crt
    SERVER_CONF=plain.cnf listen "-$2" -cert other.crt -key other.key -CAfile "$1.crt" -Verify 2
    ask with_token -CAfile other.crt -cert "$1.crt" -key "$(uri "$1")"
}
for label in rsa ec ed; do
    for version in tls1_2 tls1_3; do step "$label: the client's key, $version" client_key $label $version; done
done

echo "PINs"
sed '/^pkcs11-module-token-pin/d' openssl.cnf >asks.cnf
pin_source() {
    OPENSSL_CONF=asks.cnf openssl dgst -sha256 -sign "$(uri rsa);pin-source=file:$PWD/pin" -out signature message
    openssl dgst -sha256 -verify rsa.pub.pem -signature signature message
}
step "a PIN file in the URI" pin_source
pin_value() { OPENSSL_CONF=asks.cnf openssl dgst -sha256 -sign "$(uri rsa);pin-value=$USER_PIN" -out signature message; }
step "the PIN in the URI" pin_value
wrong_pin() { OPENSSL_CONF=asks.cnf refuse . openssl dgst -sha256 -sign "$(uri rsa);pin-value=000000" -out signature message; }
step "a wrong PIN is refused" wrong_pin
prompt() { # PIN: as a user types it at a terminal
    export OPENSSL_CONF=asks.cnf
    { sleep 1; printf '%s\n' "$1"; sleep 1; } |
        script -qec "openssl dgst -sha256 -sign '$(uri rsa)' -out signature message" typed
    cat typed
    grep -q "Enter pass phrase for PKCS#11 Token" typed
    unset OPENSSL_CONF
    openssl dgst -sha256 -verify rsa.pub.pem -signature signature message
}
if command -v script >/dev/null; then
    step "the PIN, typed at the prompt" prompt "$USER_PIN"
    wrong_prompt() {
        rm -f signature
        refuse . prompt 000000
    }
    step "a wrong one, typed" wrong_prompt
else
    skip "the PIN, typed at the prompt" "no script: install bsdutils"
fi
many() {
    local number
    for number in $(seq 20); do with_token dgst -sha256 -sign "$(uri ec)" -out "signature.$number" message & done
    wait
    for number in $(seq 20); do openssl dgst -sha256 -verify ec.pub.pem -signature "signature.$number" message; done
}
step "twenty processes sign at once" many

echo "a key's life"
withdrawn() {
    listen -cert ec.crt -key "$(uri ec)"
    ask openssl -CAfile ec.crt
    printf '%s\n' "$USER_PIN" >pin-line
    chmod 600 pin-line
    "$KEYWARD" key compromise ec --token "$TOKEN" --pin-file pin-line --reason key-compromise
    refuse "alert|error" ask openssl -CAfile ec.crt
}
step "a compromised key stops a running server" withdrawn
# With the provider's own setting. The module copies no key whose purpose no use has fixed.
copied_key_decrypts() {
    sed '/cache-keys/d' openssl.cnf >copies.cnf
    generate copied RSA -pkeyopt rsa_keygen_bits:2048
    OPENSSL_CONF=copies.cnf openssl dgst -sha256 -sign "$(uri copied)" -out signature message
    openssl pkeyutl -encrypt -pubin -inkey copied.pub.pem -in secret -out sealed
    refuse "[Ee]rror" env OPENSSL_CONF=copies.cnf openssl pkeyutl -decrypt -inkey "$(uri copied)" -in sealed -out opened
}
step "a key that has signed does not decrypt, whatever the provider copies" copied_key_decrypts

summary openssl-provider
