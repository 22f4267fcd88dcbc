//! What sudoers-install reads out of sudoers files, against what real sudo does with them, and its lint.

use std::fs;
use std::path::Path;
use std::process::Command;

use bed::{Host, Terminal, capture};
use predicates::prelude::*;
use predicates::str::{contains, is_empty};
use serde_json::Value;
use sudoers_install::effective::{Asked, last_match_on};
use sudoers_install::sudoers::{
    Command as Allowed, CommandArguments, Grant, Kind, Member, Runas, Sudoers, Where, Who,
};

/// What sudo does when a user asks for a command.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Denied,
    Password,
    Free,
}

use Outcome::{Denied, Free, Password};

/// Rules for the user `op`, who is in the group `ops`; a command, and what sudo does.
const DECISIONS: [(&str, &str, Outcome); 44] = [
    ("op ALL=/usr/bin/echo", "/usr/bin/echo a", Password),
    ("op ALL=NOPASSWD: /usr/bin/echo", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo", "/usr/bin/id", Denied),
    ("op ALL=NOPASSWD: /bin/echo", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo \"\"", "/usr/bin/echo", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo \"\"", "/usr/bin/echo a", Denied),
    ("op ALL=NOPASSWD: /usr/bin/echo a b", "/usr/bin/echo a b", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo a b", "/usr/bin/echo a c", Denied),
    ("op ALL=NOPASSWD: /usr/bin/echo a *", "/usr/bin/echo a b c", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo a?", "/usr/bin/echo a/", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo [a-c]", "/usr/bin/echo d", Denied),
    ("op ALL=NOPASSWD: /usr/bin/echo \\*", "/usr/bin/echo x", Denied),
    ("op ALL=NOPASSWD: /usr/bin/echo a\\,b\\:c\\=d", "/usr/bin/echo a,b:c=d", Free),
    ("op ALL=NOPASSWD: /usr/bin/echo a#b", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: /usr/bin/ec*", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: /usr/*/echo", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: /usr/*", "/usr/bin/echo a", Denied),
    ("op ALL=NOPASSWD: /usr/bin/", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: /bin/", "/usr/bin/echo a", Free),
    ("op ALL=NOPASSWD: ALL, PASSWD: /usr/bin/id", "/usr/bin/id", Password),
    ("op ALL=NOPASSWD: ALL, !/usr/bin/id", "/usr/bin/id", Denied),
    ("op ALL=NOPASSWD: !/usr/bin/id, ALL", "/usr/bin/id", Free),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=ALL", "/usr/bin/id", Password),
    ("op ALL=ALL\n%ops ALL=NOPASSWD: /usr/bin/id", "/usr/bin/id", Free),
    ("%ops,!op ALL=NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("!op,%ops ALL=NOPASSWD: ALL", "/usr/bin/id", Free),
    ("OP ALL=NOPASSWD: ALL", "/usr/bin/id", Free),
    ("ALL,!root ALL=NOPASSWD: ALL", "/usr/bin/id", Free),
    ("op host=NOPASSWD: ALL", "/usr/bin/id", Free),
    ("op other=NOPASSWD: ALL : ho*=/usr/bin/id", "/usr/bin/id", Password),
    ("op ALL,!host=NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("op ALL=(nobody) NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("op ALL=(nobody) NOPASSWD: /usr/bin/echo, /usr/bin/id", "/usr/bin/id", Denied),
    ("op ALL=(ALL,!root) NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("op ALL=(:ops) NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("op ALL=(#0) NOPASSWD: ALL", "/usr/bin/id", Free),
    ("Cmnd_Alias C = ALL, !/usr/bin/id\nop ALL=NOPASSWD: C", "/usr/bin/id", Denied),
    ("Cmnd_Alias C = ALL, !/usr/bin/id\nop ALL=NOPASSWD: !C", "/usr/bin/id", Free),
    ("User_Alias A = %ops, !op\nALL, A ALL=NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("User_Alias A = op\nALL, !A ALL=NOPASSWD: ALL", "/usr/bin/id", Denied),
    ("Defaults !authenticate\nop ALL=ALL", "/usr/bin/id", Free),
    ("Defaults!/usr/bin/id !authenticate\nop ALL=ALL", "/usr/bin/id", Free),
    ("Defaults:%ops !authenticate\nop ALL=PASSWD: ALL", "/usr/bin/id", Password),
    ("Defaults exempt_group=ops\nop ALL=ALL", "/usr/bin/id", Free),
];

#[test]
fn the_last_match_is_what_sudo_does() {
    let Some(host) = Host::boot() else { return };
    let uid = host.user("op");
    host.run(&["groupadd", "--gid", "4242", "ops"]).success();
    host.run(&["usermod", "--append", "--groups", "ops", "op"]).success();
    let groups = [(uid, "op".to_owned()), (4242, "ops".to_owned())];
    for (text, line, expected) in DECISIONS {
        host.write("/etc/sudoers", format!("root ALL=(ALL) ALL\n{text}\n"), 0o440, "root:root");
        let words: Vec<&str> = line.split(' ').collect();
        let really = really(&host, &words);
        assert_eq!(really, expected, "sudo: {text}: {line}");
        let sudoers = Sudoers::parse(&host.read("/etc/sudoers"), Path::new("/etc/sudoers"));
        assert_eq!(sudoers.faults, [], "{text}");
        let arguments: Vec<String> = words[1..].iter().map(|word| (*word).to_owned()).collect();
        let asked = Asked { user: "op", uid, groups: &groups, program: words[0], arguments: &arguments };
        let ours = match last_match_on(&sudoers, &asked, "host") {
            Some(found) if found.allowed && found.runas_root => {
                assert!(found.certain, "{text}: {line}: {found:?}");
                if found.password { Password } else { Free }
            }
            _ => Denied,
        };
        assert_eq!(ours, really, "{text}: {line}");
    }
}

/// What sudo does: it tells root whether a command is allowed, and runs it when no password is needed.
fn really(host: &Host, words: &[&str]) -> Outcome {
    let run = capture(host.command_as("op", &[&["sudo", "-k", "-n", "--"], words].concat()));
    let listed = host.run(&[&["sudo", "-l", "-U", "op", "--"], words].concat());
    let allowed = listed.get_output().status.success();
    match (run.status.success(), allowed) {
        (true, true) => Free,
        (false, true) => Password,
        (false, false) => Denied,
        (true, false) => panic!("{words:?} ran and is not allowed"),
    }
}

/// One command of a rule, in words that both readers have.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    users: Vec<String>,
    hosts: Vec<String>,
    runas: Vec<String>,
    groups: Vec<String>,
    password: Option<bool>,
    command: String,
}

#[test]
fn the_rules_are_those_that_cvtsudoers_reads() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/sudoers");
    let folder = tempfile::tempdir().expect("a folder");
    let mut compared = 0;
    for name in ["debian", "cloud-init", "rhel", "bad", "words"] {
        let text = fs::read_to_string(corpus.join(name)).expect("a file of the corpus");
        // The folder of this machine is nobody's business here.
        let own: Vec<&str> = text.lines().filter(|line| !line.contains("includedir /")).collect();
        let text = own.join("\n") + "\n";
        let file = folder.path().join(name);
        fs::write(&file, &text).expect("written");
        let theirs = Command::new("cvtsudoers").args(["-f", "json"]).arg(&file).output();
        let theirs = theirs.expect("cvtsudoers of the package sudo");
        assert!(theirs.status.success(), "{name}: {}", String::from_utf8_lossy(&theirs.stderr));
        let theirs = theirs_of(&String::from_utf8_lossy(&theirs.stdout));
        let sudoers = Sudoers::parse(&text, &file);
        assert_eq!(sudoers.faults, [], "{name}");
        assert_eq!(ours_of(&sudoers), theirs, "{name}");
        compared += theirs.len();
    }
    assert!(compared > 25, "{compared}");
}

fn theirs_of(json: &str) -> Vec<Row> {
    // Of 1.9.13 the value of CWD is no JSON: it has no braces.
    let json = json.replace("\"runcwd\": \"/tmp\"", "{ \"runcwd\": \"/tmp\" }");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let names = |value: &Value| list(value).iter().map(name_of).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for rule in list(&json["User_Specs"]) {
        for spec in list(&rule["Cmnd_Specs"]) {
            let password = list(&spec["Options"]).iter().find_map(|option| option["authenticate"].as_bool());
            rows.extend(list(&spec["Commands"]).iter().map(|command| Row {
                users: names(&rule["User_List"]),
                hosts: names(&rule["Host_List"]),
                runas: names(&spec["runasusers"]),
                groups: names(&spec["runasgroups"]),
                password,
                command: name_of(command),
            }));
        }
    }
    rows
}

/// The one value of a member that is not about it, with `!` before it.
fn name_of(member: &Value) -> String {
    let object = member.as_object().expect("a member");
    let about = |key: &str| key == "negated" || key.starts_with("sha");
    let name = object.iter().find(|(key, _)| !about(key)).map(|(_, value)| value).expect("a value");
    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
    if object.contains_key("negated") { format!("!{name}") } else { name }
}

fn ours_of(sudoers: &Sudoers) -> Vec<Row> {
    let mut rows = Vec::new();
    for entry in &sudoers.entries {
        let Kind::Rule(rule) = &entry.kind else { continue };
        for granted in &rule.grants {
            rows.extend(granted.grants.iter().map(|grant| Row {
                users: names(&rule.users, who),
                hosts: names(&granted.hosts, place),
                runas: runas_users(grant.runas.as_ref()),
                groups: grant.runas.as_ref().map(|runas| names(&runas.groups, group)).unwrap_or_default(),
                password: grant.password,
                command: command(grant),
            }));
        }
    }
    rows
}

/// `()` is written out as an empty name.
fn runas_users(runas: Option<&Runas>) -> Vec<String> {
    match runas {
        Some(runas) if runas.users.is_empty() && runas.groups.is_empty() => vec![String::new()],
        Some(runas) => names(&runas.users, who),
        None => Vec::new(),
    }
}

fn names<T>(members: &[Member<T>], name: impl Fn(&T) -> String) -> Vec<String> {
    let one = |member: &Member<T>| format!("{}{}", if member.negated { "!" } else { "" }, name(&member.what));
    members.iter().map(one).collect()
}

fn who(who: &Who) -> String {
    match who {
        Who::All => "ALL".to_owned(),
        Who::Uid(id) | Who::Gid(id) => id.to_string(),
        Who::Alias(name)
        | Who::Name(name)
        | Who::Group(name)
        | Who::Netgroup(name)
        | Who::OtherGroup(name) => name.clone(),
    }
}

/// A gid of `(user:#gid)` keeps its sign.
fn group(group: &Who) -> String {
    match group {
        Who::Uid(gid) => format!("#{gid}"),
        other => who(other),
    }
}

fn place(place: &Where) -> String {
    match place {
        Where::All => "ALL".to_owned(),
        Where::Alias(name) | Where::Name(name) | Where::Network(name) | Where::Netgroup(name) => name.clone(),
    }
}

fn command(grant: &Grant) -> String {
    let (name, arguments) = match &grant.command.what {
        Allowed::All => ("ALL", &CommandArguments::Any),
        Allowed::List => ("list", &CommandArguments::Any),
        Allowed::Alias(name) => (name.as_str(), &CommandArguments::Any),
        Allowed::Sudoedit(arguments) => ("sudoedit", arguments),
        Allowed::Program { path, arguments, .. } => (path.as_str(), arguments),
    };
    let arguments = match arguments {
        CommandArguments::Any => String::new(),
        CommandArguments::None => " \"\"".to_owned(),
        CommandArguments::Text(text) => format!(" {text}"),
    };
    format!("{}{name}{arguments}", if grant.command.negated { "!" } else { "" })
}

#[test]
fn lint_tells_of_the_ways_to_root_and_ends_with_one_when_there_are_any() {
    let Some(host) = Host::boot() else { return };
    host.install("sudoers-install");
    let lint = |words: &[&str]| host.run(&[&["sudoers-install", "lint"], words].concat());
    let shipped = host.read("/etc/sudoers");
    lint(&[]).code(0).stdout(is_empty()).stderr(is_empty());
    lint(&["--json"]).code(0).stdout(is_empty()).stderr(is_empty());

    host.user("agent");
    host.write(
        "/etc/sudoers.d/90-cloud-init-users",
        "# made\nagent ALL=(ALL) NOPASSWD:ALL\n",
        0o440,
        "root:root",
    );
    host.write("/etc/sudoers.d/agent.conf", "agent ALL=ALL\n", 0o440, "root:root");
    host.write("/home/agent/run", "#!/bin/sh\n", 0o755, "agent:agent");
    let rules = "agent ALL=(root) /home/agent/run \"\", /home/agent/new, \\\n  /usr/bin/find\nnonsense\n";
    host.write("/etc/sudoers.d/rules", rules, 0o440, "root:root");
    lint(&[])
        .code(1)
        .stdout(contains("/etc/sudoers.d/90-cloud-init-users:2: agent may run every command as root without a password; instead: "))
        .stdout(contains("/etc/sudoers.d/agent.conf:1: sudo does not read agent.conf: "))
        .stdout(contains("/etc/sudoers.d/rules:1: /home/agent does not belong to root: whoever can change /home/agent/run is root"))
        .stdout(contains("/etc/sudoers.d/rules:1: /home/agent does not belong to root, and /home/agent/new is missing"))
        .stdout(contains("/etc/sudoers.d/rules:2: agent may run /usr/bin/find: "))
        .stderr(contains("sudoers-install: /etc/sudoers.d/rules:3: not understood here: "))
        .stderr(contains("see visudo -c"));
    let json = lint(&["--json"]).code(1);
    let lines = String::from_utf8_lossy(&json.get_output().stdout).into_owned();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let codes: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["code"].as_str().expect("a code"), line["file"].as_str().expect("a file")))
        .collect();
    for expected in [
        ("nopasswd-all", "/etc/sudoers.d/90-cloud-init-users"),
        ("ignored-file", "/etc/sudoers.d/agent.conf"),
        ("writable-command", "/etc/sudoers.d/rules"),
        ("missing-command", "/etc/sudoers.d/rules"),
        ("escape", "/etc/sudoers.d/rules"),
        ("not-understood", "/etc/sudoers.d/rules"),
    ] {
        assert!(codes.contains(&expected), "{expected:?}: {codes:?}");
    }
    assert!(lines.iter().all(|line| line["why"].is_string() && line["line"].is_u64()), "{lines:?}");

    // Files that are handed in, whoever they belong to; what is only not understood is no way to root.
    host.write("/tmp/good", shipped.replace("@includedir", "#"), 0o644, "agent:agent");
    lint(&["/tmp/good"]).code(0).stdout(is_empty());
    host.write("/tmp/odd", "nonsense\n", 0o644, "agent:agent");
    lint(&["/tmp/odd", "/tmp/good"])
        .code(0)
        .stdout(is_empty())
        .stderr(contains("/tmp/odd:1: not understood here"));
    // Nor is a program that nobody has judged.
    host.write("/tmp/own", "agent ALL=(root) NOPASSWD: /usr/local/sbin/deploy web\n", 0o644, "agent:agent");
    lint(&["/tmp/own"]).code(0).stdout(is_empty()).stderr(contains(
        "/tmp/own:1: agent may run /usr/local/sbin/deploy web: nothing is known here of this program; ",
    ));
    lint(&["/tmp/own", "--json"]).code(0).stdout(contains("\"code\":\"unknown-program\"")).stderr(is_empty());
    host.write("/tmp/bad", "Defaults !authenticate\n", 0o644, "agent:agent");
    lint(&["/tmp/good", "/tmp/bad"]).code(1).stdout(contains("/tmp/bad:1: no password is asked for"));
    lint(&["/tmp/none"]).code(1).stdout(is_empty()).stderr(contains("/tmp/none: No such file"));
    lint(&["/tmp/none", "--json"])
        .code(1)
        .stdout(contains("\"code\":\"sudoers-unreadable\""))
        .stderr(is_empty());
    lint(&["--wrong"]).code(2).stdout(is_empty());
    let as_agent = host.run_as("agent", &["sudoers-install", "lint"]);
    as_agent.code(1).stderr(contains("/etc/sudoers: Permission denied").and(contains("panic").not()));
    // A hostile name moves no cursor.
    host.write("/tmp/hostile", "\"a\u{1b}[2J\" ALL=NOPASSWD: ALL\n", 0o644, "agent:agent");
    lint(&["/tmp/hostile"]).code(1).stdout(contains("a\\u{1b}[2J may run").and(contains("\u{1b}").not()));
}

#[test]
fn a_command_that_nobody_has_judged_is_installed_with_a_warning() {
    let Some(host) = Host::boot() else { return };
    host.install("sudoers-install");
    host.user("agent");
    host.write("/usr/local/sbin/deploy", "#!/bin/sh\n", 0o755, "root:root");
    let install = ["sudoers-install", "install", "--json", "--user", "agent"];
    let commands = ["--command", "/usr/bin/systemctl restart ssh", "--command", "/usr/local/sbin/deploy web"];
    for more in [&["--dry-run"][..], &[]] {
        let done = host.run(&[&install, more, &commands].concat()).success();
        let warned = "sudoers-install: --command '/usr/local/sbin/deploy web': nothing is known here of this program; ";
        let done = done.stderr(contains(warned).and(contains("systemctl").not()));
        let object: Value = serde_json::from_slice(&done.get_output().stdout).expect("JSON");
        let warnings = object["warnings"].as_array().expect("a list");
        assert_eq!(warnings.len(), 1, "{object}");
        assert_eq!(warnings[0]["code"], "unknown-program", "{object}");
        assert_eq!(warnings[0]["command"], "/usr/local/sbin/deploy web", "{object}");
        assert!(
            warnings[0]["warning"].as_str().is_some_and(|said| said.contains("nothing is known")),
            "{object}"
        );
    }
    let known = [&install[..], &["--command", "/usr/bin/apt update"]].concat();
    host.run(&known).success().stdout(contains("\"warnings\":[]")).stderr(is_empty());
}

/// Rules with the same words in another order, what the agent asks for, and whether a pager of root's starts.
const PAGED: [(&str, &[&str], bool); 6] = [
    ("systemctl status ssh", &["status", "ssh"], true),
    ("systemctl status ssh --no-pager", &["status", "ssh --no-pager"], true),
    ("systemctl --no-pager status ssh", &["--no-pager", "status", "ssh"], false),
    ("systemctl --no-pager status ssh", &["--no-pager status", "ssh"], false),
    ("systemctl --no-pager status ssh", &["--no-pager", "status ssh"], false),
    ("systemctl enable ssh", &["enable", "ssh"], false),
];

#[test]
fn an_option_that_keeps_the_pager_away_counts_only_where_it_cannot_be_joined_to_a_word() {
    let Some(host) = Host::boot() else { return };
    host.install("sudoers-install");
    host.user("agent");
    let pager = "#!/bin/sh\nid -u >/run/paged\nexec cat\n";
    // The only one that systemctl starts for root's sake where somebody else has logged in.
    host.write("/usr/bin/less", pager, 0o755, "root:root");
    for (command, words, pages) in PAGED {
        let rule = format!("agent ALL=(root) NOPASSWD: /usr/bin/{command}\n");
        host.write("/etc/sudoers.d/rule", rule, 0o440, "root:root");
        host.run(&["sudoers-install", "lint"]).code(i32::from(pages));
        host.run(&["rm", "-f", "/run/paged"]).success();
        // For a terminal that can do nothing systemctl starts no pager.
        let line = [&["env", "TERM=xterm", "sudo", "-n", "/usr/bin/systemctl"], words].concat();
        let session = [&Terminal::session()[..], &line].concat();
        let running = Terminal::open().run(host.command_as("agent", &session));
        let said = running.rest();
        assert!(!said.iter().any(|line| line.contains("password is required")), "{command}: {said:?}");
        running.status();
        let paged = host.run(&["cat", "/run/paged"]);
        assert_eq!(paged.get_output().stdout == b"0\n", pages, "{words:?}: {said:?}");
    }
}
