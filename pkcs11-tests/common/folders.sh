# Folders of the system that a script has for itself: programs whose paths are compiled in write there, and the system keeps nothing of it.
# To be sourced before the script makes anything.
#
#   own_folders FOLDER...   runs the script again from its beginning, without arguments, in a mount namespace where each FOLDER is an empty one that
#                           goes away with the script's last process. An ordinary user gets a user namespace for it, and is root there and
#                           nowhere else. Returns at once where that has been done. Where it cannot be: fails, REASON says why

own_folders() {
    local as_root=() folder
    if [ "${OWN_FOLDERS:-}" = "$*" ]; then return; fi
    for folder in "$@"; do
        if [ ! -d "$folder" ]; then
            REASON="there is no $folder"
            return 1
        fi
    done
    if [ "$(id -u)" -ne 0 ]; then as_root=(--map-root-user); fi
    if ! unshare "${as_root[@]}" --mount mount -t tmpfs tmpfs "$1" 2>/dev/null; then
        REASON="no mounts of its own for $*"
        return 1
    fi
    # shellcheck disable=SC2016 # the inner shell's
    OWN_FOLDERS="$*" exec unshare "${as_root[@]}" --mount --propagation private bash -euo pipefail -c '
        for folder in $OWN_FOLDERS; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
        exec "$0"' "$PWD/${0##*/}"
}
