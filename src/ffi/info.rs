//! The information structures: numbers are copied, texts are padded with blanks.
#![forbid(unsafe_code)]

use super::borrow::ulong;
use crate::api::general::{LibraryInfo, Version};
use crate::api::session::SessionInfo;
use crate::api::slot::{MechanismInfo, SlotInfo, TokenInfo};
use crate::ck::text::padded;
use crate::sys::abi::{CK_INFO, CK_MECHANISM_INFO, CK_SESSION_INFO, CK_SLOT_INFO, CK_TOKEN_INFO, CK_VERSION};

/// The version of PKCS#11 that the library speaks.
const CRYPTOKI: CK_VERSION = CK_VERSION { major: 3, minor: 2 };

/// C_GetInfo.
pub(crate) fn library(info: &LibraryInfo) -> CK_INFO {
    CK_INFO {
        cryptokiVersion: CRYPTOKI,
        manufacturerID: padded(&info.manufacturer),
        flags: 0,
        libraryDescription: padded(&info.description),
        libraryVersion: version(info.version),
    }
}

/// C_GetSlotInfo.
pub(crate) fn slot(info: &SlotInfo) -> CK_SLOT_INFO {
    CK_SLOT_INFO {
        slotDescription: padded(&info.description),
        manufacturerID: padded(&info.manufacturer),
        flags: info.flags,
        hardwareVersion: version(info.hardware_version),
        firmwareVersion: version(info.firmware_version),
    }
}

/// C_GetTokenInfo.
pub(crate) fn token(info: &TokenInfo) -> CK_TOKEN_INFO {
    CK_TOKEN_INFO {
        label: padded(&info.label),
        manufacturerID: padded(&info.manufacturer),
        model: padded(&info.model),
        serialNumber: padded(&info.serial_number),
        flags: info.flags,
        ulMaxSessionCount: info.max_session_count,
        ulSessionCount: info.session_count,
        ulMaxRwSessionCount: info.max_rw_session_count,
        ulRwSessionCount: info.rw_session_count,
        ulMaxPinLen: info.max_pin_len,
        ulMinPinLen: info.min_pin_len,
        ulTotalPublicMemory: info.total_public_memory,
        ulFreePublicMemory: info.free_public_memory,
        ulTotalPrivateMemory: info.total_private_memory,
        ulFreePrivateMemory: info.free_private_memory,
        hardwareVersion: version(info.hardware_version),
        firmwareVersion: version(info.firmware_version),
        utcTime: padded(&info.utc_time),
    }
}

/// C_GetMechanismInfo.
pub(crate) fn mechanism(info: MechanismInfo) -> CK_MECHANISM_INFO {
    CK_MECHANISM_INFO { ulMinKeySize: info.min_key_size, ulMaxKeySize: info.max_key_size, flags: info.flags }
}

/// C_GetSessionInfo.
pub(crate) fn session(info: SessionInfo) -> CK_SESSION_INFO {
    CK_SESSION_INFO {
        slotID: ulong(info.slot.0),
        state: info.state,
        flags: info.flags,
        ulDeviceError: info.device_error,
    }
}

fn version(version: Version) -> CK_VERSION {
    CK_VERSION { major: version.major, minor: version.minor }
}
