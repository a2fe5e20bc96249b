#!/usr/bin/env bash
# The clients of Debian 13, each with the same script as those of this system: GnuTLS, NSS, p11-kit, OpenSC, OpenSSH, and Java 21 and 25.
# In a folder with Debian 13, which is made once (debootstrap, 1 GB with all clients).
#
#   run.sh [gnutls|nss|p11-kit|pkcs11-tool|openssh|java-21|java-25 ...]
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh
. ../common/roots.sh

if is_debian_13; then
    skip "everything" "this is Debian 13: the other scripts have run with its clients"
    summary debian-13
    exit
fi
# What the scripts themselves use, and the clients.
if ! debian_13 openssl xxd procps python3-minimal libpython3-stdlib opensc gnutls-bin libnss3-tools p11-kit p11-kit-modules openssh-client openssh-server \
    pkcs11-provider xz-utils openjdk-21-jdk-headless openjdk-25-jdk-headless; then
    skip "everything" "$REASON"
    summary debian-13
    exit
fi

if [ $# -eq 0 ]; then set -- gnutls nss p11-kit pkcs11-tool openssh java-21 java-25; fi
for client in "$@"; do
    # The table of clients reads this line.
    echo "== $client on Debian 13"
    case $client in
        java-*)
            java=$(cd "$ROOT/usr/lib/jvm" && compgen -G "java-${client#java-}-openjdk-*" | head -n 1)
            INSIDE=PATH=/usr/lib/jvm/$java/bin:/usr/sbin:/usr/bin:/sbin:/bin steps_of inside "$ROOT" /mnt/checkout/pkcs11-tests/java/run.sh
            ;;
        *) steps_of inside "$ROOT" "/mnt/checkout/pkcs11-tests/$client/run.sh" ;;
    esac
done
summary debian-13
