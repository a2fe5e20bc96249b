# Key generation. Sourced by run.sh; leaves one signing key of each type, named after it.

echo "key generation"

# pkcs11-tool finds the key of an operation by its id alone; a key's id here is its label in hexadecimal.
id_of() { printf '%s' "$1" | xxd -p -c 64; }

make_pair() { # LABEL TYPE USAGE [OPTIONS...]
    local label=$1 type=$2 usage=$3
    shift 3
    as_user --keypairgen --key-type "$type" --label "$label" --id "$(id_of "$label")" "--usage-$usage" "$@"
}
make_secret() { # LABEL TYPE USAGE [OPTIONS...]
    local label=$1 type=$2 usage=$3
    shift 3
    as_user --keygen --key-type "$type" --label "$label" --id "$(id_of "$label")" "--usage-$usage" "$@"
}

# CKA_EC_POINT of a public key, in hexadecimal, as the listing shows it.
point_of() { # LABEL
    as_user --list-objects --type pubkey |
        awk -v label="$1" '$1 == "EC_POINT:" { point = $2 } $1 == "label:" && $2 == label { print point }'
}

# The public key as openssl wants it, from the token's public key object. OpenSC 0.23 cannot read P-384 and
# writes no valid SubjectPublicKeyInfo for Ed25519: these two are put together from the listing, with the
# fixed headers of RFC 5480 and RFC 8410 before the last bytes of CKA_EC_POINT.
public_key() { # LABEL -> LABEL.pub.pem
    local point
    case $1 in
        ed25519)
            point=$(point_of "$1")
            printf '302a300506032b6570032100%s' "${point: -64}" | xxd -r -p >"$1.pub.der"
            ;;
        *secp384r1)
            point=$(point_of "$1")
            printf '3076301006072a8648ce3d020106052b81040022036200%s' "${point: -194}" | xxd -r -p >"$1.pub.der"
            ;;
        # The same by pkcs11-tool, which now and then cannot: it reads what it freed ("cannot create EVP_PKEY").
        *prime256v1 | *secp521r1)
            if ! as_user --read-object --type pubkey --id "$(id_of "$1")" --output-file "$1.pub.der"; then
                point=$(point_of "$1")
                case $1 in
                    *prime256v1) printf '3059301306072a8648ce3d020106082a8648ce3d030107034200%s' "${point: -130}" ;;
                    *) printf '30819b301006072a8648ce3d020106052b8104002303818600%s' "${point: -266}" ;;
                esac | xxd -r -p >"$1.pub.der"
            fi
            ;;
        *) as_user --read-object --type pubkey --id "$(id_of "$1")" --output-file "$1.pub.der" ;;
    esac
    openssl pkey -pubin -inform DER -in "$1.pub.der" -out "$1.pub.pem"
}

for bits in 2048 3072 4096; do
    step "generate RSA-$bits" make_pair "rsa$bits" "rsa:$bits" sign
    step "read the public key of RSA-$bits" public_key "rsa$bits"
done
for curve in prime256v1 secp384r1 secp521r1; do
    step "generate EC $curve" make_pair "$curve" "EC:$curve" sign
    step "read the public key of EC $curve" public_key "$curve"
done
step "generate Ed25519" make_pair ed25519 EC:edwards25519 sign
step "read the public key of Ed25519" public_key ed25519

for bytes in 16 24 32; do
    step "generate AES-$((bytes * 8))" make_secret "aes$((bytes * 8))" "AES:$bytes" decrypt
done
step "generate a generic secret" make_secret generic GENERIC:64 sign --extractable

if [ "$SUBJECT" = keyward ]; then
    step "generating RSA-1024 is refused by policy" refuse CKR_ make_pair weak rsa:1024 sign
else
    skip "generating RSA-1024 is refused by policy" "SoftHSM2 has no policy"
fi
