# ECDH against a key of openssl's. Sourced by run.sh.

echo "key agreement"

agree() { # CURVE MECHANISM
    local curve=$1 mechanism=$2
    make_pair "agree-$curve" "EC:$curve" derive
    public_key "agree-$curve"
    openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$curve" -out peer.pem
    openssl pkey -in peer.pem -pubout -outform DER -out peer.der
    as_user --derive --mechanism "$mechanism" --id "$(id_of "agree-$curve")" --input-file peer.der --output-file shared
    openssl pkeyutl -derive -inkey peer.pem -peerkey "agree-$curve.pub.pem" | cmp - shared
}
for curve in prime256v1 secp384r1 secp521r1; do
    step "ECDH1-DERIVE on $curve: the same secret as openssl" agree "$curve" ECDH1-DERIVE
done

not_a_point() {
    # A SubjectPublicKeyInfo whose point is not on the curve.
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 |
        openssl pkey -pubout -outform DER | head -c -1 >peer.der
    printf '\0' >>peer.der
    refuse . as_user --derive --mechanism ECDH1-DERIVE --id "$(id_of agree-prime256v1)" --input-file peer.der --output-file shared
}
step "ECDH1-DERIVE: a point off the curve is refused" not_a_point
