#!/usr/bin/env bash
# The Debian package: made, installed with dpkg on a copy of this system and on Debian 13, used by an ordinary user through several
# clients, and removed. The copies are thrown away; this machine is not touched. packaging/install alone goes into a folder.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/roots.sh
. ../common/client.sh
# The licences of what is linked in come from cargo's copies of the sources.
needs package "a Rust toolchain (https://rustup.rs)" cargo rustc
# The one to be packed is the one under test.
BUILT=$(dirname "$MODULE")
export BUILT

echo "packaging/install"
in_folder() {
    DESTDIR=$SCRATCH/folder "$checkout/packaging/install"
    (cd folder && find . -type f | sed 's/^\.//' | sort) >found
    "$checkout/packaging/install" --list | sort >listed
    cmp listed found
    # Under another prefix p11-kit needs the whole path.
    grep -qx "module: $(grep '\.so$' listed)" folder/usr/share/p11-kit/modules/keyward.module
}
step "into a folder: what is listed, and nothing else" in_folder
used() {
    local MODULE=$SCRATCH/folder$(grep '\.so$' listed)
    make_token
    as_user --keypairgen --key-type EC:prime256v1 --label installed --usage-sign
    folder/usr/local/bin/keyward key list --token "$TOKEN" --public | grep installed
}
step "a token and a key with what is there" used
uninstalled() {
    DESTDIR=$SCRATCH/folder "$checkout/packaging/install" --uninstall
    test -z "$(find folder -type f)"
    test ! -e folder/usr/local/share/keyward
}
step "taken out again" uninstalled

echo "packaging/deb"
if ! command -v dpkg-deb >/dev/null || ! command -v objdump >/dev/null; then
    skip "everything else" "no dpkg-deb or no objdump: install dpkg and binutils"
    summary package
    exit
fi
mkdir shared
deb() {
    "$checkout/packaging/deb" "$SCRATCH/shared"
    mv shared/keyward_*.deb shared/keyward.deb
    dpkg-deb --info shared/keyward.deb
}
step "the package is made" deb
shape() {
    local listing
    listing=$(dpkg-deb --contents shared/keyward.deb)
    # Everything belongs to root, and root alone may write.
    if grep -vE '^[-d]rw[-x]r-[-x]r-[-x] root/root ' <<<"$listing"; then return 1; fi
    # Nothing of the machine that built it.
    dpkg-deb -x shared/keyward.deb unpacked
    if grep -rlF "$checkout" unpacked; then return 1; fi
    zgrep -q "aws-lc-sys" unpacked/usr/share/doc/keyward/third-party-licences.gz
}
step "owners, modes, and no path of the machine that built it" shape

export SHARED=$SCRATCH/shared
if ! can_change_roots; then
    skip "dpkg -i" "$REASON"
    summary package
    exit
fi
echo "on a copy of this system"
steps_of inside --scratch / /mnt/checkout/pkcs11-tests/package/installed.sh
if is_debian_13; then
    skip "Debian 13" "this is Debian 13"
elif debian_13 openssl pkcs11-provider opensc xxd gnutls-bin p11-kit p11-kit-modules openssh-client; then
    echo "on Debian 13"
    steps_of inside --scratch "$ROOT" /mnt/checkout/pkcs11-tests/package/installed.sh
else
    skip "Debian 13" "$REASON"
fi

summary package
