//! AWS-LC's allocator: every block of it comes from [`pages`], so that its key objects lie in locked,
//! wiped memory that no core dump shows.
//!
//! AWS-LC looks for five functions by name, weakly (`crypto/mem.c`). Left open, a host that happens to
//! define one of those names would run inside us; so all five are defined here, hidden: seen by
//! AWS-LC within this shared object and by nobody outside. Rust cannot hide an exported function,
//! hence the assembly. They stand in one piece of it, so that a link takes all of them or none:
//! without (in a program that links the rlib and needs nothing of this file), AWS-LC uses malloc.
//!
//! Contract of `crypto/mem.c`: the functions may be called while AWS-LC holds locks, in thread destructors
//! and at exit; freeing must wipe; null is never freed.

use crate::sys::pages;
use std::ffi::{c_int, c_void};
use std::ptr;
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(target_arch = "x86_64")]
macro_rules! jump {
    () => {
        "jmp"
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! jump {
    () => {
        "b"
    };
}

/// One name after the other: a hidden function that jumps to ours.
macro_rules! hidden {
    ($($name:literal => $function:ident,)*) => {
        core::arch::global_asm!(
            ".pushsection .text.keyward_memory,\"ax\",@progbits",
            $(
                concat!(".globl ", $name),
                concat!(".hidden ", $name),
                concat!(".type ", $name, ",@function"),
                concat!($name, ": ", jump!(), " {", stringify!($function), "}"),
                concat!(".size ", $name, ", . - ", $name),
            )*
            ".popsection",
            $($function = sym $function,)*
        );
    };
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
hidden! {
    "OPENSSL_memory_alloc" => allocate,
    "OPENSSL_memory_free" => free,
    "OPENSSL_memory_get_size" => size,
    "OPENSSL_memory_realloc" => reallocate,
    "sdallocx" => free_sized,
}

/// How many blocks AWS-LC has asked for.
#[cfg(test)]
static ASKED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn allocate(len: usize) -> *mut c_void {
    #[cfg(test)]
    ASKED.fetch_add(1, Ordering::Relaxed);
    pages::allocate(len).cast()
}

/// Wipes, as `OPENSSL_memory_free` must.
unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: AWS-LC's duty: a block of `allocate`, that it uses no more.
        unsafe { pages::free(block.cast()) };
    }
}

unsafe extern "C" fn size(block: *mut c_void) -> usize {
    // SAFETY: AWS-LC's duty: a live block of `allocate`.
    unsafe { pages::size_of(block.cast()) }
}

/// A block stays where it is as long as it fits. Only the longer one is another block; the old one is wiped.
unsafe extern "C" fn reallocate(block: *mut c_void, len: usize) -> *mut c_void {
    if block.is_null() {
        return allocate(len);
    }
    // SAFETY: AWS-LC's duty: a live block of `allocate`.
    let old_len = unsafe { size(block) };
    if len <= old_len {
        return block;
    }
    let new = allocate(len);
    if !new.is_null() {
        // SAFETY: two live blocks, so they do not overlap; both have `old_len` bytes.
        unsafe { ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast::<u8>(), old_len) };
        // SAFETY: as AWS-LC's duty: the old block is used no more.
        unsafe { free(block) };
    }
    new
}

/// AWS-LC calls it for blocks of malloc only, and has none when it has the functions above.
unsafe extern "C" fn free_sized(block: *mut c_void, _len: usize, _flags: c_int) {
    // SAFETY: AWS-LC's duty: a block of malloc, already wiped.
    unsafe { libc::free(block) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_aws_lc_come_from_the_arena() {
        let before = ASKED.load(Ordering::Relaxed);
        // SAFETY: takes nothing; the answer is checked and freed.
        let number = unsafe { aws_lc_sys::BN_new() };
        assert!(!number.is_null());
        assert!(ASKED.load(Ordering::Relaxed) > before);
        // SAFETY: a live block of the allocator behind AWS-LC.
        let usable = unsafe { pages::size_of(number.cast()) };
        assert_eq!(usable, size_of::<aws_lc_sys::BIGNUM>().next_power_of_two());
        // SAFETY: live, and not used any more.
        unsafe { aws_lc_sys::BN_clear_free(number) };
    }

    #[test]
    fn block_that_grows_keeps_its_bytes() {
        let mut block = allocate(10);
        // SAFETY: ten live bytes.
        unsafe { block.cast::<[u8; 10]>().write(*b"0123456789") };
        for len in [16, 17, 5000, 100_000, 200_000, 20] {
            // SAFETY: a live block, used no more under its old address.
            block = unsafe { reallocate(block, len) };
            // SAFETY: live and at least ten bytes long.
            assert_eq!(unsafe { block.cast::<[u8; 10]>().read() }, *b"0123456789");
            // SAFETY: live.
            assert!(unsafe { size(block) } >= len);
        }
        // SAFETY: live, and not used any more.
        unsafe { free(block) };
    }
}
