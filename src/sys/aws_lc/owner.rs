//! Owners of C objects: one macro, so that all are freed in one way.

/// Declares `$name`, the only owner of a `$raw` that `$free` frees.
macro_rules! owner {
    ($(#[$doc:meta])* $name:ident owns $raw:ident, freed by $free:ident) => {
        $(#[$doc])*
        pub struct $name(std::ptr::NonNull<aws_lc_sys::$raw>);

        impl $name {
            /// Takes over what a constructor answered; NULL is its failure.
            ///
            /// # Safety
            /// `raw` is NULL, or valid and owned by nobody else.
            unsafe fn own(raw: *mut aws_lc_sys::$raw) -> $crate::sys::aws_lc::Answer<Self> {
                std::ptr::NonNull::new(raw).map(Self).ok_or_else($crate::sys::aws_lc::Failure::take)
            }

            /// The object, valid as long as `self`.
            pub(super) const fn raw(&self) -> *mut aws_lc_sys::$raw {
                self.0.as_ptr()
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: `own` promised that the object is valid and ours; nothing uses it after this.
                unsafe { aws_lc_sys::$free(self.0.as_ptr()) };
            }
        }
    };
}

pub(super) use owner;
