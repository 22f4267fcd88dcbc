//! A key by which a host is known.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::key::KeyBlob;
use crate::policy::refuse_certificate;

/// A host's plain public key. Shown (its `Display` is the key's), it is two words, and cannot be another line of
/// known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPublicKey(pub KeyBlob);

impl<'de> Deserialize<'de> for HostPublicKey {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let key: KeyBlob = String::deserialize(input)?.parse().map_err(de::Error::custom)?;
        refuse_certificate(&key).map_err(de::Error::custom)?;
        Ok(Self(key))
    }
}

impl Serialize for HostPublicKey {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<HostPublicKey, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(text).expect("JSON"))
    }

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn a_host_key_is_two_words() {
        assert_eq!(key(KEY).expect("read").0.to_string(), KEY);
        assert_eq!(key(&format!("{KEY} root@host")).expect("read").0.to_string(), KEY);
    }

    #[test]
    fn what_would_be_more_than_a_key_is_refused() {
        for text in [
            String::new(),
            "ssh-ed25519".to_owned(),
            format!("@cert-authority {KEY}"),
            format!("@revoked {KEY}"),
            format!("* {KEY}"),
            format!("git.example.org {KEY}"),
            format!("{KEY}\n* {KEY}"),
            format!("{KEY} x\n* {KEY}"),
            KEY.replace("ssh-ed25519", "ssh-rsa"),
            KEY[..KEY.len() - 4].to_owned(),
            KEY.replace("AAAA", "A AAA"),
            crate::policy::tests::certificate("host").to_string(),
        ] {
            assert!(key(&text).is_err(), "{text:?}");
        }
    }
}
