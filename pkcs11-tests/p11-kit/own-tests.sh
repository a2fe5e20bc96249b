# p11-kit's own tests that take a module: test-softhsm2.sh of its source, which Debian's archive has. Its other tests bring modules of
# their own. Sourced by run.sh, after the module file is in place.

# The source of the p11-kit that is installed, or of the nearest one in the archive of this release.
fetch_own_tests() {
    local folder=$1 release apt
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    mkdir -p "$folder/parts" "$folder/lists/partial" "$folder/cache/archives/partial"
    printf 'Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
        "$release" >"$folder/parts/source.sources"
    apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/parts" -o "Dir::State::lists=$folder/lists"
        -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
    # Of the parts of a source package the archive of an old release may have lost some; the tests are in the tarball.
    (cd "$folder" && timeout 120 "${apt[@]}" update && timeout 120 "${apt[@]}" source --download-only p11-kit) || true
    rm -rf "$folder/lists" "$folder/cache"
    tar -C "$folder" --strip-components 1 -xf "$folder"/p11-kit_*.orig.tar.* --wildcards '*/common/test-init.sh.in' '*/p11-kit/test-softhsm2.sh' || return 1
    # What its build would put there: the p11-kit of this system.
    sed -e 's|@exec_prefix@|/usr|; s|@prefix@|/usr|; s|@[a-z_]*@||' "$folder/common/test-init.sh.in" >"$folder/common/test-init.sh"
}

own_tests=${XDG_CACHE_HOME:-${CACHE:-$HOME/.cache}}/keyward-p11-kit-tests
echo "p11-kit's own test-softhsm2.sh"
if ! p11-kit generate-keypair --help >/dev/null 2>&1; then
    skip "all of it" "this p11-kit has no generate-keypair; 0.25 has"
elif [ ! -f "$own_tests/common/test-init.sh" ] && ! fetch_own_tests "$own_tests" >fetch.log 2>&1; then
    skip "all of it" "the source of p11-kit cannot be fetched from here, or has no such test"
else
    # It makes its tokens by softhsm2-util: a program of that name that makes ours.
    mkdir -p stand-in
    cat >stand-in/softhsm2-util <<'PROGRAM'
#!/bin/sh
# --version | --init-token --free --label LABEL --so-pin PIN --pin PIN
if [ "$1" = --version ]; then exit; fi
printf '%s\n' "$6" >so.pin
printf '%s\n' "$8" >user.pin
chmod 600 so.pin user.pin
# Each test wants its tokens empty.
"$KEYWARD" token init "$4" --again --yes --so-pin-file so.pin --pin-file user.pin
PROGRAM
    chmod +x stand-in/softhsm2-util
    export KEYWARD
    (cd "$SCRATCH" && abs_top_builddir=$own_tests PATH=$SCRATCH/stand-in:$PATH timeout 120 sh "$own_tests/p11-kit/test-softhsm2.sh") >own.log 2>&1 || true
    while read -r verdict number name; do
        case "$verdict $name" in
            *"# skip"*) skip "${name#\# skip }" "the test skips it" ;;
            "ok "*) step "$name" true ;;
            "not "*) step "${name#* }" eval 'tail -n 20 own.log; false' ;;
        esac
    done < <(grep -E '^(ok|not ok) ' own.log)
    every() {
        cat own.log
        test "$(sed -n 's/^1\.\.//p' own.log)" -eq "$(grep -cE '^(ok|not ok) ' own.log)"
    }
    step "it came to its end" every
fi
