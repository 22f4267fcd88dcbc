use super::*;
use diagnostics::Failure;

const TEN: Span = Span::from_micros(10_000_000);

fn answer(code: &str) -> Answer {
    Answer {
        op: Op::Prove,
        code: code.to_owned(),
        unit: None,
        path: None,
        restart: "always".to_owned(),
        restart_sec: Some(TEN),
        limit_interval: Some(Span::from_micros(0)),
        winner: None,
        changed: true,
        words: "so it is".to_owned(),
    }
}

fn reply(answer: Answer) -> Reply {
    Reply { command: None, heard: Ok(answer) }
}

fn silent(code: &'static str) -> Reply {
    let failure = Failure::new(code, "why");
    Reply { command: None, heard: Err(NotHeard { failure, in_flight: code == "in-flight" }) }
}

fn code(asked: Asked, first: &Reply, proof: Option<&Reply>) -> String {
    end(asked, first, proof).code().to_owned()
}

#[test]
fn an_installation_counts_only_with_a_proof_of_the_same_values() {
    let install = Asked::Install(TEN);
    let done = reply(answer("ok"));
    for (proof, expected) in [
        (Some(reply(answer("ok"))), "installed"),
        (None, "not-proven"),
        (Some(silent("delivery-timed-out")), "not-proven"),
        (Some(reply(answer("not-effective"))), "not-proven"),
        (Some(reply(Answer { restart: "no".to_owned(), ..answer("ok") })), "not-proven"),
        (Some(reply(Answer { restart_sec: Some(Span::from_micros(1)), ..answer("ok") })), "not-proven"),
        (Some(reply(Answer { restart_sec: None, ..answer("ok") })), "not-proven"),
        (Some(reply(Answer { limit_interval: Some(TEN), ..answer("ok") })), "not-proven"),
        (Some(reply(Answer { unit: "other.service".parse().ok(), ..answer("ok") })), "not-proven"),
    ] {
        assert_eq!(code(install, &done, proof.as_ref()), expected, "{proof:?}");
    }
    let again = reply(Answer { changed: false, ..answer("ok") });
    assert_eq!(code(install, &again, Some(&reply(answer("ok")))), "unchanged");
}

#[test]
fn a_removal_counts_only_where_nothing_of_ours_is_found() {
    let done = reply(answer("ok"));
    for (proof, expected) in [
        ("ok", "removed"),
        ("still-there", "not-proven"),
        ("not-effective", "not-proven"),
        ("two-units", "not-proven"),
    ] {
        assert_eq!(code(Asked::Remove, &done, Some(&reply(answer(proof)))), expected, "{proof}");
    }
    let nothing = reply(Answer { changed: false, ..answer("ok") });
    assert_eq!(code(Asked::Remove, &nothing, Some(&reply(answer("ok")))), "not-installed");
}

#[test]
fn what_the_host_or_aws_says_against_it_is_the_row_s_word() {
    assert_eq!(code(Asked::Install(TEN), &reply(answer("foreign-file")), None), "foreign-file");
    assert_eq!(code(Asked::Install(TEN), &silent("undeliverable"), None), "undeliverable");
    assert_eq!(code(Asked::Status, &reply(answer("ok")), None), "proven");
    assert_eq!(code(Asked::Status, &reply(answer("not-installed")), None), "not-installed");
    let lies = reply(Answer { restart: "no".to_owned(), ..answer("ok") });
    assert_eq!(code(Asked::Status, &lies, None), "not-proven");
}

#[test]
fn a_row_has_what_a_program_needs() {
    let instance: InstanceId = "i-0123456789abcdef0".parse().expect("an instance");
    let command: CommandId = "01234567-89ab-cdef-0123-456789abcdef".parse().expect("a command");
    let first = Reply { command: Some(command.clone()), ..silent("in-flight") };
    let row = Row::asked(Asked::Install(TEN), instance, None, &first, None);
    assert!(row.in_flight && !row.is_good());
    let object = json!({
        "op": "deploy", "instance": "i-0123456789abcdef0", "success": false, "code": "in-flight",
        "commands": [command], "error": "why",
    });
    assert_eq!(row.json(Asked::Install(TEN)), object);
    let told = reply(answer("ok"));
    let instance = row.instance;
    let proven = Row::asked(Asked::Install(TEN), instance, None, &told, Some(&reply(answer("ok"))))
        .json(Asked::Install(TEN));
    for (key, value) in [
        ("success", json!(true)),
        ("code", json!("installed")),
        ("restart", json!("always")),
        ("restart_sec", json!("10s")),
        ("start_limit_interval", json!("0")),
    ] {
        assert_eq!(proven[key], value, "{key}");
    }
    assert!(proven.get("error").is_none());
}
