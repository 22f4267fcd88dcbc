//! `serve`, against a real ssh-agent, for a user that is not root.

mod attacks;
mod bench;
mod bindings;
#[path = "../client/mod.rs"]
mod client;
mod decisions;
mod groups;
mod life;
mod limits;
mod lists;
mod logins;
mod protocol;
mod readme;
mod records;
mod repositories;
mod retirement;
#[path = "../run_folder/mod.rs"]
mod run_folder;
#[path = "../sshd/mod.rs"]
mod sshd;
mod surroundings;
mod theirs;

/// Whom the policies of these tests serve.
const USER: u32 = 12_345;
/// Whom none does.
const STRANGER: u32 = 12_346;

/// A rule about the key.
fn rule(key: &bench::Key, more: &str) -> String {
    format!(r#"{{"key": "{}", {more}}}"#, key.line)
}
