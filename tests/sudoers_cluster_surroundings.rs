//! `sudoers-install cluster` whatever its caller, the login and the agent have left lying about.

use assert_cmd::assert::OutputAssertExt;
use bed::capture;
use bed::site::{ADMIN, AGENT, PASSWORD, Site, assert_granted, assert_told, passwordless, rows, with_input};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

/// For sh: names that an installer which copies through /tmp would use, or could not use any more.
const TAKEN: &str = "
umask 077; echo 'ai-agent ALL=(ALL) NOPASSWD: ALL' >/tmp/systems-manager-sudoers
ln -s /etc/sudoers.d/evil /tmp/sudoers-install; mkdir /tmp/zz-sudo-helper-ai-agent
";

#[test]
fn what_a_login_has_left_on_its_host_changes_nothing() {
    let Some(site) = Site::boot(["ticket", "limits", "names"]) else { return };
    // One password typed there would do for all that follows, from anywhere (sudoers(5)).
    for host in &site.hosts {
        host.write("/etc/sudoers.d/zzz", "Defaults timestamp_type=global\n", 0o440, "root:root");
    }
    let ticket = || site.host("ticket").command_as(ADMIN, &["sudo", "-S", "-p", "", "-v"]);
    with_input(ticket(), format!("{PASSWORD}\n").as_bytes()).assert().success();
    site.host("ticket").run_as(ADMIN, &["sudo", "-n", "true"]).success();
    // Soft ones: to raise hard ones takes a capability that root of a test host may not have (setrlimit(2)).
    let limits = format!("{ADMIN} soft fsize 0\n{ADMIN} soft nofile 24\n{ADMIN} soft cpu 1\n");
    site.host("limits").write("/etc/security/limits.d/test.conf", limits, 0o644, "root:root");
    // Not every distribution has it set limits anew.
    site.host("limits").run(&["sed", "-i", "/pam_limits/d", "/etc/pam.d/sudo"]).success();
    site.host("names").run_as(AGENT, &["sh", "-ec", TAKEN]).success();
    site.host("names").run(&["chmod", "0755", "/tmp"]).success();
    let dry = site.run(&["--json", "--dry-run"]);
    for (name, row) in rows(&dry) {
        assert_eq!(
            (&row["code"], &row["password"]),
            (&"would-install".into(), &true.into()),
            "{name}: {row}"
        );
    }
    let all = |code| ["ticket", "limits", "names"].map(|name| (name, code));
    assert_told(&site.with(PASSWORD, &["--json"]), &all("installed"));
    for host in &site.hosts {
        assert_granted(host);
        host.run(&["test", "-e", "/etc/sudoers.d/evil"]).failure();
    }
    // Nor does it leave a ticket that others could use.
    site.host("limits").run_as(ADMIN, &["sudo", "-n", "true"]).failure();
}

#[test]
fn an_inventory_may_come_out_of_a_pipe_of_the_shells_and_a_fifo_is_not_waited_for() {
    let Some(site) = Site::boot(["one"]) else { return };
    let arguments = ["cluster", "--json", "--dry-run", "--user", AGENT];
    let run = |inventory: &str| {
        let script = format!("cd /root; exec timeout 30 \"$0\" \"$@\" --inventory {inventory}");
        capture(site.operator.wrapped(&["bash", "-c", &script], "sudoers-install", &arguments))
    };
    assert_told(&run("<(sleep 0.2; cat inventory.yaml)"), &[("one", "would-install")]);
    assert_told(&run("- <inventory.yaml"), &[("one", "would-install")]);
    mkfifo(&site.operator.path("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).expect("a fifo");
    let output = run("fifo");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("--inventory - on standard input"),
        "{output:?}"
    );
}

/// For bash: an answer to the survey in which a line is another one.
const FORGES: &str = r#"
asked=$BASH_EXECUTION_STRING
case $asked in
*sudoers-install*)
    unset BASH_ENV
    ( eval "$asked" ) | sed -u -f "$HOME/forged"
    exit 0 ;;
esac
"#;
/// Most bytes of a row, and of the table of one.
const ROW: usize = 8 << 10;

#[test]
fn what_a_host_says_cannot_flood_the_operator() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let many: String = (0..20_000).map(|number| format!("{number:05}\n")).collect();
    let long = "\u{202e}\u{2066}x\u{9b}2J".repeat(7000);
    for (forged, code) in [
        (format!("s/^legacy=.*/legacy={}/\n", hex(&many)), "would-install"),
        (
            format!("s/^helper=.*/helper=missing/\ns/^helper_at=.*/helper_at={}/\n", hex(&long)),
            "helper-missing",
        ),
        (format!("s/^legacy=.*/{}/\n", "x".repeat(100_000)), "no-answer"),
    ] {
        host.write("/home/admin/forged", forged, 0o644, ADMIN);
        host.write("/home/admin/.bashrc", FORGES, 0o644, ADMIN);
        let row = site.run(&["--json", "--dry-run"]);
        assert_told(&row, &[("one", code)]);
        let table = site.run(&["--dry-run"]);
        for text in [&row.stdout, &row.stderr, &table.stdout, &table.stderr] {
            assert!(text.len() < ROW, "{code}: {} bytes", text.len());
            assert!(!String::from_utf8_lossy(text).contains(['\u{202e}', '\u{2066}', '\u{9b}']), "{code}");
        }
    }
}

#[test]
fn a_caller_who_hands_down_little_gets_the_same() {
    let Some(site) = Site::boot(["one"]) else { return };
    let host = site.host("one");
    passwordless(host);
    for how in [
        "ulimit -n 32; ulimit -t 60; exec \"$0\" \"$@\"",
        "exec \"$0\" \"$@\" <&- >&- 2>&-",
        "exec \"$0\" \"$@\" >/dev/full 2>&1",
        "trap '' PIPE INT TERM CHLD; \"$0\" \"$@\" 2>/dev/null | true",
        "umask 0; exec env -i HOME=/root \"$0\" \"$@\"",
    ] {
        let output = capture(site.wrapped(&["sh", "-c", how], &["--json"]));
        assert!(output.stderr.is_empty(), "{how}: {output:?}");
        assert_granted(host);
        assert_told(&site.run(&["--json", "remove"]), &[("one", "removed")]);
    }
}
