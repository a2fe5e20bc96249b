#!/usr/bin/env bash
# NSS: databases, a certification authority, requests, CMS, PKCS#12 and TLS, with the keys in the token.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

needs nss "libnss3-tools" modutil certutil cmsutil pk12util
echo "client: NSS $(dpkg-query -W -f '${Version}' libnss3-tools 2>/dev/null | sed 's/^[0-9]*://; s/-.*//')"

step "make a token" make_token
page nss

# Every certificate for openssl, which checks what NSS made.
pem() { certutil -L -d sql:db -f passwords -n "$TOKEN:$1" -a >"$1.pem"; }
checked() { # NAME
    pem ca
    pem "$1"
    openssl verify -CAfile ca.pem "$1.pem"
}
echo "what NSS made, checked by openssl"
for name in ec rsa request; do step "$name: its certificate" checked $name; done
step "the request" openssl req -verify -noout -in request.csr
cms_by_openssl() {
    openssl cms -verify -inform DER -in message.cms -CAfile ca.pem -purpose any -out opened
    tr -d '\r' <opened | cmp - message
}
step "the signed message" cms_by_openssl

echo "more of certutil and cmsutil"
for curve in nistp256 nistp384 nistp521; do
    request() {
        certutil -R -d sql:db -h "$TOKEN" -f passwords -z noise -s "CN=$1" -k ec -q "$1" -Z SHA384 -a -o "$1.csr"
        openssl req -verify -noout -in "$1.csr"
    }
    step "request with a key on $curve" request $curve
done
pss() {
    certutil -R -d sql:db -h "$TOKEN" -f passwords -z noise -s CN=pss -k rsa -g 3072 --pss -Z SHA256 -a -o pss.csr
    openssl req -verify -noout -in pss.csr
    openssl req -text -noout -in pss.csr | grep rsassaPss >/dev/null
}
step "request signed with RSA-PSS" pss
decrypts() {
    pem imported
    openssl cms -encrypt -aes256 -binary -in message -outform DER -out message.sealed imported.pem
    cmsutil -D -d sql:db -f passwords -i message.sealed -o opened
    cmp message opened
}
step "the key from PKCS#12 decrypts what openssl sealed" decrypts
ec_cms() {
    cmsutil -S -d sql:db -f passwords -N "$TOKEN:ec" -H SHA256 -G -i message -o ec.cms
    openssl cms -verify -inform DER -in ec.cms -CAfile ca.pem -purpose any -out opened
}
step "an EC key signs a message" ec_cms
revoked() { # `request` is on the list, by its serial number, and `rsa` is not
    local serial
    pem ca
    pem request
    pem rsa
    serial=$(($(openssl x509 -serial -noout -in request.pem | sed 's/serial=/0x/')))
    printf 'update=%s\nnextupdate=%s\naddcert %s %s\n' "$(date -u +%Y%m%d000000Z)" "$(date -u -d '+5 days' +%Y%m%d000000Z)" "$serial" "$(date -u +%Y%m%d000000Z)" >list
    # It does not read the file of passwords: it asks, and a terminal answers.
    { sleep 1; printf '%s\n' "$USER_PIN"; sleep 1; } |
        timeout 60 script -qec "crlutil -G -d sql:db -n $TOKEN:ca -c list -Z SHA256 -o crl.der" typed
    openssl crl -inform DER -in crl.der -out crl.pem -CAfile ca.pem 2>crl.log
    grep "verify OK" crl.log
    openssl verify -crl_check -CAfile ca.pem -CRLfile crl.pem rsa.pem
    refuse revoked openssl verify -crl_check -CAfile ca.pem -CRLfile crl.pem request.pem
}
if command -v crlutil >/dev/null && command -v script >/dev/null; then
    step "a list of revoked certificates, signed by the CA" revoked
else
    skip "a list of revoked certificates" "no crlutil, or no script to be its terminal: install libnss3-tools and bsdutils"
fi
other_way() { # a key that NSS made itself, by way of PKCS#12 into the token
    printf '\n' >empty
    certutil -S -d sql:db -f empty -z noise -n own -s CN=own -x -t ,, -k rsa -g 2048 -Z SHA256 -m 9
    pk12util -d sql:db -k empty -o own.p12 -n own -w p12.password -C AES-256-CBC -c AES-128-CBC
    certutil -F -d sql:db -f empty -n own
    pk12util -d sql:db -h "$TOKEN" -k passwords -i own.p12 -w p12.password
    certutil -K -d sql:db -h "$TOKEN" -f passwords | grep own
}
step "a key of NSS's own, by PKCS#12 into the token" other_way
delete() {
    certutil -F -d sql:db -f passwords -n "$TOKEN:imported" || certutil -D -d sql:db -f passwords -n "$TOKEN:imported"
    if certutil -L -d sql:db -h "$TOKEN" -f passwords | grep ":imported "; then return 1; fi
}
step "delete a key and its certificate" delete
renamed() {
    certutil -D -d sql:db -f passwords -n "$TOKEN:request"
    certutil -A -d sql:db -h "$TOKEN" -f passwords -n again -t ,, -a -i request.crt
    certutil -K -d sql:db -h "$TOKEN" -f passwords
    certutil -L -d sql:db -h "$TOKEN" -f passwords | grep "again *u,u,u"
}
step "a certificate is imported again and finds its key by CKA_ID" renamed
wrong_pin() {
    printf '%s:000000\n' "$TOKEN" >wrong
    refuse "SEC_ERROR|Incorrect|incorrect" certutil -K -d sql:db -h "$TOKEN" -f wrong
}
step "a wrong PIN is refused" wrong_pin
step "the right one is taken" certutil -K -d sql:db -h "$TOKEN" -f passwords
step "remove the module and add it again" eval \
    'modutil -dbdir sql:db -force -delete keyward && modutil -dbdir sql:db -force -add keyward -libfile "$MODULE" -mechanisms FRIENDLY'

echo "TLS with selfserv and tstclnt"
if ! command -v selfserv >/dev/null || ! command -v tstclnt >/dev/null; then
    skip "TLS" "this libnss3-tools has no selfserv and tstclnt"
    summary nss
    exit
fi
# selfserv and tstclnt wait for each other to close the connection; who has seen the answer need not wait.
request_page() { # CLIENT...: the client sends a request and gets the answer
    local asking answered=no
    rm -f questions
    mkfifo questions
    : >client.log
    timeout 30 "$@" <questions >client.log 2>&1 &
    asking=$!
    exec 7>questions
    printf 'GET / HTTP/1.0\r\n\r\n' >&7
    for _ in $(seq 100); do
        if grep -aq "HTTP/1.0 200" client.log; then
            answered=yes
            break
        fi
        if ! kill -0 "$asking" 2>/dev/null; then break; fi
        sleep 0.1
    done
    exec 7>&-
    kill "$asking" 2>/dev/null || true
    if [ "$answered" = no ] && ! grep -aq "HTTP/1.0 200" client.log; then
        cat client.log server.log
        return 1
    fi
}
tls() { # NAME OPTION VERSION
    local port
    port=$(free_port)
    serve "$port" selfserv -d sql:db -f passwords "$2" "$TOKEN:$1" -p "$port" -V "tls$3:tls$3"
    request_page openssl s_client -connect "127.0.0.1:$port" -CAfile ca.pem -verify_return_error
    grep -aq "Verify return code: 0" client.log
    request_page tstclnt -d sql:db -W passwords -h 127.0.0.1 -a localhost -p "$port" -V "tls$3:tls$3"
}
for version in 1.2 1.3; do
    step "rsa: selfserv, TLS $version; openssl and tstclnt connect" tls rsa -n $version
    step "ec: selfserv, TLS $version; openssl and tstclnt connect" tls ec -e $version
done
client_key() { # NAME VERSION
    local port
    port=$(free_port)
    serve "$port" openssl s_server -accept "127.0.0.1:$port" -cert imported.crt -key imported.key -CAfile ca.pem -Verify 2 \
        -verify_return_error -www
    request_page tstclnt -d sql:db -W passwords -h 127.0.0.1 -a localhost -p "$port" -V "tls$2:tls$2" -n "$TOKEN:$1" -o
}
for version in 1.2 1.3; do
    step "rsa: the client's key, TLS $version" client_key rsa $version
    step "ec: the client's key, TLS $version" client_key ec $version
done

summary nss
