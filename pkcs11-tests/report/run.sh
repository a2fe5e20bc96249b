#!/usr/bin/env bash
# keyward report, looked at in headless Chromium: light, dark, narrow, and on paper.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

printf '%s\n' "$SO_PIN" >so
printf '%s\n' "$USER_PIN" >pin
chmod 600 so pin

keyward() { timeout 120 "$KEYWARD" "$@"; }
token() { keyward token init "$TOKEN" --so-pin-file so --pin-file pin; }
a_pair() { as_user --keypairgen --key-type "$2" --label "$1" --id "$3" --usage-sign; }
life() { # VERB ID WORDS...
    local verb=$1 id=$2
    shift 2
    keyward key "$verb" --token "$TOKEN" --pin-file pin --id "$id" "$@"
}
report() { keyward report --token "$TOKEN" --pin-file pin "$@"; }

step "make a token" token
step "make an EC pair" a_pair tls-www EC:prime256v1 01
step "make an RSA pair with a name that is HTML" a_pair '<img src=x onerror=alert(1)>' rsa:2048 02
step "make an AES key" as_user --keygen --key-type AES:32 --label database --id 03
step "make a pair that is destroyed" a_pair root-ca EC:secp384r1 04
step "suspend" life suspend 02 --message "a laptop was lost"
step "compromise" life compromise 03 --reason key-compromise --message "found in a backup"
step "destroy" life destroy 04 -y

guess() { # five wrong PINs: the alarm of the default policy
    printf 'wrong-pin\n' >wrong && chmod 600 wrong
    for _ in 1 2 3 4 5; do
        ! keyward key list --token "$TOKEN" --pin-file wrong >/dev/null 2>&1
    done
    keyward audit show --token "$TOKEN" --kind alarm >alarms
    grep -q failed-logins alarms
}
step "an alarm" guess
use_suspended() { ! as_user --sign --id 02 -m SHA256-RSA-PKCS -i so -o signature; }
step "a refusal" use_suspended

step "write the page" report --preset default -o report.html
step "a page that is there is not written over" refuse "exists" report -o report.html
private_to_its_owner() { [ "$(stat -c %a report.html)" = 600 ]; }
step "nobody else may read it" private_to_its_owner
step "a policy that is not shipped" refuse "no policy called" report --preset nonsense
facts() { # the page says what the token has
    grep -q "tls-www" report.html
    grep -q "&lt;img src=x onerror=alert(1)&gt;" report.html
    ! grep -q "<img" report.html
    grep -q "is compromised and still there" report.html
    grep -q "is suspended" report.html
    grep -q "found in a backup" report.html
    grep -q "112 bits of security" report.html
    grep -q "The trail verifies" report.html
    grep -q "guessed-pins" report.html
    grep -q "state-suspended" report.html
    ! grep -Eq "https?://|<script|<link|@import|url\(" report.html
}
step "the facts are there, nothing is fetched, no name is HTML" facts
json() { report --preset default --json | python3 -c '
import json, sys
report = json.load(sys.stdin)
states = sorted(key["state"] for key in report["keys"])
assert states == ["active"] * 2 + ["compromised"] + ["destroyed"] * 2 + ["suspended"] * 2, states
trail = report["trail"]
assert trail["verifies"] and trail["alarms"][0]["rules"] == ["guessed-pins"], trail
assert any(each["reason"] == "state-suspended" for each in trail["denials"]), trail
assert any(remark["weight"] == "now" for key in report["keys"] for remark in key["remarks"])
'; }
step "the same as JSON" json

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    skip "the page in a browser" "no chromium: install chromium"
    summary report
    exit
fi
see() { # OPTIONS...: a browser with a profile of its own
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$SCRATCH/profile" \
        "$@" "file://$SCRATCH/report.html"
}
# Mean brightness from 0 to 255 of a PNG as the browser writes it, and how much of it is not of the first pixel's colour.
measure() {
    python3 - "$1" <<'END'
import struct, sys, zlib
data = open(sys.argv[1], "rb").read()
at, packed = 8, b""
while at < len(data):
    length, kind = struct.unpack(">I4s", data[at : at + 8])
    body = data[at + 8 : at + 8 + length]
    if kind == b"IHDR":
        width, height, depth, colour = struct.unpack(">IIBB", body[:10])
    if kind == b"IDAT":
        packed += body
    at += 12 + length
assert depth == 8 and colour in (2, 6), (depth, colour)
size = 3 if colour == 2 else 4
raw, before, rows = zlib.decompress(packed), bytearray(width * size), []
for row in range(height):
    begin = row * (width * size + 1)
    how, line = raw[begin], bytearray(raw[begin + 1 : begin + 1 + width * size])
    for i in range(len(line)):
        left = line[i - size] if i >= size else 0
        up = before[i]
        corner = before[i - size] if i >= size else 0
        if how == 1: line[i] = (line[i] + left) & 255
        elif how == 2: line[i] = (line[i] + up) & 255
        elif how == 3: line[i] = (line[i] + (left + up) // 2) & 255
        elif how == 4:
            p = left + up - corner
            a, b, c = abs(p - left), abs(p - up), abs(p - corner)
            line[i] = (line[i] + (left if a <= b and a <= c else up if b <= c else corner)) & 255
    before = line
    rows.append(line)
ground = bytes(rows[0][:3])
inked = sum(bytes(row[x : x + 3]) != ground for row in rows for x in range(0, width * size, size))
mean = sum(sum(row[0::size]) for row in rows) / (width * height)
print(round(mean), round(1000 * inked / (width * height)))
END
}
seen() { # NAME LEAST MOST OPTIONS...: brightness between the two, and something is on the page
    local name=$1 least=$2 most=$3 mean inked
    shift 3
    see --screenshot="$SCRATCH/$name.png" "$@"
    read -r mean inked < <(measure "$name.png")
    echo "brightness $mean, inked $inked per mille"
    [ "$mean" -ge "$least" ] && [ "$mean" -le "$most" ] && [ "$inked" -ge 20 ]
}
step "light" seen light 200 255 --window-size=1000,800 --blink-settings=preferredColorScheme=1
step "dark" seen dark 0 90 --window-size=1000,800 --blink-settings=preferredColorScheme=0
step "narrow, as on a telephone" seen narrow 200 255 --window-size=500,800 --blink-settings=preferredColorScheme=1
text() { # what the browser made of it; there is no script that could have helped
    see --dump-dom >dom.html
    grep -q "The life of each key" dom.html
}
step "the facts, as the browser reads them" text
paper() {
    see --print-to-pdf="$SCRATCH/report.pdf" --no-pdf-header-footer
    head -c 5 report.pdf | grep -q '%PDF-'
    # A4 in points, give or take one.
    grep -aoE '/MediaBox ?\[0 0 [0-9.]+ [0-9.]+\]' report.pdf | sort -u | tee boxes
    grep -qE '\[0 0 59[4-6][0-9.]* 84[1-3][0-9.]*\]' boxes
}
step "on A4 paper" paper

summary report
