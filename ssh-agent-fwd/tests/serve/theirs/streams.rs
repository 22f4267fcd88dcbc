//! Lengths, halves and numbers of connections. Each tells whether they were dealt with.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;

use super::attacks::new_key;
use super::scene::{IDENTITIES, Scene, ask, is};
use crate::bench::{Client, FAILURE, LIST, SIGN_RESPONSE, frame, read, sign, sshsig};

/// Bytes, far more than a message may have.
const ANNOUNCED: u32 = 256 << 20;
/// Requests at once, whose replies fill every buffer of the kernel on their way.
const MANY: usize = 2000;
/// Clients at once.
const CLIENTS: usize = 64;

/// A client that announces a long message and sends none of it is given no memory for it.
pub fn announced(scene: &mut Scene) -> bool {
    let before = peak(scene.relay().pid());
    let mut client = scene.connect(scene.user);
    client.stream.write_all(&ANNOUNCED.to_be_bytes()).expect("written");
    client.stream.shutdown(Shutdown::Write).expect("shut");
    while read(&mut client.stream).is_some() {}
    peak(scene.relay().pid()) - before < u64::from(ANNOUNCED) / 1024
}

/// The most memory that a process has had mapped so far, in KiB (proc(5), VmPeak).
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// AGENT_MAX_LEN of ssh-agent.c, and one more.
pub fn too_long(scene: &mut Scene) -> bool {
    scene.ask(&vec![200; 256 * 1024]) == Some(FAILURE.to_vec())
        && scene.ask(&vec![200; 256 * 1024 + 1]).is_none()
}

/// What is judged and what is signed could be two things.
pub fn left_over(scene: &mut Scene) -> bool {
    let mut request = sign(&scene.key.blob, &sshsig("git"));
    request.push(0);
    !is(scene.ask(&request).as_ref(), SIGN_RESPONSE)
}

fn send_many(scene: &Scene) -> Client {
    let mut client = scene.connect(scene.user);
    client.stream.write_all(&frame(&LIST).repeat(MANY)).expect("written");
    client
}

/// How many of the lists come whole.
fn lists(client: &mut Client) -> usize {
    let mut one = || {
        let mut length = [0; 4];
        client.stream.read_exact(&mut length).ok()?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        client.stream.read_exact(&mut body).ok()?;
        (body.first() == Some(&IDENTITIES)).then_some(())
    };
    std::iter::from_fn(&mut one).take(MANY).count()
}

pub fn half_closed(scene: &mut Scene) -> bool {
    let mut client = send_many(scene);
    client.stream.shutdown(Shutdown::Write).expect("shut");
    lists(&mut client) == MANY
}

pub fn pipelined(scene: &mut Scene) -> bool {
    lists(&mut send_many(scene)) == MANY
}

pub fn long_list(scene: &mut Scene) -> bool {
    let mut agent = Client::connect(&scene.bench.agent_socket(), 0);
    assert_ne!(agent.ask(&new_key(&"c".repeat(70_000))), FAILURE);
    let list = scene.ask(&LIST).expect("a list");
    list.windows(scene.key.blob.len()).any(|window| window == scene.key.blob)
}

pub fn idle(scene: &mut Scene) -> bool {
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let mut client = scene.connect(scene.user);
            assert!(is(ask(&mut client.stream, &LIST).as_ref(), IDENTITIES));
            client
        })
        .collect();
    let children = children_of(scene.relay().pid());
    drop(clients);
    children < CLIENTS
}

/// The fourth field of stat, after the name, which may have spaces (proc(5)).
fn children_of(parent: u32) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    let parents = stats.filter_map(|stat| stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok());
    parents.filter(|found: &u32| *found == parent).count()
}
