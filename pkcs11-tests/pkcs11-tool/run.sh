#!/usr/bin/env bash
# pkcs11-tool as a user would use it: tokens and PINs, every kind of key, every mechanism, and every result
# checked by openssl with the public key that came out of the token.
#
#   run.sh [keyward|softhsm]     the same commands on either module; compare.sh holds the two side by side
#
# One key serves one purpose here, as NIST SP 800-57 Part 1, 5.2 asks and keyward's default policy enforces.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/steps.sh
. ../common/module.sh
. ../common/page.sh
use_module "${1:-keyward}"
here=$PWD
echo "client: OpenSC $(dpkg-query -W -f '${Version}' opensc 2>/dev/null | sed 's/-.*//')"
cd "$SCRATCH"

. "$here/tokens.sh"
. "$here/generation.sh"
. "$here/signatures.sh"
. "$here/encryption.sh"
. "$here/agreement.sh"
. "$here/digests.sh"
. "$here/objects.sh"
. "$here/self-tests.sh"

# SoftHSM2 has neither a policy nor a life of keys.
if [ "$SUBJECT" = keyward ]; then
    TOKEN=page
    SLOT_INDEX=$(tool --list-slots 2>/dev/null | grep -c '^Slot ')
    SLOT_INDEX=$((SLOT_INDEX - 1))
    export SLOT_INDEX
    page pkcs11-tool
fi

summary pkcs11-tool
