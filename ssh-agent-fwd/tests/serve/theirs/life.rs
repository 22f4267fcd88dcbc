//! Beginnings and ends. Each tells whether all is well afterwards.

use super::relay::Kind;
use super::scene::{IDENTITIES, Scene, is};
use crate::bench::LIST;

/// A relay that is killed leaves its socket.
pub fn started_again(scene: &mut Scene) -> bool {
    let before = scene.relay.take().expect("it runs").kill();
    scene.start();
    scene.relay.as_ref().is_some_and(|relay| relay.socket() == before)
        && is(scene.ask(&LIST).as_ref(), IDENTITIES)
}

/// A socket behind which nobody answers looks to ssh-add(1) like an agent without keys.
pub fn without_an_agent(scene: &mut Scene) -> bool {
    scene.relay.take().expect("it runs").end();
    scene.bench.kill_agent();
    if scene.kind == Kind::Ours {
        return scene.bench.refused(&["--allow-user", "5"]).contains("agent-unreachable: ");
    }
    scene.start();
    scene.relay.is_none()
}

pub fn another_agent(scene: &mut Scene) -> bool {
    scene.bench.kill_agent();
    assert!(!is(scene.ask(&LIST).as_ref(), IDENTITIES));
    scene.bench.start_agent();
    is(scene.ask(&LIST).as_ref(), IDENTITIES)
}
