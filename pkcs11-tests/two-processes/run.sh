#!/usr/bin/env bash
# Two processes that live long, A and B, on one store: what one does to a key holds for the other at its next
# call, without a restart, a new login or a new session.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh
. ../common/module.sh
use_module "${1:-keyward}"
here=$PWD
cd "$SCRATCH"

if [ "$SUBJECT" != keyward ]; then
    echo "the lifecycle of a key is keyward's own: there is nothing to try on $SUBJECT" >&2
    exit 2
fi
if ! python3 -c 'import ctypes' 2>/dev/null; then
    skip "everything" "no python3 with ctypes on this machine"
    summary two-processes
    exit
fi

(umask 077 && printf '%s' "$USER_PIN" >pin)

# A process is a pair of pipes: commands go in, one line of answer comes out. `coproc` would do for one
# process, but not for two.
start() { # NAME
    mkfifo "$1.in" "$1.out"
    # The limit is for a process that hangs at its end; until then `answer` has a limit of its own.
    timeout 600 python3 "$here/token_process.py" "$MODULE" "$TOKEN" pin <"$1.in" >"$1.out" 2>"$1.log" &
}
answer() { # FILE DESCRIPTOR
    local line
    read -r -t 60 line <&"$1" || line="no answer"
    echo "$line"
}
a() { echo "$*" >&"$a_in"; answer "$a_out"; }
b() { echo "$*" >&"$b_in"; answer "$b_out"; }

says() { # EXPRESSION COMMAND...: the whole answer, as an extended regular expression
    local expected=$1 line
    shift
    line=$("$@")
    echo "$* -> $line"
    [[ $line =~ ^$expected$ ]] || {
        echo "expected: $expected"
        cat a.log b.log
        return 1
    }
}

step "make a token" make_token
start a
a_process=$!
start b
b_process=$!
exec {a_in}>a.in {a_out}<a.out {b_in}>b.in {b_out}<b.out
step "A is ready" says ok answer "$a_out"
step "B is ready" says ok answer "$b_out"

refused="CKR C_SignInit 0x[0-9a-f]+"

step "B does not find a key that nobody made" says "ok 0" b find one
step "A makes a key" says "ok ?" a generate one
step "B finds it at once" says "ok 1" b find one
step "B signs with it" says "ok 64" b sign one
step "A signs with it" says "ok 64" a sign one
step "B sees it active" says "ok 2" b state one

step "A declares it compromised" says "ok ?" a set-state one 4
step "B's next C_SignInit is refused" says "$refused" b sign one
step "A's own is refused too" says "$refused" a sign one
step "B sees it compromised" says "ok 4" b state one
step "B cannot bring it back" says "CKR C_SetAttributeValue 0x[0-9a-f]+" b set-state one 2

step "B makes a key" says "ok ?" b generate two
step "A signs with it" says "ok 64" a sign two
step "B begins a signature" says "ok ?" b init two
step "A declares the key compromised" says "ok ?" a set-state two 4
step "B's signature that had begun is refused as well" says "CKR C_Sign 0x[0-9a-f]+" b finish
step "B's next C_SignInit is refused" says "$refused" b sign two

# The same by the administration command, which is a third process.
by_command() { # WORD LABEL
    "$KEYWARD" key "$1" "$2" --token "$TOKEN" --pin-file pin --reason key-compromise --message "two processes"
}
if [ -x "$KEYWARD" ] && [[ $("$KEYWARD" key --help 2>&1) == *compromise* ]]; then
    step "A makes a third key" says "ok ?" a generate three
    step "B signs with it (third key)" says "ok 64" b sign three
    step "the keyward command declares it compromised" by_command compromise three
    step "A is refused (third key)" says "$refused" a sign three
    step "B is refused (third key)" says "$refused" b sign three
    step "A makes a fourth key" says "ok ?" a generate four
    step "the keyward command suspends it" by_command suspend four
    step "B is refused (fourth key)" says "$refused" b sign four
    step "the keyward command activates it again" by_command activate four
    step "B signs again (fourth key)" says "ok 64" b sign four
else
    skip "the same by the keyward command" "no administration command beside $MODULE"
fi

many() {
    local count
    for count in $(seq 20); do
        says "ok ?" a generate "many$count"
        says "ok 64" b sign "many$count"
        says "ok ?" a set-state "many$count" 4
        says "$refused" b sign "many$count"
    done
}
step "twenty times: A makes, B signs, A revokes, B is refused" many

# Closing the pipes ends both processes.
exec {a_in}>&- {b_in}>&-
a_end=0 b_end=0
wait "$a_process" || a_end=$?
wait "$b_process" || b_end=$?
step "A ends well" test "$a_end" -eq 0
step "B ends well" test "$b_end" -eq 0
summary two-processes
