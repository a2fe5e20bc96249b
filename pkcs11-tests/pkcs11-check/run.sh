#!/usr/bin/env bash
# pkcs11-check, a test suite for PKCS#11 modules by others (PyPI).
#
#   run.sh          its folders ckr and security, and its tests marked smoke
#   run.sh all      the whole of it, which takes half an hour and more
#
# A failure that known.md lists with its reason counts as skipped; every other one, and one listed there that passes by now, is a
# failure. What the suite itself skips or expects to fail counts as skipped.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh
version=0.2.3

new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }
python_312() {
    local candidate
    for candidate in python3 python3.12 python3.13 python3.14 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}
folder=${XDG_CACHE_HOME:-$HOME/.cache}/keyward-pkcs11-check-$version
if [ ! -x "$folder/bin/pkcs11-check" ]; then
    python=$(python_312) || {
        skip "everything" "no Python of 3.12 or later: pyenv install 3.12, or Debian 13's python3-venv"
        summary pkcs11-check
        exit
    }
    { "$python" -m venv "$folder" && "$folder/bin/pip" install --quiet "pkcs11-check==$version"; } >&2 || {
        rm -rf "$folder"
        skip "everything" "pkcs11-check cannot be installed from PyPI here"
        summary pkcs11-check
        exit
    }
fi
echo "client: pkcs11-check $version"
cases=$("$folder/bin/python" -c 'import pathlib, pkcs11_check; print(pathlib.Path(pkcs11_check.__file__).parent / "testcases")')

step "make a token" make_token
export P11TEST_PIN=$USER_PIN P11TEST_SO_PIN=$SO_PIN

# Known failures, as known.md lists them: the first cell of each row of its table, a test's name behind `testcases/`; `[*]` stands for all
# parameters of the test.
known() { sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$here/known.md"; }

suite() { # NAME ARGUMENTS...
    local name=$1 status=0 failing counts
    shift
    "$folder/bin/pkcs11-check" test --module "$MODULE" --slot 0 --isolation file --skip-slow --output json --output-file "$name.json" \
        "$@" >"$name.log" 2>&1 </dev/null || status=$?
    # "PASSED FAILED SKIPPED BROKEN": what crashed or did not end is broken.
    counts=$("$folder/bin/python" - "$name.json" "$name.reasons" <<'PYTHON'
import collections, json, sys
report = json.load(open(sys.argv[1]))
reasons = collections.Counter()
for unit in report["units"]:
    for test in unit.get("tests", []):
        if test.get("outcome") in ("skipped", "xfailed"):
            said = str(test.get("wasxfail") or test.get("longrepr") or "without a reason").strip().splitlines() or ["without a reason"]
            # pytest writes a skip as ('FILE', LINE, 'Skipped: REASON').
            said = said[-1].split("Skipped: ", 1)[-1].rstrip("')\"")
            reasons[("skipped" if test["outcome"] == "skipped" else "expected to fail", said)] += 1
with open(sys.argv[2], "w") as out:
    for (outcome, said), number in sorted(reasons.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        out.write(f"  {number:4}  {outcome}: {said[:200]}\n")
s = report["summary"]
broken = sum(s[k] for k in ("error", "crashed", "timeout", "crash_limited")) + (1 if s["incomplete"] else 0)
print(s["passed"] + s["xpassed"], s["failed"], s["skipped"] + s["xfailed"], broken)
PYTHON
    ) || counts="0 0 0 1"
    read -r p f s broken <<<"$counts"
    echo "$name: $p passed, $f failed, $s skipped or expected to fail, $broken broken (exit status $status)"
    # Why, in the suite's own words; their number is part of the count.
    cat "$name.reasons" 2>/dev/null || true
    passed=$((passed + p))
    skipped=$((skipped + s))
    failing=$(sed -n 's/^FAILED .*testcases\/\([^ ]*::.*\)$/\1/p' "$name.log" | sed 's/ - .*//' | sort -u)
    while read -r test; do
        if [ -z "$test" ]; then continue; fi
        if grep -qxF -e "$test" -e "${test%%\[*}[*]" <(known); then
            skip "$test" "known.md says why"
            f=$((f - 1))
        else
            record FAIL "$test"
            failed=$((failed + 1))
            f=$((f - 1))
        fi
    done <<<"$failing"
    # Failures whose names were not found, crashes, and a suite that did not get to its end.
    if [ "$f" -gt 0 ] || [ "$broken" -gt 0 ] || [ "$p" -eq 0 ]; then
        record FAIL "$name: $f failures without a name, $broken broken"
        failed=$((failed + f + broken))
        if [ "$p" -eq 0 ]; then failed=$((failed + 1)); fi
        tail -n 20 "$name.log"
    fi
    printf '%s\n' "$failing" >>failing
}
outdated() { # FOLDER...: what known.md lists of these folders has failed
    local test wrong=0
    # Each failing test under its own name, and under that of all its parameters.
    sed 'p; s/\[.*/[*]/' failing >failing-names
    while read -r test; do
        if ! grep -qxF -e "$test" failing-names; then
            echo "known.md lists $test, which passes by now"
            wrong=1
        fi
    done < <(known | grep -E "^($1)")
    return $wrong
}

: >failing
if [ "${1:-}" = all ]; then
    suite whole "$cases"
    step "known.md lists what fails, and nothing else" outdated .
else
    suite ckr "$cases/ckr"
    suite security "$cases/security"
    # Only the files that have such tests: the suite would start a process for each of the three hundred others.
    mapfile -t smoke < <(grep -rlE 'mark\.smoke' --include='*.py' "$cases" | sort)
    suite smoke --category smoke "${smoke[@]}"
    step "known.md lists what fails, and nothing else" outdated "ckr/|security/"
fi

summary pkcs11-check
