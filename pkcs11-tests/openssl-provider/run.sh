#!/usr/bin/env bash
# OpenSSL 3.5 with pkcs11-provider: as it is on Debian 13, elsewhere in a folder with Debian 13.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh
. ../common/roots.sh

modules=$(openssl version -m 2>/dev/null | sed -n 's/^MODULESDIR: "\(.*\)"$/\1/p')
if [ -e "$modules/pkcs11.so" ]; then exec ./provider.sh; fi
if ! debian_13 openssl pkcs11-provider opensc xxd python3-minimal; then
    skip "everything" "no pkcs11-provider here, and $REASON"
    summary openssl-provider
    exit
fi
inside "$ROOT" /mnt/checkout/pkcs11-tests/openssl-provider/provider.sh
