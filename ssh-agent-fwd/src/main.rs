//! ssh-agent-fwd: see ssh-agent-fwd(8).

#![forbid(unsafe_code)]

fn main() {}
