//! What sudoers-install says of itself, on one host: accounts, the helper, what it says when it cannot.

#[path = "sudoers_install/site.rs"]
mod site;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bed::manual::codes;
use bed::{Bed, Host, capture};
use site::{AGENT, CONTROL, FILE, Said, Site};
use sudoers_install::effective::{Asked, last_match_on};
use sudoers_install::sudoers::Sudoers;

const HELPER: &str = "/usr/bin/sudo-helper";
const RULE: &str = "ai-agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper";
const MAN_PAGE: &str = include_str!("../sudoers-install/sudoers-install.8");

/// A command as an account, with its status and words.
fn said_as(site: &Site, user: &str, words: &[&str]) -> Said {
    Said::of(site.command_as(user, words))
}

/// `sudo WORDS` as an account without a password; whether it ran.
fn runs(host: &Host, user: &str, sudo: &str, words: &[&str]) -> bool {
    capture(host.command_as(user, &[&[sudo, "-k", "-n", "--"], words].concat())).status.success()
}

#[test]
fn who_cannot_install_is_told_the_line_and_it_is_taken_over_later() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    // Without root the account is the one that calls, whatever it says of itself.
    for words in [
        &["sudoers-install", "install", "--json"][..],
        &["env", "SUDO_UID=0", "SUDO_USER=alice", "LOGNAME=alice", "sudoers-install", "install", "--json"],
        &["sudoers-install", "install", "--json", "--user", AGENT],
        &["sudoers-install", "install", "--json", "--dry-run"],
    ] {
        let said = said_as(&site, AGENT, words);
        let by_hand = said.objects()[0]["by_hand"].as_str().unwrap_or_default().to_owned();
        assert_eq!(by_hand, format!("visudo -f {FILE}, with this in it: {RULE}"), "{words:?}");
        assert!(said.stderr.ends_with(&format!("to install it by hand: {by_hand}\n")), "{said:?}");
        said.failure("not-root");
    }
    for words in ["status", "remove", "lint", "install --user nobody-of-this-name"] {
        let words = [&["sudoers-install"], &words.split(' ').collect::<Vec<_>>()[..]].concat();
        let said = said_as(&site, AGENT, &words);
        assert!(said.status == 1 && said.stdout.is_empty() && said.stderr.lines().count() == 1, "{said:?}");
    }
    assert_eq!(site.folder(), before);

    let paste = "printf '%s\\n' \"$1\" | EDITOR=tee visudo -f \"$2\" && chmod 0440 \"$2\"";
    site.run(&["sh", "-ec", paste, "sh", RULE, FILE]).success();
    assert!(site.may(HELPER));
    // It is not this program's yet, which removes no such file.
    assert_eq!(site.state(FILE)["state"], "foreign-file");
    let left = site.call("remove");
    assert!(left.status == 1 && left.stderr.contains("left alone"), "{left:?}");
    assert!(site.may(HELPER));
    let done = site.install_for(AGENT, &[]).done();
    assert_eq!((&done["changed"], &done["effective"]), (&true.into(), &"proven".into()), "{done}");
    site.call("remove").success();
    assert_eq!(site.folder(), before);
}

#[test]
fn the_caller_of_sudo_gets_the_rule_whatever_it_says_of_itself() {
    for boot in [Site::boot, Site::boot_sudo_rs] {
        let Some(site) = boot() else { return };
        let all = format!("{CONTROL} ALL=(ALL) NOPASSWD: NOSETENV: ALL\n");
        site.write("/etc/sudoers.d/control", all, 0o440, "root:root");
        let variables = ["SUDO_UID=1", "SUDO_USER=ai-agent", "LOGNAME=ai-agent", "USER=ai-agent"];
        let call = ["sudo", "-n", "sudoers-install", "install", "--json"];
        let words = [&["env"], &variables[..], &call].concat();
        assert_eq!(said_as(&site, CONTROL, &words).done()["user"], CONTROL);
        assert!(runs(&site, CONTROL, "sudo", &[HELPER, "probe", "abcdefgh"]) && !site.may(HELPER));
    }
}

#[test]
fn accounts_of_every_sort_get_a_rule_of_their_own() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    let names = [
        "bob@corp.example",
        "CORP\\bob",
        "corp\\bob",
        "bob smith",
        "b.ob",
        "b_ob",
        "b ob",
        "b_ob_",
        "Agent",
        "nologin",
        "host$",
    ];
    for (uid, name) in (2001..).zip(names) {
        let shell = if name == "nologin" { "/usr/sbin/nologin" } else { "/bin/sh" };
        let entry = format!("{name}:x:{uid}:{uid}::/:{shell}\n");
        let script =
            "printf %s \"$1\" >>/etc/passwd; printf '%s:!:19000:0:99999:7:::\n' \"$2\" >>/etc/shadow";
        site.run(&["sh", "-ec", script, "sh", &entry, name]).success();
    }
    let mut files = BTreeSet::new();
    for name in names {
        let done = site.install_for(name, &[]).done();
        assert_eq!(done["effective"], "proven", "{done}");
        assert!(files.insert(done["file"].to_string()), "{done}");
    }
    assert!(site.call("status --json").success().objects().iter().all(|one| one["state"] == "effective"));
    // One at a time, and each only its own.
    for (index, name) in names.into_iter().enumerate() {
        let said = site.said(&["sudoers-install", "remove", "--json", "--user", name]).success();
        assert_eq!((said.objects().len(), &said.objects()[0]["user"]), (1, &name.into()), "{said:?}");
        let left = site.call("status --json").objects().iter().filter(|one| one["installed"] == true).count();
        assert_eq!(left, names.len() - index - 1, "{name}");
    }
    let said = site.call("remove --user ai-agent").success();
    assert_eq!(said.stdout, "already so: no rule of this program for 'ai-agent' is there\n");
    assert_eq!(site.folder(), before);
}

#[test]
fn a_name_by_which_sudo_knows_another_account_gets_no_rule() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    // What the refusal is for: sudo does not tell AI-Agent from ai-agent.
    let other = "printf 'AI-Agent:x:4001:4001::/:/bin/sh\\n' >>/etc/passwd
        printf 'AI-Agent:*:19000:0:99999:7:::\\n' >>/etc/shadow";
    site.install_for(AGENT, &[]).done();
    site.run(&["sh", "-ec", other]).success();
    assert!(runs(&site, "AI-Agent", "sudo", &[HELPER, "probe", "abcdefgh"]));
    let state = site.state(FILE);
    assert_eq!((&state["state"], &state["effective"]), (&"ambiguous-user".into(), &false.into()), "{state}");
    site.call("remove").success();
    let sentence = site.install_for(AGENT, &[]).failure("ambiguous-user");
    assert!(sentence.contains("'AI-Agent'"), "{sentence}");
    assert_eq!(site.folder(), before);
    // The other one's rule has its number, which is nobody else's.
    site.install_for("AI-Agent", &[]).done();
    assert!(!site.may(HELPER));
    // A second name of a uid: sudo knows the first one only.
    let twin = "printf 'twin:x:%s:1::/:/bin/sh\\n' \"$(id -u alice)\" >>/etc/passwd";
    site.run(&["sh", "-ec", twin]).success();
    let sentence = site.install_for("twin", &[]).failure("ambiguous-user");
    assert!(sentence.contains("'alice'"), "{sentence}");
}

#[test]
fn an_account_that_pam_does_not_know_is_named() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    site.run(&["sed", "-i", "/^ai-agent:/d", "/etc/shadow"]).success();
    for commands in [&[][..], &["--command", "/usr/bin/whoami"]] {
        let sentence = site.install_for(AGENT, commands).failure("account-expired");
        assert!(sentence.contains("no line in /etc/shadow"), "{sentence}");
    }
    assert_eq!(site.folder(), before);
    // Without an "x" in its line, nothing is looked for there.
    site.run(&["sed", "-i", "s/^ai-agent:x:/ai-agent:*:/", "/etc/passwd"]).success();
    site.install_for(AGENT, &["--command", "/usr/bin/whoami"]).done();
    assert!(runs(&site, AGENT, "sudo", &["/usr/bin/whoami"]));
}

#[test]
fn the_helper_is_the_one_beside_the_program_else_the_system_s_by_its_real_path() {
    let Some(site) = Site::boot() else { return };
    let script = "mkdir -p /opt/tools/bin /opt/alone/bin /opt/mine/bin /usr/local/bin
        cp /usr/bin/sudoers-install /opt/tools/bin/; cp /usr/bin/sudo-helper /opt/tools/bin/
        cp /usr/bin/sudoers-install /opt/alone/bin/
        cp /usr/bin/sudoers-install /opt/mine/bin/; cp /usr/bin/sudo-helper /opt/mine/bin/
        chown ai-agent /opt/mine/bin/sudo-helper";
    site.run(&["sh", "-ec", script]).success();
    let shown = |program: &str| site.said(&[program, "install", "--json", "--dry-run", "--user", AGENT]);
    let rule = |program: &str| {
        let rule = shown(program).done()["rules"][0].as_str().expect("a rule").to_owned();
        rule.rsplit(' ').next().expect("a path").to_owned()
    };
    assert_eq!(rule("/opt/tools/bin/sudoers-install"), "/opt/tools/bin/sudo-helper");
    assert_eq!(rule("/opt/alone/bin/sudoers-install"), HELPER);
    // The one beside it is taken for good: another is not looked for when it is not fit.
    let sentence = shown("/opt/mine/bin/sudoers-install").failure("helper-untrusted");
    assert!(sentence.contains("/opt/mine/bin/sudo-helper does not belong to root"), "{sentence}");
    // /bin is a link on this host, and a link of root's may lead to the program.
    site.run(&["ln", "-s", "/opt/tools/bin/sudo-helper", "/opt/alone/bin/sudo-helper"]).success();
    assert_eq!(rule("/opt/alone/bin/sudoers-install"), "/opt/tools/bin/sudo-helper");
    let done = site.install_for(AGENT, &["--helper", "/bin/sudo-helper"]).done();
    assert_eq!(done["rules"][0], RULE);
    assert!(site.may("/bin/sudo-helper"));
    for (path, script, named) in [
        (
            "/opt/agents",
            "ln -s /opt/tools /opt/agents; chown -h ai-agent /opt/agents",
            "/opt/agents is a symbolic link",
        ),
        (
            "/opt/venv",
            "mkdir -p /opt/venv/bin; touch /opt/venv/pyvenv.cfg; chown ai-agent /opt/venv",
            "a virtual environment is its user's",
        ),
        (
            "/opt/staff",
            "mkdir -p /opt/staff/bin; chgrp staff /opt/staff; chmod 2775 /opt/staff",
            "/opt/staff can be written by others",
        ),
        (
            "/opt/sticky",
            "mkdir -p /opt/sticky/bin; chmod 1777 /opt/sticky",
            "/opt/sticky can be written by others",
        ),
    ] {
        site.run(&["sh", "-ec", script]).success();
        site.run(&["sh", "-c", &format!("cp /usr/bin/sudo-helper {path}/bin/; true")]).success();
        let helper = format!("{path}/bin/sudo-helper");
        let sentence = site.install_for(AGENT, &["--helper", &helper]).failure("helper-untrusted");
        assert!(sentence.contains(named), "{path}: {sentence}");
    }
}

#[test]
fn a_host_without_a_sudo_that_works_is_told_from_others() {
    let Some(site) = Site::boot() else { return };
    site.run(&["sh", "-ec", "cp -a /etc /root/etc; cp -a /usr/bin/sudo /usr/sbin/visudo /root/"]).success();
    let restore = "for f in sudoers sudoers.d; do rm -rf /etc/$f; cp -a /root/etc/$f /etc/; done
        cp -a /root/sudo /usr/bin/; cp -a /root/visudo /usr/sbin/";
    for (what, script, code, named) in [
        ("no sudo", "rm /usr/bin/sudo", "no-sudo", "install the package sudo"),
        (
            "no sudo at all",
            "rm -r /usr/bin/sudo /usr/sbin/visudo /etc/sudoers /etc/sudoers.d",
            "no-sudo",
            "install the package sudo",
        ),
        ("no setuid bit", "chmod 0755 /usr/bin/sudo", "not-proven", "setuid"),
        ("no sudoers", "rm /etc/sudoers", "sudoers-unreadable", "/etc/sudoers: No such file"),
        ("anybody's sudoers", "chmod 0666 /etc/sudoers", "sudoers-unreadable", "chmod 0440"),
    ] {
        site.run(&["sh", "-ec", script]).success();
        let said = site.install_for(AGENT, &[]);
        assert!(said.stderr.contains(RULE), "{what}: {said:?}");
        let sentence = said.failure(code);
        assert!(sentence.contains(named), "{what}: {sentence}");
        site.run(&["sh", "-ec", restore]).success();
        assert_eq!(site.said(&["sh", "-c", "ls -A /etc/sudoers.d | grep zz-"]).stdout, "", "{what}");
    }
    let words = ["setpriv", "--no-new-privs", "sudoers-install", "install", "--json", "--user", AGENT];
    let sentence = site.said(&words).failure("not-proven");
    assert!(sentence.contains("no new privileges"), "{sentence}");
    site.install_for(AGENT, &[]).done();
}

#[test]
fn the_folder_counts_as_read_in_each_form_that_sudo_knows() {
    let Some(site) = Site::boot() else { return };
    let main = site.read("/etc/sudoers");
    let own: String =
        main.lines().filter(|line| !line.contains("includedir")).map(|line| format!("{line}\n")).collect();
    site.write("/etc/sudoers.more", "@includedir /etc/sudoers.d\n", 0o440, "root:root");
    for (form, is_read) in [
        ("@includedir /etc/sudoers.d", true),
        ("#includedir /etc/sudoers.d", true),
        ("@includedir /etc/sudoers.d/", true),
        ("@includedir \"/etc/sudoers.d\"", true),
        ("@includedir sudoers.d", true),
        ("@include /etc/sudoers.more", true),
        ("# @includedir /etc/sudoers.d", false),
        ("# includedir /etc/sudoers.d", false),
        ("@includedir /etc/sudoers.dist", false),
        ("", false),
    ] {
        site.write("/etc/sudoers", format!("{own}{form}\n"), 0o440, "root:root");
        let said = site.install_for(AGENT, &[]);
        if is_read {
            assert_eq!(said.done()["effective"], "proven", "{form}");
            site.call("remove").success();
        } else {
            assert!(said.failure("no-includedir").contains("@includedir /etc/sudoers.d"), "{form}");
        }
    }
}

#[test]
fn other_words_are_refused_before_anything_is_done() {
    let Some(site) = Site::boot() else { return };
    let before = site.folder();
    for words in [
        "frobnicate",
        "install extra",
        "install --user ai-agent --user alice",
        "install --helper /usr/bin/sudo-helper --command /usr/bin/whoami",
        "install --user",
        "remove extra",
        "remove --command /usr/bin/whoami",
        "status --user ai-agent",
        "status --dry-run",
        "lint --nonsense",
        "cluster --jobs 0",
        "cluster --jobs 257",
        "cluster frobnicate",
    ] {
        let said = site.call(words);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{words}");
        assert!(said.stderr.starts_with("error: "), "{words}: {said:?}");
    }
    let bare = site.said(&["sudoers-install"]);
    assert!(bare.status == 2 && bare.stdout.is_empty() && bare.stderr.contains("Usage: "), "{bare:?}");
    assert_eq!(site.folder(), before);
    // What cannot be written is a failure, and never a panic.
    for (words, status) in [
        ("sudoers-install status >/dev/full", 1),
        ("sudoers-install install --user ai-agent --dry-run >/dev/full 2>&1", 1),
        ("sudoers-install install --user ALL 2>/dev/full", 1),
        ("sudoers-install install --user ALL <&- >&- 2>&-", 1),
        ("sudoers-install install --user ai-agent --dry-run <&- 2>&-", 0),
    ] {
        let said = site.said(&["sh", "-c", words]);
        assert!(said.status == status && !said.stderr.contains("panicked"), "{words}: {said:?}");
    }
    assert_eq!(site.folder(), before);
}

/// Notes how visudo is asked, and what the folder holds then; refuses when told to.
const JUDGE: &str = r#"#!/bin/sh
echo "$* | $(ls -A /etc/sudoers.d | tr '\n' ' ')" >>/run/asked
refuse() { echo "$1 on purpose" >&2; exit 1; }
case $* in
*-f*) test ! -e /run/refuse-file || refuse file ;;
*) test ! -e /run/refuse-all -o ! -e /etc/sudoers.d/zz-sudo-helper-ai-agent || refuse all ;;
esac
exec /opt/real/visudo "$@"
"#;
/// Reads another meaning out of a file when told to.
const READER: &str = r#"#!/bin/sh
test -e /run/misread || exec /opt/real/cvtsudoers "$@"
/opt/real/cvtsudoers "$@" | sed 's/"root"/"ALL"/'
"#;

#[test]
fn visudo_judges_the_file_before_sudo_can_see_it_and_the_whole_before_and_after() {
    let Some(site) = Site::boot() else { return };
    // In a folder of their own: their names are what they call themselves.
    site.run(&["sh", "-ec", "mkdir /opt/real; mv /usr/sbin/visudo /usr/bin/cvtsudoers /opt/real"]).success();
    site.write("/usr/sbin/visudo", JUDGE, 0o755, "root:root");
    site.write("/usr/bin/cvtsudoers", READER, 0o755, "root:root");
    let before = site.folder();
    for (refusal, code, named) in [
        ("refuse-file", "invalid-rule", "file on purpose"),
        ("refuse-all", "invalid-configuration", "all on purpose"),
        ("misread", "read-back", "cvtsudoers reads another meaning"),
    ] {
        site.run(&["touch", &format!("/run/{refusal}")]).success();
        let sentence = site.install_for(AGENT, &[]).failure(code);
        assert!(sentence.contains(named), "{sentence}");
        assert_eq!(site.folder(), before, "{refusal}");
        assert!(!site.may(HELPER));
        site.run(&["rm", &format!("/run/{refusal}"), "/run/asked"]).success();
    }
    site.install_for(AGENT, &[]).done();
    let asked = site.read("/run/asked");
    let asked: Vec<(&str, &str)> = asked.lines().filter_map(|line| line.split_once(" | ")).collect();
    let [("-V", _), ("-c -s", old), (alone, staged), ("-c -s", new)] = asked[..] else { panic!("{asked:?}") };
    let temporary =
        alone.strip_prefix("-c -s -f /etc/sudoers.d/.zz-sudo-helper-ai-agent.").expect("the file alone");
    assert!(temporary.ends_with(".tmp") && staged.contains(temporary), "{asked:?}");
    let there = |names: &str| names.split(' ').any(|name| name == "zz-sudo-helper-ai-agent");
    assert_eq!([there(old), there(staged), there(new)], [false, false, true], "{asked:?}");
}

#[test]
fn the_file_is_made_anew_proper_from_the_start_and_durable_before_it_counts() {
    let Some(bed) = Bed::new(&["sudoers-install", "sudo-helper"]) else { return };
    bed.etc("sudoers", "Defaults !syslog, !lecture\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n");
    let log = bed.path("calls");
    let traced = ["strace", "-o", log.to_str().expect("a path"), "-s", "200"];
    let install = ["/mnt/bin/sudoers-install", "install", "--user", "ubuntu"];
    bed.run(&[&traced[..], &install].concat()).success();
    let calls = fs::read_to_string(log).expect("a log");
    let file = |call: &&str| call.contains("/etc/sudoers.d") || !call.contains("/dev/null");
    let steps = ["openat(", "fchown(", "fchmod(", "write(", "fsync(", "rename"];
    let made = calls.find(".tmp\", O_WRONLY|O_CREAT|O_EXCL").expect("made anew");
    let made = calls[..made].rfind('\n').map_or(0, |end| end + 1);
    let taken: Vec<&str> = calls[made..].lines().filter(file).collect();
    let fd = taken[0].rsplit(' ').next().expect("a descriptor");
    // What is done with this descriptor, up to the rename.
    let of_file = |call: &&&str| {
        call.contains(".tmp\"")
            || call.split_once('(').is_some_and(|(_, after)| after.split([',', ')']).next() == Some(fd))
    };
    let done: Vec<&str> = taken
        .iter()
        .take_while(|call| !call.starts_with("close("))
        .filter(of_file)
        .filter_map(|call| steps.into_iter().find(|step| call.starts_with(step)))
        .collect();
    assert_eq!(done, ["openat(", "fchown(", "fchmod(", "write(", "fsync("], "{taken:?}");
    assert!(taken[0].contains("0400)") && calls.contains(&format!("fchmod({fd}, 0440)")), "{}", taken[0]);
    let renamed = taken.iter().position(|call| call.starts_with("rename")).expect("renamed");
    assert!(taken[renamed + 1].starts_with("fsync("), "{}", taken[renamed + 1]);
}

/// Notes how it is called, and goes on as the real one.
const ASKED: &str = r#"#!/bin/sh
{
    echo "$*" | sed "s/probe .*/probe NONCE/"
    echo "$(id -u):$(id -g) $(id -G)"
    echo "$(pwd) $(readlink /proc/$$/fd/0) $(tr -d '\000' </proc/$$/environ)"
    read -r pid name state parent group session tty rest </proc/$$/stat
    test "$session $tty" = "$$ 0" && echo alone
} >/run/asked
exec /opt/real/sudo "$@"
"#;

#[test]
fn the_proof_is_asked_for_as_the_user_in_a_session_of_its_own_with_nothing_of_the_caller_s() {
    let Some(site) = Site::boot() else { return };
    site.run(&["sh", "-ec", "groupadd --gid 4242 ops; usermod -aG ops ai-agent"]).success();
    site.run(&[
        "sh",
        "-ec",
        "mkdir /opt/real; mv /usr/bin/sudo /opt/real; : >/run/asked; chmod 0666 /run/asked",
    ])
    .success();
    site.write("/usr/bin/sudo", ASKED, 0o755, "root:root");
    let call = "cd /root; SECRET=root sudoers-install install --user ai-agent --json </etc/hostname";
    assert_eq!(site.said(&["sh", "-c", call]).done()["effective"], "proven");
    let uid = site.said(&["id", "-u", AGENT]).stdout.trim().to_owned();
    let expected = format!("-k -n -- {HELPER} probe NONCE\n{uid}:{uid} {uid} 4242\n/ /dev/null \nalone\n");
    assert_eq!(site.read("/run/asked"), expected);
}

#[test]
fn commands_are_not_run_as_a_proof_but_looked_for_in_sudo_s_list() {
    let Some(site) = Site::boot() else { return };
    site.run(&["sh", "-ec", "mkdir /opt/real; mv /usr/bin/sudo /opt/real"]).success();
    let noting = "#!/bin/sh\necho \"$*\" >>/run/asked\ntest -e /run/mute || exec /opt/real/sudo \"$@\"\n";
    site.write("/usr/bin/sudo", noting, 0o755, "root:root");
    let before = site.folder();
    let commands = ["--command", "/usr/bin/whoami"];
    assert_eq!(site.install_for(AGENT, &commands).done()["effective"], "checked, not run");
    assert_eq!(site.read("/run/asked"), "-n -l -U ai-agent\n");
    site.call("remove").success();
    site.run(&["touch", "/run/mute"]).success();
    let sentence = site.install_for(AGENT, &commands).failure("not-proven");
    assert!(sentence.contains("does not list /usr/bin/whoami"), "{sentence}");
    assert_eq!(site.folder(), before);
}

#[test]
fn a_copy_under_another_name_is_not_the_program_s_own() {
    let Some(site) = Site::boot() else { return };
    site.install_for(AGENT, &[]).done();
    let copy = "/etc/sudoers.d/zz-sudo-helper-other";
    site.run(&["cp", "-a", FILE, copy]).success();
    assert_eq!(site.state(copy)["state"], "foreign-file");
    let said = site.call("remove");
    assert!(said.status == 1 && said.stdout.contains(FILE) && said.stderr.contains(copy), "{said:?}");
    site.run(&["test", "-e", FILE]).failure();
    site.run(&["test", "-e", copy]).success();
}

#[test]
fn each_code_stands_in_the_man_page() {
    let found = codes("sudoers-install");
    assert!(found.len() > 30, "{found:?}");
    let words: BTreeSet<&str> = MAN_PAGE.split([' ', ',', '\n']).collect();
    let missing: Vec<&String> = found.iter().filter(|code| !words.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(found.iter().all(|code| !code.contains('_')), "{found:?}");
}

/// What becomes of a command: by sudo, or as it is said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Denied,
    Password,
    Free,
    /// Said here only: it depends on what is not looked at.
    Unsure,
}

use Outcome::{Denied, Free, Password, Unsure};

/// Rules for `op`, uid 1000, of the group `ops`, on `host`; a command; and what becomes of it: as said here,
/// by sudo, by sudo-rs.
#[rustfmt::skip]
const DECISIONS: &[(&str, &str, [Outcome; 3])] = &[
    ("op ALL=NOPASSWD: /usr/bin/echo a?", "/usr/bin/echo a/", [Free, Free, Denied]),
    ("op ALL=NOPASSWD: /bin/", "/usr/bin/echo a", [Free, Free, Denied]),
    ("OP ALL=NOPASSWD: ALL", "/usr/bin/id", [Free, Free, Denied]),
    ("op other=NOPASSWD: ALL : ho*=/usr/bin/id", "/usr/bin/id", [Password, Password, Denied]),
    ("Defaults !authenticate\nop ALL=ALL", "/usr/bin/id", [Free, Free, Password]),
    ("Defaults!/usr/bin/id !authenticate\nop ALL=ALL", "/usr/bin/id", [Free, Free, Password]),
    ("Defaults exempt_group=ops\nop ALL=ALL", "/usr/bin/id", [Free, Free, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id -u", "/usr/bin/id -u", [Free, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=(nobody) ALL", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=(nobody) !/usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\n%ops ALL=(ALL:ALL) ALL", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\n%OPS ALL=(ALL:ALL) ALL", "/usr/bin/id", [Password, Password, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\n%#4242 ALL=(ALL:ALL) ALL", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\n#1000 ALL=(ALL:ALL) ALL", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=!/usr/bin/id", "/usr/bin/id", [Denied, Denied, Denied]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=!/usr/bin/id -u", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=!/usr/bin/id \"\"", "/usr/bin/id", [Denied, Denied, Denied]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=(root) PASSWD: /usr/bin/", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=(root) PASSWD: /usr/bin/i[c-e]", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\nALL ALL=ALL", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\nALL,!op ALL=ALL", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\n\"op\" ALL=ALL", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\no\\p ALL=ALL", "/usr/bin/id", [Password, Password, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop 192.0.2.0/24=ALL", "/usr/bin/id", [Unsure, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop 127.0.0.1=ALL", "/usr/bin/id", [Unsure, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\n+nowhere ALL=ALL", "/usr/bin/id", [Unsure, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=sha224:d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f /usr/bin/id", "/usr/bin/id", [Unsure, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=NOTBEFORE=20990101000000Z PASSWD: /usr/bin/id", "/usr/bin/id", [Unsure, Free, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=TIMEOUT=10s /usr/bin/id", "/usr/bin/id", [Password, Password, Free]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=NOEXEC: /usr/bin/id", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=CWD=/tmp /usr/bin/id", "/usr/bin/id", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/id\nop ALL=^/usr/bin/i.$", "/usr/bin/id", [Unsure, Password, Free]),
    ("op ALL=NOPASSWD: /usr/bin/echo\nop ALL=/usr/bin/echo ^[a-z]$", "/usr/bin/echo a", [Unsure, Password, Free]),
    ("op ALL=NOPASSWD: /usr/bin/echo\nop ALL=/usr/bin/echo *", "/usr/bin/echo a", [Password, Password, Password]),
    ("op ALL=NOPASSWD: /usr/bin/echo\nop ALL=/usr/bin/echo a*", "/usr/bin/echo a b", [Password, Password, Free]),
    ("op ALL=NOPASSWD: /usr/bin/echo\nop ALL=/usr/bin/echo a *", "/usr/bin/echo a", [Free, Free, Password]),
    ("Defaults authenticate\nop ALL=NOPASSWD: /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("Defaults:op !authenticate\nop ALL=/usr/bin/id", "/usr/bin/id", [Free, Free, Password]),
    ("Defaults@host !authenticate\nop ALL=/usr/bin/id", "/usr/bin/id", [Free, Free, Password]),
    ("Defaults>root !authenticate\nop ALL=/usr/bin/id", "/usr/bin/id", [Free, Free, Password]),
    ("Defaults>op !authenticate\nop ALL=/usr/bin/id", "/usr/bin/id", [Password, Password, Password]),
    ("Defaults!/usr/bin/id !authenticate\nDefaults authenticate\nop ALL=/usr/bin/id", "/usr/bin/id", [Free, Free, Password]),
    ("Defaults runas_default=nobody\nop ALL=NOPASSWD: /usr/bin/id", "/usr/bin/id", [Unsure, Free, Free]),
    ("Runas_Alias R = root\nop ALL=(R) NOPASSWD: /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=(%root) NOPASSWD: /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=(root:ops) NOPASSWD: /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=(op) NOPASSWD: /usr/bin/id, (root) /usr/bin/echo", "/usr/bin/echo a", [Free, Free, Free]),
    ("Cmnd_Alias C = /usr/bin/id\nCmnd_Alias C = /usr/bin/echo\nop ALL=NOPASSWD: C", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: C\nCmnd_Alias C = /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: UNDEFINED, /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("OPS ALL=NOPASSWD: /usr/bin/id", "/usr/bin/id", [Denied, Denied, Denied]),
    ("op ALL = NOPASSWD : /usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD:/usr/bin/id,\\\n  PASSWD:/usr/bin/echo", "/usr/bin/echo a", [Password, Password, Password]),
    ("op ALL=NOPASSWD: !!/usr/bin/id", "/usr/bin/id", [Free, Free, Free]),
    ("op ALL=NOPASSWD: ALL\nthis is no rule\nop ALL=PASSWD: /usr/bin/echo", "/usr/bin/echo a", [Password, Password, Password]),
    ("op ALL=NOPASSWD: ALL\nop ALL=PASSWD: /usr/bin/echo", "/usr/bin/echo a", [Password, Password, Password]),
    ("op ALL=NOPASSWD: sudoedit /etc/motd", "/usr/bin/id", [Denied, Denied, Denied]),
    ("op ALL=NOPASSWD: list", "/usr/bin/id", [Denied, Denied, Denied]),
    ("op localhost=NOPASSWD: ALL", "/usr/bin/id", [Denied, Denied, Denied]),
    ("op host.example=NOPASSWD: ALL", "/usr/bin/id", [Denied, Denied, Denied]),
];

/// For sh: for each case, what sudo and sudo-rs make of it. Root asks whether it is allowed, `op` runs it.
const DECIDE: &str = "cd /root/cases; for rules in *.rules; do
    install -m 0440 \"$rules\" /etc/sudoers; line=$(cat \"${rules%.rules}.line\")
    for sudo in /usr/bin/sudo /opt/sudo-rs; do
        setpriv --reuid op --regid op --init-groups \"$sudo\" -k -n -- $line >/dev/null 2>&1; ran=$?
        \"$sudo\" -l -U op -- $line >/dev/null 2>&1; allowed=$?
        echo \"$ran $allowed\"
    done
done";

/// As it is said here.
fn ours(rules: &str, words: &[&str]) -> Outcome {
    let sudoers = Sudoers::parse(rules, Path::new("/etc/sudoers"));
    let arguments: Vec<String> = words[1..].iter().map(|word| (*word).to_owned()).collect();
    let groups = [(1000, "op".to_owned()), (4242, "ops".to_owned())];
    let asked = Asked { user: "op", uid: 1000, groups: &groups, program: words[0], arguments: &arguments };
    match last_match_on(&sudoers, &asked, "host") {
        Some(found) if !found.certain => Unsure,
        Some(found) if found.allowed && found.runas_root && found.password => Password,
        Some(found) if found.allowed && found.runas_root => Free,
        _ => Denied,
    }
}

#[test]
fn the_last_match_is_that_of_sudo_and_where_sudo_rs_differs_it_is_known() {
    let Some(host) = Host::boot() else { return };
    host.run(&["useradd", "--uid", "1000", "--user-group", "op"]).success();
    host.run(&[
        "sh",
        "-ec",
        "groupadd --gid 4242 ops; usermod -aG ops op; mkdir /root/cases; rm -f /etc/sudoers.d/*",
    ])
    .success();
    host.write("/opt/sudo-rs", fs::read(bed::sudo_rs("sudo")).expect("it was built"), 0o4755, "root:root");
    let text = |rules: &str| format!("root ALL=(ALL) ALL\n{rules}\n");
    for (index, (rules, line, _)) in DECISIONS.iter().enumerate() {
        host.write(&format!("/root/cases/{index:03}.rules"), text(rules), 0o600, "root:root");
        host.write(&format!("/root/cases/{index:03}.line"), line, 0o600, "root:root");
    }
    let said = host.run(&["sh", "-c", DECIDE]).success();
    let said = String::from_utf8_lossy(&said.get_output().stdout).into_owned();
    let mut really = said.lines().map(|line| match line.split_once(' ') {
        Some(("0", "0")) => Free,
        Some((_, "0")) => Password,
        Some(("0", _)) => panic!("it ran and is not allowed: {said}"),
        _ => Denied,
    });
    let mut differing = String::new();
    for (rules, line, expected) in DECISIONS {
        let ours = ours(&text(rules), &line.split(' ').collect::<Vec<_>>());
        let found = [ours, really.next().expect("sudo's"), really.next().expect("that of sudo-rs")];
        assert!(ours == Unsure || ours == found[1], "{rules}: {line}: {found:?}");
        if found != *expected {
            differing += &format!("({rules:?}, {line:?}, {found:?}),\n");
        }
    }
    assert_eq!(differing, "");
}
