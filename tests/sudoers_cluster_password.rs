//! The password of `sudoers-install cluster`: who can see it, and what it may be made of.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use assert_cmd::assert::OutputAssertExt;
use bed::site::{
    ADMIN, PASSWORD, Site, assert_granted, assert_told, set_password, with_input, wrong_passwords,
};
use bed::{Host, Running, capture, eventually};
use predicates::prelude::*;
use predicates::str::contains;

/// Where the password must not be, while it is used: what each process of the machine and of its hosts
/// shows to others.
fn seen_in_proc(password: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        for name in ["cmdline", "environ"] {
            let path = entry.path().join(name);
            let bytes = fs::read(&path).unwrap_or_default();
            if String::from_utf8_lossy(&bytes).contains(password) {
                seen.push(path.display().to_string());
            }
        }
    }
    seen
}

#[test]
fn the_password_is_seen_nowhere() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    // In no other process of this machine, the test itself included.
    let password = format!("kept-{}", site.operator.path("x").display().to_string().replace('/', "_"));
    site.hosts.iter().for_each(|host| set_password(host, ADMIN, &password));
    site.hosts.iter().for_each(|host| {
        host.run(&["sh", "-c", "journalctl --rotate; journalctl --vacuum-time=1s; : >/var/log/auth.log"])
            .success();
    });
    let (ended, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                assert_eq!(seen_in_proc(&password), [] as [String; 0]);
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let output = site.with(&password, &["--json"]);
        ended.store(true, Ordering::Release);
        watch.join().expect("not seen");
        assert_told(&output, &[("one", "installed"), ("two", "installed")]);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(!said.iter().any(|text| text.contains(&password)));
    });
    assert!(looks.load(Ordering::Relaxed) > 10);
    for host in &site.hosts {
        host.run(&["journalctl", "--sync"]).success();
        let find = "! grep -rlaF -- \"$0\" /tmp /var /run /root /home /etc /dev/shm 2>/dev/null";
        host.run(&["sh", "-c", find, &password]).success();
        assert!(!host.journal().iter().any(|entry| entry.to_string().contains(&password)));
    }
    let mut find = Command::new("grep");
    find.args(["-rlaF", "--", &password]).arg(site.operator.path("."));
    capture(find).assert().code(1);
}

/// An account that is nobody's on the machine and on the hosts.
const OPERATOR: u32 = 4242;
/// For sh: the command after it is run by such an account, whose home is /root, with the password on 5.
const AS_OPERATOR: &str = r#"
cp /etc/passwd /root/passwd
echo 'operator:x:4242:4242::/root:/bin/sh' >>/root/passwd
mount --bind /root/passwd /etc/passwd
chown -R 4242:4242 /root
exec 5<&0 </dev/null
exec setpriv --reuid=4242 --regid=4242 --clear-groups -- "$0" "$@"
"#;

/// The processes of an account and their command lines, as the machine numbers them.
fn processes_of(uid: u32) -> Vec<(i32, String)> {
    let uids = format!("\nUid:\t{uid}\t");
    let pids = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = pids.filter(|pid: &i32| of_proc(*pid, "status").contains(&uids));
    own.map(|pid| (pid, of_proc(pid, "cmdline"))).collect()
}

fn of_proc(pid: i32, name: &str) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default()).into_owned()
}

/// What its descriptors are, as far as it is still there.
fn open_in(pid: i32) -> Vec<String> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    fds.filter_map(|fd| fs::read_link(fd.path()).ok()).map(|path| path.display().to_string()).collect()
}

/// While root is at work, this process and its ssh still hold the password.
#[test]
fn whoever_else_is_on_the_operators_machine_cannot_look_at_it() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    waits_for_the_gate(host);
    let arguments = ["--json", "--password-fd", "5"];
    let mut running = Running::start(site.wrapped(&["sh", "-ec", AS_OPERATOR], &arguments));
    running.write(format!("{PASSWORD}\n").as_bytes());
    eventually("root is at work", || host.run(&["test", "-e", "/run/waits"]).try_success().is_ok());
    let own = running.pid();
    let pipe = fs::read_link(format!("/proc/{own}/fd/5")).expect("the pipe that it came from");
    let pipe = pipe.display().to_string();
    assert!(pipe.starts_with("pipe:"), "{pipe}");
    // Root's, so that the operator's other programs may not read its memory (proc(5), ptrace(2)).
    assert_eq!(fs::metadata(format!("/proc/{own}/mem")).expect("it runs").uid(), 0);
    let all = processes_of(OPERATOR);
    assert!(all.iter().any(|(pid, line)| *pid == own && line.contains("sudoers-install")), "{all:?}");
    assert!(all.iter().any(|(_, line)| line.starts_with("/usr/bin/ssh")), "{all:?}");
    for (pid, line) in all {
        let limits = of_proc(pid, "limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
        assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{line}: {limits}");
        assert!(pid == own || !open_in(pid).contains(&pipe), "{line} has the descriptor of the password");
    }
    host.run(&["rm", "/run/gate"]).success();
    assert!(running.line().is_some_and(|row| row.contains("\"installed\"")));
    assert_eq!(running.status(), 0);
    assert_granted(host);
}

/// visudo(8) waits while /run/gate is there, and says so.
fn waits_for_the_gate(host: &Host) {
    const WAITS: &str = "#!/bin/sh\nwhile [ -e /run/gate ]; do : >/run/waits; sleep 0.05; done\n\
        exec /usr/sbin/visudo.real \"$@\"\n";
    host.run(&["mv", "/usr/sbin/visudo", "/usr/sbin/visudo.real"]).success();
    // The limit of the scripts is not to end the wait.
    host.run(&["mv", "/usr/bin/timeout", "/root/"]).success();
    host.write("/usr/sbin/visudo", WAITS, 0o755, "root:root");
    host.write("/run/gate", "", 0o644, "root:root");
}

/// Longest that PAM takes (PAM_MAX_RESP_SIZE in _pam_types.h, with its NUL).
const MAX_OF_PAM: usize = 511;
/// Longest that sudo takes (SUDO_CONV_REPL_MAX in sudo_plugin.h).
const MAX_OF_SUDO: usize = 1023;

#[test]
fn whatever_the_password_is_made_of_it_arrives_as_it_is() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    assert_told(&site.with(PASSWORD, &["--json"]), &[("one", "installed")]);
    let status = |input: &[u8]| with_input(site.command(&["status", "--json", "--password-fd", "0"]), input);
    for password in [
        b"  blanks at both ends\t ".as_slice(),
        b"   ",
        b"'\"'\"'`id`$(id)${IFS};&|<>*?[]{}~#!%:=",
        br"\n \\ \0 \x41 \\\",
        b"latin \xe9\xff\xc3",
        "snow \u{2603}".as_bytes(),
        b"-k",
        &[b'x'; MAX_OF_PAM],
    ] {
        let shown = String::from_utf8_lossy(password);
        set_password(host, ADMIN, password);
        let ends: [&[u8]; 3] = [b"", b"\n", b"\nand more\n"];
        for end in if password.len() > 3 { &ends[1..2] } else { &ends[..] } {
            let output = status(&[password, end].concat());
            assert_eq!(output.status.code(), Some(0), "{shown:?}: {output:?}");
            assert_told(&output, &[("one", "configured")]);
        }
    }
    assert_eq!(wrong_passwords(host), 0);
    for (input, code) in [
        (&[b'x'; MAX_OF_SUDO][..], "password-refused"),
        (&[b'x'; MAX_OF_SUDO + 1], "bad-password"),
        (b"a\0b\n", "bad-password"),
        (b"carriage return\r\n", "bad-password"),
        (b"\n", "empty-password"),
        (b"", "empty-password"),
    ] {
        let code = format!("\"code\":\"{code}\"");
        status(input).assert().code(1).stdout(contains(&*code).and(contains("configured").not()));
    }
}

/// In sudo's place, for the question to root: it has the password, and says it on standard error.
const REFUSES: &str = "read -r p\nprintf 'sorry: %s\\n' \"$p\" >&2\nexit 1\n";
/// The same with another status, and without an answer.
const FAILS: &str = "read -r p\nprintf 'sorry: %s\\n' \"$p\" >&2\nexit 7\n";
/// The same as if ssh said it, with the password where a quote is cut off.
const LOST: &str = "read -r p\nprintf '%0290d %s\\n' 0 \"$p\" >&2\nexit 255\n";
/// In an answer as root's script gives it, in hexadecimal digits; and in one that is none.
const ANSWERS: &str = r#"
read -r p
for nonce do case $nonce in ????????????????????????????????) break ;; esac; done
hex=$(printf %s "$p" | od -An -v -tx1 | tr -d ' \n')
printf '%s\n' "sudoers-install $nonce begin" state=refused code=busy "words=$hex" sha256= pending=no \
    probe=unasked "foreign=$hex" "legacy=$hex" "sudoers-install $nonce end"
"#;

#[test]
fn a_host_that_has_the_password_cannot_have_it_shown() {
    let Some(site) = Site::boot(["refuses", "fails", "lost", "answers"]) else { return };
    for (host, script) in site.hosts.iter().zip([REFUSES, FAILS, LOST, ANSWERS]) {
        host.run(&["mv", "/usr/bin/sudo", "/usr/bin/sudo.real"]).success();
        let sudo = format!("#!/bin/sh\n[ \"$2\" = -n ] && exit 1\n{script}");
        host.write("/usr/bin/sudo", sudo, 0o755, "root:root");
    }
    for arguments in [&["--keep-going", "--json"][..], &["--keep-going"]] {
        let output = site.with(PASSWORD, arguments);
        let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        // The beginning will do: JSON escapes the rest.
        let (part, digits) = (&PASSWORD[..7], "62617474657279");
        assert!(!said.iter().any(|text| text.contains(part) || text.contains(digits)), "{said:?}");
        assert!(said.concat().contains("[password]"), "{said:?}");
        if arguments.contains(&"--json") {
            let told = [
                ("refuses", "password-refused"),
                ("fails", "no-answer"),
                ("lost", "ssh-failed"),
                ("answers", "not-changed"),
            ];
            assert_told(&output, &told);
        }
    }
}
