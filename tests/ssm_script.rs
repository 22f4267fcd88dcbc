//! What `ssm-keepalive deploy` has a host run, on hosts with real systemd: without SSM, whose part is to hand a text
//! to /bin/sh.

use std::collections::BTreeSet;

use bed::agent::{Agent, Kind, Said};
use bed::{Running, capture, eventually, tool};
use ssm_keepalive::fleet::answer::{Answer, MAX_FRAME};
use ssm_keepalive::fleet::nonce::Nonce;
use ssm_keepalive::fleet::script::{Op, Request};

/// What counts once it is installed: `Restart`, `RestartUSec`, `StartLimitIntervalUSec`.
const OURS: [&str; 3] = ["always", "10s", "0"];
/// Both ways to have an agent.
const KINDS: [Kind; 2] = [Kind::Package, Kind::Snap];
/// The operator's proxy.
const PROXY: &str = "[Service]\nEnvironment=\"https_proxy=http://proxy.example.org:3128\"\n";
/// The file that a host's /bin/sh may be.
const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];
/// What busybox has under its own names, in the place of coreutils, util-linux and mawk.
const APPLETS: &str = "awk cat chmod chown id ls mkdir mv rm rmdir sleep timeout tr wc";
/// For sh: stands for the tool $0 of /usr/bin. The call whose number is in /root/at sends the signal of
/// /root/signal to the script; SIGKILL comes before the tool has done anything. FAIL is none: that call fails, and says
/// only the beginning of what it has to.
const TRAPPED: &str = r#"#!/bin/dash
read -r at </root/at; read -r signal </root/signal; read -r script </root/pid
echo "${0##*/}" >>/root/calls; calls=$(/usr/bin/wc -l </root/calls)
if [ "$calls$signal" = "${at}FAIL" ]; then "/usr/bin/${0##*/}" "$@" | /usr/bin/head -c 12; exit 1; fi
if [ "$calls" = "$at" ]; then kill -"$signal" "$script"; [ "$signal" = TERM ] || exit 1; fi
exec "/usr/bin/${0##*/}" "$@"
"#;
/// For sh: what counts for the unit $0, and the folder of its drop-ins.
const STATE: &str = r#"
systemctl show --property Restart,RestartUSec,StartLimitIntervalUSec,ActiveState,MainPID "$0"
cd "/etc/systemd/system/$0.d" 2>/dev/null || exit 0
echo folder; for file in $(ls -A); do echo; stat -c '%n %a %u:%g' "$file"; cat "$file"; done
"#;
/// For sh: keeps the folder $0 as it is now, for [`DRIVE`]; no call has a signal yet.
const KEEP: &str =
    r#"test ! -e "$0" || cp -a "$0" /root/first; for file in at signal pid; do echo 0 >"/root/$file"; done"#;
/// For sh: runs the script $0 with the signal $2 at each of the calls $1, one run after another. Before each the folder
/// $3 is as [`KEEP`] has it, and systemd has read it unless that is the first thing that $6 does; after each there
/// comes how it ended and what $4 says of the unit $5.
const DRIVE: &str = r#"
export PATH=/usr/bin:/bin
echo "$2" >/root/signal
for at in $1; do
  rm -rf "$3" /root/calls; test ! -e /root/first || cp -a /root/first "$3"
  test "$6" = install || systemctl daemon-reload
  echo "$at" >/root/at
  dash -c 'echo $$ >/root/pid; exec dash -c "$0"' "$0" 2>/dev/null
  echo "status $?"
  dash -c "$4" "$5"
  echo "over"
done
"#;
/// The tools that change anything.
const CHANGING: [&str; 8] = ["chmod", "chown", "mkdir", "mv", "rm", "rmdir", "sync", "systemctl"];
/// The tools that read what a file holds.
const READING: [&str; 4] = ["awk", "cat", "tr", "wc"];

/// The values that counted before, by kind.
fn vendors(kind: Kind) -> [&'static str; 3] {
    ["always", kind.vendor_restart_sec(), "10s"]
}

fn request(op: Op, unit: Option<&str>, span: &str) -> Request {
    let unit = unit.map(|unit| unit.parse().expect("a unit"));
    Request { op, unit, restart_sec: span.parse().expect("a span"), nonce: Nonce::fresh().expect("random") }
}

/// The answer to it; the host says nothing else, and its exit status fits.
#[track_caller]
fn answered(request: &Request, said: &Said) -> Answer {
    let answer = Answer::read(&request.nonce, &said.stdout);
    let answer = answer.unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert!(said.stdout.starts_with(request.nonce.as_str()) && said.stdout.len() < MAX_FRAME, "{said:?}");
    assert_eq!((said.status, said.stderr.as_str()), (i32::from(!answer.is_ok()), ""), "{said:?}");
    assert_eq!(answer.op, request.op);
    answer
}

/// Has a shell of the host run it.
#[track_caller]
fn asked(agent: &Agent, shell: &[&str], request: &Request) -> Answer {
    answered(request, &agent.said(&[shell, &["-c", &request.text()]].concat()))
}

#[track_caller]
fn act(agent: &Agent, op: Op) -> Answer {
    asked(agent, &["sh"], &request(op, None, "10s"))
}

/// Asserts how it ends.
#[track_caller]
fn expect(agent: &Agent, op: Op, code: &str) -> Answer {
    let answer = act(agent, op);
    assert_eq!(answer.code, code, "{answer:?}");
    answer
}

fn with_busybox(agent: &Agent) {
    let busybox = std::fs::read(tool("busybox")).expect("a program");
    agent.write("/usr/bin/busybox", busybox, 0o755, "root:root");
}

/// What counts for its unit, and what is in the folder of its drop-ins.
fn state(agent: &Agent, kind: Kind) -> String {
    agent.said(&["dash", "-c", STATE, kind.unit()]).success().stdout
}

/// Has the folder of its drop-ins hold nothing but a restart.conf with this text, or be gone.
fn reset(agent: &Agent, kind: Kind, text: Option<&str>) {
    agent.run(&["rm", "-rf", &kind.beside("")]).success();
    match text {
        Some(text) => agent.drop_in("restart.conf", text),
        None => agent.reload(),
    }
}

#[test]
fn it_writes_to_the_byte_what_the_local_program_writes_and_each_takes_back_what_the_other_wrote() {
    for kind in KINDS {
        let Some(agent) = Agent::boot(kind) else { return };
        with_busybox(&agent);
        let texts = [
            (Some("[Service]\nRestart=always\nRestartSec=1500ms\n"), "0600"),
            (None, ""),
            (Some("# se\u{f1}or\n\n; by hand\n[Service]\n\tRestartSec = 20"), "4755"),
            (Some(""), "0644"),
        ];
        let few = if kind == Kind::Snap { 1 } else { texts.len() };
        for (at, ((text, mode), shell)) in texts.into_iter().take(few).zip(SHELLS.iter().cycle()).enumerate()
        {
            reset(&agent, kind, text);
            if text.is_some() {
                agent.run(&["chmod", mode, &kind.drop_in()]).success();
            }
            let before = state(&agent, kind);
            let _ = agent.call("install").success();
            let locals = state(&agent, kind);
            let ask = |op, span| {
                let answer = asked(&agent, shell, &request(op, None, span));
                assert_eq!(answer.code, "ok", "{text:?} {answer:?}");
                answer
            };
            if at == 0 {
                assert!(!ask(Op::Install, "10s").changed);
                let _ = ask(Op::Prove, "10s");
                let slower = ask(Op::Install, "1min 30s");
                assert_eq!((slower.changed, slower.restart_sec), (true, "1min 30s".parse().ok()));
                assert_eq!(slower.winner, Some(kind.drop_in()));
            }
            assert!(ask(Op::Remove, "10s").changed);
            assert_eq!(state(&agent, kind), before, "{text:?}");
            assert!(ask(Op::Install, "10s").changed);
            assert_eq!(state(&agent, kind), locals, "{text:?}");
            let again = agent.call("install --json").success().json();
            assert_eq!(again["changed"], false, "{text:?} {again}");
            let _ = agent.call("remove").success();
            assert_eq!(state(&agent, kind), before, "{text:?}");
        }
    }
}

#[test]
fn any_shell_and_any_tools_will_do_and_the_agent_is_left_running() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    let pid = agent.main_pid();
    with_busybox(&agent);
    for name in APPLETS.split(' ') {
        agent.run(&["ln", "-s", "/usr/bin/busybox", &format!("/usr/sbin/{name}")]).success();
    }
    for shell in SHELLS {
        let ask = |op, changed| {
            let answer = asked(&agent, shell, &request(op, None, "10s"));
            assert_eq!((answer.code.as_str(), answer.changed), ("ok", changed), "{shell:?} {answer:?}");
        };
        ask(Op::Install, true);
        assert_eq!(agent.effective(), OURS);
        agent.run(&["stat", "-c", "%a %u %g", &Kind::Snap.drop_in()]).success().stdout("644 0 0\n");
        ask(Op::Install, false);
        ask(Op::Prove, false);
        ask(Op::Remove, true);
        assert_eq!(
            (agent.effective(), agent.drop_ins()),
            (vendors(Kind::Snap).map(str::to_owned), String::new())
        );
        ask(Op::Remove, false);
    }
    assert_eq!((agent.main_pid(), agent.starts()), (pid, 1));
}

#[test]
fn it_runs_below_the_agent_whatever_environment_that_has() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.drop_in(
        "10-odd.conf",
        "[Service]\nEnvironment=IFS=e PATH=/nowhere LC_ALL=de_DE SYSTEMD_COLORS=1 SYSTEMD_PAGER=yes\n",
    );
    agent.mode("");
    let request = request(Op::Install, None, "10s");
    agent.send_command("/root/command", &request.text());
    eventually("it is over", || agent.exists("/root/command.ended"));
    let stdout = agent.read("/root/command.out");
    let status = agent.read("/root/command.ended").trim().parse().expect("a status");
    let answer = answered(&request, &Said { status, stdout, stderr: String::new() });
    assert_eq!((answer.code.as_str(), agent.starts()), ("ok", 1), "{answer:?}");
    assert_eq!(agent.effective(), OURS);
}

#[test]
fn a_drop_in_that_wins_is_named_and_the_state_before_is_back() {
    let unit = Kind::Package.beside("zz-other.conf");
    let common = "/etc/systemd/system/service.d/zzz.conf".to_owned();
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    for (file, text, line) in [
        (&unit, "[Service]\nRestart=always\nRestart = \\\n no\n", 3),
        (&common, "# a\r\n[Service]\r\nRestartSec=5min\r\n", 3),
        (&common, "[Unit]\nStartLimitInterval=1min\n[Service]\nRestart=sometimes\n", 2),
    ] {
        // Over a file of ours it is the same way back for all of them.
        for installed in [false, true].into_iter().take(if *file == unit { 2 } else { 1 }) {
            if installed {
                let _ = expect(&agent, Op::Install, "ok");
            }
            agent.write(file, text, 0o644, "root:root");
            agent.reload();
            let before = state(&agent, Kind::Package);
            let shell = if installed { "bash" } else { "dash" };
            let answer = asked(&agent, &[shell], &request(Op::Install, None, "15s"));
            assert_eq!(
                (answer.code.as_str(), answer.winner.as_ref()),
                ("not-effective", Some(file)),
                "{answer:?}"
            );
            assert!(answer.words.contains(&format!("line {line}")), "{answer:?}");
            assert!(!answer.changed && answer.words.ends_with("the state before is back"), "{answer:?}");
            let proof = act(&agent, Op::Prove);
            assert_eq!(proof.code, if installed { "not-effective" } else { "not-installed" }, "{proof:?}");
            assert_eq!(state(&agent, Kind::Package), before);
            agent.run(&["rm", file]).success();
            agent.reload();
        }
        reset(&agent, Kind::Package, None);
    }
}

#[test]
fn a_drop_in_that_loses_or_that_systemd_cannot_read_does_not_matter() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    for (file, text) in [
        (Kind::Package.beside("10-other.conf"), "[Service]\nRestart=no\nRestartSec=1.5min\n"),
        (Kind::Package.beside("zz-bad.conf"), "[Service\nRestart=sometimes\n"),
        (Kind::Package.beside("zz-worse.conf"), "[Service]\nRestart=sometimes\nRestartSec=soon\nRestart=\n"),
        (Kind::Package.beside("zz-where.conf"), "[Service]\nStartLimitIntervalSec=1min\n"),
    ] {
        agent.write(&file, text, 0o644, "root:root");
        agent.reload();
        let before = agent.effective();
        let _ = expect(&agent, Op::Install, "ok");
        assert_eq!(agent.effective(), OURS, "{file}");
        let _ = expect(&agent, Op::Remove, "ok");
        assert_eq!((agent.effective(), agent.read(&file).as_str()), (before, text), "{file}");
        agent.run(&["rm", &file]).success();
    }
}

#[test]
fn each_systemd_is_told_what_it_knows_and_asked_by_the_names_that_it_has() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let file = Kind::Package.drop_in();
    // The properties of systemd 219 (CentOS 7) have other names, and plain microseconds.
    let systemctl = |version: u32| {
        format!(
            "#!/bin/sh\ncase $* in *--version*) echo 'systemd {version} (x)'; exit;; esac\n\
             said=$(/bin/systemctl.252 \"$@\") || exit\n[ {version} = 219 ] || exec printf '%s\\n' \"$said\"\n\
             printf '%s\\n' \"$said\" | sed 's/StartLimitIntervalUSec=10s/StartLimitInterval=10000000/;\
             s/StartLimitIntervalUSec=/StartLimitInterval=/'\n"
        )
    };
    agent.drop_in("override.conf", "[Service]\nRestartSteps=5\n");
    let before = agent.effective();
    agent.run(&["mv", "/bin/systemctl", "/bin/systemctl.252"]).success();
    for version in [252, 254, 219] {
        agent.write("/bin/systemctl", systemctl(version), 0o755, "root:root");
        let _ = agent.call("install").success();
        let locals = agent.read(&file);
        assert_eq!(locals.contains("RestartSteps=0"), version == 254, "{locals}");
        assert_eq!(locals.contains("[Service]\nStartLimitInterval=0\n"), version == 219, "{locals}");
        let _ = expect(&agent, Op::Prove, "ok");
        assert!(!expect(&agent, Op::Install, "ok").changed);
        let removed = expect(&agent, Op::Remove, "ok");
        assert_eq!((removed.limit_interval, &agent.effective()), ("10s".parse().ok(), &before));
        assert!(expect(&agent, Op::Install, "ok").changed);
        assert_eq!(agent.read(&file), locals);
    }
}

#[test]
fn a_wait_that_grows_is_reset_and_one_that_somebody_else_has_grow_is_named() {
    let Some(agent) = Agent::boot_newer(Kind::Package) else { return };
    let growing = "[Service]\nRestartSteps=3\nRestartMaxDelaySec=5min\n";
    let steps = || [agent.property("RestartSteps"), agent.property("RestartMaxDelayUSec")];
    let _ = expect(&agent, Op::Install, "ok");
    let early = Kind::Package.beside("10-grow.conf");
    agent.drop_in("10-grow.conf", growing);
    let answer = expect(&agent, Op::Prove, "not-effective");
    assert!(answer.words.contains("another install takes it back"), "{answer:?}");
    assert_eq!(answer.winner, Some(early));
    let _ = expect(&agent, Op::Install, "ok");
    assert_eq!(steps(), ["0", "infinity"]);
    let _ = expect(&agent, Op::Prove, "ok");
    agent.drop_in("zz-grow.conf", growing);
    let before = agent.drop_ins();
    for (op, span) in [(Op::Install, "10s"), (Op::Install, "20s"), (Op::Prove, "10s")] {
        let answer = asked(&agent, &["sh"], &request(op, None, span));
        assert_eq!(
            (answer.code.as_str(), answer.winner),
            ("not-effective", Some(Kind::Package.beside("zz-grow.conf")))
        );
        assert!(answer.words.contains("RestartSteps=3") && answer.words.contains("goes before ours"));
        assert_eq!(agent.drop_ins(), before, "{op}");
    }
}

#[test]
fn a_removal_takes_the_watch_with_it_and_puts_our_file_back_where_it_cannot_be_proven() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let [timer, service] = ["timer", "service"].map(|kind| format!("ssm-keepalive-watch.{kind}"));
    let path = format!("/etc/systemd/system/{timer}");
    let link = format!("/etc/systemd/system/timers.target.wants/{timer}");
    let _ = agent.call("install --watch").success();
    // That of another agent is left, and one that is not as we make it.
    let other = asked(&agent, &["sh"], &request(Op::Remove, Some(Kind::Snap.unit()), "10s"));
    assert_eq!((other.code.as_str(), other.changed), ("ok", false), "{other:?}");
    assert_eq!(agent.property_of(&timer, "ActiveState"), "active");
    assert!(agent.exists(&link));
    agent.run(&["mv", &Kind::Package.drop_in(), "/root/"]).success();
    let left = expect(&agent, Op::Gone, "still-there");
    assert!(left.words.contains("systemd still goes by it"), "{left:?}");
    agent.reload();
    let left = expect(&agent, Op::Gone, "still-there");
    assert!(left.words.contains("/ssm-keepalive-watch."), "{left:?}");
    agent.run(&["mv", "/root/restart.conf", &Kind::Package.drop_in()]).success();
    let answer = expect(&agent, Op::Remove, "ok");
    assert!(answer.changed && answer.words == "removed; the watch is removed", "{answer:?}");
    for unit in [&timer, &service] {
        assert_eq!(agent.property_of(unit, "LoadState"), "not-found");
        assert_eq!(agent.property_of(unit, "ActiveState"), "inactive");
    }
    for path in [&path, &link, "/var/lib/ssm-keepalive", &Kind::Package.beside("")] {
        assert!(!agent.exists(path), "{path}");
    }
    assert_eq!(agent.call("status --json").json()["watch"], "off");
    let gone = expect(&agent, Op::Gone, "ok");
    assert_eq!(
        (gone.unit.map(|unit| unit.to_string()).as_deref(), gone.winner),
        (Some(Kind::Package.unit()), Some(agent.property("FragmentPath")))
    );
    assert!(!expect(&agent, Op::Remove, "ok").changed);
    agent.write(&path, "[Timer]\nOnActiveSec=1d\n", 0o644, "root:root");
    let _ = expect(&agent, Op::Install, "ok");
    let answer = expect(&agent, Op::Remove, "foreign-file");
    assert!(answer.words.contains(&path) && answer.changed, "{answer:?}");
    let _ = expect(&agent, Op::Gone, "foreign-file");
    assert!(agent.exists(&path) && !agent.exists(&Kind::Package.drop_in()));
    agent.run(&["rm", &path]).success();
    // A systemd that goes on with what is gone.
    let _ = expect(&agent, Op::Install, "ok");
    let before = state(&agent, Kind::Package);
    let deaf = format!(
        "#!/bin/sh\ncase $* in *daemon-reload*) test -e {} || exit 0;; esac\nexec /usr/bin/systemctl \"$@\"\n",
        Kind::Package.drop_in()
    );
    agent.write("/usr/sbin/systemctl", deaf, 0o755, "root:root");
    let answer = expect(&agent, Op::Remove, "not-proven");
    assert!(!answer.changed && answer.words.ends_with("the file of ssm-keepalive is back"), "{answer:?}");
    agent.run(&["rm", "/usr/sbin/systemctl"]).success();
    assert_eq!(state(&agent, Kind::Package), before);
}

#[test]
fn what_is_not_for_the_same_end_or_not_roots_is_left_alone() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let (file, folder) = (Kind::Package.drop_in(), Kind::Package.beside(""));
    agent.user("alice");
    agent.write("/root/other", "[Service]\nRestart=always\n", 0o644, "root:root");
    let _ = expect(&agent, Op::Install, "ok");
    let ours = agent.read(&file);
    let changed = ours.replace("Restart=always\n", "Restart=always\nNice=1\n");
    // Which texts are foreign its reader's own tests say.
    for (make, text, code) in [
        ("cat >\"$0\"", PROXY, "foreign-file"),
        ("cat >\"$0\"", "[Service]\nRestart=always\n\0", "foreign-file"),
        ("printf '# \\377\\n[Service]\\n' >\"$0\"", "", "foreign-file"),
        ("head -c 1048577 /dev/zero | tr '\\0' '#' >\"$0\"", "", "foreign-file"),
        ("cat >\"$0\"", changed.as_str(), "foreign-file"),
        ("ln -s /root/other \"$0\"", "", "foreign-file"),
        ("mkdir \"$0\"", "", "foreign-file"),
        ("cat >\"$0\"; chown alice \"$0\"", "[Service]\n", "foreign-file"),
        ("cat >\"$0\"; chmod 0666 \"$0\"", "[Service]\n", "foreign-file"),
        ("cat >\"$0\"; chmod 0646 \"$0\"", ours.as_str(), "foreign-file"),
        ("cat >\"$0\"; chmod 0777 \"${0%/*}\"", "[Service]\n", "folder"),
        ("cat >\"$0\"; mv \"${0%/*}\" /srv/d; ln -s /srv/d \"${0%/*}\"", "[Service]\n", "folder"),
    ] {
        agent.run(&["sh", "-ec", "rm -rf /srv/d \"${0%/*}\"; mkdir \"${0%/*}\"", &file]).success();
        let mut running = Running::start(agent.command(&["sh", "-ec", make, &file]));
        running.write(text.as_bytes());
        assert_eq!(running.status(), 0);
        let look = || {
            let list = "stat -c '%F %i %a %s %Y' \"$0\" \"${0%/*}\"; ls -A \"${0%/*}\"";
            agent.said(&["sh", "-c", list, &file]).stdout
        };
        let before = look();
        for op in [Op::Install, Op::Remove] {
            let answer = act(&agent, op);
            assert_eq!((answer.code.as_str(), answer.changed), (code, false), "{make} {answer:?}");
        }
        assert_eq!(look(), before, "{make}");
    }
    agent.run(&["sh", "-c", "rm -rf \"${0%/}\"", &folder]).success();
}

#[test]
fn a_proof_changes_nothing_and_tells_the_values_in_any_case() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let none = expect(&agent, Op::Prove, "not-installed");
    assert_eq!((none.restart.as_str(), none.restart_sec), ("always", "90".parse().ok()));
    assert_eq!(
        (none.limit_interval, none.winner),
        ("10s".parse().ok(), Some(agent.property("FragmentPath")))
    );
    assert_eq!(none.path, Some(Kind::Package.drop_in()));
    agent.drop_in("restart.conf", "[Service]\nRestartSec=1500ms\n");
    let hand = expect(&agent, Op::Prove, "hand-made");
    assert_eq!(
        (hand.restart_sec, hand.unit.map(|unit| unit.to_string())),
        ("1.5s".parse().ok(), Some(Kind::Package.unit().to_owned()))
    );
    assert_eq!(agent.read(&Kind::Package.drop_in()), "[Service]\nRestartSec=1500ms\n");
    agent.drop_in("restart.conf", PROXY);
    let foreign = expect(&agent, Op::Prove, "foreign-file");
    assert_eq!(
        (foreign.restart_sec, foreign.winner),
        (none.restart_sec, Some(agent.property("FragmentPath")))
    );
    // It is not root's alone, as it changes nothing.
    agent.user("alice");
    let request = request(Op::Prove, None, "10s");
    let said = Said::of(agent.command_as("alice", &["sh", "-c", &request.text()]));
    assert_eq!(answered(&request, &said).code, "foreign-file");
}

#[test]
fn where_there_is_no_agent_to_act_on_it_says_which_way() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.furnish(Kind::Snap);
    let _ = expect(&agent, Op::Install, "ok");
    assert_eq!(
        (agent.effective(), agent.property_of(Kind::Snap.unit(), "RestartUSec")),
        (OURS.map(str::to_owned), "100ms".to_owned())
    );
    agent.run(&["systemctl", "start", Kind::Snap.unit()]).success();
    for op in [Op::Install, Op::Prove] {
        let answer = expect(&agent, op, "two-units");
        assert_eq!((answer.unit, answer.restart.as_str()), (None, ""));
    }
    let named = asked(&agent, &["sh"], &request(Op::Install, Some(Kind::Snap.unit()), "10s"));
    assert_eq!(named.code, "ok", "{named:?}");
    let left = expect(&agent, Op::Gone, "still-there");
    assert!(left.words.contains(&Kind::Snap.drop_in()) && !left.changed, "{left:?}");
    assert!(expect(&agent, Op::Remove, "ok").changed);
    assert_eq!(expect(&agent, Op::Gone, "ok").unit, None);
    for kind in KINDS {
        assert_eq!(agent.property_of(kind.unit(), "RestartUSec"), kind.vendor_restart_sec());
        assert!(!agent.exists(&kind.beside("")));
    }
    // Its drop-in is left, and another unit's, too.
    let _ = expect(&agent, Op::Remove, "ok");
    agent.run(&["systemctl", "stop", Kind::Package.unit()]).success();
    let _ = expect(&agent, Op::Install, "ok");
    agent.unit("other\\x2dagent.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let other = asked(&agent, &["sh"], &request(Op::Install, Some("other\\x2dagent.service"), "10s"));
    assert_eq!((other.code.as_str(), other.changed), ("ok", true), "{other:?}");
    agent.run(&["systemctl", "stop", Kind::Snap.unit()]).success();
    let ours = agent.read(&Kind::Snap.drop_in());
    for kind in KINDS {
        agent.run(&["rm", &kind.fragment()]).success();
    }
    agent.reload();
    for op in [Op::Install, Op::Prove] {
        let answer = expect(&agent, op, "orphaned");
        assert_eq!(answer.unit.map(|unit| unit.to_string()).as_deref(), Some(Kind::Snap.unit()));
    }
    agent.run(&["rm", &Kind::Snap.drop_in()]).success();
    let left = expect(&agent, Op::Gone, "still-there");
    assert!(left.words.contains("/other\\x2dagent.service.d/restart.conf"), "{left:?}");
    assert!(expect(&agent, Op::Remove, "ok").changed);
    assert!(!agent.exists("/etc/systemd/system/other\\x2dagent.service.d"));
    for op in [Op::Install, Op::Prove] {
        let _ = expect(&agent, op, "no-agent");
    }
    assert!(!expect(&agent, Op::Remove, "ok").changed);
    agent.run(&["ln", "-s", "/dev/null", &format!("/etc/systemd/system/{}", Kind::Package.unit())]).success();
    agent.reload();
    for op in [Op::Install, Op::Prove] {
        let _ = expect(&agent, op, "masked");
    }
    let _ = expect(&agent, Op::Gone, "ok");
    agent.write(&Kind::Package.drop_in(), ours, 0o644, "root:root");
    let _ = expect(&agent, Op::Gone, "still-there");
}

#[test]
fn without_root_systemd_or_a_lock_nothing_is_done() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    agent.user("alice");
    for op in [Op::Install, Op::Remove] {
        let request = request(op, None, "10s");
        let text = request.text();
        let said = Said::of(agent.command_as("alice", &["sh", "-c", &text]));
        assert_eq!(answered(&request, &said).code, "not-root");
        let hidden = "mount -t tmpfs none /run && exec sh -c \"$0\"";
        let said = Said::of(agent.command(&["unshare", "--mount", "sh", "-c", hidden, &text]));
        assert_eq!(answered(&request, &said).code, "no-systemd");
    }
    let lock = "/run/ssm-keepalive.lock";
    agent.write(lock, "", 0o644, "root:root");
    let _ = expect(&agent, Op::Install, "lock");
    agent.run(&["rm", lock]).success();
    agent.run(&["ln", "-s", "/etc/hostname", lock]).success();
    let _ = expect(&agent, Op::Install, "lock");
    agent.run(&["rm", lock]).success();
    agent.write(lock, "", 0o600, "root:root");
    // What it waits with takes no time here.
    agent.run(&["ln", "-s", "/bin/true", "/usr/sbin/sleep"]).success();
    // No descriptor 9.
    let few = ["dash", "-c", "ulimit -Sn 9; exec \"$@\"", "few", "bash"];
    let answer = asked(&agent, &few, &request(Op::Install, None, "10s"));
    assert_eq!(answer.code, "lock", "{answer:?}");
    let held = Running::start(agent.command(&["flock", lock, "sh", "-c", "echo ready $$; exec cat"]));
    held.ready();
    let _ = expect(&agent, Op::Install, "busy");
    let _ = expect(&agent, Op::Remove, "busy");
    agent.run(&["mv", "/usr/bin/flock", "/root/"]).success();
    let _ = expect(&agent, Op::Install, "tools");
    assert_eq!(agent.drop_ins(), "");
    let _ = expect(&agent, Op::Prove, "not-installed");
}

#[test]
fn an_agent_that_systemd_has_given_up_is_started_and_one_that_awaits_a_reboot_is_not() {
    let Some(agent) = Agent::boot(Kind::Snap) else { return };
    agent.mode("exit 1");
    agent.kill();
    agent.await_property("ActiveState", "failed");
    agent.mode("");
    let answer = expect(&agent, Op::Install, "ok");
    assert!(answer.words.contains("was started"), "{answer:?}");
    assert!(answer.words.contains("no RestartPreventExitStatus=194: "), "{answer:?}");
    let late = asked(&agent, &["sh"], &request(Op::Install, None, "65s"));
    assert!(late.code == "ok" && !late.words.contains("194"), "{late:?}");
    agent.await_worker();
    assert_eq!(agent.property("ActiveState"), "active");
    agent.run(&["systemctl", "stop", Kind::Snap.unit()]).success();
    let answer = expect(&agent, Op::Install, "ok");
    assert!(answer.words.contains("stopped"), "{answer:?}");
    assert_eq!(agent.property("ActiveState"), "inactive");
    agent.drop_in("10-reboot.conf", "[Service]\nRestartPreventExitStatus=194\n");
    agent.mode("exit 194");
    agent.run(&["systemctl", "start", Kind::Snap.unit()]).success();
    agent.await_property("ActiveState", "failed");
    agent.mode("");
    let starts = agent.starts();
    let answer = expect(&agent, Op::Install, "ok");
    assert!(answer.words.contains("reboot"), "{answer:?}");
    assert_eq!((agent.property("ActiveState").as_str(), agent.starts()), ("failed", starts));
    let _ = expect(&agent, Op::Remove, "ok");
    let answer = expect(&agent, Op::Install, "ok");
    assert!(!answer.words.contains("194"), "{answer:?}");
    agent.run(&["rm", &Kind::Snap.beside("10-reboot.conf")]).success();
    let answer = expect(&agent, Op::Install, "ok");
    assert!(answer.words.contains("RestartPreventExitStatus=194 is gone"), "{answer:?}");
}

#[test]
fn on_a_full_disk_all_stays_as_it_is() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let folder = Kind::Package.beside("");
    agent.drop_in("restart.conf", "[Service]\nRestartSec=20\n");
    let fill = "mount -t tmpfs -o size=8k,mode=755 none \"$0\"; printf '[Service]\\nRestartSec=20\\n' >\"$0/restart.conf\"
        head -c 9000 /dev/zero >\"$0/full\" || true; systemctl daemon-reload";
    agent.run(&["sh", "-ec", fill, &folder]).success();
    for shell in ["dash", "bash"] {
        let before = (agent.effective(), agent.said(&["ls", "-A", &folder]).stdout);
        let answer = asked(&agent, &[shell], &request(Op::Install, None, "10s"));
        assert_eq!((answer.code.as_str(), answer.changed), ("folder", false), "{answer:?}");
        assert!(answer.words.ends_with("the state before is back"), "{answer:?}");
        assert_eq!((agent.effective(), agent.said(&["ls", "-A", &folder]).stdout), before);
        assert_eq!(agent.read(&Kind::Package.drop_in()), "[Service]\nRestartSec=20\n");
    }
}

#[test]
fn the_longest_names_fit_into_the_frame() {
    let Some(agent) = Agent::absent(Kind::Package) else { return };
    let unit = format!("{}.service", "a".repeat(240));
    let winner = format!("/etc/systemd/system/{unit}.d/{}.conf", "z".repeat(243));
    agent.unit(&unit, "[Service]\nExecStart=/bin/sleep infinity\n");
    agent.write(&winner, "[Service]\nRestart=no\n", 0o644, "root:root");
    agent.reload();
    let answer = asked(&agent, &["sh"], &request(Op::Install, Some(&unit), "10s"));
    assert_eq!(
        (answer.code.as_str(), answer.unit.map(|unit| unit.to_string())),
        ("not-effective", Some(unit.clone()))
    );
    let cut = answer.winner.expect("a winner");
    assert!(cut.ends_with("z...") && winner.starts_with(cut.trim_end_matches('.')), "{cut}");
    for (status, end) in [(0, "it says more than 1048576 bytes"), (1, "???...")] {
        let endless = format!("#!/bin/sh\nhead -c 2000000 /dev/zero | tr '\\0' '\\1'; exit {status}\n");
        agent.write("/usr/sbin/systemctl", endless, 0o755, "root:root");
        for shell in ["dash", "bash"] {
            let answer = asked(&agent, &[shell], &request(Op::Install, Some(&unit), "10s"));
            assert!(answer.code == "systemctl" && answer.words.ends_with(end), "{answer:?}");
        }
    }
}

/// What counts, of a state.
fn counts(state: &str) -> Vec<&str> {
    state.lines().take_while(|line| *line != "folder").collect()
}

/// The file that is ours, of a state.
fn held(state: &str) -> Vec<&str> {
    state.lines().skip_while(|line| !line.starts_with("restart.conf ")).collect()
}

/// A host whose tools send signals to the script, and the states before and after a whole run.
struct Bench {
    agent: Agent,
    request: Request,
    old: String,
    new: String,
    /// The calls at which a signal may matter.
    calls: Vec<String>,
}

impl Bench {
    fn boot(op: Op, text: Option<&str>) -> Option<Self> {
        let agent = Agent::boot(Kind::Package)?;
        reset(&agent, Kind::Package, text);
        if op == Op::Remove {
            let _ = expect(&agent, Op::Install, "ok");
        }
        let old = state(&agent, Kind::Package);
        agent.run(&["sh", "-ec", KEEP, Kind::Package.beside("").trim_end_matches('/')]).success();
        for name in CHANGING {
            agent.write(&format!("/usr/sbin/{name}"), TRAPPED, 0o755, "root:root");
        }
        agent.run(&["rm", "-f", "/root/calls"]).success();
        let request = request(op, None, "10s");
        assert_eq!(asked(&agent, &["sh"], &request).code, "ok");
        let all = agent.read("/root/calls");
        let new = state(&agent, Kind::Package);
        // What it asks before it changes anything could only leave the old.
        let first = all.lines().take_while(|name| *name == "systemctl").count().max(1);
        let calls: Vec<String> = (first..=all.lines().count()).map(|call| call.to_string()).collect();
        assert!(calls.len() > 5, "{all}");
        Some(Self { agent, request, old, new, calls })
    }

    /// How runs with a signal at one call after another ended: the call, what it said, and the state that it left.
    fn signalled(&self, signal: &str) -> Vec<(String, Said, String)> {
        self.driven(&self.request, &self.calls, signal)
    }

    fn driven(&self, request: &Request, calls: &[String], signal: &str) -> Vec<(String, Said, String)> {
        let (text, numbers) = (request.text(), calls.join(" "));
        let (folder, unit) = (Kind::Package.beside(""), Kind::Package.unit());
        let (folder, op) =
            (folder.trim_end_matches('/'), if signal == "FAIL" { "" } else { request.op.as_str() });
        let words = ["dash", "-c", DRIVE, &text, &numbers, signal, folder, STATE, unit, op];
        let all = self.agent.said(&words).success().stdout;
        let run = |(text, call)| {
            let (stdout, rest): (&str, &str) = str::split_once(text, "status ").expect("how it ended");
            let (status, state) = rest.split_once('\n').expect("a line");
            let said = Said {
                status: status.parse().expect("a status"),
                stdout: stdout.to_owned(),
                stderr: String::new(),
            };
            (String::clone(call), said, state.to_owned())
        };
        let runs: Vec<_> = all.split_terminator("over\n").zip(calls).map(run).collect();
        assert_eq!(runs.len(), calls.len());
        runs
    }

    /// Killed, it leaves the old or the new, and at most a file that systemd does not read.
    fn is_killed_at_each_call(&self) {
        let runs = self.signalled("KILL");
        let both = [&self.old, &self.new];
        for (call, said, left) in &runs {
            assert_eq!((said.status, said.stdout.as_str()), (128 + libc::SIGKILL, ""), "{call}");
            assert!(both.iter().any(|state| counts(state) == counts(left)), "{call}: {left}");
            assert!(both.iter().any(|state| held(state) == held(left)), "{call}: {left}");
        }
        for state in both {
            assert!(runs.iter().any(|(_, _, left)| held(left) == held(state)), "{state}");
        }
        // The next run ends it, and takes what temporary files there are.
        self.agent.run(&["sh", "-c", "echo 0 >/root/at"]).success();
        assert_eq!(asked(&self.agent, &["sh"], &self.request).code, "ok");
        assert_eq!(state(&self.agent, Kind::Package), self.new);
    }

    /// Asked to end, it leaves the one that it says.
    fn is_asked_to_end_at_each_call(&self) {
        let mut codes = BTreeSet::new();
        for (call, said, left) in self.signalled("TERM") {
            let answer = answered(&self.request, &said);
            let expected = if answer.is_ok() { &self.new } else { &self.old };
            assert_eq!((&left, answer.changed), (expected, answer.is_ok()), "{call}: {answer:?}");
            codes.insert(answer.code);
        }
        // A removal that has begun is ended.
        assert_eq!(codes.contains("interrupted"), self.request.op == Op::Install, "{codes:?}");
    }
}

impl Bench {
    /// Where one of its tools fails, it says that it is done only where it is, and else leaves what was there.
    fn fails_at_each_call(&self, request: &Request) {
        self.agent.run(&["sh", "-c", "echo 0 >/root/at"]).success();
        for name in CHANGING {
            self.agent.run(&["rm", "-f", &format!("/usr/sbin/{name}")]).success();
        }
        for name in READING {
            self.agent.write(&format!("/usr/sbin/{name}"), TRAPPED, 0o755, "root:root");
        }
        let whole = self.driven(request, &["0".to_owned()], "FAIL");
        let [(_, said, new)] = &whole[..] else { panic!("one run: {whole:?}") };
        assert_eq!(answered(request, said).code, "ok");
        let calls = self.agent.read("/root/calls");
        let calls: Vec<String> = (1..=calls.lines().count()).map(|call| call.to_string()).collect();
        let mut failures = 0;
        for (call, said, left) in self.driven(request, &calls, "FAIL") {
            let answer = answered(request, &said);
            let expected = if answer.is_ok() { new } else { &self.old };
            assert_eq!((&left, answer.changed), (expected, answer.is_ok()), "{call}: {answer:?}");
            failures += usize::from(!answer.is_ok());
        }
        assert!(failures > calls.len() / 2, "{failures} of {}", calls.len());
    }
}

#[test]
fn an_install_may_be_asked_to_end_at_any_call() {
    let Some(bench) = Bench::boot(Op::Install, None) else { return };
    bench.is_asked_to_end_at_each_call();
}

#[test]
fn an_install_may_be_killed_at_any_call() {
    let Some(bench) = Bench::boot(Op::Install, Some("[Service]\nRestartSec=20")) else { return };
    bench.is_killed_at_each_call();
    bench.fails_at_each_call(&bench.request);
}

#[test]
fn a_removal_may_be_killed_at_any_call_and_ends_what_it_has_begun() {
    let Some(bench) = Bench::boot(Op::Remove, Some("[Service]\nRestartSec=20")) else { return };
    bench.is_asked_to_end_at_each_call();
    bench.is_killed_at_each_call();
    bench.fails_at_each_call(&bench.request);
    bench.fails_at_each_call(&request(Op::Install, None, "20s"));
}

#[test]
fn half_of_the_script_does_nothing() {
    let Some(agent) = Agent::boot(Kind::Package) else { return };
    let text = request(Op::Install, None, "10s").text();
    let halves: Vec<&str> = text.match_indices("\n}\n").map(|(at, _)| &text[..at + 3]).step_by(5).collect();
    assert!(halves.len() > 5);
    for half in halves {
        let said = Said::of(agent.command(&["sh", "-c", half]));
        assert_eq!((said.stdout.as_str(), agent.exists("/run/ssm-keepalive.lock")), ("", false));
    }
    assert_eq!(capture(agent.command(&["ls", &Kind::Package.beside("")])).status.code(), Some(2));
}
