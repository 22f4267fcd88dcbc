//! What the clients ask (RFC 9987): the list, and a signature of a login.

/// SSH_AGENTC_REQUEST_IDENTITIES, with its length.
pub const LIST: [u8; 5] = [0, 0, 0, 1, 11];

/// SSH_AGENTC_SIGN_REQUEST of a login as `git` at the host with this key, with its length.
pub fn sign(key: &[u8], host_key: &[u8]) -> Vec<u8> {
    let mut data = string(&[9; 32]);
    data.push(50);
    for field in [&b"git"[..], b"ssh-connection", b"publickey-hostbound-v00@openssh.com"] {
        data.extend(string(field));
    }
    data.push(1);
    for field in [&b"ssh-ed25519"[..], key, host_key] {
        data.extend(string(field));
    }
    let mut body = vec![13];
    body.extend(string(key));
    body.extend(string(&data));
    body.extend([0; 4]);
    string(&body)
}

/// A string of RFC 4251.
fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), bytes].concat()
}
