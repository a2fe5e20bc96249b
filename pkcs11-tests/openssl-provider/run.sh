#!/usr/bin/env bash
# OpenSSL 3.5 with pkcs11-provider: as it is on Debian 13, elsewhere in a chroot with Debian 13 that is made once, in a cache folder
# (debootstrap, 200 MB). The chroot has its mounts in a namespace of its own, which goes away with the last process in it.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh

checkout=$(cd ../.. && pwd)
modules=$(openssl version -m 2>/dev/null | sed -n 's/^MODULESDIR: "\(.*\)"$/\1/p')
if [ -e "$modules/pkcs11.so" ]; then exec ./provider.sh; fi

chroot=${XDG_CACHE_HOME:-$HOME/.cache}/keyward-trixie
not_here() {
    skip "everything" "$1"
    summary openssl-provider
    exit
}
if [ "$(id -u)" -ne 0 ]; then not_here "no pkcs11-provider here, and a chroot with Debian 13 needs root"; fi
if ! unshare --mount true 2>/dev/null; then not_here "no pkcs11-provider here, and a chroot with Debian 13 needs mounts"; fi
if [ ! -e "$chroot/usr/bin/pkcs11-tool" ]; then
    if ! command -v debootstrap >/dev/null; then not_here "no pkcs11-provider here, and no debootstrap to make a chroot with Debian 13"; fi
    rm -rf "$chroot.new"
    mkdir -p "$(dirname "$chroot")"
    debootstrap --variant=minbase --include=openssl,pkcs11-provider,opensc,xxd trixie "$chroot.new" >&2 || {
        rm -rf "$chroot.new"
        not_here "debootstrap cannot fetch Debian 13 from here"
    }
    mv "$chroot.new" "$chroot"
fi

# The module, its command and the checkout, seen from inside.
module=$(realpath "${KEYWARD_MODULE:-$checkout/target/release/libkeyward_pkcs11.so}")
command=$(realpath "${KEYWARD_COMMAND:-$(dirname "$module")/keyward}")
export chroot checkout module command
# shellcheck disable=SC2016 # the inner shell's
exec unshare --mount bash -euo pipefail -c '
    mkdir -p "$chroot/mnt/checkout" "$chroot/mnt/module"
    mount --bind "$checkout" "$chroot/mnt/checkout"
    mount --bind "$(dirname "$module")" "$chroot/mnt/module"
    mount --rbind /dev "$chroot/dev"
    mount -t proc proc "$chroot/proc"
    mount -t tmpfs tmpfs "$chroot/tmp"
    exec chroot "$chroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root RESULTS="${RESULTS:-}" \
        KEYWARD_MODULE="/mnt/module/$(basename "$module")" KEYWARD_COMMAND="/mnt/module/$(basename "$command")" \
        /mnt/checkout/pkcs11-tests/openssl-provider/provider.sh'
