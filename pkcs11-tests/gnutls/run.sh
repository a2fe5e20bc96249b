#!/usr/bin/env bash
# GnuTLS: p11tool looks after the token, certtool signs with its keys, gnutls-serv serves TLS with them.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

needs gnutls "gnutls-bin" p11tool certtool gnutls-serv gnutls-cli
echo "client: GnuTLS $(p11tool --version | sed -n '1s/.* //p')"
export GNUTLS_PIN=$USER_PIN GNUTLS_SO_PIN=$SO_PIN
p11() { timeout 60 p11tool --batch --provider "$MODULE" "$@"; }
in_token() { echo "pkcs11:token=$TOKEN;object=$1;type=$2"; } # LABEL TYPE

page gnutls

shows() { # WORD COMMAND...: the command succeeds and prints WORD
    local word=$1 output
    shift
    output=$("$@" 2>&1)
    printf '%s\n' "$output"
    grep -qE -- "$word" <<<"$output"
}

echo "p11tool"
step "the token in the list" shows "Label: $TOKEN" p11 --list-tokens
step "its mechanisms" shows CKM_SHA256_RSA_PKCS_PSS p11 --list-mechanisms "pkcs11:token=$TOKEN"
for label in rsa ec; do
    step "$label: a private key never leaves" shows "CKA_NEVER_EXTRACTABLE" p11 --login --info "$(in_token $label private)"
    step "$label: --test-sign" p11 --login --test-sign "$(in_token $label private)"
    export_public() {
        p11 --login --export-pubkey "$(in_token "$1" private)" --outfile "$1.exported.pub"
        cmp <(openssl pkey -pubin -in "$1.pub" -outform DER) <(openssl pkey -pubin -in "$1.exported.pub" -outform DER)
    }
    step "$label: the public key from the private one" export_public $label
done
curve() { # CURVE LABEL
    p11 --login --generate-privkey=ecdsa --curve "$1" --label "$2" --outfile "$2.pub" "pkcs11:token=$TOKEN"
    openssl pkey -pubin -in "$2.pub" -noout
    p11 --login --test-sign "$(in_token "$2" private)"
}
step "P-384: generate and --test-sign" curve secp384r1 ec384
step "P-521: generate and --test-sign" curve secp521r1 ec521
ed25519() {
    p11 --login --generate-privkey=eddsa --label ed --outfile ed.pub "pkcs11:token=$TOKEN"
    openssl pkey -pubin -in ed.pub -noout
    # It looks for a signature with the digest that it is told; Ed25519's own is SHA-512.
    p11 --login --test-sign --hash SHA512 "$(in_token ed private)"
}
case $(p11tool --version | sed -n '1s/.* //p') in
    3.[0-7].*) skip "Ed25519: generate and --test-sign" "this GnuTLS makes no Edwards keys in tokens; 3.8 does" ;;
    *) step "Ed25519: generate and --test-sign" ed25519 ;;
esac
import() {
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out imported.pem
    p11 --login --write --load-privkey imported.pem --label imported --mark-sign "pkcs11:token=$TOKEN"
    p11 --login --export-pubkey "$(in_token imported private)" --outfile imported.pub
    cmp <(openssl pkey -in imported.pem -pubout -outform DER) <(openssl pkey -pubin -in imported.pub -outform DER)
}
step "import a private key" import
step "import a secret key" p11 --login --write --secret-key 000102030405060708090a0b0c0d0e0f --label secret "pkcs11:token=$TOKEN"
relabel() {
    p11 --login --set-label renamed "$(in_token imported private)"
    shows "Label: renamed" p11 --login --list-privkeys "pkcs11:token=$TOKEN"
}
step "set a label" relabel
set_id() {
    p11 --login --set-id 0badcafe "$(in_token renamed private)"
    shows "0b:ad:ca:fe" p11 --login --list-privkeys "pkcs11:token=$TOKEN"
}
step "set an id" set_id
delete() {
    p11 --login --delete "$(in_token renamed private)"
    if p11 --login --list-privkeys "pkcs11:token=$TOKEN" | grep "Label: renamed"; then return 1; fi
}
step "delete a key" delete
trusted() {
    GNUTLS_SO_PIN=$SO_PIN p11 --so-login --write --mark-trusted --load-certificate rsa.crt --label trusted "pkcs11:token=$TOKEN"
    shows "CKA_TRUSTED" p11 --list-all-trusted "pkcs11:token=$TOKEN"
}
step "the SO marks a certificate as trusted" trusted
wrong_pin() { GNUTLS_PIN=000000 refuse "PIN|log" p11 --login --list-privkeys "pkcs11:token=$TOKEN;pin-value=000000"; }
step "a wrong PIN is refused" wrong_pin
step "the right one is taken" p11 --login --list-privkeys "pkcs11:token=$TOKEN"

echo "certtool, checked by openssl"
for label in rsa ec; do
    step "$label: its certificate" openssl verify -CAfile $label.crt $label.crt
done
step "ec: its request" openssl req -verify -noout -in ec.csr
as_ca() { # LABEL
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr
    printf 'expiration_days = 10\ntls_www_client\nsigning_key\n' >leaf.template
    timeout 60 certtool --provider "$MODULE" --generate-certificate --template leaf.template --hash SHA256 \
        --load-request leaf.csr --load-ca-certificate "$1.crt" --load-ca-privkey "$(in_token "$1" private)" --outfile leaf.crt
    openssl verify -CAfile "$1.crt" leaf.crt
    printf 'crl_next_update = 5\ncrl_number = 1\n' >crl.template
    timeout 60 certtool --provider "$MODULE" --generate-crl --template crl.template --hash SHA256 \
        --load-certificate leaf.crt --load-ca-certificate "$1.crt" --load-ca-privkey "$(in_token "$1" private)" --outfile leaf.crl
    openssl crl -in leaf.crl -CAfile "$1.crt" -noout
    refuse revoked openssl verify -crl_check -CAfile "$1.crt" -CRLfile leaf.crl leaf.crt
}
step "rsa: signs a certificate and a list of revoked ones" as_ca rsa
step "ec: signs a certificate and a list of revoked ones" as_ca ec
p7() {
    printf 'attack at dawn' >message
    timeout 60 certtool --provider "$MODULE" --p7-sign --infile message --load-certificate rsa.crt \
        --load-privkey "$(in_token rsa private)" --hash SHA256 --outfile message.p7
    openssl cms -verify -inform PEM -in message.p7 -CAfile rsa.crt -purpose any -out message.back
    cmp message message.back
}
step "rsa: signs a PKCS #7 message" p7

echo "TLS: gnutls-serv with the token's key; gnutls-cli and openssl as clients"
tls() { # LABEL VERSION OPENSSL_VERSION
    local port
    port=$(free_port)
    serve "$port" gnutls-serv --provider "$MODULE" --quiet --http --port "$port" --priority "NORMAL:-VERS-ALL:+VERS-TLS$2" \
        --x509certfile "$1.crt" --x509keyfile "$(in_token "$1" private)"
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 gnutls-cli --x509cafile "$1.crt" --port "$port" --no-ca-verification localhost >cli.log 2>&1 ||
        { cat cli.log server.log; return 1; }
    grep -q "TLS$2" cli.log
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 openssl s_client -connect "127.0.0.1:$port" "-$3" -CAfile "$1.crt" \
        -verify_return_error -ign_eof >openssl.log 2>&1 || { cat openssl.log server.log; return 1; }
    grep -q "Verify return code: 0" openssl.log
}
for label in rsa ec; do
    step "$label: TLS 1.2" tls $label 1.2 tls1_2
    step "$label: TLS 1.3" tls $label 1.3 tls1_3
done
client_key() { # LABEL VERSION: the client's key is in the token, the server is openssl's
    local port
    port=$(free_port)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -days 5 -out other.crt
    serve "$port" openssl s_server -accept "127.0.0.1:$port" -cert other.crt -key other.key -CAfile "$1.crt" -Verify 2 \
        -verify_return_error -www
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 gnutls-cli --provider "$MODULE" --priority "NORMAL:-VERS-ALL:+VERS-TLS$2" \
        --x509cafile other.crt --x509certfile "$1.crt" --x509keyfile "$(in_token "$1" private)" --port "$port" localhost \
        >cli.log 2>&1 || { cat cli.log server.log; return 1; }
    grep -q "200 ok" cli.log || { cat cli.log server.log; return 1; }
}
for label in rsa ec; do
    step "$label: the client's key, TLS 1.2" client_key $label 1.2
    step "$label: the client's key, TLS 1.3" client_key $label 1.3
done

summary gnutls
