//! Messages on the stream: `uint32 length | body` (RFC 9987 section 3).

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

/// The longest body, in bytes: AGENT_MAX_LEN of OpenSSH's ssh-agent.c. The RFC names none.
pub const MAX_FRAME: usize = 256 * 1024;

/// A body grows by this much at a time, and a buffer that is used again keeps this much, in bytes.
const CHUNK: usize = 8 * 1024;

/// The length before a body, in bytes.
const HEADER: usize = 4;

/// Why there is no further message. The stream is of no use after any of them.
#[derive(Debug)]
pub enum FrameError {
    /// The peer closed the connection inside a frame.
    Closed,
    /// A frame without a body: not even the type of a message.
    Empty,
    /// A frame that announces more than [`MAX_FRAME`] bytes.
    TooLong(u32),
    /// The connection failed, or the peer was too slow (`WouldBlock`, `TimedOut`).
    Io(io::Error),
}

impl FrameError {
    /// The word for programs; it does not change from version to version.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Closed => "frame-closed",
            Self::Empty => "frame-empty",
            Self::TooLong(_) => "frame-too-long",
            Self::Io(_) => "frame-io",
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection was closed inside a message"),
            Self::Empty => f.write_str("a message of no bytes came"),
            Self::TooLong(length) => {
                write!(f, "a message of {length} bytes was announced; {MAX_FRAME} are the most")
            }
            Self::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Reads the body of the next message, and no byte after it. Memory is taken as bytes come, whatever the
/// length before them says. `false`: the peer closed the connection between two messages.
///
/// # Errors
/// See [`FrameError`]; what `body` holds then is part of a message.
pub fn read_frame(reader: &mut impl Read, body: &mut Vec<u8>) -> Result<bool, FrameError> {
    body.clear();
    // One long message must not keep its memory for as long as the connection is open.
    body.shrink_to(CHUNK);
    let mut header = [0; HEADER];
    match fill(reader, &mut header)? {
        0 => return Ok(false),
        HEADER => {}
        _ => return Err(FrameError::Closed),
    }
    let announced = u32::from_be_bytes(header);
    let length = match usize::try_from(announced) {
        Ok(0) => return Err(FrameError::Empty),
        Ok(length) if length <= MAX_FRAME => length,
        _ => return Err(FrameError::TooLong(announced)),
    };
    while body.len() < length {
        let filled = body.len();
        body.resize(length.min(filled + CHUNK), 0);
        if fill(reader, &mut body[filled..])? < body.len() - filled {
            return Err(FrameError::Closed);
        }
    }
    Ok(true)
}

/// Reads until the buffer is full or the stream ends; how many bytes came.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, FrameError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(filled)
}

/// Writes a body as a message, in one write where the connection takes it whole.
///
/// # Errors
/// `InvalidInput` for a body that [`read_frame`] would refuse; otherwise what the connection says.
pub fn write_frame(writer: &mut impl Write, body: &[u8]) -> io::Result<()> {
    if body.is_empty() || body.len() > MAX_FRAME {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("a message of {} bytes", body.len())));
    }
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend_from_slice(&(body.len() as u32).to_be_bytes());
    message.extend_from_slice(body);
    writer.write_all(&message)
}

#[cfg(test)]
mod tests;
