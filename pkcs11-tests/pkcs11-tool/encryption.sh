# Encryption and decryption, RSA and AES. Sourced by run.sh.

echo "encryption"

printf 'attack at dawn' >secret
iv=000102030405060708090a0b0c0d0e0f

token_decrypts() { # KEY MECHANISM INPUT OUTPUT [OPTIONS...]
    local key=$1 mechanism=$2 input=$3 output=$4
    shift 4
    as_user --decrypt --mechanism "$mechanism" --id "$(id_of "$key")" --input-file "$input" --output-file "$output" "$@"
}
token_encrypts() { # KEY MECHANISM INPUT OUTPUT [OPTIONS...]
    local key=$1 mechanism=$2 input=$3 output=$4
    shift 4
    as_user --encrypt --mechanism "$mechanism" --id "$(id_of "$key")" --input-file "$input" --output-file "$output" "$@"
}

# RSA

step "generate RSA-2048 for decryption" make_pair unsealer rsa:2048 decrypt
step "read the public key for encryption" public_key unsealer

openssl_encrypts_token_decrypts() { # MECHANISM PKEYUTL_OPTIONS -- TOOL_OPTIONS
    local mechanism=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=(-pkeyopt "$1")
        shift
    done
    shift
    openssl pkeyutl -encrypt -pubin -inkey unsealer.pub.pem -in secret -out sealed "${options[@]}"
    token_decrypts unsealer "$mechanism" sealed opened "$@"
    cmp secret opened
}
step "RSA-PKCS: openssl encrypts, token decrypts" \
    openssl_encrypts_token_decrypts RSA-PKCS rsa_padding_mode:pkcs1 --
step "RSA-PKCS-OAEP, SHA-1: openssl encrypts, token decrypts" \
    openssl_encrypts_token_decrypts RSA-PKCS-OAEP rsa_padding_mode:oaep rsa_oaep_md:sha1 -- \
    --hash-algorithm SHA-1 --mgf MGF1-SHA1
step "RSA-PKCS-OAEP, SHA-256: openssl encrypts, token decrypts" \
    openssl_encrypts_token_decrypts RSA-PKCS-OAEP rsa_padding_mode:oaep rsa_oaep_md:sha256 -- \
    --hash-algorithm SHA256 --mgf MGF1-SHA256

oaep_wrong_ciphertext() {
    tamper sealed tampered
    refuse "CKR_" token_decrypts unsealer RSA-PKCS-OAEP tampered opened --hash-algorithm SHA256 --mgf MGF1-SHA256
}
step "RSA-PKCS-OAEP: token refuses a wrong ciphertext" oaep_wrong_ciphertext

unwrap_secret() {
    head -c 32 /dev/urandom >carried
    openssl pkeyutl -encrypt -pubin -inkey unsealer2.pub.pem -in carried -out wrapped -pkeyopt rsa_padding_mode:pkcs1
    as_user --unwrap --mechanism RSA-PKCS --id "$(id_of unsealer2)" --input-file wrapped \
        --key-type AES: --application-label carried --application-id "$(id_of carried)" --usage-decrypt
    openssl enc -aes-256-cbc -K "$(xxd -p -c 64 carried)" -iv "$iv" -in message -out sealed
    token_decrypts carried AES-CBC-PAD sealed opened --iv "$iv"
    cmp message opened
}
if offers "RSA-PKCS,.* unwrap"; then
    step "generate RSA-2048 for unwrapping" make_pair unsealer2 rsa:2048 wrap
    step "read the public key for wrapping" public_key unsealer2
    step "RSA-PKCS: token unwraps an AES key" unwrap_secret
else
    skip "RSA-PKCS: token unwraps an AES key" "not offered"
fi

# AES, with keys whose values openssl knows too

import_aes() { # BITS
    head -c $(($1 / 8)) /dev/urandom >"known$1.key"
    as_user --write-object "known$1.key" --type secrkey --key-type "AES:$(($1 / 8))" --label "known$1" \
        --id "$(id_of "known$1")" --usage-decrypt
}
known() { xxd -p -c 64 "known$1.key"; }

cbc_pad() { # BITS
    token_encrypts "known$1" AES-CBC-PAD message sealed --iv "$iv"
    openssl enc -d "-aes-$1-cbc" -K "$(known "$1")" -iv "$iv" -in sealed -out opened
    cmp message opened
    openssl enc "-aes-$1-cbc" -K "$(known "$1")" -iv "$iv" -in message | cmp - sealed
    token_decrypts "known$1" AES-CBC-PAD sealed opened --iv "$iv"
    cmp message opened
}
for bits in 128 192 256; do
    step "import AES-$bits" import_aes "$bits"
    step "AES-$bits-CBC-PAD: the same as openssl, both ways" cbc_pad "$bits"
done

head -c 4096 /dev/urandom >blocks
unpadded() { # MECHANISM CIPHER [OPTIONS...]
    local mechanism=$1 cipher=$2 vector=()
    shift 2
    if [ $# -gt 0 ]; then vector=(-iv "$iv"); fi
    token_encrypts known256 "$mechanism" blocks sealed "$@"
    openssl enc "$cipher" -nopad -K "$(known 256)" "${vector[@]}" -in blocks | cmp - sealed
    token_decrypts known256 "$mechanism" sealed opened "$@"
    cmp blocks opened
}
step "AES-CBC: the same as openssl, both ways" unpadded AES-CBC -aes-256-cbc --iv "$iv"
step "AES-ECB: the same as openssl, both ways" unpadded AES-ECB -aes-256-ecb

generated() { # BITS
    token_encrypts "aes$1" AES-CBC-PAD message sealed --iv "$iv"
    token_decrypts "aes$1" AES-CBC-PAD sealed opened --iv "$iv"
    cmp message opened
    ! cmp -s message sealed
}
for bits in 128 192 256; do
    step "generated AES-$bits: encrypts and decrypts" generated "$bits"
done

# GCM's ciphertext is counter mode from IV || 00000002 (SP 800-38D, 7.1), which `openssl enc` can do; its tag it cannot.
gcm_iv=00112233445566778899aabb
gcm() {
    token_encrypts known256 AES-GCM message sealed --iv "$gcm_iv" --aad 0102 --tag-bits-len 128
    test "$(stat -c %s sealed)" -eq 1016
    openssl enc -aes-256-ctr -K "$(known 256)" -iv "${gcm_iv}00000002" -in message | cmp - <(head -c 1000 sealed)
    token_decrypts known256 AES-GCM sealed opened --iv "$gcm_iv" --aad 0102 --tag-bits-len 128
    cmp message opened
    tamper sealed tampered
    refuse CKR_ token_decrypts known256 AES-GCM tampered opened --iv "$gcm_iv" --aad 0102 --tag-bits-len 128
    refuse CKR_ token_decrypts known256 AES-GCM sealed opened --iv "$gcm_iv" --aad 0103 --tag-bits-len 128
}
tool_help=$(pkcs11-tool --help 2>&1 || true)
if [[ $tool_help == *--tag-bits-len* ]]; then
    step "AES-GCM: the same as openssl, wrong tag and wrong data refused" gcm
else
    skip "AES-GCM" "this pkcs11-tool has no --tag-bits-len; OpenSC 0.25 and later do"
fi

wrong_padding() {
    token_encrypts known256 AES-CBC-PAD message sealed --iv "$iv"
    head -c -16 sealed >cut
    refuse CKR_ token_decrypts known256 AES-CBC-PAD cut opened --iv "$iv"
}
step "AES-CBC-PAD: token refuses a cut ciphertext" wrong_padding

one_purpose() {
    make_pair one rsa:2048 sign
    token_signs one SHA256-RSA-PKCS message
    public_key one
    openssl pkeyutl -encrypt -pubin -inkey one.pub.pem -in secret -out sealed
    refuse CKR_KEY_FUNCTION_NOT_PERMITTED token_decrypts one RSA-PKCS sealed opened
}
if [ "$SUBJECT" = keyward ]; then
    step "a key that has signed does not decrypt" one_purpose
else
    skip "a key that has signed does not decrypt" "SoftHSM2 has no policy"
fi
