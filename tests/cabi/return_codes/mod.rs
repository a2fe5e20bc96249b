//! The return codes of every function: each condition that a caller can meet, met through the C ABI, with the
//! code that it gets. `docs/return-codes.md` is written from the same rows.
//!
//! A row whose function or mechanism the module does not have is skipped, and counted; it is walked as soon as
//! there is what it needs.

mod never;
mod page;
mod rows_async;
mod rows_common;
mod rows_crypt;
mod rows_derive;
mod rows_digest;
mod rows_dual;
mod rows_general;
mod rows_generate;
mod rows_init;
mod rows_kem;
mod rows_login;
mod rows_message_crypt;
mod rows_message_sign;
mod rows_objects;
mod rows_recover;
mod rows_session;
mod rows_sign;
mod rows_state;
mod rows_stopped;
mod rows_templates;
mod rows_verify;
mod rows_verify_signature;
mod rows_wrap;
mod rows_wrap_authenticated;
mod scene;
mod specification;

use super::client::*;
use super::functions;
use crate::alone;
use cryptoki_sys::*;
use scene::{Keys, Scene};
use specification::{LISTS, UNIVERSAL};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// In what world a row is walked. Each row has a fresh session of its stage, but `Before`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// No C_Initialize yet.
    Before,
    /// A token, nobody logged in, a read-write session.
    Nobody,
    /// The user logged in, a read-write session.
    User,
    /// The user logged in, a read-only session.
    ReadOnly,
    /// The SO logged in, a read-write session.
    Officer,
    /// A world of its own, because the row changes logins or PINs or ends the module: a read-write session and
    /// nobody logged in.
    Apart,
}

/// What a row does, up to the call whose code it shows.
pub type Run = Box<dyn Fn(&Scene<'_>) -> Answer<()>>;

/// One condition and its code.
pub struct Row {
    pub function: &'static str,
    pub condition: &'static str,
    pub code: CK_RV,
    pub stage: Stage,
    /// A mechanism without which there is nothing to show.
    pub needs: Option<CK_MECHANISM_TYPE>,
    pub run: Run,
}

/// All rows.
#[derive(Default)]
pub struct Table(Vec<Row>);

/// Where the next rows of a [`Table`] belong.
pub struct On<'t> {
    table: &'t mut Table,
    function: &'static str,
    stage: Stage,
    needs: Option<CK_MECHANISM_TYPE>,
}

impl Table {
    pub fn on(&mut self, function: &'static str, stage: Stage) -> On<'_> {
        On { table: self, function, stage, needs: None }
    }
}

impl On<'_> {
    /// The rows that follow need this mechanism.
    pub fn needing(mut self, ckm: CK_MECHANISM_TYPE) -> Self {
        self.needs = Some(ckm);
        self
    }

    pub fn row(
        self,
        code: CK_RV,
        condition: &'static str,
        run: impl Fn(&Scene<'_>) -> Answer<()> + 'static,
    ) -> Self {
        let Self { function, stage, needs, .. } = self;
        self.table.0.push(Row { function, condition, code, stage, needs, run: Box::new(run) });
        self
    }
}

/// Every row, by function in the order of the chapters, and within a function in the order of the checks.
fn table() -> Table {
    let mut table = Table::default();
    for rows in [
        rows_common::rows,
        rows_general::rows,
        rows_session::rows,
        rows_login::rows,
        rows_state::rows,
        rows_objects::rows,
        rows_init::rows,
        rows_crypt::rows,
        rows_message_crypt::rows,
        rows_digest::rows,
        rows_sign::rows,
        rows_recover::rows,
        rows_message_sign::rows,
        rows_verify::rows,
        rows_verify_signature::rows,
        rows_dual::rows,
        rows_generate::rows,
        rows_wrap::rows,
        rows_derive::rows,
        rows_wrap_authenticated::rows,
        rows_kem::rows,
        rows_templates::rows,
        rows_async::rows,
        rows_stopped::rows,
    ] {
        rows(&mut table);
    }
    let place = |row: &Row| LISTS.iter().position(|(name, _)| *name == row.function);
    table.0.sort_by_key(place);
    table
}

fn listed(function: &str) -> &'static [CK_RV] {
    LISTS.iter().find(|(name, _)| *name == function).map_or(&[], |(_, codes)| codes)
}

/// Walks the rows of a stage; `scene` sets the world for each.
fn walk(stage: Stage, scene: impl Fn(&Row, &mut dyn FnMut(&Scene<'_>))) {
    let (mut failures, mut skipped, mut walked) = (Vec::new(), 0, 0);
    for row in table().0.into_iter().filter(|row| row.stage == stage) {
        scene(&row, &mut |scene| {
            if row.needs.is_some_and(|ckm| !scene.has(ckm)) {
                skipped += 1;
                return;
            }
            walked += 1;
            let expected = if row.code == CKR_OK { Ok(()) } else { Err(Rv(row.code)) };
            let what = format!("{}: {}", row.function, row.condition);
            match catch_unwind(AssertUnwindSafe(|| (row.run)(scene))) {
                Ok(got) if got == expected => {}
                Ok(got) => failures.push(format!("{what}: {expected:?} expected, got {got:?}")),
                Err(_) => failures.push(format!("{what}: what comes before it failed")),
            }
        });
    }
    println!("{stage:?}: {walked} rows walked, {skipped} skipped");
    assert!(walked > 0);
    assert!(failures.is_empty(), "{} of {walked}:\n{}", failures.len(), failures.join("\n"));
}

/// Walks the rows of a stage in one world.
fn walk_in_one(stage: Stage) {
    let world = World::new();
    let home = world.user();
    let keys = Keys::make(home);
    match stage {
        Stage::User | Stage::ReadOnly => {}
        Stage::Officer => {
            home.logout().unwrap();
            home.login(CKU_SO, SO_PIN).unwrap();
        }
        _ => home.logout().unwrap(),
    }
    walk(stage, |_, run| {
        let read_only = stage == Stage::ReadOnly;
        let session =
            if read_only { world.module.read_only(world.slot) } else { world.module.read_write(world.slot) };
        run(&Scene { world: Some(&world), module: &world.module, session, keys });
        let _ = session.close();
    });
}

alone! {
    fn rows_before_initialize() {
        let module = Module::load();
        walk(Stage::Before, |_, run| {
            run(&Scene { world: None, module: &module, session: Session { module: &module, handle: 0 }, keys: Keys::default() });
        });
    }
}

alone! {
    fn rows_with_nobody_logged_in() {
        walk_in_one(Stage::Nobody);
    }
}

alone! {
    fn rows_of_the_user() {
        walk_in_one(Stage::User);
    }
}

alone! {
    fn rows_of_a_read_only_session() {
        walk_in_one(Stage::ReadOnly);
    }
}

alone! {
    fn rows_of_the_so() {
        walk_in_one(Stage::Officer);
    }
}

alone! {
    fn rows_that_stand_apart() {
        walk(Stage::Apart, |_, run| {
            let world = World::new();
            let session = world.module.read_write(world.slot);
            run(&Scene { world: Some(&world), module: &world.module, session, keys: Keys::default() });
            let _ = world.module.finalize();
        });
    }
}

alone! {
    fn the_lists_name_every_function() {
        let module = Module::load();
        let there: BTreeSet<&str> = functions::all(module.list).into_iter().map(|each| each.name).collect();
        let listed: BTreeSet<&str> = LISTS.iter().map(|(name, _)| *name).collect();
        assert_eq!((listed.len(), LISTS.len()), (104, 104));
        assert_eq!(listed, there);
    }
}

#[test]
fn rows_answer_what_the_specification_lists() {
    for Row { function, condition, code, .. } in table().0 {
        let known = listed(function).contains(&code) || UNIVERSAL.contains(&code) || code == CKR_OK;
        let excepted = never::EXCEPTIONS.iter().any(|(of, excepted, _)| *of == function && *excepted == code);
        assert!(
            known != excepted,
            "{function}: {condition}: {:?} is not listed, or needs no exception",
            Rv(code)
        );
    }
    for (function, code, reason) in never::EXCEPTIONS {
        let shown = table().0.iter().any(|row| row.function == *function && row.code == *code);
        assert!(shown, "{function}: the exception for {:?} ({reason}) has no row", Rv(*code));
    }
}

#[test]
fn every_listed_code_has_a_row_or_a_reason() {
    let table = table();
    let mut missing = Vec::new();
    for (function, codes) in LISTS {
        for code in codes.iter().filter(|code| **code != CKR_OK) {
            let shown = table.0.iter().any(|row| row.function == *function && row.code == *code);
            if !shown && never::reason(function, *code).is_none() {
                missing.push(format!("{function}: {:?}", Rv(*code)));
            }
            let own = never::OF_ONE_FUNCTION.iter().any(|(of, never, _)| of == function && never == code);
            assert!(!(shown && own), "{function}: {:?} has a row and a reason why there is none", Rv(*code));
        }
    }
    for (function, code, _) in never::OF_ONE_FUNCTION {
        assert!(listed(function).contains(code), "{function}: {:?} is not listed", Rv(*code));
    }
    assert!(missing.is_empty(), "{} without row or reason:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn the_page_is_what_the_rows_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/return-codes.md");
    let written = page::page(&table().0);
    if std::env::var_os("KEYWARD_WRITE_DOCS").is_some() {
        std::fs::write(path, &written).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == there,
        "docs/return-codes.md is not what the rows say: set KEYWARD_WRITE_DOCS=1 to write it"
    );
}
