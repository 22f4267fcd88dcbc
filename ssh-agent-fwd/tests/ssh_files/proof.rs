//! The list that the user gets.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use ssh_agent_fwd::ssh_files::{Reply, Task};

use crate::bench::Bench;

#[test]
fn the_keys_of_the_list_are_counted_as_the_user() {
    let Some(bench) = Bench::new() else { return };
    let socket = bench.home().join("agent.sock");
    let path = socket.to_str().expect("text");
    // An agent answers its own user alone.
    let mut agent =
        bench.as_user(&["ssh-agent", "-D", "-a", path]).stdout(Stdio::piped()).spawn().expect("run");
    let mut line = String::new();
    BufReader::new(agent.stdout.take().expect("piped")).read_line(&mut line).expect("listening");
    assert_eq!(bench.carry_out(Task::Prove(socket.clone())), Ok(Reply::Keys(0)));
    bench.user_does(&format!("ssh-keygen -q -t ed25519 -N '' -f key; SSH_AUTH_SOCK={path} ssh-add -q key"));
    assert_eq!(bench.carry_out(Task::Prove(socket.clone())), Ok(Reply::Keys(1)));
    agent.kill().expect("killed");
    agent.wait().expect("ended");
    let failure = bench.carry_out(Task::Prove(socket)).expect_err("nobody listens");
    assert_eq!(failure.code, "proof");
    assert!(failure.error.contains("agent.sock: the user gets no list"), "{failure}");
}

#[test]
fn another_answer_than_a_list_is_no_proof() {
    let Some(bench) = Bench::new() else { return };
    let socket = bench.beside("public.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o666)).expect("set");
    let answers: [(&[u8], &str); 4] = [
        (b"\0\0\0\x01\x05", "proof"),
        (b"", "turned-away"),
        (b"\0\0\0\x05\x0c\xff\xff\xff\xff", "proof"),
        (b"\xff\xff\xff\xff", "proof"),
    ];
    let answering = std::thread::spawn(move || {
        for (answer, _) in answers {
            let (mut client, _) = listener.accept().expect("a client");
            client.read_exact(&mut [0; 5]).expect("a request");
            client.write_all(answer).expect("written");
        }
    });
    for (answer, code) in answers {
        let failure = bench.carry_out(Task::Prove(socket.clone())).expect_err("no list");
        assert_eq!(failure.code, code, "{answer:?}: {failure}");
    }
    answering.join().expect("answered");
}
