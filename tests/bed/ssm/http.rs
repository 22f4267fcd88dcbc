//! As much of HTTP/1.1 as the CLI speaks: one request and one answer a connection.
//!
//! httparse reads the head. No server crate: those that block are unmaintained (tiny_http, 2022), and
//! none can end a connection in the middle of an answer, which is a fault that tests need.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::running::DEADLINE;

/// Bytes of a head, its header lines, and bytes of a body that is taken.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;
const BODY: usize = 1024 * 1024;

/// A request: what its `X-Amz-Target` names, and its body.
pub(super) struct Request {
    pub(super) target: String,
    pub(super) body: Vec<u8>,
}

/// Reads a request; `None` for one that is cut, too long or no HTTP.
pub(super) fn read(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..read]);
        let head = head(&bytes);
        match head {
            Ok(Some((target, start, length))) if bytes.len() >= start + length => {
                bytes.truncate(start + length);
                return Ok(Some(Request { target, body: bytes.split_off(start) }));
            }
            Ok(_) if read > 0 && bytes.len() < HEAD + BODY => {}
            _ => return Ok(None),
        }
    }
}

/// The target, where the body starts, and its length; `None` until all of the head is there.
fn head(bytes: &[u8]) -> Result<Option<(String, usize, usize)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = request.parse(bytes)? else { return Ok(None) };
    let value = |name: &str| {
        let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok()).unwrap_or("").to_owned()
    };
    let length = value("Content-Length").parse().unwrap_or(0);
    Ok(Some((value("X-Amz-Target"), start, length)))
}

/// Answers, and ends the connection.
pub(super) fn write(stream: &mut TcpStream, status: u16, kind: &str, body: &str) -> io::Result<()> {
    stream.write_all(format!("{}{body}", answer_head(status, kind, body)).as_bytes())
}

/// Answers half of it, and ends the connection.
pub(super) fn write_half(stream: &mut TcpStream, status: u16, kind: &str, body: &str) -> io::Result<()> {
    let half = &body.as_bytes()[..body.len() / 2];
    stream.write_all(answer_head(status, kind, body).as_bytes())?;
    stream.write_all(half)
}

fn answer_head(status: u16, kind: &str, body: &str) -> String {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        _ => "Internal Server Error",
    };
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nConnection: close\r\n\r\n"
    )
}
