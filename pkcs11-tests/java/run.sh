#!/usr/bin/env bash
# Java's SunPKCS11: keytool and jarsigner as a user calls them, and a program that calls every service that it offers.
set -euo pipefail
cd "$(dirname "$0")"
. ../common/client.sh

needs java "openjdk-17-jdk-headless" java keytool jarsigner jar
echo "client: OpenJDK $(java -version 2>&1 | sed -n '1s/.*"\(.*\)".*/\1/p')"

step "make a token" make_token
page java
echo "what Java made, checked by openssl"
for name in rsa ec; do step "$name: its certificate" openssl verify -CAfile $name.crt $name.crt; done
step "the request" openssl req -verify -noout -in ec.csr
jar_by_openssl() {
    mkdir -p unpacked
    (cd unpacked && jar xf ../signed.jar)
    openssl cms -verify -inform DER -in unpacked/META-INF/RSA.RSA -content unpacked/META-INF/RSA.SF -CAfile rsa.crt -purpose any -out /dev/null
}
step "the signed jar" jar_by_openssl
tampered_jar() {
    cp signed.jar tampered.jar
    echo other >jar/hello
    jar uf tampered.jar -C jar hello
    refuse "digest error|SecurityException|invalid" jarsigner -verify tampered.jar
}
step "a tampered jar is refused" tampered_jar

compatibility() {
    printf 'name = program\nlibrary = %s\nslotListIndex = 0\nattributes = compatibility\n' "$MODULE" >compatibility.cfg
    refuse CKR_TEMPLATE_INCONSISTENT keytool -keystore NONE -storetype PKCS11 -storepass:file java.pin -providerClass sun.security.pkcs11.SunPKCS11 \
        -providerArg compatibility.cfg -genkeypair -alias open -keyalg EC -groupname secp256r1 -dname CN=open
}
step "extractable signing keys (attributes = compatibility) are refused" compatibility

# What everyday commands ask for without any line about attributes.
minimal() {
    printf 'name = minimal\nlibrary = %s\nslotListIndex = 0\n' "$MODULE" >minimal.cfg
    local store=(-keystore NONE -storetype PKCS11 -storepass:file java.pin -providerClass sun.security.pkcs11.SunPKCS11 -providerArg minimal.cfg)
    "$@" "${store[@]}"
}
minimal_keys() {
    local kind
    for kind in "RSA -keysize 2048" "EC -groupname secp256r1"; do
        # shellcheck disable=SC2086 # two words
        minimal keytool -genkeypair -alias "plain-${kind%% *}" -dname "CN=${kind%% *}" -validity 30 -keyalg $kind -ext bc:c
    done
    minimal keytool -list
    minimal keytool -certreq -alias plain-EC -file plain.csr
    minimal keytool -gencert -alias plain-RSA -infile plain.csr -outfile plain.crt -rfc
    minimal keytool -exportcert -rfc -alias plain-RSA -file plain-ca.crt
    openssl verify -CAfile plain-ca.crt plain.crt
    minimal keytool -delete -alias plain-EC
}
step "keytool without any line about attributes" minimal_keys
minimal_jar() {
    jar cf plain.jar -C jar hello
    jarsigner -keystore NONE -storetype PKCS11 -storepass:file java.pin -providerClass sun.security.pkcs11.SunPKCS11 -providerArg minimal.cfg plain.jar plain-RSA
    jarsigner -verify plain.jar
}
step "jarsigner without any line about attributes" minimal_jar

echo "Clients.java"
keytool -genkeypair -keystore other.p12 -storetype PKCS12 -storepass changeit -alias other -keyalg RSA -keysize 2048 -dname CN=other 2>/dev/null
timeout 300 java "$here/Clients.java" java.cfg java.pin >results 2>errors </dev/null || true
while IFS=$'\t' read -r verdict name words; do
    case $verdict in
        ok | refused) step "$name" true ;;
        skip) skip "$name" "$words" ;;
        FAIL) step "$name" eval 'echo "$words"; false' ;;
    esac
done <results
ended() {
    cat errors
    tail -n 1 results | grep -qx end
}
step "the program came to its end" ended

summary java
