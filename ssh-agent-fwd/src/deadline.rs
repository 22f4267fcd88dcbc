//! What is waited for until a moment, and no longer.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until a descriptor is ready, or hangs up; whether it is. False: it is not by then.
///
/// # Errors
/// Those of poll(2).
pub(crate) fn is_ready(descriptor: &impl AsFd, events: PollFlags, until: Instant) -> io::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(descriptor.as_fd(), events)], left) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_has_come_is_there_and_so_is_the_end_and_the_rest_is_not_waited_for() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let is_there = || is_ready(&reader, PollFlags::POLLIN, Instant::now()).expect("asked");
        assert!(!is_there());
        writer.write_all(b"a").expect("written");
        assert!(is_there());
        (&reader).read_exact(&mut [0]).expect("read");
        drop(writer);
        assert!(is_there());
    }

    #[test]
    fn room_is_waited_for_until_there_is_some() {
        let (mut reader, mut writer) = io::pipe().expect("a pipe");
        let far = Instant::now() + Duration::from_secs(600);
        assert!(is_ready(&writer, PollFlags::POLLOUT, far).expect("asked"));
        nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
            .expect("set");
        while writer.write(&[0; 4096]).is_ok() {}
        assert!(!is_ready(&writer, PollFlags::POLLOUT, Instant::now()).expect("asked"));
        let waits = std::thread::spawn(move || is_ready(&writer, PollFlags::POLLOUT, far));
        reader.read_exact(&mut [0; 65536]).expect("read");
        assert!(waits.join().expect("joined").expect("asked"));
    }
}
