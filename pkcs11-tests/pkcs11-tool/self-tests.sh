# pkcs11-tool's own tests. On a token of their own: they use whatever keys they find for whatever they can,
# which a policy of one purpose a key refuses with good reason. Sourced by run.sh.

echo "pkcs11-tool's own tests"

TOKEN=self-tests
free_slot() { tool --list-slots | sed -n '/^Slot/{N;/uninitialized/s/^Slot \([0-9]*\) .*/\1/p}' | head -n 1; }
second_token() {
    tool --slot-index "$(free_slot)" --init-token --label "$TOKEN" --so-pin env:SO_PIN
    as_so --init-pin --new-pin env:USER_PIN
}
step "a second token in the next free slot" second_token
step "a signing key on it" make_pair signer rsa:2048 sign
step "--test" as_user --test
test_ec() { as_user --test-ec --session-rw --key-type EC:prime256v1 --id 77 --label test-ec; }
if [ "$SUBJECT" = keyward ]; then
    # It signs with CKM_ECDSA_SHA1, and nobody may sign with SHA-1 (SP 800-131A Rev. 2, 9).
    step "--test-ec: its SHA-1 signature is refused" refuse CKR_MECHANISM_INVALID test_ec
else
    skip "--test-ec: its SHA-1 signature is refused" "SoftHSM2 has no policy"
fi
step "--test-fork" as_user --test-fork
# Only the main thread initialises the module here; its threads call it before, during and after that.
step "--test-threads" tool --use-locking --show-info --test-threads GISL0 --test-threads GISL0
