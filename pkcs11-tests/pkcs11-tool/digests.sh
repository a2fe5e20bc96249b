# Digests, MACs, random numbers. Sourced by run.sh.

echo "digests, MACs, random numbers"

hash_of() { # MECHANISM DIGEST
    tool --token-label "$TOKEN" --hash --mechanism "$1" --input-file message --output-file digest
    openssl dgst "-$2" -binary message | cmp - digest
}
for bits in 224 256 384 512; do
    step "SHA$bits: the same as openssl" hash_of "SHA$bits" "sha$bits"
done

hmac() { # DIGEST MECHANISM
    as_user --read-object --type secrkey --id "$(id_of generic)" --output-file mac.key
    token_signs generic "$2" message
    openssl dgst "-$1" -mac HMAC -macopt "hexkey:$(xxd -p -c 128 mac.key)" -binary message | cmp - signature
}
for bits in 256 384 512; do
    step "SHA$bits-HMAC: the same as openssl" hmac "sha$bits" "SHA$bits-HMAC"
done

random() {
    tool --token-label "$TOKEN" --generate-random 4096 --output-file random1
    tool --token-label "$TOKEN" --generate-random 4096 --output-file random2
    test "$(stat -c %s random1)" -eq 4096
    ! cmp -s random1 random2
    # 4096 random bytes do not get smaller: not proof of anything, but a stuck source would show.
    test "$(gzip -c random1 | wc -c)" -gt 4096
}
step "random numbers" random
