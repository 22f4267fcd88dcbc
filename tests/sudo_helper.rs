//! sudo-helper as an agent meets it: real sudo, real systemd.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::thread;

use bed::helped::{AGENT, ALICE, Answer, Helped};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Map, Value, json};

/// What stands before the operands of every systemctl.
const SYSTEMCTL: [&str; 5] = ["/usr/bin/systemctl", "--system", "--no-pager", "--no-ask-password", "--plain"];

/// A service that runs until it is told to end.
const SLEEPER: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// Asks for several operations at once: each takes as long as a unit is watched.
fn ask_all<const N: usize>(host: &Helped, words: [&str; N]) -> [Answer; N] {
    thread::scope(|scope| {
        let asked = words.map(|words| scope.spawn(move || host.ask(words)));
        asked.map(|answer| answer.join().expect("an answer"))
    })
}

fn keys(json: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn argv_of(verb: &[&str], unit: &str) -> Value {
    json!([&SYSTEMCTL[..], verb, &["--", unit]].concat())
}

fn error_of(answer: &Value) -> &str {
    answer["error"].as_str().expect("a sentence")
}

#[test]
fn without_a_policy_everything_is_denied() {
    let Some(host) = Helped::boot() else { return };
    let policy = || host.run(&["sh", "-c", "! test -e /etc/sudo-helper/policy.json"]).success();
    policy();
    for words in [
        "service status ssh",
        "--dry-run service stop ssh",
        "package update",
        "run x",
        "list",
        "explain package update",
    ] {
        let answer = host.ask(words).failure(4, "no-policy");
        assert!(
            error_of(&answer).contains("sudo-helper default-policy > /etc/sudo-helper/policy.json"),
            "{answer}"
        );
    }
    host.run(&["systemctl", "is-active", "ssh"]).success();
    // The line that it names is right.
    host.run(&[
        "sh",
        "-ec",
        "mkdir -p /etc/sudo-helper; sudo-helper default-policy >/etc/sudo-helper/policy.json",
    ])
    .success();
    host.ask("service status ssh").success();
}

#[test]
fn the_status_of_a_unit() {
    let Some(host) = Helped::boot() else { return };
    host.policy(
        &json!({"services": {"ssh": ["status", "stop"], "cron": ["status"], "talks": ["status", "start"]}}),
    );
    let up = host.ask("service status ssh").success();
    assert_eq!((&up["active"], &up["returncode"]), (&json!(true), &json!(0)), "{up}");
    assert_eq!(up["sub_state"], "running");
    let expected = [
        "active",
        "active_state",
        "argv",
        "duration_ms",
        "exec_main_status",
        "id",
        "load_state",
        "main_pid",
        "n_restarts",
        "names",
        "op",
        "request_id",
        "result",
        "returncode",
        "stderr",
        "stdout",
        "sub_state",
        "success",
        "truncated",
        "type",
        "unit_file_state",
    ];
    assert_eq!(keys(&up), expected);
    assert_eq!((&up["op"], &up["id"]), (&json!("service status ssh"), &json!("ssh.service")));
    assert_eq!(up["argv"], argv_of(&["-n", "0", "-l", "status"], "ssh.service"));
    assert_eq!((&up["truncated"], &up["stderr"]), (&json!(false), &json!("")));
    assert!(up["stdout"].as_str().is_some_and(|text| text.contains("Active: active (running)")), "{up}");
    assert!(up["duration_ms"].is_u64() && up["main_pid"].is_u64(), "{up}");
    assert_eq!(up["request_id"].as_str().map(str::len), Some(32));

    host.ask("service stop ssh").success();
    let down = host.ask("service status ssh").success();
    assert_eq!((&down["active"], &down["returncode"]), (&json!(false), &json!(3)), "{down}");
    assert_eq!((&down["active_state"], &down["main_pid"]), (&json!("inactive"), &Value::Null), "{down}");
    host.ask("service start ssh").failure(3, "denied");

    let unknown = host.ask("service status cron").failure(1, "not-found");
    assert_eq!((&unknown["returncode"], &unknown["active"]), (&json!(4), &json!(false)), "{unknown}");
    assert_eq!(unknown["load_state"], "not-found");

    // What a service has logged may be secret.
    host.unit("talks.service", "[Service]\nExecStart=/bin/sh -c 'echo hush-hush; exec sleep infinity'\n");
    host.ask("service start talks").success();
    host.run(&["journalctl", "--sync"]).success();
    host.run(&["journalctl", "-u", "talks"]).success().stdout(contains("hush-hush"));
    let status = host.ask("service status talks").success();
    assert!(status["active"] == true && !status["stdout"].to_string().contains("hush-hush"), "{status}");
}

#[test]
fn a_unit_that_does_not_stay_up_is_reported() {
    let Some(host) = Helped::boot() else { return };
    let verbs = json!(["start", "restart"]);
    let names = ["dies", "dies-later", "loops", "loops-well", "once", "once-fails", "stays", "sleeps"];
    host.policy(&json!({"services": names.map(|name| (name.to_owned(), verbs.clone())).into_iter().collect::<Map<_, _>>()}));
    let service = |text: &str| format!("[Service]\n{text}\n");
    let units = [
        ("dies", service("ExecStart=/bin/sh -c 'exit 7'")),
        ("dies-later", service("ExecStart=/bin/sh -c 'sleep 0.3; exit 7'")),
        (
            "loops",
            service("ExecStart=/bin/sh -c 'exit 7'\nRestart=always\nRestartSec=0.2\nStartLimitBurst=999"),
        ),
        ("loops-well", service("ExecStart=/bin/true\nRestart=always\nRestartSec=0.2\nStartLimitBurst=999")),
        ("once", service("Type=oneshot\nExecStart=/bin/true")),
        ("once-fails", service("Type=oneshot\nExecStart=/bin/false")),
        ("stays", service("Type=oneshot\nExecStart=/bin/true\nRemainAfterExit=yes")),
        ("sleeps", SLEEPER.to_owned()),
    ];
    for (name, text) in &units {
        host.write(&format!("/etc/systemd/system/{name}.service"), text, 0o644, "root");
    }
    host.run(&["systemctl", "daemon-reload"]).success();
    for verb in ["start", "restart"] {
        let words = names.map(|name| format!("service {verb} {name}"));
        let [dies, later, loops, loops_well, once, once_fails, stays, sleeps] =
            ask_all(&host, words.each_ref().map(String::as_str));
        for (answer, name) in [(dies, "dies"), (later, "dies-later")] {
            let answer = answer.failure(1, "died");
            // systemctl itself saw nothing wrong.
            assert_eq!((&answer["returncode"], &answer["active"]), (&json!(0), &json!(false)), "{answer}");
            assert_eq!(
                (&answer["result"], &answer["exec_main_status"]),
                (&json!("exit-code"), &json!(7)),
                "{answer}"
            );
            let said = format!("{name} was started, but it did not stay up: exit-code, status 7");
            assert_eq!(error_of(&answer), said);
        }
        loops.failure(1, "died");
        let looping = loops_well.failure(1, "died");
        assert!(error_of(&looping).contains("systemd had to start it again"), "{looping}");
        assert_eq!(once.success()["active"], false);
        let failed = once_fails.failure(1, "failed");
        assert_eq!(failed["returncode"], 1);
        assert!(
            failed["stderr"].as_str().is_some_and(|text| text.contains("Job for once-fails.service failed")),
            "{failed}"
        );
        assert_eq!(stays.success()["active"], true);
        let up = sleeps.success();
        assert_eq!((&up["active"], &up["argv"]), (&json!(true), &argv_of(&[verb], "sleeps.service")), "{up}");
    }
}

#[test]
fn a_unit_that_never_says_it_is_ready_meets_the_time_limit() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"silent": ["start", "stop", "status"]}, "limits": {"timeout_s": 1}}));
    host.unit(
        "silent.service",
        "[Service]\nType=notify\nExecStart=/bin/sleep infinity\nTimeoutStartSec=600\n",
    );
    let late = host.ask("service start silent").failure(6, "timed-out");
    assert_eq!((&late["timed_out"], &late["returncode"]), (&json!(true), &json!(-15)), "{late}");
    assert_eq!(host.ask("service status silent").success()["active_state"], "activating");
    host.ask("--compat-exit service start silent").failure(6, "timed-out");
    host.ask("service stop silent").success();
    let sent = host.ask("service start silent --no-block").success();
    assert_eq!(sent["argv"], argv_of(&["--no-block", "start"], "silent.service"));
    assert_eq!(host.ask("service status silent").success()["active"], false);
}

#[test]
fn why_systemd_would_not_is_told_by_a_code() {
    let Some(host) = Helped::boot() else { return };
    let all = json!(["start", "stop", "restart", "reload", "enable", "disable", "status"]);
    let names = ["nosuch", "masked", "plain", "reloads", "bad", "installs"];
    host.policy(&json!({"services": names.map(|name| (name.to_owned(), all.clone())).into_iter().collect::<Map<_, _>>()}));
    host.unit("plain.service", SLEEPER);
    host.unit("reloads.service", &format!("{SLEEPER}ExecReload=/bin/touch /run/reloaded\n"));
    host.unit("bad.service", "[Service]\nType=oneshot\n");
    host.unit("installs.service", &format!("{SLEEPER}[Install]\nWantedBy=multi-user.target\n"));
    host.run(&["systemctl", "mask", "masked"]).success();
    host.run(&["systemctl", "start", "plain"]).success();
    for (words, code, returncode) in [
        ("start nosuch", "not-found", 5),
        ("stop nosuch", "not-found", 5),
        ("restart nosuch", "not-found", 5),
        ("reload nosuch", "not-found", 5),
        ("enable nosuch", "not-found", 1),
        ("disable nosuch", "not-found", 1),
        ("start masked", "masked", 1),
        ("restart masked", "masked", 1),
        ("enable masked", "masked", 1),
        ("reload plain", "not-reloadable", 3),
        ("reload reloads", "not-active", 1),
        ("start bad", "failed", 1),
    ] {
        let answer = host.ask(&format!("service {words}")).failure(1, code);
        assert_eq!(answer["returncode"], returncode, "{answer}");
        assert!(answer["stderr"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        let compat = host.ask(&format!("--compat-exit service {words}"));
        assert_eq!((compat.status, &compat.json["success"]), (0, &json!(false)), "{compat:?}");
    }
    assert_eq!(host.ask("service status masked").success()["load_state"], "masked");
    host.run(&["systemctl", "start", "reloads"]).success();
    host.ask("service reload reloads").success();
    host.run(&["test", "-e", "/run/reloaded"]).success();
    for (verb, state) in [("enable", "enabled"), ("enable", "enabled"), ("disable", "disabled")] {
        host.ask(&format!("service {verb} installs")).success();
        assert_eq!(host.ask("service status installs").success()["unit_file_state"], state);
    }
}

#[test]
fn approval_under_one_name_of_a_unit_is_asked_for_under_each() {
    let Some(host) = Helped::boot() else { return };
    host.unit("real.service", SLEEPER);
    for alias in ["nick", "other"] {
        let link = format!("/etc/systemd/system/{alias}.service");
        host.run(&["ln", "-s", "/etc/systemd/system/real.service", &link]).success();
    }
    host.run(&["systemctl", "daemon-reload"]).success();
    let verbs = json!(["status", "start"]);
    for listed in ["real", "nick", "other"] {
        host.policy(&json!({
            "services": {"real": verbs, "nick": verbs},
            "approval": {"approvers": [ALICE], "operations": [format!("service start {listed}")]},
        }));
        for asked in ["real", "nick"] {
            let explained = host.ask(&format!("explain service start {asked}")).success();
            assert_eq!(explained["approval"], true, "{listed} {asked}");
            host.ask(&format!("service start {asked} --no-wait")).failure(8, "pending");
            let status = host.ask(&format!("service status {asked}")).success();
            assert_eq!(status["active"], false, "{listed} {asked}");
        }
        host.ask("service start other").failure(3, "denied");
    }
}

#[test]
fn an_alias_and_what_it_stands_for_must_both_be_allowed() {
    let Some(host) = Helped::boot() else { return };
    host.unit("real.service", &format!("{SLEEPER}[Install]\nWantedBy=multi-user.target\n"));
    for (alias, target) in [("nick", "real"), ("innocent", "debug-shell")] {
        let folder = if alias == "nick" { "/etc/systemd/system" } else { "/lib/systemd/system" };
        let link = format!("ln -s {folder}/{target}.service /etc/systemd/system/{alias}.service");
        host.run(&["sh", "-c", &link]).success();
    }
    host.run(&["systemctl", "daemon-reload"]).success();
    let stopped =
        |host: &Helped| host.run(&["systemctl", "is-active", "real"]).failure().stdout("inactive\n");

    host.policy(
        &json!({"services": {"nick": ["start", "status", "enable"], "innocent": ["start", "status"]}}),
    );
    for words in [
        "service start nick",
        "service status nick",
        "service enable nick",
        "--dry-run service start nick",
        "explain service start nick",
    ] {
        let answer = host.ask(words).failure(3, "denied");
        assert!(error_of(&answer).contains("'nick' stands for 'real'"), "{answer}");
    }
    for words in ["service start innocent", "service status innocent"] {
        host.ask(words).failure(3, "denied-builtin");
    }
    stopped(&host);

    host.policy(&json!({"services": {"real": ["start", "status"]}}));
    host.ask("service start nick").failure(3, "denied");
    stopped(&host);

    host.policy(&json!({"services": {"real": ["status"], "nick": ["start", "status"]}}));
    host.ask("service start nick").failure(3, "denied");
    stopped(&host);

    let both = json!({"real": ["start", "status", "stop"], "nick": ["start", "status", "stop"]});
    host.policy(
        &json!({"services": both, "approval": {"operations": ["service stop real"], "approvers": [ALICE]}}),
    );
    let started = host.ask("service start nick").success();
    assert_eq!(started["argv"], argv_of(&["start"], "real.service"));
    assert_eq!((&started["op"], &started["id"]), (&json!("service start nick"), &json!("real.service")));
    let names = host.ask("service status nick").success()["names"].clone();
    assert!(
        ["real.service", "nick.service"]
            .iter()
            .all(|name| names.as_array().expect("names").contains(&json!(name)))
    );
    let dry = host.ask("--dry-run service stop nick").success();
    assert_eq!(
        (&dry["approval"], &dry["argv"]),
        (&json!(true), &argv_of(&["stop"], "real.service")),
        "{dry}"
    );
    assert_eq!(dry["rules"], json!(["services.\"nick\"", "services.\"real\""]));
    host.ask("--no-wait service stop nick").failure(8, "pending");
    host.run(&["systemctl", "is-active", "real"]).success();
}

/// systemctl that notes of which unit's status it is asked. That of `nick` does not end by itself, and
/// is there before what `nick` stands for is known.
const NOTING: &str = r#"#!/bin/sh
for unit; do :; done
case "$unit $*" in
*' status '*) echo $$ > "/run/pid.$unit"; echo "$unit" >> /run/asked ;;
'nick.service '*) until test -s /run/asked; do sleep 0.01; done ;;
esac
case "$unit $*" in 'nick.service '*' status '*) exec sleep 1000 ;; esac
exec /usr/bin/systemctl.real "$@"
"#;

#[test]
fn what_was_asked_ahead_of_the_decision_is_seen_only_where_it_is_allowed() {
    let Some(host) = Helped::boot() else { return };
    host.unit("real.service", SLEEPER);
    host.run(&["ln", "-s", "/etc/systemd/system/real.service", "/etc/systemd/system/nick.service"]).success();
    host.run(&["systemctl", "daemon-reload"]).success();
    host.run(&["mv", "/usr/bin/systemctl", "/usr/bin/systemctl.real"]).success();
    host.write("/usr/bin/systemctl", NOTING, 0o755, "root");
    let asked = |units: &'static str| {
        host.run(&["sh", "-c", "touch /run/asked; cat /run/asked; rm /run/asked"]).success().stdout(units);
    };
    let ended = || host.run(&["sh", "-c", r#"! test -e "/proc/$(cat /run/pid.nick.service)""#]).success();
    let verbs = json!(["status"]);
    let services = json!({"real": verbs, "nick": verbs});

    host.policy(
        &json!({"services": services, "approval": {"operations": ["service status real"], "approvers": [ALICE]}}),
    );
    host.ask("--no-wait service status real").failure(8, "pending");
    asked("");

    host.policy(&json!({"services": services}));
    for words in ["--dry-run service status real", "explain service status real"] {
        host.ask(words).success();
    }
    asked("");
    let status = host.ask("service status real").success();
    assert!(status["stdout"].as_str().is_some_and(|text| text.contains("real.service")), "{status}");
    asked("real.service\n");

    let status = host.ask("service status nick").success();
    assert_eq!(status["argv"], argv_of(&["-n", "0", "-l", "status"], "real.service"));
    asked("nick.service\nreal.service\n");
    ended();

    host.policy(&json!({"services": {"nick": verbs}}));
    let denied = host.ask("service status nick").failure(3, "denied");
    assert_eq!((&denied["stdout"], &denied["active"]), (&Value::Null, &Value::Null), "{denied}");
    asked("nick.service\n");
    ended();
}

#[test]
fn instances_and_sockets_are_allowed_by_their_own_names() {
    let Some(host) = Helped::boot() else { return };
    host.unit("tpl@.service", SLEEPER);
    host.unit("chat@.service", "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n");
    host.unit("chat.socket", "[Socket]\nListenStream=/run/chat\nAccept=yes\n");
    host.policy(
        &json!({"services": {"tpl@5": ["start", "status"], "chat.socket": ["start", "stop", "status"]}}),
    );
    host.ask("service start tpl@5").success();
    host.run(&["systemctl", "is-active", "tpl@5"]).success();
    for denied in ["tpl@6", "tpl@5.socket", "tpl@55", "tpl", "chat", "chat@1", "chat.service"] {
        host.ask(&format!("service start {denied}")).failure(3, "denied");
    }
    for unnamed in ["tpl@", "tpl@.service", "@5", "tpl@5@6"] {
        host.ask(&format!("service start {unnamed}")).failure(2, "usage");
    }
    let socket = host.ask("service start chat.socket").success();
    assert_eq!((&socket["sub_state"], &socket["active"]), (&json!("listening"), &json!(true)), "{socket}");
    host.run(&["test", "-S", "/run/chat"]).success();
    host.ask("service stop chat.socket").success();
    assert_eq!(host.ask("service status chat.socket").success()["active"], false);
}

#[test]
fn words_that_are_no_request_are_answered_in_json_too() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"ssh": ["status"]}, "package_actions": ["update"]}));
    let long = "x".repeat(100_000);
    let many = vec!["package"; 200];
    let table: &[(&[&str], &str)] = &[
        (&[], "an operation is missing"),
        (&["servce"], "'service' is"),
        (&["service"], "a name is missing"),
        (&["service", "status"], "a name is missing"),
        (&["service", "frob", "ssh"], "'frob' is nothing that service does"),
        (&["service", "status", "ssh", "cron"], "'cron' is a word too many"),
        (&["package", "update", "evil"], "'evil' is a word too many"),
        (&["package", "install"], "a name is missing"),
        (&["package", "install", "curl", "curl"], "named twice"),
        (&["package", "install", "n.*"], "'n.*'"),
        (&["run", "x", "novalue"], "'novalue' is not KEY=VALUE"),
        (&["run", "x", "k=1", "k=2"], "'k' is named twice"),
        (&["service", "status", "g*d"], "'g*d'"),
        (&["service", "enable", "/tmp/evil.service"], "'/tmp/evil.service'"),
        (&["service", "status", "-H"], "'-H'"),
        (&["service", "status", "--", "-H"], "'-H'"),
        (&["service", "status", "multi-user.target"], "only services"),
        (&["service", "status", "ss\nh"], "'ss\\nh'"),
        (&["service", "status", "\u{1b}[2J"], "\\u{1b}[2J"),
        (&["service", "status", "ѕsh"], "'ѕsh'"),
        (&["service", "status", &long], "at most"),
        (&many, "at most"),
        (&["--frob"], "'--frob'"),
        (&["list", "x"], "'x' is a word too many"),
        (&["list", "--dry-run"], "--dry-run does not go"),
        (&["package", "update", "--no-block"], "--no-block does not go"),
        (&["probe"], "NONCE is missing"),
        (&["probe", "short"], "a nonce has"),
        (&["wait", "../../etc/shadow"], ""),
        (&["approve", "1"], ""),
        (&["check-policy", "a", "b"], "'b' is a word too many"),
    ];
    for (words, says) in table {
        let answer = Answer::of(host.command_of(AGENT, words)).failure(2, "usage");
        assert!(error_of(&answer).contains(says), "{words:?}: {answer}");
        assert!(!error_of(&answer).contains(char::is_control) && error_of(&answer).len() < 2000, "{answer}");
    }
    // Not UTF-8; as the agent without sudo it is answered as well.
    for as_root in [true, false] {
        let mut command = if as_root {
            host.command_of(AGENT, &["service", "status"])
        } else {
            host.command_as(AGENT, &["sudo-helper", "service", "status"])
        };
        command.arg(OsStr::from_bytes(b"\xff"));
        Answer::of(command).failure(2, "usage");
    }
}

#[test]
fn what_needs_no_root_works_with_and_without_it() {
    let Some(host) = Helped::boot() else { return };
    let policy = json!({"services": {"ssh": ["status"]}, "commands": {"up": {"argv": ["/usr/bin/uptime"], "approval": true}}});
    host.write("/home/ai-agent/own.json", policy.to_string(), 0o600, AGENT);
    host.write("/home/ai-agent/broken.json", "{\n  \"services\": {\"ssh\": [\"sing\"]}}", 0o644, AGENT);
    host.write("/root/secret.json", "{\"top-secret\": 1}", 0o600, "root");
    host.run(&["ln", "-s", "/etc/shadow", "/home/ai-agent/link"]).success();
    host.run(&["mkfifo", "-m", "666", "/home/ai-agent/fifo"]).success();
    let shadow = host.read("/etc/shadow");
    for prefix in [&["sudo", "-n", "sudo-helper"][..], &["sudo-helper"][..]] {
        let text = |words: &[&str]| host.run_as(AGENT, &[prefix, words].concat()).success().stderr("");
        text(&["--help"]).stdout(contains("Exit status: 0 done; 1 failed"));
        text(&["--version"]).stdout(
            predicates::str::is_match("^sudo-helper [0-9.]+( \\([0-9a-f]{12}\\))?\n$").expect("a pattern"),
        );
        text(&["default-policy"]).stdout(sudo_helper::policy::default_text());
        let ask = |words: &str| {
            let words: Vec<&str> = words.split(' ').collect();
            Answer::of(host.command_as(AGENT, &[prefix, &words].concat()))
        };
        let home = "/home/ai-agent";
        let warnings = ask(&format!("check-policy {home}/own.json")).success()["warnings"].clone();
        assert!(warnings.to_string().contains("approval.approvers is empty"), "{warnings}");
        let broken = ask(&format!("check-policy {home}/broken.json")).failure(4, "bad-policy");
        assert!(
            error_of(&broken).contains("broken.json: line 2, column 29, at services.ssh[0]: "),
            "{broken}"
        );
        let allowed = ask(&format!("explain --policy {home}/own.json run up")).success();
        assert_eq!((&allowed["approval"], &allowed["rules"]), (&json!(true), &json!(["commands.\"up\""])));
        ask(&format!("explain --policy {home}/own.json service stop ssh")).failure(3, "denied");
        for hidden in ["/etc/shadow", "/root/secret.json", "/home/ai-agent/link"] {
            for words in
                [format!("check-policy {hidden}"), format!("explain --policy {hidden} service stop ssh")]
            {
                let answer = ask(&words).failure(4, "unreadable-policy");
                assert!(error_of(&answer).ends_with("Permission denied (os error 13)"), "{answer}");
                assert!(!shadow.lines().any(|line| answer.to_string().contains(line)), "{answer}");
            }
        }
        // Nothing is waited for.
        for odd in ["fifo", ".", "/dev/zero"] {
            let answer = ask(&format!(
                "check-policy {}",
                if odd.starts_with('/') { odd.into() } else { format!("{home}/{odd}") }
            ));
            assert!(error_of(&answer.failure(4, "unreadable-policy")).contains("not a regular file"));
        }
    }
}

#[test]
fn nothing_else_works_without_root() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"ssh": ["status", "stop"]}}));
    let alone = |words: &str| {
        let words: Vec<&str> = ["sudo-helper"].into_iter().chain(words.split(' ')).collect();
        Answer::of(host.command_as(AGENT, &words)).failure(1, "not-root")
    };
    for words in [
        "service stop ssh",
        "list",
        "explain service stop ssh",
        "check-policy",
        "probe 0123456789",
        "pending",
        "worker 1",
    ] {
        assert!(error_of(&alone(words)).contains("sudo -n sudo-helper"));
    }
    // Root by half, as a setuid copy would be.
    let half = host.command(&[
        "setpriv",
        "--ruid",
        "1000",
        "--clear-groups",
        "sudo-helper",
        "service",
        "stop",
        "ssh",
    ]);
    Answer::of(half).failure(1, "not-root");
    host.run(&["systemctl", "is-active", "ssh"]).success();
}

#[test]
fn the_list_is_a_table_for_people() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"docker": ["start"]}, "package_actions": ["update"],
        "commands": {"up": {"argv": ["/usr/bin/uptime"], "approval": true}}}));
    let listed = host.ask("list").success();
    let operations = listed["operations"].as_array().expect("a list");
    let found = |name: &str| operations.iter().find(|listed| listed["operation"] == name).expect(name);
    let codes: Vec<&Value> = found("service start docker")["risks"]
        .as_array()
        .expect("risks")
        .iter()
        .map(|risk| &risk["code"])
        .collect();
    assert!(codes.contains(&&json!("root-equivalent")), "{listed}");
    assert_eq!(
        (&found("run up")["approval"], &found("run up")["argv"]),
        (&json!(true), &json!(["/usr/bin/uptime"]))
    );
    assert_eq!(operations.len(), 3);

    let on_terminal = |words: &[&str]| {
        let running = host.on_terminal(AGENT, &[&["sudo", "-n", "sudo-helper"], words].concat());
        let said = running.rest().join("\n");
        assert_eq!(running.status(), 0, "{said}");
        said
    };
    let table = on_terminal(&["list"]);
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["OPERATION", "NEEDS", "RISKS"], "{table}");
    assert_eq!(lines[1][..4], ["service", "start", "docker", "root-equivalent"], "{table}");
    assert_eq!(lines[3], ["run", "up", "approval"], "{table}");
    assert!(!table.contains('{'), "{table}");
    let json: Value = serde_json::from_str(&on_terminal(&["list", "--json"])).expect("JSON");
    assert_eq!(json["operations"], listed["operations"]);
    // Every other answer is for programs on a terminal, too.
    let json: Value = serde_json::from_str(&on_terminal(&["explain", "run", "up"])).expect("JSON");
    assert_eq!(json["op"], "run up");
}

#[test]
fn a_probe_shows_which_program_answers() {
    let Some(host) = Helped::boot() else { return };
    let answer = host.ask("probe 0123456789abcdef").success();
    assert_eq!(
        (&answer["nonce"], &answer["path"]),
        (&json!("0123456789abcdef"), &json!("/usr/bin/sudo-helper"))
    );
    let sum = host.run(&["sha256sum", "/usr/bin/sudo-helper"]).success();
    let sum = String::from_utf8_lossy(&sum.get_output().stdout).into_owned();
    assert_eq!(answer["sha256"].as_str(), sum.split(' ').next());
    host.run(&["/usr/bin/sudo-helper", "--version"])
        .stdout(contains(answer["version"].as_str().expect("a version")).and(contains("\n")));
    host.ask("probe ../etc/shadow").failure(2, "usage");
}
