//! The beginning and the end of AWS-LC in this process.
//!
//! **The beginning.** AWS-LC notices forks for itself, under a lock of its own, at each RSA operation and each random
//! number. A fork while another thread is inside leaves that lock held in the child, and the child waits for ever.
//! So its detection is switched off before its first use, when this library is loaded: RSA keys are rebuilt by us after a
//! fork anyway ([`super::rsa`]), and its random generator, which then cannot know whether there was a fork, takes
//! fresh entropy for each request.
//!
//! **The end.**
//! When a process exits, destructors run library by library. AWS-LC has one (it takes its random
//! generator apart), and a destructor of the host that runs after it may still call us: AWS-LC would
//! abort the process. So this library has one entry among its own destructors, which raises a flag;
//! the C edge answers an error from then on.
//!
//! The order of AWS-LC's destructor and this one within the library does not matter: no foreign
//! code runs between them, save that of other threads, which exit stops no better anywhere else.

use std::sync::atomic::{AtomicBool, Ordering};

unsafe extern "C" {
    // Not among the bindings. The prefix names the pinned version: with another one the link fails, and
    // whoever changes the pin comes here.
    #[link_name = "aws_lc_0_47_0_CRYPTO_fork_detect_ignore_wipeonfork_FOR_TESTING"]
    safe fn ignore_wiped_pages();
    #[link_name = "aws_lc_0_47_0_CRYPTO_fork_detect_ignore_inheritzero_FOR_TESTING"]
    safe fn ignore_zeroed_pages();
}

extern "C" fn begin() {
    ignore_wiped_pages();
    ignore_zeroed_pages();
}

// SAFETY: an entry of this section is called once, when the library is loaded and before any of its functions
// can be; `begin` rests on nothing but two statically initialised locks of AWS-LC.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_THE_BEGINNING: extern "C" fn() = begin;

static ENDED: AtomicBool = AtomicBool::new(false);

extern "C" fn end() {
    ENDED.store(true, Ordering::Release);
}

// SAFETY: an entry of this section is called once, without arguments, when the library is taken down; `end`
// takes none and rests on nothing that is gone by then.
#[used]
#[unsafe(link_section = ".fini_array")]
static AT_THE_END: extern "C" fn() = end;

/// Whether the destructors of this library have run. Then AWS-LC must not be called any more.
#[inline]
pub fn ended() -> bool {
    ENDED.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ended_while_the_library_lives_is_false() {
        assert!(!ended());
    }
}
