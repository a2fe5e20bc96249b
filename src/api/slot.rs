//! Slot and token management (PKCS#11 3.2, 5.5).

use super::Module;
use super::general::{MANUFACTURER, VERSION, Version};
use crate::ck::{
    CK_FLAGS, CK_MECHANISM_TYPE, CK_ULONG, CK_UNAVAILABLE_INFORMATION, Error, Result, SessionHandle, SlotId,
    text,
};
use crate::crypto::mechanism::{PROTECTS_OR_MAKES, Sizes};
use crate::crypto::table;
use crate::secret::Pin;
use crate::token::Slot;
use crate::token::handles::Table;
use cryptoki_sys::*;
use std::sync::Arc;

/// `CK_SLOT_INFO`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotInfo {
    /// At most 64 bytes are seen.
    pub description: String,
    /// At most 32 bytes are seen.
    pub manufacturer: String,
    /// `CKF_TOKEN_PRESENT`, ...
    pub flags: CK_FLAGS,
    /// Of the slot.
    pub hardware_version: Version,
    /// Of the slot.
    pub firmware_version: Version,
}

/// `CK_TOKEN_INFO`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenInfo {
    /// At most 32 bytes are seen.
    pub label: String,
    /// At most 32 bytes are seen.
    pub manufacturer: String,
    /// At most 16 bytes are seen.
    pub model: String,
    /// At most 16 bytes are seen.
    pub serial_number: String,
    /// `CKF_TOKEN_INITIALIZED`, ...
    pub flags: CK_FLAGS,
    /// `ulMaxSessionCount`
    pub max_session_count: CK_ULONG,
    /// `ulSessionCount`
    pub session_count: CK_ULONG,
    /// `ulMaxRwSessionCount`
    pub max_rw_session_count: CK_ULONG,
    /// `ulRwSessionCount`
    pub rw_session_count: CK_ULONG,
    /// In bytes.
    pub max_pin_len: CK_ULONG,
    /// In bytes.
    pub min_pin_len: CK_ULONG,
    /// In bytes.
    pub total_public_memory: CK_ULONG,
    /// In bytes.
    pub free_public_memory: CK_ULONG,
    /// In bytes.
    pub total_private_memory: CK_ULONG,
    /// In bytes.
    pub free_private_memory: CK_ULONG,
    /// Of the token.
    pub hardware_version: Version,
    /// Of the token.
    pub firmware_version: Version,
    /// `YYYYMMDDhhmmss00` where the token has a clock, else empty.
    pub utc_time: String,
}

/// `CK_MECHANISM_INFO`. The unit of the sizes is the mechanism's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MechanismInfo {
    /// `ulMinKeySize`
    pub min_key_size: CK_ULONG,
    /// `ulMaxKeySize`
    pub max_key_size: CK_ULONG,
    /// `CKF_SIGN`, ...
    pub flags: CK_FLAGS,
}

/// C_GetSlotList: the tokens in the order of their making, then the free slot. The free slot counts as
/// one with a token present: the token in it is there and waits for C_InitToken.
///
/// A new look is taken when a caller asks for the number (`asks`); until it asks again, or makes a token, the list
/// stays as it was then, so that the number fits the list (5.5.1).
pub fn slots(m: &Module, _token_present: bool, asks: bool) -> Result<Vec<SlotId>> {
    if let (false, Some(listed)) = (asks, m.listed.load_full()) {
        return Ok(listed.to_vec());
    }
    let slots: Vec<_> = m.slots().all()?.into_iter().map(|(id, _)| id).collect();
    m.listed.store(Some(Arc::new(slots.clone())));
    Ok(slots)
}

/// C_WaitForSlotEvent, one look: a slot in which a token was made, made anew, or that is itself new.
pub fn event(m: &Module) -> Result<Option<SlotId>> {
    m.slots().event()
}

/// C_GetSlotInfo.
pub fn slot_info(m: &Module, slot: SlotId) -> Result<SlotInfo> {
    let description = match m.slots().slot(slot)? {
        Slot::Token(token) => format!("keyward software token {}", token.serial()),
        Slot::Free { .. } => "keyward free slot".to_owned(),
    };
    Ok(SlotInfo {
        description,
        manufacturer: MANUFACTURER.to_owned(),
        flags: CKF_TOKEN_PRESENT,
        hardware_version: VERSION,
        firmware_version: VERSION,
    })
}

/// How many sessions a process can have open: all tokens share one table.
const SESSIONS: CK_ULONG = Table::<()>::CAPACITY as CK_ULONG;

/// C_GetTokenInfo. Never touches the disk unless something changed.
pub fn token_info(m: &Module, slot: SlotId) -> Result<TokenInfo> {
    let blank = TokenInfo {
        label: String::new(),
        manufacturer: MANUFACTURER.to_owned(),
        model: "keyward software".to_owned(),
        serial_number: String::new(),
        flags: CKF_RNG | CKF_LOGIN_REQUIRED,
        max_session_count: SESSIONS,
        session_count: 0,
        max_rw_session_count: SESSIONS,
        rw_session_count: 0,
        max_pin_len: crate::token::PIN_MAX as CK_ULONG,
        min_pin_len: 4,
        total_public_memory: CK_UNAVAILABLE_INFORMATION,
        free_public_memory: CK_UNAVAILABLE_INFORMATION,
        total_private_memory: CK_UNAVAILABLE_INFORMATION,
        free_private_memory: CK_UNAVAILABLE_INFORMATION,
        hardware_version: VERSION,
        firmware_version: VERSION,
        utc_time: String::new(),
    };
    match m.slots().slot(slot)? {
        Slot::Free { serial } => Ok(TokenInfo { serial_number: serial, ..blank }),
        Slot::Token(token) => {
            let information = token.information()?;
            let sessions = m.sessions_of(&token);
            let writing = sessions.iter().filter(|session| session.is_read_write()).count();
            Ok(TokenInfo {
                label: text::unpadded(&information.label),
                serial_number: information.serial,
                flags: information.flags | CKF_RESTORE_KEY_NOT_NEEDED,
                session_count: sessions.len() as CK_ULONG,
                rw_session_count: writing as CK_ULONG,
                min_pin_len: information.pin_min,
                max_pin_len: information.pin_max,
                ..blank
            })
        }
    }
}

/// C_GetMechanismList: what is there and what the token's policy does not deny to everybody.
pub fn mechanisms(m: &Module, slot: SlotId) -> Result<Vec<CK_MECHANISM_TYPE>> {
    m.slots().slot(slot)?;
    let denied = m.slots().rules().denied_mechanisms();
    let rows = table::MECHANISMS.iter().enumerate();
    Ok(rows.filter(|(index, _)| !denied.contains(*index)).map(|(_, row)| row.ckm).collect())
}

/// C_GetMechanismInfo, computed from what the mechanism's row can do and what the policy leaves of it to everybody.
pub fn mechanism_info(m: &Module, slot: SlotId, ckm: CK_MECHANISM_TYPE) -> Result<MechanismInfo> {
    m.slots().slot(slot)?;
    let rules = m.slots().rules();
    let denied = rules.denied_mechanisms();
    let (index, row) =
        table::find(ckm).filter(|(index, _)| !denied.contains(*index)).ok_or(Error::MechanismInvalid)?;
    let (min_key_size, max_key_size) = match row.sizes {
        Sizes::None => (0, 0),
        Sizes::Bits(from, to) | Sizes::Bytes(from, to) => (from.into(), to.into()),
    };
    let taken = if rules.legacy_mechanisms().contains(index) { PROTECTS_OR_MAKES } else { 0 };
    Ok(MechanismInfo { min_key_size, max_key_size, flags: row.announced() & !taken })
}

/// C_InitToken.
///
/// # Errors
/// `CKR_SESSION_EXISTS` while sessions are open with the token, and those of the PIN.
pub fn init_token(m: &Module, slot: SlotId, pin: Option<Pin>, label: &[u8; 32]) -> Result<()> {
    if let Slot::Token(token) = m.slots().slot(slot)?
        && !m.sessions_of(&token).is_empty()
    {
        return Err(Error::SessionExists);
    }
    m.slots().initialize(slot, &pin.ok_or(Error::ArgumentsBad)?, *label)?;
    // Who made a slot knows of it.
    m.listed.store(None);
    Ok(())
}

/// C_InitPIN.
pub fn init_pin(m: &Module, s: SessionHandle, pin: Option<Pin>) -> Result<()> {
    m.session(s)?.token().set_user_pin(&pin.ok_or(Error::ArgumentsBad)?)
}

/// C_SetPIN: the PIN of who is logged in, or the user's where nobody is (5.5.8).
pub fn set_pin(m: &Module, s: SessionHandle, old: Option<Pin>, new: Option<Pin>) -> Result<()> {
    let session = m.session(s)?;
    if !session.is_read_write() {
        return Err(Error::SessionReadOnly);
    }
    session.token().change_pin(&old.ok_or(Error::ArgumentsBad)?, &new.ok_or(Error::ArgumentsBad)?)
}
