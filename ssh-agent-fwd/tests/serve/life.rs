//! From the start to the end, and what happens to the agent meanwhile.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;

use crate::bench::{Bench, FAILURE, LIST, SIGN_RESPONSE, Serve, frame, read, sign, sshsig};
use crate::{USER, rule};

#[test]
fn an_agent_that_dies_is_a_failure_and_the_next_connection_finds_the_new_one() {
    let Some(mut bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&LIST)[0], 12);
    bench.kill_agent();
    assert_eq!(client.ask(&LIST), FAILURE);
    assert_eq!(serve.connect(USER).ask(&LIST), FAILURE, "there is none");
    bench.start_agent();
    assert_eq!(client.ask(&LIST), FAILURE, "what this connection was bound to is lost");
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
}

#[test]
fn hup_reads_the_policy_again_or_keeps_the_old_one_and_says_why() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.add_key("one");
    let request = sign(&key.blob, &sshsig("git"));
    let mut serve = bench.serve(&[]);
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&request), FAILURE);
    bench.write_policy(&[rule(&key, r#""namespaces": ["git"]"#)], "{}");
    serve.hang_up("the policy was read again");
    assert_eq!(client.ask(&request)[0], SIGN_RESPONSE);
    bench.write_text("{");
    serve.hang_up("the policy of before stays");
    assert_eq!(client.ask(&request)[0], SIGN_RESPONSE);
}

#[test]
fn it_ends_on_term_with_its_socket_and_a_second_instance_leaves_the_first() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let second = bench.refused(&[]);
    assert!(second.contains("listen-in-use: "), "{second}");
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    assert!(bench.socket().exists());
    serve.end();
    assert!(!bench.socket().exists());
}

#[test]
fn it_is_not_started_where_it_could_not_serve_safely() {
    let Some(mut bench) = Bench::new() else { return };
    for (words, code) in [
        (&["--allow-user", "0"][..], "client-refused"),
        (&["--allow-user", "65534"], "client-refused"),
        (&["--allow-user", "no such user"], "client-unknown"),
        (&[], "no-client"),
        (&["--allow-user", "5", "--policy", "/nonexistent"], "policy-unreadable"),
    ] {
        let said = bench.refused(words);
        assert!(said.contains(&format!("{code}: ")), "{words:?}: {said}");
    }
    bench.kill_agent();
    let said = bench.refused(&["--allow-user", "5"]);
    assert!(said.contains("agent-unreachable: "), "{said}");
    assert!(!bench.socket().exists(), "nothing is published before the agent has answered");
}

#[test]
fn what_was_killed_leaves_a_socket_that_the_next_one_replaces() {
    let Some(bench) = Bench::new() else { return };
    bench.serve(&[]).kill();
    assert!(bench.socket().exists());
    assert_eq!(bench.serve(&[]).connect(USER).ask(&LIST)[0], 12);
}

#[test]
fn an_agent_whose_folder_others_can_write_is_not_believed() {
    let Some(bench) = Bench::new() else { return };
    let folder = bench.agent_socket().parent().expect("a folder").to_owned();
    fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).expect("set");
    let said = bench.refused(&["--allow-user", "5"]);
    assert!(said.contains("agent-untrusted: "), "{said}");
}

#[test]
fn it_leaves_no_core_and_gains_no_privileges() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    let of_it = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", serve.pid())).expect("read");
    let limits = of_it("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_ascii_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    assert!(of_it("status").contains("NoNewPrivs:\t1"));
}

#[test]
fn a_user_that_the_policy_names_no_more_loses_the_connection_it_has() {
    let Some(bench) = Bench::new() else { return };
    let mut serve = bench.serve(&[]);
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&LIST)[0], 12);
    bench.write_text(r#"{"clients": [{"uid": 5}], "keys": []}"#);
    serve.hang_up("the policy was read again");
    client.stream.write_all(&frame(&LIST)).expect("written");
    assert_eq!(read(&mut client.stream), None);
    assert!(serve.end().contains("the socket keeps its owner and mode"));
}

#[test]
fn who_waits_at_a_descriptor_is_told_when_clients_are_served_and_it_is_closed_then() {
    let Some(bench) = Bench::new() else { return };
    let (reader, writer) = nix::unistd::pipe().expect("a pipe that is handed down");
    let number = writer.as_raw_fd().to_string();
    let serve = bench.serve_with(&["--allow-user", &USER.to_string(), "--ready-fd", &number]);
    drop(writer);
    let mut told = String::new();
    File::from(reader).read_to_string(&mut told).expect("told");
    assert_eq!(told, "\n");
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
}

/// Where what is open under these numbers leads.
fn open_at(serve: &Serve, numbers: &[RawFd]) -> Vec<String> {
    let of_it = |number| fs::read_link(format!("/proc/{}/fd/{number}", serve.pid()));
    numbers.iter().filter_map(|number| Some(of_it(number).ok()?.to_string_lossy().into_owned())).collect()
}

#[test]
fn nothing_that_the_caller_had_open_stays_open() {
    let Some(bench) = Bench::new() else { return };
    let secret = bench.folder().join("secret");
    fs::write(&secret, "not for it").expect("written");
    // Two that are handed down, one of them as high as there are numbers.
    let low = open(&secret, OFlag::O_RDONLY, Mode::empty()).expect("opened");
    let high = fcntl(&low, FcntlArg::F_DUPFD(900)).expect("duplicated");
    for forced in [None, Some("close_range")] {
        let words = ["--allow-user", &USER.to_string()];
        let serve = match forced {
            None => bench.serve_with(&words),
            Some(call) => bench.serve_without(call, "ENOSYS", &words),
        };
        let open = open_at(&serve, &[low.as_raw_fd(), high]);
        assert!(open.iter().all(|path| Path::new(path) != secret), "{open:?}");
        assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    }
}
