#!/usr/bin/env bash
# Runs the client scripts: each folder here with a run.sh, or only the folders named as arguments. Each script
# ends with "NAME: N passed, N failed, N skipped"; the last line here is the sum of them, without a name.
#
# Two run at a time, where there are two cores (KEYWARD_TEST_JOBS says another number): each has a store, a token and
# ports of its own. What they print is shown one after the other, in the order of their names.
set -euo pipefail
cd "$(dirname "$0")"

passed=0
failed=0
skipped=0

# Runs one script into FOLDER/NAME; FOLDER/NAME.ended, with its exit status, is there when it is over.
if [ "${1:-}" = --into ]; then
    folder=$2 name=$3 status=0
    begin=$SECONDS
    "./$name/run.sh" >"$folder/$name" 2>&1 </dev/null || status=$?
    echo "  ($((SECONDS - begin)) s)" >>"$folder/$name"
    echo "$status" >"$folder/$name.new"
    mv "$folder/$name.new" "$folder/$name.ended"
    exit
fi

count() { # NAME OUTPUT STATUS
    local name=$1 output=$2 status=$3 line
    line=$(grep -E '^[a-z0-9 -]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$output" | tail -n 1 || true)
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
jobs=${KEYWARD_TEST_JOBS:-$(($(nproc) > 1 ? 2 : 1))}
# The longest come first, so that none of them is left over at the end.
long=(pkcs11-check debian-13 web-servers package go)
first=() then=()
for name in "$@"; do
    if [[ " ${long[*]} " == *" $name "* ]]; then first+=("$name"); else then+=("$name"); fi
done

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
printf '%s\0' ${first[@]+"${first[@]}"} ${then[@]+"${then[@]}"} \
    | xargs -0 -P "$jobs" -I '{}' ./run.sh --into "$results" '{}' &
pool=$!
for name in "$@"; do
    # What was started ends, or the pool is gone and it will not.
    until [ -e "$results/$name.ended" ]; do
        if ! kill -0 "$pool" 2>/dev/null && [ ! -e "$results/$name.ended" ]; then echo 1 >"$results/$name.ended"; fi
        sleep 0.2
    done
    echo "== $name"
    touch "$results/$name"
    cat "$results/$name"
    count "$name" "$results/$name" "$(cat "$results/$name.ended")"
done
wait "$pool" || true

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
