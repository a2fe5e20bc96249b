//! What the token does about alarms: the guard raises them, and only here can a store be written.

use super::Token;
use super::life::Grounds;
use crate::ck::vendor::CKA_KEYWARD_CALLERS;
use crate::ck::{Error, ObjectHandle, Result};
use crate::guard::{Answer, Held};
use crate::object::Value;

impl Token {
    /// Does what the guard's alarms ask for. What cannot be written (nobody is logged in, the disk is full) is told in the
    /// log; the alarm itself stands in the record already.
    #[inline]
    pub(super) fn answer_alarms(&self) {
        if self.guard().has_answers() {
            self.answer_all();
        }
    }

    #[cold]
    fn answer_all(&self) {
        for answer in self.guard().take_answers() {
            self.answer_alarm(answer);
        }
    }

    fn answer_alarm(&self, answer: Answer) {
        let (told, outcome) = match answer {
            Answer::Suspend(grant, message) => {
                let object = std::sync::Arc::clone(&grant.op().object);
                let grounds = Grounds { message, ..Grounds::default() };
                let outcome = self.place_of(&object).and_then(|handle| self.pass(handle, grant, &grounds));
                // Whatever became of the store: this process does not go on with the key.
                object.life().stop();
                ("suspended", outcome)
            }
            Answer::Remember(object, line) => ("given another caller", self.remember_caller(&object, &line)),
        };
        if let Err(error) = outcome {
            self.guard()
                .journal()
                .line("alarm", format_args!("the key could not be {told}: {}", error.name()));
        }
    }

    fn place_of(&self, object: &Held) -> Result<ObjectHandle> {
        if object.facts().token {
            return self.handle_of(object.uid());
        }
        let found =
            self.objects.table.collect(|handle, entry| (entry.held.uid() == object.uid()).then_some(handle));
        found.first().map(|handle| ObjectHandle(*handle)).ok_or(Error::ObjectHandleInvalid)
    }

    /// Adds a caller to those of a key. A session object belongs to one process and needs none.
    fn remember_caller(&self, object: &Held, line: &str) -> Result<()> {
        if !object.facts().token {
            return Ok(());
        }
        self.write(|writer| {
            let (_, mut attributes) = writer.attributes(object.uid())?.ok_or(Error::ObjectHandleInvalid)?;
            let mut callers = attributes.bytes(CKA_KEYWARD_CALLERS).unwrap_or_default().to_vec();
            if callers.split(|byte| *byte == b'\n').any(|each| each == line.as_bytes()) {
                return Ok(());
            }
            callers.extend_from_slice(line.as_bytes());
            callers.push(b'\n');
            attributes.set(CKA_KEYWARD_CALLERS, Value::Bytes(callers));
            self.rewrite(writer, object.uid(), &attributes)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{Module, keys, object, session, sign, wrapping};
    use crate::audit::{Event, Kind};
    use crate::ck::raw::{AttributeSlot, Room, ulong_to_bytes};
    use crate::ck::{Error, Mechanism, ObjectHandle, SessionHandle};
    use crate::object::State;
    use crate::policy::Reason;
    use crate::session::Output;
    use crate::token::rehearsal::*;
    use cryptoki_sys::*;

    fn state(module: &Module, key: ObjectHandle) -> State {
        module.slots().tokens().unwrap()[0].object(key).unwrap().facts().state
    }

    fn reason(module: &Module, s: SessionHandle) -> u64 {
        session::session_info(module, s).unwrap().device_error.into()
    }

    fn events(module: &Module) -> Vec<Event> {
        told(module).into_iter().map(|entry| entry.event).collect()
    }

    fn alarms(module: &Module) -> Vec<Event> {
        events(module).into_iter().filter(|event| event.kind == Kind::Alarm).collect()
    }

    #[test]
    fn failed_logins_raise_one_alarm_in_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let policy = "policy = 1\n[[alarm]]\nid = \"guessing\"\non = \"failed-logins\"\nover = 3\nwithin = \"10m\"\n\
                      why = \"somebody guesses\"\n";
        let (module, _, s) = ready(policy, folder.path());
        session::logout(&module, s).unwrap();
        for _ in 0..3 {
            assert_eq!(session::login(&module, s, CKU_USER, pin(b"wrong1")), Err(Error::PinIncorrect));
        }
        assert!(alarms(&module).is_empty());
        for _ in 0..3 {
            assert_eq!(session::login(&module, s, CKU_USER, pin(b"wrong1")), Err(Error::PinIncorrect));
        }
        let alarms = alarms(&module);
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        assert_eq!((&*alarms[0].operation, alarms[0].rules.join(" ")), ("failed-logins", "guessing".into()));
        assert!(alarms[0].detail.contains("somebody guesses"), "{}", alarms[0].detail);
        assert_eq!(alarms[0].user, "user");
    }

    #[test]
    fn uses_over_the_threshold_suspend_the_key_and_are_refused() {
        for token in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let policy = "policy = 1\n[[alarm]]\nid = \"flood\"\non = \"uses\"\nover = 5\nwithin = \"1m\"\n\
                          when = { label = \"web\" }\nthen = \"suspend\"\n";
            let (module, _, s) = ready(policy, folder.path());
            let (web, other) =
                (mac_key(&module, s, "web", token).unwrap(), mac_key(&module, s, "other", token).unwrap());
            for _ in 0..5 {
                mac(&module, s, web).unwrap();
            }
            assert_eq!(mac(&module, s, web), Err(Error::ActionProhibited), "token {token}");
            assert_eq!(reason(&module, s), u64::from(Reason::Alarm.code()));
            assert_eq!(state(&module, web), State::Suspended);
            assert_eq!(mac(&module, s, web), Err(Error::KeyFunctionNotPermitted));
            assert_eq!(reason(&module, s), u64::from(Reason::StateSuspended.code()));
            (0..20).for_each(|_| mac(&module, s, other).unwrap());
            let told = events(&module);
            let alarm = told.iter().find(|event| event.kind == Kind::Alarm).unwrap();
            assert_eq!((alarm.label.as_str(), &*alarm.operation), ("web", "uses"));
            let change =
                told.iter().find(|event| event.kind == Kind::Change && event.operation == "suspended");
            assert!(change.is_some_and(|event| event.detail.contains("alarm flood")), "{told:?}");
        }
    }

    #[test]
    fn denials_of_a_key_suspend_it() {
        let folder = tempfile::tempdir().unwrap();
        let policy = "policy = 1\n[[rule]]\nid = \"r\"\ndeny = [\"CKM_SHA512_HMAC\"]\n[[alarm]]\nid = \"probing\"\n\
                      on = \"denials\"\nover = 2\nwithin = \"1m\"\nthen = \"suspend\"\n";
        let (module, _, s) = ready(policy, folder.path());
        let key = mac_key(&module, s, "web", true).unwrap();
        for probe in 0..3 {
            assert_eq!(state(&module, key), State::Active, "{probe}");
            let denied = sign::sign_init(&module, s, Some(Mechanism::plain(CKM_SHA512_HMAC)), key);
            assert_eq!(denied, Err(Error::MechanismInvalid));
        }
        assert_eq!(state(&module, key), State::Suspended);
    }

    #[test]
    fn first_caller_is_no_news_and_another_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let policy = "policy = 1\n[[alarm]]\nid = \"stranger\"\non = \"new-caller\"\n";
        let (module, _, s) = ready(policy, folder.path());
        let key = mac_key(&module, s, "web", true).unwrap();
        mac(&module, s, key).unwrap();
        mac(&module, s, key).unwrap();
        let tokens = module.slots().tokens().unwrap();
        let held = tokens[0].object(key).unwrap();
        let callers = held.attributes().bytes(crate::ck::vendor::CKA_KEYWARD_CALLERS).unwrap().to_vec();
        assert_eq!(callers.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(alarms(&module).is_empty());
        // As if somebody else had been the only one so far.
        tokens[0]
            .write(|writer| {
                let (_, mut attributes) = writer.attributes(held.uid())?.unwrap();
                let other = crate::object::Value::Bytes(b"4711 /opt/other\n".to_vec());
                attributes.set(crate::ck::vendor::CKA_KEYWARD_CALLERS, other);
                tokens[0].rewrite(writer, held.uid(), &attributes)
            })
            .unwrap();
        mac(&module, s, key).unwrap();
        mac(&module, s, key).unwrap();
        let alarms = alarms(&module);
        assert_eq!(alarms.len(), 1, "{alarms:?}");
        assert_eq!(&*alarms[0].operation, "new-caller");
    }

    #[test]
    fn use_outside_the_hours_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let day = |wanted: &str| {
            format!(
                "policy = 1\n[[alarm]]\nid = \"night\"\non = \"outside-hours\"\nhours = \"{wanted} 00:00-24:00 UTC\"\n"
            )
        };
        let (module, _, s) = ready(&day("Mon-Sun"), folder.path());
        let key = mac_key(&module, s, "web", true).unwrap();
        mac(&module, s, key).unwrap();
        assert!(alarms(&module).is_empty());
        // 1970-01-01 was a Thursday.
        let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        let today = crate::sys::clock::utc_seconds() / 86_400 % 7;
        let other = names[(today as usize + 3) % 7];
        let folder = tempfile::tempdir().unwrap();
        let (module, _, s) = ready(&day(other), folder.path());
        let key = mac_key(&module, s, "web", true).unwrap();
        mac(&module, s, key).unwrap();
        mac(&module, s, key).unwrap();
        assert_eq!(alarms(&module).len(), 1);
    }

    #[test]
    fn keys_that_leave_in_a_burst_are_told_of_and_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let alarm = |id: &str, on: &str, label: &str| {
            format!(
                "[[alarm]]\nid = \"{id}\"\non = \"{on}\"\nover = 2\nwithin = \"1m\"\nwhen = {{ label = \"{label}\" }}\nthen = \"suspend\"\n"
            )
        };
        let policy = format!(
            "policy = 1\n{}{}",
            alarm("emptied", "wraps", "kek"),
            alarm("leaves", "exports", "data-*")
        );
        let (module, _, s) = ready(&policy, folder.path());
        let kek = [
            raw(CKA_LABEL, b"kek"),
            raw(CKA_TOKEN, &[CK_TRUE]),
            raw(CKA_WRAP, &[CK_TRUE]),
            raw(CKA_VALUE_LEN, &ulong_to_bytes(32)),
        ];
        let kek = keys::generate_key(&module, s, Mechanism::plain(CKM_AES_KEY_GEN), kek.into()).unwrap();
        let data = |number: u8| {
            let template = vec![
                raw(CKA_LABEL, format!("data-{number}").as_bytes()),
                raw(CKA_TOKEN, &[CK_TRUE]),
                raw(CKA_EXTRACTABLE, &[CK_TRUE]),
                raw(CKA_SENSITIVE, &[CK_FALSE]),
                raw(CKA_VALUE_LEN, &ulong_to_bytes(32)),
            ];
            keys::generate_key(&module, s, Mechanism::plain(CKM_AES_KEY_GEN), template).unwrap()
        };
        let (one, other) = (data(1), data(2));
        let leave = |key| {
            let (mut room, mut len) = ([0; 64], 64);
            let out = Output::new(Some(&mut room), &mut len);
            wrapping::wrap_key(&module, s, Mechanism::plain(CKM_AES_KEY_WRAP), kek, key, out)
        };
        // Two of one key and one of the other: more than two under the wrapping key.
        leave(one).unwrap();
        leave(one).unwrap();
        assert_eq!(leave(other), Err(Error::ActionProhibited));
        assert_eq!(reason(&module, s), u64::from(Reason::Alarm.code()));
        assert_eq!((state(&module, kek), state(&module, one)), (State::Suspended, State::Active));
        // The third time that the value leaves, by whatever way.
        let (mut room, mut len) = ([0; 32], 32);
        let slot = AttributeSlot { cka: CKA_VALUE, room: Room::Bytes(&mut room), len: &mut len };
        let seen = object::attribute_values(&module, s, one, &mut [slot]);
        assert_eq!((seen, room), (Err(Error::AttributeSensitive), [0; 32]));
        assert_eq!((state(&module, one), state(&module, other)), (State::Suspended, State::Active));
        let told = alarms(&module);
        let signals: Vec<_> = told.iter().map(|event| (&*event.operation, event.label.as_str())).collect();
        assert_eq!(signals, [("wraps", "kek"), ("exports", "data-1")]);
    }
}
