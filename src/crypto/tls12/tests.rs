use super::*;
use crate::crypto::tests::hex;

fn randoms(client: &str, server: &str) -> TlsRandoms {
    TlsRandoms { client: hex(client), server: hex(server) }
}

fn zeros() -> TlsRandoms {
    TlsRandoms { client: vec![0; 32], server: vec![0; 32] }
}

fn run(row: &Row, base: &[u8], params: &Params, recipes: usize) -> Result<Derived> {
    let sources = Sources {
        base: &Material::Bytes(Secret::from_slice(base)),
        base_type: Some(CKK_GENERIC_SECRET),
        seconds: &[],
        params,
        recipes: &(0..recipes).map(|_| Recipe::default()).collect::<Vec<_>>(),
    };
    (row.ops.derivation.unwrap().derive)(&sources)
}

fn master_params(hash: CK_MECHANISM_TYPE, session: TlsSession, wants_version: bool) -> Params {
    Params::TlsMaster(TlsMaster { hash, session, wants_version })
}

fn keys_params(lens: (CK_ULONG, CK_ULONG, CK_ULONG), randoms: TlsRandoms) -> Params {
    let (mac_bits, key_bits, iv_bits) = lens;
    Params::TlsKeys(TlsKeys { hash: CKM_SHA256, mac_bits, key_bits, iv_bits, randoms })
}

// NIST CAVP, TLS 1.2 KDF, SHA-256.
const PREMASTER: &str =
    "f8938ecc9edebc5030c0c6a441e213cd24e6f770a50dda07876f8d55da062bcadb386b411fd4fe4313a604fce6c17fbc";
const HELLO: (&str, &str) = (
    "36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8c",
    "f6c9575ed7ddd73e1f7d16eca115415812a43c2b747daaaae043abfb50053fce",
);
const MASTER_SECRET: &str =
    "202c88c00f84a17a20027079604787461176455539e705be730890602c289a5001e34eeb3a043e5d52a65e66125188bf";
const EXPANSION: (&str, &str) = (
    "62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616",
    "ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868",
);
const KEY_BLOCK: &str = "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928";

#[test]
fn the_master_secret_of_cavp_is_known() {
    let base = hex(PREMASTER);
    for (row, version) in [(&MASTER, true), (&MASTER, false), (&MASTER_DH, false)] {
        let session = TlsSession::Randoms(randoms(HELLO.0, HELLO.1));
        let derived = run(row, &base, &master_params(CKM_SHA256, session, version), 1).unwrap();
        assert_eq!(derived.values[0].expose(), hex(MASTER_SECRET));
        assert_eq!(derived.version, version.then_some([0xF8, 0x93]));
    }
    let swapped = TlsSession::Randoms(randoms(HELLO.1, HELLO.0));
    let derived = run(&MASTER, &base, &master_params(CKM_SHA256, swapped, false), 1).unwrap();
    assert_ne!(derived.values[0].expose(), hex(MASTER_SECRET));
}

/// NIST ACVP, TLS-v1.2 KDF RFC7627, SHA2-256, test 1.
#[test]
fn the_extended_master_secret_of_acvp_is_known() {
    let base = hex(
        "8252B983A6459A6FB3B9DEBE8725247E276139EBF7C9ADCCDD7D240F3ADA7F5E3351B2769B6C8DC169A6D799C3C0FFEB",
    );
    let session = hex("1359D7DF74CB27C67F74C98D521D442B887EAF0DECF6E382C62434D6C3DD7D0D");
    let expected =
        "43A5E821FCF5446C712207F7CD161ED213EE3B9D001D418C57231BEFD596B583ECD55AB2C4456B02738698F90BC59AC0";
    for row in [&EXTENDED_MASTER, &EXTENDED_MASTER_DH] {
        let params = master_params(CKM_SHA256, TlsSession::Hash(session.clone()), false);
        let derived = run(row, &base, &params, 1).unwrap();
        assert_eq!(derived.values[0].expose(), hex(expected));
    }
    let empty = master_params(CKM_SHA256, TlsSession::Hash(vec![]), false);
    assert_eq!(run(&EXTENDED_MASTER, &[0x0B; 48], &empty, 1).err(), Some(Error::MechanismParamInvalid));
}

#[test]
fn the_key_block_of_cavp_is_cut_in_the_order_of_the_rfc() {
    let (block, base) = (hex(KEY_BLOCK), hex(MASTER_SECRET));
    let of = |row, lens, recipes| {
        run(row, &base, &keys_params(lens, randoms(EXPANSION.0, EXPANSION.1)), recipes).unwrap()
    };
    // AES-128-CBC with HMAC-SHA-1, before and after TLS 1.1; the vectors of the safe form are none of its business.
    for (row, iv_bits) in [(&KEY_AND_MAC, 128), (&KEY_AND_MAC, 0), (&KEY_SAFE, 128), (&KEY_SAFE, 7)] {
        let derived = of(row, (160, 128, iv_bits), 4);
        let values: Vec<_> = derived.values.iter().map(|value| value.expose().to_vec()).collect();
        assert_eq!(values, [&block[..20], &block[20..40], &block[40..56], &block[56..72]]);
        let ivs: &[&[u8]] = if std::ptr::eq(row, &KEY_AND_MAC) && iv_bits > 0 {
            &[&block[72..88], &block[88..104]]
        } else {
            &[]
        };
        assert_eq!(derived.ivs, ivs);
    }
    // An authenticated cipher has no MAC keys; a suite without encryption has those alone.
    let gcm = of(&KEY_AND_MAC, (0, 256, 32), 2);
    assert_eq!((gcm.values[0].expose(), gcm.values[1].expose()), (&block[..32], &block[32..64]));
    assert_eq!(gcm.ivs, [&block[64..68], &block[68..72]]);
    let null = of(&KEY_AND_MAC, (256, 0, 0), 2);
    assert_eq!((null.values[0].expose(), null.values[1].expose()), (&block[..32], &block[32..64]));
}

#[test]
fn wrong_parameters_are_refused() {
    let invalid = Some(Error::MechanismParamInvalid);
    let session = || TlsSession::Randoms(zeros());
    for hash in [CKM_TLS_PRF, CKM_SHA_1, CKM_SHA224, CKM_SHA512_256, CKM_SHA256_HMAC, 0, CK_ULONG::MAX] {
        let params = master_params(hash, session(), false);
        assert_eq!(run(&MASTER, &[0; 48], &params, 1).err(), invalid, "{hash:#x}");
    }
    // What comes from Diffie-Hellman has no version in it.
    for row in [&MASTER_DH, &EXTENDED_MASTER_DH] {
        assert_eq!(run(row, &[0; 48], &master_params(CKM_SHA256, session(), true), 1).err(), invalid);
    }
    for (client, server) in [(31, 32), (32, 33), (0, 0)] {
        let odd = || TlsRandoms { client: vec![0; client], server: vec![0; server] };
        let params = master_params(CKM_SHA256, TlsSession::Randoms(odd()), false);
        assert_eq!(run(&MASTER, &[0; 48], &params, 1).err(), invalid);
        assert_eq!(run(&KEY_AND_MAC, &[0; 48], &keys_params((0, 128, 0), odd()), 2).err(), invalid);
    }
    let bounds = [(7, 128, 0), (0, 9, 0), (0, 128, 136), (0, 128, 4), (0, 0, 128)];
    for lens in bounds.into_iter().chain([(CK_ULONG::MAX, 8, 0), (0, CK_ULONG::MAX - 7, 0)]) {
        assert_eq!(run(&KEY_AND_MAC, &[0; 48], &keys_params(lens, zeros()), 2).err(), invalid, "{lens:?}");
    }
    assert_eq!(run(&KEY_AND_MAC, &[0; 48], &keys_params((160, 128, 0), zeros()), 2).err(), invalid);
    assert_eq!(run(&KEY_AND_MAC, &[0; 48], &Params::None, 2).err(), invalid);
    assert_eq!(run(&MASTER, &[0; 48], &Params::None, 1).err(), invalid);
}

#[test]
fn a_premaster_secret_begins_with_the_version_and_is_random_for_the_rest() {
    let make = |len| premaster(&Params::Version([3, 3]), &Recipe { value_len: len, ..Recipe::default() });
    let (Ok(Material::Bytes(one)), Ok(Material::Bytes(two))) = (make(None), make(Some(48))) else {
        panic!("a premaster secret");
    };
    assert_eq!((one.len(), two.len()), (48, 48));
    assert_eq!((&one.expose()[..2], &two.expose()[..2]), (&[3, 3][..], &[3, 3][..]));
    assert_ne!(one.expose(), two.expose());
    assert!(matches!(make(Some(47)), Err(Error::KeySizeRange)));
    assert!(matches!(premaster(&Params::None, &Recipe::default()), Err(Error::MechanismParamInvalid)));
}
