//! The objects of a token: handles, the cache of what the store holds, the search, and the
//! transactions that write.
//!
//! The store is the truth. An object is loaded when it is first asked for; what other processes change
//! is noticed by the store's generation and reloaded, never served stale.

use super::Token;
use super::escrow::BACKUP;
use super::handles::Table;
use super::inner;
use super::law::POLICY;
use super::writer::Writer;
use crate::ck::{Error, ObjectHandle, Result, SessionHandle};
use crate::guard::vault::{INDEXED, Vault, indexed_value};
use crate::guard::{Held, Role, caller};
use crate::object::{Attributes, find, key};
use crate::store::{Query, Record, StoreError, Uid};
use crate::sys::lock::Mutex;
use cryptoki_sys::{CKA_CLASS, CKA_PRIVATE, CKA_TOKEN};
use std::collections::HashMap;
use std::sync::Arc;

/// One object under its handle.
pub(super) struct Entry {
    pub(super) held: Arc<Held>,
    /// The session that a session object dies with; `None` for token objects.
    pub(super) owner: Option<SessionHandle>,
}

/// Objects of one token in this process.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) table: Table<Entry>,
    /// Handles of the token objects that were loaded.
    by_uid: Mutex<HashMap<Uid, ObjectHandle>>,
    /// Handles of the session objects: few, and asked for by every search and every end of a session.
    in_memory: Mutex<Vec<ObjectHandle>>,
}

impl Objects {
    pub(super) fn held(&self, handle: ObjectHandle) -> Option<Arc<Held>> {
        self.table.with(handle.0, |entry| Arc::clone(&entry.held))
    }

    /// The handle under which a token object stands, if it was loaded.
    fn handle(&self, uid: Uid) -> Option<ObjectHandle> {
        self.uids().get(&uid).copied()
    }

    /// The map of handles. After a fork in the middle of a change it is rebuilt from the table.
    fn uids(&self) -> crate::sys::lock::Guard<'_, HashMap<Uid, ObjectHandle>> {
        let mut map = self.by_uid.lock();
        if map.was_torn() {
            let rebuilt = self.table.collect(|handle, entry| {
                entry.owner.is_none().then(|| (entry.held.uid(), ObjectHandle(handle)))
            });
            *map = rebuilt.into_iter().collect();
        }
        map
    }

    /// Puts a token object in, or a newer version of one that is there.
    pub(super) fn put(&self, held: Arc<Held>) -> Result<ObjectHandle> {
        let mut map = self.uids();
        let uid = held.uid();
        if let Some(handle) = map.get(&uid).copied() {
            let older = self.table.with(handle.0, |entry| entry.held.version() < held.version());
            if older == Some(true) {
                self.table.replace(handle.0, Entry { held, owner: None });
            }
            return Ok(handle);
        }
        let handle = ObjectHandle(self.table.insert(|_| Entry { held, owner: None })?);
        map.insert(uid, handle);
        Ok(handle)
    }

    pub(super) fn put_session_object(&self, held: Arc<Held>, owner: SessionHandle) -> Result<ObjectHandle> {
        let mut in_memory = self.in_memory();
        let handle = self.table.insert(|_| Entry { held, owner: Some(owner) }).map(ObjectHandle)?;
        in_memory.push(handle);
        Ok(handle)
    }

    fn in_memory(&self) -> crate::sys::lock::Guard<'_, Vec<ObjectHandle>> {
        let mut list = self.in_memory.lock();
        if list.was_torn() {
            *list = self.table.collect(|handle, entry| entry.owner.is_some().then_some(ObjectHandle(handle)));
        }
        list
    }

    /// The session objects for which `wanted` holds.
    fn session_objects(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<ObjectHandle> {
        let list = self.in_memory();
        list.iter().copied().filter(|handle| self.table.with(handle.0, &wanted) == Some(true)).collect()
    }

    /// Drops the session objects of a session.
    pub(super) fn drop_owned(&self, owner: SessionHandle) {
        for handle in self.session_objects(|entry| entry.owner == Some(owner)) {
            self.drop_handle(handle);
        }
    }

    /// Takes a token object out: it was destroyed, or is no longer visible.
    pub(super) fn drop_uid(&self, uid: Uid) {
        if let Some(handle) = self.uids().remove(&uid) {
            self.drop_handle(handle);
        }
    }

    pub(super) fn drop_handle(&self, handle: ObjectHandle) {
        let there = self.table.with(handle.0, |entry| (Arc::clone(entry.held.life()), entry.owner.is_some()));
        if let Some((life, in_memory)) = there {
            life.stop();
            if in_memory {
                self.in_memory().retain(|other| *other != handle);
            }
        }
        self.table.remove(handle.0);
    }

    /// Drops every object for which `goes` holds.
    pub(super) fn drop_where(&self, goes: impl Fn(&Entry) -> bool) {
        let gone = self.table.collect(|handle, entry| {
            goes(entry).then(|| (ObjectHandle(handle), entry.held.uid(), entry.owner))
        });
        for (handle, uid, owner) in gone {
            if owner.is_none() {
                self.uids().remove(&uid);
            }
            self.drop_handle(handle);
        }
    }
}

impl Token {
    /// Brings the cache up to what the store holds, if anything changed. One load when nothing did.
    pub fn refresh(&self) -> Result<()> {
        use crate::store::Generation;
        let generation = self.store.generation();
        if let Generation::Settled(number) = generation
            && number == self.seen.load(std::sync::atomic::Ordering::Acquire)
        {
            return Ok(());
        }
        self.catch_up(generation)
    }

    #[cold]
    fn catch_up(&self, generation: crate::store::Generation) -> Result<()> {
        use std::sync::atomic::Ordering;
        let mut seen_version = self.seen_version.lock();
        if seen_version.was_torn() {
            // Another process's child cannot know how far its parent came: from the start, then.
            *seen_version = 0;
        }
        let record = self.store.token(&self.serial)?.ok_or(Error::TokenNotRecognized)?;
        let version = record.version;
        let anew = self.notice_new_incarnation(&record);
        self.notice_removed_user(&record);
        let changes = if record.version == *seen_version {
            Vec::new()
        } else {
            self.store.changes(&self.serial, *seen_version)?
        };
        // The rules come first: what is loaded after them is under them.
        let first = self.seen.load(Ordering::Acquire) == u64::MAX;
        if anew || first || changes.iter().any(|change| change.uid == POLICY) {
            self.take_policy(&self.login.load().vault)?;
        }
        if anew || first || changes.iter().any(|change| change.uid == BACKUP) {
            self.take_backup_date()?;
        }
        for change in changes {
            self.changed_elsewhere(change.uid, change.version, change.deleted)?;
        }
        self.take_record(record);
        *seen_version = version;
        if let crate::store::Generation::Settled(number) = generation {
            self.seen.store(number, Ordering::Release);
        }
        Ok(())
    }

    fn changed_elsewhere(&self, uid: Uid, version: u64, deleted: bool) -> Result<()> {
        let Some(handle) = self.objects.handle(uid) else {
            return Ok(());
        };
        if deleted {
            self.objects.drop_uid(uid);
            return Ok(());
        }
        let Some(held) = self.objects.held(handle) else {
            return Ok(());
        };
        if held.version() >= version {
            return Ok(());
        }
        match self.load(uid, Some(&held)) {
            Ok(Some(newer)) => {
                if !super::runs_on(newer.facts()) {
                    newer.life().stop();
                }
                self.objects.put(newer).map(|_| ())
            }
            // Gone, invisible or damaged: in no case may the old one be used on.
            Ok(None) => {
                self.objects.drop_uid(uid);
                Ok(())
            }
            Err(error) => {
                self.objects.drop_uid(uid);
                self.guard
                    .journal()
                    .line("damage", format_args!("object {uid} of token {}: {error}", self.serial));
                Ok(())
            }
        }
    }

    /// Loads an object from the store; `None` where it is gone or not visible.
    pub(super) fn load(&self, uid: Uid, older: Option<&Arc<Held>>) -> Result<Option<Arc<Held>>> {
        let Some(record) = self.store.record(&self.serial, uid)? else {
            return Ok(None);
        };
        let login = self.login.load();
        if record.deleted || record.private && login.user.role != Role::User {
            return Ok(None);
        }
        // A row that went back behind what this process has already seen was put there by somebody.
        if older.is_some_and(|older| record.version < older.version()) {
            return Err(Error::DeviceError);
        }
        let life = older.map(|older| match older.life() {
            life if life.is_stopped() => Arc::new(life.renewed()),
            life => Arc::clone(life),
        });
        let held = Held::load(record, &login.vault, &self.guard.rules(), life)?;
        Ok(Some(Arc::new(held)))
    }

    /// The handle of a token object, loading it if need be.
    pub(super) fn handle_of(&self, uid: Uid) -> Result<ObjectHandle> {
        match self.objects.handle(uid) {
            Some(handle) => Ok(handle),
            None => self.objects.put(self.load(uid, None)?.ok_or(Error::ObjectHandleInvalid)?),
        }
    }

    /// Whether an object is there at all for who asks: by the login, and by `visible_to` of the policy.
    fn shows(&self, held: &Held) -> bool {
        let login = self.login.load();
        (!held.facts().private || login.user.role == Role::User)
            && held.rules().while_in(login.known_as()).shows_to(caller::this, || self.guard.now())
    }

    /// An object by handle, as it is now.
    pub fn object(&self, handle: ObjectHandle) -> Option<Arc<Held>> {
        let held = self.objects.held(handle).or_else(|| self.built_in_object(handle));
        held.filter(|held| self.shows(held))
    }

    /// A tombstone or a living object straight from the store, by identity.
    pub fn record(&self, uid: Uid) -> Result<Option<Attributes>> {
        let login = self.login.load();
        match self.store.record(&self.serial, uid)? {
            Some(record) if record.attributes.is_empty() => Ok(None),
            Some(record) => login.vault.open_attributes(&record).map(Some),
            None => Ok(None),
        }
    }

    /// What a destroyed key left, as an object that can be asked about and used for nothing; `None` where nothing is left.
    ///
    /// # Errors
    /// Those of the store; `CKR_USER_NOT_LOGGED_IN` for a private one without a login.
    pub fn tombstone(&self, uid: Uid) -> Result<Option<Arc<Held>>> {
        match self.store.record(&self.serial, uid)? {
            Some(record) if record.deleted && !record.attributes.is_empty() => {
                let login = self.login.load();
                Held::load(record, &login.vault, &self.guard.rules(), None).map(Arc::new).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Identities of what was destroyed and left a tombstone.
    pub fn tombstones(&self) -> Result<Vec<Uid>> {
        let changes = self.store.changes(&self.serial, 0)?;
        Ok(changes.into_iter().filter(|change| change.deleted).map(|change| change.uid).collect())
    }

    /// C_FindObjects: handles of the visible objects that match, generations that were replaced behind the others, and
    /// without what the policy hides while it protects nothing.
    pub fn find(&self, template: &Attributes) -> Result<Vec<ObjectHandle>> {
        Ok(self.in_order_of_generations(self.find_all(template)?))
    }

    /// Handles of every visible object that matches, in the order of the store.
    pub fn find_all(&self, template: &Attributes) -> Result<Vec<ObjectHandle>> {
        let visible = |held: &Held| self.shows(held);
        let mut handles = Vec::new();
        let token = template.value(CKA_TOKEN);
        if token != Some(&crate::object::Value::Bool(false)) {
            let found = self.store.find(&self.serial, &self.query(template)?)?;
            for uid in found.into_iter().filter(|uid| !inner::is_row(*uid)) {
                let handle = match self.objects.handle(uid) {
                    Some(handle) => handle,
                    None => match self.load(uid, None) {
                        Ok(Some(held)) => self.objects.put(held)?,
                        Ok(None) => continue,
                        Err(error) => {
                            let journal = self.guard.journal();
                            journal.line(
                                "damage",
                                format_args!("object {uid} of token {}: {error}", self.serial),
                            );
                            continue;
                        }
                    },
                };
                let matches = self.objects.table.with(handle.0, |entry| {
                    visible(&entry.held) && find::matches(entry.held.attributes(), template)
                });
                handles.extend((matches == Some(true)).then_some(handle));
            }
        }
        if token != Some(&crate::object::Value::Bool(true)) {
            handles.extend(self.objects.session_objects(|entry| {
                visible(&entry.held) && find::matches(entry.held.attributes(), template)
            }));
        }
        handles.extend(self.find_built_in(template));
        Ok(handles)
    }

    fn query(&self, template: &Attributes) -> Result<Query> {
        let login = self.login.load();
        let mut query = Query {
            class: template.number(CKA_CLASS),
            private: login.user.role == Role::User
                && template.value(CKA_PRIVATE) != Some(&crate::object::Value::Bool(false)),
            index: Vec::new(),
        };
        for kind in INDEXED {
            if let Some(value) = indexed_value(template, kind) {
                query.index.push((kind, login.vault.search(kind, &value)?));
            }
        }
        Ok(query)
    }

    /// The identities of a key and of the other half of its pair, if that is on the token.
    pub(super) fn pair_of(&self, held: &Held) -> Result<Vec<Uid>> {
        let mut uids = vec![held.uid()];
        if let Some(identity) = key::public_identity(held.attributes()) {
            let login = self.login.load();
            let digests = login.vault.search(crate::store::IndexKind::PublicKey, identity)?;
            let query = Query {
                class: None,
                private: true,
                index: vec![(crate::store::IndexKind::PublicKey, digests)],
            };
            for uid in self.store.find(&self.serial, &query)? {
                let is_key = |record: &Record| key::is_key_class(record.class);
                if uid != held.uid() && self.store.record(&self.serial, uid)?.as_ref().is_some_and(is_key) {
                    uids.push(uid);
                }
            }
        }
        Ok(uids)
    }

    /// Runs `work` in one write transaction and brings the cache up to its result.
    pub(super) fn write<R>(&self, work: impl FnMut(&mut Writer<'_>) -> Result<R>) -> Result<R> {
        let login = self.login.load_full();
        self.write_under(&login.vault, work)
    }

    /// The same with what another vault can seal.
    pub(super) fn write_under<R>(
        &self,
        vault: &Arc<Vault>,
        mut work: impl FnMut(&mut Writer<'_>) -> Result<R>,
    ) -> Result<R> {
        self.transact(vault, |writer| Ok((work(writer)?, true)))
    }

    /// The same for work that may come to nothing: what it answers beside its result says whether it wrote anything.
    pub(super) fn write_if<R>(&self, work: impl FnMut(&mut Writer<'_>) -> Result<(R, bool)>) -> Result<R> {
        let login = self.login.load_full();
        self.transact(&login.vault, work)
    }

    fn transact<R>(
        &self,
        vault: &Arc<Vault>,
        mut work: impl FnMut(&mut Writer<'_>) -> Result<(R, bool)>,
    ) -> Result<R> {
        let mut result = None;
        self.store.transact(&mut |tx| {
            let mut writer = Writer::begin(tx, &self.serial, vault)?;
            let (outcome, wrote) = work(&mut writer).map_err(StoreError::Aborted)?;
            result = Some(outcome);
            if wrote { writer.end() } else { Ok(()) }
        })?;
        self.refresh()?;
        result.ok_or(Error::GeneralError)
    }
}
