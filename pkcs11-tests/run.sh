#!/usr/bin/env bash
# Runs the client scripts: each folder here with a run.sh, or only the folders named as arguments. Each script
# ends with "NAME: N passed, N failed, N skipped"; the last line here is the sum of them, without a name.
set -euo pipefail
cd "$(dirname "$0")"

passed=0
failed=0
skipped=0

run_one() {
    local name=$1 output status=0 line
    output=$(mktemp)
    echo "== $name"
    "./$name/run.sh" 2>&1 | tee "$output" || status=$?
    line=$(grep -E '^[a-z0-9 -]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$output" | tail -n 1 || true)
    rm -f "$output"
    if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + BASH_REMATCH[3]))
        # A script that counts no failure and still fails has broken off somewhere.
        if [ "$status" -ne 0 ] && [ "${BASH_REMATCH[2]}" -eq 0 ]; then failed=$((failed + 1)); fi
    else
        echo "$name: broke off before its summary (exit status $status)"
        failed=$((failed + 1))
    fi
}

if [ $# -eq 0 ]; then
    for script in */run.sh; do set -- "$@" "$(dirname "$script")"; done
fi
for name in "$@"; do run_one "$name"; done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
