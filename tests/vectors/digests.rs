//! Hash functions through C_Digest.

use super::carried::{self, Fields};
use super::client::*;
use super::sheet::{Said, Sheet, Step, Tried, Vector, noticed, same};
use super::standards::{Hash, hash};
use super::token::{Token, flipped};
use crate::alone;
use cryptoki_sys::*;

fn digest(
    session: Session<'_>,
    ckm: CK_MECHANISM_TYPE,
    message: &[u8],
    expected: &[u8],
    turn: usize,
) -> Tried {
    let mechanism = Mechanism::plain(ckm);
    let digest = session.digest_both(&mechanism, message)?.step(session, "digest")?;
    same("digest", &digest, expected)?;
    flipped(message, turn).map_or(Ok(0), |message| {
        let other = session.digest(&mechanism, &message).step(session, "digest")?;
        noticed("message", other != expected)
    })
}

/// SHA-1 and SHA-2: each of a thousand digests is of the three before it. SHA-3: each is of the one before it.
fn thousand(session: Session<'_>, hash: &Hash, seed: &[u8]) -> Answer<Vec<u8>> {
    let mechanism = Mechanism::plain(hash.digest);
    let mut last = [seed.to_vec(), seed.to_vec(), seed.to_vec()];
    for _ in 0..1000 {
        let message = if hash.name.starts_with("SHA3") { last[2].clone() } else { last.concat() };
        let next = session.digest_once(&mechanism, &message, hash.len)?;
        last.rotate_left(1);
        last[2] = next;
    }
    let [_, _, last] = last;
    Ok(last)
}

fn cavp(token: &Token, sheet: &mut Sheet) {
    for (path, text) in carried::bundle(include_bytes!("data/digests.zst")) {
        let file = path.rsplit('/').next().unwrap();
        let name = file.split("Short").next().unwrap().split("Long").next().unwrap();
        let name = name.split("Monte").next().unwrap();
        let (source, ckm, hash) = match hash(name) {
            Some(hash) => ("CAVP", hash.digest, Some(hash)),
            None => ("RFC", CKM_BLAKE2B_512, None),
        };
        sheet.row(source, &path, ckm);
        let mut seed = Vec::new();
        for (turn, record) in carried::records(&text).iter().enumerate() {
            let vector = Vector::new(turn, Said::Valid);
            if !token.offers(ckm, CKF_DIGEST) {
                sheet.not_offered(ckm);
            } else if let (true, Some(hash)) = (record.has("COUNT"), hash) {
                if seed.is_empty() {
                    seed = record.bytes("Seed");
                }
                let made = thousand(token.session, hash, &seed).step(token.session, "digest");
                seed = record.bytes("MD");
                let tried = made.and_then(|made| same("digest", &made, &seed)).map(|()| 0);
                sheet.judge(&vector, tried);
            } else {
                // An empty message is written 00.
                let message = &record.bytes("Msg")[..record.number("Len") / 8];
                sheet.judge(&vector, digest(token.session, ckm, message, &record.bytes("MD"), turn));
            }
        }
    }
}

fn acvp(token: &Token, sheet: &mut Sheet) {
    for set in carried::acvp_sets(&["SHA-1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"]) {
        let hash = hash(set.text("algorithm")).unwrap();
        sheet.row("ACVP", set.text("algorithm"), hash.digest);
        for test in set.list("testGroups").iter().flat_map(|group| group.list("tests")) {
            let vector = Vector::new(test.number("tcId"), Said::Valid);
            if !token.offers(hash.digest, CKF_DIGEST) {
                sheet.not_offered(hash.digest);
                continue;
            }
            let tried = match test.optional("md") {
                Some(md) => digest(token.session, hash.digest, &test.bytes("msg"), &md, test.number("tcId")),
                None => {
                    let mut seed = test.bytes("msg");
                    test.list("resultsArray").iter().try_fold(0, |_, result| {
                        seed = thousand(token.session, hash, &seed).step(token.session, "digest")?;
                        same("digest", &seed, &result.bytes("md")).map(|()| 0)
                    })
                }
            };
            sheet.judge(&vector, tried);
        }
    }
}

alone! {
    fn digests() {
        let (token, mut sheet) = (Token::new(), Sheet::new("Digests"));
        acvp(&token, &mut sheet);
        cavp(&token, &mut sheet);
        sheet.finish();
    }
}
