//! The same cases over what is in use today, socat(1) and ssh-agent-filter(1), and over `serve`.
//!
//! Each outcome was measured; a test fails when a peer behaves otherwise than is written here.

mod attacks;
mod destinations;
mod life;
mod provider;
mod relay;
mod scene;
mod streams;

use relay::Kind;
use scene::Scene;

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is as it should be.
    Holds,
    /// It is not.
    Fails,
}

use Outcome::{Fails, Holds};

/// Tries a case, and tells whether it holds.
type Trial = fn(&mut Scene) -> bool;

/// Case, how it is tried, socat, ssh-agent-filter. Over `serve` every one holds.
const CASES: [(&str, Trial, Outcome, Outcome); 29] = [
    ("a stranger is shown no key", attacks::stranger_lists, Fails, Fails),
    ("a stranger signs nothing", attacks::stranger_signs, Fails, Fails),
    ("nobody adds a key", attacks::add, Fails, Holds),
    ("nobody deletes one", attacks::remove, Fails, Holds),
    ("nobody deletes all", attacks::remove_all, Fails, Holds),
    ("the type for keys of version 1 deletes none", attacks::remove_all_of_version_1, Fails, Holds),
    ("nobody locks the agent", attacks::lock, Fails, Holds),
    ("five bytes do not end the agent", attacks::lock_without_a_body, Fails, Holds),
    ("root loads no library for others", provider::load, Fails, Holds),
    ("a key that is not meant is not listed", attacks::list_the_other_key, Fails, Holds),
    ("a key that is not meant signs nothing", attacks::sign_with_the_other_key, Fails, Holds),
    ("data of no known form are not signed", destinations::opaque, Fails, Fails),
    ("a login at another host is not signed", destinations::other_host, Fails, Fails),
    ("a login that names no host is not signed unbound", destinations::unbound, Fails, Fails),
    ("a login as another user is not signed", destinations::other_user, Fails, Fails),
    ("a file is not signed by a key for git", destinations::other_namespace, Fails, Fails),
    ("a host that the agent is forwarded to signs nothing", destinations::forwarded, Fails, Fails),
    ("a session-bind reaches the agent", destinations::session_bind, Holds, Fails),
    ("a key of ssh-add -h logs in", destinations::log_in_with_a_constrained_key, Holds, Fails),
    ("a length alone takes up no memory", streams::announced, Holds, Fails),
    ("a request with more after its end is none", streams::left_over, Fails, Fails),
    ("a message of more than 256 KiB is not taken", streams::too_long, Holds, Fails),
    ("who has said all gets every reply", streams::half_closed, Fails, Holds),
    ("replies come in order, however requests come", streams::pipelined, Holds, Holds),
    ("an agent with a list of more than 64 KiB has one", streams::long_list, Holds, Holds),
    ("clients that rest cost no process each", streams::idle, Fails, Holds),
    ("one that was killed is started again in its place", life::started_again, Fails, Fails),
    ("one that finds no agent says so and ends", life::without_an_agent, Fails, Holds),
    ("an agent that was started again is found", life::another_agent, Holds, Holds),
];

/// Tries every case over one of them.
fn compare(kind: Kind, written: impl Fn(Outcome, Outcome) -> Outcome) {
    if nix::unistd::geteuid().is_root() {
        provider::apart();
    }
    let mut wrong = Vec::new();
    for (case, holds, socat, filter) in CASES {
        let Some(mut scene) = Scene::new(kind) else { return };
        let (expected, found) = (written(socat, filter), if holds(&mut scene) { Holds } else { Fails });
        if found != expected {
            wrong.push(format!("{kind:?}: {case}: {expected:?} is written, {found:?} came"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn over_socat_with_mode_666_cases_are_as_written_here() {
    compare(Kind::Socat, |socat, _| socat);
}

#[test]
fn over_ssh_agent_filter_cases_are_as_written_here() {
    compare(Kind::Filter, |_, filter| filter);
}

#[test]
fn over_serve_every_case_holds() {
    compare(Kind::Ours, |_, _| Holds);
}
