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
# On a token of its own: it wants to find nothing but its own keys.
TOKEN=suite
step "make a token for the suite" eval \
    'tool --init-token --slot-index 1 --label "$TOKEN" --so-pin env:SO_PIN && as_so --init-pin --new-pin env:USER_PIN'
PKCS11_MODULE=$MODULE PKCS11_TOKEN_LABEL=$TOKEN PKCS11_TOKEN_PIN=$USER_PIN PKCS11_TOKEN_SO_PIN=$SO_PIN \
    timeout 300 "$PYTHON" -m pytest -q -rA --tb=short tests >suite.log 2>&1 || true
known() { sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$here/known.md"; }
while read -r verdict test; do
    test=${test%% - *}
    case $verdict in
        PASSED)
            if grep -qxF "$test" <(known); then step "$test: known.md lists it, and it passes by now" false; else step "$test" true; fi
            ;;
        SKIPPED) skip "${test#*] }" "the suite skips it" ;;
        FAILED | ERROR)
            if grep -qxF "$test" <(known); then skip "$test" "known.md says why"; else step "$test" eval 'grep -F "$test" suite.log; false'; fi
            ;;
    esac
done < <(grep -E '^(PASSED|SKIPPED|FAILED|ERROR) ' suite.log)
step "the suite came to its end" grep -qE '^[0-9]+ (passed|failed).* in [0-9.]+s' suite.log

summary python-pkcs11
