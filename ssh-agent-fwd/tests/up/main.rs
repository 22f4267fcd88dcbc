//! `up` and `down`, with a real ssh-agent, for an account that is not root's.

mod bench;
#[path = "../client/mod.rs"]
#[allow(dead_code, unused_imports, reason = "another test's, of which some is needed here")]
mod client;
mod daemons;
mod down;
mod foreground;
mod killed;
mod places;
mod ready;
mod replace;
mod revoke;
#[path = "../run_folder/mod.rs"]
mod run_folder;
mod undo;
mod used_up;
