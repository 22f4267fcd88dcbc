//! The rules of sudoers-install, as the real sudo, visudo and cvtsudoers and those of sudo-rs read them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bed::{Bed, accounts, capture, sudo_rs};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use sudoers_install::account::Account;
use sudoers_install::command_line::CommandLine;
use sudoers_install::drop_in::{DropIn, Grant};
use sudoers_install::helper::{Helper, plain_path};

/// What the rules of these tests allow: it says who runs it.
const TOOL: &str = "#!/bin/sh\nid -u\n";
/// Names that accounts may have, from directories above all, and that sudoers(5) could read otherwise.
const HOSTILE: [&str; 23] = [
    "alice",
    "john.doe",
    "DOM\\bob",
    "jane doe",
    "BUILD",
    "Defaults",
    "User_Alias",
    "%x",
    "x#1100",
    "sudoedit",
    "list",
    "0day2",
    "a=b",
    "a!b",
    "!b",
    "(x)",
    "\"q\"",
    "b\\",
    "é",
    "sub$",
    "su$b",
    "al@example.org",
    "root ",
];
/// Names that no rule can be for.
const REFUSED: [&str; 6] = ["ALL", "a,b", "ctl\u{1}", "-x", "+net", "#1100"];
/// Who must not gain by the rule of somebody else, above all where a name is misread.
const BYSTANDERS: [&str; 5] = ["bob", "a", "b", "john", "x"];
const FIRST_UID: u32 = 1100;

/// A bed with those accounts, a uid of 2^31, a name of 256 bytes, and a tool of root's; `None` without root.
fn bed() -> Option<(Bed, Vec<(String, u32)>)> {
    let bed = Bed::new(&[])?;
    let long = "l".repeat(256);
    let names = HOSTILE.into_iter().chain(REFUSED).chain(BYSTANDERS).chain([long.as_str()]);
    let mut known: Vec<(String, u32)> = names.map(str::to_owned).zip(FIRST_UID..).collect();
    known.push(("far".to_owned(), 1 << 31));
    let lines = |form: &dyn Fn(&str, u32) -> String| -> String {
        known.iter().map(|(name, uid)| form(name, *uid)).collect()
    };
    let passwd = lines(&|name, uid| format!("{name}:x:{uid}:{uid}::/:/bin/sh\n"));
    let shadow = lines(&|name, _| format!("{name}:*:19000:0:99999:7:::\n"));
    bed.etc("passwd", &(accounts::PASSWD.to_owned() + &passwd));
    bed.etc("shadow", &(accounts::shadow() + &shadow));
    bed.etc("sudoers", "Defaults !syslog, !lecture\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n");
    bed.file("bin/tool", TOOL, 0, 0o755);
    let rs = fs::read(sudo_rs("sudo")).expect("it was built");
    bed.file("bin/sudo-rs", rs, 0, 0o4755);
    Some((bed, known))
}

fn output(bed: &Bed, words: &[&str]) -> Output {
    capture(bed.command(words))
}

/// What both visudos say of a file: `None` when they take it.
fn complaint(bed: &Bed, file: &Path) -> Option<String> {
    let (file, rs) = (file.to_str().expect("a path"), sudo_rs("visudo"));
    let both = [vec!["visudo", "-c", "-s", "-f", file], vec![rs.to_str().expect("a path"), "-c", "-f", file]];
    both.iter().find_map(|words| {
        let said = output(bed, words);
        let warned = String::from_utf8_lossy(&said.stderr).into_owned();
        (!said.status.success() || warned.contains("arning")).then(|| format!("{words:?}: {said:?}"))
    })
}

/// Every grant of a file as cvtsudoers(1) reads it: user, host, runas, options, command.
fn grants(bed: &Bed, file: &Path) -> Vec<[String; 5]> {
    let said = output(bed, &["cvtsudoers", "-f", "json", file.to_str().expect("a path")]);
    assert!(said.status.success(), "{said:?}");
    let json: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["User_Specs"]);
    let list =
        |value: &Value, key: &str| value[key].as_array().unwrap_or_else(|| panic!("{key}: {value}")).clone();
    let mut grants = Vec::new();
    for spec in list(&json, "User_Specs") {
        for cmnd in list(&spec, "Cmnd_Specs") {
            assert!(cmnd.get("runasgroups").is_none(), "{cmnd}");
            for user in list(&spec, "User_List") {
                for command in list(&cmnd, "Commands") {
                    let fields = [&user, &spec["Host_List"], &cmnd["runasusers"], &cmnd["Options"], &command];
                    grants.push(fields.map(Value::to_string));
                }
            }
        }
    }
    grants
}

/// What [`grants`] has to find.
fn intended(drop_in: &DropIn) -> Vec<[String; 5]> {
    let user = match drop_in.token.strip_prefix('#') {
        Some(uid) => format!(r#"{{"userid":{uid}}}"#),
        None => serde_json::json!({ "username": drop_in.token }).to_string(),
    };
    let commands = match &drop_in.grant {
        Grant::Helper(path) => vec![path.to_str().expect("UTF-8").to_owned()],
        Grant::Commands(commands) => {
            let words = |command: &CommandLine| match command.arguments.as_slice() {
                [] => format!("{} \"\"", command.program),
                arguments => format!("{} {}", command.program, arguments.join(" ")),
            };
            commands.iter().map(words).collect()
        }
    };
    let grant = |command| {
        let command = serde_json::json!({ "command": command }).to_string();
        let [host, root, options] =
            [r#"[{"hostname":"ALL"}]"#, r#"[{"username":"root"}]"#, r#"[{"authenticate":false}]"#];
        [user.clone(), host.to_owned(), root.to_owned(), options.to_owned(), command]
    };
    commands.into_iter().map(grant).collect()
}

fn command_line(text: &str) -> CommandLine {
    CommandLine::parse(text).unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs a command through a sudo as an account.
fn ask(bed: &Bed, sudo: &str, uid: u32, words: &[&str]) -> Output {
    let mut command: Command = bed.command(&[&[sudo, "-k", "-n", "--"], words].concat());
    command.uid(uid).gid(uid);
    capture(command)
}

fn install(drop_in: &DropIn) -> PathBuf {
    let path = Path::new("/etc/sudoers.d").join(drop_in.file_name());
    fs::write(&path, drop_in.render()).expect("written");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o440)).expect("set");
    path
}

#[test]
fn whatever_an_account_is_called_its_rule_is_its_own_under_sudo_and_sudo_rs() {
    let Some((bed, known)) = bed() else { return };
    for (name, uid) in &known {
        if REFUSED.contains(&name.as_str()) {
            assert_eq!(Account::named(name).expect_err("refused").code, "bad-user", "{name:?}");
            continue;
        }
        let account = Account::named(name).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!((account.uid, &account.name), (*uid, name));
        let drop_in = DropIn::commands(&account, &[command_line("/mnt/bin/tool go")]);
        let path = install(&drop_in);
        assert_eq!(complaint(&bed, &path), None, "{name:?}");
        assert_eq!(grants(&bed, &path), intended(&drop_in), "{name:?}");
        for sudo in ["sudo", "sudo-rs"] {
            let said = ask(&bed, sudo, *uid, &["/mnt/bin/tool", "go"]);
            assert_eq!(String::from_utf8_lossy(&said.stdout), "0\n", "{sudo} for {name:?}: {said:?}");
            for (other, uid) in
                known.iter().filter(|(other, _)| other != name && BYSTANDERS.contains(&other.as_str()))
            {
                let said = ask(&bed, sudo, *uid, &["/mnt/bin/tool", "go"]);
                assert!(
                    !said.status.success() && said.stdout.is_empty(),
                    "{other} by {sudo} for {name:?}: {said:?}"
                );
            }
        }
        fs::remove_file(path).expect("removed");
    }
}

#[test]
fn files_of_all_accounts_stand_beside_each_other() {
    let Some((bed, known)) = bed() else { return };
    let fit = known.iter().filter_map(|(name, _)| Account::named(name).ok());
    let written: Vec<(Account, DropIn)> = fit
        .map(|account| (account.clone(), DropIn::commands(&account, &[command_line("/mnt/bin/tool go")])))
        .collect();
    let paths: std::collections::BTreeSet<PathBuf> =
        written.iter().map(|(_, drop_in)| install(drop_in)).collect();
    assert_eq!(paths.len(), written.len(), "a file each");
    output(&bed, &["visudo", "-c"]).status.success().then_some(()).expect("the whole is valid");
    for (account, drop_in) in &written {
        let said = ask(&bed, "sudo", account.uid, &["/mnt/bin/tool", "go"]);
        assert_eq!(String::from_utf8_lossy(&said.stdout), "0\n", "{account:?}: {said:?}");
        let text = fs::read_to_string(Path::new("/etc/sudoers.d").join(drop_in.file_name())).expect("read");
        assert_eq!(DropIn::parse(&text).as_ref(), Some(drop_in));
    }
}

#[test]
fn a_rule_for_a_command_allows_these_words_as_root_and_nothing_else() {
    let Some((bed, _)) = bed() else { return };
    let account = Account::named("alice").expect("there");
    let words = "a,b c:d e=f #g %h ~i @j k+l -m --n=o,p /q.r_s";
    let commands = ["/mnt/bin/tool", &format!("/mnt/bin/tool {words}"), "/usr/bin/id -u"].map(command_line);
    let path = install(&DropIn::commands(&account, &commands));
    assert_eq!(complaint(&bed, &path), None);
    let literal: Vec<&str> = ["/mnt/bin/tool"].into_iter().chain(words.split(' ')).collect();
    let longer = [literal.as_slice(), &["more"]].concat();
    let joined = ["/mnt/bin/tool", words];
    for sudo in ["sudo", "sudo-rs"] {
        for allowed in [&["/mnt/bin/tool"], literal.as_slice(), &["/usr/bin/id", "-u"]] {
            let said = ask(&bed, sudo, account.uid, allowed);
            assert_eq!(String::from_utf8_lossy(&said.stdout), "0\n", "{sudo} {allowed:?}: {said:?}");
        }
        for refused in [
            &["/mnt/bin/tool", "go"][..],
            &["/mnt/bin/tool", ""],
            &literal[..literal.len() - 1],
            &longer,
            &["/usr/bin/id"],
            &["/usr/bin/id", "-u", "-r"],
            &["/usr/bin/id", "-G"],
            &["/bin/sh"],
        ] {
            let said = ask(&bed, sudo, account.uid, refused);
            assert!(!said.status.success() && said.stdout.is_empty(), "{sudo} {refused:?}: {said:?}");
        }
        for options in [&["-u", "alice"][..], &["-g", "root"], &["-u", "root", "-g", "sudo"]] {
            let words = [&[sudo, "-k", "-n"], options, &["--", "/usr/bin/id", "-u"]].concat();
            let mut command = bed.command(&words);
            command.uid(account.uid).gid(account.uid);
            let said = capture(command);
            assert!(said.stdout.is_empty(), "{words:?}: {said:?}");
        }
    }
    // sudo, but not sudo-rs, compares words that it has joined with spaces: one word may hold several.
    assert_eq!(ask(&bed, "sudo", account.uid, &joined).stdout, b"0\n");
    assert!(ask(&bed, "sudo-rs", account.uid, &joined).stdout.is_empty());
}

/// Rules for programs that show files, and whether they show the agent what only root may read.
const SHOWING: [(&str, bool); 12] = [
    ("/usr/bin/cat NAME /var/log/syslog", true),
    ("/usr/bin/head -n 5 NAME /var/log/syslog", true),
    ("/usr/bin/diff NAME /var/log/syslog", true),
    ("/usr/bin/diff --from-file=NAME /var/log/syslog", true),
    ("/usr/bin/comm NAME /var/log/syslog", true),
    ("/usr/bin/date -f NAME", true),
    ("/usr/bin/grep secret NAME /var/log/syslog", true),
    ("/usr/bin/cat /var/log/syslog", false),
    ("/usr/bin/cat -n /var/log/syslog /var/log/syslog", false),
    ("/usr/bin/head -q -n 5 /var/log/syslog", false),
    ("/usr/bin/tail -n 5 --lines=5 /var/log/syslog", false),
    ("/usr/bin/grep -i -A 5 secret /var/log/syslog", false),
];

#[test]
fn a_rule_that_the_table_lets_pass_shows_no_file_of_roots_and_one_that_it_refuses_does() {
    let Some((bed, _)) = bed() else { return };
    let account = Account::named("alice").expect("there");
    bed.file("secret", "the secret\n", 0, 0o600);
    bed.empty("/var/log");
    fs::write("/var/log/syslog", "nothing\n").expect("written");
    // Whatever word is a name there, or the path after an option that was handed over as one with it.
    let folder = bed.folder("prepared", account.uid, 0o755);
    fs::create_dir_all(folder.join(" /var/log")).expect("made");
    for name in ["NAME", "5", "secret", "-n", " /var/log/syslog"] {
        std::os::unix::fs::symlink("/mnt/secret", folder.join(name)).expect("a link");
    }
    for (line, shows) in SHOWING {
        let rule = command_line(line);
        match rule.judge(&account) {
            Err(failure) => assert!(shows && failure.code == "escape-hatch", "{line}: {failure}"),
            Ok(()) => assert!(!shows, "{line} passes"),
        }
        let path = install(&DropIn::commands(&account, std::slice::from_ref(&rule)));
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut seen = false;
        for words in std::iter::once(words.clone()).chain(joined(&words)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut command = bed.command(&[&["sudo", "-k", "-n", "--"], &words[..]].concat());
            command.uid(account.uid).gid(account.uid).current_dir(&folder);
            let said = capture(command);
            let denied = String::from_utf8_lossy(&said.stderr).contains("a password is required");
            assert!(!denied, "{words:?} is not what the rule allows: {said:?}");
            let text = [said.stdout, said.stderr].concat();
            seen |= String::from_utf8_lossy(&text).contains("the secret");
        }
        assert_eq!(seen, shows, "{line}");
        fs::remove_file(path).expect("removed");
    }
    // A folder below /var/log in which the agent makes names holds what the agent likes.
    let shown = command_line("/usr/bin/cat /var/log/own/run.log");
    fs::create_dir("/var/log/own").expect("made");
    std::os::unix::fs::symlink("/mnt/secret", "/var/log/own/run.log").expect("a link");
    shown.judge(&account).expect("root's");
    for (owner, group, mode) in [(account.uid, 0, 0o755), (0, account.gid, 0o775), (0, 0, 0o1777)] {
        std::os::unix::fs::chown("/var/log/own", Some(owner), Some(group)).expect("given away");
        fs::set_permissions("/var/log/own", std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("set");
        let failure = shown.judge(&account).expect_err("the agent's");
        assert_eq!(failure.code, "escape-hatch");
        assert!(failure.error.contains("'alice' can make names in /var/log/own"), "{failure}");
    }
}

/// The arguments with two neighbours as one: sudo, but not sudo-rs, takes these for the same.
fn joined(words: &[String]) -> Vec<Vec<String>> {
    let one = |at: usize| vec![format!("{} {}", words[at], words[at + 1])];
    (1..words.len() - 1).map(|at| [&words[..at], &one(at), &words[at + 2..]].concat()).collect()
}

#[test]
fn whatever_is_granted_every_program_reads_it_as_meant() {
    let Some((bed, _)) = bed() else { return };
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let name =
        "[^\u{0}-\u{1f},:/\u{7f}-\u{9f}]{1,40}|[a-z_][a-z0-9_.@$-]{0,80}|[A-Za-z%#+!\\\\ .=\"()-]{1,12}";
    let command = "/opt(/[A-Za-z0-9_+-]{1,6}){1,3}( [A-Za-z0-9/._+@%~:=,#-]{1,60}){0,4}";
    let grant = prop::option::of(prop::collection::vec(command, 1..4));
    let cases = (1..u32::MAX, name, grant, "(/[A-Za-z0-9_+-]{1,8}){1,4}");
    let ran = runner.run(&cases, |(uid, name, commands, path)| {
        prop_assume!(sudoers_install::account::check_name(&name).is_ok());
        let account = Account { uid, gid: uid, name };
        let drop_in = match commands {
            Some(texts) => {
                DropIn::commands(&account, &texts.iter().map(|text| command_line(text)).collect::<Vec<_>>())
            }
            None => DropIn::helper(&account, &Helper { path: path.into(), sha256: String::new() }),
        };
        let file = bed.path("rule");
        fs::write(&file, drop_in.render()).expect("written");
        prop_assert_eq!(complaint(&bed, &file), None);
        prop_assert_eq!(grants(&bed, &file), intended(&drop_in));
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_longest_that_is_taken_is_read_by_all() {
    let Some((bed, _)) = bed() else { return };
    let account = Account::named("alice").expect("there");
    let path = |length: usize| PathBuf::from(format!("/{}", "a".repeat(length - 1)));
    assert!(plain_path(&path(1001)).is_err());
    let longest = plain_path(&path(1000)).expect("taken");
    let commas = format!("/a {}", ",".repeat(997));
    assert!(CommandLine::parse(&format!("{commas},")).is_err());
    let helper = Helper { path: longest.clone().into(), sha256: String::new() };
    let commands = [commas, longest, format!("/a{}", " b".repeat(499))].map(|text| command_line(&text));
    for drop_in in [DropIn::helper(&account, &helper), DropIn::commands(&account, &commands)] {
        let file = install(&drop_in);
        assert_eq!(complaint(&bed, &file), None);
        assert_eq!(grants(&bed, &file), intended(&drop_in));
    }
}

#[test]
fn an_acl_that_lets_somebody_else_write_shows() {
    let Some(bed) = Bed::new(&[]) else { return };
    let path = bed.file("bin/helper", TOOL, 0, 0o755);
    Helper::examine(&path).expect("root's");
    // acl(5) as the kernel keeps it: version 2; owner rwx, uid 1000 rw, group r-x, mask rwx, others r-x.
    let set = "import os, struct, sys\n\
        entries = [(1, 7, -1), (2, 6, 1000), (4, 5, -1), (16, 7, -1), (32, 5, -1)]\n\
        acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHi', *entry) for entry in entries)\n\
        os.setxattr(sys.argv[1], 'system.posix_acl_access', acl)\n";
    for shared in ["/mnt/bin/helper", "/mnt/bin"] {
        bed.run(&["python3", "-c", set, shared]).success();
        let failure = Helper::examine(&path).expect_err("shared");
        assert_eq!(failure.code, "helper-untrusted");
        assert!(failure.error.contains(&format!("{shared} can be written by others")), "{failure}");
        bed.run(&["chmod", "0755", shared]).success();
    }
    Helper::examine(&path).expect("the mask is closed again");
}

#[test]
fn an_account_is_found_with_all_its_groups_wherever_it_is() {
    let Some((bed, _)) = bed() else { return };
    bed.etc("group", &format!("{}shared:x:2000:jane doe,ubuntu\n", accounts::GROUP));
    let groups = |name: &str| {
        let mut groups = Account::named(name).expect(name).groups().expect("asked");
        groups.sort_unstable();
        groups
    };
    assert_eq!(groups("ubuntu"), [27, 110, 998, 1000, 1001, 1002, 2000]);
    let jane = Account::named("jane doe").expect("there");
    assert_eq!(jane.groups().expect("asked"), [jane.gid, 2000]);
    assert_eq!(Account::named("toor").expect_err("uid 0").code, "user-root");
    // getent(1) takes digits for a uid: such a name is looked up as a name.
    assert_eq!(Account::named("1234").expect("there").uid, 1011);
    assert_eq!(Account::named("1000").expect_err("a uid").code, "unknown-user");
}
