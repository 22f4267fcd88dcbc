//! Clients in namespaces of their own, and kernels that lack what this one has.

use std::fs;
use std::io::Write;

use crate::bench::{Bench, LIST, answering, frame, read};
use crate::{STRANGER, USER};

/// A user that is mapped into the namespace of the second test.
const MAPPED: u32 = 5;

#[test]
fn a_client_of_another_pid_namespace_has_no_number_and_is_served_for_its_uid() {
    let Some(bench) = Bench::new() else { return };
    bench.write_policy(&[], "{}");
    let own = ["unshare", "--pid", "--fork", "--kill-child"];
    let mut serve = bench.serve_by_policy_below(&own, &[]);
    let mut client = serve.connect(USER);
    assert_eq!(client.ask(&LIST)[0], 12);
    drop(client);
    let none = r#""pid":0,"seen":{"exe":null,"start_time":null,"cgroup":null,"attested":false}"#;
    serve.hear(none);
}

#[test]
fn a_client_whose_uid_has_no_name_in_the_namespace_is_not_let_in() {
    let Some(bench) = Bench::new() else { return };
    // Every uid that is not mapped reads as the same (user_namespaces(7)): a policy cannot mean one of them.
    bench.write_text(&format!(r#"{{"clients": [{{"uid": {MAPPED}}}], "keys": []}}"#));
    let serve = bench.serve_in_user_namespace(100, &["--mode", "666"]);
    for uid in [USER, STRANGER, 65_534] {
        let mut client = serve.connect(uid);
        let _ = client.stream.write_all(&frame(&LIST));
        assert_eq!(read(&mut client.stream), None, "{uid}");
    }
    assert_eq!(serve.connect(MAPPED).ask(&LIST)[0], 12);
    let said = serve.end();
    assert_eq!(said.matches(r#""kernel":{"uid":65534"#).count(), 3, "{said}");
}

#[test]
fn without_so_peergroups_the_groups_of_the_account_decide() {
    let Some(bench) = Bench::new() else { return };
    let etc = bench.folder().join("etc");
    fs::create_dir(&etc).expect("made");
    let accounts = format!("root:x:0:0::/:/bin/sh\nmember:x:{USER}:{USER}::/:/bin/sh\n");
    fs::write(etc.join("passwd"), accounts).expect("written");
    fs::write(etc.join("group"), "root:x:0:\nallowed:x:4242:member\n").expect("written");
    bench.write_text(r#"{"clients": [{"gid": 4242}], "keys": []}"#);
    let own = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        r#"for f in passwd group; do mount --bind "$0/$f" /etc/$f; done && exec "$@""#,
        etc.to_str().expect("a path"),
    ];
    // The groups are the second thing that is asked of a client, in each thread.
    let traced = answering("inject=getsockopt:error=ENOPROTOOPT:when=2+3");
    for (words, member) in [(&own[..], false), (&[&own[..], &traced].concat(), true)] {
        let serve = bench.serve_by_policy_below(words, &["--mode", "666"]);
        for (uid, admitted) in [(USER, member), (STRANGER, false)] {
            let mut client = serve.connect(uid);
            let _ = client.stream.write_all(&frame(&LIST));
            assert_eq!(read(&mut client.stream).is_some(), admitted, "{uid}: {words:?}");
        }
        serve.end();
    }
}

#[test]
fn without_so_peerpidfd_the_record_says_that_the_process_is_not_attested() {
    let Some(bench) = Bench::new() else { return };
    bench.write_policy(&[], "{}");
    // Which process it is is the third thing that is asked of a client.
    let traced = answering("inject=getsockopt:error=ENOPROTOOPT:when=3+3");
    let mut serve = bench.serve_by_policy_below(&traced, &[]);
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    let own = std::env::current_exe().expect("a program");
    serve.hear(&format!(r#""seen":{{"exe":"{}","#, own.display()));
    let said = serve.end();
    assert!(said.contains(r#""attested":false"#), "{said}");
}
