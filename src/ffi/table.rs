//! The macros behind the table in [`entries`](super::entries).
//!
//! A row names a C function and its arguments by kind. A kind stands for one, two or three C
//! parameters and for the type of ours that deals with them:
//!
//! | kind | C parameters | becomes |
//! |---|---|---|
//! | `Session`, `Object`, `Slot` | a handle or number | `SessionHandle`, `ObjectHandle`, `SlotId` |
//! | `Number` | a `CK_ULONG` of any meaning | itself |
//! | `Boolean` | a `CK_BBOOL` | `bool` |
//! | `Bytes` | pointer, length | [`Input`](super::borrow::Input) |
//! | `Pin` | pointer, length | [`PinInput`](super::arguments::PinInput) |
//! | `Label` | pointer | [`LabelPointer`](super::arguments::LabelPointer) |
//! | `Buffer` | pointer, length | [`Room`](super::borrow::Room), filled whole |
//! | `Output` | pointer, pointer to a length | [`OutputPlace`](super::borrow::OutputPlace) |
//! | `Mechanism` | pointer | [`MechanismPointer`](super::arguments::MechanismPointer) |
//! | `MessageMechanism` | pointer | [`MessageMechanismPointer`](super::parameter::MessageMechanismPointer) |
//! | `WrapMechanism` | pointer | [`WrapMechanismPointer`](super::parameter::WrapMechanismPointer) |
//! | `DeriveMechanism` | pointer | [`DeriveMechanismPointer`](super::derivation::DeriveMechanismPointer) |
//! | `Parameter` | pointer, length | [`ParameterPlace`](super::parameter::ParameterPlace) |
//! | `Attributes` | pointer, number | [`Template`](super::template::Template) |
//! | `Place T` | pointer | [`Place`](super::borrow::Place), one value to be written |
//! | `List T` | pointer, pointer to a number | [`List`](super::borrow::List) |
//! | `Found` | pointer, number, pointer to a number | [`Found`](super::borrow::Found) |
//! | `Unused T` | one parameter of that type | nothing |
//!
//! Two forms of row: `fn` has a body; `apart` needs no module, or not all the time, and is written out elsewhere.

/// Makes the thunks and the three function lists.
macro_rules! cryptoki {
    (
        v2_40 { $($form_a:ident $name_a:ident ($($args_a:tt)*) $(=> |$m_a:ident| $body_a:expr)?;)* }
        v3_0 { $($form_b:ident $name_b:ident ($($args_b:tt)*) $(=> |$m_b:ident| $body_b:expr)?;)* }
        v3_2 { $($form_c:ident $name_c:ident ($($args_c:tt)*) $(=> |$m_c:ident| $body_c:expr)?;)* }
    ) => {
        $(thunk!($form_a $name_a ($($args_a)*) $(|$m_a| $body_a)?);)*
        $(thunk!($form_b $name_b ($($args_b)*) $(|$m_b| $body_b)?);)*
        $(thunk!($form_c $name_c ($($args_c)*) $(|$m_c| $body_c)?);)*

        /// The functions of PKCS#11 2.40.
        pub(crate) static LIST_2_40: CK_FUNCTION_LIST = CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            $($name_a: Some($name_a),)*
        };

        /// The functions of PKCS#11 3.0.
        pub(crate) static LIST_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
            version: CK_VERSION { major: 3, minor: 0 },
            $($name_a: Some($name_a),)*
            $($name_b: Some($name_b),)*
        };

        /// The functions of PKCS#11 3.2.
        pub(crate) static LIST_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            $($name_a: Some($name_a),)*
            $($name_b: Some($name_b),)*
            $($name_c: Some($name_c),)*
        };

        /// Every function with a way to call it: NULL for each pointer, one number for the rest.
        #[cfg(test)]
        pub(crate) fn with_null_pointers() -> Vec<(&'static str, Box<dyn Fn(CK_ULONG) -> CK_RV>)> {
            use super::tests::WithNullPointers;
            vec![
                $((stringify!($name_a), LIST_3_2.$name_a.unwrap().with_null_pointers()),)*
                $((stringify!($name_b), LIST_3_2.$name_b.unwrap().with_null_pointers()),)*
                $((stringify!($name_c), LIST_3_2.$name_c.unwrap().with_null_pointers()),)*
            ]
        }
    };
}

/// One `extern "C"` function from one row.
macro_rules! thunk {
    (apart $name:ident ()) => {};
    (fn $name:ident ($($args:tt)*) |$m:ident| $body:expr) => {
        arguments!($name [] [] [None] ($($args)*,) |$m| $body);
    };
}

/// Takes one argument after the other: its C parameters go into the first bracket (`c`), the making of
/// our value into the second (`v`), a session's handle into the third. Names of parameters never meet,
/// because each step is an expansion of its own.
macro_rules! arguments {
    ($name:ident [$($c:tt)*] [$($v:tt)*] [$session:expr] () |$m:ident| $body:expr) => {
        unsafe extern "C" fn $name($($c)*) -> CK_RV {
            enter(stringify!($name), $session, |$m| {
                $($v)*
                $body
            })
        }
    };
    ($name:ident [] [] [None] ($arg:ident: Session, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [handle: CK_ULONG,]
            [let $arg = session_handle(handle);]
            [Some(session_handle(handle))]
            ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Object, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* handle: CK_ULONG,]
            [$($v)* let $arg = object_handle(handle);]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Slot, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* slot: CK_ULONG,]
            [$($v)* let $arg = slot_id(slot);]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Number, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* $arg: CK_ULONG,]
            [$($v)*]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Boolean, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* boolean: CK_BBOOL,]
            [$($v)* let $arg = boolean != CK_FALSE;]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Bytes, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut CK_BYTE, len: CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for pointer and length by calling this function.
                let $arg = unsafe { Input::new(start, len) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Pin, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut CK_UTF8CHAR, len: CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for pointer and length by calling this function.
                let $arg = unsafe { PinInput::new(start, len) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Label, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* label: *mut CK_UTF8CHAR,]
            [$($v)*
                // SAFETY: the host vouches for 32 bytes by calling this function.
                let $arg = unsafe { LabelPointer::new(label) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Buffer, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut CK_BYTE, len: CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for pointer and length by calling this function.
                let mut $arg = unsafe { Room::new(start, len) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Output, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut CK_BYTE, len: *mut CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for both pointers by calling this function.
                let $arg = unsafe { OutputPlace::new(start, len) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Mechanism, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* mechanism: *mut CK_MECHANISM,]
            [$($v)*
                // SAFETY: the host vouches for the mechanism and its parameter by calling this function.
                let $arg = unsafe { MechanismPointer::new(mechanism) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt
        ($arg:ident: MessageMechanism, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* mechanism: *mut CK_MECHANISM,]
            [$($v)*
                // SAFETY: the host vouches for the mechanism by calling this function.
                let $arg = unsafe { MessageMechanismPointer::new(mechanism) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt
        ($arg:ident: WrapMechanism, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* mechanism: *mut CK_MECHANISM,]
            [$($v)*
                // SAFETY: the host vouches for the mechanism and its parameter by calling this function.
                let $arg = unsafe { WrapMechanismPointer::new(mechanism) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt
        ($arg:ident: DeriveMechanism, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* mechanism: *mut CK_MECHANISM,]
            [$($v)*
                // SAFETY: the host vouches for the mechanism, its parameter and the places in it by calling this
                // function.
                let $arg = unsafe { DeriveMechanismPointer::new(mechanism) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Parameter, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut c_void, len: CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for the parameter and what it leads to by calling this function.
                let $arg = unsafe { ParameterPlace::new(start, len) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Attributes, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut CK_ATTRIBUTE, count: CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for the template by calling this function.
                let $arg = unsafe { Template::new(start, count) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt
        ($arg:ident: Place $type:ident, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* at: *mut $type,]
            [$($v)*
                // SAFETY: the host vouches for the place by calling this function.
                let $arg = unsafe { Place::new(at) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt
        ($arg:ident: List $type:ident, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut $type, count: *mut CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for both pointers by calling this function.
                let $arg = unsafe { List::new(start, count) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt ($arg:ident: Found, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* start: *mut CK_OBJECT_HANDLE, max: CK_ULONG, count: *mut CK_ULONG,]
            [$($v)*
                // SAFETY: the host vouches for both pointers by calling this function.
                let $arg = unsafe { Found::new(start, max, count) };]
            $session ($($rest)*) $($body)*);
    };
    ($name:ident [$($c:tt)*] [$($v:tt)*] $session:tt
        ($arg:ident: Unused $type:ty, $($rest:tt)*) $($body:tt)*) => {
        arguments!($name
            [$($c)* _: $type,]
            [$($v)*]
            $session ($($rest)*) $($body)*);
    };
}
