#!/usr/bin/env bash
# Rust: the page's program, and the own suite of the crate cryptoki from its source on crates.io.
#
# What of the suite known.md lists fails with a reason and counts as skipped; what it lists and passes by now is a failure.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh
version=0.12.1

if ! command -v cargo >/dev/null; then
    skip "everything" "no Rust toolchain: get one from https://rustup.rs"
    summary rust
    exit
fi
# What is compiled is kept: the crate's source with its tests, and one folder for the products of all.
folder=${XDG_CACHE_HOME:-$HOME/.cache}/keyward-cryptoki-$version
export CARGO_TARGET_DIR=$folder/target
fetch() { # the source of the crate as crates.io has it
    local manifest
    rm -rf "$folder"
    mkdir -p "$folder/asks/src"
    printf '[package]\nname = "asks"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\ncryptoki = "=%s"\n[workspace]\n' "$version" >"$folder/asks/Cargo.toml"
    : >"$folder/asks/src/lib.rs"
    manifest=$(cargo metadata --quiet --format-version 1 --manifest-path "$folder/asks/Cargo.toml" |
        python3 -c 'import json, sys; print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "cryptoki"))')
    cp -r "$(dirname "$manifest")" "$folder/source"
    chmod -R u+w "$folder/source"
    printf '\n[workspace]\n' >>"$folder/source/Cargo.toml"
}
if [ ! -d "$folder/source/tests" ]; then
    if ! fetch >&2; then
        rm -rf "$folder"
        skip "everything" "cryptoki cannot be fetched from crates.io here"
        summary rust
        exit
    fi
fi
echo "client: cryptoki $version on $(rustc --version | cut -d ' ' -f 1,2)"
compiled() { cargo test --locked --no-run --tests --manifest-path "$folder/source/Cargo.toml"; }
step "the suite compiles" compiled

step "make a token" make_token
page rust
withdrawn() {
    (umask 077 && printf '%s\n' "$USER_PIN" >pin)
    "$KEYWARD" key compromise rust --token "$TOKEN" --pin-file pin --reason key-compromise
    # The same program with a search in place of the generation.
    mkdir -p signer/src
    sed -i '/let (public, private) = session/,/^    )?;/c\    let found = session.find_objects(\&[Attribute::Label(b"rust".to_vec()), Attribute::Sign(true)])?;\n    let (public, private) = (found[0], found[0]);' signer/src/main.rs
    sed -i '/Attribute::ModulusBits/d; /let p256/d' signer/src/main.rs
    refuse "KeyFunctionNotPermitted, Sign" cargo run --quiet --manifest-path signer/Cargo.toml
}
step "the key is compromised: the program signs no more" withdrawn

echo "cryptoki's own suite"
known() { sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$here/known.md"; }
# Its PINs are its own; it makes its token anew for each test. One store for each half, so that two can run at once.
shard() { # NAME FILE ARGUMENTS...
    local name=$1 file=$2
    shift 2
    # What the suite ignores, because SoftHSM2 and Kryoptic do not have it, is run as well.
    export KEYWARD_STORE=$SCRATCH/store-$name KEYWARD_LOG=off
    SO_PIN=abcdef654321 USER_PIN=fedcba123456 make_token >/dev/null 2>&1
    (cd "$folder/source" && TEST_PKCS11_MODULE=$MODULE timeout 600 cargo test --quiet --locked --no-fail-fast --test "$file" -- --test-threads=1 --include-ignored --format=pretty "$@" \
        >"$SCRATCH/suite-$name.log" 2>&1 </dev/null) || true
}
tests_of() { (cd "$folder/source" && cargo test --quiet --locked --test "$1" -- --list 2>/dev/null | sed -n 's/: test$//p'); }
# The long file in two halves.
mapfile -t basic < <(tests_of basic)
half=$(((${#basic[@]} + 1) / 2))
shard first basic --exact "${basic[@]:0:$half}" &
first=$!
shard second basic --exact "${basic[@]:$half}" &
second=$!
wait $first $second
for file in allowed_mechanisms ml_dsa ml_kem slh_dsa wycheproof; do shard $file $file; done
for name in first second allowed_mechanisms ml_dsa ml_kem slh_dsa wycheproof; do
    while read -r test verdict; do
        case $name in first | second) test=basic/$test ;; *) test=$name/$test ;; esac
        case $verdict in
            ok)
                if grep -qxF "$test" <(known); then step "$test: known.md lists it, and it passes by now" false; else step "$test" true; fi
                ;;
            ignored) skip "$test" "the suite skips it" ;;
            FAILED)
                if grep -qxF "$test" <(known); then skip "$test" "known.md says why"; else step "$test" eval 'grep -A 6 -- "---- ${test#*/} stdout" "suite-$name.log"; false'; fi
                ;;
        esac
    done < <(sed -n 's/^test \([a-z0-9_:]*\) \.\.\. \(ok\|ignored\|FAILED\).*/\1 \2/p' "suite-$name.log")
    step "$name: the suite came to its end" grep -q '^test result: ' "suite-$name.log"
done
every() { test "${#basic[@]}" -eq "$(cat suite-first.log suite-second.log | grep -cE '^test .* \.\.\. ')"; }
step "no test of the long file was left out" every

summary rust
