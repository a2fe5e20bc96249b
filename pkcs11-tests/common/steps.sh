# Steps of a client script: each has a name, runs by itself, and is counted. To be sourced.
#
#   step  NAME COMMAND...            passes when the command succeeds
#   step  NAME refuse WORD COMMAND...  passes when the command fails and says WORD
#   skip  NAME REASON                says loudly what was not tried and why
#   steps_of COMMAND...              runs another script with steps, and adds its counts to these
#   summary SCRIPT                   the last line, "SCRIPT: N passed, N failed, N skipped"; fails if a step failed
#
# A step's output is shown only when the step fails. With RESULTS=FILE in the environment, each step also adds
# a line "ok|FAIL|skip<TAB>NAME" to FILE, so that two runs can be compared.
#
# Call `step` as a plain command, never after `if`, `!`, `&&` or `||`: there bash switches `set -e` off for
# everything that is called, and a step would pass although a command in the middle of it failed.

passed=0
failed=0
skipped=0

record() {
    printf '  %-4s  %s\n' "$1" "$2"
    if [ -n "${RESULTS:-}" ]; then printf '%s\t%s\n' "$1" "$2" >>"$RESULTS"; fi
}

# module.sh has others of these where another policy than the default one is tried.
before_step() { :; }
after_step() { :; }
refusals() { :; }

step() {
    local name=$1 status output why
    shift
    output=$(mktemp)
    before_step
    set +e
    (
        set -e
        "$@"
    ) >"$output" 2>&1 </dev/null
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        record ok "$name"
    elif why=$(refusals) && [ -n "$why" ]; then
        skipped=$((skipped + 1))
        record refused "$name"
        sed 's/^/           | /' <<<"$why"
    else
        failed=$((failed + 1))
        record FAIL "$name"
        printf '        %s (exit status %s)\n' "$*" "$status"
        tail -n 8 "$output" | sed 's/^/        | /'
    fi
    rm -f "$output"
    after_step
}

skip() {
    skipped=$((skipped + 1))
    record skip "$1 ($2)"
}

# A refusal must be the expected one: a module that crashes or a tool that cannot parse its options fails too.
refuse() {
    local word=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf '%s\nwas accepted, expected %s\n' "$output" "$word"
        return 1
    fi
    printf '%s\n' "$output"
    grep -qE -- "$word" <<<"$output" || {
        echo "was refused, but not with $word"
        return 1
    }
}

# What it prints is printed, the line of its counts in parentheses: it is part of another sum.
steps_of() {
    local output status=0 line
    output=$(mktemp)
    "$@" </dev/null >"$output" 2>&1 || status=$?
    sed -E "s/^([a-z0-9 -]+): ([0-9]+ passed, [0-9]+ failed, [0-9]+ skipped)$/(\1: \2)/" "$output" || true
    line=$(grep -E '^[a-z0-9 -]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$output" | tail -n 1 || true)
    rm -f "$output"
    if [[ $line =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + BASH_REMATCH[3]))
        if [ "$status" -ne 0 ] && [ "${BASH_REMATCH[2]}" -eq 0 ]; then
            failed=$((failed + 1))
            record FAIL "$* (exit status $status)"
        fi
    else
        failed=$((failed + 1))
        record FAIL "$* broke off before its summary"
    fi
}

summary() {
    echo "$1: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}
