//! Floor 9: a token is a store, a guard, a backend and a login. Objects by handle, what it takes to
//! make, change and remove them, and the one place that asks the guard.
#![forbid(unsafe_code)]

mod alarms;
mod approval;
mod backup;
mod budget;
mod built_in;
pub mod config;
mod escrow;
mod events;
mod examine;
pub mod handles;
mod information;
mod inner;
mod law;
mod life;
mod login;
mod making;
mod objects;
mod record;
#[cfg(test)]
mod rehearsal;
mod request;
pub mod rotation;
mod slots;
mod state;
mod users;
mod word;
mod writer;

pub use approval::Said;
pub use backup::{put_back, take_away};
pub use config::{Configuration, ConfigurationError};
pub use examine::Damage;
pub use information::TokenInformation;
pub use law::{Installation, Installed};
pub use life::Grounds;
pub use login::PIN_MAX;
pub use making::{Birth, Parent};
pub use request::ApprovalRequest;
pub use rotation::{NotRotated, Rotated, Succession};
pub use slots::{Slot, Slots};
pub use users::{NAME_MAX, NamedUser, User, UserName};
pub use word::{Given, Standing};

use crate::audit::{Event, Kind};
use crate::backend::Backend;
use crate::ck::{Error, ObjectHandle, Result, SessionHandle, SlotId};
use crate::crypto::seal::PinCost;
use crate::guard::vault::{StoreKeys, Vault, is_vouched};
use crate::guard::{Authorized, Caller, Guard, Role, op::Op};
use crate::object::{KeyFacts, State};
use crate::policy::{Denial, Reason, Ruleset};
use crate::secret::Pin;
use crate::store::{Store, TokenRecord};
use crate::sys::lock::Mutex;
use arc_swap::ArcSwap;
use information::Header;
use objects::Objects;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a PIN costs whoever guesses.
pub(crate) const PIN_COST: PinCost = PinCost::RECOMMENDED;

/// One initialised token.
pub struct Token {
    serial: String,
    slot: SlotId,
    store: Arc<dyn Store>,
    keys: Arc<StoreKeys>,
    guard: Guard,
    backend: Box<dyn Backend>,
    login: ArcSwap<Login>,
    objects: Objects,
    /// The rules of a token in which no policy was installed.
    default_rules: Arc<Ruleset>,
    /// When the last call came, where the policy wants to know.
    last_call: AtomicU64,
    /// What the rules in force were made of.
    seen_policy: Mutex<law::Seen>,
    built_in: built_in::BuiltIn,
    budgets: budget::Budgets,
    /// When the store was last backed up, seconds; 0: never.
    backed_up: AtomicU64,
    /// The token's row as last read: C_GetTokenInfo never touches the disk.
    record: ArcSwap<TokenRecord>,
    /// The store's generation at which the cache was true.
    seen: AtomicU64,
    /// The token's version up to which changes were taken in.
    seen_version: Mutex<u64>,
    /// Held while a session object changes, so that no change undoes another.
    binding: Mutex<()>,
}

/// Who is logged in, and what that opened.
struct Login {
    user: User,
    /// What the record calls the user.
    name: String,
    vault: Arc<Vault>,
}

impl Login {
    /// The name by which rules know who is logged in; `None` where nobody is.
    fn known_as(&self) -> Option<&str> {
        (self.user.role != Role::Public).then_some(self.name.as_str())
    }
}

/// Whether running operations with a key of these facts go on.
const fn runs_on(facts: &KeyFacts) -> bool {
    matches!(facts.state, State::Active | State::Deactivated | State::PreActive)
}

impl Token {
    fn new(
        record: TokenRecord,
        slot: SlotId,
        store: Arc<dyn Store>,
        keys: Arc<StoreKeys>,
        guard: Guard,
        backend: Box<dyn Backend>,
    ) -> Self {
        let vault = Arc::new(Vault::closed(record.serial.clone(), Arc::clone(&keys)));
        Self {
            serial: record.serial.clone(),
            slot,
            store,
            keys,
            backend,
            login: ArcSwap::from_pointee(Login { user: User::NOBODY, name: User::NOBODY.row(), vault }),
            objects: Objects::default(),
            default_rules: guard.rules(),
            last_call: AtomicU64::new(0),
            seen_policy: Mutex::new(law::Seen::Nothing),
            built_in: built_in::BuiltIn::default(),
            budgets: budget::Budgets::default(),
            backed_up: AtomicU64::new(0),
            seen: AtomicU64::new(u64::MAX),
            seen_version: Mutex::new(record.version),
            binding: Mutex::new(()),
            record: ArcSwap::from_pointee(record),
            guard,
        }
    }

    /// 16 hexadecimal digits.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The slot it stands in, for good.
    pub const fn slot(&self) -> SlotId {
        self.slot
    }

    /// Where its keys are used.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Its law.
    pub const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The role of who is logged in.
    pub fn role(&self) -> Role {
        self.login.load().user.role
    }

    /// The name by which rules know who is logged in; `None` where nobody is.
    pub fn known_user(&self) -> Option<String> {
        self.login.load().known_as().map(str::to_owned)
    }

    fn closed_vault(&self) -> Vault {
        Vault::closed(self.serial.clone(), Arc::clone(&self.keys))
    }

    fn take_record(&self, record: TokenRecord) {
        self.record.store(Arc::new(record));
    }

    /// Asks the guard. The only call of [`Guard::authorize`] there is: whoever wants to use a key on
    /// this token comes through here, and comes back with the proof or with the reason.
    ///
    /// A purpose that this use binds is written, for every process, before the proof is handed out.
    pub fn authorize<O: Op>(
        &self,
        session: SessionHandle,
        read_write: bool,
        op: O,
    ) -> core::result::Result<Authorized<O>, Denial> {
        let login = self.login.load();
        let caller = Caller { role: login.user.role, name: &login.name, session: session.0, read_write };
        let mut answer = self.guard.authorize(&caller, self, op);
        self.answer_alarms();
        // Looked at where it lies: a grant is large, and its operation is moved no more than it must be.
        if let Ok(grant) = &answer
            && let Err(denial) = self.follow(session, grant)
        {
            answer = Err(denial);
        }
        answer
    }

    /// What follows from a grant, before it is handed out.
    #[inline]
    fn follow<O: Op>(
        &self,
        session: SessionHandle,
        grant: &Authorized<O>,
    ) -> core::result::Result<(), Denial> {
        if grant.binds() {
            self.bind_all(grant)?;
        }
        // One look: a key that is due gives way by its use, which goes on with the key that it was granted for.
        if let Ok(object) = grant.object()
            && object.rules().rotates_by_itself()
        {
            self.rotate_when_due(session, &grant.op().ask());
        }
        Ok(())
    }

    /// Writes the purposes that a use binds.
    #[cold]
    fn bind_all<O: Op>(&self, grant: &Authorized<O>) -> core::result::Result<(), Denial> {
        let bindings = grant.bindings().map_err(|error| Denial::new(Reason::NotEvaluable, error.name()))?;
        bindings.iter().try_for_each(|(key, purpose)| self.bind(key, *purpose))
    }

    /// C_Login. Checks the PIN, then everything the token's key vouches for.
    ///
    /// # Errors
    /// `CKR_USER_ALREADY_LOGGED_IN`, `CKR_USER_ANOTHER_ALREADY_LOGGED_IN`, those of the PIN, and
    /// `CKR_DEVICE_ERROR` where the store was tampered with.
    pub fn login(&self, user: User, pin: &Pin) -> Result<()> {
        let who = user.clone();
        self.noted(Kind::Login, "login", &who, || self.try_login(user, pin))
    }

    fn try_login(&self, user: User, pin: &Pin) -> Result<()> {
        match &self.login.load().user {
            nobody if nobody.role == Role::Public => {}
            there if *there == user => return Err(Error::UserAlreadyLoggedIn),
            _ => return Err(Error::UserAnotherAlreadyLoggedIn),
        }
        let vault = Arc::new(self.verify_pin(&user, pin)?.vault);
        self.audit_store(&vault)?;
        self.take_policy(&vault)?;
        // The SO comes in to install a sound one.
        if self.guard.closed().is_some() && user.role != Role::SecurityOfficer {
            return Err(Error::DeviceError);
        }
        let row = user.row();
        self.login.store(Arc::new(Login { name: row.clone(), user, vault }));
        self.refresh()?;
        // The SO may have removed the user since the PIN was checked. That nobody is logged in any more says nothing of
        // it: another thread's C_Logout may have come between.
        let record = self.record.load();
        self.notice_removed_user(&record);
        if record.users.iter().any(|user| user.name == row) { Ok(()) } else { Err(Error::PinIncorrect) }
    }

    /// Checks the PIN of who is logged in again, for a key that wants it before each use.
    pub fn confirm(&self, pin: &Pin) -> Result<()> {
        let user = self.user();
        if user.role != Role::User {
            return Err(Error::UserNotLoggedIn);
        }
        self.noted(Kind::Login, "context-login", &user, || self.verify_pin(&user, pin).map(|_| ()))
    }

    /// Every record that the token's key vouches for is there, in its last version, and no other.
    fn audit_store(&self, vault: &Vault) -> Result<()> {
        let tampered = |what: &str| {
            self.guard.journal().line("damage", format_args!("token {}: {what}", self.serial));
            Error::DeviceError
        };
        // A writer may come between the two reads; then the versions differ and the reads are repeated.
        for _ in 0..100 {
            let record = self.store.token(&self.serial)?.ok_or(Error::TokenNotRecognized)?;
            let census = self.store.census(&self.serial)?;
            let after = self.store.token(&self.serial)?.ok_or(Error::TokenNotRecognized)?;
            if after.version != record.version {
                continue;
            }
            let vouched = vault
                .check_token(&record)
                .map_err(|_| tampered("its header or users are not what was written"))?;
            let mut sum = [0; 32];
            for each in census.iter().filter(|each| is_vouched(each.version)) {
                writer::add(&mut sum, &vault.share(each.uid, each.version)?);
            }
            if sum != vouched {
                return Err(tampered("records are missing, were put in, or are older than they should be"));
            }
            return Ok(());
        }
        Err(Error::FunctionFailed)
    }

    /// C_Logout: private objects go, and with them every running use of them.
    pub fn logout(&self) -> Result<()> {
        let who = self.user();
        if who.role == Role::Public {
            return Err(Error::UserNotLoggedIn);
        }
        self.close_login();
        self.note_of(Kind::Logout, "logout", &who, Ok(()))
    }

    /// Ends a login after which no call came for as long as the policy says; otherwise this call is the last one.
    pub fn end_idle_login(&self) {
        let Some(seconds) = self.guard.idle_logout_seconds() else { return };
        let now = self.guard.now();
        let last = self.last_call.swap(now, Ordering::AcqRel);
        if self.role() != Role::Public && last > 0 && now >= last.saturating_add(seconds) {
            self.guard
                .journal()
                .line("login", format_args!("token {}: idle for too long, logged out", self.serial));
            self.close_login();
        }
    }

    /// With a token's last session goes the login.
    pub fn end_login(&self) {
        let who = self.user();
        self.close_login();
        if who.role != Role::Public {
            self.note(Event { user: who.row(), ..self.event(Kind::Logout, "end-of-sessions") });
        }
    }

    /// What C_Logout and the end of the last session do.
    fn close_login(&self) {
        self.login.store(Arc::new(Login {
            user: User::NOBODY,
            name: User::NOBODY.row(),
            vault: Arc::new(self.closed_vault()),
        }));
        self.objects.drop_where(|entry| entry.held.facts().private);
    }

    /// The session objects of a session that ends.
    pub fn drop_session_objects(&self, session: SessionHandle) {
        self.objects.drop_owned(session);
    }

    /// Forgets everything this process knew, if the token was initialised anew, here or elsewhere; whether it was.
    fn notice_new_incarnation(&self, record: &TokenRecord) -> bool {
        let vault = self.closed_vault();
        let of = |record: &TokenRecord| Header::open(&vault, record).map(|header| header.incarnation).ok();
        if of(record) != of(&self.record.load()) {
            self.close_login();
            self.objects.drop_where(|_| true);
            self.forget_policy();
            self.forget_budgets();
            return true;
        }
        false
    }

    /// Whether the handle is that of a session object.
    pub fn is_session_object(&self, handle: ObjectHandle) -> bool {
        self.objects.table.with(handle.0, |entry| entry.owner.is_some()) == Some(true)
    }
}
