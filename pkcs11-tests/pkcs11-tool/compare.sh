#!/usr/bin/env bash
# The same steps on SoftHSM2 and on keyward, side by side. Fails if a step that SoftHSM2 passes fails on keyward.
set -euo pipefail
cd "$(dirname "$0")"

results=$(mktemp -d "${TMPDIR:-/tmp}/compare.XXXXXX")
trap 'rm -rf "$results"' EXIT

for subject in softhsm keyward; do
    if [ "$subject" = softhsm ]; then echo "== softhsm, the yardstick: what fails here is not ours"; else echo "== $subject"; fi
    # A failing step is no reason to stop: the comparison below judges.
    RESULTS=$results/$subject ./run.sh "$subject" || true
done

echo "== differences"
# Names of skipped steps end with their reason in parentheses, which is not part of the name.
awk -F '\t' '
    { sub(/ \([^()]*\)$/, "", $2) }
    FNR == NR { softhsm[$2] = $1; next }
    { keyward[$2] = $1 }
    !($2 in softhsm) { printf "  softhsm %-7s  keyward %-7s  %s\n", "-", $1, $2; next }
    $1 != softhsm[$2] { printf "  softhsm %-7s  keyward %-7s  %s\n", softhsm[$2], $1, $2 }
    END {
        for (name in softhsm) {
            if (!(name in keyward)) printf "  softhsm %-7s  keyward %-7s  %s\n", softhsm[name], "-", name
            if (softhsm[name] == "ok" && (!(name in keyward) || keyward[name] == "FAIL")) worse++
            if (softhsm[name] == "ok" && keyward[name] == "ok") both++
        }
        printf "pkcs11-tool against SoftHSM2: %d passed on both, %d passed on SoftHSM2 and failed on keyward\n", both, worse
        exit worse > 0
    }' "$results/softhsm" "$results/keyward"
