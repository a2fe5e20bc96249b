//! The IVs of messages under one key (PKCS#11 3.2, 6.13): `CK_GENERATOR_FUNCTION`. No IV that is made here
//! comes twice under one key in one process.
//!
//! A counter begins at zero, as the specification has it, and goes on in the next operation with the same key,
//! whichever object that is: beginning again would give IVs again. What another process counts it cannot know, so
//! the fixed bits must name the process (SP 800-38D, 8.2.1). A forked child goes on with no counter of its parent.

use super::random;
use crate::ck::message::{IvGenerator, MessageParams};
use crate::ck::{Error, Result};
use crate::sys::fork;
use crate::sys::lock::Mutex;
use std::collections::BTreeMap;

/// What tells one key from another: something that only it computes. It stays in this file.
pub(super) type Identity = [u8; 16];

/// The counters of this process.
static COUNTERS: Mutex<Counters> = Mutex::new(Counters { by_key: BTreeMap::new(), lost: false });

struct Counters {
    by_key: BTreeMap<Identity, Counting>,
    /// A fork tore the table: nobody knows any more what was given.
    lost: bool,
}

/// More keys than a process counts for.
const MOST_KEYS: usize = 1 << 16;

/// An IV of the module's own choice needs so many bits beside the fixed ones: as many as the shortest nonce
/// of CCM has. With fewer, the random beginnings of two operations under one key would soon meet.
const FEWEST_FREE_BITS: usize = 56;

/// What the generators remember between the messages of one operation.
#[derive(Default)]
pub(super) struct Ivs {
    /// The module's own: a counter from a random start.
    own: Option<Own>,
}

/// How an IV is laid out, in bits. Two layouts of one counter could give the same IV.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Layout {
    fixed: usize,
    free: usize,
}

struct Counting {
    /// The process that counts, by [`fork::generation`].
    home: u32,
    generator: IvGenerator,
    layout: Layout,
    /// The caller's value under the counter; zeros where there is none.
    base: Vec<u8>,
    next: u64,
}

struct Own {
    /// The process that drew the start, by [`fork::generation`].
    home: u32,
    layout: Layout,
    start: Vec<u8>,
    next: u64,
}

impl Ivs {
    /// Completes the IV of a message that is to be encrypted.
    ///
    /// # Errors
    /// `CKR_MECHANISM_PARAM_INVALID` where more bits are fixed than there are, too few are left, the
    /// layout changes under a counter, the counter is a parent's, or it has given all its values: an IV would
    /// come again. `CKR_DEVICE_MEMORY` where too many keys are counted for.
    pub(super) fn complete(
        &mut self,
        params: &mut MessageParams,
        key: impl FnOnce() -> Result<Identity>,
    ) -> Result<()> {
        let bits = params.iv.len().saturating_mul(8);
        let fixed = usize::try_from(params.fixed_bits).map_err(|_| Error::MechanismParamInvalid)?;
        if params.generator == IvGenerator::Caller {
            return Ok(());
        }
        let free = bits.checked_sub(fixed).ok_or(Error::MechanismParamInvalid)?;
        let layout = Layout { fixed, free };
        let made = match params.generator {
            IvGenerator::Caller => return Ok(()),
            IvGenerator::Module => self.own(layout, params.iv.len())?,
            IvGenerator::Random => {
                enough(layout)?;
                random_bytes(params.iv.len())?
            }
            generator @ (IvGenerator::Counter | IvGenerator::CounterXor) => {
                counted(key()?, generator, layout, &params.iv)?
            }
        };
        merge(&mut params.iv, &made, fixed);
        Ok(())
    }

    fn own(&mut self, layout: Layout, len: usize) -> Result<Vec<u8>> {
        enough(layout)?;
        let home = fork::generation();
        let own = match self.own.take().filter(|own| own.layout == layout && own.home == home) {
            Some(own) => self.own.insert(own),
            None => self.own.insert(Own { home, layout, start: random_bytes(len)?, next: 0 }),
        };
        let count = own.next;
        own.next = count.checked_add(1).ok_or(Error::MechanismParamInvalid)?;
        let mut iv = own.start.clone();
        add(&mut iv, count);
        Ok(iv)
    }
}

/// The next IV of the key's counter.
fn counted(key: Identity, generator: IvGenerator, layout: Layout, given: &[u8]) -> Result<Vec<u8>> {
    let base = match generator {
        IvGenerator::CounterXor => given.to_vec(),
        _ => vec![0; given.len()],
    };
    let mut counters = COUNTERS.lock();
    if counters.was_torn() {
        std::mem::forget(std::mem::take(&mut counters.by_key));
        counters.lost = true;
    }
    if counters.lost {
        return Err(Error::MechanismParamInvalid);
    }
    if counters.by_key.len() >= MOST_KEYS && !counters.by_key.contains_key(&key) {
        return Err(Error::DeviceMemory);
    }
    let home = fork::generation();
    let fresh = || Counting { home, generator, layout, base: base.clone(), next: 0 };
    let counting = counters.by_key.entry(key).or_insert_with(fresh);
    let same_base = same_behind(&counting.base, &base, layout.fixed);
    if counting.home != home || counting.generator != generator || counting.layout != layout || !same_base {
        return Err(Error::MechanismParamInvalid);
    }
    let count = counting.next;
    let last = u32::try_from(layout.free).ok().and_then(|free| 1_u64.checked_shl(free));
    if last.is_some_and(|end| count >= end) {
        return Err(Error::MechanismParamInvalid);
    }
    counting.next = count.checked_add(1).ok_or(Error::MechanismParamInvalid)?;
    let mut iv = base;
    for (byte, counted) in iv.iter_mut().rev().zip(count.to_le_bytes()) {
        *byte ^= counted;
    }
    Ok(iv)
}

fn enough(layout: Layout) -> Result<()> {
    if layout.free >= FEWEST_FREE_BITS { Ok(()) } else { Err(Error::MechanismParamInvalid) }
}

fn random_bytes(len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    random::fill(&mut bytes)?;
    Ok(bytes)
}

/// Adds to a big-endian number, modulo its length.
fn add(number: &mut [u8], mut more: u64) {
    for byte in number.iter_mut().rev() {
        let sum = u64::from(*byte) + (more & 0xFF);
        let [low, ..] = sum.to_le_bytes();
        *byte = low;
        more = (more >> 8) + (sum >> 8);
    }
}

/// Which bits of the byte at this place are among the first `fixed` bits.
fn mask(at: usize, fixed: usize) -> u8 {
    match fixed.saturating_sub(at.saturating_mul(8)) {
        0 => 0,
        bits @ 1..8 => !(0xFF >> bits),
        _ => 0xFF,
    }
}

/// Keeps the first `fixed` bits and takes the others from `made`.
fn merge(iv: &mut [u8], made: &[u8], fixed: usize) {
    for (at, (byte, made)) in iv.iter_mut().zip(made).enumerate() {
        let kept = mask(at, fixed);
        *byte = *byte & kept | made & !kept;
    }
}

/// Whether two values have the same bits behind the first `fixed`.
fn same_behind(one: &[u8], other: &[u8], fixed: usize) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).enumerate().all(|(at, (one, other))| (one ^ other) & !mask(at, fixed) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn params(iv: &[u8], fixed_bits: u64, generator: IvGenerator) -> MessageParams {
        MessageParams {
            iv: iv.to_vec(),
            fixed_bits,
            generator,
            tag: vec![0; 16],
            data_len: None,
            aad: vec![],
        }
    }

    fn next(ivs: &mut Ivs, iv: &[u8], fixed: u64, generator: IvGenerator) -> Result<Vec<u8>> {
        let mut params = params(iv, fixed, generator);
        ivs.complete(&mut params, || panic!("a counter alone asks for the key")).map(|()| params.iv)
    }

    /// One more IV of a counter under a key, each time in an operation of its own.
    fn count(key: u8, iv: &[u8], fixed: u64, generator: IvGenerator) -> Result<Vec<u8>> {
        let mut params = params(iv, fixed, generator);
        Ivs::default().complete(&mut params, || Ok([key; 16])).map(|()| params.iv)
    }

    const INVALID: Result<Vec<u8>> = Err(Error::MechanismParamInvalid);

    #[test]
    fn a_counter_starts_at_zero_and_goes_on_in_the_next_operation() {
        for expected in 0..300_u64 {
            let iv = count(1, &[0xAB; 12], 32, IvGenerator::Counter).unwrap();
            assert_eq!(iv[..4], [0xAB; 4]);
            assert_eq!(iv[4..], expected.to_be_bytes());
        }
        // Another key has a counter of its own.
        assert_eq!(count(2, &[0xAB; 12], 32, IvGenerator::Counter).unwrap()[4..], [0; 8]);
        // A layout of its own would meet what was given before.
        assert_eq!(count(1, &[0xAB; 12], 40, IvGenerator::Counter), INVALID);
        assert_eq!(count(1, &[0xAB; 12], 32, IvGenerator::CounterXor), INVALID);
    }

    #[test]
    fn fixed_bits_are_bits() {
        for expected in 0..8 {
            assert_eq!(count(3, &[0xFF; 2], 13, IvGenerator::Counter), Ok(vec![0xFF, 0xF8 | expected]));
        }
        // Three bits count to eight, and then an IV would come again.
        assert_eq!(count(3, &[0xFF; 2], 13, IvGenerator::Counter), INVALID);
        assert_eq!(count(4, &[7; 12], 96, IvGenerator::Counter), Ok(vec![7; 12]));
        assert_eq!(count(4, &[7; 12], 96, IvGenerator::Counter), INVALID);
        assert_eq!(count(4, &[7; 12], 97, IvGenerator::Counter), INVALID);
        assert_eq!(count(4, &[7; 12], u64::MAX, IvGenerator::Random), INVALID);
    }

    #[test]
    fn a_counter_over_a_value_needs_the_same_value_each_time() {
        let base = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        for number in 0..3 {
            let mut expected = base;
            expected[11] ^= number;
            assert_eq!(count(5, &base, 0, IvGenerator::CounterXor), Ok(expected.to_vec()));
        }
        assert_eq!(count(5, &[0; 12], 0, IvGenerator::CounterXor), INVALID);
    }

    #[test]
    fn a_forked_child_makes_no_iv_that_its_parent_makes() {
        use crate::sys::fork::trial::in_child;
        count(6, &[0; 12], 0, IvGenerator::Counter).unwrap();
        let refused = in_child(|| vec![u8::from(count(6, &[0; 12], 0, IvGenerator::Counter) == INVALID)]);
        assert_eq!(refused, Some(vec![1]));
        let mut ivs = Ivs::default();
        next(&mut ivs, &[0; 12], 0, IvGenerator::Module).unwrap();
        let theirs = in_child(|| next(&mut ivs, &[0; 12], 0, IvGenerator::Module).unwrap()).unwrap();
        let ours = next(&mut ivs, &[0; 12], 0, IvGenerator::Module).unwrap();
        // A counter from one start would differ in its last bytes at most.
        assert_ne!(ours[..8], theirs[..8]);
    }

    #[test]
    fn made_ivs_never_come_twice_and_keep_the_fixed_bits() {
        for generator in [IvGenerator::Module, IvGenerator::Random] {
            let mut ivs = Ivs::default();
            let mut seen = HashSet::new();
            for _ in 0..1000 {
                let iv = next(&mut ivs, &[0x5A; 12], 36, generator).unwrap();
                assert_eq!((&iv[..4], iv[4] & 0xF0), (&[0x5A; 4][..], 0x50));
                assert!(seen.insert(iv));
            }
            assert_eq!(next(&mut ivs, &[0; 12], 41, generator), Err(Error::MechanismParamInvalid));
            assert!(next(&mut ivs, &[0; 7], 0, generator).is_ok());
        }
    }

    #[test]
    fn addition_carries_through_the_whole_number() {
        let mut number = [0xFF, 0xFF, 0xFE];
        add(&mut number, 3);
        assert_eq!(number, [0, 0, 1]);
        let mut number = [0, 1, 0xFF];
        add(&mut number, 0x1_02);
        assert_eq!(number, [0, 3, 1]);
    }
}
