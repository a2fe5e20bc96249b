//! SQLite in a process that may fork.
//!
//! SQLite forbids carrying a connection over a fork, and it is not enough to leave the inherited ones
//! alone and open new ones: SQLite keeps one list of open files for the whole process, with the locks that
//! it believes to hold. POSIX locks are not inherited, the list is. A new connection in the child would find its
//! file in the list, take no lock, and the others would delete the log under it.
//!
//! So the first thread of a child that comes here closes **every** inherited connection of the
//! process before one is opened. That is safe because
//! 1. connections are made with NO_CKPT_ON_CLOSE: closing one unmaps and closes, and writes, deletes and locks
//!    nothing (only [`Seat::retire`] in the process that opened it puts the log away);
//! 2. it gives up locks of the child only, which has none;
//! 3. nobody was inside SQLite at the moment of the fork: [`fork_gate`] makes a fork wait until all are out.
//!
//! A fork that waited in vain, or a `clone` that no gate sees, may still catch a thread inside: [`enter`] counts. Then
//! SQLite's own mutexes and lists are torn and no call into it can be trusted to return: the child (and its children)
//! get an honest error from each call, and nothing is closed.
//!
//! Every call into SQLite, from whatever file, happens between [`enter`] and the drop of its answer.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Weak};

use once_cell::race::OnceBox;
use rusqlite::config::DbConfig;

use super::connection::{Live, Role, connect};
use super::files::Files;
use crate::store::{Result, StoreError};
use crate::sys::fork;
use crate::sys::fork_gate::{self, Passage};
use crate::sys::lock::Mutex;

/// The fork generation for which `INSIDE` and `SEATS` speak.
static HOME: AtomicU64 = AtomicU64::new(NOWHERE);
const NOWHERE: u64 = u64::MAX;
/// Threads inside SQLite now.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// A fork tore SQLite's state. Never mends: children inherit it.
static BROKEN: AtomicBool = AtomicBool::new(false);
/// Every place that may hold a connection. A lock-free cell: a fork cannot tear its making.
static SEATS: OnceBox<Mutex<Vec<Weak<Seat>>>> = OnceBox::new();

/// As long as this lives, the thread may call SQLite.
pub(super) struct Inside {
    _passage: Passage,
}

/// Says that this thread is going to call SQLite, and settles what a fork left behind.
pub(super) fn enter() -> Result<Inside> {
    let passage = fork_gate::pass();
    let now = u64::from(fork::generation());
    if HOME.load(Acquire) != now {
        arrive(now);
    }
    if BROKEN.load(Acquire) {
        return Err(broken());
    }
    INSIDE.fetch_add(1, AcqRel);
    Ok(Inside { _passage: passage })
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, AcqRel);
    }
}

fn broken() -> StoreError {
    StoreError::Unusable {
        path: "keyward.db".into(),
        reason: "this process was made while another thread of its parent was using the store; \
                 fork before threads use it, or start the worker as a program of its own"
            .into(),
    }
}

fn seats() -> &'static Mutex<Vec<Weak<Seat>>> {
    SEATS.get_or_init(|| Box::new(Mutex::new(Vec::new())))
}

/// The first thread of a process closes what the process inherited.
#[cold]
fn arrive(now: u64) {
    let seats = seats().lock();
    let before = HOME.load(Acquire);
    if before == now {
        return;
    }
    let inherited_inside = INSIDE.swap(0, AcqRel);
    if before != NOWHERE && !BROKEN.load(Acquire) {
        if seats.was_torn() || inherited_inside != 0 {
            BROKEN.store(true, Release);
        } else {
            seats.iter().filter_map(Weak::upgrade).for_each(|seat| seat.abandon());
        }
    }
    HOME.store(now, Release);
}

/// A place for one connection, opened when it is first needed.
pub(super) struct Seat {
    place: Mutex<Option<Live>>,
    taken: AtomicBool,
    role: Role,
}

impl Seat {
    /// An empty seat, known to the process. Call it inside.
    pub(super) fn new(role: Role, _inside: &Inside) -> Arc<Self> {
        let seat = Arc::new(Self { place: Mutex::new(None), taken: AtomicBool::new(false), role });
        let mut seats = seats().lock();
        seats.retain(|other| other.strong_count() > 0);
        seats.push(Arc::downgrade(&seat));
        seat
    }

    /// Whether a thread seems to be using it: to choose a seat, not to be relied on.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Relaxed)
    }

    /// Runs `work` with the connection, alone. A connection to a file that is no longer the store's is replaced.
    pub(super) fn with<T>(
        &self,
        files: &Files,
        _inside: &Inside,
        work: impl FnOnce(&mut Live) -> Result<T>,
    ) -> Result<T> {
        let mut place = self.place.lock();
        if place.was_torn() {
            std::mem::forget(place.take());
            BROKEN.store(true, Release);
            return Err(broken());
        }
        self.taken.store(true, Relaxed);
        let database = files.database_identity();
        let outcome = database.and_then(|database| {
            let live = match place.take() {
                Some(live) if live.is_current(database, files) => live,
                _ => connect(files, self.role)?,
            };
            work(place.insert(live))
        });
        self.taken.store(false, Relaxed);
        outcome
    }

    /// Closes the connection in the process that opened it. The last one to be closed of all processes
    /// copies the log into the database and removes it.
    pub(super) fn retire(&self, _inside: &Inside) {
        let live = self.place.lock().take();
        if let Some(live) = &live {
            // Only a checkpoint is lost where this fails; the next opener does it.
            let _ = live.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        }
    }

    /// Leaves the connection as it is, for ever, without touching even its lock: where SQLite must not be
    /// called any more.
    pub(super) fn forget(self: &Arc<Self>) {
        std::mem::forget(Arc::clone(self));
    }

    /// Closes an inherited connection in a child; see the head of this file.
    fn abandon(&self) {
        let live = self.place.lock().take();
        drop(live);
        self.taken.store(false, Relaxed);
    }
}
