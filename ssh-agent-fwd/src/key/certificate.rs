//! The plain key in a certificate (OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f).

use crate::wire::cursor::{Cursor, put_string};

/// A type of key whose layout is known.
struct Kind {
    plain: &'static str,
    certificate: &'static str,
    /// How many strings or mpints the public key has after the name.
    fields: usize,
}

const KINDS: [Kind; 8] = [
    kind("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", 1),
    kind("ssh-rsa", "ssh-rsa-cert-v01@openssh.com", 2),
    kind("ssh-dss", "ssh-dss-cert-v01@openssh.com", 4),
    kind("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", 2),
    kind("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", 2),
    kind("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", 2),
    kind("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", 2),
    kind("sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", 3),
];

const fn kind(plain: &'static str, certificate: &'static str, fields: usize) -> Kind {
    Kind { plain, certificate, fields }
}

/// The key that a certificate certifies; `None` for all other bytes. Who signed the certificate and for whom
/// counts for nothing here: servers judge that.
pub fn plain(blob: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor::new(blob);
    let name = cursor.string()?;
    let kind = KINDS.iter().find(|kind| kind.certificate.as_bytes() == name)?;
    let _nonce = cursor.string()?;
    let public = cursor.strings(kind.fields)?;
    let (_serial, _type) = (cursor.bytes(8)?, cursor.u32()?);
    let (_key_id, _principals) = (cursor.string()?, cursor.string()?);
    let (_valid_after, _valid_before) = (cursor.bytes(8)?, cursor.bytes(8)?);
    let _critical_options_extensions_reserved = cursor.strings(3)?;
    let (_signature_key, _signature) = (cursor.string()?, cursor.string()?);
    let mut plain = Vec::new();
    put_string(&mut plain, kind.plain.as_bytes());
    plain.extend_from_slice(public);
    cursor.is_at_end().then_some(plain)
}

/// A key of a known type has all its fields and no more; of an unknown type nothing can be said.
pub fn is_whole(blob: &[u8]) -> bool {
    let mut cursor = Cursor::new(blob);
    let Some(name) = cursor.string() else { return false };
    match KINDS.iter().find(|kind| [kind.plain, kind.certificate].map(str::as_bytes).contains(&name)) {
        None => true,
        Some(kind) if kind.plain.as_bytes() == name => {
            cursor.strings(kind.fields).is_some() && cursor.is_at_end()
        }
        Some(_) => plain(blob).is_some(),
    }
}
