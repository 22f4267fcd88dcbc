use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::*;

fn codes(text: &str) -> Vec<&'static str> {
    let sudoers = Sudoers::parse(text, Path::new("/f"));
    assert_eq!(sudoers.faults, [], "{text}");
    lint(&sudoers).into_iter().filter(Finding::leads_to_root).map(|finding| finding.code).collect()
}

#[test]
fn what_leads_to_root_is_found() {
    for (text, expected) in [
        ("u ALL=(ALL) NOPASSWD: ALL", &["nopasswd-all"][..]),
        ("%sudo ALL=(ALL:ALL) NOPASSWD: ALL", &["nopasswd-all"]),
        ("Cmnd_Alias X = Y : Y = /a, ALL\nu ALL=NOPASSWD: X", &["nopasswd-all"]),
        ("User_Alias A = %sudo\nA ALL=NOPASSWD: ALL", &["nopasswd-all"]),
        ("u ALL=(root) /a, NOPASSWD: ALL", &["nopasswd-all"]),
        ("ALL ALL=(ALL) ALL", &["everybody-all"]),
        ("u ALL=ALL, !/bin/sh", &["exclusion"]),
        ("Cmnd_Alias S = /bin/sh, /bin/dash\nu ALL=ALL, !S", &["exclusion", "exclusion"]),
        ("u ALL=/no/such/", &["folder"]),
        ("u ALL=/no/such/*", &["wildcard-path"]),
        ("u ALL=^/no/such$", &["wildcard-path"]),
        ("u ALL=/no/such x*", &["wildcard-arguments"]),
        ("u ALL=/no/such ^x.*$", &["wildcard-arguments"]),
        ("u ALL=sudoedit", &["sudoedit"]),
        ("u ALL=sudoedit /etc/*/x", &["sudoedit"]),
        ("u ALL=(root) SETENV: /no/such \"\"", &["setenv"]),
        ("u ALL=(ALL) /no/such", &["runas-all"]),
        ("u ALL=(root:root) /no/such", &["runas-group"]),
        ("Runas_Alias R = ALL\nu ALL=(R) /no/such", &["runas-all"]),
        ("u ALL=(ALL) NOPASSWD: /no/systems-manager-helper", &["legacy-rule", "runas-all"]),
        ("Defaults !authenticate", &["no-authentication"]),
        ("Defaults:u !authenticate", &["no-authentication"]),
        ("Defaults exempt_group=staff", &["no-authentication"]),
        ("Defaults !env_reset", &["environment-kept"]),
        ("Defaults env_keep += \"LANG LD_PRELOAD\"", &["environment-kept"]),
        ("Defaults env_keep += \"BASH_ENV=*\"", &["environment-kept"]),
        ("Defaults env_keep = *", &["environment-kept"]),
        ("Defaults env_keep += PYTHONPATH, setenv", &["environment-kept", "setenv"]),
        ("Defaults secure_path=\"/usr/bin:.\"", &["writable-path"]),
        ("Defaults sudoedit_follow", &["sudoedit-links"]),
        ("Defaults !sudoedit_checkdir", &["sudoedit-links"]),
    ] {
        assert_eq!(codes(text), expected, "{text}");
    }
}

#[test]
fn what_is_usual_or_harmless_is_not() {
    for text in [
        "",
        "root ALL=(ALL:ALL) NOPASSWD: ALL",
        "#0 ALL=(ALL) ALL",
        "%sudo ALL=(ALL:ALL) ALL\n%admin ALL=(ALL) ALL\n%wheel ALL=(ALL) ALL",
        "User_Alias A = %sudo, root\nA ALL=(ALL) ALL, !/bin/sh",
        "u ALL=(ALL:ALL) ALL",
        "u ALL=(root) NOPASSWD: /no/such \"\"",
        "u ALL=(root) NOPASSWD: /no/such x, /no/such \\*, /no/other ^x$",
        "u ALL=(v) NOPASSWD: ALL",
        "Defaults targetpw\nALL ALL=(ALL) ALL",
        "Defaults:root !authenticate",
        "Defaults env_reset, mail_badpass, use_pty",
        "Defaults env_keep += \"LANG LC_* DISPLAY XAUTHORITY\"",
        "Defaults authenticate",
        "u ALL=sudoedit /etc/motd",
    ] {
        assert_eq!(codes(text), [""; 0], "{text}");
    }
}

#[test]
fn a_program_with_a_way_out_is_found_with_the_arguments_that_it_may_have() {
    for (text, expected) in [
        ("u ALL=NOPASSWD: /usr/bin/vim", true),
        ("u ALL=/usr/bin/python3", true),
        ("u ALL=/usr/bin/apt", true),
        ("u ALL=/usr/bin/apt update", false),
        ("u ALL=/usr/bin/systemctl restart nginx", false),
        ("u ALL=/usr/bin/systemctl restart *", true),
        ("u ALL=/usr/bin/systemctl status nginx", true),
        ("%sudo ALL=/usr/bin/vim", false),
        ("%sudo ALL=NOPASSWD: /usr/bin/vim", true),
    ] {
        assert_eq!(codes(text).contains(&"escape"), expected, "{text}");
    }
}

#[test]
fn a_program_that_nobody_has_judged_is_told_and_is_no_way_to_root() {
    for (rule, expected) in [
        ("/no/such x", true),
        ("/no/such", true),
        ("/usr/bin/apt update", false),
        ("/usr/bin/vim", false),
        ("/usr/bin/sudo-helper", false),
        ("/no/such x*", false),
    ] {
        let sudoers = Sudoers::parse(&format!("u ALL=(root) NOPASSWD: {rule}\n"), Path::new("/f"));
        let found = lint(&sudoers);
        assert_eq!(
            found.iter().any(|finding| finding.code == UNKNOWN_PROGRAM),
            expected,
            "{rule}: {found:?}"
        );
        let mut report = String::new();
        let sound = tell(&sudoers, true, &mut report);
        assert_eq!(
            report.contains(r#""code":"unknown-program","why":"u may run /no/such"#),
            expected,
            "{report}"
        );
        assert_eq!(sound, expected || found.is_empty(), "{rule}");
        report.clear();
        tell(&sudoers, false, &mut report);
        assert!(!expected || report.is_empty(), "words go to standard error: {report}");
    }
}

#[test]
fn what_others_can_change_is_found() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir_in("/run").expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (name, mode, owner) in [("good", 0o755, 0), ("loose", 0o757, 0), ("given", 0o755, 1000)] {
        fs::write(path(name), "").expect("written");
        fs::set_permissions(path(name), PermissionsExt::from_mode(mode)).expect("set");
        chown(path(name), Some(owner), None).expect("given away");
    }
    fs::create_dir(path("wide")).expect("made");
    fs::set_permissions(path("wide"), PermissionsExt::from_mode(0o777)).expect("set");
    for (rule, expected) in [
        (format!("{} \"\"", path("good")), &[][..]),
        (format!("{} \"\"", path("missing")), &[]),
        (format!("{} \"\"", path("loose")), &["writable-command"]),
        (format!("{} \"\"", path("given")), &["writable-command"]),
        (format!("{} \"\"", path("wide/new")), &["missing-command"]),
        (format!("sha256:aa {} \"\"", path("given")), &["writable-digest"]),
        (path("wide/"), &["folder", "writable-command"]),
        (path("wide/*"), &["wildcard-path", "writable-command"]),
    ] {
        assert_eq!(codes(&format!("u ALL=(root) NOPASSWD: {rule}")), expected, "{rule}");
    }
    let included = format!("@includedir {}", path("wide"));
    assert_eq!(codes(&included), ["writable-include"]);
    assert_eq!(codes(&format!("Defaults secure_path={}", path("wide"))), ["writable-path"]);
}

#[test]
fn a_finding_says_where_and_what_is_better() {
    let sudoers = Sudoers::parse("\nu, %g ALL=(root) /bin/true \"\", \\\n NOPASSWD: ALL\n", Path::new("/f"));
    let expected = Finding {
        place: Place { file: "/f".into(), line: 3 },
        code: "nopasswd-all",
        why: "u, %g may run every command as root without a password".to_owned(),
        instead: "name the commands with their arguments; for services and packages: sudoers-install install --user USER"
            .to_owned(),
    };
    assert_eq!(lint(&sudoers), [expected]);
    let mut report = String::new();
    assert!(!tell(&sudoers, false, &mut report));
    assert!(report.starts_with("/f:3: u, %g may run every command"), "{report}");
    assert!(report.contains("; instead: name the commands"), "{report}");
}

#[test]
fn names_that_sudo_passes_over_are_found_but_not_hidden_ones() {
    let ignored = ["/d/x.y", "/d/.x.tmp", "/d/x~"].map(PathBuf::from).to_vec();
    let found = lint(&Sudoers { ignored, ..Sudoers::default() });
    let places: Vec<String> = found.iter().map(|finding| written(&finding.place)).collect();
    assert_eq!(places, ["/d/x.y:1", "/d/x~:1"]);
}
