# Signatures: made in the token, verified by openssl; verified in the token; refused when one bit is wrong.
# Sourced by run.sh.

echo "signatures"

head -c 1000 /dev/urandom >message
for digest in sha1 sha256 sha384 sha512; do openssl dgst "-$digest" -binary -out "message.$digest" message; done

mechanisms=$(tool --token-label "$TOKEN" --list-mechanisms 2>/dev/null)
offers() { # WORDS: does the list of mechanisms have a line that begins so? An extended regular expression.
    grep -qE "^ +$1" <<<"$mechanisms"
}

# Flips the lowest bit of the last byte of a file.
tamper() {
    local last
    last=$(tail -c 1 "$1" | xxd -p)
    head -c -1 "$1" >"$2"
    printf '%02x' $((0x$last ^ 1)) | xxd -r -p >>"$2"
}

token_signs() { # KEY MECHANISM INPUT [OPTIONS...] -> signature
    local key=$1 mechanism=$2 input=$3
    shift 3
    as_user --sign --mechanism "$mechanism" --id "$(id_of "$key")" --input-file "$input" --output-file signature "$@"
}

token_verifies() { # KEY MECHANISM INPUT SIGNATURE [OPTIONS...]; pkcs11-tool tells "invalid" only in words
    local key=$1 mechanism=$2 input=$3 signature=$4
    shift 4
    as_user --verify --mechanism "$mechanism" --id "$(id_of "$key")" --input-file "$input" \
        --signature-file "$signature" "$@" 2>&1 | tee verdict
    grep -q "Signature is valid" verdict
}

token_refuses() { # KEY MECHANISM INPUT [OPTIONS...]: as above, on a signature with one wrong bit
    local key=$1 mechanism=$2 input=$3
    shift 3
    tamper signature tampered
    : >verdict
    if token_verifies "$key" "$mechanism" "$input" tampered "$@"; then return 1; fi
    # Refused as a signature, not because something else went wrong.
    grep -q "Invalid signature" verdict
}

three_checks() { # NAME KEY MECHANISM INPUT OPENSSL_FUNCTION [OPTIONS...]
    local name=$1 key=$2 mechanism=$3 input=$4 check=$5
    shift 5
    rm -f signature
    step "$name: token signs, openssl verifies" sign_and_check "$key" "$mechanism" "$input" "$check" "$@"
    step "$name: token verifies" token_verifies "$key" "$mechanism" "$input" signature "$@"
    step "$name: token refuses a wrong signature" token_refuses "$key" "$mechanism" "$input" "$@"
}

sign_and_check() { # KEY MECHANISM INPUT OPENSSL_FUNCTION [OPTIONS...]
    local key=$1 mechanism=$2 input=$3 check=$4
    shift 4
    token_signs "$key" "$mechanism" "$input" "$@"
    "$check" "$key" signature
    tamper signature tampered
    if "$check" "$key" tampered; then return 1; fi
}

# The openssl side: FUNCTION KEY SIGNATURE.
pkcs1() { openssl dgst "-$1" -verify "$2.pub.pem" -signature "$3" message; }
pkcs1_sha1() { pkcs1 sha1 "$@"; }
pkcs1_sha256() { pkcs1 sha256 "$@"; }
pkcs1_sha384() { pkcs1 sha384 "$@"; }
pkcs1_sha512() { pkcs1 sha512 "$@"; }
pss() { # DIGEST SALT KEY SIGNATURE
    openssl dgst "-$1" -sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:$2" -verify "$3.pub.pem" \
        -signature "$4" message
}
pss_sha256() { pss sha256 digest "$@"; }
pss_sha384() { pss sha384 digest "$@"; }
pss_sha512() { pss sha512 digest "$@"; }
pss_sha256_salt_20() { pss sha256 20 "$@"; }
eddsa() { openssl pkeyutl -verify -pubin -inkey "$1.pub.pem" -rawin -in message -sigfile "$2"; }

# PKCS#11 gives r and s side by side, openssl wants SEQUENCE { r INTEGER, s INTEGER }.
ecdsa() { # DIGEST KEY SIGNATURE
    local hex half
    hex=$(xxd -p -c 1000 "$3")
    half=$((${#hex} / 2))
    printf 'asn1 = SEQUENCE:rs\n[rs]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' "${hex:0:half}" "${hex:half}" >rs.conf
    openssl asn1parse -noout -genconf rs.conf -out signature.der
    openssl dgst "-$1" -verify "$2.pub.pem" -signature signature.der message
}
ecdsa_sha1() { ecdsa sha1 "$@"; }
ecdsa_sha256() { ecdsa sha256 "$@"; }
ecdsa_sha384() { ecdsa sha384 "$@"; }
ecdsa_sha512() { ecdsa sha512 "$@"; }

for bits in 2048 3072 4096; do
    three_checks "SHA256-RSA-PKCS, $bits bits" "rsa$bits" SHA256-RSA-PKCS message pkcs1_sha256
done
three_checks "SHA384-RSA-PKCS" rsa2048 SHA384-RSA-PKCS message pkcs1_sha384
three_checks "SHA512-RSA-PKCS" rsa2048 SHA512-RSA-PKCS message pkcs1_sha512

# The bare mechanism signs a DigestInfo (RFC 8017, 9.2); its header for SHA-256 is fixed.
{ printf '3031300d060960864801650304020105000420' | xxd -r -p; cat message.sha256; } >digestinfo
three_checks "RSA-PKCS with a DigestInfo" rsa2048 RSA-PKCS digestinfo pkcs1_sha256

three_checks "SHA256-RSA-PKCS-PSS" rsa2048 SHA256-RSA-PKCS-PSS message pss_sha256
three_checks "SHA384-RSA-PKCS-PSS" rsa2048 SHA384-RSA-PKCS-PSS message pss_sha384
three_checks "SHA512-RSA-PKCS-PSS" rsa3072 SHA512-RSA-PKCS-PSS message pss_sha512
three_checks "SHA256-RSA-PKCS-PSS with a salt of 20 bytes" rsa2048 SHA256-RSA-PKCS-PSS message pss_sha256_salt_20 \
    --salt-len 20
three_checks "RSA-PKCS-PSS of a SHA-256 digest" rsa2048 RSA-PKCS-PSS message.sha256 pss_sha256 \
    --hash-algorithm SHA256 --mgf MGF1-SHA256

three_checks "ECDSA P-256" prime256v1 ECDSA message.sha256 ecdsa_sha256
three_checks "ECDSA P-384" secp384r1 ECDSA message.sha384 ecdsa_sha384
three_checks "ECDSA P-521" secp521r1 ECDSA message.sha512 ecdsa_sha512
for bits in 256 384 512; do
    if offers "ECDSA-SHA$bits,"; then
        three_checks "ECDSA-SHA$bits" secp384r1 "ECDSA-SHA$bits" message "ecdsa_sha$bits"
    else
        skip "ECDSA-SHA$bits" "not offered"
    fi
done
openssl_format() {
    token_signs prime256v1 ECDSA message.sha256 --signature-format openssl
    openssl dgst -sha256 -verify prime256v1.pub.pem -signature signature message
}
step "ECDSA in openssl's format" openssl_format

three_checks "EDDSA" ed25519 EDDSA message eddsa

if [ "$SUBJECT" = keyward ]; then
    step "SHA1-RSA-PKCS is refused by policy" refuse CKR_ token_signs rsa2048 SHA1-RSA-PKCS message
else
    skip "SHA1-RSA-PKCS is refused by policy" "SoftHSM2 has no policy"
fi
