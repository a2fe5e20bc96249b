//! ChaCha20 by itself: with a counter of 32 bits and a nonce of 96 (RFC 8439, 2.4), and as it was first described,
//! with 64 bits of each.

use super::Material;
use super::chacha20_poly1305::SIZES;
use super::engine::chacha20::{self, BLOCK, KEY, NONCE};
use super::mechanism::{Ciphering, Context, Ops, Row};
use super::self_test::{self, Family};
use super::start::{first, prepared};
use crate::ck::params::Shape;
use crate::ck::{Error, Params, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::Zeroizing;

/// CKM_CHACHA20. PKCS#11 3.2, 6.58. The counter is a little-endian number, as in the state of the cipher. The variant
/// with a nonce of 192 bits (XChaCha20) is not offered: no standard has it, nor has the engine.
pub static CHACHA20: Row = Row {
    ckm: CKM_CHACHA20,
    key_types: &[CKK_CHACHA20],
    sizes: SIZES,
    shape: Shape::ChaCha20,
    flags: 0,
    prepare: Some(prepare),
    ops: Ops {
        encrypt: Some(|context, params| start(Error::DataLenRange, context, params)),
        decrypt: Some(|context, params| start(Error::EncryptedDataLenRange, context, params)),
        ..Ops::NONE
    },
};

/// A prepared key: the cipher has no key schedule.
struct StreamKey(Secret);

impl StreamKey {
    fn bytes(&self) -> Result<&[u8; KEY]> {
        self.0.expose().try_into().map_err(|_| Error::KeySizeRange)
    }
}

fn prepare(key: &Material) -> Result<Context> {
    self_test::ready(Family::ChaCha20)?;
    let Material::Bytes(secret) = key else { return Err(Error::KeyTypeInconsistent) };
    let key = StreamKey(Secret::from_slice(secret.expose()));
    key.bytes()?;
    Ok(Arc::new(key))
}

/// A running stream.
struct Stream {
    key: Arc<StreamKey>,
    /// The nonce as it stands in the last 4 words of the state, the counter's upper half where it has one before it.
    nonce: Nonce,
    /// The next block; where the counter has 32 bits, it is no larger than 2^32.
    next: u64,
    /// Bytes until the counter would overflow.
    left: u128,
    /// What is left of a block of the key stream that was begun: its last bytes.
    begun: Zeroizing<[u8; BLOCK]>,
    rest: usize,
    beyond: Error,
}

enum Nonce {
    /// With a counter of 32 bits.
    Long([u8; NONCE]),
    /// With a counter of 64 bits.
    Short([u8; 8]),
}

fn start(beyond: Error, context: &Context, params: &Params) -> Result<Box<dyn Ciphering>> {
    let Params::ChaCha20 { counter, nonce } = params else { return Err(Error::MechanismParamInvalid) };
    let (nonce, next, blocks) = match (counter.as_slice().try_into(), nonce.as_slice().try_into()) {
        (Ok(counter), Ok(nonce)) => {
            let next = u32::from_le_bytes(counter).into();
            (Nonce::Long(nonce), next, (1 << 32) - u128::from(next))
        }
        _ => {
            let invalid = |_| Error::MechanismParamInvalid;
            let next = u64::from_le_bytes(counter.as_slice().try_into().map_err(invalid)?);
            let nonce = nonce.as_slice().try_into().map_err(invalid)?;
            (Nonce::Short(nonce), next, (1 << 64) - u128::from(next))
        }
    };
    Ok(Box::new(Stream {
        key: prepared(context)?,
        nonce,
        next,
        left: blocks * BLOCK as u128,
        begun: Zeroizing::new([0; BLOCK]),
        rest: 0,
        beyond,
    }))
}

impl Stream {
    /// Runs bytes through that begin with a block, under one value of the counter's upper half.
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
        let counter = self.next as u32;
        let nonce = match &self.nonce {
            Nonce::Long(nonce) => *nonce,
            Nonce::Short(short) => {
                let upper = ((self.next >> 32) as u32).to_le_bytes();
                let mut nonce = [0; NONCE];
                let (head, tail) = nonce.split_at_mut(upper.len());
                head.copy_from_slice(&upper);
                tail.copy_from_slice(short);
                nonce
            }
        };
        chacha20::apply(self.key.bytes()?, &nonce, counter, input, out)?;
        // After the very last block it is zero again, and nothing is left.
        self.next = self.next.wrapping_add(input.len().div_ceil(BLOCK) as u64);
        Ok(())
    }

    /// Whole blocks, cut where the lower half of the counter begins again.
    fn blocks(&mut self, mut input: &[u8], mut out: &mut [u8]) -> Result<()> {
        while !input.is_empty() {
            let until = (1_u64 << 32) - (self.next & u64::from(u32::MAX));
            let most = usize::try_from(until).unwrap_or(usize::MAX).saturating_mul(BLOCK);
            let (now, later) = input.split_at_checked(most).unwrap_or((input, &[]));
            let (out_now, out_later) = out.split_at_mut_checked(now.len()).ok_or(Error::GeneralError)?;
            self.run(now, out_now)?;
            (input, out) = (later, out_later);
        }
        Ok(())
    }

    /// As much as the block that was begun still covers; answers how much that was.
    fn cover(&mut self, input: &[u8], out: &mut [u8]) -> usize {
        let stream = self.begun.get(BLOCK.saturating_sub(self.rest)..).unwrap_or_default();
        let mut done = 0;
        for ((out, byte), stream) in out.iter_mut().zip(input).zip(stream) {
            *out = byte ^ stream;
            done += 1;
        }
        self.rest -= done;
        done
    }
}

impl Ciphering for Stream {
    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let out = first(out, input.len())?;
        self.left = self.left.checked_sub(input.len() as u128).ok_or(self.beyond)?;
        let done = self.cover(input, out);
        let (_, rest) = input.split_at_checked(done).ok_or(Error::GeneralError)?;
        let (_, out) = out.split_at_mut_checked(done).ok_or(Error::GeneralError)?;
        let whole = rest.len() - rest.len() % BLOCK;
        let (body, tail) = rest.split_at_checked(whole).ok_or(Error::GeneralError)?;
        let (out_body, out_tail) = out.split_at_mut_checked(whole).ok_or(Error::GeneralError)?;
        self.blocks(body, out_body)?;
        if !tail.is_empty() {
            let mut stream = Zeroizing::new([0; BLOCK]);
            self.run(&[0; BLOCK], &mut *stream)?;
            (self.begun, self.rest) = (stream, BLOCK);
            self.cover(tail, out_tail);
        }
        Ok(input.len())
    }

    fn finish_len(&self) -> usize {
        0
    }

    fn finish(&mut self, _out: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.update(input, out)
    }

    fn exact(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::chacha20_poly1305::import;
    use crate::crypto::tests::*;

    fn params(counter: &[u8], nonce: &[u8]) -> Params {
        Params::ChaCha20 { counter: counter.to_vec(), nonce: nonce.to_vec() }
    }

    fn context_of(key: &[u8]) -> Context {
        context(&CHACHA20, &import(key).unwrap())
    }

    /// RFC 8439, 2.4.2.
    #[test]
    fn chacha20_of_rfc_8439_is_known() {
        let context = context_of(&(0..32).collect::<Vec<_>>());
        let params = params(&1_u32.to_le_bytes(), &hex("000000000000004a00000000"));
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let ciphertext = "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d";
        check_cipher(&CHACHA20, &context, &params, plaintext, &hex(ciphertext));
    }

    /// RFC 8439, A.1, test vectors 4 and 5 (keys and nonces of zeros but for one byte), and draft-strombergson-chacha-test-vectors-01,
    /// TC8 with 20 rounds and 256 bits, whose nonce has 64 bits.
    #[test]
    fn key_streams_of_both_variants_are_known() {
        let mut key = [0; 32];
        key[1] = 0xFF;
        let stream = "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096";
        let iv = params(&2_u32.to_le_bytes(), &[0; 12]);
        check_cipher(&CHACHA20, &context_of(&key), &iv, &[0; 64], &hex(stream));
        let mut nonce = [0; 12];
        nonce[11] = 2;
        let stream = "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c78a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d";
        let iv = params(&[0; 4], &nonce);
        check_cipher(&CHACHA20, &context_of(&[0; 32]), &iv, &[0; 64], &hex(stream));
        let key = hex("c46ec1b18ce8a878725a37e780dfb7351f68ed2e194c79fbc6aebee1a667975d");
        let stream = "f63a89b75c2271f9368816542ba52f06ed49241792302b00b5e8f80ae9a473afc25b218f519af0fdd406362e8d69de7f54c604a6e00f353f110f771bdca8ab92e5fbc34e60a1d9a9db17345b0a402736853bf910b060bdf1f897b6290f01d138ae2c4c90225ba9ea14d518f55929dea098ca7a6ccfe61227053c84e49a4a3332";
        let iv = params(&[0; 8], &hex("1ada31d5cf688221"));
        check_cipher(&CHACHA20, &context_of(&key), &iv, &[0; 128], &hex(stream));
    }

    /// The lower half of a long counter begins again at zero and carries into the upper one, which is the first word
    /// of the nonce of the other variant.
    #[test]
    fn long_counter_carries_into_its_upper_half() {
        let context = context_of(&[7; 32]);
        let start = (5_u64 << 32) - 2;
        let zeros = [0; 300];
        let long = params(&start.to_le_bytes(), &[9; 8]);
        let stream = whole(CHACHA20.ops.encrypt, &context, &long, &zeros).unwrap();
        check_cipher(&CHACHA20, &context, &long, &zeros, &stream);
        let short = |upper: u32, lower: u32| {
            let nonce = [&upper.to_le_bytes()[..], &[9; 8]].concat();
            whole(CHACHA20.ops.encrypt, &context, &params(&lower.to_le_bytes(), &nonce), &zeros[..128])
                .unwrap()
        };
        assert_eq!(stream[..128], short(4, u32::MAX - 1)[..]);
        assert_eq!(stream[128..256], short(5, 0)[..]);
    }

    #[test]
    fn message_that_would_overflow_the_counter_is_refused() {
        let context = context_of(&[7; 32]);
        let last = [params(&[0xFF; 4], &[1; 12]), params(&[0xFF; 8], &[1; 8])];
        for params in last {
            for (start, refusal) in [
                (CHACHA20.ops.encrypt, Error::DataLenRange),
                (CHACHA20.ops.decrypt, Error::EncryptedDataLenRange),
            ] {
                assert!(whole(start, &context, &params, &[0; 64]).is_ok());
                assert!(in_pieces(start, &context, &params, &[0; 64]).is_ok());
                assert_eq!(whole(start, &context, &params, &[0; 65]), Err(refusal));
                assert_eq!(in_pieces(start, &context, &params, &[0; 65]), Err(refusal));
            }
        }
    }

    #[test]
    fn start_with_wrong_parameters_or_keys_is_refused() {
        let context = context_of(&[7; 32]);
        for params in [
            Params::None,
            params(&[0; 4], &[0; 8]),
            params(&[0; 8], &[0; 12]),
            params(&[0; 8], &[0; 24]),
            params(&[], &[0; 12]),
            params(&[0; 4], &[]),
        ] {
            for start in [CHACHA20.ops.encrypt, CHACHA20.ops.decrypt] {
                assert_eq!(start.unwrap()(&context, &params).err(), Some(Error::MechanismParamInvalid));
            }
        }
        assert_eq!(prepare(&Material::Bytes(Secret::zeroed(31))).err(), Some(Error::KeySizeRange));
        assert_eq!(prepare(&Material::EdPublic(vec![0; 32])).err(), Some(Error::KeyTypeInconsistent));
    }
}
