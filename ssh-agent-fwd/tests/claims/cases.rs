//! Cases of reference/ssh-agent.md, section 6, that no other test has from outside; each by its number there.

use std::io::Write;
use std::net::Shutdown;

use crate::USER;
use crate::serving::{
    Bench, Client, FAILURE, Key, LIST, SIGN_RESPONSE, Serve, bind, frame, login_in, read, sign, sshsig,
    string,
};

const SUCCESS: [u8; 1] = [6];
const SESSION: [u8; 32] = [1; 32];

/// A key that logs in as git at one host, and signs for git.
struct Scene {
    bench: Bench,
    key: Key,
    host: Key,
    other: Key,
    serve: Serve,
}

impl Scene {
    fn new() -> Option<Self> {
        let bench = Bench::new()?;
        let (key, host, other) = (bench.add_key("one"), bench.add_key("host"), bench.add_key("other"));
        let rule = format!(
            r#"{{"key": "{}", "users": ["git"], "namespaces": ["git"],
                 "hosts": [{{"name": "git.example.org", "keys": ["{}"]}}]}}"#,
            key.line, host.line
        );
        let serve = bench.serve_at(&[rule], r#"{"burst": 10000, "per_s": 1000}"#);
        Some(Self { bench, key, host, other, serve })
    }

    fn client(&self) -> Client {
        self.serve.connect(USER)
    }

    /// One that the real agent takes.
    fn bind(&self, host: &Key, session: &[u8], is_forwarding: u8) -> Vec<u8> {
        let reply = Client::connect(&self.bench.agent_socket(), 0).ask(&sign(&host.blob, session));
        assert_eq!(reply[0], SIGN_RESPONSE);
        bind(&host.blob, session, &reply[5..], is_forwarding)
    }

    fn login(&self, host: Option<&Key>) -> Vec<u8> {
        login_in(&SESSION, &self.key.blob, "git", host.map(|host| &host.blob[..]))
    }

    fn asks(&self, data: &[u8]) -> u8 {
        self.client().ask(&sign(&self.key.blob, data))[0]
    }
}

#[test]
fn case_2_every_type_twice_on_one_connection_and_the_key_is_there() {
    let Some(scene) = Scene::new() else { return };
    let mut client = scene.client();
    for _ in 0..2 {
        for kind in (0..=255).filter(|kind| *kind != LIST[0]) {
            assert_eq!(client.ask(&[kind]), FAILURE, "{kind}");
        }
        assert_eq!(client.ask(&sign(&scene.key.blob, &sshsig("git")))[0], SIGN_RESPONSE);
    }
    assert_eq!(scene.bench.keys_of_the_agent(), 3);
}

#[test]
fn case_3_two_hundred_lists_in_one_write_are_two_hundred_replies() {
    let Some(scene) = Scene::new() else { return };
    let mut client = scene.client();
    client.stream.write_all(&frame(&LIST).repeat(200)).expect("written");
    let mut expected = vec![12, 0, 0, 0, 1];
    string(&mut expected, &scene.key.blob);
    string(&mut expected, b"one");
    for number in 0..200 {
        assert_eq!(read(&mut client.stream).as_ref(), Some(&expected), "{number}");
    }
}

#[test]
fn case_3_a_message_of_256_kib_that_is_no_request_is_a_failure_and_what_follows_is_served() {
    let Some(scene) = Scene::new() else { return };
    for kind in [11, 13, 27, 0] {
        let mut client = scene.client();
        let mut body = vec![0; 256 * 1024];
        body[0] = kind;
        assert_eq!(client.ask(&body), FAILURE, "{kind}");
        assert_eq!(client.ask(&LIST)[0], 12, "{kind}");
    }
}

#[test]
fn case_4_a_client_that_has_said_all_while_the_agent_works_gets_its_signature() {
    let Some(bench) = Bench::confirming() else { return };
    let key = bench.add_key_to_confirm("one");
    let rule = format!(r#"{{"key": "{}", "namespaces": ["git"]}}"#, key.line);
    let serve = bench.serve(&[rule]);
    let mut client = serve.connect(USER);
    client.stream.write_all(&frame(&sign(&key.blob, &sshsig("git")))).expect("written");
    let question = bench.question();
    client.stream.shutdown(Shutdown::Write).expect("shut");
    question.confirm();
    assert_eq!(read(&mut client.stream).expect("a reply")[0], SIGN_RESPONSE);
    assert_eq!(read(&mut client.stream), None);
}

#[test]
fn case_5_a_login_with_any_part_spoilt_is_not_signed() {
    let Some(scene) = Scene::new() else { return };
    let whole = scene.login(Some(&scene.host));
    assert_eq!(scene.asks(&whole), SIGN_RESPONSE, "it is the spoiling that denies");
    let at = |text: &[u8]| whole.windows(text.len()).position(|there| there == text).expect("there");
    let user = at(b"git");
    let service = at(b"ssh-connection");
    let method = at(b"publickey-hostbound");
    let key = at(&scene.key.blob);
    let changed = |at: usize, byte: u8| {
        let mut data = whole.clone();
        data[at] = byte;
        data
    };
    let with = |more: &[u8]| [&whole[..], more].concat();
    for (what, data) in [
        ("another message", changed(user - 5, 51)),
        ("another service", changed(service, b'S')),
        ("another method", changed(method, b'P')),
        ("a NUL in the user", changed(user + 1, 0)),
        ("no signature follows", changed(method + b"publickey-hostbound-v00@openssh.com".len(), 0)),
        ("another key", changed(key + scene.key.blob.len() - 1, !scene.key.blob[scene.key.blob.len() - 1])),
        ("more after the end", with(&[0])),
        ("a whole login after the end", with(&whole)),
        ("a session that goes beyond the end", changed(0, 0xff)),
        ("a user that goes beyond the end", changed(user - 4, 0xff)),
        ("a cut end", whole[..whole.len() - 1].to_vec()),
        ("no host key but the method for one", whole[..whole.len() - scene.host.blob.len() - 4].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(scene.asks(&data), FAILURE[0], "{what}");
    }
}

#[test]
fn case_5_a_request_whose_fields_do_not_fill_it_is_a_failure_and_the_connection_stays() {
    let Some(scene) = Scene::new() else { return };
    let whole = sign(&scene.key.blob, &sshsig("git"));
    let mut client = scene.client();
    for length in 1..whole.len() {
        assert_eq!(client.ask(&whole[..length]), FAILURE, "{length} bytes");
    }
    for at in [1, 5 + scene.key.blob.len()] {
        let mut beyond = whole.clone();
        beyond[at..at + 4].copy_from_slice(&[0xff; 4]);
        assert_eq!(client.ask(&beyond), FAILURE, "{at}");
    }
    assert_eq!(client.ask(&[&whole[..], &[0]].concat()), FAILURE);
    assert_eq!(client.ask(&whole)[0], SIGN_RESPONSE);
}

#[test]
fn case_6_where_a_login_is() {
    let Some(scene) = Scene::new() else { return };
    let at_host = scene.login(Some(&scene.host));
    let plain = scene.login(None);
    let here = scene.bind(&scene.host, &SESSION, 0);
    let there = scene.bind(&scene.host, &[2; 32], 0);
    let elsewhere = scene.bind(&scene.other, &SESSION, 0);
    let forged = bind(&scene.host.blob, &SESSION, &here[here.len() - 40..], 0);
    let forwarded = scene.bind(&scene.host, &SESSION, 1);
    for (what, binds, data, signed) in [
        ("another host's key in the data", vec![], scene.login(Some(&scene.other)), false),
        ("the host's key in the data", vec![], at_host.clone(), true),
        ("nothing", vec![], plain.clone(), false),
        ("bound here", vec![&here], plain.clone(), true),
        ("bound to another session", vec![&there], plain.clone(), false),
        ("bound to another host", vec![&elsewhere], plain.clone(), false),
        ("bound to another host, and the host's key in the data", vec![&elsewhere], at_host.clone(), false),
        ("a forged bind", vec![&forged], plain.clone(), false),
        ("a forged bind, then this one", vec![&forged, &here], plain.clone(), true),
        (
            "another host after this one, which the agent takes no more",
            vec![&here, &elsewhere],
            plain.clone(),
            true,
        ),
        (
            "this one after another host, which the agent takes no more",
            vec![&elsewhere, &here],
            plain.clone(),
            false,
        ),
        ("forwarded", vec![&forwarded], at_host.clone(), false),
        ("forwarded, then bound here", vec![&forwarded, &here], plain, false),
    ] {
        let mut client = scene.client();
        for bind in &binds {
            let reply = client.ask(bind);
            assert!(reply == SUCCESS || [5, 28].contains(&reply[0]), "{what}: {reply:?}");
        }
        let reply = client.ask(&sign(&scene.key.blob, &data))[0];
        assert_eq!(reply == SIGN_RESPONSE, signed, "{what}");
    }
}

#[test]
fn case_7_an_sshsig_signature_is_for_the_namespace_of_the_policy_byte_for_byte() {
    let Some(scene) = Scene::new() else { return };
    for (namespace, signed) in [
        ("git", true),
        ("file", false),
        ("", false),
        ("git\0", false),
        ("git\0file", false),
        ("\0git", false),
        ("Git", false),
        ("git ", false),
        ("gi", false),
        ("gitx", false),
    ] {
        assert_eq!(scene.asks(&sshsig(namespace)) == SIGN_RESPONSE, signed, "{namespace:?}");
    }
    let whole = sshsig("git");
    for (what, data) in [
        ("more after the end", [&whole[..], &[0]].concat()),
        ("a cut end", whole[..whole.len() - 1].to_vec()),
        ("the magic alone", b"SSHSIG".to_vec()),
        ("another magic", [b"SSHSIg", &whole[6..]].concat()),
    ] {
        assert_eq!(scene.asks(&data), FAILURE[0], "{what}");
    }
}

#[test]
fn case_11_the_257th_client_is_sent_away_and_one_that_has_left_makes_room() {
    let Some(bench) = Bench::new() else { return };
    bench.write_text(&format!(
        r#"{{"clients": [{{"uid": {USER}}}], "keys": [], "limits": {{"connections": 256, "connections_per_uid": 256}}}}"#
    ));
    let serve = bench.serve_by_policy(&[]);
    let mut clients: Vec<Client> = (0..256).map(|_| serve.connect(USER)).collect();
    // Each is seated when it is answered.
    clients.iter_mut().for_each(|client| assert_eq!(client.ask(&LIST)[0], 12));
    let mut late = serve.connect(USER);
    let _ = late.stream.write_all(&frame(&LIST));
    assert_eq!(read(&mut late.stream), None);
    drop(clients.pop());
    crate::serving::eventually("a seat is free", || {
        let mut client = serve.connect(USER);
        client.stream.write_all(&frame(&LIST)).is_ok() && read(&mut client.stream).is_some()
    });
    clients.iter_mut().for_each(|client| assert_eq!(client.ask(&LIST)[0], 12));
}
