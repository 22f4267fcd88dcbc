//! Messages of RFC 9987, and what is signed.

/// SSH_AGENTC_REQUEST_IDENTITIES.
pub const LIST: [u8; 1] = [11];
/// SSH_AGENT_FAILURE.
pub const FAILURE: [u8; 1] = [5];
/// SSH_AGENT_SIGN_RESPONSE.
pub const SIGN_RESPONSE: u8 = 14;

/// A body with its length.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    string(&mut frame, body);
    frame
}

/// Appends a string of RFC 4251.
pub fn string(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_be_bytes());
    buffer.extend_from_slice(bytes);
}

/// SSH_AGENTC_SIGN_REQUEST.
pub fn sign(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut body = vec![13];
    string(&mut body, key);
    string(&mut body, data);
    body.extend_from_slice(&[0; 4]);
    body
}

/// SSH_AGENTC_EXTENSION session-bind (PROTOCOL.agent section 1).
pub fn bind(host_key: &[u8], session: &[u8], signature: &[u8], is_forwarding: u8) -> Vec<u8> {
    let mut body = vec![27];
    for field in [b"session-bind@openssh.com", host_key, session, signature] {
        string(&mut body, field);
    }
    body.push(is_forwarding);
    body
}

/// A login as this user in some session.
pub fn login(key: &[u8], user: &str) -> Vec<u8> {
    login_in(&[9; 32], key, user, None)
}

/// A login in this session (RFC 4252 section 7), for the server with this host key alone where there is one.
pub fn login_in(session: &[u8], key: &[u8], user: &str, host_key: Option<&[u8]>) -> Vec<u8> {
    let method = if host_key.is_some() { "publickey-hostbound-v00@openssh.com" } else { "publickey" };
    let mut data = Vec::new();
    string(&mut data, session);
    data.push(50);
    for text in [user, "ssh-connection", method] {
        string(&mut data, text.as_bytes());
    }
    data.push(1);
    string(&mut data, b"ssh-ed25519");
    string(&mut data, key);
    if let Some(host_key) = host_key {
        string(&mut data, host_key);
    }
    data
}

/// What an SSHSIG signature in this namespace signs (PROTOCOL.sshsig section 3).
pub fn sshsig(namespace: &str) -> Vec<u8> {
    let mut data = b"SSHSIG".to_vec();
    for field in [namespace.as_bytes(), b"", b"sha512", &[3; 64]] {
        string(&mut data, field);
    }
    data
}
