//! The first steps of every program, in place of those of the language runtime.
//!
//! The runtime examines the stack, installs handlers for its overflow and ignores SIGPIPE without
//! keeping what it was. That is a sixth of all system calls of a program such as dropuid, and the
//! caller's SIGPIPE would be lost for the command; so the programs have a C `main` that calls this.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys;

/// Makes `$program`, a `fn() -> u8`, the C `main` of a program; its status is `$failure` when
/// [`enter`] fails.
#[macro_export]
macro_rules! c_main {
    ($program:path, $failure:expr) => {
        #[cfg(not(target_env = "gnu"))]
        compile_error!("std::env::args_os() sees arguments before a C main only with glibc");

        #[allow(unsafe_code)]
        // SAFETY: the only symbol of that name, with a signature that C allows (C11, 5.1.2.2.1).
        #[unsafe(no_mangle)]
        extern "C" fn main() -> ::std::ffi::c_int {
            match $crate::enter() {
                Ok(()) => ::std::ffi::c_int::from($program()),
                Err(_) => ::std::ffi::c_int::from($failure),
            }
        }
    };
}

/// What the caller handed down, before this process ignored SIGPIPE.
static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Makes sure that 0, 1 and 2 are open, and ignores SIGPIPE in this process, so that a closed
/// pipe is an error of write(2) and not our death.
///
/// # Errors
/// Those of poll(2), open(2) and sigaction(2).
pub fn enter() -> io::Result<()> {
    sys::keep_one_arena();
    sys::fill_standard_descriptors()?;
    let ignored = sys::set_ignored(libc::SIGPIPE, true)?;
    SIGPIPE_WAS_IGNORED.store(ignored, Ordering::Relaxed);
    Ok(())
}

pub(crate) fn sigpipe_was_ignored() -> bool {
    SIGPIPE_WAS_IGNORED.load(Ordering::Relaxed)
}

/// Children are to get SIGPIPE's default action, whatever the caller had.
pub(crate) fn forget_sigpipe() {
    SIGPIPE_WAS_IGNORED.store(false, Ordering::Relaxed);
}
