//! `memory`: what the process's own memory holds of a key between its uses.

use super::client::*;
use super::installed::install_text;
use crate::{alone, call};
use cryptoki_sys::*;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

/// The key is never in the test's own memory, but so.
const MASK: u8 = 0x5A;
const CHUNK: usize = 1 << 20;

/// How often the first 16 bytes of the key stand in the memory of this process.
fn found(masked: &[u8]) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let mut chunk = vec![0; CHUNK];
    let mut count = 0;
    for line in maps.lines().filter(|line| line.split(' ').nth(1).unwrap().starts_with("rw")) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let (mut at, to) = (address(from), address(to));
        while at < to {
            let len = CHUNK.min(usize::try_from(to - at).unwrap());
            let Ok(read) = memory.read_at(&mut chunk[..len], at) else { break };
            let first = masked[0] ^ MASK;
            let mut places = chunk[..read].windows(16);
            count += places.by_ref().filter(|place| place[0] == first && same(place, masked)).count();
            black_box(&mut chunk).fill(0);
            at += read.max(1) as u64;
        }
    }
    count
}

fn same(place: &[u8], masked: &[u8]) -> bool {
    place.iter().zip(masked).all(|(byte, masked)| byte ^ MASK == *masked)
}

/// A key that was made here, and its value under the mask.
fn key(session: Session<'_>, label: &str) -> (Key, Vec<u8>) {
    let open = Template::new().label(label).flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
    let key = session.aes(open.uses(&[CKA_ENCRYPT])).unwrap();
    let mut value = session.get(key, CKA_VALUE).unwrap();
    let masked = value.iter().map(|byte| byte ^ MASK).collect();
    black_box(&mut value).fill(0);
    (key, masked)
}

alone! {
    fn shielded_key_leaves_nothing_in_memory_between_its_uses_and_a_fast_one_does() {
        let world = World::new();
        let session = world.user();
        install_text(&world, "[[rule]]\nid = \"r\"\nwhen = { label = \"shielded\" }\nmemory = \"shielded\"\n");
        let cbc = Mechanism::iv(CKM_AES_CBC, &[0; 16]);
        for (label, stays) in [("shielded", false), ("fast", true)] {
            let (key, masked) = key(session, label);
            assert_eq!(found(&masked), 0, "{label}: before its first use");
            for _ in 0..3 {
                assert_eq!(session.encrypt(&cbc, key, &[7; 32]).unwrap().len(), 32);
            }
            assert_eq!(found(&masked) > 0, stays, "{label}: after it");
            // While a use runs the key is there.
            session.encrypt_init(&cbc, key).unwrap();
            assert!(found(&masked) > 0, "{label}: in use");
            let (mut end, mut len) = ([0_u8; 16], 16);
            call!(world.module, C_EncryptFinal, session.handle, end.as_mut_ptr(), &raw mut len).unwrap();
            assert_eq!(found(&masked) > 0, stays, "{label}: after that");
        }
    }
}
