//! The system calls that have no safe wrapper. All unsafe code of this crate stands here.

#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;

/// Most supplementary groups of a process (NGROUPS_MAX, setgroups(2)).
const MAX_GROUPS: usize = 65_536;
/// As many are asked for at first: few accounts are in more.
const USUAL_GROUPS: usize = 64;

/// Gives the pages of the heap that are free back to the kernel: threads that have ended leave them scattered
/// (malloc_trim(3); a C library without it keeps them).
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and may be called by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The supplementary groups that the peer had when it connected (unix(7), SO_PEERGROUPS; Linux 4.13).
pub(crate) fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; USUAL_GROUPS];
    loop {
        let mut bytes = libc::socklen_t::try_from(groups.len() * size_of::<libc::gid_t>())
            .map_err(|_| io::Error::from(Errno::ERANGE))?;
        // SAFETY: the buffer is valid for `bytes` bytes, and `bytes` for reads and writes.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let count = bytes as usize / size_of::<libc::gid_t>();
        match Errno::result(result) {
            Ok(_) => {
                groups.truncate(count);
                return Ok(groups);
            }
            // The kernel has said how many there are.
            Err(Errno::ERANGE) if count > groups.len() && count <= MAX_GROUPS => groups.resize(count, 0),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// A pidfd of the process that connected (unix(7), SO_PEERPIDFD; Linux 6.5).
pub(crate) fn peer_pidfd(socket: &impl AsFd) -> io::Result<OwnedFd> {
    let mut handle: RawFd = -1;
    let mut bytes = size_of::<RawFd>() as libc::socklen_t;
    // SAFETY: the number is valid for `bytes` bytes, and `bytes` for reads and writes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut handle).cast(),
            &raw mut bytes,
        )
    };
    Errno::result(result)?;
    // SAFETY: the call returned a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(handle) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_groups_of_a_peer_are_those_of_the_process_that_connected() {
        let (one, _other) = UnixStream::pair().expect("a pair");
        let own = nix::unistd::getgroups().expect("groups");
        let own: Vec<u32> = own.into_iter().map(nix::unistd::Gid::as_raw).collect();
        assert_eq!(peer_groups(&one).expect("groups"), own);
    }
}
