//! sudoers-install on one host: real sudo, real visudo.

#[path = "sudoers_install/site.rs"]
mod site;

use bed::capture;
use predicates::str::contains;
use site::{AGENT, FILE, Said, Site};

/// The original's rule, which names what its user may write.
const LEGACY: &str = "ai-agent ALL=(ALL) NOPASSWD: /home/ai-agent/.local/bin/systems-manager-helper\n";
const LEGACY_FILE: &str = "/etc/sudoers.d/systems-manager-ai-agent";

#[test]
fn a_rule_is_put_in_place_proven_and_removed() {
    for boot in [Site::boot, Site::boot_sudo_rs] {
        let Some(site) = boot() else { return };
        let before = site.folder();
        assert!(!site.may("/usr/bin/sudo-helper"));

        let shown = site.install_for(AGENT, &["--dry-run"]).done();
        assert_eq!((&shown["change"], &shown["dry_run"]), (&"new".into(), &true.into()), "{shown}");
        assert_eq!(site.folder(), before);

        let done = site.install_for(AGENT, &[]).done();
        assert_eq!((&done["changed"], &done["effective"]), (&true.into(), &"proven".into()), "{done}");
        assert_eq!((&done["file"], &done["user"]), (&FILE.into(), &AGENT.into()));
        let rule = "ai-agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper";
        assert_eq!(done["rules"], serde_json::json!([rule]));
        let text = site.read(FILE);
        assert_eq!(shown["text"], text.as_str());
        assert!(text.starts_with("# sudoers-install 1 ") && text.ends_with(&format!("\n{rule}\n")), "{text}");
        site.run(&["stat", "-c", "%a %u:%g %h", FILE]).success().stdout("440 0:0 1\n");
        assert!(site.may("/usr/bin/sudo-helper"));
        // As root only, and no other program.
        for words in
            [&["-u", "alice", "sudo-helper", "list"][..], &["-g", "root", "sudo-helper", "list"], &["id"]]
        {
            let words = [&["sudo", "-k", "-n"], words].concat();
            assert!(!capture(site.command_as(AGENT, &words)).status.success(), "{words:?}");
        }

        let installed = site.folder();
        let again = site.install_for(AGENT, &[]).done();
        assert_eq!((&again["changed"], &again["effective"]), (&false.into(), &"proven".into()));
        assert_eq!(site.folder(), installed);
        let words = site.call("install --user ai-agent").success();
        assert!(words.stdout.starts_with(&format!("already so: {FILE} (proven)\n")), "{words:?}");
        assert_eq!(site.install_for(AGENT, &["--dry-run"]).done()["change"], "already so");

        let state = site.state(FILE);
        assert_eq!((&state["state"], &state["effective"]), (&"effective".into(), &"proven".into()));
        site.call("status").success();

        assert_eq!(site.call("remove --dry-run --json").done()["dry_run"], true);
        assert_eq!(site.folder(), installed);
        assert_eq!(site.call("remove --json").done()["file"], FILE);
        assert_eq!(site.folder(), before);
        assert!(!site.may("/usr/bin/sudo-helper"));
        assert_eq!(site.call("remove --json").done()["changed"], false);
        let none = site.call("status --json");
        assert_eq!((none.status, &none.objects()[0]["state"]), (1, &"not-installed".into()));
    }
}

#[test]
fn the_user_is_the_one_that_sudo_names_and_no_variable() {
    let Some(site) = Site::boot() else { return };
    let uid = site.said(&["id", "-u", AGENT]).stdout.trim().to_owned();
    let before = site.folder();
    for (variables, code) in [
        (&["LOGNAME=ai-agent", "USER=ai-agent", "SUDO_USER=ai-agent"][..], "no-user"),
        (&["SUDO_UID="], "no-user"),
        (&["SUDO_UID=ai-agent"], "no-user"),
        (&["SUDO_UID=-1"], "no-user"),
        (&["SUDO_UID=4294967295"], "no-user"),
        (&["SUDO_UID=1001 "], "no-user"),
        (&["SUDO_UID=0"], "user-root"),
        (&["SUDO_UID=54321"], "unknown-user"),
    ] {
        let words = [&["env"], variables, &["sudoers-install", "install", "--json"]].concat();
        site.said(&words).failure(code);
    }
    assert_eq!(site.folder(), before);
    let words = [
        "env",
        "-i",
        &format!("SUDO_UID={uid}"),
        "SUDO_USER=ALL",
        "LOGNAME=ALL",
        "USER=ALL",
        "HOME=/home/ai-agent",
        "PATH=/home/ai-agent",
        "LD_PRELOAD=/home/ai-agent/x.so",
        "XDG_CONFIG_HOME=/home/ai-agent",
        "LANG=tr_TR.UTF-8",
        "/usr/bin/sudoers-install",
        "install",
        "--json",
    ];
    assert_eq!(site.said(&words).done()["user"], AGENT);
    assert!(site.may("/usr/bin/sudo-helper"));
}

#[test]
fn names_that_sudoers_would_read_otherwise() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    for (name, code) in [
        ("ALL", "bad-user"),
        ("a,b", "bad-user"),
        ("x\nai-agent ALL=(ALL) NOPASSWD: ALL", "bad-user"),
        ("", "bad-user"),
        ("root", "user-root"),
        ("#1001", "bad-user"),
        ("%sudo", "unknown-user"),
        ("nobody-of-this-name", "unknown-user"),
    ] {
        let sentence = site.install_for(name, &[]).failure(code);
        assert!(!sentence.contains('\n'), "{sentence:?}");
    }
    assert_eq!(site.folder(), before);
    for (uid, name) in
        [(2001, "john.doe"), (2002, "DOM\\bob"), (2003, "jane doe"), (2004, "BUILD"), (2005, "me~")]
    {
        let entry = format!("{name}:x:{uid}:{uid}::/:/bin/sh\n");
        let script =
            "printf %s \"$1\" >>/etc/passwd; printf '%s:*:19000:0:99999:7:::\n' \"$2\" >>/etc/shadow";
        site.run(&["sh", "-ec", script, "sh", &entry, name]).success();
        let done = site.install_for(name, &[]).done();
        assert_eq!((&done["uid"], &done["effective"]), (&uid.into(), &"proven".into()), "{done}");
        let file = done["file"].as_str().expect("a path");
        assert!(!file.contains(['~', '\\', ' ']) && !file["/etc/sudoers.d".len()..].contains('.'), "{file}");
        assert_eq!(site.state(file)["user"], name);
    }
    assert_eq!(site.call("status --json").success().objects().len(), 5);
    assert_eq!(
        site.said(&["sudoers-install", "remove", "--user", "jane doe"]).success().stdout.lines().count(),
        1
    );
    assert_eq!(site.call("remove --json").success().objects().len(), 4);
    assert_eq!(site.folder(), before);
}

#[test]
fn a_program_that_somebody_else_may_change_gets_no_rule() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    site.run(&[
        "sh",
        "-ec",
        "mkdir -p /opt/open /opt/closed /opt/own; chmod 0775 /opt/open; chown ai-agent /opt/own
        for d in open closed own; do cp /usr/bin/sudo-helper /opt/$d/; done
        cp /usr/bin/sudo-helper /opt/closed/linked; ln /opt/closed/linked /opt/closed/second
        cp /usr/bin/sudo-helper /opt/closed/agents; chown ai-agent /opt/closed/agents
        cp /usr/bin/sudo-helper '/opt/closed/a b'; mkdir -p /home/ai-agent/.local/bin
        cp /usr/bin/sudo-helper /home/ai-agent/.local/bin/",
    ])
    .success();
    for (path, element) in [
        ("/opt/open/sudo-helper", "/opt/open "),
        ("/opt/own/sudo-helper", "/opt/own "),
        ("/opt/closed/linked", "2 names"),
        ("/opt/closed/agents", "/opt/closed/agents "),
        ("/opt/closed/a b", "' '"),
        ("/home/ai-agent/.local/bin/sudo-helper", "/home/ai-agent "),
        ("/opt/closed", "/opt/closed "),
        ("/no/such/helper", "/no"),
        ("sudo-helper", "absolute"),
        ("/bin/sh", "sh"),
    ] {
        let said = site.install_for(AGENT, &["--helper", path]);
        assert!(said.status == 1 && said.stderr.contains(element), "{path}: {said:?}");
    }
    assert_eq!(site.folder(), before);
    site.install_for(AGENT, &["--helper", "/opt/closed/sudo-helper"]).done();
    assert!(site.may("/opt/closed/sudo-helper"));
}

#[test]
fn single_commands_are_allowed_with_their_very_arguments() {
    for boot in [Site::boot, Site::boot_sudo_rs] {
        let Some(site) = boot() else { return };
        let before = site.folder();
        for refused in [
            "/usr/bin/apt",
            "/usr/bin/systemctl status ssh",
            "/bin/sh -c id",
            "/usr/bin/apt *",
            "ALL",
            "id",
            "/usr/bin/less /etc/motd",
            "/home/ai-agent/x",
            "/usr/bin/systemctl restart *",
            "/usr/bin/python3 x",
        ] {
            let said = site.install_for(AGENT, &["--command", refused]);
            assert!(said.status == 1 && !said.stderr.is_empty(), "{refused}: {said:?}");
        }
        assert_eq!(site.folder(), before);
        let commands = ["--command", "/usr/bin/systemctl restart ssh", "--command", "/usr/bin/whoami"];
        let done = site.install_for(AGENT, &commands).done();
        assert_eq!(done["effective"], "checked, not run", "{done}");
        let file = "/etc/sudoers.d/zz-sudo-commands-ai-agent";
        assert_eq!((&done["file"], &site.state(file)["effective"]), (&file.into(), &done["effective"]));
        let may = |words: &[&str]| {
            capture(site.command_as(AGENT, &[&["sudo", "-k", "-n"], words].concat())).status.success()
        };
        assert!(may(&["whoami"]) && may(&["/usr/bin/systemctl", "restart", "ssh"]));
        assert!(!may(&["whoami", "--version"]) && !may(&["systemctl", "restart", "cron"]));
        assert_eq!(site.install_for(AGENT, &commands).done()["changed"], false);
        site.call("remove").success();
        assert_eq!(site.folder(), before);
    }
}

#[test]
fn the_original_s_rule_is_reported_and_replaced_once_the_new_one_is_proven() {
    let Some(site) = Site::boot() else { return };
    site.write(LEGACY_FILE, LEGACY, 0o440, "root:root");
    let done = site.install_for(AGENT, &["--dry-run"]).done();
    assert_eq!(done["legacy"][0]["file"], LEGACY_FILE);
    let said = site.install_for(AGENT, &[]);
    assert!(said.stderr.contains(LEGACY_FILE) && said.stderr.contains("--replace-legacy"), "{said:?}");
    assert_eq!(
        (&said.done()["legacy"][0]["rule"], site.read(LEGACY_FILE)),
        (&LEGACY.trim().into(), LEGACY.into())
    );
    assert_eq!(site.state(LEGACY_FILE)["state"], "legacy");
    // Not proven, not removed.
    site.run(&["sh", "-ec", "chage -E 0 ai-agent; rm /etc/sudoers.d/zz*"]).success();
    site.install_for(AGENT, &["--replace-legacy"]).failure("account-expired");
    assert_eq!(site.read(LEGACY_FILE), LEGACY);
    site.run(&["chage", "-E", "-1", AGENT]).success();
    let done = site.install_for(AGENT, &["--replace-legacy"]).done();
    assert_eq!(done["legacy_removed"][0], LEGACY_FILE);
    site.run(&["test", "-e", LEGACY_FILE]).failure();
    // What holds more than that rule is left to people.
    site.write(LEGACY_FILE, format!("{LEGACY}alice ALL=(ALL) ALL\n"), 0o440, "root:root");
    let done = site.install_for(AGENT, &["--replace-legacy"]).done();
    assert_eq!(
        (&done["legacy"][0]["file"], &done["legacy_removed"]),
        (&LEGACY_FILE.into(), &serde_json::json!([]))
    );
}

#[test]
fn usage_and_who_may_call() {
    let Some(site) = Site::boot() else { return };
    let bare = site.said(&["sudoers-install"]);
    assert!(bare.status == 2 && bare.stderr.contains("Usage: sudoers-install"), "{bare:?}");
    for words in
        ["frob", "install --helper /usr/bin/x --command /usr/bin/y", "install --user", "remove --all"]
    {
        let said = site.call(words);
        assert!(said.status == 2 && said.stdout.is_empty() && !said.stderr.is_empty(), "{words}: {said:?}");
    }
    site.run(&["sudoers-install", "--help"]).success().stdout(contains("install"));
    for words in ["install", "remove", "status"] {
        let said = Said::of(site.command_as(AGENT, &["sudoers-install", words, "--json"]));
        assert!(said.failure("not-root").contains("only root"), "{words}");
    }
    // A full output is no reason to stop, nor to say that all went well.
    site.run(&["sh", "-c", "sudoers-install install --user ai-agent >/dev/full 2>&1"]).failure();
    assert!(site.may("/usr/bin/sudo-helper"));
    site.run(&["sh", "-c", "sudoers-install status >&- 2>&-"]).success();
}
