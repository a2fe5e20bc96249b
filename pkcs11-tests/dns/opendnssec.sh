# OpenDNSSEC's enforcer and signer, which the page has started: zones signed with keys of the token, a rollover, keys that are withdrawn. Sourced by run.sh.
#
# The enforcer's clock is moved on by its own `time leap`; signatures are made with the true time.

signed_zone() { echo "/var/lib/opendnssec/signed/$1"; }
keys_of() { ods-enforcer key list --verbose --parsable --zone "$1"; } # zone;type;state;date;size;algorithm;CKA_ID;repository;tag
key_in() {                                                            # ZONE TYPE STATE: its CKA_ID
    keys_of "$1" | awk -F ';' -v type="$2" -v state="$3" '$2 == type && $3 ~ state { print $7 }'
}
tag_of() { keys_of "$1" | awk -F ';' -v id="$2" '$7 == id { print $9 }'; }
key() { "$KEYWARD" key "$1" --id "$2" --token "$TOKEN" --pin-file page-pin; }

await() { # COMMAND...: within half a minute
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    echo "waited 30 s for: $*"
    tail -qn 4 enforcer.log signer.log
    return 1
}
signature_tags() { # ZONE: of what has signed the record sets, but for the keys
    awk '$4 == "RRSIG" && $5 != "DNSKEY" { print $11 }' "$(signed_zone "$1")" | sort -u
}
signed_with() { [ "$(signature_tags "$1")" = "$2" ]; } # ZONE TAG: and with nothing else
verified() { # ZONE: by two programs that have not signed it; and not when it is changed
    local file
    file=$(signed_zone "$1")
    dnssec-verify -o "$1" "$file"
    ldns-verify-zone "$file"
    sed '/RRSIG/!s/192\.0\.2\.1/192.0.2.2/' "$file" >changed.zone
    if cmp -s changed.zone "$file"; then return 1; fi
    refuse "[Nn]o correct|not verify|failed|rror" dnssec-verify -o "$1" changed.zone
}

first_signature() {
    await test -s "$(signed_zone example.net)"
    verified example.net
    signed_with example.net "$(tag_of example.net "$(key_in example.net ZSK '^')")"
}
keys_are_the_tokens() {
    local type id flags point dnskey
    for type in KSK ZSK; do
        id=$(key_in example.net $type '^')
        key show "$id" >shown
        grep "purpose *sign$" shown
        grep "CKA_SENSITIVE = true" shown
        grep "CKA_EXTRACTABLE = false" shown
        for other in DECRYPT UNWRAP DERIVE; do grep "CKA_$other = false" shown; done
        flags=256
        if [ $type = KSK ]; then flags=257; fi
        # The key of the DNSKEY record is the point in the token: 04 41 is the OCTET STRING around it, 04 says that it is not compressed.
        point=$(sed -n 's/^ *CKA_EC_POINT = 044104//p' shown)
        dnskey=$(awk -v flags="$flags" '$4 == "DNSKEY" && $5 == flags { print $8 }' "$(signed_zone example.net)")
        [ "$(base64 -d <<<"$dnskey" | xxd -p -c 0)" = "$point" ]
    done
}
parent() { # the DS record that the parent gets, computed by another program from the signed zone
    leap_until state_is example.net KSK '^ready$'
    ods-enforcer key export --zone example.net --ds | grep -v '^;' | tr '[:upper:]\t' '[:lower:] ' >ds.enforcer
    dnssec-dsfromkey -2 -f "$(signed_zone example.net)" example.net | tr '[:upper:]\t' '[:lower:] ' >ds.bind
    [ "$(awk '{ print $(NF - 3), $(NF - 2), $(NF - 1), $NF }' ds.enforcer)" = "$(awk '{ print $(NF - 3), $(NF - 2), $(NF - 1), $NF }' ds.bind)" ]
    ods-enforcer key ds-seen --zone example.net --cka_id "$(key_in example.net KSK '^ready$')"
}

# The signer does not see a second change of a zone's keys or of its list in one second: it goes by the time of the file.
leap() {
    ods-enforcer time leap
    sleep 1.2
}
leap_until() { # COMMAND...
    for _ in $(seq 20); do
        if "$@" >/dev/null 2>&1; then return; fi
        leap
    done
    ods-enforcer key list --verbose
    return 1
}
state_is() { [ -n "$(key_in "$1" "$2" "$3")" ]; } # ZONE TYPE STATE
rollover() {
    local old new
    leap_until state_is example.net ZSK '^active$'
    old=$(key_in example.net ZSK '^active$')
    sleep 1.2
    ods-enforcer key rollover --zone example.net --keytype ZSK
    await state_is example.net ZSK '^publish$'
    new=$(key_in example.net ZSK '^publish$')
    [ "$new" != "$old" ]
    # Published, and the old one still signs.
    await grep "DNSKEY.*id = $(tag_of example.net "$new")" "$(signed_zone example.net)"
    signed_with example.net "$(tag_of example.net "$old")"
    verified example.net
    leap_until state_is example.net ZSK '^retire$'
    # It does not sign any longer: that it is compromised makes no difference.
    [ "$(key_in example.net ZSK '^retire$')" = "$old" ]
    key compromise "$old"
    gone() { ! keys_of example.net | grep "$old"; }
    leap_until gone
    await signed_with example.net "$(tag_of example.net "$new")"
    verified example.net
    # The enforcer has erased it, and the token remembers that it was.
    grep "removing key $old from HSM" enforcer.log
    if ods-hsmutil list | grep "$old"; then return 1; fi
    "$KEYWARD" key list --all --token "$TOKEN" --pin-file page-pin | grep "$old.*destroyed"
}

zsk_withdrawn() {
    local zsk before
    zsk=$(key_in example.net ZSK '^active$')
    signing() { # says what the signer did: its log from here on
        lines=$(wc -l <signer.log)
        ods-signer sign example.net
        await logged "$1"
    }
    logged() { tail -n "+$((lines + 1))" signer.log | grep -aE "$1"; }
    before=$(grep SOA "$(signed_zone example.net)")
    key suspend "$zsk"
    signing "back-off task .sign. for zone example.net"
    told "sign init" signer.log
    told "rrset" signer.log
    told "RRsets failed" signer.log
    told "back-off" signer.log
    told "state-suspended" signer.log
    [ "$(grep SOA "$(signed_zone example.net)")" = "$before" ]
    verified example.net
    key activate "$zsk"
    signing "STATS. example.net"
    await changed_from "$before"
    verified example.net
    key compromise "$zsk"
    signing "back-off task .sign. for zone example.net"
    told "state-compromised" signer.log
    # What asks for no signature shows the key as ever.
    keys_of example.net | grep "ZSK;active.*$zsk"
    ods-hsmutil list | grep "$zsk"
    verified example.net
    # Its successor cannot be published before it signs.
    local new
    sleep 1.2
    lines=$(wc -l <signer.log)
    ods-enforcer key rollover --zone example.net --keytype ZSK
    await state_is example.net ZSK '^publish$'
    new=$(tag_of example.net "$(key_in example.net ZSK '^publish$')")
    await logged "1 RRsets failed"
    if grep "DNSKEY.*id = $new " "$(signed_zone example.net)"; then return 1; fi
    leap_until signed_with example.net "$new"
    grep "DNSKEY.*id = $new " "$(signed_zone example.net)"
    verified example.net
}
changed_from() { [ "$(grep SOA "$(signed_zone example.net)")" != "$1" ]; }
replaced() { # what a fresh zone's signer takes at once: the successor of the key that the page compromised
    local old
    old=$("$KEYWARD" key list --token "$TOKEN" --pin-file page-pin | awk '/compromised/ { print $2 }' | sort -u)
    keys_of example.edu >keys
    old=$(awk -F ';' -v list="$old" 'index(list, $7) { print $9 }' keys)
    [ -n "$old" ]
    another_signs() { [ -n "$(signature_tags example.edu)" ] && ! signature_tags example.edu | grep -x "$old"; }
    await another_signs
    verified example.edu
}

# Policies beside that of the page: RSA, and the ZSK of the kasp.xml that comes with OpenDNSSEC.
add_policy() { # NAME KSK-BITS ZSK-BITS
    sed -n '/<Policy /,/<.Policy>/p' kasp.page | sed "s/name=\"ecdsa\"/name=\"$1\"/; /<KSK>/s/length=\"256\">13/length=\"$2\">8/; /<ZSK>/s/length=\"256\">13/length=\"$3\">8/" >policy
    sed '$d' /etc/opendnssec/kasp.xml >kasp.new
    { cat kasp.new policy && echo "</KASP>"; } >/etc/opendnssec/kasp.xml
    ods-enforcer policy import
}
rsa_zone() {
    add_policy rsa 2048 2048
    sed 's/example\.net/example.info/g' /var/lib/opendnssec/unsigned/example.net >/var/lib/opendnssec/unsigned/example.info
    sleep 1.2
    ods-enforcer zone add --zone example.info --policy rsa
    await test -s "$(signed_zone example.info)"
    verified example.info
}
small_zsk() {
    add_policy default 2048 1024
    sed 's/example\.net/example.biz/g' /var/lib/opendnssec/unsigned/example.net >/var/lib/opendnssec/unsigned/example.biz
    sleep 1.2
    ods-enforcer zone add --zone example.biz --policy default
    await grep -a "No keys available in HSM for policy default" enforcer.log
    told "key generation failed" enforcer.log
    told "No keys available" enforcer.log
    await test -s "$(signed_zone example.biz)"
    [ -z "$(signature_tags example.biz)" ]
}

# The signer of version 2.1.12 does not always come to its end once it has said so; with SoftHSM2 neither.
daemons_end() {
    timeout 10 ods-signer stop || true
    timeout 10 ods-enforcer stop
    await grep -a "enforcerd (pid: [0-9]*) stopped with exitcode 0" enforcer.log
    await grep -a "signer shutdown" signer.log
}
end_daemons() {
    local file number
    for file in /run/opendnssec/enforcerd.pid /run/opendnssec/signerd.pid; do
        number=$(cat "$file" 2>/dev/null) || continue
        kill "$number" 2>/dev/null || continue
        sleep 1
        kill -KILL "$number" 2>/dev/null || true
    done
}

opendnssec() {
    cp /etc/opendnssec/kasp.xml kasp.page
    step "example.net signed by ods-signerd, verified by dnssec-verify and ldns-verify-zone" first_signature
    step "its keys are in the token, made for signing alone" keys_are_the_tokens
    step "the page's compromised key and its successor" replaced
    step "the KSK's DS record, as dnssec-dsfromkey computes it" parent
    step "a ZSK is rolled: published, signing, the old one erased from the token" rollover
    step "a ZSK that is suspended, activated and compromised under ods-signerd" zsk_withdrawn
    step "example.info signed with RSA/SHA-256" rsa_zone
    step "a ZSK of RSA-1024 is refused by policy" small_zsk
    step "the daemons end" daemons_end
}
