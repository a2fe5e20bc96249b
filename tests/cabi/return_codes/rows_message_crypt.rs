//! Messages that are encrypted and decrypted (5.9, 5.11). How the process begins stands in `rows_init`.

use super::scene::{Message, Scene, Way, code};
use super::{Stage, Table};
use crate::client::*;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// The functions of one direction have the same forms.
#[derive(Clone, Copy)]
struct Direction {
    decrypts: bool,
    whole: &'static str,
    begin: &'static str,
    next: &'static str,
    last: &'static str,
}

const ENCRYPT: Direction = Direction {
    decrypts: false,
    whole: "C_EncryptMessage",
    begin: "C_EncryptMessageBegin",
    next: "C_EncryptMessageNext",
    last: "C_MessageEncryptFinal",
};
const DECRYPT: Direction = Direction {
    decrypts: true,
    whole: "C_DecryptMessage",
    begin: "C_DecryptMessageBegin",
    next: "C_DecryptMessageNext",
    last: "C_MessageDecryptFinal",
};

impl Direction {
    fn start(self, c: &Scene<'_>) {
        let list = c.list();
        let init = if self.decrypts { list.C_MessageDecryptInit } else { list.C_MessageEncryptInit };
        c.init(init, &Way::Message(12, 128), c.keys.aes).unwrap();
    }

    fn whole(self, c: &Scene<'_>, message: &mut Message, data: &[u8], room: usize) -> Answer<()> {
        let (mut data, data_len) = bytes(data);
        let (mut out, mut len) = (vec![0_u8; room.max(1)], room as CK_ULONG);
        self.whole_raw(c, message, (data.as_mut_ptr(), data_len), (out.as_mut_ptr(), &raw mut len))
    }

    fn whole_raw(
        self,
        c: &Scene<'_>,
        message: &mut Message,
        data: (*mut u8, CK_ULONG),
        out: (*mut u8, *mut CK_ULONG),
    ) -> Answer<()> {
        let (at, size) = message.parameter();
        let list = c.list();
        let function = if self.decrypts { list.C_DecryptMessage } else { list.C_EncryptMessage };
        code!(function, c.handle(), at, size, null_mut(), 0, data.0, data.1, out.0, out.1)
    }

    fn begin(self, c: &Scene<'_>, message: &mut Message) -> Answer<()> {
        let (at, size) = message.parameter();
        let list = c.list();
        let function = if self.decrypts { list.C_DecryptMessageBegin } else { list.C_EncryptMessageBegin };
        code!(function, c.handle(), at, size, null_mut(), 0)
    }

    fn next(
        self,
        c: &Scene<'_>,
        message: &mut Message,
        data: &[u8],
        room: usize,
        flags: CK_FLAGS,
    ) -> Answer<()> {
        let (mut data, data_len) = bytes(data);
        let (mut out, mut len) = (vec![0_u8; room.max(1)], room as CK_ULONG);
        let (at, size) = message.parameter();
        let list = c.list();
        let function = if self.decrypts { list.C_DecryptMessageNext } else { list.C_EncryptMessageNext };
        let (from, to) = (data.as_mut_ptr(), out.as_mut_ptr());
        code!(function, c.handle(), at, size, from, data_len, to, &raw mut len, flags)
    }

    fn end(self, c: &Scene<'_>) -> Answer<()> {
        let list = c.list();
        c.end(if self.decrypts { list.C_MessageDecryptFinal } else { list.C_MessageEncryptFinal })
    }
}

pub fn rows(t: &mut Table) {
    for direction in [ENCRYPT, DECRYPT] {
        whole(t, direction);
        begin(t, direction);
        next(t, direction);
        t.on(direction.last, Stage::User).row(
            CKR_OPERATION_NOT_INITIALIZED,
            "no such process is active",
            move |c| direction.end(c),
        );
    }
    decryption(t);
}

fn whole(t: &mut Table, d: Direction) {
    t.on(d.whole, Stage::User)
        .row(CKR_ARGUMENTS_BAD, "the place of the result's length is NULL", move |c| {
            d.start(c);
            let mut data = [0_u8; 16];
            d.whole_raw(c, &mut Message::usual(), (data.as_mut_ptr(), 16), (null_mut(), null_mut()))
        })
        .row(CKR_ARGUMENTS_BAD, "the data is NULL and its length is not 0", move |c| {
            d.start(c);
            let (mut out, mut len) = ([0_u8; 64], 64);
            d.whole_raw(c, &mut Message::usual(), (null_mut(), 1), (out.as_mut_ptr(), &raw mut len))
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", move |c| {
            d.whole(c, &mut Message::usual(), &[0; 16], 64)
        })
        .row(CKR_OPERATION_ACTIVE, "in the middle of a message in parts", move |c| {
            d.start(c);
            d.begin(c, &mut Message::usual()).unwrap();
            d.whole(c, &mut Message::usual(), &[0; 16], 64)
        })
        .row(
            CKR_MECHANISM_PARAM_INVALID,
            "the parameter names a tag that the mechanism does not make",
            move |c| {
                d.start(c);
                d.whole(c, &mut Message::new(12, 7), &[0; 16], 64)
            },
        )
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", move |c| {
            d.start(c);
            d.whole(c, &mut Message::usual(), &[0; 16], 15)
        });
}

fn begin(t: &mut Table, d: Direction) {
    t.on(d.begin, Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", move |c| {
            d.begin(c, &mut Message::usual())
        })
        .row(CKR_OPERATION_ACTIVE, "in the middle of a message in parts", move |c| {
            d.start(c);
            d.begin(c, &mut Message::usual()).unwrap();
            d.begin(c, &mut Message::usual())
        })
        .row(
            CKR_MECHANISM_PARAM_INVALID,
            "the parameter names a tag that the mechanism does not make",
            move |c| {
                d.start(c);
                d.begin(c, &mut Message::new(12, 7))
            },
        );
}

fn next(t: &mut Table, d: Direction) {
    t.on(d.next, Stage::User)
        .row(CKR_OPERATION_NOT_INITIALIZED, "no such process is active", move |c| {
            d.next(c, &mut Message::usual(), &[0; 16], 64, 0)
        })
        .row(CKR_OPERATION_NOT_INITIALIZED, "no message was begun", move |c| {
            d.start(c);
            d.next(c, &mut Message::usual(), &[0; 16], 64, 0)
        })
        .row(CKR_ARGUMENTS_BAD, "the place of the result's length is NULL", move |c| {
            d.start(c);
            let mut message = Message::usual();
            d.begin(c, &mut message).unwrap();
            let (at, size) = message.parameter();
            let list = c.list();
            let function = if d.decrypts { list.C_DecryptMessageNext } else { list.C_EncryptMessageNext };
            let mut data = [0_u8; 16];
            code!(function, c.handle(), at, size, data.as_mut_ptr(), 16, null_mut(), null_mut(), 0)
        })
        .row(CKR_MECHANISM_PARAM_INVALID, "the parameter is not of the mechanism's form", move |c| {
            d.start(c);
            let mut message = Message::usual();
            d.begin(c, &mut message).unwrap();
            let (at, _) = message.parameter();
            let list = c.list();
            let function = if d.decrypts { list.C_DecryptMessageNext } else { list.C_EncryptMessageNext };
            let (mut data, mut out, mut len) = ([0_u8; 16], [0_u8; 64], 64);
            let (from, to) = (data.as_mut_ptr(), out.as_mut_ptr());
            code!(function, c.handle(), at, 1, from, 16, to, &raw mut len, 0)
        })
        .row(CKR_BUFFER_TOO_SMALL, "the room is too small for the result", move |c| {
            d.start(c);
            let mut message = Message::usual();
            if d.decrypts {
                // Only a message that is genuine has a result.
                let (text, tag) = sealed(c);
                message.tag[..16].copy_from_slice(&tag);
                d.begin(c, &mut message).unwrap();
                return d.next(c, &mut message, &text, 1, CKF_END_OF_MESSAGE);
            }
            d.begin(c, &mut message).unwrap();
            d.next(c, &mut message, &[0; 16], 15, CKF_END_OF_MESSAGE)
        });
}

/// A ciphertext of 16 bytes and its tag, under the IV of [`Message::usual`].
fn sealed(c: &Scene<'_>) -> (Vec<u8>, Vec<u8>) {
    let other = c.module.read_write(c.slot());
    let all = other.encrypt(&Mechanism::gcm(&[9; 12], b"", 128), c.keys.aes, &[1; 16]).unwrap();
    other.close().unwrap();
    (all[..16].to_vec(), all[16..].to_vec())
}

fn decryption(t: &mut Table) {
    t.on("C_DecryptMessage", Stage::User).row(CKR_AEAD_DECRYPT_FAILED, "the message is not genuine", |c| {
        DECRYPT.start(c);
        DECRYPT.whole(c, &mut Message::usual(), &[0; 16], 64)
    });
    t.on("C_DecryptMessageNext", Stage::User).row(
        CKR_AEAD_DECRYPT_FAILED,
        "the message is not genuine",
        |c| {
            DECRYPT.start(c);
            let mut message = Message::usual();
            DECRYPT.begin(c, &mut message).unwrap();
            DECRYPT.next(c, &mut message, &[0; 16], 64, CKF_END_OF_MESSAGE)
        },
    );
}
