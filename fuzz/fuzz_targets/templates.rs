//! Templates of every kind, through the functions that take one.
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
    /// What takes a template, and what looks at the objects that came of it.
    static PLAYER: RefCell<Player> = RefCell::new(Player::new(|function| {
        function.kinds.contains(&Kind::Attributes)
            || matches!(function.name, "C_GetObjectSize" | "C_DestroyObject" | "C_FindObjects" | "C_FindObjectsFinal")
    }));
}

fuzz_target!(
    init: player::report_at_exit(),
    |bytes: &[u8]| PLAYER.with_borrow_mut(|player| player.play(bytes))
);
