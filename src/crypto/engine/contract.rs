//! How a family's trait is said once for both engines.

/// Declares the trait of a type that both engines have under the same name, and implements it for both: each function
/// of the trait is the type's own function of that name. So an engine that lacks one, or has it with other
/// arguments, does not compile; and whoever calls the type's own function pays for no trait.
///
/// `where Name: Trait = module::Type` says that the engines' types of that name are an associated type of the trait.
///
/// The second form does the same for a module of free functions; the engines themselves implement that trait.
macro_rules! contract {
    (
        $(#[$doc:meta])*
        trait $trait:ident for $module:ident::$type:ident $(: $($bound:path),+)?
        $(where $assoc:ident: $abound:ident = $amodule:ident::$atype:ident)? {
            $($(#[$fdoc:meta])* fn $name:ident($($args:tt)*) $(-> $ret:ty)?;)*
        }
    ) => {
        $(#[$doc])*
        pub trait $trait: Sized $($(+ $bound)+)? {
            $(#[doc = "The engine's own type of it."] type $assoc: $abound;)?
            $($(#[$fdoc])* fn $name($($args)*) $(-> $ret)?;)*
        }

        #[cfg(feature = "aws-lc")]
        impl $trait for crate::sys::aws_lc::$module::$type {
            $(type $assoc = crate::sys::aws_lc::$amodule::$atype;)?
            $(contract! { @own $name [$(-> $ret)?] $($args)* })*
        }

        #[cfg(any(feature = "reference", test))]
        impl $trait for crate::crypto::engine::reference::$module::$type {
            $(type $assoc = crate::crypto::engine::reference::$amodule::$atype;)?
            $(contract! { @own $name [$(-> $ret)?] $($args)* })*
        }
    };
    (
        $(#[$doc:meta])*
        trait $trait:ident for module $module:ident
        $(where $assoc:ident: $abound:ident = $amodule:ident::$atype:ident)? {
            $($(#[$fdoc:meta])* fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)?;)*
        }
    ) => {
        $(#[$doc])*
        pub trait $trait {
            $(#[doc = "The engine's own type of it."] type $assoc: $abound;)?
            $($(#[$fdoc])* fn $name($($arg: $ty),*) $(-> $ret)?;)*
        }

        #[cfg(feature = "aws-lc")]
        impl $trait for crate::crypto::engine::AwsLc {
            $(type $assoc = crate::sys::aws_lc::$amodule::$atype;)?
            $(#[inline] fn $name($($arg: $ty),*) $(-> $ret)? { crate::sys::aws_lc::$module::$name($($arg),*) })*
        }

        #[cfg(any(feature = "reference", test))]
        impl $trait for crate::crypto::engine::Reference {
            $(type $assoc = crate::crypto::engine::reference::$amodule::$atype;)?
            $(#[inline] fn $name($($arg: $ty),*) $(-> $ret)? {
                crate::crypto::engine::reference::$module::$name($($arg),*)
            })*
        }
    };
    (@own $name:ident [$($ret:tt)*] &self $(, $arg:ident: $ty:ty)* $(,)?) => {
        #[inline]
        fn $name(&self $(, $arg: $ty)*) $($ret)* { Self::$name(self $(, $arg)*) }
    };
    (@own $name:ident [$($ret:tt)*] &mut self $(, $arg:ident: $ty:ty)* $(,)?) => {
        #[inline]
        fn $name(&mut self $(, $arg: $ty)*) $($ret)* { Self::$name(self $(, $arg)*) }
    };
    (@own $name:ident [$($ret:tt)*] self $(, $arg:ident: $ty:ty)* $(,)?) => {
        #[inline]
        fn $name(self $(, $arg: $ty)*) $($ret)* { Self::$name(self $(, $arg)*) }
    };
    (@own $name:ident [$($ret:tt)*] $($arg:ident: $ty:ty),* $(,)?) => {
        #[inline]
        fn $name($($arg: $ty),*) $($ret)* { Self::$name($($arg),*) }
    };
}
