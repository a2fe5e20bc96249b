//! C_WaitForSlotEvent and what C_GetSlotList shows of new slots.

use crate::client::*;
use crate::processes::Worker;
use crate::{alone, call};
use cryptoki_sys::*;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

/// Much longer than a look takes, much shorter than a hang.
const PROMPT: Duration = Duration::from_secs(5);

fn wait(module: &Module, flags: CK_FLAGS) -> Answer<CK_SLOT_ID> {
    let mut slot = CK_SLOT_ID::MAX;
    call!(module, C_WaitForSlotEvent, flags, &raw mut slot, null_mut())?;
    Ok(slot)
}

fn look(module: &Module) -> Answer<CK_SLOT_ID> {
    wait(module, CKF_DONT_BLOCK)
}

fn counted(module: &Module) -> CK_ULONG {
    let mut count = 0;
    call!(module, C_GetSlotList, CK_TRUE, null_mut(), &raw mut count).unwrap();
    count
}

/// C_GetSlotList with room enough and no question before.
fn listed(module: &Module) -> Vec<CK_SLOT_ID> {
    let (mut slots, mut count) = ([0; 20], 20);
    call!(module, C_GetSlotList, CK_TRUE, slots.as_mut_ptr(), &raw mut count).unwrap();
    slots[..count as usize].to_vec()
}

alone! {
    fn arguments_are_judged() {
        let module = Module::load();
        assert_eq!(look(&module), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
        let world = World::bare();
        let (mut slot, mut byte) = (0, 0_u8);
        let bad = Err(Rv(CKR_ARGUMENTS_BAD));
        for flags in [0, CKF_DONT_BLOCK] {
            let reserved = (&raw mut byte).cast();
            assert_eq!(call!(world.module, C_WaitForSlotEvent, flags, &raw mut slot, reserved), bad);
            assert_eq!(call!(world.module, C_WaitForSlotEvent, flags, null_mut(), null_mut()), bad);
        }
        assert_eq!(wait(&world.module, 2), bad.map(|()| 0));
        assert_eq!(wait(&world.module, CKF_DONT_BLOCK | 4), bad.map(|()| 0));
    }
}

alone! {
    fn tokens_made_here_and_elsewhere_are_told_once() {
        let world = World::new();
        let none = Err(Rv(CKR_NO_EVENT));
        // What World::new made: the token, and the free slot behind it.
        let mut told = [look(&world.module).unwrap(), look(&world.module).unwrap()];
        let mut slots = world.module.slots().unwrap();
        told.sort_unstable();
        slots.sort_unstable();
        assert_eq!(told.as_slice(), slots);
        assert_eq!((look(&world.module), look(&world.module)), (none, none));
        // Work with a token is no event, whoever does it.
        let session = world.user();
        session.aes(Template::token().uses(&[CKA_ENCRYPT])).unwrap();
        let mut worker = Worker::start(&world);
        assert_eq!(worker.ask("make key"), "ok");
        assert_eq!(look(&world.module), none);
        session.close().unwrap();

        let free = *world.module.slots().unwrap().last().unwrap();
        assert_eq!(worker.ask("init-token elsewhere"), "ok");
        let told = [look(&world.module).unwrap(), look(&world.module).unwrap()];
        assert_eq!(look(&world.module), none);
        let newest = *world.module.slots().unwrap().last().unwrap();
        assert!(told.contains(&free) && told.contains(&newest) && free != newest);
        // A token that is initialised anew is another one.
        drop(worker);
        world.module.init_token(world.slot, SO_PIN, "anew").unwrap();
        assert_eq!(look(&world.module), Ok(world.slot));
        assert_eq!(look(&world.module), none);
        // C_Initialize clears the flags.
        world.module.init_token(world.slot, SO_PIN, "again").unwrap();
        world.stop();
        world.start();
        assert_eq!(look(&world.module), none);
    }
}

alone! {
    fn a_blocked_call_ends_with_the_event() {
        let world = World::new();
        while look(&world.module).is_ok() {}
        let mut worker = Worker::start(&world);
        let free = *world.module.slots().unwrap().last().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(&world.module, 0));
            std::thread::sleep(Duration::from_millis(300));
            assert!(!waiting.is_finished());
            assert_eq!(worker.ask("init-token elsewhere"), "ok");
            let made = Instant::now();
            let slot = waiting.join().unwrap().unwrap();
            assert!(made.elapsed() < PROMPT);
            assert!(slot == free || world.module.slots().unwrap().contains(&slot));
        });
    }
}

alone! {
    fn a_blocked_call_ends_with_finalize_and_not_with_the_next_initialize() {
        let world = World::new();
        while look(&world.module).is_ok() {}
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(&world.module, 0));
            std::thread::sleep(Duration::from_millis(200));
            let ended = Instant::now();
            world.stop();
            world.start();
            assert_eq!(waiting.join().unwrap(), Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)));
            assert!(ended.elapsed() < PROMPT);
        });
        // And the new one works.
        assert_eq!(look(&world.module), Err(Rv(CKR_NO_EVENT)));
    }
}

alone! {
    fn the_list_changes_only_after_its_length_was_asked() {
        let world = World::new();
        let mut worker = Worker::start(&world);
        assert_eq!(counted(&world.module), 2);
        let before = listed(&world.module);
        assert_eq!(worker.ask("init-token elsewhere"), "ok");
        assert_eq!(listed(&world.module), before);
        // The new slot works all the same.
        assert_eq!(counted(&world.module), 3);
        let after = listed(&world.module);
        assert_eq!((after.len(), &after[..2]), (3, before.as_slice()));
        for slot in after {
            let mut info = CK_SLOT_INFO::default();
            call!(world.module, C_GetSlotInfo, slot, &raw mut info).unwrap();
        }
        // Without any question the list is a fresh one.
        world.stop();
        world.start();
        assert_eq!(listed(&world.module).len(), 3);
    }
}
