//! What a user must not have of an agent that is not its own. Each tells whether the attack came to nothing.

use super::scene::{IDENTITIES, Scene, ask, is};
use crate::STRANGER;
use crate::bench::{LIST, SIGN_RESPONSE, sign, sshsig, string};

/// Keys that every agent here has.
const KEYS: Option<u32> = Some(4);

pub fn stranger_lists(scene: &mut Scene) -> bool {
    !is(ask(&mut scene.connect(STRANGER).stream, &LIST).as_ref(), IDENTITIES)
}

pub fn stranger_signs(scene: &mut Scene) -> bool {
    let request = sign(&scene.key.blob, &sshsig("git"));
    !is(ask(&mut scene.connect(STRANGER).stream, &request).as_ref(), SIGN_RESPONSE)
}

/// A request of this type, and whether root finds the agent as it was.
fn changes_nothing(scene: &Scene, request: &[u8]) -> bool {
    scene.ask(request);
    scene.keys() == KEYS
}

/// SSH_AGENTC_ADD_IDENTITY of a key of the attacker's.
pub fn add(scene: &mut Scene) -> bool {
    changes_nothing(scene, &new_key("planted"))
}

/// SSH_AGENTC_REMOVE_IDENTITY.
pub fn remove(scene: &mut Scene) -> bool {
    let mut request = vec![18];
    string(&mut request, &scene.key.blob);
    changes_nothing(scene, &request)
}

/// SSH_AGENTC_REMOVE_ALL_IDENTITIES.
pub fn remove_all(scene: &mut Scene) -> bool {
    changes_nothing(scene, &[19])
}

/// SSH_AGENTC_REMOVE_ALL_RSA_IDENTITIES, of a protocol that is gone: OpenSSH deletes all that there are.
pub fn remove_all_of_version_1(scene: &mut Scene) -> bool {
    changes_nothing(scene, &[9])
}

/// SSH_AGENTC_LOCK: an agent that is locked lists nothing, for root either.
pub fn lock(scene: &mut Scene) -> bool {
    let mut request = vec![22];
    string(&mut request, b"mine now");
    changes_nothing(scene, &request)
}

/// SSH_AGENTC_LOCK without a body: OpenSSH's agent ends (ssh-agent.c, process_lock_agent).
pub fn lock_without_a_body(scene: &mut Scene) -> bool {
    changes_nothing(scene, &[22])
}

pub fn list_the_other_key(scene: &mut Scene) -> bool {
    let list = scene.ask(&LIST).expect("a list");
    let holds = |blob: &[u8]| list.windows(blob.len()).any(|window| window == blob);
    holds(&scene.key.blob) && !holds(&scene.other.blob)
}

pub fn sign_with_the_other_key(scene: &mut Scene) -> bool {
    let meant = scene.ask(&sign(&scene.key.blob, &sshsig("git")));
    let other = scene.ask(&sign(&scene.other.blob, &sshsig("git")));
    is(meant.as_ref(), SIGN_RESPONSE) && !is(other.as_ref(), SIGN_RESPONSE)
}

/// SSH_AGENTC_ADD_IDENTITY: the agent does not compare the halves of an Ed25519 key.
pub fn new_key(comment: &str) -> Vec<u8> {
    let mut request = vec![17];
    for field in [b"ssh-ed25519", &[7; 32][..], &[7; 64], comment.as_bytes()] {
        string(&mut request, field);
    }
    request
}
