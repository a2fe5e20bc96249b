#!/usr/bin/env bash
# Zone keys: OpenDNSSEC's ods-hsmutil with its own test, its enforcer and signer; Knot's keymgr, and knotd that signs zones with the token's keys.
set -euo pipefail
cd "$(dirname "$0")"

# OpenDNSSEC's daemons have their paths compiled in. They are in sbin, which is not in every user's path.
PATH=$PATH:/usr/sbin:/sbin
daemons=no
runtime=/run/opendnssec
if [ ! -d "$runtime" ]; then runtime=/run; fi
. ../common/folders.sh
if ! command -v ods-enforcerd >/dev/null || ! command -v ods-signerd >/dev/null || ! command -v dnssec-verify >/dev/null; then
    REASON="no ods-enforcerd, ods-signerd or dnssec-verify: install opendnssec-enforcer-sqlite3, opendnssec-signer and bind9-utils"
elif own_folders /etc/opendnssec /var/lib/opendnssec "$runtime"; then
    daemons=yes
    mkdir -p /run/opendnssec /var/lib/opendnssec/{enforcer,signconf,signed,signer,tmp,unsigned}
fi
. ../common/client.sh
. "$here/opendnssec.sh"

knotd=$(first_file /usr/sbin/knotd) || knotd=
if ! command -v ods-hsmutil >/dev/null || ! command -v keymgr >/dev/null || [ -z "$knotd" ] ||
    ! command -v ldns-verify-zone >/dev/null; then
    skip "everything" "no ods-hsmutil, keymgr, knotd or ldns-verify-zone: install libhsm-bin, knot and ldnsutils"
    summary dns
    exit
fi
echo "client: OpenDNSSEC $(ods-hsmutil -V 2>&1 | sed -n 's/.*version \([0-9.]*\).*/\1/p;q'), Knot $(keymgr --version | sed 's/.* //')"
KNOT_PORT=$(free_port)
SIGNER_PORT=$(free_port)
export KNOT_PORT SIGNER_PORT

# What the page prints, in a log.
told() { # WORDS FILE...: the lines of the page that have them
    local line words=$1
    shift
    grep -F -- "$words" "$checkout/docs/clients/dns.md" | grep -v '^`\|^[A-Z]' >told
    [ -s told ]
    while IFS= read -r line; do grep -aF -- "$line" "$@"; done <told
}

step "make a token" make_token
if [ $daemons = yes ]; then
    trap 'end_daemons; rm -rf "$SCRATCH"' EXIT
    page dns opendnssec
    echo "OpenDNSSEC's enforcer and signer"
    opendnssec
else
    page dns
    skip "OpenDNSSEC's enforcer and signer" "$REASON"
fi

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

# The zone key of example.com is withdrawn while knotd serves the zone: what is printed is what the page says.
sign_again() { "$KNOTC" -c knot.conf -b zone-sign example.com >knotc.log 2>&1; }
KNOTC=$(first_file /usr/sbin/knotc /usr/bin/knotc) || KNOTC=knotc
withdrawn() {
    local zsk
    zsk=$(keymgr -c knot.conf example.com list | sed -n 's/ .*ZSK.*//p')
    key() { "$KEYWARD" key "$1" --id "$zsk" --token "$TOKEN" --pin-file page-pin; }
    KEYWARD_LOG=stderr serve "$KNOT_PORT" "$knotd" -c knot.conf
    # The socket for commands comes after the port.
    for _ in $(seq 100); do
        if "$KNOTC" -c knot.conf zone-status example.com 2>&1 | grep -q "serial: [0-9]"; then break; fi
        sleep 0.1
    done
    sign_again
    key suspend
    if sign_again; then return 1; fi
    told "signing error)" server.log knotc.log
    told "state-suspended" server.log
    key activate
    sign_again
    ldns-verify-zone knot/example.com.zone
    key compromise
    if sign_again; then return 1; fi
    told "state-compromised" server.log
    # What is not asked for a signature shows the key as ever.
    keymgr -c knot.conf example.com list | grep "$zsk.*active"
    ods-hsmutil -c conf.xml list | grep "$zsk"
    # The zone is served with the signatures that it has.
    "$KNOTC" -c knot.conf zone-read example.com | grep RRSIG
}
step "a zone key that is suspended, activated and compromised under knotd" withdrawn
summary dns
