//! A refusal: why, by which rule, in the officer's words, and the `CKR_` that a caller sees.

use super::diagnostic::printable;
use crate::ck::Error;
use std::fmt;
use std::sync::Arc;

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $code:literal, $word:literal, $error:ident;)*) => {
        /// Why something is refused. The number is `CK_SESSION_INFO.ulDeviceError`; it never changes.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u32)]
        #[non_exhaustive]
        pub enum Reason { $($(#[$doc])* $reason = $code,)* }

        impl Reason {
            /// Every reason, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$reason,)*];

            /// The word for logs and for people.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$reason => $word,)* }
            }

            /// The `CKR_` of this reason: the one table of the error mapping.
            pub const fn error(self) -> Error {
                match self { $(Self::$reason => Error::$error,)* }
            }
        }
    };
}

reasons! {
    /// The key is suspended.
    StateSuspended = 0x101, "state-suspended", KeyFunctionNotPermitted;
    /// The key is deactivated.
    StateDeactivated = 0x102, "state-deactivated", KeyFunctionNotPermitted;
    /// The key is compromised.
    StateCompromised = 0x103, "state-compromised", KeyFunctionNotPermitted;
    /// The key is not active yet.
    StatePreActive = 0x104, "state-pre-active", KeyFunctionNotPermitted;
    /// The key is destroyed.
    StateDestroyed = 0x105, "state-destroyed", KeyFunctionNotPermitted;
    /// No such transition between states.
    StateTransition = 0x106, "state-transition", ActionProhibited;
    /// The key was replaced by a new generation.
    Replaced = 0x107, "replaced", ActionProhibited;
    /// The key serves another purpose.
    Purpose = 0x201, "purpose", KeyFunctionNotPermitted;
    /// The usage attributes asked for cannot stand together, or not under this policy.
    PurposeConflict = 0x202, "purpose-conflict", TemplateInconsistent;
    /// The usage attribute of the operation is false.
    UsageAttribute = 0x203, "usage-attribute", KeyFunctionNotPermitted;
    /// The policy does not allow the mechanism for this key or this side.
    Mechanism = 0x301, "mechanism", MechanismInvalid;
    /// `CKA_ALLOWED_MECHANISMS` does not hold the mechanism.
    AllowedMechanisms = 0x302, "allowed-mechanisms", MechanismInvalid;
    /// The module does not have the mechanism, or not for this operation.
    MechanismUnknown = 0x303, "mechanism-unknown", MechanismInvalid;
    /// The mechanism does not take keys of this type.
    MechanismKeyType = 0x304, "mechanism-key-type", KeyTypeInconsistent;
    /// The mechanism does not wrap with keys of this type.
    WrappingKeyType = 0x305, "wrapping-key-type", WrappingKeyTypeInconsistent;
    /// The mechanism does not unwrap with keys of this type.
    UnwrappingKeyType = 0x306, "unwrapping-key-type", UnwrappingKeyTypeInconsistent;
    /// The policy does not allow the parameters of the mechanism for this key.
    Parameters = 0x307, "parameters", MechanismParamInvalid;
    /// The key is too short for the policy or the mechanism.
    KeySize = 0x401, "key-size", KeySizeRange;
    /// The key has fewer bits of security than the policy asks for.
    Strength = 0x402, "strength", KeySizeRange;
    /// The policy does not allow the curve of the key.
    Curve = 0x403, "curve", KeySizeRange;
    /// The policy does not allow a new key on this curve.
    NewCurve = 0x404, "new-curve", CurveNotSupported;
    /// The mechanism does not wrap with keys of this size.
    WrappingKeySize = 0x405, "wrapping-key-size", WrappingKeySizeRange;
    /// The mechanism does not unwrap with keys of this size.
    UnwrappingKeySize = 0x406, "unwrapping-key-size", UnwrappingKeySizeRange;
    /// The policy does not allow the parameter set of the key.
    ParameterSet = 0x407, "parameter-set", KeySizeRange;
    /// The policy does not allow a new key of this parameter set.
    NewParameterSet = 0x408, "new-parameter-set", ParameterSetNotSupported;
    /// The derivation would leave so little of a key, or put so little beside it, that it could be searched for.
    Fragment = 0x409, "fragment", KeySizeRange;
    /// The originator window has not begun.
    OriginatorWindowAhead = 0x501, "originator-window-ahead", KeyFunctionNotPermitted;
    /// The originator window is over.
    OriginatorWindowOver = 0x502, "originator-window-over", KeyFunctionNotPermitted;
    /// The recipient window has not begun.
    RecipientWindowAhead = 0x503, "recipient-window-ahead", KeyFunctionNotPermitted;
    /// The recipient window is over.
    RecipientWindowOver = 0x504, "recipient-window-over", KeyFunctionNotPermitted;
    /// The clock went backwards further than is tolerated.
    ClockBackwards = 0x505, "clock-backwards", KeyFunctionNotPermitted;
    /// The policy allows the key's use at other hours.
    Hours = 0x506, "hours", ActionProhibited;
    /// The policy does not let the key leave.
    Export = 0x601, "export", KeyUnextractable;
    /// The policy does not let the key's value be read.
    Reveal = 0x602, "reveal", AttributeSensitive;
    /// `CKA_EXTRACTABLE` is false.
    Unextractable = 0x603, "unextractable", KeyUnextractable;
    /// `CKA_SENSITIVE` is true.
    Sensitive = 0x604, "sensitive", AttributeSensitive;
    /// The key may leave only under a trusted wrapping key.
    WrapWithTrusted = 0x605, "wrap-with-trusted", KeyNotWrappable;
    /// The key cannot be wrapped by this mechanism or template.
    WrapNotWrappable = 0x606, "wrap-not-wrappable", KeyNotWrappable;
    /// The wrapping key is weaker than what it would wrap.
    WrapKeyTooWeak = 0x607, "wrap-key-too-weak", WrappingKeySizeRange;
    /// The key is not one that the wrapping key's `CKA_WRAP_TEMPLATE` describes.
    WrapTemplate = 0x608, "wrap-template", KeyHandleInvalid;
    /// The data that would be derived could be the value of a key.
    DataOfKey = 0x609, "data-of-key", KeyFunctionNotPermitted;
    /// The policy wants another wrapping key, or another mechanism, for this key.
    WrapWith = 0x60A, "wrap-with", KeyNotWrappable;
    /// The policy forbids that a copy of the key is kept elsewhere.
    Escrow = 0x60B, "escrow", KeyUnextractable;
    /// The wrapping or unwrapping key was not made here and is not trusted.
    ForeignWrappingKey = 0x60C, "foreign-wrapping-key", KeyFunctionNotPermitted;
    /// The template conflicts with the policy.
    TemplateConflict = 0x701, "template-conflict", TemplateInconsistent;
    /// The attribute cannot be changed.
    AttributeReadOnly = 0x702, "attribute-read-only", AttributeReadOnly;
    /// `CKA_MODIFIABLE` is false.
    NotModifiable = 0x703, "not-modifiable", ActionProhibited;
    /// `CKA_COPYABLE` is false.
    NotCopyable = 0x704, "not-copyable", ActionProhibited;
    /// `CKA_DESTROYABLE` is false.
    NotDestroyable = 0x705, "not-destroyable", ActionProhibited;
    /// Nobody is logged in who may do this.
    NotLoggedIn = 0x801, "not-logged-in", UserNotLoggedIn;
    /// The key wants a login for each use (`CKA_ALWAYS_AUTHENTICATE`).
    ContextLogin = 0x802, "context-login", UserNotLoggedIn;
    /// The session is read-only.
    ReadOnlySession = 0x803, "read-only-session", SessionReadOnly;
    /// The policy allows the key's use to other processes.
    Caller = 0x804, "caller", ActionProhibited;
    /// The use crossed the threshold of an alarm, which suspends the key.
    Alarm = 0x805, "alarm", ActionProhibited;
    /// The policy wants others to agree, and they have not.
    Approval = 0x806, "approval", ActionProhibited;
    /// The policy wants the key backed up before it is used.
    NotBackedUp = 0x807, "not-backed-up", ActionProhibited;
    /// The PIN is shorter than the policy asks for.
    PinTooShort = 0x901, "pin-too-short", PinLenRange;
    /// The PIN is longer than the policy allows.
    PinTooLong = 0x902, "pin-too-long", PinLenRange;
    /// The PIN has characters that are not allowed.
    PinInvalid = 0x903, "pin-invalid", PinInvalid;
    /// Too many wrong PINs.
    PinLocked = 0x904, "pin-locked", PinLocked;
    /// The audit log cannot be written and the policy requires it.
    AuditUnavailable = 0xA01, "audit-unavailable", FunctionFailed;
    /// A rule cannot be evaluated, which is a refusal.
    NotEvaluable = 0xA02, "not-evaluable", ActionProhibited;
    /// The token's policy cannot be put in force, so nothing is allowed.
    PolicyUnusable = 0xA03, "policy-unusable", DeviceError;
    /// The key has had all the uses that the policy allows.
    Budget = 0xB01, "budget", KeyExhausted;
    /// The key is used more often in a span of time than the policy allows.
    Rate = 0xB02, "rate", ActionProhibited;
    /// The use cannot be counted, and the policy wants it counted.
    BudgetUnavailable = 0xB03, "budget-unavailable", FunctionFailed;
}

impl Reason {
    /// The number in `CK_SESSION_INFO.ulDeviceError`.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The reason of a number.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

/// A refusal by the policy, by the lifecycle or by PKCS#11's own rules. `Display` is one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Denial {
    /// The stable reason.
    pub reason: Reason,
    /// What the caller sees.
    pub error: Error,
    /// The rules that refuse, sorted; empty where no policy was needed to refuse. Settings that are no
    /// `[[rule]]` have dotted names, such as `keys.min_strength`.
    pub rules: Vec<Arc<str>>,
    /// The sentence that the officer wrote, of the first rule that has one.
    pub why: Option<Arc<str>>,
    /// What was asked and why it is refused, in plain words.
    pub detail: String,
}

impl Denial {
    /// A refusal with the error that belongs to its reason.
    #[cold]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self {
            reason,
            error: reason.error(),
            rules: Vec::new(),
            why: None,
            detail: detail.chars().map(printable).collect(),
        }
    }

    /// The same refusal, by these rules.
    #[must_use]
    pub(super) fn by(mut self, rules: impl IntoIterator<Item = (Arc<str>, Option<Arc<str>>)>) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort();
        self.why = rules.iter().find_map(|(_, why)| why.clone());
        self.rules = rules.into_iter().map(|(id, _)| id).collect();
        self.rules.dedup();
        self
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.word(), self.detail)?;
        if let Some((first, rest)) = self.rules.split_first() {
            write!(f, "; by {}{first}", if rest.is_empty() { "rule " } else { "rules " })?;
            for rule in rest {
                write!(f, ", {rule}")?;
            }
        }
        match &self.why {
            Some(why) => write!(f, ": \"{why}\""),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Denial {}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        denial.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_their_own_numbers_and_words() {
        assert!(Reason::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert_eq!(Reason::ALL.iter().filter(|each| each.word() == reason.word()).count(), 1);
        }
        assert_eq!(Reason::from_code(0), None);
    }

    #[test]
    fn display_is_one_line_with_rule_and_sentence() {
        let denial = Denial::new(Reason::Mechanism, "sign with\nCKM_ECDSA")
            .by([(Arc::from("b"), None), (Arc::from("a"), Some(Arc::from("because")))]);
        assert_eq!(denial.to_string(), "mechanism: sign with\u{fffd}CKM_ECDSA; by rules a, b: \"because\"");
        assert_eq!(denial.error, Error::MechanismInvalid);
    }
}
