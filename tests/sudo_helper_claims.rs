//! What sudo-helper promises and no other file of these tests asks for: other sudos and other rules of
//! sudo, the keys of every answer, and what becomes of a host that lacks systemd or journald.

use std::fs;
use std::process::{Command, Stdio};

use bed::helped::{AGENT, ALICE, Answer, Helped, POLICY};
use bed::{Package, Repository, Running, capture, eventually, sudo_rs};
use serde_json::{Value, json};

/// All of what an operation can be asked about: allowed, under approval, denied.
fn policy() -> Value {
    json!({
        "services": {"ssh": ["status", "restart"]},
        "packages": {"hello": ["install", "remove"]},
        "package_actions": ["update"],
        "commands": {
            "look": {"argv": ["/usr/local/sbin/look"]},
            "asks": {"argv": ["/usr/bin/echo", "asked"], "approval": true},
        },
        "approval": {"approvers": [ALICE]},
    })
}

/// What a caller can choose of what a program finds. (sudo-rs itself forbids dumps of cores for good.)
const LOOK: &str = r"#!/bin/sh
nice; pwd; grep -v ' core ' /proc/self/limits; cat /proc/self/oom_score_adj; ls /proc/self/fd; readlink /proc/self/fd/0
grep -E '^(Uid|Gid|Groups|Umask|Sig(Blk|Ign)|NoNewPrivs):' /proc/self/status
tr '\0' '\n' </proc/self/environ
";

fn boot() -> Option<Helped> {
    let host = Helped::boot()?;
    host.write("/usr/local/sbin/look", LOOK, 0o755, "root");
    Repository::of(&host).add(&[Package::new("hello", "1.0")]).update();
    host.policy(&policy());
    Some(host)
}

fn said(host: &Helped, words: &[&str]) -> String {
    String::from_utf8_lossy(&host.run(words).success().get_output().stdout).into_owned()
}

/// A request of the agent's that waits for an answer.
fn asking(host: &Helped, words: &[&str]) -> Running {
    let mut command = host.command_as(AGENT, words);
    command.stderr(Stdio::null());
    Running::start(command)
}

/// The id of the one request that waits, once it does.
fn waiting(host: &Helped) -> String {
    let pending = || host.ask_as(ALICE, "pending").success()["pending"].clone();
    eventually("a request waits", || pending()[0]["id"].is_string());
    pending()[0]["id"].as_str().expect("an id").to_owned()
}

fn answer(asking: &Running) -> Value {
    let line = asking.line().expect("an answer");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

mod sudo_rs {
    use super::*;

    /// A host whose sudo is sudo-rs.
    fn boot() -> Option<Helped> {
        let host = super::boot()?;
        host.write("/usr/bin/sudo", fs::read(sudo_rs("sudo")).expect("it was built"), 0o4755, "root");
        assert!(said(&host, &["sudo", "--version"]).starts_with("sudo-rs "));
        Some(host)
    }

    #[test]
    fn it_is_a_sudo_like_any_other() {
        let Some(host) = super::boot() else { return };
        let plain = host.ask("run look").success();
        drop(host);
        let Some(host) = boot() else { return };
        assert_eq!(host.ask("run look").success()["stdout"], plain["stdout"]);
        assert!(host.ask("list").success()["operations"].is_array());
        host.ask("service stop ssh").failure(3, "denied");
        assert_eq!(host.ask("service restart ssh").success()["active"], true);
        host.ask("service frob ssh").failure(2, "usage");
        let installed = host.ask("package install hello").success();
        assert_eq!(installed["plan"], json!(["install hello 1.0"]));
        host.run(&["dpkg-query", "-W", "hello"]).success().stdout("hello\t1.0\n");
        let uid = said(&host, &["id", "-u", AGENT]);
        let journal = host.journal();
        let ours = |entry: &&Value| entry["SUDO_HELPER_REQUEST_ID"] == installed["request_id"];
        let records: Vec<&Value> = journal.iter().filter(ours).collect();
        assert_eq!(records.len(), 2, "{records:#?}");
        for record in records {
            assert_eq!(
                (&record["SUDO_HELPER_USER"], &record["SUDO_HELPER_UID"]),
                (&json!(AGENT), &json!(uid.trim_end()))
            );
            let parents = record["SUDO_HELPER_PARENTS"].as_str().expect("parents");
            assert!(parents.contains(":\"/usr/bin/sudo\""), "{parents}");
        }
        // What else it could be told does not reach the helper, or changes nothing.
        for option in ["-u nobody", "-u ai-agent", "-g root", "-i", "-s", "-E", "-D /tmp"] {
            let words = format!("sudo -n {option} /usr/bin/sudo-helper run look");
            let command = host.command_as(AGENT, &words.split(' ').collect::<Vec<_>>());
            if let Some(answer) = Answer::if_any(command) {
                assert!(
                    answer.status != 0 || answer.json["stdout"] == plain["stdout"],
                    "{option}: {answer:?}"
                );
            }
        }
        host.run_as(AGENT, &["sudo", "-n", "id"]).failure().stdout("");
        // The proof of an installer, whatever sudo remembers of a password.
        let probe = host
            .command_as(AGENT, &["sudo", "-k", "-n", "--", "/usr/bin/sudo-helper", "probe", "0123456789"]);
        assert_eq!(Answer::of(probe).success()["path"], "/usr/bin/sudo-helper");
    }

    #[test]
    fn an_operation_waits_for_approval_under_it() {
        let Some(host) = boot() else { return };
        let asked = asking(&host, &["sudo", "-n", "sudo-helper", "run", "asks"]);
        let id = waiting(&host);
        host.ask(&format!("approve {id}")).failure(3, "denied");
        host.ask_as(ALICE, &format!("approve {id}")).success();
        let done = answer(&asked);
        assert_eq!((&done["success"], &done["stdout"], asked.status()), (&json!(true), &json!("asked\n"), 0));
        // Each way in which its caller can go, a request goes, too.
        for (signal, text) in [
            ("KILL", "echo ready $$; exec sudo -n sudo-helper run asks"),
            ("TERM", "echo ready $$; exec sudo -n sudo-helper run asks"),
            ("KILL", "echo ready $$; sudo -n sudo-helper run asks; :"),
            ("KILL", "echo ready $$; exec script -qec 'sudo -n sudo-helper run asks' /dev/null"),
        ] {
            let caller = asking(&host, &["sh", "-c", text]);
            let pid = caller.ready().to_string();
            let id = waiting(&host);
            host.run(&["kill", "-s", signal, &pid]).success();
            eventually(&format!("the request is gone after {signal}: {text}"), || {
                host.ask_as(ALICE, "pending").success()["pending"] == json!([])
            });
            host.ask_as(ALICE, &format!("approve {id}")).failure(8, "approval-unknown");
        }
    }

    /// Says who runs it, and ends when it is let go on.
    const GATED: &str =
        "#!/bin/sh\ntouch /srv/began\nuntil [ -e /srv/go ]; do sleep 0.01; done\necho done >/srv/done\n";

    #[test]
    fn what_has_begun_ends_well_whatever_becomes_of_it() {
        let Some(host) = boot() else { return };
        host.write("/usr/local/sbin/gated", GATED, 0o755, "root");
        host.policy(&json!({"commands": {"gated": {"argv": ["/usr/local/sbin/gated"]}}}));
        for signal in ["HUP", "INT", "TERM", "KILL"] {
            host.run(&["sh", "-c", "rm -f /srv/began /srv/go /srv/done"]).success();
            let there = |path: &str| host.run(&["test", "-e", path]).try_success().is_ok();
            let text = "echo ready $$; exec sudo -n sudo-helper run gated";
            let caller = asking(&host, &["sh", "-c", text]);
            let pid = caller.ready().to_string();
            eventually("it has begun", || there("/srv/began"));
            host.run(&["kill", "-s", signal, &pid]).success();
            host.run(&["touch", "/srv/go"]).success();
            eventually("it is done", || there("/srv/done"));
            let _ = caller.status();
            eventually("nobody is left", || host.run(&["pgrep", "-x", "sudo-helper"]).try_success().is_err());
            let ended = |entry: &&Value| {
                entry["SUDO_HELPER_OPERATION"] == "run gated" && entry["SUDO_HELPER_EVENT"] == "result"
            };
            let journal = host.journal();
            assert_eq!(journal.iter().rfind(ended).expect(signal)["SUDO_HELPER_RETURNCODE"], "0", "{signal}");
        }
        host.ask("list").success();
        assert!(!host.journal().iter().any(|entry| entry["SUDO_HELPER_EVENT"] == "aborted"));
    }

    #[test]
    fn a_rule_that_forbids_programs_ends_in_an_answer() {
        let Some(host) = boot() else { return };
        let rule = format!("{AGENT} ALL=(root) NOPASSWD: NOEXEC: /usr/bin/sudo-helper\n");
        host.write(&format!("/etc/sudoers.d/zz-{AGENT}"), rule, 0o440, "root");
        for words in ["run look", "service status ssh", "package install hello"] {
            let answer = host.ask(words);
            assert_eq!(answer.json["success"], false, "{answer:?}");
        }
        host.ask("list").success();
    }
}

mod rules {
    use super::*;

    /// Rules and settings of sudoers(5) that an operator may have, or that an installer could write.
    /// AGENT stands for the account, SUM for the helper's SHA-256.
    const RULES: [&str; 21] = [
        "AGENT ALL=(root) NOPASSWD: sha256:SUM /usr/bin/sudo-helper",
        "AGENT ALL=(root) NOPASSWD: NOEXEC: /usr/bin/sudo-helper",
        "AGENT ALL=(root) NOPASSWD: LOG_INPUT: LOG_OUTPUT: /usr/bin/sudo-helper",
        "AGENT ALL=(root) CWD=/tmp NOPASSWD: SETENV: /usr/bin/sudo-helper",
        "AGENT ALL=(ALL:ALL) NOPASSWD: ALL",
        "Cmnd_Alias HELP = /usr/bin/sudo-helper\nAGENT ALL=(root) NOPASSWD: HELP\nDefaults!HELP !env_keep, !env_check",
        "Defaults noexec",
        "Defaults !use_pty",
        "Defaults log_output, log_input",
        "Defaults umask=0777, umask_override",
        "Defaults umask=0000, umask_override",
        "Defaults runcwd=/tmp",
        "Defaults preserve_groups, !set_logname, !set_home",
        "Defaults rlimit_cpu=\"1,infinity\", rlimit_stack=\"131072,infinity\"",
        "Defaults rlimit_fsize=\"1024,infinity\", rlimit_as=\"90000000,infinity\", rlimit_core=infinity",
        "Defaults fdexec=always",
        "Defaults fdexec=never",
        "Defaults env_file=/etc/evil",
        "Defaults secure_path=\"/tmp:/usr/sbin:/usr/bin\"",
        "Defaults !pam_session, !pam_setcred",
        "Defaults closefrom=100, closefrom_override",
    ];

    fn rule(host: &Helped, text: &str) {
        let sum = said(host, &["sha256sum", "/usr/bin/sudo-helper"]);
        let text = text.replace("AGENT", AGENT).replace("SUM", &sum[..64]) + "\n";
        let text = if text.contains(AGENT) {
            text
        } else {
            format!("{text}{AGENT} ALL=(root) NOPASSWD: /usr/bin/sudo-helper\n")
        };
        host.write(&format!("/etc/sudoers.d/zz-{AGENT}"), text, 0o440, "root");
        host.run(&["visudo", "-c", "-s"]).success();
    }

    #[test]
    fn under_any_of_them_an_operation_is_done_alike() {
        let Some(host) = boot() else { return };
        host.write("/etc/evil", "LD_PRELOAD=/tmp/evil.so\nPATH=/tmp\nEVIL=1\n", 0o644, "root");
        let plain = host.ask("run look").success()["stdout"].clone();
        for (change, text) in ["install", "remove"].into_iter().cycle().zip(RULES) {
            rule(&host, text);
            let look = host.command_as(
                AGENT,
                &["sh", "-c", "exec 5</etc/passwd 9>/tmp/x; sudo -n sudo-helper run look; :"],
            );
            assert_eq!(Answer::of(look).success()["stdout"], plain, "{text}");
            assert_eq!(host.ask("service status ssh").success()["active"], true, "{text}");
            let changed = host.ask(&format!("package {change} hello")).success();
            assert_eq!(changed["plan"], json!([format!("{change} hello 1.0")]), "{text}");
            host.ask("service stop ssh").failure(3, "denied");
        }
    }

    #[test]
    fn whoever_else_they_let_the_caller_be_is_not_root() {
        let Some(host) = boot() else { return };
        let plain = host.ask("run look").success()["stdout"].clone();
        rule(&host, "AGENT ALL=(ALL:ALL) NOPASSWD: ALL");
        let ask = |options: &str, words: &[&str]| {
            let options: Vec<&str> = ["sudo", "-n"].into_iter().chain(options.split(' ')).collect();
            Answer::of(host.command_as(AGENT, &[&options[..], &["sudo-helper"], words].concat()))
        };
        for options in ["-u alice", "-u alice -g root", "-g root", "-u nobody -g nogroup", "-u daemon -P"] {
            for words in [&["run", "look"][..], &["service", "restart", "ssh"], &["list"]] {
                ask(options, words).failure(1, "not-root");
            }
        }
        for options in ["-u root -g ai-agent", "-u #0 -g daemon", "-u root -g nogroup -P"] {
            assert_eq!(ask(options, &["run", "look"]).success()["stdout"], plain, "{options}");
        }
    }

    #[test]
    fn root_of_whom_nobody_knows_who_it_is_for_gets_nothing() {
        let Some(host) = boot() else { return };
        for variable in [
            "DOAS_USER=ai-agent",
            "PKEXEC_UID=1000",
            "SUDO_UID=",
            "SUDO_UID=x",
            "SUDO_UID=-1",
            "SUDO_UID=4294967295",
        ] {
            for words in [&["run", "look"][..], &["list"], &["pending"], &["worker", "0"]] {
                let command = host.command(&[&["env", variable, "sudo-helper"], words].concat());
                Answer::of(command).failure(1, "bad-caller");
            }
        }
    }
}

mod answers {
    use super::*;

    /// What stands in every answer about a program that was run.
    const RAN: [&str; 9] =
        ["argv", "duration_ms", "op", "request_id", "returncode", "stderr", "stdout", "success", "truncated"];

    fn is_id(value: &Value) -> bool {
        let hexadecimal = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        value.as_str().is_some_and(hexadecimal)
    }

    /// Asserts that all of them are there, of their kinds.
    fn check(answer: &Value, op: &str) {
        for key in RAN {
            assert!(answer.get(key).is_some(), "{op}: no {key}: {answer}");
        }
        assert_eq!(answer["op"], op);
        let words = answer["argv"].as_array().expect("words");
        assert!(words[0].as_str().is_some_and(|word| word.starts_with('/')), "{answer}");
        assert!(words.iter().all(Value::is_string) && is_id(&answer["request_id"]), "{answer}");
        assert!(answer["duration_ms"].is_u64() && answer["returncode"].is_i64(), "{answer}");
        assert!(answer["truncated"].is_boolean(), "{answer}");
        assert!(answer["stdout"].is_string() && answer["stderr"].is_string(), "{answer}");
    }

    #[test]
    fn about_a_program_that_was_run_all_keys_are_there() {
        let Some(host) = boot() else { return };
        let mut policy = policy();
        policy["commands"]["fails"] = json!({"argv": ["/usr/bin/false"]});
        policy["commands"]["late"] = json!({"argv": ["/usr/bin/tail", "-f", "/dev/null"], "timeout_s": 1});
        policy["packages"]["nosuch"] = json!(["install"]);
        policy["package_actions"] = json!(["update", "upgrade", "autoremove", "autoclean", "repair"]);
        policy["services"]["nosuch"] = json!(["start", "status"]);
        host.policy(&policy);
        for (op, status) in [
            ("service status ssh", 0),
            ("service restart ssh", 0),
            ("service status nosuch", 1),
            ("service start nosuch", 1),
            ("package update", 0),
            ("package install hello", 0),
            ("package remove hello", 0),
            ("package install nosuch", 1),
            ("package upgrade", 0),
            ("package autoremove", 0),
            ("package autoclean", 0),
            ("package repair", 0),
            ("run look", 0),
            ("run fails", 1),
            ("run late", 6),
        ] {
            let answer = host.ask(op);
            assert_eq!(answer.status, status, "{answer:?}");
            check(&answer.json, op);
        }
        let left = host.ask("--no-wait run asks").failure(8, "pending");
        host.ask_as(ALICE, &format!("approve {}", left["id"].as_str().expect("an id"))).success();
        check(&host.ask(&format!("wait {}", left["id"].as_str().expect("an id"))).success(), "run asks");
    }

    #[test]
    fn about_what_was_not_run_the_request_and_the_operation_are_named() {
        let Some(host) = boot() else { return };
        for (words, op, status) in [
            ("service stop ssh", Some("service stop ssh"), 3),
            ("service stop ssh.service", Some("service stop ssh"), 3),
            ("run nosuch", Some("run nosuch"), 3),
            ("--no-wait run asks", Some("run asks"), 8),
            ("--dry-run service restart ssh", Some("service restart ssh"), 0),
            ("--dry-run package install hello", Some("package install hello"), 0),
            ("explain run asks", Some("run asks"), 0),
            ("list", None, 0),
            ("check-policy", None, 0),
            ("probe 0123456789", None, 0),
            ("service frob ssh", None, 2),
            ("pending", None, 3),
            ("approve 00000000000000000000000000000000", None, 3),
        ] {
            let answer = host.ask(words);
            assert_eq!(answer.status, status, "{answer:?}");
            assert!(is_id(&answer.json["request_id"]), "{words}: {answer:?}");
            assert_eq!(answer.json["op"].as_str(), op, "{words}: {answer:?}");
            assert!(["returncode", "stdout"].iter().all(|key| answer.json[key].is_null()), "{answer:?}");
        }
        assert!(is_id(&host.ask_as(ALICE, "pending").success()["request_id"]));
    }

    #[test]
    fn sixty_four_kibibytes_of_each_output_are_kept_where_the_policy_says_nothing() {
        let Some(host) = boot() else { return };
        let text = "#!/bin/sh\nseq 100000; seq 100000 >&2\n";
        host.write("/usr/local/sbin/much", text, 0o755, "root");
        host.policy(&json!({"commands": {"much": {"argv": ["/usr/local/sbin/much"]}}}));
        let answer = host.ask("run much").success();
        assert_eq!(answer["truncated"], true);
        for key in ["stdout", "stderr"] {
            let text = answer[key].as_str().expect("a text");
            assert!(text.len() == 65536 && text.ends_with("\n99999\n100000\n"), "{key}: {}", text.len());
        }
    }

    #[test]
    fn a_policy_of_another_kind_than_an_object_of_lists_denies_everything() {
        let Some(host) = boot() else { return };
        for (text, code, status) in [
            ("not-json", "bad-policy", 4),
            ("[\"bad;name\"]", "bad-policy", 4),
            ("[1]", "bad-policy", 4),
            ("\"ssh\"", "bad-policy", 4),
            ("{\"services\": [\"ssh\"]}", "bad-policy", 4),
            ("{}", "denied", 3),
        ] {
            host.write(POLICY, text, 0o644, "root");
            for words in ["service status ssh", "package update", "run look"] {
                host.ask(words).failure(status, code);
            }
        }
    }
}

mod programs {
    use super::*;

    /// The real program, told of before it runs: its environment, then its words, each ended by `|`.
    fn tell_of(host: &Helped, name: &str) {
        let text = format!(
            "#!/bin/sh\n{{ tr '\\0' ' ' </proc/$$/environ; printf '%s|' '' \"$@\"; echo; }} >>/srv/told\n\
             exec /usr/lib/told/{name} \"$@\"\n"
        );
        host.run(&["sh", "-ec", &format!("mkdir -p /usr/lib/told; mv /usr/bin/{name} /usr/lib/told/")])
            .success();
        host.write(&format!("/usr/bin/{name}"), text, 0o755, "root");
    }

    /// What was told since the last time.
    fn told(host: &Helped) -> Vec<(String, Vec<String>)> {
        let text = host.read("/srv/told");
        host.run(&["rm", "/srv/told"]).success();
        let call = |line: &str| {
            let (environment, words) = line.split_once('|').expect("both");
            let words = words.trim_end_matches('|').split('|').map(str::to_owned).collect();
            (environment.trim_end().to_owned(), words)
        };
        text.lines().map(call).collect()
    }

    const ENVIRONMENT: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb PAGER=cat \
        DEBIAN_FRONTEND=noninteractive DEBIAN_PRIORITY=critical APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1 \
        NEEDRESTART_MODE=l";

    /// Where apt-listchanges(1) and needrestart(1) come in.
    const HOOKS: &str = "DPkg::Pre-Install-Pkgs {\"{ env; tty; } >/srv/hook-before || :\";};\n\
        DPkg::Post-Invoke {\"{ env; tty; } >/srv/hook-after || :\";};\n";

    #[test]
    fn apt_get_gets_words_that_leave_nothing_to_ask_and_the_answer_names_them() {
        let Some(host) = boot() else { return };
        host.write("/etc/apt/apt.conf.d/99hooks", HOOKS, 0o644, "root");
        tell_of(&host, "apt-get");
        let always =
            ["Dpkg::Use-Pty=0", "Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold"];
        for (op, last) in [
            ("package install hello", &["install", "--no-remove", "--", "hello"][..]),
            ("package remove hello", &["remove", "--", "hello"]),
            ("package update", &["update"]),
        ] {
            let answer = host.ask(op).success();
            let told = told(&host);
            assert!(told.iter().all(|(environment, _)| environment == ENVIRONMENT), "{told:#?}");
            let simulates = |words: &[String]| words.iter().any(|word| word == "-s");
            let acts: Vec<&Vec<String>> =
                told.iter().map(|(_, words)| words).filter(|words| !simulates(words)).collect();
            let [act] = acts[..] else { panic!("{op}: {acts:#?}") };
            assert_eq!(answer["argv"], json!([&["/usr/bin/apt-get".to_owned()], &act[..]].concat()));
            assert!(
                act[0] == "-y" && act.ends_with(&last.iter().map(ToString::to_string).collect::<Vec<_>>()),
                "{act:?}"
            );
            for setting in
                always.iter().chain((op == "package update").then_some(&"APT::Update::Error-Mode=any"))
            {
                assert!(
                    act.windows(2).any(|pair| pair[0] == "-o" && pair[1] == *setting),
                    "{setting}: {act:?}"
                );
            }
            assert_eq!(told.len() > 1, op != "package update", "it is simulated first: {told:#?}");
            assert!(op == "package update" || simulates(&told[0].1), "{told:#?}");
        }
        for hook in ["/srv/hook-before", "/srv/hook-after"] {
            let seen = host.read(hook);
            for line in [
                "APT_LISTCHANGES_FRONTEND=none",
                "NEEDRESTART_MODE=l",
                "DEBIAN_FRONTEND=noninteractive",
                "not a tty",
            ] {
                assert!(seen.lines().any(|found| found == line), "{hook}: {line} in {seen}");
            }
        }
    }

    /// Every program that a call of the agent's starts, from the helper itself on: strace(1) watches from outside.
    fn started(host: &Helped, words: &[&str]) -> Vec<String> {
        let trace = tempfile::NamedTempFile::new().expect("a file");
        let command = host.command_of(AGENT, words);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-s", "4096", "-e", "trace=execve", "-e", "signal=none", "-o"]).arg(trace.path());
        strace.arg("--").arg(command.get_program()).args(command.get_args());
        strace.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Answer::of(strace).success();
        let text = fs::read_to_string(trace.path()).expect("a trace");
        let executed = text.lines().filter_map(|line| line.split_once("execve(\"")?.1.split_once('"'));
        executed
            .map(|(program, _)| program.to_owned())
            .skip_while(|program| program != "/usr/bin/sudo-helper")
            .collect()
    }

    #[test]
    fn an_allowed_operation_starts_what_it_needs_and_no_shell() {
        let Some(host) = boot() else { return };
        host.policy(&json!({
            "services": {"ssh": ["status", "restart"]}, "package_actions": ["update"],
            "commands": {"true": {"argv": ["/usr/bin/true"]}},
        }));
        let (helper, systemctl) = ("/usr/bin/sudo-helper", "/usr/bin/systemctl");
        for (words, expected) in [
            ("service status ssh", &[helper, systemctl, systemctl][..]),
            ("run true", &[helper, "/usr/bin/true"]),
            ("list", &[helper]),
            ("package update", &[helper, "/usr/bin/systemd-run"]),
        ] {
            assert_eq!(started(&host, &words.split(' ').collect::<Vec<_>>()), expected, "{words}");
        }
        let restart = started(&host, &["service", "restart", "ssh"]);
        assert!(restart[1..].iter().all(|program| program == systemctl), "{restart:?}");
    }

    #[test]
    fn the_helper_itself_loads_nothing() {
        let Some(host) = boot() else { return };
        let command = ["env", "LD_TRACE_LOADED_OBJECTS=1", "/usr/bin/sudo-helper", "--version"];
        host.run(&command).success().stdout(predicates::str::starts_with("sudo-helper "));
    }
}

mod hosts {
    use super::*;

    #[test]
    fn without_systemd_a_service_has_a_code_of_its_own() {
        let Some(host) = boot() else { return };
        host.run(&["mv", "/run/systemd/system", "/run/systemd/system.away"]).success();
        for words in ["service status ssh", "service restart ssh"] {
            let answer = host.ask(words).failure(1, "no-systemd");
            assert!(answer["error"].as_str().is_some_and(|error| error.contains("systemd")), "{answer}");
        }
        assert_eq!(host.ask("run look").success()["returncode"], 0);
        host.run(&["mv", "/run/systemd/system.away", "/run/systemd/system"]).success();
        host.ask("service status ssh").success();
    }

    /// What Debian still makes a unit of by itself.
    const SYSV: &str = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: old\n# Required-Start:\n# Required-Stop:\n\
        # Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n# Short-Description: of a test\n### END INIT INFO\nexit 0\n";

    #[test]
    fn a_service_of_init_scripts_is_enabled_and_disabled() {
        let Some(host) = boot() else { return };
        host.write("/etc/init.d/old", SYSV, 0o755, "root");
        host.run(&["systemctl", "daemon-reload"]).success();
        host.policy(&json!({"services": {"old": ["start", "status", "enable", "disable"]}}));
        host.ask("service enable old").success();
        host.run(&["sh", "-c", "test -e /etc/rc2.d/S*old"]).success();
        host.ask("service start old").success();
        host.ask("service disable old").success();
        host.run(&["sh", "-c", "test -e /etc/rc2.d/S*old"]).failure();
    }

    /// rsyslog(8) with the socket that programs of a host without journald write to.
    const RSYSLOG: &str = "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"/dev/log\")\n\
        authpriv.* /var/log/own.log\n";

    #[test]
    fn without_journald_the_records_are_in_syslogs_authpriv() {
        let Some(host) = boot() else { return };
        let mut required = policy();
        required["audit_required"] = json!(true);
        host.policy(&required);
        host.run(&["sh", "-c", "systemctl stop rsyslog syslog.socket 'systemd-journald*'; :"]).success();
        host.run(&["sh", "-ec", "rm -rf /dev/log /run/systemd/journal/socket /run/systemd/journal/dev-log"])
            .success();
        host.ask("service status ssh").failure(1, "audit");
        host.write("/etc/own.conf", RSYSLOG, 0o644, "root");
        let rsyslog =
            Running::start(host.command(&["rsyslogd", "-n", "-f", "/etc/own.conf", "-i", "/run/own.pid"]));
        eventually("rsyslog listens", || host.run(&["test", "-S", "/dev/log"]).try_success().is_ok());
        for (words, status, decision) in
            [("service status ssh", 0, "decision=allowed"), ("service stop ssh", 3, "decision=denied")]
        {
            let answer = host.ask(words);
            assert_eq!((answer.status, answer.stderr.as_str()), (status, ""), "{answer:?}");
            let id = answer.json["request_id"].as_str().expect("an id").to_owned();
            let lines = || capture(host.command(&["grep", &id, "/var/log/own.log"])).stdout;
            eventually("rsyslog writes them", || lines().iter().filter(|byte| **byte == b'\n').count() == 2);
            let text = String::from_utf8(lines()).expect("UTF-8");
            for (line, event) in text.lines().zip(["event=request", "event=result"]) {
                assert!(
                    line.contains(" sudo-helper[") && line.contains(event) && line.contains(decision),
                    "{line}"
                );
            }
        }
        drop(rsyslog);
    }

    #[test]
    fn what_was_left_is_fetched_over_ssh() {
        let Some(host) = boot() else { return };
        let make = "umask 077; mkdir ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
            { printf 'restrict,command=\"/usr/bin/sudo-helper ssh\" '; cat ~/.ssh/id_ed25519.pub; } >~/.ssh/authorized_keys";
        let home = format!("HOME=/home/{AGENT}");
        host.run_as(AGENT, &["env", &home, "sh", "-ec", make]).success();
        let ssh = |words: &str| {
            let client = [
                "ssh",
                "-T",
                "-oBatchMode=yes",
                "-oStrictHostKeyChecking=no",
                "-oLogLevel=ERROR",
                "--",
                "localhost",
                words,
            ];
            Answer::of(host.command_as(AGENT, &[&["env", &home][..], &client].concat()))
        };
        let left = ssh("--no-wait run asks").failure(8, "pending");
        let id = left["id"].as_str().expect("an id");
        ssh(&format!("approve {id}")).failure(2, "usage");
        host.ask_as(ALICE, &format!("approve {id}")).success();
        assert_eq!(ssh(&format!("wait {id}")).success()["stdout"], "asked\n");
        ssh(&format!("wait {id}")).failure(8, "approval-unknown");
        assert_eq!(ssh("package install hello").success()["plan"], json!(["install hello 1.0"]));
    }

    /// The rows of README.md that tell what becomes of systems-manager-helper.
    fn rows() -> Vec<[String; 2]> {
        let readme = include_str!("../README.md");
        let of_it =
            readme.lines().filter(|line| line.starts_with('|') && line.contains("systems-manager-helper"));
        let codes = |line: &str| {
            let codes: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
            [codes[0].to_owned(), codes[1].to_owned()]
        };
        of_it.map(codes).collect()
    }

    #[test]
    fn what_the_readme_says_to_those_who_migrate_is_so() {
        let Some(host) = boot() else { return };
        host.unit("nginx.service", "[Service]\nExecStart=/bin/sleep infinity\n");
        host.policy(&json!({"services": {"nginx": ["restart"], "nosuch": ["restart"]}}));
        let rows = rows();
        let [[call, new_call], [rule, new_rule]] = &rows[..] else { panic!("{rows:?}") };
        assert!(rule.starts_with("agent ALL=(ALL)"), "{rule}");
        let new_rule = new_rule.replace("agent ", &format!("{AGENT} ")) + "\n";
        host.write(&format!("/etc/sudoers.d/zz-{AGENT}"), new_rule, 0o440, "root");
        host.run(&["visudo", "-c", "-s"]).success();
        let tail = |words: &str| words.split_once("-helper ").expect("an operation").1.to_owned();
        assert_eq!(tail(call), tail(new_call), "the same words");
        let ask = |words: &str| Answer::of(host.command_as(AGENT, &words.split(' ').collect::<Vec<_>>()));
        let done = ask(new_call).success();
        assert!(["returncode", "stdout", "stderr"].iter().all(|key| !done[key].is_null()), "{done}");
        let failing = new_call.replace("nginx", "nosuch");
        ask(&failing).failure(1, "not-found");
        let compatible = ask(&format!("{failing} --compat-exit"));
        assert_eq!((compatible.status, &compatible.json["success"]), (0, &json!(false)), "{compatible:?}");
    }

    #[test]
    fn a_worker_that_is_killed_is_answered_for_and_recorded_once() {
        let Some(host) = boot() else { return };
        let waits = "touch /srv/inside; exec sleep infinity";
        Repository::of(&host).add(&[Package::new("hello", "2.0").script("postinst", waits)]).update();
        let asked = asking(&host, &["sudo", "-n", "sudo-helper", "package", "install", "hello"]);
        eventually("dpkg is at it", || host.run(&["test", "-e", "/srv/inside"]).try_success().is_ok());
        host.run(&["systemctl", "kill", "-s", "KILL", "sudo-helper-*"]).success();
        let said = answer(&asked);
        assert_eq!(said["success"], false, "{said}");
        for _ in 0..2 {
            host.ask("list").success();
        }
        let ends = |entry: &&Value| {
            entry["SUDO_HELPER_OPERATION"] == "package install hello"
                && entry["SUDO_HELPER_EVENT"] != "request"
        };
        let journal = host.journal();
        let ends: Vec<&Value> = journal.iter().filter(ends).collect();
        assert_eq!(ends.len(), 1, "{ends:#?}");
    }
}
