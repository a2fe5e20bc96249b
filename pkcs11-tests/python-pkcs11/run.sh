#!/usr/bin/env bash
# python-pkcs11: its page, and its own test suite from its source package (PyPI).
#
# What of the suite known.md lists fails with a reason and counts as skipped; what it lists and passes by now is a failure.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh
version=0.10.1

folder=${XDG_CACHE_HOME:-$HOME/.cache}/keyward-python-pkcs11-$version
install() {
    python3 -m venv "$folder" &&
        "$folder/bin/pip" install --quiet "python-pkcs11==$version" pytest parameterized cryptography setuptools setuptools-scm wheel cython &&
        "$folder/bin/pip" install --quiet --upgrade setuptools &&
        "$folder/bin/pip" download --quiet --no-binary :all: --no-deps --no-build-isolation -d "$folder/source" "python-pkcs11==$version" &&
        tar -C "$folder/source" -xf "$folder/source/"*.tar.gz
}
if [ ! -d "$folder/source/python_pkcs11-$version/tests" ]; then
    if ! install >&2; then
        rm -rf "$folder"
        skip "everything" "python-pkcs11 cannot be installed from PyPI here (it needs python3-venv)"
        summary python-pkcs11
        exit
    fi
fi
echo "client: python-pkcs11 $version"
export PYTHON=$folder/bin/python

step "make a token" make_token
page python

# The tests alone: beside them in the source package is a `pkcs11` without its compiled half.
cp -r "$folder/source/python_pkcs11-$version/tests" tests
# The suite makes RSA keys of 1024 bits for everything, which the policy refuses and the page shows: it gets 2048.
sed -i 's/KeyType.RSA, 1024/KeyType.RSA, 2048/; s/assertEqual(1024, self/assertEqual(2048, self/; s/PKCS1v15())), 128)/PKCS1v15())), 256)/; s/read(128)/read(256)/' tests/*.py
# In a store of its own: it wants to find nothing but its own keys, on the first of two slots.
TOKEN=suite
export KEYWARD_STORE=$SCRATCH/suite
step "make a token for the suite" make_token
# Beside another module, where there is one.
if another=$(first_file /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so); then
    mkdir softhsm
    printf 'directories.tokendir = %s\n' "$SCRATCH/softhsm" >softhsm2.conf
    export SOFTHSM2_CONF=$SCRATCH/softhsm2.conf PKCS11_MODULE2=$another
fi
suite() { # MODULE LOG
    PKCS11_MODULE=$1 PKCS11_TOKEN_LABEL=$TOKEN PKCS11_TOKEN_PIN=$USER_PIN PKCS11_TOKEN_SO_PIN=$SO_PIN \
        timeout 300 "$PYTHON" -m pytest -q -rA --tb=short tests >"$2" 2>&1 || true
    grep -E '^(PASSED|SKIPPED|FAILED|ERROR) ' "$2" >"$2.verdicts" || true
}
known() { sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$here/known.md"; }
# "Requires 18" is the number of a mechanism that the module does not have.
mechanisms() { "$PYTHON" -c 'import re, sys, pkcs11; print(re.sub(r"\d+", lambda n: "CKM_" + pkcs11.Mechanism(int(n[0])).name, sys.argv[1]))' "$1"; }
judge() { # LOG: each test that no earlier log has judged
    local log=$1 verdict test reason
    while read -r verdict test; do
        reason=${test#*: }
        test=${test%% - *}
        if [ $verdict != SKIPPED ]; then
            if grep -qxF "$test" judged; then continue; fi
            printf '%s\n' "$test" >>judged
        fi
        case $verdict in
            PASSED)
                if grep -qxF "$test" <(known); then step "$test: known.md lists it, and it passes by now" false; else step "$test" true; fi
                ;;
            SKIPPED)
                case $reason in
                    "SoftHSMv2 only" | "Not supported by SoftHSMv2") ;;
                    Requires\ [0-9]*) skip "${test#*] }" "the suite skips it: the module has no $(mechanisms "${reason#Requires }")" ;;
                    *) skip "${test#*] }" "the suite skips it" ;;
                esac
                ;;
            FAILED | ERROR)
                if grep -qxF "$test" <(known); then skip "$test" "known.md says why"; else step "$test" eval 'grep -F "$test" "$log"; false'; fi
                ;;
        esac
    done <"$log.verdicts"
}
: >judged
suite "$MODULE" suite.log
judge suite.log
# What it has for SoftHSM2 alone, it gives to a module with that name.
ln -s "$MODULE" libsofthsm2.so
suite "$SCRATCH/libsofthsm2.so" named.log
sed -i '/^SKIPPED/d' named.log.verdicts
judge named.log
step "the suite came to its end" grep -qE '^[0-9]+ (passed|failed).* in [0-9.]+s' suite.log
step "and under the other name" grep -qE '^[0-9]+ (passed|failed).* in [0-9.]+s' named.log

summary python-pkcs11
