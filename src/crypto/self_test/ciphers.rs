//! Known answers of the symmetric ciphers and MACs beside those of GCM, CCM and key wrapping.

use super::super::aes_cts::EndKey;
use super::super::aes_xts::XtsKey;
use super::super::engine::Answer;
use super::super::engine::chacha20;
use super::super::engine::cipher::{BLOCK, CipherKey, DES_BLOCK, Direction, Mode};
use super::super::engine::cmac::CmacKey;
use super::Known;

/// FIPS 197, C.3: both directions; CBC, CTR and the feedback modes of that block give the same under zeros, and
/// feedback of one byte or bit its beginning.
pub(super) fn aes() -> Answer<bool> {
    let run = |mode, direction, iv: &[u8], input: &[u8], out: &mut [u8]| {
        CipherKey::new(mode, direction, &AES_KEY)?.start(iv)?.update(input, out)
    };
    let mut out = [0; BLOCK];
    run(Mode::Ecb, Direction::Encrypt, &[0; BLOCK], &AES_PLAIN, &mut out)?;
    let mut right = out == AES_CIPHER;
    run(Mode::Ecb, Direction::Decrypt, &[0; BLOCK], &AES_CIPHER, &mut out)?;
    right &= out == AES_PLAIN;
    for mode in [Mode::Cbc, Mode::Ctr, Mode::Cfb128, Mode::Ofb] {
        run(mode, Direction::Encrypt, &AES_PLAIN, &[0; BLOCK], &mut out)?;
        right &= out == AES_CIPHER;
    }
    let mut byte = [0];
    run(Mode::Cfb8, Direction::Encrypt, &AES_PLAIN, &[0], &mut byte)?;
    right &= byte == AES_CFB8;
    if CipherKey::takes(Mode::Cfb1) {
        run(Mode::Cfb1, Direction::Encrypt, &AES_PLAIN, &[0], &mut byte)?;
        right &= byte == AES_CFB1;
    }
    Ok(right)
}

/// RFC 4493, 4: of 40 bytes.
pub(super) fn cmac() -> Answer<bool> {
    let mut mac = [0; BLOCK];
    let mut running = CmacKey::new(&CMAC_KEY)?.start()?;
    running.update(&CMAC_DATA)?;
    running.finish(&mut mac)?;
    Ok(mac == CMAC)
}

/// RFC 8439, A.1, test vector 5.
pub(super) fn chacha20() -> Answer<bool> {
    let (mut nonce, mut stream) = ([0; chacha20::NONCE], [0; 16]);
    if let Some(last) = nonce.last_mut() {
        *last = 2;
    }
    chacha20::apply(&[0; chacha20::KEY], &nonce, 0, &[0; 16], &mut stream)?;
    Ok(stream == CHACHA20)
}

/// IEEE 1619, vector 2, and 32 bytes under a key of AES-256 (the answer is OpenSSL's); both directions, and equal
/// halves refused.
pub(super) fn xts() -> Answer<bool> {
    let mut long = [0; 64];
    for (byte, value) in long.iter_mut().zip(0..) {
        *byte = value;
    }
    let short = [[0x11; BLOCK], [0x22; BLOCK]];
    Ok(xts_answers(short.as_flattened(), &XTS_128)
        && xts_answers(&long, &XTS_256)
        && XtsKey::new(&[7; 32]).is_err()
        && XtsKey::new(&[7; 64]).is_err())
}

fn xts_answers(key: &[u8], expected: &[u8]) -> bool {
    let Ok(key) = XtsKey::new(key) else { return false };
    let (mut there, mut back) = ([0; 32], [0; 32]);
    let encrypted = key.run(Direction::Encrypt, &XTS_TWEAK, &[0x44; 32], &mut there);
    let decrypted = key.run(Direction::Decrypt, &XTS_TWEAK, expected, &mut back);
    encrypted.is_ok() && decrypted.is_ok() && there == expected && back == [0x44; 32]
}

/// RFC 3962, appendix B: 17 bytes, the two blocks the other way round.
pub(super) fn cts() -> Answer<bool> {
    let Ok(key) = EndKey::new(b"chicken teriyaki") else { return Ok(false) };
    let mut end = *b"I would like the ";
    let encrypted = key.run(Direction::Encrypt, &[0; BLOCK], &mut end);
    let right = encrypted.is_ok() && end == CTS;
    let decrypted = key.run(Direction::Decrypt, &[0; BLOCK], &mut end);
    Ok(right && decrypted.is_ok() && end == *b"I would like the ")
}

/// SP 800-67 Rev. 1, B.1: its first block, also by CBC.
pub(super) fn triple_des() -> Answer<bool> {
    let mut right = true;
    for mode in [Mode::Ecb, Mode::Cbc] {
        let mut out = [0; DES_BLOCK];
        let key = CipherKey::triple_des(mode, Direction::Decrypt, &DES_KEY)?;
        key.start(&[0; DES_BLOCK])?.update(&DES_CIPHER, &mut out)?;
        right &= out == *b"The qufc";
    }
    Ok(right)
}

const AES_KEY: [u8; 32] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10,
    0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F,
];
const AES_PLAIN: [u8; 16] =
    [0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF];
const AES_CIPHER: Known<16> = Known::new([
    0x8E, 0xA2, 0xB7, 0xCA, 0x51, 0x67, 0x45, 0xBF, 0xEA, 0xFC, 0x49, 0x90, 0x4B, 0x49, 0x60, 0x89,
]);
const AES_CFB8: Known<1> = Known::new([0x8E]);
const AES_CFB1: Known<1> = Known::new([0xF6]);
const CMAC_KEY: [u8; 16] =
    [0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6, 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C];
const CMAC_DATA: [u8; 40] = [
    0x6B, 0xC1, 0xBE, 0xE2, 0x2E, 0x40, 0x9F, 0x96, 0xE9, 0x3D, 0x7E, 0x11, 0x73, 0x93, 0x17, 0x2A, 0xAE,
    0x2D, 0x8A, 0x57, 0x1E, 0x03, 0xAC, 0x9C, 0x9E, 0xB7, 0x6F, 0xAC, 0x45, 0xAF, 0x8E, 0x51, 0x30, 0xC8,
    0x1C, 0x46, 0xA3, 0x5C, 0xE4, 0x11,
];
const CMAC: Known<16> = Known::new([
    0xDF, 0xA6, 0x67, 0x47, 0xDE, 0x9A, 0xE6, 0x30, 0x30, 0xCA, 0x32, 0x61, 0x14, 0x97, 0xC8, 0x27,
]);
const CHACHA20: Known<16> = Known::new([
    0xC2, 0xC6, 0x4D, 0x37, 0x8C, 0xD5, 0x36, 0x37, 0x4A, 0xE2, 0x04, 0xB9, 0xEF, 0x93, 0x3F, 0xCD,
]);
const XTS_TWEAK: [u8; 16] =
    [0x33, 0x33, 0x33, 0x33, 0x33, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00];
const XTS_128: Known<32> = Known::new([
    0xC4, 0x54, 0x18, 0x5E, 0x6A, 0x16, 0x93, 0x6E, 0x39, 0x33, 0x40, 0x38, 0xAC, 0xEF, 0x83, 0x8B, 0xFB,
    0x18, 0x6F, 0xFF, 0x74, 0x80, 0xAD, 0xC4, 0x28, 0x93, 0x82, 0xEC, 0xD6, 0xD3, 0x94, 0xF0,
]);
const XTS_256: Known<32> = Known::new([
    0x7A, 0xA7, 0x2D, 0x6A, 0x0A, 0x10, 0x1D, 0xB4, 0x3D, 0x70, 0xF9, 0xFF, 0xFB, 0xDD, 0x15, 0xA5, 0x9B,
    0x21, 0x7D, 0xE2, 0x6C, 0xF7, 0x32, 0xEA, 0xD7, 0x4A, 0x2E, 0x4E, 0xBF, 0x23, 0x3E, 0x81,
]);
const CTS: Known<17> = Known::new([
    0x97, 0xC6, 0x35, 0x35, 0x68, 0xF2, 0xBF, 0x8C, 0xB4, 0xD8, 0xA5, 0x80, 0x36, 0x2D, 0xA7, 0xFF, 0x7F,
]);
const DES_KEY: [u8; 24] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x45,
    0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23,
];
const DES_CIPHER: Known<8> = Known::new([0xA8, 0x26, 0xFD, 0x8C, 0xE5, 0x3B, 0x85, 0x5F]);
