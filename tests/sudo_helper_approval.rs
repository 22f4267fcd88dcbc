//! sudo-helper's human in the loop: what waits, who decides, and what is done then, with real sudo.

use std::process::Stdio;

use bed::helped::{AGENT, ALICE, Answer, Helped};
use bed::{Package, Repository, Running, eventually};
use serde_json::{Value, json};

/// A second approver.
const BOB: &str = "bob";

/// An id that no request has.
const NOBODYS: &str = "00000000000000000000000000000000";

/// Where each run of the command `mark` leaves a file.
const MARKS: &str = "/srv/marks";

/// Where the requests are.
const REQUESTS: &str = "/run/sudo-helper/requests";

/// A service that does nothing.
const SLEEPER: &str = "[Service]\nExecStart=/bin/sleep infinity\n";

/// Under approval is all that the agent may do; the approvers are alice and bob.
fn policy() -> Value {
    json!({
        "services": {"sleeper": ["start", "stop"], "nick": ["start", "stop"]},
        "packages": {"tool": ["install"]},
        "commands": {
            "mark": {"argv": ["/usr/bin/mktemp", "-p", MARKS], "approval": true},
            "say": {"argv": ["/usr/bin/echo", "{text}"], "approval": true,
                    "params": {"text": {"regex": "(?:.|\\n)*", "allow": ["control", "slash"]}}},
        },
        "approval": {
            "approvers": [ALICE, BOB],
            "operations": ["service start sleeper", "service stop sleeper", "package install tool"],
        },
    })
}

/// The policy with another value at a JSON pointer.
fn policy_with(pointer: &str, value: Value) -> Value {
    let mut policy = policy();
    *policy.pointer_mut(pointer).expect("a key of the policy") = value;
    policy
}

/// A host with that policy.
fn boot() -> Option<Helped> {
    let host = Helped::boot()?;
    host.user(BOB);
    let rule = format!("{BOB} ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n");
    host.write("/etc/sudoers.d/zz-bob", rule, 0o440, "root");
    host.run(&["mkdir", MARKS]).success();
    host.policy(&policy());
    Some(host)
}

/// What a command of the host prints, without the last end of line.
fn said(host: &Helped, script: &str) -> String {
    let assert = host.run(&["sh", "-c", script]).success();
    String::from_utf8_lossy(&assert.get_output().stdout).trim_end().to_owned()
}

/// How often `mark` was run.
fn marks(host: &Helped) -> usize {
    said(host, &format!("ls {MARKS} | wc -l")).parse().expect("a number")
}

/// How many sudo-helpers run now.
fn helpers(host: &Helped) -> usize {
    said(host, "pgrep -cx sudo-helper; :").parse().expect("a number")
}

/// Whether a process waits for this request: then it holds the request's bell.
fn waited_for(host: &Helped, id: &str) -> bool {
    let descriptors = said(host, "for pid in $(pgrep -x sudo-helper); do ls -l /proc/$pid/fd; done 2>&-; :");
    descriptors.contains(&format!("{id}.bell"))
}

/// What alice sees at a terminal of the host.
fn on_terminal(host: &Helped, words: &str) -> String {
    let words: Vec<&str> = ["sudo", "-n", "sudo-helper"].into_iter().chain(words.split(' ')).collect();
    host.on_terminal(ALICE, &words).rest().iter().map(|line| format!("{line}\n")).collect()
}

/// What waits, as alice sees it.
fn pending(host: &Helped) -> Vec<Value> {
    let answer = host.ask_as(ALICE, "pending").success();
    assert!(answer["request_id"].is_string(), "{answer}");
    answer["pending"].as_array().expect("a list").clone()
}

/// The one request that waits, once it does.
fn waiting(host: &Helped) -> Value {
    eventually("a request waits", || !pending(host).is_empty());
    let [request] = &pending(host)[..] else { panic!("one request expected: {:?}", pending(host)) };
    request.clone()
}

fn id_of(request: &Value) -> String {
    request["id"].as_str().expect("an id").to_owned()
}

/// A request of `user` that waits for an answer; its words are split at spaces.
fn asking_as(host: &Helped, user: &str, words: &str) -> Running {
    let mut command = host.command_of(user, &words.split(' ').collect::<Vec<_>>());
    command.stderr(Stdio::null());
    Running::start(command)
}

fn asking(host: &Helped, words: &str) -> Running {
    asking_as(host, AGENT, words)
}

/// A script of `user`'s, with sh.
fn script_as(host: &Helped, user: &str, text: &str) -> Running {
    let mut command = host.command_as(user, &["sh", "-c", text]);
    command.stderr(Stdio::null());
    Running::start(command)
}

fn script(host: &Helped, text: &str) -> Running {
    script_as(host, AGENT, text)
}

/// The answer that a request gets in the end.
fn answer(running: Running) -> Answer {
    let line = running.line().expect("an answer");
    assert_eq!(running.line(), None, "one line");
    let json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    Answer { status: running.status(), json, stderr: String::new() }
}

/// A request of the agent's that waits by itself: its id.
fn leave(host: &Helped, words: &str) -> String {
    id_of(&host.ask(&format!("{words} --no-wait")).failure(8, "pending"))
}

fn approve(host: &Helped, id: &str) -> Answer {
    host.ask_as(ALICE, &format!("approve {id}"))
}

fn deny(host: &Helped, id: &str) -> Answer {
    host.ask_as(ALICE, &format!("deny {id}"))
}

#[test]
fn what_waits_is_shown_whole_and_done_when_it_is_approved() {
    let Some(host) = boot() else { return };
    let agent = said(&host, &format!("id -u {AGENT}"));
    let asked = asking(&host, "run mark");
    let request = waiting(&host);
    for (key, value) in [
        ("op", json!("run mark")),
        ("argv", json!(["/usr/bin/mktemp", "-p", MARKS])),
        ("plan", json!([])),
        ("uid", agent.parse::<u32>().expect("a uid").into()),
        ("user", json!(AGENT)),
        ("detached", json!(false)),
        ("state", json!("pending")),
    ] {
        assert_eq!(request[key], value, "{request}");
    }
    let time = |key: &str| said(&host, &format!("date -d {} +%s", request[key].as_str().expect("a time")));
    let [created, expires] = ["created", "expires"].map(|key| time(key).parse::<u64>().expect("seconds"));
    assert_eq!(expires - created, 600, "the default of the policy: {request}");
    assert_eq!(marks(&host), 0);
    let approved = approve(&host, &id_of(&request)).success();
    assert_eq!((&approved["op"], &approved["state"]), (&json!("run mark"), &json!("approved")));
    let done = answer(asked).success();
    assert!(done["stdout"].as_str().expect("text").starts_with(MARKS), "{done}");
    assert_eq!((marks(&host), pending(&host)), (1, vec![]));
}

#[test]
fn what_is_denied_is_not_done() {
    let Some(host) = boot() else { return };
    let asked = asking(&host, "run mark");
    let id = id_of(&waiting(&host));
    assert_eq!(deny(&host, &id).success()["state"], "denied");
    let denied = answer(asked).failure(8, "approval-denied");
    assert!(denied["error"].as_str().expect("a text").starts_with("denied by alice"), "{denied}");
    approve(&host, &id).failure(8, "approval-unknown");
    assert_eq!((marks(&host), pending(&host)), (0, vec![]));
}

#[test]
fn services_an_alias_and_packages_wait_too() {
    let Some(host) = boot() else { return };
    host.unit("sleeper.service", SLEEPER);
    host.run(&["ln", "-s", "sleeper.service", "/etc/systemd/system/nick.service"]).success();
    host.run(&["systemctl", "daemon-reload"]).success();
    let part = Package::new("part", "2.0");
    let tool = Package::new("tool", "1:1.0-3").field("Depends", "part");
    Repository::of(&host).add(&[part, tool]).update();
    let active = || said(&host, "systemctl is-active sleeper; :");
    let installed = || said(&host, "dpkg-query -W -f '${Package} ${Version}\\n' part tool 2>&1; :");
    let plan = json!(["install part 2.0", "install tool 1:1.0-3"]);
    for (words, plan, before, after) in [
        ("service start sleeper", json!([]), "inactive", "active"),
        // The policy has only its canonical name under approval.
        ("service stop nick", json!([]), "active", "inactive"),
        ("package install tool", plan, "no packages found", "part 2.0\ntool 1:1.0-3"),
    ] {
        let state: &dyn Fn() -> String = if words.starts_with("package") { &installed } else { &active };
        let asked = asking(&host, words);
        let request = waiting(&host);
        assert_eq!((&request["op"], &request["plan"]), (&json!(words), &plan), "{request}");
        assert!(state().contains(before) && state() != after, "{words}: {}", state());
        approve(&host, &id_of(&request)).success();
        assert_eq!(answer(asked).success()["op"], words);
        assert_eq!(state(), after, "{words}");
    }
}

#[test]
fn a_person_at_a_terminal_sees_a_table() {
    let Some(host) = boot() else { return };
    Repository::of(&host).add(&[Package::new("tool", "1:1.0-3")]).update();
    assert_eq!(on_terminal(&host, "pending"), "nothing waits for approval\n");
    let id = leave(&host, "package install tool");
    let request = waiting(&host);
    let uid = request["uid"].as_u64().expect("a uid");
    let shown = on_terminal(&host, "pending");
    let lines: Vec<&str> = shown.lines().collect();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let until = request["expires"].as_str().expect("a time");
    let risk = request["risks"][0].as_str().expect("a risk");
    assert!(risk.contains("scripts of the packages run as root"), "{request}");
    assert_eq!(words(lines[0]), "ID STATE WHO");
    assert_eq!(words(lines[1]), format!("{id} pending {AGENT} ({uid})"));
    assert_eq!(words(lines[2]), format!("| until {until}"));
    assert_eq!(words(lines[3]), "| does package install tool");
    // A long line goes on in the next behind a mark.
    let rest = words(&lines[4..].join(" ")).replace(" | > ", " ");
    assert!(rest.starts_with("| runs /usr/bin/apt-get -y "), "{rest}");
    assert!(rest.ends_with(&format!("-- tool | plan install tool 1:1.0-3 | risk {risk}")), "{rest}");
    let json: Value = serde_json::from_str(&on_terminal(&host, "pending --json")).expect("JSON");
    assert_eq!(json["pending"], json!([request]));
}

#[test]
fn a_value_cannot_pass_for_something_else() {
    let Some(host) = boot() else { return };
    let hostile = "x\r\n\u{1b}[2J\u{1b}[31m\tmark\u{7f} \"y\" \\n";
    let say = |text: &str| {
        let words = ["run", "say", "--no-wait", &format!("text={text}")];
        Answer::of(host.command_of(AGENT, &words))
    };
    for foreign in ["\u{202e}kram", "m\u{430}rk", "a\u{200b}"] {
        say(foreign).failure(3, "bad-value");
    }
    let id = id_of(&say(hostile).failure(8, "pending"));
    let request = waiting(&host);
    let escaped = r#"run say "text=x\r\n\u{1b}[2J\u{1b}[31m\tmark\u{7f} \"y\" \\n""#;
    assert_eq!(request["op"], escaped);
    let shown = on_terminal(&host, "pending");
    assert!(shown.contains(escaped), "{shown}");
    assert!(shown.chars().all(|character| matches!(character, '\n' | ' '..='~')), "{shown:?}");
    assert_eq!(request["argv"], json!(["/usr/bin/echo", hostile]), "for a program the words themselves");
    let approved = approve(&host, &id).success();
    assert_eq!(approved["op"], escaped);
    let done = host.ask(&format!("wait {id}")).success();
    assert_eq!(done["stdout"], format!("{hostile}\n"), "what runs is what was written");
}

#[test]
fn what_was_left_is_run_once_by_the_one_who_left_it() {
    let Some(host) = boot() else { return };
    let left = host.ask("run mark --no-wait").failure(8, "pending");
    let id = id_of(&left);
    assert!(left["error"].as_str().expect("a text").contains(&format!("wait {id}")), "{left}");
    assert_eq!(waiting(&host)["expires"], left["expires"]);
    assert_eq!(waiting(&host)["detached"], true);
    let wait = format!("wait {id}");
    for user in [ALICE, BOB, "root"] {
        host.ask_as(user, &wait).failure(8, "approval-unknown");
    }
    host.ask(&format!("wait {NOBODYS}")).failure(8, "approval-unknown");
    for malformed in ["x", "../lock", &id[1..], &id.to_uppercase().replace(char::is_numeric, "A"), ""] {
        let answer = Answer::of(host.command_of(AGENT, &["wait", malformed]));
        answer.failure(2, "usage");
    }
    let first = asking(&host, &wait);
    eventually("it is waited for", || waited_for(&host, &id));
    host.ask(&wait).failure(8, "approval-busy");
    // An end of who waits is no end of what waits by itself.
    let parent = said(&host, &format!("pgrep -fx 'sudo -n sudo-helper {wait}'"));
    host.run(&["kill", "-9", &parent]).success();
    assert_eq!(first.status(), 137);
    eventually("nobody waits for it", || helpers(&host) == 0);
    let second = asking(&host, &wait);
    eventually("it is waited for", || waited_for(&host, &id));
    host.ask(&wait).failure(8, "approval-busy");
    assert_eq!(marks(&host), 0);
    approve(&host, &id).success();
    assert_eq!(answer(second).success()["op"], "run mark");
    host.ask(&wait).failure(8, "approval-unknown");
    assert_eq!(marks(&host), 1);
}

#[test]
fn only_those_whom_the_policy_names_decide_and_nobody_about_their_own() {
    let Some(host) = boot() else { return };
    host.policy(&policy_with("/approval/approvers", json!([ALICE, AGENT, "nosuchuser"])));
    let agents = leave(&host, "run mark");
    let alices = id_of(&host.ask_as(ALICE, "run mark --no-wait").failure(8, "pending"));
    // Named as an approver, and asking for oneself.
    host.ask(&format!("approve {agents}")).failure(8, "approval-own");
    host.ask_as(ALICE, &format!("approve {alices}")).failure(8, "approval-own");
    // Not named: neither an account that may run sudo-helper nor root.
    for user in [BOB, "root"] {
        for words in [format!("approve {agents}"), format!("deny {agents}"), "pending".into()] {
            host.ask_as(user, &words).failure(3, "denied");
        }
        host.ask_as(user, "pending --watch").failure(3, "denied");
    }
    Answer::of(host.command(&["sudo-helper", "approve", &agents])).failure(3, "denied");
    let states: Vec<Value> = pending(&host).iter().map(|request| request["state"].clone()).collect();
    assert_eq!(states, ["pending", "pending"]);
    // What nobody but the other may decide, the other may.
    approve(&host, &agents).success();
    host.ask(&format!("approve {alices}")).success();
    // And who is no approver any more is none for what waits already.
    let later = leave(&host, "run mark");
    host.policy(&policy_with("/approval/approvers", json!([BOB])));
    approve(&host, &later).failure(3, "denied");
    assert_eq!(marks(&host), 0);
}

#[test]
fn what_is_decided_stays_decided() {
    let Some(host) = boot() else { return };
    let id = leave(&host, "run mark");
    approve(&host, &id).success();
    for user in [ALICE, BOB] {
        let twice = host.ask_as(user, &format!("approve {id}")).failure(8, "approval-decided");
        assert!(twice["error"].as_str().expect("a text").contains("approved already, by alice"), "{twice}");
    }
    // What is approved and not begun can still be denied, and never comes back.
    host.ask_as(BOB, &format!("deny {id}")).success();
    approve(&host, &id).failure(8, "approval-decided");
    deny(&host, &id).failure(8, "approval-decided");
    host.ask(&format!("wait {id}")).failure(8, "approval-denied");
    host.ask(&format!("wait {id}")).failure(8, "approval-unknown");
    for verb in ["approve", "deny"] {
        host.ask_as(ALICE, &format!("{verb} {id}")).failure(8, "approval-unknown");
        host.ask_as(ALICE, &format!("{verb} {NOBODYS}")).failure(8, "approval-unknown");
        for malformed in ["x", "../lock", &id[1..], "--", ""] {
            Answer::of(host.command_of(ALICE, &[verb, malformed])).failure(2, "usage");
        }
    }
    assert_eq!(marks(&host), 0);
}

#[test]
fn nothing_outlives_its_time() {
    let Some(host) = boot() else { return };
    host.policy(&policy_with("/approval", json!({"approvers": [ALICE], "timeout_s": 10})));
    let [untouched, waited, approved] = [(); 3].map(|()| leave(&host, "run mark"));
    approve(&host, &approved).success();
    let asked = asking(&host, "run mark");
    let wait = asking(&host, &format!("wait {waited}"));
    for running in [asked, wait] {
        let over = answer(running).failure(8, "approval-expired");
        assert!(over["error"].as_str().expect("a text").contains("ask again"), "{over}");
    }
    assert_eq!(pending(&host), Vec::<Value>::new());
    for id in [untouched, waited, approved] {
        host.ask(&format!("wait {id}")).failure(8, "approval-unknown");
        approve(&host, &id).failure(8, "approval-unknown");
    }
    assert_eq!((marks(&host), helpers(&host)), (0, 0));
    assert_eq!(said(&host, &format!("ls {REQUESTS}")), "lock", "nothing is left of them");
}

/// Scripts of the agent's that say `ready PID`, ask, and wait; a signal to PID ends the caller. That of
/// script(1) takes the terminal with it; its input is open and silent ([`Helped::on_terminal`] has why).
const CALLERS: [(&str, i32, &str); 9] = [
    ("sudo is killed", 9, "echo ready $$; exec sudo -n sudo-helper run mark"),
    ("sudo is told to end", 15, "echo ready $$; exec sudo -n sudo-helper run mark"),
    ("sudo is interrupted", 2, "echo ready $$; exec sudo -n sudo-helper run mark"),
    ("sudo's terminal is gone", 1, "echo ready $$; exec sudo -n sudo-helper run mark"),
    ("the shell that ran sudo is killed", 9, "echo ready $$; sudo -n sudo-helper run mark; :"),
    ("nobody reads the answer", 9, "sudo -n sudo-helper run mark | sh -c 'echo ready $$; exec sleep inf'"),
    ("the terminal goes", 9, "echo ready $$; exec script -qec 'sudo -n sudo-helper run mark' /dev/null"),
    (
        "the shell of a terminal is killed",
        9,
        "exec script -qec 'sh -c \"echo ready \\$\\$; sudo -n sudo-helper run mark; :\"' /dev/null",
    ),
    ("the connection breaks", 9, "echo ready $$; exec ssh -T -o StrictHostKeyChecking=no localhost run mark"),
];

/// Lets the agent in by ssh(1), for nothing but `sudo-helper ssh`.
fn connect(host: &Helped) {
    let make = "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 &&
        { printf 'restrict,command=\"/usr/bin/sudo-helper ssh\" '; cat ~/.ssh/id_ed25519.pub; } \
        >~/.ssh/authorized_keys";
    let script = format!("export HOME=/home/{AGENT}; umask 077; mkdir ~/.ssh; {make}");
    host.run_as(AGENT, &["sh", "-ec", &script]).success();
}

#[test]
fn a_request_is_gone_with_its_caller() {
    let Some(host) = boot() else { return };
    connect(&host);
    for (what, signal, text) in CALLERS {
        let caller = script(&host, text);
        let pid = caller.ready();
        let id = id_of(&waiting(&host));
        host.run(&["kill", &format!("-{signal}"), &pid.to_string()]).success();
        eventually(what, || pending(&host).is_empty());
        approve(&host, &id).failure(8, "approval-unknown");
        eventually("it ends", || helpers(&host) == 0);
        assert_eq!(marks(&host), 0, "{what}");
    }
    // The same ways lead to an end when nobody goes.
    let asked = script(&host, CALLERS[8].2);
    asked.ready();
    approve(&host, &id_of(&waiting(&host))).success();
    answer(asked).success();
    assert_eq!(marks(&host), 1);
}

/// Has the simulations of apt-get say who waits for them, and wait themselves.
const SLOW_SIMULATION: &str = r#"#!/bin/sh
if [ "$1" = -s ]; then echo $PPID >/srv/asker.new; mv /srv/asker.new /srv/asker; read -r line </srv/gate; fi
exec /usr/bin/apt-get.real "$@"
"#;

#[test]
fn who_is_told_to_end_before_there_is_a_request_asks_for_nothing() {
    let Some(host) = boot() else { return };
    Repository::of(&host).add(&[Package::new("tool", "1")]).update();
    host.run(&["mkfifo", "/srv/gate"]).success();
    host.run(&["mv", "/usr/bin/apt-get", "/usr/bin/apt-get.real"]).success();
    host.write("/usr/bin/apt-get", SLOW_SIMULATION, 0o755, "root");
    for (signal, how) in
        [(libc::SIGTERM, ""), (libc::SIGINT, ""), (libc::SIGHUP, "--no-wait"), (libc::SIGQUIT, "")]
    {
        let ask = format!("echo ready $$; exec sudo -n sudo-helper {how} package install tool");
        let caller = script(&host, &ask);
        let pid = caller.ready();
        let asker = || said(&host, "cat /srv/asker 2>&-; :");
        eventually("apt-get is asked", || !asker().is_empty());
        host.run(&["kill", &format!("-{signal}"), &pid.to_string()]).success();
        let waits = format!("sed -n 's/^ShdPnd:\t*//p' /proc/{}/status", asker());
        let has_it = |mask: u64| mask & (1 << (signal - 1)) != 0;
        eventually("it is told", || has_it(u64::from_str_radix(&said(&host, &waits), 16).expect("a mask")));
        host.run(&["sh", "-c", "rm /srv/asker; echo >/srv/gate"]).success();
        answer(caller).failure(8, "caller-gone");
        eventually("it ends", || helpers(&host) == 0);
        assert!(["", "lock"].contains(&said(&host, &format!("ls {REQUESTS} 2>&-; :")).as_str()), "{signal}");
        assert_eq!(said(&host, "dpkg-query -W tool 2>&-; :"), "", "{signal}");
    }
}

#[test]
fn a_death_in_the_moment_of_approval_runs_it_once_or_not_at_all() {
    let Some(host) = boot() else { return };
    let mut before = 0;
    // Each round is nearer to the moment in which one turns into the other.
    let (mut delay, mut step) = (0.032, 0.016);
    for _ in 0..12 {
        let caller = script(&host, "echo ready $$; exec sudo -n sudo-helper run mark");
        let kill = format!("sleep {delay}; exec kill -9 {} 2>&-", caller.ready());
        let id = id_of(&waiting(&host));
        let killer = Running::start(host.command(&["sh", "-c", &kill]));
        let approved = approve(&host, &id);
        assert!([0, 8].contains(&approved.status), "{approved:?}");
        let _ = (killer.status(), caller.status());
        eventually("it ends", || helpers(&host) == 0);
        let now = marks(&host);
        assert!(now - before <= usize::from(approved.status == 0), "{before} to {now}: {approved:?}");
        assert_eq!(pending(&host), Vec::<Value>::new());
        approve(&host, &id).failure(8, "approval-unknown");
        delay += if approved.status == 0 { -step } else { step };
        (before, step) = (now, step / 2.0);
    }
}

#[test]
fn of_two_who_decide_at_once_one_is_first() {
    let Some(host) = boot() else { return };
    let mut expected = 0;
    for round in 0..8 {
        let asked = asking(&host, "run mark");
        let id = id_of(&waiting(&host));
        let other = if round % 2 == 0 { "approve" } else { "deny" };
        let deciders = [(ALICE, "approve"), (BOB, other)];
        let deciders = deciders.map(|(user, verb)| asking_as(&host, user, &format!("{verb} {id}")));
        let decided = deciders.map(answer);
        let done = answer(asked);
        let yes = |answer: &Answer| answer.status == 0;
        match (other, decided.each_ref().map(yes), yes(&done)) {
            ("approve", [true, false] | [false, true], true) => {}
            // The denial came first, or in time, or late.
            ("deny", [false | true, true], false) | ("deny", [true, false], true) => {}
            _ => panic!("{decided:?} {done:?}"),
        }
        for refused in decided.iter().filter(|decided| !yes(decided)) {
            assert!(
                ["approval-decided", "approval-unknown"]
                    .contains(&refused.json["code"].as_str().expect("a code"))
            );
        }
        expected += usize::from(yes(&done));
        assert_eq!(marks(&host), expected, "{decided:?} {done:?}");
    }
    assert!(expected >= 4, "two approvals are one");
}

#[test]
fn an_approval_is_for_what_was_seen() {
    let Some(host) = boot() else { return };
    let elsewhere = json!(["/usr/bin/mktemp", "-p", MARKS, "other.XXX"]);
    for (what, changed, status, code) in [
        ("the operation is gone", policy_with("/commands", json!({})), 3, "denied"),
        ("another command", policy_with("/commands/mark/argv", elsewhere), 8, "approval-changed"),
    ] {
        let asked = asking(&host, "run mark");
        let blocking = id_of(&waiting(&host));
        let left = leave(&host, "run mark");
        host.policy(&changed);
        for id in [&blocking, &left] {
            approve(&host, id).success();
        }
        answer(asked).failure(status, code);
        host.ask(&format!("wait {left}")).failure(status, code);
        host.policy(&policy());
        // What has changed is spent; what is only not allowed waits on, for the rest of its time.
        let again = host.ask(&format!("wait {left}"));
        match code {
            "denied" => assert_eq!((again.status, marks(&host)), (0, 1), "{what}: {again:?}"),
            _ => assert_eq!((again.status, marks(&host)), (8, 1), "{what}: {again:?}"),
        }
        assert_eq!(pending(&host), Vec::<Value>::new(), "{what}");
    }
}

#[test]
fn another_plan_than_the_approved_one_is_not_carried_out() {
    let Some(host) = boot() else { return };
    let repository = Repository::of(&host);
    repository.add(&[Package::new("tool", "1.0")]).update();
    let asked = asking(&host, "package install tool");
    let request = waiting(&host);
    let left = leave(&host, "package install tool");
    assert_eq!(request["plan"], json!(["install tool 1.0"]));
    repository.add(&[Package::new("tool", "2.0")]).update();
    for id in [&id_of(&request), &left] {
        approve(&host, id).success();
    }
    answer(asked).failure(8, "approval-changed");
    host.ask(&format!("wait {left}")).failure(8, "approval-changed");
    host.run(&["dpkg-query", "-W", "tool"]).failure();
    let asked = asking(&host, "package install tool");
    let request = waiting(&host);
    assert_eq!(request["plan"], json!(["install tool 2.0"]));
    approve(&host, &id_of(&request)).success();
    answer(asked).success();
    assert_eq!(said(&host, "dpkg-query -W tool"), "tool\t2.0");
}

#[test]
fn a_user_has_eight_requests_at_a_time() {
    let Some(host) = boot() else { return };
    let left: Vec<String> = (0..7).map(|_| leave(&host, "run mark")).collect();
    let asked = asking(&host, "run mark");
    eventually("the eighth waits", || pending(&host).len() == 8);
    for words in ["run mark", "run mark --no-wait"] {
        host.ask(words).failure(8, "approval-full");
    }
    host.ask_as(ALICE, "run mark --no-wait").failure(8, "pending");
    // One that is decided counts until it is fetched.
    deny(&host, &left[0]).success();
    host.ask("run mark --no-wait").failure(8, "approval-full");
    host.ask(&format!("wait {}", left[0])).failure(8, "approval-denied");
    leave(&host, "run mark");
    host.ask("run mark --no-wait").failure(8, "approval-full");
    drop(asked);
}

#[test]
fn only_root_sees_the_records() {
    let Some(host) = boot() else { return };
    let id = leave(&host, "run mark");
    let record = format!("{REQUESTS}/{id}.json");
    for folder in ["/run/sudo-helper", REQUESTS] {
        host.run(&["stat", "-c", "%a %U:%G", folder]).success().stdout("700 root:root\n");
    }
    let files = said(&host, &format!("stat -c '%a %U:%G %F' {REQUESTS}/*"));
    for file in files.lines() {
        assert!(file.starts_with("600 root:root "), "{files}");
    }
    assert_eq!(files.lines().count(), 3, "a lock, a record and a bell: {files}");
    for user in [AGENT, ALICE] {
        for script in [
            "ls /run/sudo-helper".to_owned(),
            format!("ls {REQUESTS}"),
            format!("cat {record}"),
            format!("test -e {record}"),
            format!("cp /etc/hostname {record}"),
            format!("echo >{REQUESTS}/{id}.bell"),
            format!("mv {REQUESTS} /tmp"),
            "mv /run/sudo-helper /run/other".to_owned(),
            format!("rm -rf {REQUESTS}; test ! -e {REQUESTS}/lock -a -r {REQUESTS}"),
            "exec 3</run/sudo-helper".to_owned(),
        ] {
            host.run_as(user, &["sh", "-c", &script]).failure();
        }
    }
    assert_eq!(id_of(&waiting(&host)), id);
}

#[test]
fn what_is_no_record_is_no_request_and_stops_nothing() {
    let Some(host) = boot() else { return };
    let forged = "0123456789abcdef0123456789abcdef";
    let good = leave(&host, "run mark");
    for make in [
        // Approved already, and under another name than its own.
        "sed 's/\"pending\"/{\"approved\":{\"uid\":1,\"user\":\"x\"}}/' GOOD >FORGED; mkfifo -m 600 BELL",
        "sed s/OLD/NEW/g GOOD | head -c 100 >FORGED; mkfifo -m 600 BELL",
        "sed s/OLD/NEW/g GOOD >FORGED; chmod 644 FORGED; mkfifo -m 600 BELL",
        "sed s/OLD/NEW/g GOOD >FORGED; chown daemon FORGED; mkfifo -m 600 BELL",
        "sed 's/OLD/NEW/g; s/\"detached\":true/\"detached\":false/' GOOD >FORGED; mkfifo -m 600 BELL",
        "truncate -s 1G FORGED",
        "head -c 300000 /dev/zero | tr '\\0' '[' >FORGED",
        "ln -s GOOD FORGED",
        "ln -s /dev/zero FORGED",
        "ln GOOD /run/sudo-helper/other; mv /run/sudo-helper/other FORGED; cp -p GOOD tmp; mv tmp GOOD",
        "mkfifo -m 600 FORGED",
        "mkdir FORGED",
        "mkfifo -m 600 BELL",
        "echo >BELL",
        "echo >stray; ln -s / link; printf '' >$(printf 'a\\nb\\377')",
    ] {
        let [record, bell] = [format!("{forged}.json"), format!("{forged}.bell")];
        let make = make.replace("GOOD", &format!("{good}.json")).replace("FORGED", &record);
        let make = make.replace("BELL", &bell).replace("OLD", &good).replace("NEW", forged);
        host.run(&["sh", "-ec", &format!("umask 077; cd {REQUESTS}; {make}")]).success();
        let ids: Vec<String> = pending(&host).iter().map(id_of).collect();
        assert_eq!(ids, [good.as_str()], "{make}");
        approve(&host, forged).failure(8, "approval-unknown");
        host.ask(&format!("wait {forged}")).failure(8, "approval-unknown");
        host.run(&["rm", "-rf", &format!("{REQUESTS}/{record}")]).success();
    }
    assert_eq!(marks(&host), 0);
    // The control: the forger's tools are good enough where nothing is wrong.
    let copy =
        format!("cd {REQUESTS}; sed s/{good}/{forged}/g {good}.json >{forged}.json; mkfifo {forged}.bell");
    host.run(&["sh", "-ec", &format!("umask 077; {copy}")]).success();
    assert_eq!(pending(&host).len(), 2);
    approve(&host, &good).success();
    host.ask(&format!("wait {good}")).success();
    // A folder that others may enter is used by nobody.
    host.run(&["chmod", "755", REQUESTS]).success();
    host.ask("run mark").failure(8, "approval-unusable");
    host.ask_as(ALICE, "pending").failure(8, "approval-unusable");
    assert_eq!(marks(&host), 1);
}

#[test]
fn a_watcher_is_told_of_each_change() {
    let Some(host) = boot() else { return };
    let watcher = asking_as(&host, ALICE, "pending --watch");
    let told = || {
        let line = watcher.line().expect("a line");
        let json: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(json["success"], true);
        let requests = json["pending"].as_array().expect("a list").iter();
        requests.map(|one| (id_of(one), one["state"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(), []);
    let left = leave(&host, "run mark");
    assert_eq!(told(), [(left.clone(), json!("pending"))]);
    let caller = script(&host, "echo ready $$; exec sudo -n sudo-helper run mark");
    let pid = caller.ready();
    let two = told();
    assert_eq!((two.len(), &two[0].0), (2, &left));
    host.run(&["kill", "-9", &pid.to_string()]).success();
    assert_eq!(told(), [(left.clone(), json!("pending"))]);
    approve(&host, &left).success();
    assert_eq!(told(), [(left.clone(), json!("approved"))]);
    host.ask(&format!("wait {left}")).success();
    assert_eq!(told(), []);
    let parent = said(&host, "pgrep -fx 'sudo -n sudo-helper pending --watch'");
    host.run(&["kill", "-TERM", &parent]).success();
    assert_eq!((watcher.line(), watcher.status()), (None, 0));
    for (what, signal, text) in [
        ("sudo is killed", 9, "echo ready $$; exec sudo -n sudo-helper pending --watch"),
        ("the shell is killed", 9, "echo ready $$; sudo -n sudo-helper pending --watch; :"),
        ("nobody reads", 9, "sudo -n sudo-helper pending --watch | sh -c 'echo ready $$; exec sleep inf'"),
        (
            "the terminal goes",
            9,
            "echo ready $$; exec script -qec 'sudo -n sudo-helper pending --watch' /dev/null",
        ),
    ] {
        let watcher = script_as(&host, ALICE, text);
        let pid = watcher.ready();
        eventually("it watches", || helpers(&host) > 0);
        host.run(&["kill", &format!("-{signal}"), &pid.to_string()]).success();
        eventually(what, || helpers(&host) == 0);
    }
}

#[test]
fn an_identity_is_what_sudo_says() {
    let Some(host) = boot() else { return };
    let [agent, alice] = [AGENT, ALICE].map(|user| said(&host, &format!("id -u {user}")));
    let forging = |user: &str, uid: &str, words: &str| {
        let forge =
            "echo $1 >/proc/self/loginuid; export SUDO_UID=$1 SUDO_USER=$2 SUDO_GID=$1 LOGNAME=$2 USER=$2";
        let text = format!("{{ {forge}; }} 2>&-; exec sudo -n sudo-helper {words}");
        Answer::of(
            host.command_as(user, &["sh", "-c", &text, "sh", uid, if uid == agent { AGENT } else { ALICE }]),
        )
    };
    let agents = leave(&host, "run mark");
    let alices = id_of(&forging(ALICE, &agent, "run mark --no-wait").failure(8, "pending"));
    let owners: Vec<Value> = pending(&host).iter().map(|one| json!([one["uid"], one["user"]])).collect();
    let uid = |text: &str| text.parse::<u32>().expect("a uid");
    assert_eq!(owners, [json!([uid(&agent), AGENT]), json!([uid(&alice), ALICE])]);
    for words in [format!("approve {agents}"), format!("deny {agents}"), "pending".into()] {
        forging(AGENT, &alice, &words).failure(3, "denied");
    }
    forging(ALICE, &agent, &format!("approve {alices}")).failure(8, "approval-own");
    forging(AGENT, &alice, &format!("wait {alices}")).failure(8, "approval-unknown");
    forging(ALICE, &agent, &format!("wait {agents}")).failure(8, "approval-unknown");
    // The forged claim is in the record, beside the uid that counts.
    let unset = said(&host, "cat /proc/self/loginuid 2>&1") == u32::MAX.to_string();
    let claimed = if unset { alice.as_str() } else { "unset" };
    let denied = |entry: &&Value| entry["SUDO_HELPER_OPERATION"] == format!("approve {agents}");
    let journal = host.journal();
    let denied = journal.iter().find(denied).expect("a record");
    assert_eq!(
        (&denied["SUDO_HELPER_UID"], &denied["SUDO_HELPER_LOGIN_UID"]),
        (&json!(agent), &json!(claimed))
    );
    assert_eq!(marks(&host), 0);
}

#[test]
fn the_journal_leads_from_the_question_to_the_result() {
    let Some(host) = boot() else { return };
    let trail = |id: &str| {
        let journal = host.journal();
        let of_it = journal.iter().filter(|entry| entry["SUDO_HELPER_REQUEST_ID"] == id);
        let text =
            |entry: &Value, key: &str| entry[format!("SUDO_HELPER_{key}")].as_str().unwrap_or("-").to_owned();
        let words =
            |entry: &Value| ["USER", "EVENT", "DECISION", "CODE"].map(|key| text(entry, key)).join(" ");
        let mut trail: Vec<String> = of_it.map(words).collect();
        // Approver and requester write at the same time.
        trail.sort_unstable();
        trail
    };
    let asked = asking(&host, "run mark");
    let id = id_of(&waiting(&host));
    let by = approve(&host, &id).success()["request_id"].as_str().expect("an id").to_owned();
    assert_eq!(answer(asked).success()["request_id"], id, "one name for both");
    let asked_and_done = [
        "ai-agent request allowed -",
        "ai-agent request pending -",
        "ai-agent result allowed -",
        "alice approval allowed -",
    ];
    assert_eq!(trail(&id), asked_and_done);
    assert_eq!(trail(&by), ["alice request - -", "alice result - -"]);

    let left = host.ask("run mark --no-wait").failure(8, "pending");
    let id = id_of(&left);
    assert_eq!(left["request_id"], id);
    host.ask_as(BOB, &format!("deny {id}")).success();
    let denied = host.ask(&format!("wait {id}")).failure(8, "approval-denied");
    assert_eq!(denied["request_id"], id, "one name for all of it");
    let asked_left_and_denied = [
        "ai-agent request denied -",
        "ai-agent request pending -",
        "ai-agent result denied approval-denied",
        "ai-agent result pending pending",
        "bob approval denied -",
    ];
    assert_eq!(trail(&id), asked_left_and_denied);
    let journal = host.journal();
    let waited = |entry: &&Value| entry["SUDO_HELPER_OPERATION"] == format!("wait {id}: run mark");
    assert_eq!(journal.iter().filter(waited).count(), 2);

    let id = leave(&host, "run mark");
    approve(&host, &id).success();
    assert_eq!(host.ask(&format!("wait {id}")).success()["request_id"], id);
    let asked_left_and_done = [
        "ai-agent request allowed -",
        "ai-agent request pending -",
        "ai-agent result allowed -",
        "ai-agent result pending pending",
        "alice approval allowed -",
    ];
    assert_eq!(trail(&id), asked_left_and_done);

    // What was left is recorded also when this program does not understand it any more.
    let id = leave(&host, "run mark");
    let change = format!("sed -i 's/\"run\",\"mark\"/\"jump\",\"mark\"/' {REQUESTS}/{id}.json");
    host.run(&["sh", "-ec", &change]).success();
    assert_eq!(host.ask(&format!("wait {id}")).failure(1, "unusable")["request_id"], id);
    let left_and_unusable = [
        "ai-agent request denied -",
        "ai-agent request pending -",
        "ai-agent result denied unusable",
        "ai-agent result pending pending",
    ];
    assert_eq!(trail(&id), left_and_unusable);
}

#[test]
fn what_was_left_without_waiting_for_its_unit_is_done_so() {
    let Some(host) = boot() else { return };
    // Without --no-block a start takes as long as this one needs to be let go.
    host.write("/usr/local/sbin/gated", "#!/bin/sh\nread word </run/gate\n", 0o755, "root");
    host.run(&["mkfifo", "/run/gate"]).success();
    host.unit("sleeper.service", "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/gated\n");
    let id = leave(&host, "service start sleeper --no-block");
    let request = waiting(&host);
    assert!(request["argv"].as_array().expect("words").contains(&json!("--no-block")), "{request}");
    approve(&host, &id).success();
    host.ask(&format!("wait {id}")).success();
    assert_eq!(said(&host, "systemctl is-active sleeper; :"), "activating");
    host.run(&["sh", "-c", "echo go >/run/gate"]).success();
}
