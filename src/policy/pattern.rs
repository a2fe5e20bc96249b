//! Names with wildcards, and the named groups of mechanisms.

use super::diagnostic::suggest;
use crate::ck::CK_MECHANISM_TYPE;
use crate::ck::names::MECHANISMS;
use crate::ck::vendor::VENDOR_MECHANISMS;

pub(super) use super::numbers::Numbers;

/// The groups that a policy may name as `group:<name>`: name, meaning, the patterns it stands for.
pub const GROUPS: &[(&str, &str, &[&str])] = &[
    (
        "sha1-signatures",
        "signatures over SHA-1 made by the mechanism itself",
        &[
            "CKM_SHA1_RSA_PKCS",
            "CKM_SHA1_RSA_PKCS_PSS",
            "CKM_SHA1_RSA_X9_31",
            "CKM_DSA_SHA1",
            "CKM_ECDSA_SHA1",
        ],
    ),
    (
        "md5-signatures",
        "signatures over MD2, MD5 and RIPEMD",
        &["CKM_MD2_RSA_PKCS", "CKM_MD5_RSA_PKCS", "CKM_RIPEMD*_RSA_PKCS"],
    ),
    (
        "raw-signatures",
        "mechanisms that sign whatever digest they are given",
        &[
            "CKM_RSA_PKCS",
            "CKM_RSA_PKCS_PSS",
            "CKM_RSA_X_509",
            "CKM_RSA_9796",
            "CKM_DSA",
            "CKM_ECDSA",
            "CKM_KEYWARD_ECDSA_DETERMINISTIC",
        ],
    ),
    ("raw-rsa", "RSA without padding", &["CKM_RSA_X_509", "CKM_RSA_9796"]),
    ("rsa-pkcs1-v1.5", "RSA with the padding of PKCS#1 v1.5", &["CKM_RSA_PKCS", "CKM_*_RSA_PKCS"]),
    ("rsa-pss", "RSA-PSS", &["CKM_RSA_PKCS_PSS", "CKM_*_RSA_PKCS_PSS"]),
    ("ecdsa", "ECDSA", &["CKM_ECDSA", "CKM_ECDSA_SHA*", "CKM_KEYWARD_ECDSA_DETERMINISTIC*"]),
    ("single-des", "DES and CDMF", &["CKM_DES_*", "CKM_CDMF_*", "CKM_PBE_MD?_DES_CBC"]),
    ("triple-des", "Triple DES", &["CKM_DES2_*", "CKM_DES3_*", "CKM_PBE_SHA1_DES*"]),
    (
        "ecb",
        "block ciphers in ECB mode",
        &["CKM_*_ECB", "CKM_BATON_ECB*", "CKM_JUNIPER_ECB*", "CKM_SKIPJACK_ECB*"],
    ),
    (
        "unauthenticated-encryption",
        "AES without a tag (ECB, CBC, CTR, CTS, CFB, OFB, XTS), ChaCha20 and Salsa20 by themselves",
        &[
            "CKM_AES_ECB",
            "CKM_AES_CBC",
            "CKM_AES_CBC_PAD",
            "CKM_AES_CTR",
            "CKM_AES_CTS",
            "CKM_AES_CFB*",
            "CKM_AES_OFB",
            "CKM_AES_XTS",
            "CKM_CHACHA20",
            "CKM_SALSA20",
        ],
    ),
    (
        "post-quantum",
        "ML-KEM, ML-DSA, SLH-DSA and the stateful hash-based signatures",
        &["CKM_ML_*", "CKM_HASH_ML_DSA*", "CKM_SLH_DSA*", "CKM_HASH_SLH_DSA*", "CKM_HSS*", "CKM_XMSS*"],
    ),
];

/// What a mechanism name, a name with wildcards or `group:<name>` stands for. The error is the message
/// and a suggestion.
pub(super) fn mechanisms(written: &str) -> Result<Numbers, (String, Option<String>)> {
    if let Some(group) = written.strip_prefix("group:") {
        return group_members(group);
    }
    let numbers: Numbers = members(written).collect();
    if !numbers.is_empty() {
        return Ok(numbers);
    }
    let names = named().map(|(name, _)| *name);
    Err(if written.contains(['*', '?']) {
        (format!("no mechanism of PKCS#11 3.2 matches `{written}`"), None)
    } else {
        let prefixed = format!("CKM_{written}");
        let with_prefix = names.clone().find(|name| *name == prefixed);
        let suggestion = with_prefix.map(|name| format!("did you mean `{name}`?"));
        (format!("unknown mechanism `{written}`"), suggestion.or_else(|| suggest(written, names)))
    })
}

fn group_members(group: &str) -> Result<Numbers, (String, Option<String>)> {
    match GROUPS.iter().find(|(name, ..)| *name == group) {
        Some((_, _, patterns)) => Ok(patterns.iter().flat_map(|pattern| members(pattern)).collect()),
        None => {
            let suggestion = suggest(group, GROUPS.iter().map(|(name, ..)| *name));
            Err((format!("unknown group `{group}`"), suggestion))
        }
    }
}

fn members(pattern: &str) -> impl Iterator<Item = CK_MECHANISM_TYPE> {
    named().filter(move |(name, _)| matches(pattern, name)).map(|(_, number)| *number)
}

/// Every mechanism that has a name.
fn named() -> impl Iterator<Item = &'static (&'static str, CK_MECHANISM_TYPE)> + Clone {
    MECHANISMS.iter().chain(VENDOR_MECHANISMS)
}

/// What `\` takes the meaning from.
const SPECIAL: [char; 3] = ['*', '?', '\\'];

/// One step of a pattern.
enum Step {
    /// Any characters, also none.
    Any,
    /// One character, whichever.
    One,
    /// This one.
    Exactly(char),
}

impl Step {
    /// The next one. A `\` before a special character makes it an ordinary one; before any other it stands for itself, so that
    /// `DOMAIN\name` means what it says.
    fn next(pattern: &mut std::str::Chars<'_>) -> Option<Self> {
        Some(match pattern.next()? {
            '*' => Self::Any,
            '?' => Self::One,
            '\\' => {
                let mut after = pattern.clone();
                match after.next().filter(|c| SPECIAL.contains(c)) {
                    Some(c) => {
                        *pattern = after;
                        Self::Exactly(c)
                    }
                    None => Self::Exactly('\\'),
                }
            }
            c => Self::Exactly(c),
        })
    }
}

/// Whether a text matches a pattern with `*` (any characters, also none), `?` (one character) and `\` before one of the
/// three (that character). Takes at most pattern times text steps: only the last `*` is ever tried again.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (mut after, mut rest) = (pattern.clone(), text.clone());
        let fits = match (Step::next(&mut after), rest.next()) {
            (None, None) => return true,
            (Some(Step::Any), _) => {
                retry = Some((after.clone(), text.clone()));
                pattern = after;
                continue;
            }
            (Some(Step::One), Some(_)) => true,
            (Some(Step::Exactly(wanted)), Some(c)) => wanted == c,
            _ => false,
        };
        if fits {
            (pattern, text) = (after, rest);
        } else {
            let Some((after_star, mut from)) = retry.take() else { return false };
            if from.next().is_none() {
                return false;
            }
            (pattern, text) = (after_star.clone(), from.clone());
            retry = Some((after_star, from));
        }
    }
}

/// The pattern that matches this text and nothing else.
#[must_use]
pub fn literally(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("tls-*", "tls-www", true),
            ("tls-*", "tls-", true),
            ("tls-*", "xtls-", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*ab*ab", "abxabyab", true),
            ("*ab*ab", "abxaby", false),
            ("CKM_*_RSA_PKCS", "CKM_SHA256_RSA_PKCS_PSS", false),
            ("é*", "éa", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(200), &"a".repeat(150)));
    }

    #[test]
    fn backslash_takes_a_special_character_as_itself() {
        for (pattern, text, expected) in [
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            (r"a\*c", r"a\*c", false),
            (r"a\?c", "a?c", true),
            (r"a\?c", "abc", false),
            (r"a\\c", r"a\c", true),
            (r"a\\c", r"a\\c", false),
            (r"a\\*", r"a\anything", true),
            (r"*\*", "many*", true),
            (r"*\*", "many", false),
            // Before anything else, and at the end, it is a character like others.
            (r"DOMAIN\alice", r"DOMAIN\alice", true),
            (r"DOMAIN\alice", "DOMAINalice", false),
            (r"a\", r"a\", true),
            (r"a\", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// Over all texts of up to five characters of those that matter: as a pattern each matches itself alone.
    #[test]
    fn a_text_literally_matches_itself_and_nothing_else() {
        let mut texts = vec![String::new()];
        let mut from = 0;
        for _ in 0..5 {
            let until = texts.len();
            for at in from..until {
                for c in ['*', '?', '\\', 'é'] {
                    texts.push(format!("{}{c}", texts[at]));
                }
            }
            from = until;
        }
        assert_eq!(texts.len(), 1365);
        for text in &texts {
            let pattern = literally(text);
            let matched: Vec<&String> = texts.iter().filter(|other| matches(&pattern, other)).collect();
            assert_eq!(matched, [text], "{pattern}");
        }
        assert_eq!(literally("tls-www"), "tls-www");
    }

    #[test]
    fn mechanisms_known_names_give_their_numbers() {
        assert_eq!(mechanisms("CKM_AES_GCM"), Ok(Numbers::from([CKM_AES_GCM])));
        let ecdsa = mechanisms("CKM_ECDSA*").unwrap();
        assert!(ecdsa.contains(&CKM_ECDSA_SHA256) && !ecdsa.contains(&CKM_EDDSA));
        let raw = mechanisms("group:raw-rsa").unwrap();
        assert_eq!(raw, Numbers::from([CKM_RSA_X_509, CKM_RSA_9796]));
    }

    #[test]
    fn mechanisms_a_star_that_is_a_character_is_in_no_name() {
        assert_eq!(
            mechanisms(r"CKM_AES_\*").unwrap_err().0,
            r"no mechanism of PKCS#11 3.2 matches `CKM_AES_\*`"
        );
    }

    #[test]
    fn mechanisms_unknown_names_are_refused_with_a_suggestion() {
        let (_, suggestion) = mechanisms("CKM_AES_GMC").unwrap_err();
        assert!(suggestion.unwrap().contains("CKM_AES_G"));
        assert_eq!(mechanisms("AES_GCM").unwrap_err().1.unwrap(), "did you mean `CKM_AES_GCM`?");
        assert!(mechanisms("CKM_NOPE_*").is_err());
        assert_eq!(
            mechanisms("group:sha1-signature").unwrap_err().1.unwrap(),
            "did you mean `sha1-signatures`?"
        );
    }

    #[test]
    fn every_group_has_members() {
        for (name, _, patterns) in GROUPS {
            for pattern in *patterns {
                assert!(members(pattern).next().is_some(), "{name}: {pattern}");
            }
        }
    }
}
