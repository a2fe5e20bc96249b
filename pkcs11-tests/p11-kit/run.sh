#!/usr/bin/env bash
# p11-kit: its commands, its proxy in front of the module, and the module in a process of its own behind p11-kit-client.so.
set -euo pipefail
cd "$(dirname "$0")"
# p11-kit reads no user's configuration when root runs it. In a namespace of its own root is another user, to itself alone.
if [ "$(id -u)" -eq 0 ] && unshare --user --map-user=1000 true 2>/dev/null; then
    exec unshare --user --map-user=1000 ./run.sh "$@"
fi
. ../common/client.sh

proxy=$(first_file /usr/lib/*/p11-kit-proxy.so) || proxy=
client=$(first_file /usr/lib/*/pkcs11/p11-kit-client.so) || client=
reason=
if ! command -v p11-kit >/dev/null; then reason="no p11-kit: install p11-kit"; fi
if [ -z "$proxy" ]; then reason="no p11-kit-proxy.so: install libp11-kit0"; fi
if [ -z "$client" ]; then reason="no p11-kit-client.so: install p11-kit-modules"; fi
if [ "$(id -u)" -eq 0 ]; then reason="p11-kit reads no user's configuration for root, and there are no user namespaces here"; fi
if [ -n "$reason" ]; then
    skip "everything" "$reason"
    summary p11-kit
    exit
fi
echo "client: p11-kit $(dpkg-query -W -f '${Version}' p11-kit 2>/dev/null || echo unknown)"

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}
export XDG_CONFIG_HOME=$SCRATCH/config XDG_RUNTIME_DIR=$SCRATCH/runtime HOME=$SCRATCH
mkdir -p "$XDG_CONFIG_HOME/pkcs11/modules"
mkdir -m 700 "$XDG_RUNTIME_DIR"
# The user's files only: no module of this machine's.
printf 'user-config: only\n' >"$XDG_CONFIG_HOME/pkcs11/pkcs11.conf"
end_server() {
    if [ -f "$SCRATCH/server.env" ]; then
        # shellcheck disable=SC1091
        (. "$SCRATCH/server.env" >/dev/null && kill "$P11_KIT_SERVER_PID") 2>/dev/null || true
    fi
}
trap 'end_server; rm -rf "$SCRATCH"' EXIT

shows() { # WORD COMMAND...: the command succeeds and prints WORD
    local word=$1 output
    shift
    output=$("$@" 2>&1)
    printf '%s\n' "$output"
    grep -qE -- "$word" <<<"$output"
}

step "make a token" make_token
page p11-kit

echo "the shipped module file"
shipped() {
    sed "s|^module: .*|module: $MODULE|" "$checkout/packaging/p11-kit/keyward.module" >"$XDG_CONFIG_HOME/pkcs11/modules/keyward.module"
    shows "library-description: keyward" p11-kit list-modules
    shows "token: $TOKEN" p11-kit list-modules
}
step "keyward.module is understood" shipped
critical() {
    local status=0
    printf 'module: /nonexistent.so\ncritical: no\n' >"$XDG_CONFIG_HOME/pkcs11/modules/other.module"
    shows "library-description: keyward" p11-kit list-modules || status=$?
    rm "$XDG_CONFIG_HOME/pkcs11/modules/other.module"
    return $status
}
step "another module that does not load does no harm" critical

echo "through the proxy and through the client of the server"
# The same steps by either door; what one makes, the module itself must see.
through() { # MODULE COMMAND...
    local MODULE=$1
    shift
    "$@"
}
head -c 1000 /dev/urandom >message
sign() { # TYPE ID MECHANISM
    as_user --keypairgen --key-type "$1" --id "$2" --label "by-$2" --usage-sign
    as_user --sign --mechanism "$3" --id "$2" --input-file message --output-file signature --signature-format openssl
}
offers() { # DOOR MECHANISM
    local listed
    listed=$(through "$1" tool --token-label "$TOKEN" --list-mechanisms 2>/dev/null)
    grep -qE "^ +$2," <<<"$listed"
}
step_if_offered() { # NAME DOOR MECHANISM COMMAND...
    local name=$1 door=$2 mechanism=$3
    shift 3
    # p11-kit passes on only mechanisms whose parameters it knows; newer ones know more.
    if offers "$door" "$mechanism"; then step "$name" "$@"; else skip "$name" "this p11-kit does not carry $mechanism to another process"; fi
}
sign_digest() { # ID
    as_user --keypairgen --key-type EC:prime256v1 --id "$1" --label "by-$1" --usage-sign
    openssl dgst -sha256 -binary -out digest message
    as_user --sign --mechanism ECDSA --id "$1" --input-file digest --output-file signature --signature-format openssl
}
signs_digest() { # DOOR ID
    through "$1" sign_digest "$2"
    verify_by "$2"
}
signs() { # DOOR TYPE ID MECHANISM
    through "$1" sign "$2" "$3" "$4"
    verify_by "$3"
}
p256_of() { # ID: the public key, put together from the point that the list shows
    local point
    point=$(as_user --list-objects --type pubkey --id "$1" | sed -n 's/.*EC_POINT: *//p')
    [ -n "$point" ]
    printf '3059301306072a8648ce3d020106082a8648ce3d030107034200%s' "${point: -130}" | xxd -r -p
}
verify_by() { # ID
    # The public key comes from the other door, so that both speak of one key.
    # pkcs11-tool 0.23 now and then cannot read a key on a curve: it reads what it freed ("cannot create EVP_PKEY").
    as_user --read-object --type pubkey --id "$1" --output-file by.der || p256_of "$1" >by.der
    openssl dgst -sha256 -keyform DER -verify by.der -signature signature message
}
seals() { # DOOR ID
    through "$1" as_user --keygen --key-type AES:32 --id "$2" --label "aes-$2" --usage-decrypt
    through "$1" as_user --encrypt --mechanism AES-CBC-PAD --iv 000102030405060708090a0b0c0d0e0f --id "$2" --input-file message --output-file sealed
    # What was sealed through the door is opened by the module itself.
    as_user --decrypt --mechanism AES-CBC-PAD --iv 000102030405060708090a0b0c0d0e0f --id "$2" --input-file sealed --output-file opened
    cmp message opened
}
writes() { # DOOR ID
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=other -outform DER -out other.crt
    through "$1" as_user --write-object other.crt --type cert --id "$2" --label "cert-$2"
    as_user --read-object --type cert --id "$2" --output-file back.crt
    cmp other.crt back.crt
    through "$1" as_user --delete-object --type cert --id "$2"
    refuse "object not found" as_user --read-object --type cert --id "$2" --output-file back.crt
}
wrong_pin() { USER_PIN=000000 refuse CKR_PIN_INCORRECT through "$1" as_user --list-objects; }
hidden() {
    local listing
    listing=$(through "$1" tool --token-label "$TOKEN" --list-objects)
    if grep "Private Key Object" <<<"$listing"; then return 1; fi
}
# shellcheck disable=SC1091 # the server of the page
. ./server.env >/dev/null
number=10
for door in "$proxy" "$client"; do
    name=$(basename "$door" .so)
    step "$name: list mechanisms" shows SHA256-RSA-PKCS through "$door" tool --token-label "$TOKEN" --list-mechanisms
    step "$name: RSA key signs, openssl verifies" signs "$door" rsa:2048 $((number + 1)) SHA256-RSA-PKCS
    step "$name: EC key signs a digest, openssl verifies" signs_digest "$door" $((number + 5))
    step_if_offered "$name: EC key signs, openssl verifies" "$door" ECDSA-SHA256 signs "$door" EC:prime256v1 $((number + 2)) ECDSA-SHA256
    step_if_offered "$name: AES encrypts, the module decrypts" "$door" AES-CBC-PAD seals "$door" $((number + 3))
    step "$name: write, read and delete a certificate" writes "$door" $((number + 4))
    step "$name: a wrong PIN is refused" wrong_pin "$door"
    step "$name: private keys are hidden before login" hidden "$door"
    number=$((number + 10))
done

echo "openssl with the key in the server's process"
if [ "$(openssl_bridge)" = engine ]; then through_openssl=(-engine pkcs11 -keyform engine); else through_openssl=(); fi
tls() { # VERSION
    local port
    port=$(free_port)
    OPENSSL_CONF=client.cnf serve "$port" openssl s_server -accept "127.0.0.1:$port" "-$1" -cert apart.crt "${through_openssl[@]}" \
        -key "pkcs11:token=$TOKEN;object=apart;type=private;pin-source=file:$PWD/openssl.pin" -www
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 openssl s_client -connect "127.0.0.1:$port" -CAfile apart.crt \
        -verify_return_error -ign_eof >client.log 2>&1 || { cat client.log server.log; return 1; }
    grep -q "Verify return code: 0" client.log
}
step "s_server, TLS 1.2" tls tls1_2
step "s_server, TLS 1.3" tls tls1_3
stopped() {
    kill "$P11_KIT_SERVER_PID"
    sleep 1
    refuse . through "$client" as_user --list-objects
    as_user --list-objects
}
step "without the server there are no keys; the module itself still has them" stopped

. "$here/own-tests.sh"

summary p11-kit
