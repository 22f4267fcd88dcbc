//! What a key is for, and where. Each tells whether that was kept.

use std::process::Output;

use super::scene::{HOST, Scene, ask, is};
use crate::bench::{Child, Client, SIGN_RESPONSE, bind, login_in, sign, sshsig};
use crate::sshd::{Server, known_hosts};

/// SSH_AGENT_SUCCESS.
const SUCCESS: [u8; 1] = [6];
const SESSION: [u8; 32] = [9; 32];

fn is_signed(scene: &Scene, data: &[u8]) -> bool {
    is(scene.ask(&sign(&scene.key.blob, data)).as_ref(), SIGN_RESPONSE)
}

/// A login there, as git.
fn login_at(scene: &Scene, host_key: &[u8]) -> Vec<u8> {
    login_in(&SESSION, &scene.key.blob, "git", Some(host_key))
}

pub fn opaque(scene: &mut Scene) -> bool {
    !is_signed(scene, &[7; 32])
}

pub fn other_host(scene: &mut Scene) -> bool {
    is_signed(scene, &login_at(scene, &scene.host.blob))
        && !is_signed(scene, &login_at(scene, &scene.other.blob))
}

/// As clients before OpenSSH 8.9 ask: neither the data nor the connection say where it is.
pub fn unbound(scene: &mut Scene) -> bool {
    !is_signed(scene, &login_in(&SESSION, &scene.key.blob, "git", None))
}

pub fn other_user(scene: &mut Scene) -> bool {
    !is_signed(scene, &login_in(&SESSION, &scene.key.blob, "root", Some(&scene.host.blob)))
}

pub fn other_namespace(scene: &mut Scene) -> bool {
    is_signed(scene, &sshsig("git")) && !is_signed(scene, &sshsig("file"))
}

/// A bind to the host that the agent can verify: the host's key is one of its own here.
fn true_bind(scene: &Scene, is_forwarding: u8) -> Vec<u8> {
    let reply = Client::connect(&scene.bench.agent_socket(), 0).ask(&sign(&scene.host.blob, &SESSION));
    assert_eq!(reply[0], SIGN_RESPONSE);
    bind(&scene.host.blob, &SESSION, &reply[5..], is_forwarding)
}

pub fn session_bind(scene: &mut Scene) -> bool {
    scene.ask(&true_bind(scene, 0)) == Some(SUCCESS.to_vec())
}

/// ssh(1) says so on every connection that it opens for the other side (PROTOCOL.agent section 1).
pub fn forwarded(scene: &mut Scene) -> bool {
    let mut client = scene.connect(scene.user);
    let _ = ask(&mut client.stream, &true_bind(scene, 1));
    let request = sign(&scene.key.blob, &login_at(scene, &scene.host.blob));
    !is(ask(&mut client.stream, &request).as_ref(), SIGN_RESPONSE)
}

pub fn log_in_with_a_constrained_key(scene: &mut Scene) -> bool {
    let output = log_in(scene);
    output.stdout == b"logged in\n"
}

/// With ssh(1) at a real sshd(8) that lets the constrained key in.
fn log_in(scene: &Scene) -> Output {
    let server = Server::start(scene.host.file(), &scene.constrained.line)
        .expect("sshd: install the Debian package openssh-server");
    let known = known_hosts(scene.bench.folder(), HOST, &scene.host.line);
    let options = [
        format!("Port={}", server.port()),
        format!("UserKnownHostsFile={}", known.display()),
        format!("IdentityAgent={}", scene.relay().socket().display()),
        format!("HostKeyAlias={HOST}"),
        "GlobalKnownHostsFile=none".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "BatchMode=yes".to_owned(),
    ];
    let mut words = vec!["-F", "none"];
    options.iter().for_each(|option| words.extend(["-o", option]));
    words.extend(["root@127.0.0.1", "echo logged in"]);
    let output = Child::of("ssh", &words, scene.user, scene.relay().socket()).output();
    server.wait();
    output
}
