# The module under test and a scratch folder for its tokens. To be sourced, then:
#
#   use_module keyward|softhsm
#
# gives MODULE (path of the shared object), SCRATCH (a folder that goes away at exit), TOKEN (a label), and the
# environment in which the module keeps its tokens in SCRATCH and nowhere else. KEYWARD_MODULE names another
# libkeyward_pkcs11.so than the one in target/, SOFTHSM_MODULE another SoftHSM2.

# Programs of an administrator are tried as well, and not every user has their folder in the path.
PATH=$PATH:/usr/sbin:/sbin

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

first_file() {
    local path
    for path in "$@"; do
        if [ -f "$path" ]; then
            echo "$path"
            return
        fi
    done
    return 1
}

find_keyward() {
    local target=${CARGO_TARGET_DIR:-$checkout/target}
    MODULE=${KEYWARD_MODULE:-$(first_file "$target"/{release,debug}/libkeyward_pkcs11.so)} || {
        echo "no libkeyward_pkcs11.so in $target: run 'cargo build --release', or set KEYWARD_MODULE" >&2
        exit 1
    }
    # The administration command is beside its module.
    KEYWARD=${KEYWARD_COMMAND:-$(dirname "$MODULE")/keyward}
    export KEYWARD_STORE=$SCRATCH/store
    # An empty file that is named keeps the user's and the machine's own configuration out of the tests.
    : >"$SCRATCH/keyward.toml"
    export KEYWARD_CONF=$SCRATCH/keyward.toml
    export KEYWARD_LOG=${KEYWARD_LOG:-stderr}
    if [ -n "${KEYWARD_TEST_POLICY:-}" ]; then try_policy; fi
}

# KEYWARD_TEST_POLICY=NAME: the script's token gets this policy as soon as it is there. A step that fails is "refused", and counts as
# skipped, where the module's log says since the step began what was refused and why; or where it was refused earlier what the step builds on.
try_policy() {
    export KEYWARD_LOG=$SCRATCH/module.log
    policy_in_force=no
    refused_before=
    : >"$KEYWARD_LOG"
    denials() { sed -n 's/^.* denied: \([^(]*\)(reason.*\(CKR_[A-Z_]*\).*$/\1\2/p' "$KEYWARD_LOG"; }
    before_step() { denials_before=$(denials | wc -l); }
    refusals() {
        local new
        new=$(denials | tail -n "+$((denials_before + 1))" | sort -u | head -n 3)
        if [ -n "$new" ]; then
            printf '%s\n' "$new"
        elif [ -n "$refused_before" ]; then
            echo "builds on what was refused above"
        fi
    }
    after_step() {
        if [ "$(denials | wc -l)" -gt "$denials_before" ]; then refused_before=yes; fi
        if [ "$policy_in_force" = no ]; then
            (umask 077 && printf '%s\n' "$SO_PIN" >"$SCRATCH/policy.so")
            if "$KEYWARD" policy install "$KEYWARD_TEST_POLICY" --token "$TOKEN" --so-pin-file "$SCRATCH/policy.so" >/dev/null 2>&1; then
                policy_in_force=yes
                echo "  policy $KEYWARD_TEST_POLICY installed in $TOKEN"
            fi
        fi
    }
}

find_softhsm() {
    MODULE=${SOFTHSM_MODULE:-$(first_file /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so)} || {
        echo "no SoftHSM2 on this machine: install softhsm2, or set SOFTHSM_MODULE" >&2
        exit 1
    }
    mkdir "$SCRATCH/tokens"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$SCRATCH/tokens" \
        >"$SCRATCH/softhsm2.conf"
    export SOFTHSM2_CONF=$SCRATCH/softhsm2.conf
}

use_module() {
    SUBJECT=$1
    TOKEN=clients
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/pkcs11-tests.XXXXXX")
    trap 'rm -rf "$SCRATCH"' EXIT
    case $SUBJECT in
        keyward) find_keyward ;;
        softhsm) find_softhsm ;;
        *)
            echo "usage: $0 [keyward|softhsm]" >&2
            exit 2
            ;;
    esac
    MODULE=$(realpath "$MODULE")
    # PINs travel in the environment: arguments can be read by every user of the machine.
    export USER_PIN=271828 SO_PIN=31415926
    echo "module: $MODULE"
}

# pkcs11-tool on the module; a module that hangs must not hang the run.
tool() { timeout 120 pkcs11-tool --module "$MODULE" "$@"; }
as_user() { tool --token-label "$TOKEN" --login --pin env:USER_PIN "$@"; }
as_so() { tool --token-label "$TOKEN" --login --login-type so --so-pin env:SO_PIN "$@"; }

make_token() {
    tool --init-token --label "$TOKEN" --so-pin env:SO_PIN
    as_so --init-pin --new-pin env:USER_PIN
}
