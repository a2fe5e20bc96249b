//! Mechanism parameters of every shape, through the functions that take a mechanism.
#![no_main]

#[path = "../attributes.rs"]
mod attributes;
#[path = "../derivation.rs"]
mod derivation;
#[path = "../../tests/cabi/functions.rs"]
mod functions;
#[path = "../mechanisms.rs"]
mod mechanisms;
#[path = "../memory.rs"]
mod memory;
#[path = "../player.rs"]
mod player;
#[path = "../world.rs"]
mod world;

use functions::Kind;
use libfuzzer_sys::fuzz_target;
use player::Player;
use std::cell::RefCell;

thread_local! {
    /// Inits that begin nothing they could not begin again, and the functions that do all in one call.
    static PLAYER: RefCell<Player> = RefCell::new(Player::new(|function| {
        function.kinds.contains(&Kind::Mechanism)
            || matches!(function.name, "C_SessionCancel" | "C_Sign" | "C_Encrypt" | "C_Decrypt" | "C_Verify" | "C_Digest")
    }));
}

fuzz_target!(
    init: player::report_at_exit(),
    |bytes: &[u8]| PLAYER.with_borrow_mut(|player| player.play(bytes))
);
