//! `CK_..._MESSAGE_PARAMS` structures <-> [`MessageParams`]. What is read is a copy; what is written goes
//! to the same places when the call is over and no slice over the caller's memory lives any more.

use super::abi::{
    self, CK_CCM_MESSAGE_PARAMS, CK_CCM_WRAP_PARAMS, CK_GCM_MESSAGE_PARAMS, CK_GCM_WRAP_PARAMS,
    CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, CK_ULONG,
};
use crate::ck::message::{IvGenerator, MessageParams, MessageShape, MessageStep};
use crate::ck::{Error, Result};
use cryptoki_sys::CKG_NO_GENERATE;
use std::ptr::null_mut;

/// Longest IV in bytes.
const LARGEST_IV: CK_ULONG = 256;
/// Longest tag in bytes.
const LARGEST_TAG: CK_ULONG = 16;
/// Length of the tag of Poly1305 in bytes.
const POLY1305_TAG: CK_ULONG = 16;

/// A parameter with the places that its IV and tag stand at. Made by [`read`] alone, whose caller vouches
/// for both places.
pub struct Located {
    /// What was read.
    pub params: MessageParams,
    iv: *mut u8,
    tag: *mut u8,
}

/// The fields that the three structures share.
struct Fields {
    iv: *mut u8,
    iv_len: CK_ULONG,
    fixed_bits: CK_ULONG,
    generator: CK_ULONG,
    tag: *mut u8,
    tag_len: CK_ULONG,
    data_len: Option<CK_ULONG>,
    aad: *const u8,
    aad_len: CK_ULONG,
}

/// Length of the structure in bytes.
pub const fn len(shape: MessageShape) -> usize {
    match shape {
        MessageShape::Gcm => size_of::<CK_GCM_MESSAGE_PARAMS>(),
        MessageShape::Ccm => size_of::<CK_CCM_MESSAGE_PARAMS>(),
        MessageShape::Poly1305 => size_of::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>(),
        MessageShape::GcmWrap => size_of::<CK_GCM_WRAP_PARAMS>(),
        MessageShape::CcmWrap => size_of::<CK_CCM_WRAP_PARAMS>(),
    }
}

/// Reads the parameter of one message. At the beginning of an encryption only those bits of the IV are
/// read that are the caller's, and its tag is never read.
///
/// # Errors
/// `CKR_MECHANISM_PARAM_INVALID` for a structure of another length, an IV that is empty or longer than 256
/// bytes, a tag that is no number of bytes or longer than 16, and NULL for what the step needs.
///
/// # Safety
/// Unless it is NULL, `len` bytes from `start` are readable; where the structure's own length fits them, its
/// pointers are NULL or lead to as many bytes as the lengths beside them say, which may be read and, when
/// encrypting, written, during the call that the answer lives for.
pub unsafe fn read(
    start: *const u8,
    parameter_len: CK_ULONG,
    shape: MessageShape,
    step: MessageStep,
    encrypting: bool,
) -> Result<Located> {
    if !abi::is_place(start.addr()) || usize::try_from(parameter_len) != Ok(len(shape)) {
        return Err(Error::MechanismParamInvalid);
    }
    // SAFETY: the caller vouches for as many readable bytes as the structure has.
    let fields = unsafe { fields(start, shape) }?;
    // With the tag behind the ciphertext there is no place for it here.
    let apart = !matches!(shape, MessageShape::GcmWrap | MessageShape::CcmWrap);
    let (with_iv, with_tag) = match step {
        MessageStep::Whole => (true, apart),
        MessageStep::Begin => (true, false),
        MessageStep::Middle => (false, false),
        MessageStep::Last => (false, true),
    };
    let generator =
        if encrypting && with_iv { IvGenerator::from_number(fields.generator)? } else { IvGenerator::Caller };
    let iv_len = within(fields.iv_len, LARGEST_IV)?;
    let tag_len = within(fields.tag_len, LARGEST_TAG)?;
    if with_iv && (!abi::is_place(fields.iv.addr()) || iv_len == 0)
        || with_tag && !abi::is_place(fields.tag.addr()) && tag_len > 0
    {
        return Err(Error::MechanismParamInvalid);
    }
    let mut iv = vec![0; iv_len];
    if with_iv {
        let wanted = match generator {
            IvGenerator::Caller | IvGenerator::CounterXor => iv_len,
            _ => usize::try_from(fields.fixed_bits.div_ceil(8)).unwrap_or(usize::MAX).min(iv_len),
        };
        // SAFETY: the caller vouches for `iv_len` bytes at `iv`, and `wanted` is no more.
        unsafe { copy_in(fields.iv, iv.get_mut(..wanted)) }?;
    }
    let mut tag = vec![0; tag_len];
    if with_tag && !encrypting {
        // SAFETY: the caller vouches for `tag_len` bytes at `tag`.
        unsafe { copy_in(fields.tag, Some(&mut tag)) }?;
    }
    if fields.aad_len > super::params::LARGEST_AAD {
        return Err(Error::MechanismParamInvalid);
    }
    // SAFETY: the caller vouches for `aad_len` bytes at `aad`. NULL with a length is an error there.
    let aad = unsafe { abi::bytes(fields.aad, fields.aad_len) }.map_err(|_| Error::MechanismParamInvalid)?;
    let aad = aad.to_vec();
    let params =
        MessageParams { aad, iv, fixed_bits: fields.fixed_bits, generator, tag, data_len: fields.data_len };
    Ok(Located { params, iv: fields.iv, tag: fields.tag })
}

/// Reads the structure itself.
///
/// # Safety
/// As many bytes from `start` as the structure has are readable.
unsafe fn fields(start: *const u8, shape: MessageShape) -> Result<Fields> {
    Ok(match shape {
        MessageShape::Gcm => {
            // SAFETY: passed on. Numbers and pointers, for which every pattern of bits is a value.
            let gcm: CK_GCM_MESSAGE_PARAMS = unsafe { abi::read(start.cast()) }?;
            if !gcm.ulTagBits.is_multiple_of(8) {
                return Err(Error::MechanismParamInvalid);
            }
            Fields {
                iv: gcm.pIv,
                iv_len: gcm.ulIvLen,
                fixed_bits: gcm.ulIvFixedBits,
                generator: gcm.ivGenerator,
                tag: gcm.pTag,
                tag_len: gcm.ulTagBits / 8,
                data_len: None,
                aad: null_mut(),
                aad_len: 0,
            }
        }
        MessageShape::Ccm => {
            // SAFETY: as above.
            let ccm: CK_CCM_MESSAGE_PARAMS = unsafe { abi::read(start.cast()) }?;
            Fields {
                iv: ccm.pNonce,
                iv_len: ccm.ulNonceLen,
                fixed_bits: ccm.ulNonceFixedBits,
                generator: ccm.nonceGenerator,
                tag: ccm.pMAC,
                tag_len: ccm.ulMACLen,
                data_len: Some(ccm.ulDataLen),
                aad: null_mut(),
                aad_len: 0,
            }
        }
        MessageShape::Poly1305 => {
            // SAFETY: as above.
            let poly: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS = unsafe { abi::read(start.cast()) }?;
            Fields {
                iv: poly.pNonce,
                iv_len: super::params::chacha20_nonce_len(poly.ulNonceLen)?,
                fixed_bits: 0,
                generator: CKG_NO_GENERATE,
                tag: poly.pTag,
                tag_len: POLY1305_TAG,
                data_len: None,
                aad: null_mut(),
                aad_len: 0,
            }
        }
        MessageShape::GcmWrap => {
            // SAFETY: as above.
            let gcm: CK_GCM_WRAP_PARAMS = unsafe { abi::read(start.cast()) }?;
            if !gcm.ulTagBits.is_multiple_of(8) {
                return Err(Error::MechanismParamInvalid);
            }
            Fields {
                iv: gcm.pIv,
                iv_len: gcm.ulIvLen,
                fixed_bits: gcm.ulIvFixedBits,
                generator: gcm.ivGenerator,
                tag: null_mut(),
                tag_len: gcm.ulTagBits / 8,
                data_len: None,
                aad: gcm.pAAD,
                aad_len: gcm.ulAADLen,
            }
        }
        MessageShape::CcmWrap => {
            // SAFETY: as above.
            let ccm: CK_CCM_WRAP_PARAMS = unsafe { abi::read(start.cast()) }?;
            // The announced length is to be ignored: the key has its own (PKCS#11 3.2, 6.13.5).
            Fields {
                iv: ccm.pNonce,
                iv_len: ccm.ulNonceLen,
                fixed_bits: ccm.ulNonceFixedBits,
                generator: ccm.nonceGenerator,
                tag: null_mut(),
                tag_len: ccm.ulMACLen,
                data_len: None,
                aad: ccm.pAAD,
                aad_len: ccm.ulAADLen,
            }
        }
    })
}

fn within(len: CK_ULONG, largest: CK_ULONG) -> Result<usize> {
    if len > largest {
        return Err(Error::MechanismParamInvalid);
    }
    usize::try_from(len).map_err(|_| Error::MechanismParamInvalid)
}

/// # Safety
/// `from` leads to as many readable bytes as `to` has, which is memory of our own.
unsafe fn copy_in(from: *const u8, to: Option<&mut [u8]>) -> Result<()> {
    if let Some(to) = to {
        let len = CK_ULONG::try_from(to.len()).map_err(|_| Error::MechanismParamInvalid)?;
        // SAFETY: the caller vouches for the source. What cannot be a pointer is an error there.
        to.copy_from_slice(unsafe { abi::bytes(from, len) }.map_err(|_| Error::MechanismParamInvalid)?);
    }
    Ok(())
}

/// A stretch of a caller's memory: where it begins, and its length in bytes.
type Stretch = (usize, usize);

impl Located {
    /// Whether what will be written would fall on one another: an output of `out`, and the IV and the tag
    /// that the step of an encryption writes.
    pub fn collides(&self, step: MessageStep, out: Stretch) -> bool {
        let iv_is_made = self.params.generator != IvGenerator::Caller
            && matches!(step, MessageStep::Whole | MessageStep::Begin);
        let tag_is_made =
            matches!(step, MessageStep::Whole | MessageStep::Last) && abi::is_place(self.tag.addr());
        let iv = (self.iv.addr(), if iv_is_made { self.params.iv.len() } else { 0 });
        let tag = (self.tag.addr(), if tag_is_made { self.params.tag.len() } else { 0 });
        meet(iv, tag) || meet(iv, out) || meet(tag, out)
    }

    /// Writes what an encryption made: the IV where the module made it, the tag at the message's end.
    pub fn write(&self, made: &MessageParams, step: MessageStep) {
        if self.params.generator != IvGenerator::Caller
            && matches!(step, MessageStep::Whole | MessageStep::Begin)
            && made.iv.len() == self.params.iv.len()
        {
            // SAFETY: `read` saw that the place is not NULL; its caller vouches for this length there.
            unsafe { made.iv.as_ptr().copy_to(self.iv, made.iv.len()) };
        }
        if matches!(step, MessageStep::Whole | MessageStep::Last)
            && abi::is_place(self.tag.addr())
            && made.tag.len() == self.params.tag.len()
        {
            // SAFETY: as above; a tag without bytes is not written.
            unsafe { made.tag.as_ptr().copy_to(self.tag, made.tag.len()) };
        }
    }
}

fn meet(one: Stretch, other: Stretch) -> bool {
    one.1 > 0
        && other.1 > 0
        && one.0 < other.0.saturating_add(other.1)
        && other.0 < one.0.saturating_add(one.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKG_GENERATE, CKG_GENERATE_COUNTER};

    const SHAPES: [MessageShape; 5] = [
        MessageShape::Gcm,
        MessageShape::Ccm,
        MessageShape::Poly1305,
        MessageShape::GcmWrap,
        MessageShape::CcmWrap,
    ];
    const STEPS: [MessageStep; 4] =
        [MessageStep::Whole, MessageStep::Begin, MessageStep::Middle, MessageStep::Last];

    fn gcm(iv: &mut [u8], tag: &mut [u8], generator: CK_ULONG, fixed: CK_ULONG) -> CK_GCM_MESSAGE_PARAMS {
        CK_GCM_MESSAGE_PARAMS {
            pIv: iv.as_mut_ptr(),
            ulIvLen: CK_ULONG::try_from(iv.len()).unwrap(),
            ulIvFixedBits: fixed,
            ivGenerator: generator,
            pTag: tag.as_mut_ptr(),
            ulTagBits: CK_ULONG::try_from(tag.len() * 8).unwrap(),
        }
    }

    fn read_gcm(gcm: &CK_GCM_MESSAGE_PARAMS, step: MessageStep, encrypting: bool) -> Result<Located> {
        let start = std::ptr::from_ref(gcm).cast();
        let size = CK_ULONG::try_from(size_of::<CK_GCM_MESSAGE_PARAMS>()).unwrap();
        // SAFETY: memory of the test's own, or NULL, which is refused or not followed.
        unsafe { read(start, size, MessageShape::Gcm, step, encrypting) }
    }

    #[test]
    fn null_and_wrong_lengths_are_refused_for_every_shape_and_step() {
        let zeros = [0_u8; 128];
        for shape in SHAPES {
            let right = CK_ULONG::try_from(len(shape)).unwrap();
            for step in STEPS {
                for encrypting in [false, true] {
                    // SAFETY: NULL, or zeros of our own: their pointers are NULL.
                    let of = |start, len| unsafe { read(start, len, shape, step, encrypting) }.map(drop);
                    let wrong = Err(Error::MechanismParamInvalid);
                    assert_eq!(of(std::ptr::null(), right), wrong);
                    for len in [0, 1, right - 1, right + 1, CK_ULONG::MAX] {
                        assert_eq!(of(zeros.as_ptr(), len), wrong, "{shape:?} {len}");
                    }
                    if matches!(step, MessageStep::Whole | MessageStep::Begin) {
                        assert_eq!(of(zeros.as_ptr(), right), wrong, "{shape:?} without an IV");
                    }
                }
            }
        }
    }

    #[test]
    fn only_what_the_step_needs_is_read() {
        let (mut iv, mut tag) = ([0xFF_u8; 12], [7_u8; 16]);
        let counted = gcm(&mut iv, &mut tag, CKG_GENERATE_COUNTER, 20);
        let whole = read_gcm(&counted, MessageStep::Whole, true).unwrap().params;
        // Twenty bits are in three bytes; the tag of an encryption is a result.
        assert_eq!(whole.iv, [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(whole.tag, [0; 16]);
        let decrypting = read_gcm(&counted, MessageStep::Whole, false).unwrap().params;
        assert_eq!((decrypting.iv, decrypting.generator), (vec![0xFF; 12], IvGenerator::Caller));
        assert_eq!(decrypting.tag, [7; 16]);
        // The generator of the structure counts at the beginning of an encryption only.
        let unknown = CK_GCM_MESSAGE_PARAMS { ivGenerator: 99, ..counted };
        assert!(read_gcm(&unknown, MessageStep::Begin, true).is_err());
        assert!(read_gcm(&unknown, MessageStep::Last, true).is_ok());
        assert!(read_gcm(&unknown, MessageStep::Begin, false).is_ok());
        // At the beginning there need be no place for the tag yet, and later none for the IV.
        let null = std::ptr::null_mut();
        assert!(
            read_gcm(&CK_GCM_MESSAGE_PARAMS { pTag: null, ..counted }, MessageStep::Begin, false).is_ok()
        );
        assert!(read_gcm(&CK_GCM_MESSAGE_PARAMS { pTag: null, ..counted }, MessageStep::Last, true).is_err());
        assert!(read_gcm(&CK_GCM_MESSAGE_PARAMS { pIv: null, ..counted }, MessageStep::Last, false).is_ok());
    }

    #[test]
    fn results_go_to_their_places_and_collisions_are_seen() {
        let mut memory = [1_u8; 64];
        let (iv, rest) = memory.split_at_mut(12);
        let (tag, _) = rest.split_at_mut(16);
        let params = gcm(iv, tag, CKG_GENERATE, 0);
        let located = read_gcm(&params, MessageStep::Whole, true).unwrap();
        let base = params.pIv.addr();
        for (out, collides) in [
            ((base, 12), true),
            ((base + 12, 1), true),
            ((base + 27, 9), true),
            ((base + 28, 9), false),
            ((base + 5, 0), false),
        ] {
            assert_eq!(located.collides(MessageStep::Whole, out), collides, "{out:?}");
        }
        assert!(!located.collides(MessageStep::Begin, (base + 12, 16)), "the tag comes later");
        let mut made = located.params.clone();
        (made.iv, made.tag) = (vec![5; 12], vec![6; 16]);
        located.write(&made, MessageStep::Begin);
        // SAFETY: the places are in the memory above.
        let at = |place: *mut u8| unsafe { place.read() };
        assert_eq!((at(params.pIv), at(params.pTag)), (5, 1));
        located.write(&made, MessageStep::Last);
        assert_eq!((at(params.pTag), at(params.pTag.wrapping_add(15))), (6, 6));
        assert_eq!(memory[28..], [1; 36]);
    }
}
