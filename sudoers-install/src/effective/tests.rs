use std::path::Path;

use proptest::prelude::*;

use super::*;

const GROUPS: [(u32, &str); 2] = [(1001, "u"), (27, "sudo")];

/// What decides about a command line of the user `u` on the host `web.example`.
fn decided(text: &str, line: &str) -> Option<Match> {
    let sudoers = Sudoers::parse(text, Path::new("/f"));
    assert_eq!(sudoers.faults, [], "{text}");
    let groups = GROUPS.map(|(gid, name)| (gid, name.to_owned()));
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let asked = Asked { user: "u", uid: 1001, groups: &groups, program: &words[0], arguments: &words[1..] };
    last_match_on(&sudoers, &asked, "web.example")
}

/// The same in short: the line, and what is decided.
fn short(text: &str, line: &str) -> String {
    let Some(found) = decided(text, line) else { return "none".to_owned() };
    let outcome = match (found.allowed, found.password) {
        (false, _) => "forbidden",
        (true, true) => "password",
        (true, false) => "free",
    };
    let other = if found.runas_root { "" } else { " other" };
    let unsure = if found.certain { "" } else { " unsure" };
    format!("{} {outcome}{other}{unsure}", found.place.line)
}

#[test]
fn the_last_rule_that_matches_decides() {
    for (text, expected) in [
        ("", "none"),
        ("u ALL=/x/a", "1 password"),
        ("u ALL=NOPASSWD: /x/a\nu ALL=ALL", "2 password"),
        ("u ALL=ALL\nu ALL=NOPASSWD: /x/a", "2 free"),
        ("u ALL=NOPASSWD: /x/a\nv ALL=ALL\n%w ALL=ALL", "1 free"),
        ("u ALL=NOPASSWD: /x/b, PASSWD: \\\n /x/a", "2 password"),
        ("u ALL=NOPASSWD: /x/b, /x/a", "1 free"),
        ("u ALL=NOPASSWD: ALL, !/x/a", "1 forbidden"),
        ("u ALL=!/x/a, ALL", "1 password"),
        ("u ALL=!ALL", "1 forbidden"),
        // Who.
        ("ALL ALL=ALL", "1 password"),
        ("#1001 ALL=ALL", "1 password"),
        ("U ALL=ALL", "1 password"),
        ("%sudo ALL=ALL", "1 password"),
        ("%#27 ALL=ALL", "1 password"),
        ("ALL, !u ALL=ALL", "none"),
        ("!u, ALL ALL=ALL", "1 password"),
        ("User_Alias A = v, u\nA ALL=ALL", "2 password"),
        ("User_Alias A = v, !u\nALL, A ALL=ALL", "none"),
        ("User_Alias A = u\nALL, !A ALL=ALL", "none"),
        ("User_Alias A = u\nUser_Alias A = v\nA ALL=ALL", "3 password"),
        ("User_Alias A = B : B = A\nA ALL=ALL", "2 password unsure"),
        ("+n ALL=ALL", "1 password unsure"),
        ("%:n ALL=ALL", "1 password unsure"),
        // Where.
        ("u web=ALL", "1 password"),
        ("u web.example=ALL", "1 password"),
        ("u WEB=ALL", "1 password"),
        ("u w*=ALL", "1 password"),
        ("u web.*=ALL", "1 password"),
        ("u other=ALL", "none"),
        ("u ALL,!web=ALL", "none"),
        ("Host_Alias H = a, web\nu H=ALL", "2 password"),
        ("u other=ALL : web=NOPASSWD: ALL", "1 free"),
        ("u 10.0.0.0/8=ALL", "1 password unsure"),
        // As whom.
        ("u ALL=(root) ALL", "1 password"),
        ("u ALL=(#0:g) ALL", "1 password"),
        ("u ALL=(ALL,!root) ALL", "1 password other"),
        ("u ALL=(v) ALL", "1 password other"),
        ("u ALL=(v) NOPASSWD: /x/b, /x/a", "1 free other"),
        ("u ALL=(:g) ALL", "1 password other"),
        ("u ALL=(root) ALL\nu ALL=(v) NOPASSWD: ALL", "1 password"),
        ("Runas_Alias R = v, root\nu ALL=(R) ALL", "2 password"),
        ("u ALL=(%v) ALL", "1 password unsure"),
        // What.
        ("u ALL=/x/", "1 password"),
        ("u ALL=/x/*", "1 password"),
        ("u ALL=/*/a", "1 password"),
        ("u ALL=/*", "none"),
        ("u ALL=/y/a", "none"),
        ("u ALL=/x/a \"\"", "none"),
        ("u ALL=/x/a b", "none"),
        ("u ALL=/x/a b c", "1 password"),
        ("u ALL=/x/a b *", "1 password"),
        ("u ALL=/x/a *", "1 password"),
        ("u ALL=/x/a ^b c$", "1 password unsure"),
        ("u ALL=^/x/(a)$", "1 password unsure"),
        ("u ALL=sha256:aa /x/a", "1 password unsure"),
        ("Cmnd_Alias C = /x/b, /x/a\nu ALL=NOPASSWD: C", "2 free"),
        ("Cmnd_Alias C = ALL, !/x/a\nu ALL=C", "2 forbidden"),
        ("Cmnd_Alias C = ALL, !/x/a\nu ALL=ALL, !C", "2 password"),
        ("u ALL=C", "none"),
        ("u ALL=list, sudoedit", "none"),
        // What cannot be known only counts where it would change the answer.
        ("u ALL=NOPASSWD: ALL\n+n ALL=ALL", "2 password unsure"),
        ("u ALL=ALL\n+n ALL=ALL", "1 password"),
        ("+n ALL=ALL\nu ALL=NOPASSWD: ALL", "2 free"),
        ("u ALL=NOTBEFORE=20300101000000Z ALL", "1 password unsure"),
        ("u ALL=ALL\nu ALL=sha256:aa !/x/a", "2 forbidden unsure"),
    ] {
        assert_eq!(short(text, "/x/a b c"), expected, "{text}");
    }
}

#[test]
fn settings_say_whether_a_password_is_asked_for() {
    for (defaults, expected) in [
        ("Defaults !authenticate", "free"),
        ("Defaults !authenticate\nDefaults authenticate", "password"),
        ("Defaults:u !authenticate", "free"),
        ("Defaults:v !authenticate", "password"),
        ("Defaults:%sudo !authenticate", "free"),
        ("Defaults@web !authenticate", "free"),
        ("Defaults>root !authenticate", "free"),
        ("Defaults>v !authenticate", "password"),
        ("Defaults!/x/a !authenticate", "free"),
        ("Defaults!/x/b !authenticate", "password"),
        ("Defaults!/x/a !authenticate\nDefaults authenticate", "free"),
        ("Defaults exempt_group=sudo", "free"),
        ("Defaults exempt_group=wheel", "password"),
        ("Defaults:+n !authenticate", "password unsure"),
        ("Defaults runas_default=v", "password unsure"),
    ] {
        let (line, text) = (defaults.lines().count() + 1, format!("{defaults}\nu ALL=/x/a"));
        assert_eq!(short(&text, "/x/a"), format!("{line} {expected}"), "{defaults}");
    }
    assert_eq!(short("Defaults !authenticate\nu ALL=PASSWD: ALL", "/x/a"), "2 password");
    assert_eq!(short("u ALL=/x/a \"\"", "/x/a"), "1 password");
    assert_eq!(short("u ALL=sudoedit /e/*", "sudoedit /e/f"), "1 password");
    assert_eq!(short("u ALL=sudoedit /e/*", "sudoedit /e/f/g"), "none");
}

#[test]
fn another_way_to_the_same_file_is_the_same_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(path("usr")).expect("made");
    std::fs::write(path("usr/a"), "").expect("written");
    std::os::unix::fs::symlink("usr", path("bin")).expect("a link");
    std::os::unix::fs::symlink("usr/a", path("b")).expect("a link");
    for (rule, expected) in [
        (path("bin/a"), "1 password"),
        (path("bin/"), "1 password"),
        (path("bin/?"), "1 password"),
        (path("b"), "none"),
        (path("bin/b"), "none"),
    ] {
        assert_eq!(short(&format!("u ALL={rule}"), &path("usr/a")), expected, "{rule}");
    }
}

#[test]
fn aliases_of_aliases_do_not_take_forever() {
    let mut text = "Cmnd_Alias C0 = /x/b, /x/c\n".to_owned();
    for level in 1..60 {
        text.push_str(&format!("Cmnd_Alias C{level} = C{0}, C{0}\n", level - 1));
    }
    text.push_str("u ALL=C59");
    assert_eq!(short(&text, "/x/a"), "61 password unsure");
}

proptest! {
    #[test]
    fn every_text_has_an_answer(text in "([uA!, =/a*\"#\\n]|ALL|NOPASSWD:|Defaults |User_Alias |Cmnd_Alias |\\[){0,60}") {
        let sudoers = Sudoers::parse(&text, Path::new("/f"));
        let asked = Asked { user: "u", uid: 1001, groups: &[], program: "/a", arguments: &[] };
        if let Some(found) = last_match_on(&sudoers, &asked, "web") {
            prop_assert!(found.place.line as usize <= text.lines().count().max(1));
        }
    }
}
