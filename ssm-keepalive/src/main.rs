//! ssm-keepalive: see ssm-keepalive(8).

#![forbid(unsafe_code)]

fn main() {}
