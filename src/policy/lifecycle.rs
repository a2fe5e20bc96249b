//! The life of a key (SP 800-57 Part 1 Rev. 5, section 7): states, the edges between them, and what each
//! state lets a key do. Data, and functions that read it. Dates are judged at the moment of use.

use super::denial::{Denial, Reason};
use super::entry::{Entry, Side};
use crate::ck::date::UtcSeconds;
use crate::object::facts::{State, Window};

/// Where each state may go. No other edge exists.
const TRANSITIONS: &[(State, &[State])] = &[
    (State::PreActive, &[State::Active, State::Destroyed, State::Compromised]),
    (State::Active, &[State::Suspended, State::Deactivated, State::Destroyed, State::Compromised]),
    (State::Suspended, &[State::Active, State::Deactivated, State::Destroyed, State::Compromised]),
    (State::Deactivated, &[State::Destroyed, State::Compromised]),
    (State::Compromised, &[State::DestroyedCompromised]),
    // A destroyed key that is found compromised later is recorded so.
    (State::Destroyed, &[State::DestroyedCompromised]),
    (State::DestroyedCompromised, &[]),
];

/// The states that a key in this state may go to.
pub fn successors(from: State) -> &'static [State] {
    TRANSITIONS.iter().find(|(state, _)| *state == from).map_or(&[], |(_, to)| *to)
}

/// Whether a key may go from one state to another. Staying where it is is no transition.
///
/// # Errors
/// [`Reason::StateTransition`] where the edge does not exist.
pub fn transition(from: State, to: State) -> Result<(), Denial> {
    if successors(from).contains(&to) {
        return Ok(());
    }
    let detail = format!("a key that is {} cannot become {}", from.word(), to.word());
    Err(Denial::new(Reason::StateTransition, detail))
}

/// The recorded state, with an activation date that has come counted in. A pre-active key without an
/// activation date waits for an explicit transition.
pub fn activated(state: State, protect: Window, now: UtcSeconds) -> State {
    match state {
        State::PreActive if protect.from.is_some_and(|from| from <= now) => State::Active,
        state => state,
    }
}

/// The state that holds at a moment, for those who read it: an activation date that has come makes a
/// pre-active key active, and an active key whose originator or recipient window is over is deactivated
/// (SP 800-57 Part 1 Rev. 5, 7.2; KMIP Deactivation Date). Never more permissive than the recorded state
/// together with its windows, which is what `decide` judges.
pub fn effective_state(state: State, protect: Window, process: Window, now: UtcSeconds) -> State {
    let over = |window: Window| window.to.is_some_and(|to| to <= now);
    match activated(state, protect, now) {
        State::Active if over(protect) || over(process) => State::Deactivated,
        state => state,
    }
}

/// What the policy says of keys that are not active.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Exceptions {
    /// `[pre-active] proof_of_possession = true`: a key may sign its own certification request. Not judged by [`permits`], which
    /// does not know what is signed.
    pub pre_active_proof: bool,
    /// `[suspended] process = true`
    pub suspended_process: bool,
    /// `[compromised] process = true`: SP 800-57 Part 1 Rev. 5, 7.5, "highly controlled conditions".
    pub compromised_process: bool,
}

/// Whether a state lets an entry go on, windows aside; otherwise the reason.
///
/// Entries on neither side: changes of attributes are judged by other rules; destroying needs something
/// to destroy; copying, wrapping and revealing carry the key on, which a key that may not even process
/// must not do.
#[inline]
pub fn permits(state: State, entry: Entry, exceptions: Exceptions) -> Result<(), Reason> {
    let (reason, process) = match state {
        State::Active => return Ok(()),
        State::PreActive => (Reason::StatePreActive, false),
        State::Suspended => (Reason::StateSuspended, exceptions.suspended_process),
        State::Deactivated => (Reason::StateDeactivated, true),
        State::Compromised => (Reason::StateCompromised, exceptions.compromised_process),
        State::Destroyed | State::DestroyedCompromised => (Reason::StateDestroyed, false),
    };
    let permitted = match entry.side() {
        Side::Originator => false,
        Side::Recipient => process,
        Side::Neither => match entry {
            Entry::Generate | Entry::Create | Entry::SetAttribute => true,
            Entry::Destroy => reason != Reason::StateDestroyed,
            _ => process || state == State::PreActive,
        },
    };
    if permitted { Ok(()) } else { Err(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 7] = [
        State::PreActive,
        State::Active,
        State::Suspended,
        State::Deactivated,
        State::Compromised,
        State::Destroyed,
        State::DestroyedCompromised,
    ];

    #[test]
    fn transition_matches_the_matrix() {
        // Rows: from; columns: to; both in the order of STATES.
        let matrix = [
            // pre  act  sus  dea  com  des  dc
            [0, 1, 0, 0, 1, 1, 0], // pre-active
            [0, 0, 1, 1, 1, 1, 0], // active
            [0, 1, 0, 1, 1, 1, 0], // suspended
            [0, 0, 0, 0, 1, 1, 0], // deactivated
            [0, 0, 0, 0, 0, 0, 1], // compromised
            [0, 0, 0, 0, 0, 0, 1], // destroyed
            [0, 0, 0, 0, 0, 0, 0], // destroyed-compromised
        ];
        for (row, from) in matrix.iter().zip(STATES) {
            for (edge, to) in row.iter().zip(STATES) {
                assert_eq!(transition(from, to).is_ok(), *edge == 1, "{} -> {}", from.word(), to.word());
            }
        }
    }

    #[test]
    fn permits_each_state_and_side_matches_the_table() {
        let none = Exceptions::default();
        let both = Exceptions { pre_active_proof: true, suspended_process: true, compromised_process: true };
        // State, originator, recipient, recipient where the policy makes exceptions.
        for (state, originator, recipient, excepted) in [
            (State::PreActive, false, false, false),
            (State::Active, true, true, true),
            (State::Suspended, false, false, true),
            (State::Deactivated, false, true, true),
            (State::Compromised, false, false, true),
            (State::Destroyed, false, false, false),
            (State::DestroyedCompromised, false, false, false),
        ] {
            for entry in [Entry::Sign, Entry::Encrypt, Entry::Wrap, Entry::Derive, Entry::DigestKey] {
                assert_eq!(permits(state, entry, none).is_ok(), originator, "{state:?} {entry:?}");
                assert_eq!(permits(state, entry, both).is_ok(), originator, "{state:?} {entry:?}");
            }
            for entry in [Entry::Verify, Entry::Decrypt, Entry::Unwrap, Entry::Decapsulate] {
                assert_eq!(permits(state, entry, none).is_ok(), recipient, "{state:?} {entry:?}");
                assert_eq!(permits(state, entry, both).is_ok(), excepted, "{state:?} {entry:?}");
            }
        }
        assert!(permits(State::Compromised, Entry::Destroy, none).is_ok());
        assert!(permits(State::Destroyed, Entry::Destroy, none).is_err());
        assert!(permits(State::PreActive, Entry::WrapTarget, none).is_ok());
        assert!(permits(State::Suspended, Entry::WrapTarget, none).is_err());
        assert!(permits(State::Destroyed, Entry::Reveal, both).is_err());
    }

    #[test]
    fn effective_state_follows_the_dates() {
        let window = |from, to| Window { from, to };
        let open = Window::default();
        assert_eq!(effective_state(State::PreActive, open, open, 100), State::PreActive);
        assert_eq!(effective_state(State::PreActive, window(Some(100), None), open, 99), State::PreActive);
        assert_eq!(effective_state(State::PreActive, window(Some(100), None), open, 100), State::Active);
        assert_eq!(
            effective_state(State::PreActive, window(Some(1), Some(50)), open, 50),
            State::Deactivated
        );
        assert_eq!(effective_state(State::Active, window(None, Some(50)), open, 49), State::Active);
        assert_eq!(effective_state(State::Active, open, window(None, Some(50)), 50), State::Deactivated);
        assert_eq!(effective_state(State::Suspended, window(None, Some(50)), open, 60), State::Suspended);
        assert_eq!(effective_state(State::Compromised, window(Some(1), None), open, 60), State::Compromised);
    }
}
