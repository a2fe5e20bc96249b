//! Sequences of C calls over the whole function list. Counts its steps and says them at the end.
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

use libfuzzer_sys::fuzz_target;
use player::Player;
use std::cell::RefCell;

thread_local! {
    static PLAYER: RefCell<Player> = RefCell::new(Player::new(|_| true));
}

fuzz_target!(
    init: player::report_at_exit(),
    |bytes: &[u8]| PLAYER.with_borrow_mut(|player| player.play(bytes))
);
