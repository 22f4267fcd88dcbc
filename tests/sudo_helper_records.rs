//! What sudo-helper leaves in the logs: real journald, real rsyslog, and none at all.

use bed::helped::{AGENT, Answer, Helped};
use bed::{Running, eventually};
use serde_json::{Value, json};

/// For sh: covers sockets of the logs in a mount namespace of its own, and becomes the agent's command.
const COVERED: &str = r#"
for socket in $1; do mount --bind /dev/null "$socket" || exit 99; done
shift; exec setpriv --init-groups --reuid ai-agent --regid ai-agent "$@"
"#;
const JOURNAL: &str = "/run/systemd/journal/socket";
const SYSLOG: &str = "/run/systemd/journal/dev-log";

/// The records of a request, oldest first; those with an answer have its id.
fn records(host: &Helped, request_id: &Value) -> Vec<Value> {
    let ours = |entry: &Value| entry["SUDO_HELPER_REQUEST_ID"] == *request_id;
    host.journal().into_iter().filter(ours).collect()
}

fn get<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record[format!("SUDO_HELPER_{key}")].as_str()
}

/// `sudo -n sudo-helper WORDS` by the agent where these sockets of the logs are not.
fn ask_without(host: &Helped, sockets: &str, words: &str) -> Answer {
    let words: Vec<&str> = ["sudo", "-n", "sudo-helper"].into_iter().chain(words.split(' ')).collect();
    Answer::of(
        host.command(&[&["unshare", "--mount", "sh", "-c", COVERED, "sh", sockets], &words[..]].concat()),
    )
}

#[test]
fn every_request_is_recorded_before_and_after() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({
        "services": {"ssh": ["status", "restart"], "nosuch": ["start"]},
        "commands": {"fails": {"argv": ["/usr/bin/false"]}, "asks": {"argv": ["/usr/bin/true"], "approval": true}},
    }));
    let uid = host.run_as(AGENT, &["id", "-u"]).get_output().stdout.clone();
    let uid = String::from_utf8_lossy(&uid).trim_end().to_owned();
    // Words, decision before, decision after, code, returncode, priority after.
    let table = [
        ("service restart ssh", Some("allowed"), Some("allowed"), None, Some("0"), "6"),
        ("service stop ssh", Some("denied"), Some("denied"), Some("denied"), None, "4"),
        ("service start sudo", Some("denied"), Some("denied"), Some("denied-builtin"), None, "4"),
        ("run fails", Some("allowed"), Some("allowed"), Some("failed"), Some("1"), "5"),
        ("service start nosuch", Some("allowed"), Some("allowed"), Some("not-found"), Some("5"), "5"),
        ("run asks x=1", Some("denied"), Some("denied"), Some("bad-value"), None, "4"),
        ("--no-wait run asks", Some("pending"), Some("pending"), Some("pending"), None, "5"),
        ("service restart", None, None, Some("usage"), None, "5"),
        ("list", None, None, None, None, "6"),
        ("explain service stop ssh", None, Some("denied"), Some("denied"), None, "4"),
        ("--dry-run service restart ssh", None, None, None, None, "6"),
        ("approve 00000000000000000000000000000000", None, Some("denied"), Some("denied"), None, "4"),
        ("probe 0123456789", None, None, None, None, "6"),
        ("worker 00000000000000000000000000000000", None, Some("denied"), Some("denied"), None, "4"),
    ];
    for (words, before, after, code, returncode, priority) in table {
        let answer = host.ask(words).json;
        let records = records(&host, &answer["request_id"]);
        let events: Vec<_> = records.iter().map(|record| get(record, "EVENT").expect("an event")).collect();
        assert_eq!(events, ["request", "result"], "{words}");
        assert_eq!((get(&records[0], "DECISION"), get(&records[1], "DECISION")), (before, after), "{words}");
        assert_eq!((get(&records[1], "CODE"), get(&records[1], "RETURNCODE")), (code, returncode), "{words}");
        assert_eq!(records[1]["PRIORITY"], priority, "{words}");
        assert!(get(&records[1], "DURATION_MS").is_some_and(|ms| ms.parse::<u64>().is_ok()), "{words}");
        for record in &records {
            assert_eq!((get(record, "USER"), get(record, "UID")), (Some(AGENT), Some(uid.as_str())));
            let fixed = [&record["SYSLOG_IDENTIFIER"], &record["SYSLOG_FACILITY"], &record["_UID"]];
            assert_eq!(fixed, [&json!("sudo-helper"), &json!("10"), &json!("0")]);
            assert!(
                get(record, "PARENTS").is_some_and(|parents| parents.contains(":\"/usr/bin/sudo\"")),
                "{record}"
            );
            assert!(
                record["MESSAGE"].as_str().is_some_and(|line| line.contains(&format!("uid={uid}"))),
                "{record}"
            );
        }
        let asked =
            if words == "service restart" { "usage error" } else { words.trim_start_matches("--no-wait ") };
        let recorded = get(&records[0], "OPERATION").expect("an operation").replace('"', "");
        assert!(asked.starts_with(&recorded), "{words}: {recorded}");
    }
    let allowed = host.ask("service restart ssh").success();
    let argv = allowed["argv"]
        .as_array()
        .expect("words")
        .iter()
        .map(|word| format!("{word}"))
        .collect::<Vec<_>>()
        .join(" ");
    for record in records(&host, &allowed["request_id"]) {
        assert_eq!(get(&record, "ARGV"), Some(argv.as_str()), "before and after");
    }
}

#[test]
fn what_the_caller_claims_is_recorded_as_a_claim() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"ssh": ["status"]}}));
    let as_agent = |shell: &str| {
        let answer = Answer::of(host.command_as(AGENT, &["sh", "-c", shell])).success();
        records(&host, &answer["request_id"]).pop().expect("a record")
    };
    let plain = as_agent("sudo -n sudo-helper list; :");
    assert_eq!((get(&plain, "LOGIN_UID"), get(&plain, "SSH_CONNECTION_CLAIMED")), (Some("unset"), None));
    let claims = as_agent(
        "echo 0 >/proc/self/loginuid; export SSH_CONNECTION='192.0.2.9 1 192.0.2.1 22'; sh -c 'sudo -n sudo-helper list; :'",
    );
    assert_eq!(get(&claims, "LOGIN_UID"), Some("0"));
    assert_eq!(get(&claims, "SSH_CONNECTION_CLAIMED"), Some("192.0.2.9 1 192.0.2.1 22"));
    assert_eq!(get(&claims, "USER"), Some(AGENT), "who it is does not follow from the claims");
    let hostile = as_agent(
        "SSH_CONNECTION=\"$(printf '1\\n2')\" SUDO_UID=0 SUDO_USER=root sh -c 'sudo -n sudo-helper list; :'",
    );
    assert_eq!((get(&hostile, "SSH_CONNECTION_CLAIMED"), get(&hostile, "USER")), (None, Some(AGENT)));
}

#[test]
fn no_word_of_a_caller_forges_a_record() {
    let Some(host) = Helped::boot() else { return };
    let slot = json!({"argv": ["/usr/bin/printf", "%s", "{v}"], "params": {"v": {"regex": "[^q]*", "allow": ["control"]}}});
    host.policy(&json!({"commands": {"say": slot}}));
    let hostile = "v=x\nSUDO_HELPER_USER=root\nPRIORITY=0\n\u{1b}[2J\" decision=\"allowed";
    let program = "/home/ai-agent/evil\n1:\"\u{1b}";
    host.run_as(AGENT, &["cp", "/bin/dash", program]).success();
    let mut command = host.command_as(AGENT, &[program, "-c", "sudo -n sudo-helper run say \"$1\"; :", "sh"]);
    command.arg(hostile);
    let answer = Answer::of(command).success();
    let records = records(&host, &answer["request_id"]);
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!((get(record, "USER"), &record["PRIORITY"]), (Some(AGENT), &json!("6")));
        for (key, value) in record.as_object().expect("fields") {
            let ours = key.starts_with("SUDO_HELPER_") || key == "MESSAGE";
            assert!(
                !ours || value.as_str().is_some_and(|text| !text.contains(char::is_control)),
                "{key}: {value}"
            );
        }
        assert!(
            get(record, "OPERATION").is_some_and(
                |text| text.contains(r#"v="x\nSUDO_HELPER_USER=root\nPRIORITY=0\n\u{1b}[2J\" decision"#)
            ),
            "{record}"
        );
        assert!(
            get(record, "PARENTS").is_some_and(|text| text.contains(r#":"/home/ai-agent/evil\n1:\"\u{1b}""#)),
            "{record}"
        );
    }
    let id = answer["request_id"].as_str().expect("an id").to_owned();
    eventually("rsyslog writes them", || host.read("/var/log/auth.log").matches(&id).count() == 2);
    let log = host.read("/var/log/auth.log");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("sudo-helper[")).collect();
    assert!(lines.iter().all(|line| line.contains("event=re")) && !log.contains('\u{1b}'), "{lines:?}");
}

#[test]
fn without_the_journals_socket_syslog_has_the_records() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"ssh": ["status"]}, "audit_required": true}));
    for (sockets, words, status) in [(JOURNAL, "service status ssh", 0), (JOURNAL, "service stop ssh", 3)] {
        let answer = ask_without(&host, sockets, words);
        assert_eq!((answer.status, answer.stderr.as_str()), (status, ""), "{answer:?}");
        let id = answer.json["request_id"].as_str().expect("an id").to_owned();
        let lines = || {
            let log = host.read("/var/log/auth.log");
            log.lines().filter(|line| line.contains(&id)).map(str::to_owned).collect::<Vec<_>>()
        };
        eventually("rsyslog writes them", || lines().len() == 2);
        let decision = if status == 0 { "decision=allowed" } else { "decision=denied" };
        for (line, event) in lines().iter().zip(["event=request", "event=result"]) {
            assert!(
                line.contains(" sudo-helper[") && line.contains(event) && line.contains(decision),
                "{line}"
            );
            assert!(line.contains("user=ai-agent login_uid=unset"), "{line}");
        }
        // Not in native fields: it came over the other socket.
        assert!(records(&host, &answer.json["request_id"]).is_empty());
    }
}

#[test]
fn without_any_log_a_policy_may_refuse_to_act() {
    let Some(host) = Helped::boot() else { return };
    let policy = |required: bool| {
        host.policy(&json!({
            "services": {"ssh": ["stop", "start", "status"]}, "package_actions": ["autoclean"],
            "commands": {"touch": {"argv": ["/usr/bin/touch", "/run/touched"]}}, "audit_required": required,
        }));
    };
    let none = format!("{JOURNAL} {SYSLOG}");
    let ask = |words: &str| ask_without(&host, &none, words);
    policy(true);
    for words in ["service stop ssh", "run touch", "package autoclean", "service status ssh"] {
        let answer = ask(words).failure(1, "audit");
        let error = answer["error"].as_str().expect("a sentence");
        assert!(
            error.contains(JOURNAL) && error.contains("/dev/log") && answer["returncode"].is_null(),
            "{answer}"
        );
    }
    host.run(&["systemctl", "is-active", "ssh"]).success();
    host.run(&["test", "-e", "/run/touched"]).failure();
    // What is denied is denied, log or not.
    ask("service restart ssh").failure(3, "denied");
    policy(false);
    let done = ask("run touch");
    assert!(done.stderr.contains("sudo-helper: no log took the record"), "{done:?}");
    done.success();
    host.run(&["test", "-e", "/run/touched"]).success();
}

/// Tells the processes of sudo-helper above it, the outermost first, and does not end.
const HANGS: &str = r#"#!/bin/sh
pid=$PPID
while [ "$(cat /proc/$pid/comm)" = sudo-helper ]; do
  helpers="$pid $helpers"
  pid=$(sed -n 's/^PPid:\t//p' /proc/$pid/status)
done
echo $helpers >/run/who.new; mv /run/who.new /run/who
exec sleep infinity
"#;

#[test]
fn what_was_broken_off_is_recorded_at_the_next_start() {
    let Some(host) = Helped::boot() else { return };
    host.write("/usr/local/bin/hangs", HANGS, 0o755, "root");
    host.policy(&json!({"commands": {"hangs": {"argv": ["/usr/local/bin/hangs"]}}}));
    let _running = Running::start(host.command_of(AGENT, &["run", "hangs"]));
    eventually("it runs", || host.run(&["test", "-e", "/run/who"]).try_success().is_ok());
    // It is not broken off while it runs, whatever else starts.
    host.ask("list").success();
    let aborted = || -> Vec<Value> {
        host.journal().into_iter().filter(|entry| get(entry, "EVENT") == Some("aborted")).collect()
    };
    assert_eq!(aborted(), [] as [Value; 0]);
    host.run(&["sh", "-c", "kill -KILL $(cat /run/who)"]).success();
    let gone = "for pid in $(cat /run/who); do ! test -e /proc/$pid || exit 1; done";
    eventually("it is gone", || host.run(&["sh", "-c", gone]).try_success().is_ok());
    for _ in 0..2 {
        host.ask("list").success();
        let aborted = aborted();
        assert_eq!(aborted.len(), 1, "once: {aborted:?}");
        assert_eq!(
            (get(&aborted[0], "OPERATION"), get(&aborted[0], "USER")),
            (Some("run hangs"), Some(AGENT))
        );
        assert_eq!((&aborted[0]["PRIORITY"], get(&aborted[0], "DECISION")), (&json!("4"), Some("allowed")));
        let all = records(&host, &aborted[0]["SUDO_HELPER_REQUEST_ID"]);
        let events: Vec<_> = all.iter().filter_map(|record| get(record, "EVENT")).collect();
        assert_eq!(events, ["request", "aborted"]);
    }
}

#[test]
fn a_record_that_does_not_show_all_of_an_operation_is_bound_to_it() {
    let Some(host) = Helped::boot() else { return };
    let slot = json!({"argv": ["/usr/bin/true", "{v}"], "params": {"v": {"regex": "[x-z]*"}}});
    host.policy(&json!({"commands": {"long": slot}}));
    let digest = |text: &str| {
        let printed =
            host.run(&["sh", "-c", "printf %s \"$1\" | sha256sum | cut -c-64", "sh", text]).success();
        String::from_utf8_lossy(&printed.get_output().stdout).trim_end().to_owned()
    };
    for (length, bound) in [(100, false), (4000, true)] {
        for end in ["y", "z"] {
            let value = format!("v={}{end}", "x".repeat(length));
            let answer = Answer::of(host.command_of(AGENT, &["run", "long", &value])).success();
            let records = records(&host, &answer["request_id"]);
            assert_eq!(records.len(), 2);
            let operation = digest(answer["op"].as_str().expect("a text"));
            let argv = answer["argv"].as_array().expect("words").iter().map(Value::to_string);
            let argv = digest(&argv.collect::<Vec<_>>().join(" "));
            for record in &records {
                for (key, whole) in [("OPERATION_SHA256", &operation), ("ARGV_SHA256", &argv)] {
                    assert_eq!(get(record, key), bound.then_some(whole.as_str()), "{key} {length}");
                }
                let message = record["MESSAGE"].as_str().expect("a text");
                assert_eq!(message.contains(&format!("operation_sha256={operation}")), bound, "{message}");
            }
        }
    }
}

#[test]
fn what_cannot_even_begin_is_recorded_too() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"ssh": ["stop"]}}));
    host.ask("list").success();
    host.run(&["chmod", "0755", "/run/sudo-helper"]).success();
    let unusable = host.ask("service stop ssh").failure(1, "unusable");
    host.run(&["chmod", "0700", "/run/sudo-helper"]).success();
    let foreign =
        Answer::of(host.command(&["env", "PKEXEC_UID=1000", "sudo-helper", "service", "stop", "ssh"]));
    let foreign = foreign.failure(1, "bad-caller");
    let uid = host.run_as(AGENT, &["id", "-u"]).get_output().stdout.clone();
    let nobody = u32::MAX.to_string();
    for (answer, uid, code) in [
        (unusable, String::from_utf8_lossy(&uid).trim_end(), "unusable"),
        (foreign, nobody.as_str(), "bad-caller"),
    ] {
        let found = records(&host, &answer["request_id"]);
        let told = |record: &Value| {
            ["UID", "EVENT", "OPERATION"].map(|key| get(record, key).unwrap_or("-").to_owned())
        };
        let told: Vec<_> = found.iter().map(told).collect();
        assert_eq!(
            told,
            [[uid, "request", "service stop ssh"], [uid, "result", "service stop ssh"]],
            "{answer}"
        );
        assert_eq!(get(&found[1], "CODE"), Some(code));
    }
}
