#!/usr/bin/env bash
# Go: the page's programs, and the own suites of miekg/pkcs11 and crypto11, from Debian's packages of their sources.
#
# What of the suites known.md lists fails with a reason and counts as skipped; what it lists and passes by now is a failure.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

sources=/usr/share/gocode/src/github.com
reason=
for folder in miekg/pkcs11 ThalesIgnite/crypto11 stretchr/testify; do
    if [ ! -d "$sources/$folder" ]; then
        reason="no $folder: install golang-github-miekg-pkcs11-dev, golang-github-thalesignite-crypto11-dev and golang-github-stretchr-testify-dev"
    fi
done
if ! command -v go >/dev/null; then reason="no go: install golang-go"; fi
if [ -n "$reason" ]; then
    skip "everything" "$reason"
    summary go
    exit
fi
version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null | sed 's/+.*//; s/-.*//'; }
echo "client: miekg/pkcs11 $(version golang-github-miekg-pkcs11-dev), crypto11 $(version golang-github-thalesignite-crypto11-dev) on $(go version | cut -d ' ' -f 3)"
# Debian's packages are found by path, without any module proxy.
export GO111MODULE=off GOPATH=$SCRATCH/go:/usr/share/gocode GOFLAGS= GOCACHE=${XDG_CACHE_HOME:-$HOME/.cache}/go-build

step "make a token" make_token
page go

echo "more of the page's programs"
signature_fits() { # raw signature of 64 bytes, as openssl wants it
    python3 - <<'PYTHON'
signature = open("go.signature", "rb").read()
def integer(b):
    b = b.lstrip(b"\0") or b"\0"
    b = (b"\0" if b[0] > 127 else b"") + b
    return bytes([2, len(b)]) + b
body = integer(signature[:32]) + integer(signature[32:])
open("go.der", "wb").write(bytes([0x30, len(body)]) + body)
PYTHON
    printf 'attack at dawn' >message
    openssl dgst -sha256 -verify go.pub -signature go.der message
}
step "the direct signature, verified by openssl" signature_fits
asks() { # VERSION
    printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 openssl s_client -connect "127.0.0.1:$port" "-$1" -CAfile go.crt -verify_return_error -ign_eof \
        >client.log 2>&1 || { cat client.log server.log; return 1; }
    grep -q hello client.log
}
tls() { # VERSION
    local port
    port=$(free_port)
    serve "$port" ./tls-server "127.0.0.1:$port"
    asks "$1"
}
step "the TLS server, TLS 1.2" tls tls1_2
step "the TLS server, TLS 1.3" tls tls1_3
(umask 077 && printf '%s\n' "$USER_PIN" >pin)
withdrawn() {
    local port
    port=$(free_port)
    serve "$port" ./tls-server "127.0.0.1:$port"
    asks tls1_3
    "$KEYWARD" key suspend go --token "$TOKEN" --pin-file pin
    refuse "alert" asks tls1_3
    grep "CKR_KEY_FUNCTION_NOT_PERMITTED\|tls:" server.log
    "$KEYWARD" key activate go --token "$TOKEN" --pin-file pin
    asks tls1_3
    "$KEYWARD" key compromise go --token "$TOKEN" --pin-file pin --reason key-compromise
    refuse "alert" asks tls1_3
}
step "suspended, activated and compromised while it serves" withdrawn

known() { sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$here/known.md"; }
verdicts() { # LOG: "PASS NAME", "FAIL NAME", "SKIP NAME" for each test and each part of one
    sed -n 's/^ *--- \(PASS\|FAIL\|SKIP\): \([^ ]*\) .*/\1 \2/p' "$1"
}
suite() { # NAME: judges NAME.log
    local suite=$1 verdict test
    while read -r verdict test; do
        test=$suite/$test
        case $verdict in
            PASS)
                if grep -qxF "$test" <(known); then step "$test: known.md lists it, and it passes by now" false; else step "$test" true; fi
                ;;
            SKIP)
                case $test in
                    */TestHardDSA*) skip "$test" "the module has no DSA" ;;
                    */DES3) skip "$test" "the module has no triple DES" ;;
                    *) skip "$test" "the suite skips it" ;;
                esac
                ;;
            FAIL)
                if grep -qxF "$test" <(known); then skip "$test" "known.md says why"; else step "$test" eval 'grep -F -B 12 -- "--- FAIL: ${test#*/} " "$suite.log"; false'; fi
                ;;
        esac
    done < <(verdicts "$suite.log")
    step "$suite: the suite came to its end" grep -qxE 'PASS|FAIL' "$suite.log"
}
mkdir -p go/src/github.com/miekg go/src/github.com/ThalesIgnite
cp -r $sources/miekg/pkcs11 go/src/github.com/miekg/
cp -r $sources/ThalesIgnite/crypto11 go/src/github.com/ThalesIgnite/

echo "miekg/pkcs11's own suite"
# known.md says why these changes.
sed -i 's/CKA_MODULUS_BITS, 1024/CKA_MODULUS_BITS, 2048/; s/CKA_EXTRACTABLE, true/CKA_EXTRACTABLE, false/; s/CKM_SHA1_RSA_PKCS/CKM_SHA256_RSA_PKCS/' \
    go/src/github.com/miekg/pkcs11/*_test.go
# Its examples know one PIN only, and want a key to be there. They take the first token: this store has no other.
make_its_token() {
    KEYWARD_STORE=$SCRATCH/crypto11-store make_token
    KEYWARD_STORE=$SCRATCH/miekg-store USER_PIN=1234 make_token
    KEYWARD_STORE=$SCRATCH/miekg-store USER_PIN=1234 as_user --keypairgen --key-type rsa:2048 --label "my key" --usage-sign
}
step "a token for each suite" make_its_token
(
    cd go/src/github.com/miekg/pkcs11
    KEYWARD_STORE=$SCRATCH/miekg-store SOFTHSM_LIB=$MODULE SOFTHSM_TOKENLABEL=$TOKEN SOFTHSM_PIN=1234 \
        timeout 300 go test -v . >"$SCRATCH/miekg.log" 2>&1 </dev/null || true
)
suite miekg

echo "crypto11's own suite"
sed -i '/^\telliptic.P224(),$/d' go/src/github.com/ThalesIgnite/crypto11/ecdsa_test.go
sed -i 's/rsa.GenerateKey(rand.Reader, 4096)/rsa.GenerateKey(rand.Reader, 2048)/' go/src/github.com/ThalesIgnite/crypto11/*_test.go
sed -i 's/^\tt.Run("Encrypt", func(t \*testing.T) { testRsaEncryption(t, key, false) })$/\tother, err := ctx.GenerateRSAKeyPair(randomBytes(), rsaSize)\n\trequire.NoError(t, err)\n\tdefer func() { _ = other.Delete() }()\n\tt.Run("Encrypt", func(t *testing.T) { testRsaEncryption(t, other.(crypto.Decrypter), false) })/' \
    go/src/github.com/ThalesIgnite/crypto11/rsa_test.go
step "a key of its own for decryption" grep -q 'testRsaEncryption(t, other' go/src/github.com/ThalesIgnite/crypto11/rsa_test.go
(
    cd go/src/github.com/ThalesIgnite/crypto11
    printf '{"Path":"%s","TokenLabel":"%s","Pin":"%s"}' "$MODULE" "$TOKEN" "$USER_PIN" >config
    # Its own variable to leave out DSA, which the module does not have.
    KEYWARD_STORE=$SCRATCH/crypto11-store CRYPTO11_SKIP=DSA timeout 300 go test -v . >"$SCRATCH/crypto11.log" 2>&1 </dev/null || true
)
suite crypto11

summary go
