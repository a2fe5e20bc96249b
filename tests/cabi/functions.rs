//! Every function of PKCS#11 3.2 as data: its name and what its arguments are, with a way to call it with any numbers.
//!
//! The table cannot fall behind: the pattern in [`all`] names every field of `CK_FUNCTION_LIST_3_2`, and each row is
//! compared with the type of its function, parameter by parameter, as the list is made. The fuzz targets share it.

use cryptoki_sys::*;

/// What one argument is. Some stand for two or three parameters of C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A session's handle.
    Session,
    /// An object's handle.
    Object,
    /// A slot's number.
    Slot,
    /// A number of any other meaning.
    Number,
    /// A `CK_BBOOL`.
    Boolean,
    /// Bytes to be read: pointer, length.
    Bytes,
    /// A PIN: pointer, length.
    Pin,
    /// 32 bytes: pointer.
    Label,
    /// Text that ends with a zero byte: pointer.
    Text,
    /// Bytes to be filled, all of them: pointer, length.
    Buffer,
    /// Bytes to be written by the two-call rule: pointer, pointer to a length.
    Output,
    /// A message's parameter, a structure that depends on the mechanism: pointer, length.
    Parameter,
    /// `CK_MECHANISM`: pointer.
    Mechanism,
    /// An array of `CK_ATTRIBUTE`: pointer, number.
    Attributes,
    /// Room for one value of so many bytes: pointer.
    Place(usize),
    /// Room for values of so many bytes by the two-call rule: pointer, pointer to their number.
    List(usize),
    /// Room for handles: pointer, number, pointer to the number found.
    Found,
    /// `CK_C_INITIALIZE_ARGS`: pointer.
    Arguments,
    /// `CK_VERSION`, or NULL: pointer.
    Version,
    /// A pointer that must be NULL.
    Reserved,
    /// A pointer that is never followed.
    Unfollowed,
    /// `CK_NOTIFY`.
    Notify,
}

/// How a parameter of C is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    Number,
    Byte,
    Pointer,
    Callback,
}

impl Kind {
    /// The parameters of C that it stands for.
    pub const fn words(self) -> &'static [Word] {
        match self {
            Self::Session | Self::Object | Self::Slot | Self::Number => &[Word::Number],
            Self::Boolean => &[Word::Byte],
            Self::Bytes | Self::Pin | Self::Buffer | Self::Parameter | Self::Attributes => {
                &[Word::Pointer, Word::Number]
            }
            Self::Output | Self::List(_) => &[Word::Pointer, Word::Pointer],
            Self::Found => &[Word::Pointer, Word::Number, Word::Pointer],
            Self::Notify => &[Word::Callback],
            _ => &[Word::Pointer],
        }
    }
}

/// A parameter of C, made from a number.
trait Parameter {
    const WORD: Word;
    fn of(word: usize) -> Self;
}

impl Parameter for CK_ULONG {
    const WORD: Word = Word::Number;

    fn of(word: usize) -> Self {
        word as Self
    }
}

impl Parameter for u8 {
    const WORD: Word = Word::Byte;

    fn of(word: usize) -> Self {
        word as Self
    }
}

impl<T> Parameter for *mut T {
    const WORD: Word = Word::Pointer;

    fn of(word: usize) -> Self {
        std::ptr::with_exposed_provenance_mut(word)
    }
}

impl Parameter for CK_NOTIFY {
    const WORD: Word = Word::Callback;

    fn of(_: usize) -> Self {
        None
    }
}

/// A function that can be called with numbers.
trait Callable: Copy + 'static {
    fn words(self) -> Vec<Word>;

    /// # Safety
    /// As the function's.
    unsafe fn call(self, words: &[usize]) -> CK_RV;
}

macro_rules! arity {
    ($($argument:ident)*) => {
        impl<$($argument: Parameter + 'static),*> Callable for unsafe extern "C" fn($($argument),*) -> CK_RV {
            fn words(self) -> Vec<Word> {
                vec![$($argument::WORD),*]
            }

            unsafe fn call(self, words: &[usize]) -> CK_RV {
                let mut words = words.iter().copied();
                // SAFETY: the caller's.
                unsafe { self($($argument::of(words.next().unwrap())),*) }
            }
        }
    };
}

arity!(A);
arity!(A B);
arity!(A B C);
arity!(A B C D);
arity!(A B C D E);
arity!(A B C D E F);
arity!(A B C D E F G);
arity!(A B C D E F G H);
arity!(A B C D E F G H I);
arity!(A B C D E F G H I J);

/// A call with the parameters as numbers.
type Call = Box<dyn Fn(&[usize]) -> CK_RV>;

/// One function.
pub struct Function {
    pub name: &'static str,
    pub kinds: &'static [Kind],
    call: Call,
}

impl Function {
    fn new(name: &'static str, kinds: &'static [Kind], function: Option<impl Callable>) -> Self {
        let function = function.unwrap();
        let described: Vec<_> = kinds.iter().flat_map(|kind| kind.words()).copied().collect();
        assert_eq!(described, function.words(), "the row of {name} is not its signature");
        // SAFETY: whoever calls says what the numbers lead to.
        Self { name, kinds, call: Box::new(move |words| unsafe { function.call(words) }) }
    }

    /// Calls it. `words` are the parameters of C in their order.
    pub fn call(&self, words: &[usize]) -> CK_RV {
        (self.call)(words)
    }
}

macro_rules! functions {
    ($($name:ident($($kind:expr),*);)*) => {
        /// All functions of a list, in the order of the table.
        pub fn all(list: &'static CK_FUNCTION_LIST_3_2) -> Vec<Function> {
            use Kind::*;
            // No `..`: a function that is not in the table does not compile.
            let CK_FUNCTION_LIST_3_2 { version: _, $($name),* } = list;
            vec![$(Function::new(stringify!($name), const { &[$($kind),*] }, *$name)),*]
        }
    };
}

const ULONG: usize = size_of::<CK_ULONG>();
const POINTER: usize = size_of::<*mut u8>();

functions! {
    C_Initialize(Arguments);
    C_Finalize(Reserved);
    C_GetInfo(Place(size_of::<CK_INFO>()));
    C_GetFunctionList(Place(POINTER));
    C_GetSlotList(Boolean, List(ULONG));
    C_GetSlotInfo(Slot, Place(size_of::<CK_SLOT_INFO>()));
    C_GetTokenInfo(Slot, Place(size_of::<CK_TOKEN_INFO>()));
    C_GetMechanismList(Slot, List(ULONG));
    C_GetMechanismInfo(Slot, Number, Place(size_of::<CK_MECHANISM_INFO>()));
    C_InitToken(Slot, Pin, Label);
    C_InitPIN(Session, Pin);
    C_SetPIN(Session, Pin, Pin);
    C_OpenSession(Slot, Number, Unfollowed, Notify, Place(ULONG));
    C_CloseSession(Session);
    C_CloseAllSessions(Slot);
    C_GetSessionInfo(Session, Place(size_of::<CK_SESSION_INFO>()));
    C_GetOperationState(Session, Output);
    C_SetOperationState(Session, Bytes, Object, Object);
    C_Login(Session, Number, Pin);
    C_Logout(Session);
    C_CreateObject(Session, Attributes, Place(ULONG));
    C_CopyObject(Session, Object, Attributes, Place(ULONG));
    C_DestroyObject(Session, Object);
    C_GetObjectSize(Session, Object, Place(ULONG));
    C_GetAttributeValue(Session, Object, Attributes);
    C_SetAttributeValue(Session, Object, Attributes);
    C_FindObjectsInit(Session, Attributes);
    C_FindObjects(Session, Found);
    C_FindObjectsFinal(Session);
    C_EncryptInit(Session, Mechanism, Object);
    C_Encrypt(Session, Bytes, Output);
    C_EncryptUpdate(Session, Bytes, Output);
    C_EncryptFinal(Session, Output);
    C_DecryptInit(Session, Mechanism, Object);
    C_Decrypt(Session, Bytes, Output);
    C_DecryptUpdate(Session, Bytes, Output);
    C_DecryptFinal(Session, Output);
    C_DigestInit(Session, Mechanism);
    C_Digest(Session, Bytes, Output);
    C_DigestUpdate(Session, Bytes);
    C_DigestKey(Session, Object);
    C_DigestFinal(Session, Output);
    C_SignInit(Session, Mechanism, Object);
    C_Sign(Session, Bytes, Output);
    C_SignUpdate(Session, Bytes);
    C_SignFinal(Session, Output);
    C_SignRecoverInit(Session, Mechanism, Object);
    C_SignRecover(Session, Bytes, Output);
    C_VerifyInit(Session, Mechanism, Object);
    C_Verify(Session, Bytes, Bytes);
    C_VerifyUpdate(Session, Bytes);
    C_VerifyFinal(Session, Bytes);
    C_VerifyRecoverInit(Session, Mechanism, Object);
    C_VerifyRecover(Session, Bytes, Output);
    C_DigestEncryptUpdate(Session, Bytes, Output);
    C_DecryptDigestUpdate(Session, Bytes, Output);
    C_SignEncryptUpdate(Session, Bytes, Output);
    C_DecryptVerifyUpdate(Session, Bytes, Output);
    C_GenerateKey(Session, Mechanism, Attributes, Place(ULONG));
    C_GenerateKeyPair(Session, Mechanism, Attributes, Attributes, Place(ULONG), Place(ULONG));
    C_WrapKey(Session, Mechanism, Object, Object, Output);
    C_UnwrapKey(Session, Mechanism, Object, Bytes, Attributes, Place(ULONG));
    C_DeriveKey(Session, Mechanism, Object, Attributes, Place(ULONG));
    C_SeedRandom(Session, Bytes);
    C_GenerateRandom(Session, Buffer);
    C_GetFunctionStatus(Session);
    C_CancelFunction(Session);
    C_WaitForSlotEvent(Number, Place(ULONG), Reserved);
    C_GetInterfaceList(List(size_of::<CK_INTERFACE>()));
    C_GetInterface(Text, Version, Place(POINTER), Number);
    C_LoginUser(Session, Number, Pin, Bytes);
    C_SessionCancel(Session, Number);
    C_MessageEncryptInit(Session, Mechanism, Object);
    C_EncryptMessage(Session, Parameter, Bytes, Bytes, Output);
    C_EncryptMessageBegin(Session, Parameter, Bytes);
    C_EncryptMessageNext(Session, Parameter, Bytes, Output, Number);
    C_MessageEncryptFinal(Session);
    C_MessageDecryptInit(Session, Mechanism, Object);
    C_DecryptMessage(Session, Parameter, Bytes, Bytes, Output);
    C_DecryptMessageBegin(Session, Parameter, Bytes);
    C_DecryptMessageNext(Session, Parameter, Bytes, Output, Number);
    C_MessageDecryptFinal(Session);
    C_MessageSignInit(Session, Mechanism, Object);
    C_SignMessage(Session, Parameter, Bytes, Output);
    C_SignMessageBegin(Session, Parameter);
    C_SignMessageNext(Session, Parameter, Bytes, Output);
    C_MessageSignFinal(Session);
    C_MessageVerifyInit(Session, Mechanism, Object);
    C_VerifyMessage(Session, Parameter, Bytes, Bytes);
    C_VerifyMessageBegin(Session, Parameter);
    C_VerifyMessageNext(Session, Parameter, Bytes, Bytes);
    C_MessageVerifyFinal(Session);
    C_EncapsulateKey(Session, Mechanism, Object, Attributes, Output, Place(ULONG));
    C_DecapsulateKey(Session, Mechanism, Object, Attributes, Bytes, Place(ULONG));
    C_VerifySignatureInit(Session, Mechanism, Object, Bytes);
    C_VerifySignature(Session, Bytes);
    C_VerifySignatureUpdate(Session, Bytes);
    C_VerifySignatureFinal(Session);
    C_GetSessionValidationFlags(Session, Number, Place(ULONG));
    C_AsyncComplete(Session, Text, Place(size_of::<CK_ASYNC_DATA>()));
    C_AsyncGetID(Session, Text, Place(ULONG));
    C_AsyncJoin(Session, Text, Number, Buffer);
    C_WrapKeyAuthenticated(Session, Mechanism, Object, Object, Bytes, Output);
    C_UnwrapKeyAuthenticated(Session, Mechanism, Object, Bytes, Attributes, Bytes, Place(ULONG));
}
