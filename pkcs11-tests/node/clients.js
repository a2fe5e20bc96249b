// graphene-pk11 on the module, checked against Node's own crypto. Prints "ok NAME" or "FAIL NAME REASON" for each check, tab
// between, and "end" when it got there.
"use strict";
const crypto = require("crypto");
const graphene = require("graphene-pk11");
const { KeyType, KeyGenMechanism, ObjectClass, MechanismEnum } = graphene;

function check(name, run) {
    try {
        run();
        console.log(`ok\t${name}`);
    } catch (failure) {
        console.log(`FAIL\t${name}\t${String(failure.stack).replace(/\s+/g, " ")}`);
    }
}
function that(holds, what) {
    if (!holds) throw new Error(what);
}
function refused(name, word, run) {
    check(name, () => {
        let said = "accepted";
        try {
            run();
        } catch (failure) {
            said = String(failure.message);
        }
        that(said.includes(word), `${said}, expected ${word}`);
    });
}

const library = graphene.Module.load(process.env.MODULE, "keyward");
library.initialize();
const slots = library.getSlots(true);
let slot;
for (let i = 0; i < slots.length; i++) if (slots.items(i).getToken().label === process.env.TOKEN) slot = slots.items(i);
const session = slot.open(graphene.SessionFlag.SERIAL_SESSION | graphene.SessionFlag.RW_SESSION);
refused("a wrong PIN", "CKR_PIN_INCORRECT", () => session.login("000000"));
session.login(process.env.USER_PIN);
const message = crypto.randomBytes(1000);

check("info of the module, the slot and the token", () => {
    that(library.manufacturerID === "keyward", library.manufacturerID);
    that(slot.getMechanisms().length > 100, "few mechanisms");
});
for (const digest of ["SHA_1", "SHA256", "SHA384", "SHA512"]) {
    check(`digest ${digest}`, () => {
        const ours = session.createDigest(digest).once(message);
        that(ours.equals(crypto.createHash(digest.replace("_", "").toLowerCase()).update(message).digest()), "digests differ");
    });
}
function rsaPublic(key) {
    const { modulus, publicExponent } = key.getAttribute({ modulus: null, publicExponent: null });
    return crypto.createPublicKey({ format: "jwk", key: { kty: "RSA", n: modulus.toString("base64url"), e: publicExponent.toString("base64url") } });
}
function rsaPair(usage) {
    return session.generateKeyPair(KeyGenMechanism.RSA,
        { keyType: KeyType.RSA, modulusBits: 2048, publicExponent: Buffer.from([1, 0, 1]), [usage[0]]: true },
        { keyType: KeyType.RSA, [usage[1]]: true });
}
const signing = rsaPair(["verify", "sign"]);
for (const digest of ["SHA256", "SHA384", "SHA512"]) {
    check(`${digest}_RSA_PKCS signs, Node verifies; the token verifies, and no other message`, () => {
        const signature = session.createSign(`${digest}_RSA_PKCS`, signing.privateKey).once(message);
        that(crypto.verify(digest, message, rsaPublic(signing.publicKey), signature), "Node does not verify");
        that(session.createVerify(`${digest}_RSA_PKCS`, signing.publicKey).once(message, signature), "the token does not verify");
        let taken = false;
        try {
            taken = session.createVerify(`${digest}_RSA_PKCS`, signing.publicKey).once(Buffer.from("other"), signature);
        } catch (failure) {
            that(String(failure.message).includes("CKR_SIGNATURE_INVALID"), failure.message);
        }
        that(!taken, "another message is verified");
    });
}
refused("SHA1_RSA_PKCS does not sign", "CKR_MECHANISM_INVALID", () => session.createSign("SHA1_RSA_PKCS", signing.privateKey).once(message));
for (const [name, jwk, oid, digest, size] of [
    ["P-256", "P-256", "06082a8648ce3d030107", "SHA256", 32], ["P-384", "P-384", "06052b81040022", "SHA384", 48],
    ["P-521", "P-521", "06052b81040023", "SHA512", 66]]) {
    check(`ECDSA_${digest} on ${name} signs, Node verifies`, () => {
        const pair = session.generateKeyPair(KeyGenMechanism.EC, { keyType: KeyType.EC, paramsEC: Buffer.from(oid, "hex"), verify: true },
            { keyType: KeyType.EC, sign: true });
        const point = pair.publicKey.getAttribute({ pointEC: null }).pointEC.subarray(-2 * size);
        const key = crypto.createPublicKey({ format: "jwk", key: { kty: "EC", crv: jwk, x: point.subarray(0, size).toString("base64url"), y: point.subarray(size).toString("base64url") } });
        const signature = session.createSign(`ECDSA_${digest}`, pair.privateKey).once(message);
        that(crypto.verify(digest, message, { key, dsaEncoding: "ieee-p1363" }, signature), "Node does not verify");
    });
}
check("RSA_PKCS: Node encrypts with OAEP, the token decrypts", () => {
    const pair = rsaPair(["encrypt", "decrypt"]);
    const sealed = crypto.publicEncrypt({ key: rsaPublic(pair.publicKey), oaepHash: "sha256" }, Buffer.from("secret"));
    const mechanism = { name: "RSA_PKCS_OAEP", params: new graphene.RsaOaepParams(MechanismEnum.SHA256, graphene.RsaMgf.MGF1_SHA256) };
    const opened = session.createDecipher(mechanism, pair.privateKey).once(sealed, Buffer.alloc(256));
    that(opened.toString() === "secret", "another plaintext");
});
check("AES_CBC_PAD both ways with a key that Node knows", () => {
    const bytes = crypto.randomBytes(32), iv = crypto.randomBytes(16);
    const key = session.create({ class: ObjectClass.SECRET_KEY, keyType: KeyType.AES, value: bytes, encrypt: true, decrypt: true }).toType();
    const ours = session.createCipher({ name: "AES_CBC_PAD", params: iv }, key).once(message, Buffer.alloc(1024));
    const node = crypto.createDecipheriv("aes-256-cbc", bytes, iv);
    that(Buffer.concat([node.update(ours), node.final()]).equals(message), "Node reads something else");
    that(session.createDecipher({ name: "AES_CBC_PAD", params: iv }, key).once(ours, Buffer.alloc(1024)).equals(message), "the token reads something else");
});
check("SHA256_HMAC", () => {
    const bytes = crypto.randomBytes(32);
    const key = session.create({ class: ObjectClass.SECRET_KEY, keyType: KeyType.GENERIC_SECRET, value: bytes, sign: true, verify: true }).toType();
    that(session.createSign("SHA256_HMAC", key).once(message).equals(crypto.createHmac("sha256", bytes).update(message).digest()), "MACs differ");
});
check("objects: make, find, change, destroy", () => {
    session.create({ class: ObjectClass.DATA, label: "node data", value: Buffer.from("data"), token: true });
    const found = session.find({ label: "node data" });
    that(found.length === 1, `${found.length} found`);
    found.items(0).setAttribute({ label: "node data 2" });
    const again = session.find({ label: "node data 2" });
    again.items(0).destroy();
    that(session.find({ label: "node data 2" }).length === 0, "destroyed and found");
});
check("random bytes", () => that(!session.generateRandom(32).equals(session.generateRandom(32)), "twice the same"));
refused("RSA of 1024 bits", "CKR_KEY_SIZE_RANGE", () => session.generateKeyPair(KeyGenMechanism.RSA,
    { keyType: KeyType.RSA, modulusBits: 1024, publicExponent: Buffer.from([1, 0, 1]), verify: true }, { keyType: KeyType.RSA, sign: true }));
session.logout();
session.close();
library.finalize();
console.log("end");
