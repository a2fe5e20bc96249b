//! What a token says of itself: C_GetTokenInfo, from memory alone.

use super::Token;
use super::login::Attempts;
use crate::ck::{CK_FLAGS, Error, Result};
use crate::guard::Role;
use crate::guard::vault::Vault;
use crate::store::{TokenRecord, UserRecord};
use cryptoki_sys::*;

/// What C_GetTokenInfo reports beside what is the same for all tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenInformation {
    /// 32 bytes, blank-padded.
    pub label: [u8; 32],
    /// 16 hexadecimal digits.
    pub serial: String,
    /// `CKF_...`
    pub flags: CK_FLAGS,
    /// Shortest PIN, in bytes.
    pub pin_min: u64,
    /// Longest PIN, in bytes.
    pub pin_max: u64,
}

/// The header of a token: what can be read before login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) label: [u8; 32],
    /// Random, new with each C_InitToken: by it other processes learn that what they knew is gone.
    pub(super) incarnation: [u8; 16],
}

impl Header {
    /// The header of a token that is initialised now.
    pub(super) fn new(label: [u8; 32]) -> Result<Self> {
        let mut incarnation = [0; 16];
        crate::crypto::random::fill(&mut incarnation)?;
        Ok(Self { label, incarnation })
    }

    pub(super) fn seal(&self, vault: &Vault) -> Vec<u8> {
        vault.authenticate("header", &[&self.label[..], &self.incarnation].concat())
    }

    /// `CKR_DEVICE_ERROR` where the header is not what was written.
    pub(super) fn open(vault: &Vault, record: &TokenRecord) -> Result<Self> {
        let body = vault.checked("header", &record.header).ok_or(Error::DeviceError)?;
        let (label, incarnation) = body.split_first_chunk().ok_or(Error::DeviceError)?;
        Ok(Self { label: *label, incarnation: incarnation.try_into().map_err(|_| Error::DeviceError)? })
    }
}

impl Token {
    /// What the token says of itself. Touches the store only when its generation moved.
    pub fn information(&self) -> Result<TokenInformation> {
        self.refresh()?;
        let record = self.record.load();
        let vault = self.closed_vault();
        let header = Header::open(&vault, &record)?;
        let rules = self.guard().rules().pin();
        let mut flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED;
        let find = |role: Role| record.users.iter().find(|user| user.name == role.word());
        if let Some(user) = find(Role::User) {
            flags |= CKF_USER_PIN_INITIALIZED;
            flags |= self.pin_flags(
                &vault,
                user,
                [CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED],
            );
        }
        if let Some(officer) = find(Role::SecurityOfficer) {
            flags |= self.pin_flags(
                &vault,
                officer,
                [CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED],
            );
        }
        Ok(TokenInformation {
            label: header.label,
            serial: self.serial().to_owned(),
            flags,
            pin_min: rules.min_length as u64,
            pin_max: super::PIN_MAX.min(rules.max_length) as u64,
        })
    }

    fn pin_flags(&self, vault: &Vault, user: &UserRecord, [low, last, locked]: [CK_FLAGS; 3]) -> CK_FLAGS {
        let rules = self.guard().rules().pin();
        let attempts = Attempts::read(vault, user, &rules);
        let mut flags = 0;
        if attempts.failures > 0 {
            flags |= low;
        }
        if attempts.locked(&rules, self.guard().now()) {
            flags |= locked;
        } else if rules.max_failures > 0 && attempts.failures + 1 >= rules.max_failures {
            flags |= last;
        }
        flags
    }
}
