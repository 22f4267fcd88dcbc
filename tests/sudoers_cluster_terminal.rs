//! `sudoers-install cluster` at a terminal: what it asks there, and how it leaves it.

use std::fs;

use bed::site::{AGENT, PASSWORD, Site, assert_granted, assert_untouched, passwordless, wrong_passwords};
use bed::{Running, Settings, Terminal, eventually, signal};

/// Where keys are signals, lines are gathered, and what is typed shows.
const ORDINARY: [bool; 3] = [true; 3];

/// A call at a terminal of its own.
fn at_terminal<const N: usize>(site: &Site<N>, arguments: &[&str]) -> (Running, Settings) {
    let own = [&["cluster", "--inventory", "/root/inventory.yaml"], arguments].concat();
    // Under nohup(1), say, SIGHUP would end nothing.
    let session = [&["env", "--default-signal"][..], &Terminal::session()].concat();
    let mut command = site.operator.wrapped(&session, "sudoers-install", &own);
    command.env("TERM", "xterm");
    let terminal = Terminal::open();
    let settings = terminal.settings();
    assert_eq!(settings.of_keys(), ORDINARY);
    (terminal.run(command), settings)
}

/// The prompt has no newline; that nothing typed would show is what tells of it.
fn types_password(running: &mut Running, settings: &Settings, password: &str) {
    eventually("it asks for the password", || !settings.of_keys()[0]);
    running.write(format!("{password}\n").as_bytes());
}

/// All that it says from now on, once nobody looks at the terminal any more.
fn end(running: Running, settings: Settings) -> (String, i32) {
    drop(settings);
    let said = running.rest().join("\n");
    (said, running.status())
}

/// The lines up to one that holds a text.
fn up_to(running: &Running, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains(text)) {
        lines.push(running.line().unwrap_or_else(|| panic!("{text:?} was not said: {lines:?}")));
    }
    lines
}

/// The program itself, below what runs it, as the machine numbers it; not one that has ended.
fn found(pid: i32) -> Option<i32> {
    let program = |pid: i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').next().is_some_and(|program| program.ends_with("/sudoers-install"))
    };
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    [pid].into_iter().chain(children).find(|pid| program(*pid))
}

fn called(running: &Running) -> i32 {
    found(running.pid()).expect("it runs")
}

#[test]
fn one_prompt_serves_all_hosts() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    let (mut running, settings) = at_terminal(&site, &["--user", AGENT]);
    types_password(&mut running, &settings, PASSWORD);
    let (said, status) = end(running, settings);
    assert_eq!((said.matches("sudo password for 2 hosts: ").count(), status), (1, 0), "{said}");
    assert!(said.contains("2 hosts: 2 installed") && !said.contains(PASSWORD), "{said}");
    assert!(said.contains("/2 hosts"), "a bar: {said}");
    site.hosts.iter().for_each(assert_granted);
}

#[test]
fn whatever_ends_the_prompt_the_terminal_is_as_it_was_and_nothing_is_done() {
    let Some(site) = Site::boot(["asks", "asks-not"]) else { return };
    passwordless(site.host("asks-not"));
    type Ending = fn(&mut Running);
    let endings: [(&str, Ending); 5] = [
        ("the key that interrupts", |running| running.write(b"half\x03")),
        ("the key that ends input", |running| running.write(b"\x04")),
        ("an empty line", |running| running.write(b"\n")),
        ("SIGTERM", |running| signal(called(running), libc::SIGTERM)),
        ("SIGHUP", |running| signal(called(running), libc::SIGHUP)),
    ];
    for (what, ending) in endings {
        let (mut running, settings) = at_terminal(&site, &["--user", AGENT]);
        eventually("it asks for the password", || !settings.of_keys()[0]);
        ending(&mut running);
        let pid = running.pid();
        eventually(what, || found(pid).is_none());
        assert_eq!(settings.of_keys(), ORDINARY, "{what}");
        let (said, status) = end(running, settings);
        assert!(status != 0 && !said.contains("half"), "{what}: {status} {said}");
        for host in &site.hosts {
            assert_untouched(host);
            assert_eq!(wrong_passwords(host), 0, "{what}");
        }
    }
}

#[test]
fn the_granted_login_is_told_the_password_after_a_yes_alone() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    const QUESTION: &str = "The login is the account that gets the rule on one, two.";
    for no in ["n\n", "\n", "nonsense\n", "\x04"] {
        let (mut running, settings) = at_terminal(&site, &[]);
        up_to(&running, QUESTION);
        running.write(no.as_bytes());
        let (said, status) = end(running, settings);
        assert_eq!(status, 1, "{no:?}: {said}");
        assert_eq!(said.matches("one: failed (login-grantee)").count(), 1, "{no:?}: {said}");
        assert!(said.contains("2 hosts: 2 failed") && !said.contains("sudo password"), "{no:?}: {said}");
        site.hosts.iter().for_each(assert_untouched);
    }
    let (mut running, settings) = at_terminal(&site, &[]);
    up_to(&running, QUESTION);
    running.write(b"y\n");
    types_password(&mut running, &settings, PASSWORD);
    let (said, status) = end(running, settings);
    assert_eq!((said.matches("sudo password for 2 hosts: ").count(), status), (1, 0), "{said}");
    assert!(said.contains("2 hosts: 2 installed"), "{said}");
}
