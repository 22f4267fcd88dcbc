//! `probe NONCE`: proof for an installer that this very program runs as root without a password.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Fewest and most characters of a nonce.
const NONCE_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
/// The running program, whatever its path names by now (proc(5)).
const OWN_PROGRAM: &str = "/proc/self/exe";
/// What proc(5) appends to the path of a program whose file was removed or replaced.
const DELETED: &str = " (deleted)";
/// Largest program that is hashed, in bytes.
const MAX_PROGRAM: u64 = 256 << 20;
/// Bytes that are read and hashed at a time.
const CHUNK: usize = 64 << 10;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The question's nonce: the answer is to this question and no older one.
    pub nonce: String,
    /// Where the running program is.
    pub path: String,
    /// SHA-256 of the running program, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Its version.
    pub version: &'static str,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ProbeError {
    /// The nonce is not 8 to 128 letters and digits.
    Nonce,
    /// The program cannot be read.
    Program(io::Error),
    /// The program's path is not UTF-8.
    Path,
    /// The program's file was removed or replaced since it was started.
    Replaced,
    /// The program is larger than what is read of it.
    TooLarge,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nonce => {
                write!(f, "a nonce has {} to {} letters and digits", NONCE_LENGTH.start(), NONCE_LENGTH.end())
            }
            Self::Program(error) => write!(f, "cannot read {OWN_PROGRAM}: {error}"),
            Self::Path => f.write_str("the program's path is not UTF-8; install it elsewhere"),
            Self::Replaced => {
                f.write_str("the program's file was replaced while it was running; probe again")
            }
            Self::TooLarge => write!(f, "the program is larger than {MAX_PROGRAM} bytes"),
        }
    }
}

impl std::error::Error for ProbeError {}

/// Answers with the nonce, and with what runs: where it is, what it holds and its version.
///
/// # Errors
/// See [`ProbeError`].
pub fn probe(nonce: &str) -> Result<Probe, ProbeError> {
    if !NONCE_LENGTH.contains(&nonce.len()) || !nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ProbeError::Nonce);
    }
    let path = fs::read_link(OWN_PROGRAM).map_err(ProbeError::Program)?;
    let path = path.into_os_string().into_string().map_err(|_| ProbeError::Path)?;
    if path.ends_with(DELETED) {
        return Err(ProbeError::Replaced);
    }
    let program = File::open(OWN_PROGRAM).map_err(ProbeError::Program)?;
    let sha256 = sha256(program, MAX_PROGRAM)?;
    Ok(Probe { nonce: nonce.to_owned(), path, sha256, version: env!("CARGO_PKG_VERSION") })
}

fn sha256(program: impl Read, most: u64) -> Result<String, ProbeError> {
    let mut hash = Sha256::new();
    let mut bounded = program.take(most + 1);
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = bounded.read(&mut chunk).map_err(ProbeError::Program)?;
        if length == 0 {
            break;
        }
        hash.update(&chunk[..length]);
    }
    if bounded.limit() == 0 {
        return Err(ProbeError::TooLarge);
    }
    Ok(format!("{:x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_program_is_named_and_hashed() {
        let answer = probe("Abc12345").expect("an answer");
        let program = std::env::current_exe().expect("a path");
        assert_eq!(answer.nonce, "Abc12345");
        assert_eq!(answer.path, program.to_str().expect("UTF-8"));
        let whole = Sha256::digest(fs::read(program).expect("read"));
        assert_eq!(answer.sha256, format!("{whole:x}"));
        assert_eq!(answer.version, env!("CARGO_PKG_VERSION"));
    }

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn a_known_hash() {
        assert_eq!(
            sha256(&b"abc"[..], 3).expect("hashed"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_program_without_end_is_not_hashed_for_ever() {
        assert!(matches!(sha256(io::repeat(0), 1000), Err(ProbeError::TooLarge)));
    }

    #[test]
    fn nonces() {
        let long = "a".repeat(129);
        for nonce in ["", "short12", &long, "abcdefg\n", "abcd efgh", "-abcdefgh", "abcdefgé", "\"abcdefg\""]
        {
            assert!(matches!(probe(nonce), Err(ProbeError::Nonce)), "{nonce:?}");
        }
        assert!(probe(&long[1..]).is_ok());
    }
}
