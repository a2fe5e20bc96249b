#!/usr/bin/env bash
# The steps of run.sh as root of a system that is thrown away afterwards: /mnt/shared/keyward.deb is installed, used and removed.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh
echo "client: dpkg $(dpkg --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p') on Debian $(cat /etc/debian_version)"
cd /tmp
unset KEYWARD_MODULE KEYWARD_COMMAND

step "dpkg -i" dpkg -i /mnt/shared/keyward.deb
step "dpkg --verify" eval 'test -z "$(dpkg --verify keyward)"'
module=$(dpkg -L keyward | grep '/libkeyward_pkcs11\.so$')
folder=$(dirname "$(dirname "$module")")

# Ordinary users, each with a home and nothing that says where keyward is.
for user in tester other; do useradd --create-home --shell /bin/bash "$user"; done
as() { # USER COMMANDS: with the variables below
    local user=$1
    shift
    (cd "/home/$user" && setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs env -i HOME="/home/$user" PATH=/usr/bin:/bin \
        TOKEN=packaged USER_PIN=271828 SO_PIN=31415926 MODULE="$module" bash -euo pipefail -c "$*")
}
token='printf "%s\n" "$SO_PIN" >so; printf "%s\n" "$USER_PIN" >pin; chmod 600 so pin; keyward token init "$TOKEN" --so-pin-file so --pin-file pin'
step "keyward token init" as tester "$token"
step "the store is in the user's home" as tester 'test "$(stat -c %a .local/share/keyward)" = 700'
signs='
    tool() { pkcs11-tool --module "$MODULE" --token-label "$TOKEN" --login --pin env:USER_PIN "$@"; }
    tool --keypairgen --key-type rsa:2048 --id 01 --label rsa --usage-sign
    tool --keypairgen --key-type EC:prime256v1 --id 02 --label ec --usage-sign
    echo "attack at dawn" >message
    tool --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file message --output-file signature
    tool --read-object --type pubkey --id 01 --output-file rsa.der
    openssl dgst -sha256 -keyform DER -verify rsa.der -signature signature message'
step "pkcs11-tool: keys and a signature, verified by openssl" as tester "$signs"
step "keyward key list" as tester 'keyward key list --pin-file pin | grep "rsa .*sign"'
step "ssh-keygen -D" as tester 'ssh-keygen -D "$MODULE" | grep "^ssh-rsa .* rsa$"'

echo "found by p11-kit"
step "p11-kit list-modules" as tester 'p11-kit list-modules | grep "token: packaged"'
step "p11tool without a path" as tester 'p11tool --list-tokens | grep "Label: packaged"'
step "p11tool lists the keys" as tester 'GNUTLS_PIN=$USER_PIN p11tool --batch --login --list-privkeys "pkcs11:token=$TOKEN" | grep "Label: ec"'
# Debian 12's engine and Debian 13's provider both ask p11-kit where nothing names a module.
request='printf %s "$USER_PIN" >pin-alone
    printf "[req]\ndistinguished_name=d\n[d]\n" >req.cnf
    key="pkcs11:token=$TOKEN;object=ec;type=private;pin-source=file:$HOME/pin-alone"'
if compgen -G "$folder/engines-3/pkcs11.so" >/dev/null; then
    step "openssl with the engine" as tester "$request"'
        openssl req -config req.cnf -new -subj /CN=packaged -engine pkcs11 -keyform engine -key "$key" -out request
        openssl req -verify -noout -in request'
elif compgen -G "$folder/ossl-modules/pkcs11.so" >/dev/null; then
    step "openssl with the provider" as tester "$request"'
        openssl req -config req.cnf -provider default -provider pkcs11 -new -subj /CN=packaged -key "$key" -out request
        openssl req -verify -noout -in request'
else
    skip "openssl" "neither an engine nor a provider for PKCS#11 here"
fi
no_store() {
    as other 'p11-kit list-modules | grep "library-description: keyward"; p11tool --list-tokens; ls -A .local/share 2>/dev/null' >listing
    cat listing
    as other 'if ls /home/tester/.local/share/keyward; then exit 1; fi; if keyward token list --store /home/tester/.local/share/keyward; then exit 1; fi'
    if grep packaged listing; then return 1; fi
}
step "another user sees nothing of it" no_store

echo "the rest of the package"
step "the policies" as tester 'keyward policy check /usr/share/keyward/policy/*.toml'
# Images for containers leave out manuals, and dpkg with them.
if [ -e /usr/share/man/man1/keyward.1.gz ]; then
    step "the manual" eval 'zcat /usr/share/man/man1/keyward.1.gz | grep -q "keyward key compromise"'
    if command -v man >/dev/null; then step "man" as tester 'man --warnings keyward 2>said | grep -q "keyward key compromise"; cat said; test ! -s said'; fi
else
    skip "the manual" "this system's dpkg leaves manuals out"
fi
completes='. /usr/share/bash-completion/completions/keyward
    COMP_WORDS=(keyward key com) COMP_CWORD=2; _keyward; test "${COMPREPLY[*]}" = compromise
    COMP_WORDS=(keyward key destroy --pin) COMP_CWORD=3; _keyward; test "${COMPREPLY[*]}" = "--pin-file --pin-fd --pin-credential"'
step "the completion" as tester "$completes"
if command -v cc >/dev/null; then
    step "the header" as tester 'printf "#include <keyward.h>\nunsigned long state = CKA_KEYWARD_STATE;\n" | cc -std=c99 -Wall -Wextra -Werror -pedantic -c -x c - -o header.o'
else
    skip "the header" "no compiler here"
fi

echo "installed again, and removed"
again() {
    dpkg -i /mnt/shared/keyward.deb
    as tester 'keyward key list --pin-file pin | grep "rsa .*sign"'
}
step "dpkg -i again: the keys are there" again
dpkg -L keyward >files
removed() {
    local path
    dpkg -r keyward
    while read -r path; do
        if [ -f "$path" ]; then
            echo "$path is still there"
            return 1
        fi
    done <files
    test ! -e /usr/share/keyward
    test ! -e /usr/share/doc/keyward
}
step "dpkg -r: no file of it is left" removed
step "the user's store is" as tester 'test -s .local/share/keyward/keyward.db'
step "p11-kit goes on without it" as tester 'p11-kit list-modules >listing; if grep keyward listing; then exit 1; fi; p11tool --list-tokens'

summary package
