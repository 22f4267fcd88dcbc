//! sudo-helper's policy as an agent meets it: commands with slots, broken files, the default.

use bed::Running;
use bed::helped::{AGENT, Answer, Helped, POLICY};
use predicates::str::contains;
use serde_json::{Value, json};

fn error_of(answer: &Value) -> &str {
    answer["error"].as_str().expect("a sentence")
}

/// `run` with values as they are.
fn run(host: &Helped, words: &[&str]) -> Answer {
    Answer::of(host.command_of(AGENT, &[&["run"], words].concat()))
}

/// A program of root's that leaves a trace and says with which words it was run.
const TRACE: &str = "#!/bin/sh\ntouch /run/ran\necho \"$0 $*\"\n";

fn nothing_ran(host: &Helped) {
    host.run(&["test", "-e", "/run/ran"]).failure();
}

#[test]
fn a_value_is_what_its_slot_says() {
    let Some(host) = Helped::boot() else { return };
    let slot = |slot: Value| json!({"argv": ["/usr/local/bin/trace", "{v}"], "params": {"v": slot}});
    host.write("/usr/local/bin/trace", TRACE, 0o755, "root");
    host.policy(&json!({"commands": {
        "word": slot(json!({"regex": "ab|[a-z]{3}"})),
        "any": slot(json!({"regex": "[^q]*"})),
        "choice": slot(json!({"enum": ["one", "two words"]})),
        "free": slot(json!({"regex": "[ -~\\n]*", "allow": ["leading-dash", "slash", "dot-dot", "control"]})),
        "none": {"argv": ["/usr/local/bin/trace"]},
    }}));
    let policy = host.ask("check-policy");
    assert_eq!(policy.status, 0, "{policy:?}");
    for (name, value) in [
        ("word", "ab c"),
        ("word", "xyab"),
        ("word", "abcd"),
        ("word", "abc\n"),
        ("word", "\nab"),
        ("word", "ABC"),
        ("word", ""),
        ("any", "-n"),
        ("any", "a/b"),
        ("any", "a..b"),
        ("any", "a\nb"),
        ("any", "a\u{1b}b"),
        ("any", "\u{7f}"),
        ("any", "é"),
        ("any", "sudoers..x"),
        ("choice", "three"),
        ("choice", "two"),
        ("choice", "one,two words"),
        ("choice", ""),
        ("free", "é"),
        ("free", "/etc/sudoers"),
        ("free", "/etc/sudo-helper/policy.json"),
        ("free", "/etc//sudoers"),
        ("free", "/etc/./sudo-helper/policy.json"),
        ("free", "--in=/etc/ssh/../sudoers"),
    ] {
        let answer = run(&host, &[name, &format!("v={value}")]).failure(3, "bad-value");
        assert!(
            error_of(&answer).starts_with("v=") && !error_of(&answer).contains(char::is_control),
            "{answer}"
        );
    }
    for words in [&["word"][..], &["word", "w=abc"], &["word", "v=abc", "w=abc"], &["none", "v=abc"]] {
        run(&host, words).failure(3, "bad-value");
    }
    run(&host, &["nosuch", "v=abc"]).failure(3, "denied");
    nothing_ran(&host);
    for (name, value) in [
        ("word", "ab"),
        ("word", "abc"),
        ("any", ""),
        ("any", "a b;$(id)`id`'\"*&|>"),
        ("choice", "two words"),
        ("free", "--x=/../y\nz"),
    ] {
        let answer = run(&host, &[name, &format!("v={value}")]).success();
        assert_eq!(answer["stdout"], format!("/usr/local/bin/trace {value}\n"));
        assert_eq!(answer["argv"], json!(["/usr/local/bin/trace", value]));
        assert_eq!(answer["op"], format!("run {name} v={value:?}"));
    }
}

#[test]
fn a_file_is_opened_beneath_its_folder_and_handed_over() {
    let Some(host) = Helped::boot() else { return };
    let file = |argv: &[&str], beneath: &str| json!({"argv": argv, "params": {"f": {"type": "file", "beneath": beneath}}});
    let tail = ["/usr/bin/tail", "-n", "1", "{f}"];
    host.policy(&json!({"commands": {
        "tail": file(&tail, "/srv/logs"),
        "name": file(&["/usr/bin/readlink", "{f}"], "/srv/logs"),
        "descriptors": file(&["/usr/bin/find", "{f}"], "/srv/logs"),
        "others": file(&tail, "/srv/others"),
        "shared": file(&tail, "/srv/shared"),
        "linked": file(&tail, "/srv/linked"),
        "deep": file(&tail, "/srv/open/deep"),
    }}));
    // find(1) runs programs: such a command refuses the file.
    host.ask("list").failure(4, "bad-policy");
    host.policy(&json!({"commands": {
        "tail": file(&tail, "/srv/logs"),
        "name": file(&["/usr/bin/readlink", "{f}"], "/srv/logs"),
        "both": {"argv": ["/usr/bin/ls", "-l", "/proc/self/fd", "{f}"], "params": {"f": {"type": "file", "beneath": "/srv/logs"}}},
        "others": file(&tail, "/srv/others"),
        "shared": file(&tail, "/srv/shared"),
        "linked": file(&tail, "/srv/linked"),
        "deep": file(&tail, "/srv/open/deep"),
    }}));
    let made = "cd /srv; mkdir -p logs/sub others shared open/deep real; ln -s real linked; cd logs
        printf 'first\\nlast\\n' >access.log; printf 'deep\\n' >sub/deep.log
        for folder in others shared real open/deep; do echo secret >../$folder/x; done
        ln -s /etc/shadow link; ln -s access.log own-link; ln -s /etc etc; ln -s sub sub-link; ln /etc/shadow hard
        mkfifo fifo; mknod device c 1 5; printf x >' odd'
        chown ai-agent ../others; chmod 0775 ../shared; chmod 0777 ../open; chown -h ai-agent ../linked
        mkdir other; mount -t tmpfs tmpfs other; touch other/x";
    host.run(&["sh", "-ec", made]).success();
    for (value, last) in [("access.log", "last\n"), ("sub/deep.log", "deep\n")] {
        let answer = run(&host, &["tail", &format!("f={value}")]).success();
        assert_eq!((&answer["stdout"], &answer["stderr"]), (&json!(last), &json!("")));
        assert_eq!(answer["argv"], json!(["/usr/bin/tail", "-n", "1", format!("/srv/logs/{value}")]));
    }
    // The program was given a descriptor, not a name that may stand for something else by then; and no other.
    assert_eq!(run(&host, &["name", "f=access.log"]).success()["stdout"], "/srv/logs/access.log\n");
    let listed = run(&host, &["both", "f=access.log"]).success();
    let descriptors = listed["stdout"].as_str().expect("a text").matches(" -> ").count();
    assert_eq!(
        descriptors, 6,
        "0, 1, 2, the file, the folder, and the file once more as an operand: {listed}"
    );

    for value in [
        "../secret",
        "sub/../access.log",
        "/etc/shadow",
        "",
        ".",
        "sub//deep.log",
        "./access.log",
        "-n",
        "a\nb",
        "é",
    ] {
        run(&host, &["tail", &format!("f={value}")]).failure(3, "bad-value");
    }
    for (value, why) in [
        ("link", "a symbolic link is on the way"),
        ("own-link", "a symbolic link is on the way"),
        ("etc/shadow", "a symbolic link is on the way"),
        ("sub-link/deep.log", "a symbolic link is on the way"),
        ("hard", "it has a second name"),
        ("fifo", "it is no regular file"),
        ("device", "it is no regular file"),
        ("sub", "it is no regular file"),
        ("nosuch", "there is no such file"),
        ("access.log/x", "there is no such file"),
        ("other/x", "it is not within the folder, or on another file system"),
    ] {
        let answer = run(&host, &["tail", &format!("f={value}")]).failure(1, "file");
        let said = format!("f={value} beneath /srv/logs: {why}");
        assert!(error_of(&answer).contains(&said) && answer["returncode"].is_null(), "{said}: {answer}");
    }
    for (name, fault) in [
        ("others", "/srv/others"),
        ("shared", "/srv/shared"),
        ("linked", "/srv/linked"),
        ("deep", "/srv/open"),
    ] {
        let answer = run(&host, &[name, "f=x"]).failure(4, "untrusted-path");
        assert!(error_of(&answer).contains(fault), "{answer}");
    }
}

/// For sh, in a folder of the agent's: one name, which stands for another file at any time.
const SWAPS: &str = "cd /srv/logs/sub; echo ready $$
    while :; do
      echo fine >new; mv -T new swapped; ln -s /srv/secret new; mv -T new swapped
      mkfifo new; mv -T new swapped; ln /srv/logs/sub/other new; mv -T new swapped
    done";

#[test]
fn a_name_that_is_swapped_meanwhile_shows_no_other_file() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"commands": {"show": {
        "argv": ["/usr/bin/cat", "{f}"], "params": {"f": {"type": "file", "beneath": "/srv/logs"}}}}}));
    let made = "mkdir -p /srv/logs/sub; echo linked >/srv/logs/sub/other; chown -R ai-agent /srv/logs/sub
        echo secret >/srv/secret; chmod 600 /srv/secret";
    host.run(&["sh", "-ec", made]).success();
    let swapping = Running::start(host.command_as(AGENT, &["sh", "-c", SWAPS]));
    swapping.ready();
    let mut shown = 0;
    for _ in 0..60 {
        let answer = host.ask("run show f=sub/swapped");
        if answer.status == 0 {
            assert_eq!(answer.json["stdout"], "fine\n");
            shown += 1;
        } else {
            answer.failure(1, "file");
        }
    }
    assert!(shown < 60, "it was never swapped");
    swapping.signal(15);
}

#[test]
fn a_program_that_others_could_change_is_not_run() {
    let Some(host) = Helped::boot() else { return };
    let made = "cd /srv; mkdir -p own open/deep sticky fine; chown ai-agent own; chmod 0777 open; chmod 1777 sticky
        for folder in own open/deep sticky fine; do install -m 755 /root/trace $folder/trace; done
        install -m 0775 /root/trace fine/group; install -m 0757 /root/trace fine/world
        install -m 0755 -o ai-agent /root/trace fine/theirs; install -m 0644 /root/trace fine/plain
        ln -s fine/trace link; ln -s own/trace out; ln -s /srv/fine/trace sticky/theirs; chown -h ai-agent sticky/theirs";
    host.write("/root/trace", TRACE, 0o700, "root");
    host.run(&["sh", "-ec", made]).success();
    let command = |path: &str| json!({"argv": [path]});
    host.policy(&json!({"commands": {
        "own": command("/srv/own/trace"), "deep": command("/srv/open/deep/trace"), "sticky": command("/srv/sticky/trace"),
        "group": command("/srv/fine/group"), "world": command("/srv/fine/world"), "theirs": command("/srv/fine/theirs"),
        "out": command("/srv/out"), "their-link": command("/srv/sticky/theirs"), "missing": command("/srv/fine/missing"),
        "folder": command("/srv/fine"), "plain": command("/srv/fine/plain"),
        "link": command("/srv/link"), "fine": command("/srv/fine/trace"),
    }}));
    for (name, fault) in [
        ("own", "/srv/own"),
        ("deep", "/srv/open"),
        ("sticky", "/srv/sticky"),
        ("group", "/srv/fine/group"),
        ("world", "/srv/fine/world"),
        ("theirs", "/srv/fine/theirs"),
        ("out", "/srv/own"),
        ("their-link", "/srv/sticky"),
        ("missing", "/srv/fine/missing"),
    ] {
        for words in ["run", "--dry-run run", "explain run"] {
            let answer = host.ask(&format!("{words} {name}")).failure(4, "untrusted-path");
            assert!(error_of(&answer).contains(fault), "{name}: {answer}");
        }
    }
    for name in ["folder", "plain"] {
        assert_eq!(host.ask(&format!("run {name}")).json["success"], false);
    }
    nothing_ran(&host);
    // As the policy writes it: programs go by their names.
    assert_eq!(host.ask("run link").success()["stdout"], "/srv/link \n");
    assert_eq!(host.ask("run fine").success()["stdout"], "/srv/fine/trace \n");
}

#[test]
fn how_a_command_ended_is_told() {
    let Some(host) = Helped::boot() else { return };
    let script = |name: &str, text: &str| {
        host.write(&format!("/usr/local/bin/{name}"), format!("#!/bin/sh\n{text}\n"), 0o755, "root");
        (name.to_owned(), json!({"argv": [format!("/usr/local/bin/{name}")]}))
    };
    let commands: Value = [
        script("fails", "echo out; echo 'E: Unable to locate package é' >&2; exit 5"),
        script("falls", "kill -SEGV $$"),
        script("raw", "printf 'a\\377b\\033[2Jé'; printf '\\300' >&2"),
        script("leaves", "sleep 600 & echo gone"),
    ]
    .into_iter()
    .collect::<serde_json::Map<_, _>>()
    .into();
    host.policy(&json!({"commands": commands}));
    let failed = host.ask("run fails").failure(1, "failed");
    assert_eq!((&failed["stdout"], &failed["returncode"]), (&json!("out\n"), &json!(5)));
    assert_eq!(failed["stderr"], "E: Unable to locate package é\n", "as the child wrote it");
    assert_eq!(error_of(&failed), "/usr/local/bin/fails ended with status 5");
    assert!(failed["lossy"].is_null(), "{failed}");
    let fell = host.ask("run falls").failure(1, "failed");
    assert_eq!(
        (&fell["returncode"], error_of(&fell)),
        (&json!(-11), "/usr/local/bin/falls was ended by SIGSEGV")
    );
    let raw = host.ask("run raw").success();
    assert_eq!((&raw["stdout"], &raw["stderr"]), (&json!("a\u{fffd}b\u{1b}[2Jé"), &json!("\u{fffd}")));
    assert_eq!(raw["lossy"], true);
    let compat = host.ask("--compat-exit run fails");
    assert_eq!((compat.status, &compat.json["success"]), (0, &json!(false)));
    host.ask("--compat-exit run nosuch").failure(3, "denied");
    // What it has left running holds its output open, and is not waited for.
    assert_eq!(host.ask("run leaves").success()["stdout"], "gone\n");
}

#[test]
fn a_broken_policy_denies_everything_and_says_where() {
    let Some(host) = Helped::boot() else { return };
    for (text, place) in [
        ("", "line 1, column 0"),
        ("{\n  \"services\": {\n    \"ssh\": [\"status\" \"stop\"]\n  }\n}", "line 3, column 22"),
        ("{\"services\": {\"ssh\": [\"status\", \"sing\"]}}", "at services.ssh[1]: "),
        ("{\"services\": {\"ssh\": [\"status\"]},\n \"servces\": {}}", "line 2, column 10"),
        ("{\"services\": {\"ssh\": [\"status\"]}, \"services\": {}}", "services"),
        ("{\"services\": {\"ssh\": [\"status\"], \"../x\": []}}", "services"),
        ("{\"services\": {\"ssh\": [\"status\"]}, \"packages\": {\"sudo\": [\"remove\"]}}", "packages.sudo"),
        ("{\"services\": {\"ssh\": [\"status\"]}, \"limits\": {\"timeout_s\": 0}}", "limits.timeout_s"),
        (
            "{\"services\": {\"ssh\": [\"status\"]}, \"commands\": {\"x\": {\"argv\": [\"/bin/sh\"]}}}",
            "commands.x",
        ),
        (
            "{\"services\": {\"ssh\": [\"status\"]}, \"commands\": {\"x\": {\"argv\": [\"tail\"]}}}",
            "commands.x",
        ),
        (
            "{\"services\": {\"ssh\": [\"status\"]}, \"commands\": {\"x\": {\"argv\": [\"/usr/bin/tail\", \"-n{a}\"]}}}",
            "commands.x",
        ),
        (
            "{\"services\": {\"ssh\": [\"status\"]}, \"commands\": {\"x\": {\"argv\": [\"/usr/bin/tail\", \"{a}\"], \"params\": {\"a\": {\"regex\": \"(\"}}}}}",
            "commands.x.params.a",
        ),
        ("{\"services\": {\"ssh\": [\"status\"]}} // end", "no comments"),
        ("{\"services\": {\"ssh\": [\"status\"]}} {}", "line 1"),
        ("\u{feff}{\"services\": {\"ssh\": [\"status\"]}}", "byte order mark"),
    ] {
        host.write(POLICY, text, 0o644, "root");
        for words in ["service status ssh", "list", "check-policy"] {
            let answer = host.ask(words).failure(4, "bad-policy");
            assert!(error_of(&answer).starts_with("/etc/sudo-helper/policy.json: "), "{answer}");
            assert!(error_of(&answer).contains(place), "{text}: {answer}");
        }
    }
    let linked = format!("mv {POLICY} /root/policy.json; ln -s /root/policy.json {POLICY}");
    host.run(&["sh", "-ec", &linked]).success();
    let answer = host.ask("list").failure(4, "bad-policy");
    assert!(error_of(&answer).starts_with("/etc/sudo-helper/policy.json is a symbolic link"), "{answer}");
    assert!(error_of(&answer).contains("is itself a regular file of root's"), "{answer}");
}

#[test]
fn a_policy_that_may_not_be_meant_is_warned_of() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({
        "services": {"ssh": ["status"]},
        "commands": {
            "copy": {"argv": ["/usr/bin/cp", "/srv/a", "{to}"], "params": {"to": {"regex": "[a-z/]+", "allow": ["slash"]}}},
            "opts": {"argv": ["/usr/bin/uptime", "{o}"], "params": {"o": {"regex": "-?[a-z]", "allow": ["leading-dash"]}}},
            "halts": {"argv": ["/usr/sbin/poweroff"], "approval": true},
        },
        "approval": {"operations": ["service stop ssh"]},
    }));
    let checked = host.ask("check-policy").success();
    let warnings = checked["warnings"].as_array().expect("a list");
    for says in [
        "nobody can approve 'run halts'",
        "'service stop ssh' is not allowed",
        "commands.copy: ",
        "commands.opts.params.o: ",
    ] {
        assert_eq!(
            warnings
                .iter()
                .filter(|warning| warning.as_str().is_some_and(|text| text.contains(says)))
                .count(),
            1,
            "{says}: {checked}"
        );
    }
    host.policy(&json!({"services": {"ssh": ["status"]}}));
    assert_eq!(host.ask("check-policy").success()["warnings"], json!([]));
    let explained = host.ask("explain service status ssh").success();
    assert_eq!(
        (&explained["rules"], &explained["approval"], &explained["timeout_s"]),
        (&json!(["services.\"ssh\""]), &json!(false), &json!(1800))
    );
    assert_eq!(explained["argv"][0], "/usr/bin/systemctl");
    host.ask("explain service stop ssh").failure(3, "denied");
    host.ask("explain package install sudo").failure(3, "denied-builtin");
}

#[test]
fn the_default_policy_is_the_originals_list_less_what_it_gave_away() {
    let Some(host) = Helped::boot() else { return };
    host.run(&[
        "sh",
        "-ec",
        "mkdir -p /etc/sudo-helper; sudo-helper default-policy >/etc/sudo-helper/policy.json",
    ])
    .success();
    assert_eq!(host.ask("check-policy").success()["warnings"], json!([]));
    let listed = host.ask("list").success();
    let listed: Vec<&str> = listed["operations"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|listed| listed["operation"].as_str())
        .collect();
    let mut original = Vec::new();
    for service in ["nginx", "caddy", "docker", "ssh", "fail2ban", "snapd.socket", "snapd"] {
        original.extend(
            ["start", "stop", "restart", "status", "enable", "disable"]
                .map(|verb| format!("service {verb} {service}")),
        );
    }
    for package in [
        "curl",
        "git",
        "htop",
        "rsync",
        "ufw",
        "trash-cli",
        "snapd",
        "nginx",
        "caddy",
        "docker.io",
        "fail2ban",
    ] {
        original.extend(["install", "remove"].map(|verb| format!("package {verb} {package}")));
    }
    original
        .extend(["update", "upgrade", "autoremove", "autoclean"].map(|action| format!("package {action}")));
    let left_out = [
        "service stop ssh",
        "service disable ssh",
        "service stop fail2ban",
        "service disable fail2ban",
        "package remove ufw",
        "package remove fail2ban",
        "package upgrade",
        "package autoremove",
    ];
    let added =
        ["nginx", "caddy", "docker", "ssh", "fail2ban"].map(|service| format!("service reload {service}"));
    let mut expected: Vec<&str> = original
        .iter()
        .chain(&added)
        .map(String::as_str)
        .filter(|operation| !left_out.contains(operation))
        .collect();
    let mut found = listed.clone();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    for denied in left_out.iter().chain(&["package repair", "package install bash", "service status cron"]) {
        host.ask(denied).failure(3, "denied");
    }
    host.run(&["systemctl", "is-active", "ssh"]).success().stdout(contains("active"));
    host.ask("service restart ssh").success();
}

/// Every operation over these names, with the values that the commands below take.
fn universe(policy: &Value) -> Vec<String> {
    let names = |key: &str, more: &str| {
        let listed = policy[key].as_object().into_iter().flat_map(|object| object.keys().cloned());
        listed.chain([more.to_owned()]).collect::<Vec<_>>()
    };
    let verbs = ["status", "start", "stop", "restart", "reload", "enable", "disable"];
    let services = names("services", "cron");
    let services = services.iter().flat_map(|name| verbs.map(|verb| format!("service {verb} {name}")));
    let packages = names("packages", "bash");
    let packages =
        packages.iter().flat_map(|name| ["install", "remove"].map(|verb| format!("package {verb} {name}")));
    let actions = ["update", "upgrade", "autoremove", "autoclean", "repair"];
    let actions = actions.iter().map(|action| format!("package {action}"));
    let commands = names("commands", "nosuch");
    let commands = commands.iter().map(|name| format!("run {name}"));
    services.chain(packages).chain(actions).chain(commands).collect()
}

#[test]
fn what_is_listed_is_allowed_and_nothing_else() {
    let Some(host) = Helped::boot() else { return };
    let default = serde_json::from_str(sudo_helper::policy::default_text()).expect("JSON");
    let everything = json!({
        "services": {"ssh": ["status", "start", "stop", "restart", "reload", "enable", "disable"], "dbus.socket": []},
        "packages": {"curl": ["install", "remove"], "openssh-server": ["install"], "git": ["remove"], "htop": []},
        "package_actions": ["update", "upgrade", "autoremove", "autoclean", "repair"],
        "commands": {
            "plain": {"argv": ["/usr/bin/true"], "approval": true, "timeout_s": 7},
            "slots": {"argv": ["/usr/bin/printf", "{r}", "{e}", "{f}"], "params": {
                "r": {"regex": "[0-9]+"}, "e": {"enum": ["a", "b"]}, "f": {"type": "file", "beneath": "/var/log"}}},
        },
        "approval": {"approvers": ["alice"], "operations": ["service stop ssh", "package upgrade"]},
    });
    let values = " e=b f=dpkg.log r=12";
    for policy in [default, everything] {
        host.policy(&policy);
        let answer = host.ask("list").success();
        let listed = answer["operations"].as_array().expect("a list");
        let name = |listed: &Value| listed["operation"].as_str().expect("a text").to_owned();
        let table = host.on_terminal(AGENT, &["sudo", "-n", "sudo-helper", "list"]).rest();
        assert_eq!(table.len(), listed.len() + 1, "a line each: {table:#?}");
        for (line, listed) in table[1..].iter().zip(listed) {
            assert!(line.starts_with(&format!("{} ", name(listed))) || *line == name(listed), "{line}");
            assert_eq!(line.contains(" approval"), listed["approval"] == true, "{line}");
        }
        let asked = |operation: &str| operation.replace(" e={e} f={f} r={r}", values);
        for listed in listed {
            let explained = host.ask(&format!("explain {}", asked(&name(listed)))).success();
            for key in ["approval", "timeout_s", "risks"] {
                assert_eq!(explained[key], listed[key], "{key}: {listed}");
            }
            assert_eq!(explained["rules"], json!([listed["rule"]]), "{listed}");
        }
        let listed: Vec<String> = listed.iter().map(|listed| asked(&name(listed))).collect();
        for operation in universe(&policy) {
            let operation = operation.replace("run slots", &format!("run slots{values}"));
            let answer = host.ask(&format!("explain {operation}"));
            assert_eq!(answer.status == 0, listed.contains(&operation), "{operation}: {answer:?}");
            assert!(answer.status == 0 || answer.status == 3, "{operation}: {answer:?}");
        }
    }
}
