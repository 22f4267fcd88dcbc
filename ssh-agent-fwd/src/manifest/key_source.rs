//! Where a private key comes from.

mod pem;

use std::os::fd::RawFd;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{self, NotRead, Object};
use crate::name::{AbsolutePath, CredentialName};

pub use pem::Pem;

/// Longest private key, in bytes: RSA of 16384 bits has 13 KiB.
pub const MAX_KEY: usize = 64 * 1024;

/// First descriptor that a key may come from: standard input may be the manifest's own.
const FIRST_FD: RawFd = 3;

/// Where a private key comes from.
#[derive(Debug)]
pub enum KeySource {
    /// The manifest itself.
    Pem(Pem),
    /// A file of root's.
    Path(AbsolutePath),
    /// A descriptor that this program was started with.
    Fd(RawFd),
    /// A file in the folder of systemd's credentials ($CREDENTIALS_DIRECTORY).
    Credential(CredentialName),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    pem: Option<&'a RawValue>,
    path: Option<AbsolutePath>,
    fd: Option<RawFd>,
    credential: Option<CredentialName>,
}

impl KeySource {
    /// Reads the value of `key` as it stands in the manifest. A pem is copied once, to where it stays.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let document: Result<Object<Document<'_>>, NotRead> = json::read(json.as_bytes());
        // Where in the value it is would be taken for where in the manifest.
        let Object(document) = document.map_err(|error| format!("its key: {}", error.said))?;
        match document {
            Document { pem: Some(pem), path: None, fd: None, credential: None } => {
                Pem::read(pem.get()).map(Self::Pem)
            }
            Document { pem: None, path: Some(path), fd: None, credential: None } => Ok(Self::Path(path)),
            Document { pem: None, path: None, fd: Some(fd), credential: None } if fd >= FIRST_FD => {
                Ok(Self::Fd(fd))
            }
            Document { fd: Some(fd), .. } if fd < FIRST_FD => {
                Err(format!("its key: a descriptor is a number from {FIRST_FD} on"))
            }
            Document { pem: None, path: None, fd: None, credential: Some(name) } => {
                Ok(Self::Credential(name))
            }
            _ => Err("its key is one of pem, path, fd and credential".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: &str) -> Result<KeySource, String> {
        KeySource::read(json)
    }

    #[test]
    fn a_key_comes_from_one_place() {
        assert!(matches!(source(r#"{"path": "/run/key"}"#), Ok(KeySource::Path(_))));
        assert!(matches!(source(r#"{"fd": 3}"#), Ok(KeySource::Fd(3))));
        assert!(matches!(source(r#"{"credential": "git-key"}"#), Ok(KeySource::Credential(_))));
        for json in [
            "{}",
            "[]",
            "null",
            r#""/run/key""#,
            r#"{"path": "/run/key", "fd": 3}"#,
            r#"{"path": "/a", "path": "/b"}"#,
            r#"{"path": "run/key"}"#,
            r#"{"fd": 0}"#,
            r#"{"fd": 2}"#,
            r#"{"fd": -1}"#,
            r#"{"fd": 2147483648}"#,
            r#"{"credential": "../key"}"#,
            r#"{"pem": 1}"#,
            r#"{"pam": ""}"#,
        ] {
            assert!(source(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_in_the_error() {
        let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\\nSECRET\\n-----END OPENSSH PRIVATE KEY-----\\n";
        for json in [
            format!("\"{pem}\""),
            format!("{{\"{pem}\": 1}}"),
            format!("{{\"path\": \"{pem}\"}}"),
            format!("{{\"credential\": \"{pem}\"}}"),
            format!("{{\"fd\": \"{pem}\"}}"),
            format!("{{\"pem\": [\"{pem}\"]}}"),
            format!("{{\"pem\": \"SECRET{pem}\"}}"),
            format!("{{\"pem\": \"{pem}"),
        ] {
            let error = source(&json).expect_err(&json);
            assert!(!error.contains("SECRET") && !error.contains("OPENSSH"), "{error}");
        }
    }
}
