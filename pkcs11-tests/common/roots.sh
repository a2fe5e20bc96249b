# Other systems beside this one: Debian 13 in a folder, and copies that are thrown away. To be sourced after steps.sh.
#
#   debian_13 PACKAGE...            ROOT is a folder with Debian 13 that has these packages; it is made once, with debootstrap, in a cache
#                                   folder, and packages are added as they are asked for. Where that cannot be: fails, REASON says why
#   inside ROOT COMMAND...          runs COMMAND as root with ROOT as its file system. Its mounts are in a namespace of its own, which goes
#                                   away with the last process in it. The checkout is in /mnt/checkout, the module's folder in /mnt/module
#   inside --scratch ROOT COMMAND...  the same, and what COMMAND writes goes away too. ROOT may be /, this very machine
#
# With SHARED=FOLDER in the environment that folder is in /mnt/shared. A command gets KEYWARD_MODULE and KEYWARD_COMMAND as they are seen from inside, RESULTS, and what INSIDE holds ("NAME=VALUE ...").

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

is_debian_13() { [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" = 13 ]; }

can_change_roots() {
    if [ "$(id -u)" -ne 0 ]; then
        REASON="another root needs root"
        return 1
    fi
    unshare --mount true 2>/dev/null || { REASON="another root needs mounts"; return 1; }
}

debian_13() {
    local status=0 lock
    can_change_roots || return 1
    ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/keyward-trixie
    # Another script may want another package at the same time.
    mkdir -p "$(dirname "$ROOT")"
    exec {lock}>"$ROOT.lock"
    flock "$lock"
    fill_debian_13 "$@" || status=$?
    exec {lock}>&-
    return "$status"
}

# Makes ROOT, and puts what is missing into it.
fill_debian_13() {
    local package missing=()
    if [ ! -e "$ROOT/etc/debian_version" ]; then
        if ! command -v debootstrap >/dev/null; then
            REASON="no debootstrap to make a folder with Debian 13"
            return 1
        fi
        rm -rf "$ROOT.new"
        debootstrap --variant=minbase trixie "$ROOT.new" >&2 || {
            rm -rf "$ROOT.new"
            REASON="debootstrap cannot fetch Debian 13 from here"
            return 1
        }
        mv "$ROOT.new" "$ROOT"
    fi
    for package in "$@"; do
        if [ ! -e "$ROOT/var/lib/dpkg/info/$package.list" ] && ! compgen -G "$ROOT/var/lib/dpkg/info/$package:*.list" >/dev/null; then
            missing+=("$package")
        fi
    done
    if [ ${#missing[@]} -gt 0 ]; then
        cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
        inside "$ROOT" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh \
            "${missing[@]}" >&2 || {
            REASON="apt in Debian 13 cannot fetch ${missing[*]} from here"
            return 1
        }
    fi
}

inside() {
    local layer=no root
    if [ "$1" = --scratch ]; then
        layer=yes
        shift
    fi
    root=$1
    shift
    local module command status=0
    module=$(realpath "${KEYWARD_MODULE:-$checkout/target/release/libkeyward_pkcs11.so}")
    command=$(realpath "${KEYWARD_COMMAND:-$(dirname "$module")/keyward}")
    # A root that is only chroot's would do for most; but user namespaces (pkcs11-tests/p11-kit) are not made below a chroot.
    # shellcheck disable=SC2016 # the inner shell's
    root=$root layer=$layer checkout=$checkout module=$module command=$command unshare --mount --propagation private bash -euo pipefail -c '
        base=$(mktemp -d "${TMPDIR:-/tmp}/pkcs11-tests-root.XXXXXX")
        if [ "$layer" = yes ]; then
            mount -t tmpfs tmpfs "$base"
            mkdir "$base/upper" "$base/work" "$base/root"
            mount -t overlay overlay -o "lowerdir=$root,upperdir=$base/upper,workdir=$base/work" "$base/root"
            top=$base/root
        else
            mount --rbind "$root" "$base"
            top=$base
        fi
        mkdir -p "$top/mnt/checkout" "$top/mnt/module" "$top/dev" "$top/proc" "$top/tmp"
        mount --rbind "$checkout" "$top/mnt/checkout"
        mount --bind "$(dirname "$module")" "$top/mnt/module"
        if [ -n "${SHARED:-}" ]; then
            mkdir -p "$top/mnt/shared"
            mount --bind "$SHARED" "$top/mnt/shared"
        fi
        mount --rbind /dev "$top/dev"
        mount -t proc proc "$top/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$top/tmp"
        cd "$top"
        pivot_root . .
        umount -l .
        cd /
        # shellcheck disable=SC2086 # several words
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp RESULTS="${RESULTS:-}" ${INSIDE:-} \
            KEYWARD_MODULE="/mnt/module/$(basename "$module")" KEYWARD_COMMAND="/mnt/module/$(basename "$command")" "$@"' bash "$@" || status=$?
    # The mount points that were left, empty: their mounts went with the namespace.
    rmdir "${TMPDIR:-/tmp}"/pkcs11-tests-root.* 2>/dev/null || true
    return $status
}
