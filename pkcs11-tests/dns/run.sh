#!/usr/bin/env bash
# Zone keys: OpenDNSSEC's ods-hsmutil with its own test, Knot's keymgr, and knotd that signs zones with the token's keys.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

knotd=$(first_file /usr/sbin/knotd) || knotd=
if ! command -v ods-hsmutil >/dev/null || ! command -v keymgr >/dev/null || [ -z "$knotd" ] ||
    ! command -v ldns-verify-zone >/dev/null; then
    skip "everything" "no ods-hsmutil, keymgr, knotd or ldns-verify-zone: install libhsm-bin, knot and ldnsutils"
    summary dns
    exit
fi
echo "client: OpenDNSSEC $(ods-hsmutil -V 2>&1 | sed -n 's/.*version \([0-9.]*\).*/\1/p;q'), Knot $(keymgr --version | sed 's/.* //')"
KNOT_PORT=$(free_port)
export KNOT_PORT

step "make a token" make_token
page dns

echo "ods-hsmutil test"
ods-hsmutil -c conf.xml test keyward >hsm.log 2>&1 || true
works() { # WORDS: the line says OK
    cat hsm.log
    grep -q "$1.*OK" hsm.log
}
# Its ECDSA signatures it makes without saying how they went, on any module; knotd makes some below.
for line in "Generating 2048-bit RSA key" "Generating 4096-bit RSA key" "Signing (RSA/SHA256)" "Signing (RSA/SHA512)" \
    "Generating ECDSA Curve P-256 key" "Generating ECDSA Curve P-384 key" "Generating ED25519 key" "Signing with key"; do
    step "$line" works "$line"
done
refused() { grep -q "$1.*Failed" hsm.log; }
for bits in 512 768 1024; do step "RSA-$bits is refused by policy" refused "Generating $bits-bit RSA key"; done
ods_key() { # an exported DNSKEY, which the token's key stands behind
    local id
    id=$(ods-hsmutil -c conf.xml generate keyward ecdsa 256 | sed -n 's/.*successful: //p')
    ods-hsmutil -c conf.xml dnskey "$id" example.net 257 13 | grep "DNSKEY.257 3 13"
    ods-hsmutil -c conf.xml remove "$id"
    if ods-hsmutil -c conf.xml list | grep "$id"; then return 1; fi
}
step "a DNSKEY record; the key removed" ods_key

echo "knotd"
signed() { # ZONE: every signature of the zone that knotd serves, checked by a verifier without the token
    serve "$KNOT_PORT" "$knotd" -c knot.conf
    for _ in $(seq 100); do
        if grep -q RRSIG "knot/$1.zone"; then break; fi
        sleep 0.1
    done
    cat server.log
    grep -q RRSIG "knot/$1.zone"
    ldns-verify-zone "knot/$1.zone"
    sed "s/^\(ns[^ ]*.*[[:space:]]A[[:space:]].*\)192.0.2.1/\1192.0.2.2/" "knot/$1.zone" >changed.zone
    if cmp -s changed.zone "knot/$1.zone"; then return 1; fi
    refuse "rror|ogus" ldns-verify-zone changed.zone
}
step "example.com signed with ECDSA P-256, verified by ldns-verify-zone" signed example.com
step "example.org signed with RSA/SHA-256, verified by ldns-verify-zone" signed example.org
summary dns
