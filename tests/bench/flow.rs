//! The two ends of a measured pipeline.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;

/// Read at once: what cat(1) does, and then some.
const READ: usize = 256 * 1024;

/// Writes `count` times `size` bytes, each with one write(2), a newline at the end of each. With
/// `hold` it stays until its standard input ends.
pub fn produce(count: &str, size: &str, hold: bool) -> io::Result<()> {
    let number = |text: &str| text.parse::<usize>().map_err(io::Error::other);
    let (count, size) = (number(count)?, number(size)?);
    let mut piece = vec![b'x'; size];
    if let Some(last) = piece.last_mut() {
        *last = b'\n';
    }
    // Standard output of the library would gather short pieces.
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    for _ in 0..count {
        output.write_all(&piece)?;
    }
    if hold {
        io::copy(&mut io::stdin(), &mut io::sink())?;
    }
    Ok(())
}

/// Reads standard input to its end.
pub fn consume() -> io::Result<()> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut buffer = vec![0; READ];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // What the master of a pty says when its other side was closed.
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
