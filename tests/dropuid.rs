//! dropuid, end to end: the built program against real accounts, setuid programs and terminals.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::accounts::{UBUNTU, UBUNTU_UID};
use bed::{Bed, LISTENER, Running, Status, Terminal, capture, program, spawn, specs, tool};
use predicates::prelude::*;

/// In front of a command: as ubuntu, by another program than dropuid.
const AS_UBUNTU: &str = "setpriv --reuid=ubuntu --regid=ubuntu --init-groups --";

/// After the user: the command that shows what it is.
const SHOW: &str = "-- /bin/cat /proc/self/status";

/// What `--verbose` says.
const DROPPED: &str = "🔒 Auto-dropping privileges from root to ubuntu user...\n";

fn bed() -> Option<Bed> {
    Bed::new(&["dropuid"])
}

/// A command without quotes, as its words.
fn words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace().collect()
}

fn run(bed: &Bed, line: &str) -> Assert {
    bed.run(&words(line))
}

/// A shell script, in root's shell.
fn sh(bed: &Bed, script: &str) -> Assert {
    bed.run(&["sh", "-c", script])
}

/// What a command that ends in [`SHOW`] is.
fn shown(assert: Assert) -> Status {
    Status::read(&assert.code(0).stderr("").get_output().stdout)
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

/// Status 125, nothing run (the command would have printed something), and one line that says why.
#[track_caller]
fn refused(assert: Assert, reason: &str) {
    let one_line = predicate::str::is_match(r"\Adropuid: [^\n]*\n\z").expect("a pattern");
    assert.code(125).stdout("").stderr(one_line).stderr(predicate::str::contains(reason));
}

/// A directory service with one more account and one more group for ubuntu.
fn extra_users(bed: &Bed) {
    tool("libnss_extrausers.so.2");
    let folder = bed.folder("extrausers", 0, 0o755);
    bed.file("extrausers/passwd", "guest:x:2000:2000:Guest:/home/guest:/bin/sh\n", 0, 0o644);
    bed.file("extrausers/group", "guest:x:2000:\nremote:x:2001:guest,ubuntu\n", 0, 0o644);
    bed.bind(&folder, "/var/lib/extrausers");
}

/// nsswitch.conf with one order for both databases.
fn order(bed: &Bed, order: &str) {
    bed.etc("nsswitch.conf", &format!("passwd: {order}\ngroup: {order}\n"));
}

mod spec {
    use super::*;

    #[test]
    fn accepted_specs_become_these_ids() {
        let Some(bed) = bed() else { return };
        for (spec, ids) in specs::ACCEPTED {
            assert_eq!(shown(run(&bed, &format!("dropuid {spec} {SHOW}"))).ids(), ids, "{spec}");
        }
    }

    #[test]
    fn refused_specs_run_nothing() {
        let Some(bed) = bed() else { return };
        for (spec, reason) in specs::REFUSED {
            refused(bed.run(&["dropuid", "--", spec, "echo", "ran"]), reason);
        }
    }

    #[test]
    fn an_empty_spec_runs_nothing() {
        let Some(bed) = bed() else { return };
        refused(sh(&bed, r#"dropuid "$UNSET" -- echo ran"#), "unset shell variable");
        refused(sh(&bed, "dropuid $UNSET -- echo ran"), "no user 'echo'");
    }

    #[test]
    fn a_negative_number_is_no_option_and_no_user() {
        let Some(bed) = bed() else { return };
        refused(run(&bed, "dropuid -1 echo ran"), "-1");
        refused(run(&bed, "dropuid -- -1 echo ran"), "'-1' is neither a name");
    }

    #[test]
    fn of_two_names_of_one_number_each_has_its_own_groups() {
        let Some(bed) = bed() else { return };
        assert_eq!(shown(run(&bed, &format!("dropuid twin {SHOW}"))).ids(), "1000:1003:1003");
        assert_eq!(shown(run(&bed, &format!("dropuid 1000 {SHOW}"))).ids(), UBUNTU);
    }

    #[test]
    fn dropped_groups_are_gone_for_good() {
        let Some(bed) = bed() else { return };
        for groups in ["sudo,lxd,docker", "27,110,998", "sudo --drop-groups lxd,docker"] {
            let status = shown(run(&bed, &format!("dropuid --drop-groups {groups} ubuntu {SHOW}")));
            assert_eq!(status.ids(), "1000:1000:1000,1001,1002");
            assert_eq!(status.field("NoNewPrivs"), "1");
        }
    }

    #[test]
    fn groups_that_cannot_be_dropped_are_refused() {
        let Some(bed) = bed() else { return };
        for (groups, reason) in
            [("sudo,nosuch", "no group 'nosuch'"), ("ubuntu", "primary group"), ("sudo,", "empty")]
        {
            refused(run(&bed, &format!("dropuid --drop-groups {groups} ubuntu -- echo ran")), reason);
        }
    }
}

mod lookup {
    use super::*;

    const LOCAL: &str = "files systemd";

    /// Whether getent is executed, by dropuid or a child of its.
    fn asks_getent(bed: &Bed, spec: &str) -> bool {
        let strace = tool("strace");
        let line = format!("{strace} -f -qq -e trace=execve -o /mnt/open/trace dropuid {spec} -- /bin/true");
        run(bed, &line);
        fs::read_to_string("/mnt/open/trace").expect("a trace").contains("/usr/bin/getent")
    }

    #[test]
    fn local_accounts_need_no_getent() {
        let Some(bed) = bed() else { return };
        for sources in [LOCAL, "files", "files ldap systemd"] {
            bed.etc("nsswitch.conf", &format!("passwd: {sources}\ngroup: files systemd\n"));
            for spec in ["ubuntu", "1000", "ubuntu:devs", "0day", "1234"] {
                assert!(!asks_getent(&bed, spec), "{spec} with {sources}");
            }
        }
        order(&bed, "files");
        assert!(!asks_getent(&bed, "nosuch"), "nobody else knows it");
    }

    #[test]
    fn other_orders_ask_getent() {
        let Some(bed) = bed() else { return };
        extra_users(&bed);
        for (sources, spec) in [
            (LOCAL, "nosuch"),
            ("extrausers files", "ubuntu"),
            ("files [SUCCESS=continue] systemd", "ubuntu:devs"),
            ("files [!NOTFOUND=continue] systemd", "ubuntu:devs"),
            ("files extrausers", "guest"),
            ("files extrausers", "ubuntu"),
        ] {
            order(&bed, sources);
            assert!(asks_getent(&bed, spec), "{spec} with {sources}");
        }
    }

    #[test]
    fn the_local_files_and_getent_agree() {
        let Some(bed) = bed() else { return };
        tool("libnss_extrausers.so.2");
        let outcomes = |sources| {
            order(&bed, sources);
            let accepted = specs::ACCEPTED.map(|(spec, _)| spec);
            let refused = specs::REFUSED.map(|(spec, _)| spec);
            let ids = |spec: &&str| {
                let output = bed.run(&[&["dropuid", "--", spec], &words(SHOW)[1..]].concat());
                (spec.to_string(), Status::read(&output.get_output().stdout))
            };
            // A name of digits only has a test of its own.
            let specs = accepted.iter().chain(&refused).filter(|spec| **spec != "1234");
            let ids = specs.map(ids).map(|(spec, status)| (spec, (!status.is_empty()).then(|| status.ids())));
            ids.collect::<Vec<_>>()
        };
        assert_eq!(outcomes("files"), outcomes("extrausers files"));
    }

    #[test]
    fn a_name_of_digits_means_the_name_in_every_order() {
        let Some(bed) = bed() else { return };
        extra_users(&bed);
        fs::write("/mnt/extrausers/passwd", "imposter:x:1234:2000::/:/bin/sh\n").expect("the bed's own file");
        for sources in ["files", LOCAL, "files extrausers", "extrausers files"] {
            order(&bed, sources);
            for (spec, ids) in
                [("1234", "1011:1011:1011"), ("1234:devs", "1011:1001:1001"), ("007", "1015:1015:1015")]
            {
                assert_eq!(shown(run(&bed, &format!("dropuid {spec} {SHOW}"))).ids(), ids, "{sources}");
            }
        }
    }

    #[test]
    fn groups_are_those_of_the_c_library() {
        let Some(bed) = bed() else { return };
        extra_users(&bed);
        for sources in [LOCAL, "files extrausers", "extrausers files", "files [SUCCESS=merge] extrausers"] {
            bed.etc("nsswitch.conf", &format!("passwd: files\ngroup: {sources}\n"));
            // Not twin: id(1) looks its number up again and finds ubuntu.
            for user in ["ubuntu", "other", "0day", "bare"] {
                let groups = |line: String| {
                    let said = stdout(&run(&bed, &line).code(0));
                    said.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>()
                };
                let (ours, theirs) = (format!("dropuid {user} -- id -G"), format!("id -G {user}"));
                assert_eq!(groups(ours), groups(theirs), "{user} with {sources}");
            }
        }
    }

    #[test]
    fn a_user_of_another_source_is_found() {
        let Some(bed) = bed() else { return };
        extra_users(&bed);
        order(&bed, "files extrausers");
        for spec in ["guest", "2000"] {
            assert_eq!(shown(run(&bed, &format!("dropuid {spec} {SHOW}"))).ids(), "2000:2000:2000,2001");
        }
        run(&bed, "dropuid guest -- printenv HOME USER").stdout("/home/guest\nguest\n");
        assert_eq!(shown(run(&bed, &format!("dropuid ubuntu:remote {SHOW}"))).ids(), "1000:2001:2001");
    }

    /// Lays a script over getent.
    fn getent_says(bed: &Bed, script: &str, mode: u32) {
        let is_first = !bed.path("getent").exists();
        let own = bed.file("getent", format!("#!/bin/sh\n{script}\n"), 0, mode);
        if is_first {
            bed.bind(&own, tool("getent"));
        }
    }

    #[test]
    fn answers_of_getent_are_read_strictly() {
        let Some(bed) = bed() else { return };
        for (script, reason) in [
            ("echo ghost:x:2000:2000::/:/bin/sh; echo ghost:x:2000:2000::/:/bin/sh", "cannot be used"),
            ("[ $1 = passwd ] && echo gh0st:x:2000:2000::/:/bin/sh || echo gh0st 2000", "cannot be used"),
            ("echo ghost:x:2000:2000::/", "cannot be used"),
            ("echo ghost:x:-1:2000::/:/bin/sh", "cannot be used"),
            ("echo ghost:x:4294967295:2000::/:/bin/sh", "cannot be used"),
            ("echo ghost:x:02000:2000::/:/bin/sh", "cannot be used"),
            ("echo ghost:x:0:2000::/:/bin/sh", "uid 0 is root"),
            ("printf ghost:x:2000:2000::/:/bin/sh", "cannot be used"),
            ("echo", "cannot be used"),
            (":", "cannot be used"),
            ("exec yes ghost:x:2000:2000::/:/bin/sh", "more than 1048576 bytes"),
            ("exit 3", "status 3"),
            ("kill -KILL $$", "status 137"),
            ("[ $1 = passwd ] && echo ghost:x:2000:0::/:/bin/sh || echo ghost 2000", "gid 0"),
            ("[ $1 = passwd ] && echo ghost:x:2000:2000::/:/bin/sh || echo ghost 0", "member of gid 0"),
            ("[ $1 = passwd ] && echo ghost:x:2000:2000::/:/bin/sh || echo ubuntu 27", "cannot be used"),
            ("[ $1 = passwd ] && echo ghost:x:2000:2000::/:/bin/sh || echo ghost 27 x", "cannot be used"),
        ] {
            getent_says(&bed, script, 0o755);
            refused(run(&bed, "dropuid ghost -- echo ran"), reason);
        }
        getent_says(&bed, "", 0o644);
        refused(run(&bed, "dropuid ghost -- echo ran"), "/usr/bin/getent");
    }

    #[test]
    fn a_getent_that_hangs_is_given_up() {
        let Some(bed) = bed() else { return };
        getent_says(&bed, "exec tail -f /dev/null", 0o755);
        refused(run(&bed, "dropuid ghost -- echo ran"), "no answer within");
    }

    #[test]
    fn getent_gets_nothing_of_the_callers_environment() {
        let Some(bed) = bed() else { return };
        getent_says(&bed, "cat /proc/$$/environ >/mnt/open/environ; exit 2", 0o755);
        sh(&bed, "LD_PRELOAD=/x SECRET=1 dropuid ghost -- echo ran").code(125);
        assert_eq!(fs::read("/mnt/open/environ").expect("getent was asked"), b"");
    }

    #[test]
    fn databases_that_others_may_write_are_not_trusted() {
        let Some(bed) = bed() else { return };
        for (name, mode) in [("passwd", 0o666), ("group", 0o664), ("nsswitch.conf", 0o646)] {
            let permissions = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
            let path = bed.path("etc").join(name);
            fs::set_permissions(&path, permissions(mode)).expect("the bed's own file");
            refused(run(&bed, "dropuid ubuntu -- echo ran"), &format!("/etc/{name}"));
            fs::set_permissions(&path, permissions(0o644)).expect("the bed's own file");
        }
    }
}

mod dropping {
    use super::*;

    /// As the kernel shows them.
    const CAPABILITIES: [&str; 4] = ["CapInh", "CapPrm", "CapEff", "CapAmb"];

    #[test]
    fn every_id_is_the_users_and_no_capability_is_left() {
        let Some(bed) = bed() else { return };
        for before in ["", "setpriv --inh-caps=+net_admin --ambient-caps=+net_admin"] {
            for options in ["", "--wait", "--no-new-privs"] {
                let status = shown(run(&bed, &format!("{before} dropuid {options} ubuntu {SHOW}")));
                assert_eq!(status.ids(), UBUNTU);
                for set in CAPABILITIES {
                    assert_eq!(status.mask(set), 0, "{set} after {before} with {options}");
                }
            }
        }
    }

    #[test]
    fn root_cannot_be_had_back() {
        let Some(bed) = bed() else { return };
        let script = "
import os
for call in (lambda: os.setuid(0), lambda: os.seteuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):
    try: call(); print('regained')
    except PermissionError: print('refused')
";
        bed.run(&["dropuid", "ubuntu", "--", tool("python3"), "-c", script]).stdout("refused\n".repeat(4));
    }

    #[test]
    fn ids_are_dropped_in_the_safe_order_read_back_and_root_asked_for_in_vain() {
        let Some(bed) = bed() else { return };
        run(&bed, &format!("{} -o /mnt/open/trace dropuid ubuntu -- /bin/true", tool("strace"))).code(0);
        let trace = fs::read_to_string("/mnt/open/trace").expect("a trace");
        let mut calls = trace.lines().map(|line| words(line).join(" "));
        for call in [
            "setgroups(6, ",
            "setresgid(1000, 1000, 1000) = 0",
            "setresuid(1000, 1000, 1000) = 0",
            "capset(",
            "getresuid([1000], [1000], [1000]) = 0",
            "getresgid([1000], [1000], [1000]) = 0",
            "getgroups(6, ",
            "capget(",
            "setresgid(0, 0, 0) = -1 EPERM",
            "setresuid(0, 0, 0) = -1 EPERM",
            "execve(\"/bin/true\"",
        ] {
            assert!(calls.any(|line| line.starts_with(call)), "{call} is not in its place:\n{trace}");
        }
    }

    #[test]
    fn securebits_that_keep_capabilities_are_refused() {
        let Some(bed) = bed() else { return };
        for options in ["", "--wait"] {
            let line = format!("setpriv --securebits=+no_setuid_fixup dropuid {options} ubuntu -- echo ran");
            refused(run(&bed, &line), "securebits");
        }
    }

    #[test]
    fn a_setuid_or_setgid_program_refuses_everybody() {
        let Some(bed) = bed() else { return };
        let program = fs::read("/mnt/bin/dropuid").expect("the program");
        for mode in [0o4755, 0o2755, 0o6755] {
            let file = bed.file(&format!("dropuid-{mode:o}"), &program, 0, mode);
            for before in ["", AS_UBUNTU] {
                let line = format!("{before} {} ubuntu -- echo ran", file.display());
                refused(run(&bed, &line), "setuid or setgid");
            }
        }
    }

    #[test]
    fn a_program_with_file_capabilities_refuses_everybody() {
        let Some(bed) = bed() else { return };
        run(&bed, "cp /mnt/bin/dropuid /mnt/bin/capable").code(0);
        run(&bed, &format!("{} cap_net_raw+ep /mnt/bin/capable", tool("setcap"))).code(0);
        for before in ["", AS_UBUNTU] {
            refused(run(&bed, &format!("{before} capable ubuntu -- echo ran")), "carries capabilities");
        }
    }

    #[test]
    fn mixed_ids_are_refused() {
        let Some(bed) = bed() else { return };
        for mixed in ["setresuid(1000, 0, 0)", "setresuid(0, 1000, 0)", "setresgid(1000, 0, 0)"] {
            let script = format!(
                "import os; os.{mixed}; os.execv('/mnt/bin/dropuid', 'dropuid ubuntu echo ran'.split())"
            );
            refused(bed.run(&[tool("python3"), "-c", &script]), "ids differ");
        }
    }

    #[test]
    fn no_new_privs_shuts_setuid_programs_out() {
        let Some(bed) = bed() else { return };
        tool("sudo");
        bed.etc("sudoers", "Defaults !syslog\nubuntu ALL=(ALL) NOPASSWD: ALL\n");
        run(&bed, "dropuid ubuntu -- sudo -n id -u").code(0).stdout("0\n");
        for options in ["--no-new-privs", "--drop-groups sudo", "--no-new-privs --wait"] {
            run(&bed, &format!("dropuid {options} ubuntu -- sudo -n id -u")).code(1).stdout("");
        }
        let new_privs = |options| {
            let status = shown(run(&bed, &format!("dropuid {options} ubuntu {SHOW}")));
            status.field("NoNewPrivs").to_owned()
        };
        assert_eq!([new_privs(""), new_privs("--no-new-privs")], ["0", "1"]);
    }
}

mod already_the_user {
    use super::*;

    #[test]
    fn the_same_line_works_as_root_and_as_the_user() {
        let Some(bed) = bed() else { return };
        for before in ["", AS_UBUNTU, "dropuid ubuntu --", "dropuid ubuntu -- dropuid --wait ubuntu --"] {
            assert_eq!(shown(run(&bed, &format!("{before} dropuid ubuntu {SHOW}"))).ids(), UBUNTU);
        }
    }

    #[test]
    fn every_option_is_still_applied() {
        let Some(bed) = bed() else { return };
        bed.file("env", "K=from-file\n", UBUNTU_UID, 0o600);
        let status = shown(run(&bed, &format!("{AS_UBUNTU} dropuid --no-new-privs ubuntu {SHOW}")));
        assert_eq!(status.field("NoNewPrivs"), "1");
        run(&bed, &format!("{AS_UBUNTU} dropuid --env-file /mnt/env ubuntu -- printenv K HOME USER"))
            .stdout("from-file\n/home/ubuntu\nubuntu\n");
        let kept = format!("{AS_UBUNTU} dropuid --keep-fd 7 ubuntu -- sh -c 'cat <&7' 7</etc/nsswitch.conf");
        sh(&bed, &kept).code(0).stdout(bed::accounts::NSSWITCH);
        let closed = format!("{AS_UBUNTU} dropuid ubuntu -- sh -c 'cat <&7' 7</etc/nsswitch.conf");
        sh(&bed, &closed).failure().stdout("");
    }

    #[test]
    fn fewer_groups_are_enough_and_more_are_refused() {
        let Some(bed) = bed() else { return };
        let with = |groups: &str, spec: &str| {
            let before = format!("setpriv --reuid=1000 --regid=1000 {groups}");
            run(&bed, &format!("{before} dropuid {spec} {SHOW}"))
        };
        assert_eq!(shown(with("--clear-groups", "ubuntu")).ids(), "1000:1000:");
        assert_eq!(shown(with("--groups=1001", "ubuntu")).ids(), "1000:1000:1001");
        refused(with("--groups=1001,5", "ubuntu"), "only root can take away");
        refused(with("--groups=1001,0", "ubuntu"), "only root can take away");
        refused(with("--groups=1001", "ubuntu:devs"), "only root can take away");
        refused(with("--groups=27,1001", "--drop-groups sudo ubuntu"), "only root can take away");
    }

    #[test]
    fn a_user_with_capabilities_is_refused() {
        let Some(bed) = bed() else { return };
        let before =
            "setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=+chown --ambient-caps=+chown";
        refused(run(&bed, &format!("{before} dropuid ubuntu -- echo ran")), "only root can take away");
    }

    #[test]
    fn another_user_is_refused_without_root() {
        let Some(bed) = bed() else { return };
        refused(run(&bed, &format!("{AS_UBUNTU} dropuid other -- echo ran")), "only root can become 'other'");
        refused(run(&bed, &format!("{AS_UBUNTU} dropuid root -- echo ran")), "uid 0 is root");
    }
}

mod environment {
    use super::*;

    const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    type Variables = BTreeMap<String, String>;

    /// The environment that `dropuid OPTIONS ubuntu` gives, when its caller has these variables alone.
    fn given(bed: &Bed, options: &str, callers: &[(&str, &str)]) -> Variables {
        let line = format!("/mnt/bin/dropuid {options} ubuntu -- /usr/bin/env -0");
        let mut command = bed.command(&words(&line));
        command.env_clear().envs(callers.iter().copied());
        let said = stdout(&capture(command).assert().code(0).stderr(""));
        let pairs = said.split_terminator('\0').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn value<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
        variables.get(name).map(String::as_str)
    }

    #[test]
    fn the_account_is_set_and_the_rest_kept() {
        let Some(bed) = bed() else { return };
        let callers =
            [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("SHELL", "/bin/zsh"), ("TOKEN", "t")];
        let expected = [
            ("HOME", "/home/ubuntu"),
            ("LOGNAME", "ubuntu"),
            ("PATH", DEFAULT_PATH),
            ("SHELL", "/bin/bash"),
            ("TOKEN", "t"),
            ("USER", "ubuntu"),
        ];
        let callers = [&callers[..], &[("PATH", DEFAULT_PATH)]].concat();
        let given = given(&bed, "", &callers);
        let given: Vec<_> = given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(given, expected);
    }

    #[test]
    fn an_account_without_home_or_shell_gets_defaults_and_no_account_gets_nothing_of_roots() {
        let Some(bed) = bed() else { return };
        run(&bed, "dropuid bare -- printenv HOME SHELL USER").stdout("/\n/bin/sh\nbare\n");
        run(&bed, "dropuid 4242:4242 -- printenv HOME SHELL USER LOGNAME").stdout("/\n");
    }

    #[test]
    fn what_tells_of_the_caller_is_removed() {
        let Some(bed) = bed() else { return };
        let names = [
            "SUDO_USER",
            "SUDO_UID",
            "SUDO_GID",
            "SUDO_COMMAND",
            "MAIL",
            "OLDPWD",
            "XDG_RUNTIME_DIR",
            "DBUS_SESSION_BUS_ADDRESS",
            "XAUTHORITY",
        ];
        for options in ["", "--wait", "--clear-env --keep-env SUDO_USER,MAIL,XAUTHORITY"] {
            let given = given(&bed, options, &names.map(|name| (name, "/run/user/0")));
            assert_eq!(given.keys().collect::<Vec<_>>(), ["HOME", "LOGNAME", "PATH", "SHELL", "USER"]);
        }
        assert_eq!(value(&given(&bed, "", &[("SUDOKU", "9")]), "SUDOKU"), Some("9"));
    }

    #[test]
    fn paths_into_roots_home_are_removed_and_others_kept() {
        let Some(bed) = bed() else { return };
        for name in
            ["TMPDIR", "TMP", "TEMP", "SSH_AUTH_SOCK", "GNUPGHOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"]
        {
            for (path, kept) in [
                ("/root/x", false),
                ("/root", false),
                ("/tmp/x", true),
                ("/rooted", true),
                ("/home/ubuntu/x", true),
            ] {
                let given = given(&bed, "", &[(name, path), ("HOME", "/root")]);
                assert_eq!(value(&given, name), kept.then_some(path), "{name}={path}");
            }
        }
    }

    #[test]
    fn the_runtime_folder_is_set_when_it_is_the_users_own() {
        let Some(bed) = bed() else { return };
        let runtime = || {
            value(&given(&bed, "", &[("XDG_RUNTIME_DIR", "/run/user/0")]), "XDG_RUNTIME_DIR")
                .map(str::to_owned)
        };
        assert_eq!(runtime(), None);
        fs::create_dir("/run/user/1000").expect("a folder");
        assert_eq!(runtime(), None, "root's");
        std::os::unix::fs::chown("/run/user/1000", Some(UBUNTU_UID), None).expect("root may");
        assert_eq!(runtime().as_deref(), Some("/run/user/1000"));
    }

    #[test]
    fn path_is_cleaned_or_gets_its_default() {
        let Some(bed) = bed() else { return };
        let snap = fs::metadata("/snap/bin").map_or("", |_| ":/snap/bin");
        let default = format!("{DEFAULT_PATH}{snap}");
        for (path, settled) in [
            (Some("/a:/b"), "/a:/b"),
            (Some(":/a::./x:.:/b:bin:"), "/a:/b"),
            (Some(""), &default),
            (Some("."), &default),
            (None, &default),
        ] {
            let callers: Vec<_> = path.map(|path| ("PATH", path)).into_iter().collect();
            assert_eq!(value(&given(&bed, "", &callers), "PATH"), Some(settled), "{path:?}");
        }
    }

    #[test]
    fn a_cleared_environment_keeps_only_what_is_named() {
        let Some(bed) = bed() else { return };
        let callers = [("A", "1"), ("B", "2"), ("C", "3"), ("HOME", "/root")];
        let given = given(&bed, "--clear-env --keep-env A,C,HOME", &callers);
        assert_eq!(given.keys().collect::<Vec<_>>(), ["A", "C", "HOME", "LOGNAME", "PATH", "SHELL", "USER"]);
        assert_eq!(value(&given, "HOME"), Some("/home/ubuntu"));
    }
}

mod env_files {
    use super::*;

    const SHOW_K: &str = "-- /bin/sh -c 'printf %s \"$K\"'";

    /// `dropuid --env-file` with a file of ubuntu's that holds `text`; the command prints K.
    fn with(bed: &Bed, text: impl AsRef<[u8]>) -> Assert {
        fs::write("/home/ubuntu/.env", text).expect("the bed's own file");
        sh(bed, &format!("cd /mnt/open; dropuid --env-file /home/ubuntu/.env ubuntu {SHOW_K}"))
    }

    #[test]
    fn the_forms_that_all_parsers_agree_about_are_read() {
        let Some(bed) = bed() else { return };
        for (text, value) in bed::env_forms::ACCEPTED {
            with(&bed, text).code(0).stderr("").stdout(value);
        }
    }

    #[test]
    fn the_forms_that_parsers_differ_about_are_refused_and_nothing_is_executed() {
        let Some(bed) = bed() else { return };
        for text in bed::env_forms::REFUSED {
            refused(with(&bed, text), "/home/ubuntu/.env line 1: ");
            assert!(!bed.path("open/marker").exists(), "{text:?} was executed");
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_nothing_of_it_is_shown() {
        let Some(bed) = bed() else { return };
        for bad in [
            "K=s3cr3t $(x)",
            "c2VjcmV0Cg==",
            "s3cr3t",
            "K = s3cr3t",
            "K='s3cr3t",
            "export s3cr3t",
            "s3c-r3t=x",
        ] {
            let assert = with(&bed, format!("A=1\n# two\n{bad}\n"));
            let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
            refused(assert, "/home/ubuntu/.env line 3: ");
            for secret in ["s3cr3t", "c2VjcmV0Cg", "s3c-r3t"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
        refused(with(&bed, "UID=7\n"), "line 1: UID: ");
    }

    #[test]
    fn files_are_read_with_the_users_rights() {
        let Some(bed) = bed() else { return };
        bed.file("closed/secret", "K=secret\n", 0, 0o644);
        bed.file("roots", "K=secret\n", 0, 0o600);
        symlink("/mnt/closed/secret", "/home/ubuntu/link").expect("a link");
        for file in ["/mnt/roots", "/mnt/closed/secret", "/home/ubuntu/link"] {
            for option in ["--env-file", "--env-file-if-exists"] {
                refused(
                    run(&bed, &format!("dropuid {option} {file} ubuntu -- echo ran")),
                    "Permission denied",
                );
            }
        }
        bed.file("own", "K=mine\n", UBUNTU_UID, 0o600);
        sh(&bed, &format!("dropuid --env-file /mnt/own ubuntu {SHOW_K}")).stdout("mine");
    }

    #[test]
    fn only_a_small_regular_file_is_read() {
        let Some(bed) = bed() else { return };
        nix::unistd::mkfifo("/mnt/fifo", nix::sys::stat::Mode::from_bits_truncate(0o644)).expect("a fifo");
        bed.file("large", vec![b'#'; (1 << 20) + 1], 0, 0o644);
        for (file, reason) in [
            ("/mnt/fifo", "not a regular file"),
            ("/mnt/open", "not a regular file"),
            ("/dev/null", "not a regular file"),
            ("/mnt/large", "larger than"),
        ] {
            refused(run(&bed, &format!("dropuid --env-file {file} ubuntu -- echo ran")), reason);
        }
    }

    #[test]
    fn only_a_missing_optional_file_is_passed_over() {
        let Some(bed) = bed() else { return };
        refused(run(&bed, "dropuid --env-file /mnt/none ubuntu -- echo ran"), "/mnt/none cannot be opened");
        run(&bed, "dropuid --env-file-if-exists /mnt/none ubuntu -- echo ran").code(0).stdout("ran\n");
        refused(run(&bed, "dropuid --env-file-if-exists /mnt/closed/none ubuntu -- echo ran"), "Permission");
        refused(
            run(&bed, "dropuid --env-file-if-exists /etc/passwd/x ubuntu -- echo ran"),
            "Not a directory",
        );
    }

    #[test]
    fn later_files_win_over_earlier_ones_and_over_the_caller() {
        let Some(bed) = bed() else { return };
        bed.file("a", "K=a\nL=a\n", 0, 0o644);
        bed.file("b", "K=b\n", 0, 0o644);
        let line = "K=c dropuid --env-file /mnt/a --env-file-if-exists /mnt/b ubuntu -- printenv K L";
        sh(&bed, line).stdout("b\na\n");
    }

    #[test]
    fn only_allowed_names_pass() {
        let Some(bed) = bed() else { return };
        bed.file("a", "TOKEN=t\nLD_PRELOAD=/x\nPATH=/x\nB=b\n", 0, 0o644);
        let line = "dropuid --env-file /mnt/a --env-allow TOKEN,B ubuntu -- printenv TOKEN B LD_PRELOAD";
        run(&bed, line).code(1).stdout("t\nb\n").stderr("");
    }

    #[test]
    fn values_reach_the_command_and_no_lookup_of_our_own() {
        let Some(bed) = bed() else { return };
        let planted = bed.folder("planted", 0, 0o755);
        for name in ["getent", "sudo"] {
            bed.file(&format!("planted/{name}"), "#!/bin/sh\necho planted >/mnt/open/marker\n", 0, 0o755);
        }
        bed.file("planted/greet", "#!/bin/sh\necho hello\n", 0, 0o755);
        bed.file("a", format!("PATH={}\nLD_PRELOAD=/mnt/none.so\n", planted.display()), 0, 0o644);
        order(&bed, "files extrausers");
        // ld.so(8) complains once: for the shell of the script, not for dropuid nor getent.
        run(&bed, "dropuid --env-file /mnt/a ubuntu -- greet")
            .stdout("hello\n")
            .stderr(predicate::str::contains("/mnt/none.so").count(1));
        run(&bed, "dropuid --explain --env-file /mnt/a ubuntu -- greet").code(0);
        assert!(!bed.path("open/marker").exists(), "a planted program was run");
    }

    #[test]
    fn the_callers_preload_is_not_loaded_by_dropuid() {
        let Some(bed) = bed() else { return };
        sh(&bed, "LD_PRELOAD=/mnt/none.so exec dropuid ubuntu -- /bin/true")
            .code(0)
            .stderr(predicate::str::contains("/mnt/none.so").count(1));
    }

    #[test]
    fn explain_lists_all_bad_lines_at_once() {
        let Some(bed) = bed() else { return };
        bed.file("a", "A=1\nB = s3cr3t\nC=$s3cr3t\n", 0, 0o644);
        bed.file("b", "s3cr3t\n", 0, 0o644);
        let files = "--env-file /mnt/a --env-file /mnt/b --env-file /mnt/none";
        let said = stdout(&run(&bed, &format!("dropuid --explain {files} ubuntu -- true")).code(125));
        for fault in ["/mnt/a line 2: ", "/mnt/a line 3: ", "/mnt/b line 1: ", "/mnt/none cannot be opened"] {
            assert!(said.contains(fault), "{said}");
        }
        assert!(!said.contains("s3cr3t"), "{said}");
    }
}

mod inheritance {
    use super::*;

    #[test]
    fn descriptors_from_3_up_are_closed_unless_kept() {
        let Some(bed) = bed() else { return };
        bed.file("closed/secret", "secret\n", 0, 0o600);
        let with = |options: &str, fd: u32| {
            sh(
                &bed,
                &format!("exec dropuid {options} ubuntu -- sh -c 'cat <&{fd}' 7</mnt/closed/secret 8<&7"),
            )
        };
        for options in ["", "--wait", "--keep-fd 8", "--keep-fd 0"] {
            with(options, 7).failure().stdout("");
        }
        for options in ["--keep-fd 7", "--keep-fd 7,8", "--wait --keep-fd 8 --keep-fd 7"] {
            with(options, 7).code(0).stdout("secret\n");
        }
        let many = "exec dropuid ubuntu -- ls /proc/self/fd 3</ 9</ 8</ 4</ 5</";
        // The last one is that of ls itself.
        sh(&bed, many).code(0).stdout("0\n1\n2\n3\n");
    }

    #[test]
    fn a_closed_standard_descriptor_is_no_place_for_a_later_file() {
        let Some(bed) = bed() else { return };
        for options in ["", "--wait"] {
            for closed in ["0", "2"] {
                let line =
                    format!("exec dropuid {options} ubuntu -- readlink /proc/self/fd/{closed} {closed}>&-");
                sh(&bed, &line).code(0).stdout("/dev/null\n");
            }
        }
    }

    #[test]
    fn a_descriptor_to_be_kept_must_be_open() {
        let Some(bed) = bed() else { return };
        for options in ["", "--wait"] {
            let line = format!("exec dropuid {options} --keep-fd 9 ubuntu -- echo ran 9<&-");
            refused(sh(&bed, &line), "--keep-fd 9");
        }
    }

    #[test]
    fn the_signal_mask_is_emptied() {
        let Some(bed) = bed() else { return };
        for options in ["", "--wait"] {
            let line = format!("env --block-signal dropuid {options} ubuntu {SHOW}");
            assert_eq!(shown(run(&bed, &line)).mask("SigBlk"), 0);
        }
    }

    #[test]
    fn ignored_signals_stay_ignored_and_others_do_not_become_so() {
        let Some(bed) = bed() else { return };
        extra_users(&bed);
        // With getent in between, which runs as a child.
        for sources in ["files", "extrausers files"] {
            order(&bed, sources);
            for options in ["", "--wait"] {
                let ignored = format!("env --ignore-signal=PIPE,CHLD,HUP dropuid {options} ubuntu {SHOW}");
                let ignored = shown(run(&bed, &ignored));
                for signal in [libc::SIGPIPE, libc::SIGCHLD, libc::SIGHUP] {
                    assert!(ignored.has_signal("SigIgn", signal), "{signal} with {options} and {sources}");
                }
                // env(1) cannot reset the signals that the C library keeps for itself.
                let callers = shown(run(&bed, "env --default-signal cat /proc/self/status"));
                let default =
                    shown(run(&bed, &format!("env --default-signal dropuid {options} ubuntu {SHOW}")));
                let ignored = [callers, default].map(|status| status.mask("SigIgn"));
                assert_eq!(ignored[0], ignored[1], "with {options} and {sources}");
            }
        }
    }

    #[test]
    fn others_may_not_write_what_the_command_creates() {
        let Some(bed) = bed() else { return };
        for (callers, own) in
            [("000", "0022"), ("002", "0022"), ("022", "0022"), ("027", "0027"), ("077", "0077")]
        {
            let status = shown(sh(&bed, &format!("umask {callers}; exec dropuid ubuntu {SHOW}")));
            assert_eq!(status.field("Umask"), own);
        }
    }

    #[test]
    fn arguments_are_passed_byte_for_byte() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let Some(bed) = bed() else { return };
        let long = vec![b'x'; 128 * 1024 - 1];
        let odd: [&[u8]; 8] = [b"", b"two\nlines", b"\xff\xfe", b"--wait", b"--", b"'\"$(id)`", b" ", &long];
        for options in [&["ubuntu"][..], &["--wait", "ubuntu", "--"]] {
            let mut command = bed.command(&["dropuid"]);
            command.args(options).args(["sh", "-c", "cat /proc/$$/cmdline; exit 0", "name"]);
            command.args(odd.map(OsStr::from_bytes));
            let expected =
                [&[&b"sh"[..], b"-c", b"cat /proc/$$/cmdline; exit 0", b"name"], &odd[..]].concat();
            let expected = [expected.join(&0), vec![0]].concat();
            assert!(capture(command).assert().code(0).get_output().stdout == expected);
        }
    }

    #[test]
    fn the_process_its_group_its_session_and_its_folder_stay() {
        let Some(bed) = bed() else { return };
        let folder = bed.folder("here", 0, 0o755);
        let mut command = bed.command(&[
            "dropuid",
            "ubuntu",
            "--",
            "sh",
            "-c",
            "echo ready $$; cat /proc/$$/stat; pwd; read x",
        ]);
        command.current_dir(&folder);
        let running = Running::start(command);
        assert_eq!(running.ready(), running.pid());
        let stat = running.line().expect("a line");
        let own = [nix::unistd::getpgrp(), nix::unistd::getsid(None).expect("a session")];
        let ids: Vec<_> = stat.split(' ').skip(4).take(2).map(str::to_owned).collect();
        assert_eq!(ids, own.map(|pid| pid.to_string()));
        assert_eq!(running.line().as_deref(), folder.to_str());
    }

    #[test]
    fn a_working_directory_that_the_user_may_not_enter_is_no_obstacle() {
        let Some(bed) = bed() else { return };
        let mut command = bed.command(&words("dropuid ubuntu -- env -C /home/ubuntu pwd"));
        command.current_dir("/mnt/closed");
        capture(command).assert().code(0).stdout("/home/ubuntu\n");
    }
}

mod terminal {
    use super::*;
    use bed::SCRATCH;

    const REMEDY: &str = "use --new-session, or --share-tty";

    /// Tries to type `@` through every way to a terminal, and says how that went.
    const TYPE: &str = "
import fcntl, os, termios
for way in (lambda: 0, lambda: 1, lambda: 2, lambda: os.open('/dev/tty', os.O_RDWR)):
    try: fcntl.ioctl(way(), termios.TIOCSTI, b'@'); print('typed', flush=True)
    except OSError as error: print('refused', error.errno, flush=True)
";

    /// Lets dropuid see this setting of dev.tty.legacy_tiocsti.
    fn legacy_tiocsti(bed: &Bed, setting: Option<&str>) {
        bed.empty("/proc/sys/dev/tty");
        if let Some(setting) = setting {
            fs::write("/proc/sys/dev/tty/legacy_tiocsti", setting).expect("the bed's own file");
        }
    }

    /// Runs a command with a terminal as its own; what came of it there, and its status.
    fn on_terminal(bed: &Bed, command: &[&str]) -> (String, i32) {
        let command = bed.command(&[&Terminal::session()[..], command].concat());
        let running = Terminal::open().run(command);
        (running.rest().join("\n"), running.status())
    }

    #[test]
    fn a_terminal_that_the_command_could_type_into_is_refused_with_the_remedy() {
        let Some(bed) = bed() else { return };
        for setting in [Some("1\n"), None] {
            legacy_tiocsti(&bed, setting);
            for options in ["", "--wait"] {
                let (said, status) =
                    on_terminal(&bed, &words(&format!("dropuid {options} ubuntu -- echo ran")));
                assert_eq!(status, 125);
                assert!(said.starts_with("dropuid: ") && said.contains(REMEDY), "{said}");
            }
        }
    }

    #[test]
    fn it_is_refused_also_when_only_dev_tty_leads_to_it() {
        let Some(bed) = bed() else { return };
        legacy_tiocsti(&bed, Some("1\n"));
        let script = format!("exec dropuid ubuntu -- echo ran </dev/null >{SCRATCH}/out 2>&1");
        assert_eq!(on_terminal(&bed, &["sh", "-c", &script]), (String::new(), 125));
        assert!(fs::read_to_string(bed.path("out")).is_ok_and(|said| said.contains(REMEDY)));
    }

    #[test]
    fn it_is_no_danger_where_the_kernel_forbids_typing() {
        let Some(bed) = bed() else { return };
        legacy_tiocsti(&bed, Some("0\n"));
        assert_eq!(on_terminal(&bed, &words("dropuid ubuntu -- echo ran")), ("ran".to_owned(), 0));
    }

    #[test]
    fn a_new_session_has_no_terminal_and_can_type_nothing() {
        let Some(bed) = bed() else { return };
        legacy_tiocsti(&bed, Some("1\n"));
        // The seventh field is the device of the controlling terminal (proc_pid_stat(5)).
        let script = "dropuid --new-session ubuntu -- cut -d ' ' -f 7 /proc/self/stat; exit $?";
        assert_eq!(on_terminal(&bed, &["sh", "-c", script]), ("0".to_owned(), 0));
        assert_eq!(on_terminal(&bed, &["sh", "-c", &format!("exec {script}")]), ("0".to_owned(), 0));
        let (said, status) =
            on_terminal(&bed, &["dropuid", "--new-session", "ubuntu", "--", tool("python3"), "-c", TYPE]);
        assert!(said.matches("refused").count() == 4 && !said.contains('@'), "{said}");
        assert_eq!(status, 0);
    }

    #[test]
    fn a_new_session_of_a_process_that_leads_no_group_needs_no_second_process() {
        let Some(bed) = bed() else { return };
        let running = Running::start(bed.command(&[
            "dropuid",
            "--new-session",
            "ubuntu",
            "--",
            "sh",
            "-c",
            "echo ready $$; read x",
        ]));
        assert_eq!(running.ready(), running.pid());
        let session = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(running.pid())));
        assert_eq!(session.map(nix::unistd::Pid::as_raw), Ok(running.pid()));
    }

    #[test]
    fn a_shared_terminal_stays_the_commands() {
        let Some(bed) = bed() else { return };
        // The kernel's own setting decides whether the attempt below succeeds.
        let setting = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
        let works = !setting.is_ok_and(|setting| setting.trim() == "0");
        legacy_tiocsti(&bed, Some("1\n"));
        let (said, status) =
            on_terminal(&bed, &["dropuid", "--share-tty", "ubuntu", "--", tool("python3"), "-c", TYPE]);
        assert_eq!((status, said.contains("typed") && said.contains('@')), (0, works), "{said}");
    }

    #[test]
    fn the_user_itself_may_use_its_terminal() {
        let Some(bed) = bed() else { return };
        legacy_tiocsti(&bed, Some("1\n"));
        let line = format!("{AS_UBUNTU} dropuid ubuntu -- echo ran");
        assert_eq!(on_terminal(&bed, &words(&line)), ("ran".to_owned(), 0));
    }
}

mod own_stdio {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    const ECHO: &str = "'echo x >/dev/stdout; echo y >/dev/stderr'";

    #[test]
    fn a_pipe_of_roots_can_be_opened_again_only_when_handed_over() {
        let Some(bed) = bed() else { return };
        for options in ["--own-stdio", "--own-stdio --wait"] {
            let assert = sh(&bed, &format!("exec dropuid {options} ubuntu -- sh -c {ECHO}"));
            assert.code(0).stdout("x\n").stderr("y\n");
        }
        let without = sh(&bed, &format!("exec dropuid ubuntu -- sh -c {ECHO}"));
        without.failure().stdout("").stderr(predicate::str::contains("Permission denied"));
    }

    /// Root's shell may be reading its script from there.
    #[test]
    fn a_pipe_on_stdin_can_be_read_again_but_not_written() {
        let Some(bed) = bed() else { return };
        let reads = sh(&bed, "echo in | dropuid --own-stdio ubuntu -- cat /dev/stdin");
        reads.code(0).stdout("in\n");
        let writes = sh(&bed, "echo in | dropuid --own-stdio ubuntu -- sh -c 'echo x >/proc/self/fd/0'");
        writes.failure().stdout("").stderr(predicate::str::contains("Permission denied"));
        let shared = "exec dropuid --own-stdio ubuntu -- sh -c 'echo x >/proc/self/fd/0' <>/mnt/p >&0";
        nix::unistd::mkfifo("/mnt/p", nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a fifo");
        sh(&bed, shared).failure();
    }

    #[test]
    fn nothing_else_is_handed_over() {
        let Some(bed) = bed() else { return };
        nix::unistd::mkfifo("/mnt/fifo", nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a fifo");
        bed.file("log", "", 0, 0o600);
        run(&bed, "mknod /mnt/device c 1 3").code(0);
        sh(&bed, "exec dropuid --own-stdio ubuntu -- true <>/mnt/fifo >/mnt/log 2>/mnt/device").code(0);
        for file in ["/mnt/fifo", "/mnt/log", "/mnt/device"] {
            assert_eq!(fs::metadata(file).expect("it is there").uid(), 0, "{file}");
        }
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        let mut command = bed.command(&words("dropuid --own-stdio ubuntu -- true"));
        command.stdout(OwnedFd::from(theirs.try_clone().expect("a socket")));
        assert!(spawn(&mut command).wait().is_ok_and(|status| status.success()));
        for socket in [ours, theirs] {
            assert_eq!(File::from(OwnedFd::from(socket)).metadata().expect("a socket").uid(), 0);
        }
    }
}

mod streams {
    use super::*;

    #[test]
    fn success_is_silent_and_verbose_says_one_line_when_it_drops() {
        let Some(bed) = bed() else { return };
        for options in ["", "--wait"] {
            run(&bed, &format!("dropuid {options} ubuntu -- true")).code(0).stdout("").stderr("");
            run(&bed, &format!("dropuid {options} --verbose ubuntu -- echo x"))
                .code(0)
                .stdout("x\n")
                .stderr(DROPPED);
            let already = format!("{AS_UBUNTU} dropuid {options} --verbose ubuntu -- echo x");
            run(&bed, &already).code(0).stdout("x\n").stderr("");
        }
    }

    #[test]
    fn closed_or_broken_streams_change_no_status() {
        let Some(bed) = bed() else { return };
        for (script, status) in [
            ("dropuid ubuntu -- true >&- 2>&- <&-", 0),
            ("dropuid --verbose ubuntu -- sh -c 'exit 3' 2>&-", 3),
            ("dropuid --verbose --wait ubuntu -- sh -c 'exit 3' >&- 2>&-", 3),
            ("dropuid --verbose ubuntu -- sh -c 'exit 3' 2>/dev/full", 3),
            ("dropuid '' true 2>&-", 125),
            ("dropuid '' true 2>/dev/full", 125),
            ("dropuid ubuntu -- nosuch 2>&-", 127),
            ("dropuid ubuntu -- nosuch 2>/dev/full", 127),
            ("dropuid --explain ubuntu -- true >/dev/full", 125),
            ("dropuid --help >/dev/full", 125),
        ] {
            let assert = sh(&bed, &format!("exec {script}")).code(status);
            assert.stderr(predicate::str::contains("panicked").not());
        }
    }

    #[test]
    fn a_reader_that_has_gone_kills_nobody() {
        let Some(bed) = bed() else { return };
        let into_broken = |line: &str| {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let mut command = bed.command(&words(line));
            command.stdout(writer.try_clone().expect("a descriptor")).stderr(writer);
            spawn(&mut command).wait().expect("a child can be waited for").code()
        };
        assert_eq!(into_broken("dropuid --verbose ubuntu -- true"), Some(0));
        assert_eq!(into_broken("dropuid nosuch -- true"), Some(125));
        assert_eq!(into_broken("dropuid ubuntu -- nosuch"), Some(127));
        assert_eq!(into_broken("dropuid --wait ubuntu -- nosuch"), Some(127));
        assert_eq!(into_broken("dropuid --explain ubuntu -- true"), Some(125));
        assert_eq!(into_broken("dropuid --version"), Some(125));
    }

    #[test]
    fn help_and_version_need_neither_root_nor_anything_else() {
        let program = program("dropuid");
        let said = |option| stdout(&capture(command_of(&program, option)).assert().code(0).stderr(""));
        assert_eq!(said("--help"), said("-h"));
        assert!(said("--version").starts_with("dropuid ") && said("--version") == said("-V"));
        let Some(bed) = bed() else { return };
        let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups dropuid";
        for option in ["--help", "--version"] {
            assert_eq!(stdout(&run(&bed, &format!("{nobody} {option}")).code(0)), said(option));
        }
    }

    fn command_of(program: &std::path::Path, option: &str) -> Command {
        let mut command = Command::new(program);
        command.arg(option);
        command
    }
}

mod explain {
    use super::*;
    use serde_json::Value;

    fn json(bed: &Bed, line: &str) -> Value {
        let said = stdout(&run(bed, line));
        assert_eq!(said.matches('\n').count(), 1, "one object on one line");
        serde_json::from_str(&said).expect("valid JSON")
    }

    #[test]
    fn json_tells_what_would_be_done_and_no_value() {
        let Some(bed) = bed() else { return };
        bed.file("a", "TOKEN=s3cr3t\n", 0, 0o644);
        let line = "dropuid --explain --json --env-file /mnt/a ubuntu -- touch /mnt/open/marker";
        let mut command = bed.command(&words(line));
        command.env("CALLERS", "s3cr3t");
        let assert = capture(command).assert().code(0).stderr("");
        let said = stdout(&assert);
        assert!(!said.contains("s3cr3t") && !bed.path("open/marker").exists());
        let told: Value = serde_json::from_str(&said).expect("one valid JSON object");
        assert_eq!(
            (&told["user"], &told["uid"], &told["gid"]),
            (&"ubuntu".into(), &1000.into(), &1000.into())
        );
        let gids: Vec<_> =
            told["groups"].as_array().expect("groups").iter().map(|group| &group["gid"]).collect();
        assert_eq!(gids, [27, 110, 998, 1000, 1001, 1002]);
        assert_eq!(told["capabilities"]["permitted"], "0000000000000000");
        assert_eq!(told["exec"], "/usr/bin/touch");
        let names = told["environment"].as_array().expect("names");
        assert!(["TOKEN", "CALLERS", "HOME", "PATH"].iter().all(|name| names.contains(&(*name).into())));
    }

    #[test]
    fn ways_back_to_root_are_shown() {
        let Some(bed) = bed() else { return };
        tool("sudo");
        bed.etc("sudoers", "Defaults !syslog\nubuntu ALL=(root) NOPASSWD: /usr/bin/id\n");
        bed.etc("group", &bed::accounts::GROUP.replace("disk:x:6:inroot", "disk:x:6:ubuntu"));
        for line in ["dropuid --explain ubuntu", &format!("{AS_UBUNTU} dropuid --explain ubuntu")] {
            let said = stdout(&run(&bed, line).code(0));
            assert!(said.contains("(root) NOPASSWD: /usr/bin/id"), "{said}");
            for group in ["27 (sudo)", "110 (lxd)", "998 (docker)", "6 (disk)"] {
                assert!(said.contains(&format!("{group} - as good as root")), "{group}: {said}");
            }
        }
        let told = json(&bed, "dropuid --explain --json --no-new-privs ubuntu");
        assert_eq!(told["sudo_nopasswd"], Value::from(vec!["(root) NOPASSWD: /usr/bin/id"]));
        assert_eq!(told["no_new_privs"], true);
    }

    #[test]
    fn a_command_that_would_not_run_is_told_with_its_status() {
        let Some(bed) = bed() else { return };
        assert_eq!(json(&bed, "dropuid --explain --json ubuntu -- nosuch")["exec"], Value::Null);
        run(&bed, "dropuid --explain ubuntu -- nosuch").code(127);
        run(&bed, "dropuid --explain ubuntu -- /etc/passwd").code(126);
        refused(run(&bed, "dropuid --explain root"), "uid 0 is root");
    }
}

mod wait {
    use super::*;
    use bed::Change;

    /// The command that a wrapping dropuid waits for says which signals it gets.
    fn listening(bed: &Bed, before: &str, after: &[&str]) -> Running {
        let line = format!("{before} dropuid --wait ubuntu --");
        let command = [&words(&line)[..], &[tool("python3"), "-c", LISTENER], after].concat();
        Running::start(bed.command(&command))
    }

    #[test]
    fn every_code_is_returned() {
        let Some(bed) = bed() else { return };
        for code in 0..=255 {
            let script = format!("exit {code}");
            bed.run(&["dropuid", "--wait", "ubuntu", "--", "sh", "-c", &script]).code(code).stderr("");
        }
    }

    #[test]
    fn death_by_a_signal_is_128_and_its_number() {
        let Some(bed) = bed() else { return };
        for signal in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 31, 34, 64] {
            let script = format!("ulimit -c 0; kill -{signal} $$");
            bed.run(&["dropuid", "--wait", "ubuntu", "--", "sh", "-c", &script]).code(128 + signal);
        }
    }

    #[test]
    fn failures_before_the_command_have_their_own_codes() {
        let Some(bed) = bed() else { return };
        run(&bed, "dropuid --wait ubuntu -- nosuch").code(127);
        run(&bed, "dropuid --wait ubuntu -- /etc/passwd").code(126);
        refused(run(&bed, "dropuid --wait --env-file /mnt/none ubuntu -- echo ran"), "/mnt/none");
    }

    #[test]
    fn signals_are_relayed_and_the_commands_own_code_is_kept() {
        let Some(bed) = bed() else { return };
        let running = listening(&bed, "", &[]);
        assert_ne!(running.ready(), running.pid());
        let relayed = [
            libc::SIGINT,
            libc::SIGHUP,
            libc::SIGQUIT,
            libc::SIGUSR1,
            libc::SIGUSR2,
            libc::SIGALRM,
            libc::SIGWINCH,
            libc::SIGCONT,
            libc::SIGTSTP,
            libc::SIGRTMIN() + 3,
            libc::SIGTERM,
        ];
        for signal in relayed {
            running.signal(signal);
            assert_eq!(running.line(), Some(signal.to_string()));
        }
        assert_eq!(running.status(), 42);
    }

    #[test]
    fn the_waiting_process_keeps_its_own_ids() {
        let Some(bed) = bed() else { return };
        let running = listening(&bed, "", &[]);
        let child = running.ready();
        assert!(Status::of(running.pid()).ids().starts_with("0:0:"));
        assert_eq!(Status::of(child).ids(), UBUNTU);
    }

    #[test]
    fn the_command_does_not_hear_its_own_signal() {
        let Some(bed) = bed() else { return };
        // Only a wrapper of its own uid can be signalled by it.
        let running = listening(&bed, AS_UBUNTU, &["self"]);
        running.ready();
        running.signal(libc::SIGUSR2);
        running.signal(libc::SIGTERM);
        let mut heard = running.rest();
        heard.sort();
        assert_eq!(heard, [libc::SIGUSR2, libc::SIGTERM].map(|signal| signal.to_string()));
    }

    #[test]
    fn a_key_on_the_terminal_reaches_the_command_once() {
        let Some(bed) = bed() else { return };
        let line = "dropuid --wait --share-tty ubuntu --";
        let command = [&Terminal::session()[..], &words(line), &[tool("python3"), "-c", LISTENER]].concat();
        let mut running = Terminal::open().run(bed.command(&command));
        running.ready();
        // While the wrapper is stopped it relays nothing: two arrivals could not merge into one.
        running.signal(libc::SIGSTOP);
        assert_eq!(running.changed(), Change::Stopped);
        running.write(b"\x03");
        let heard = running.line().expect("a line");
        assert_eq!(heard.trim_start_matches("^C"), libc::SIGINT.to_string());
        running.signal(libc::SIGCONT);
        assert_eq!(running.line(), Some(libc::SIGCONT.to_string()));
        running.signal(libc::SIGTERM);
        assert_eq!(running.rest(), [libc::SIGTERM.to_string()]);
    }

    #[test]
    fn a_key_reaches_a_command_in_a_session_of_its_own() {
        let Some(bed) = bed() else { return };
        let line = "dropuid --new-session ubuntu --";
        let command = [&Terminal::session()[..], &words(line), &[tool("python3"), "-c", LISTENER]].concat();
        let mut running = Terminal::open().run(bed.command(&command));
        running.ready();
        running.write(b"\x03");
        let heard = running.line().expect("a line");
        assert_eq!(heard.trim_start_matches("^C"), libc::SIGINT.to_string());
        running.signal(libc::SIGTERM);
        assert_eq!(running.rest(), [libc::SIGTERM.to_string()]);
        assert_eq!(running.status(), 42);
    }

    #[test]
    fn it_stops_and_continues_with_the_command() {
        let Some(bed) = bed() else { return };
        let script = "echo ready $$; read x; echo $x; exit 7";
        for stop in ["the wrapper", "the command"] {
            let mut command = bed.command(&["dropuid", "--wait", "ubuntu", "--", "sh", "-c", script]);
            // In a group whose parent is in another one: an orphaned group is never stopped by SIGTSTP.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            let mut running = Running::start(command);
            let child = running.ready();
            match stop {
                "the wrapper" => running.signal(libc::SIGTSTP),
                _ => bed::signal(child, libc::SIGSTOP),
            }
            assert_eq!(running.changed(), Change::Stopped, "{stop}");
            assert!(Status::of(child).field("State").starts_with('T'));
            running.signal(libc::SIGCONT);
            assert_eq!(running.changed(), Change::Continued);
            running.write(b"on\n");
            assert_eq!(running.line().as_deref(), Some("on"), "{stop}");
            assert_eq!(running.status(), 7);
        }
    }

    #[test]
    fn a_caller_that_ignores_sigchld_or_blocks_everything_loses_no_status() {
        let Some(bed) = bed() else { return };
        extra_users(&bed);
        for sources in ["files", "extrausers files"] {
            order(&bed, sources);
            for before in
                ["env --ignore-signal=CHLD", "env --block-signal", "env --ignore-signal --block-signal"]
            {
                let line = format!("exec {before} dropuid --wait ubuntu -- sh -c 'exit 5'");
                sh(&bed, &line).code(5).stderr("");
            }
        }
    }

    #[test]
    fn a_killed_wrapper_leaves_no_orphan() {
        let Some(bed) = bed() else { return };
        let running = Running::start(bed.command(&[
            "dropuid",
            "--wait",
            "ubuntu",
            "--",
            "sh",
            "-c",
            "echo ready $$; exec cat",
        ]));
        let child = running.ready();
        running.signal(libc::SIGKILL);
        // The command holds the other end: this is its end, while its own input stays open.
        assert_eq!(running.line(), None);
        bed::eventually("the command is gone", || {
            let status = fs::read(format!("/proc/{child}/status"));
            status.map_or(true, |text| Status::read(&text).field("State").starts_with(['Z', 'X']))
        });
    }

    #[test]
    fn the_waiting_process_is_small_and_idle_in_one_read() {
        let Some(bed) = bed() else { return };
        // Two seconds: a wrapper that looks around each second wakes up in them.
        let script = "echo ready $$; read x; read -t 2 y; echo waited; read x";
        let mut running =
            Running::start(bed.command(&["dropuid", "--wait", "ubuntu", "--", "bash", "-c", script]));
        running.ready();
        let wrapper = running.pid();
        let call = || {
            let text = fs::read_to_string(format!("/proc/{wrapper}/syscall")).expect("proc_pid_syscall(5)");
            text.split(' ').next().and_then(|number| number.parse::<libc::c_long>().ok())
        };
        bed::eventually("the wrapper reads", || call() == Some(libc::SYS_read));
        let switches = || Status::of(wrapper).field("voluntary_ctxt_switches").to_owned();
        let before = switches();
        running.write(b"\n");
        assert_eq!(running.line().as_deref(), Some("waited"));
        assert_eq!((switches(), call()), (before, Some(libc::SYS_read)), "it woke up while nothing happened");
        let resident = Status::of(wrapper).field("VmRSS").trim_end_matches(" kB").parse::<u32>();
        assert!(resident.clone().is_ok_and(|kib| kib < 1740), "{resident:?} KiB");
    }
}

mod exec {
    use super::*;

    #[test]
    fn commands_that_cannot_run_have_these_codes() {
        let Some(bed) = bed() else { return };
        bed.file("plain", "#!/bin/sh\n", 0, 0o644);
        bed.file("lost", "#!/no/such/interpreter\n", 0, 0o755);
        bed.file("closed/program", "#!/bin/sh\n", 0, 0o755);
        for (command, code) in [
            ("nosuch", 127),
            ("/mnt/nosuch", 127),
            ("/mnt/plain/x", 127),
            ("''", 127),
            ("/mnt/plain", 126),
            ("/mnt", 126),
            ("./mnt", 126),
            ("/mnt/lost", 126),
            ("/mnt/closed/program", 126),
            ("./", 126),
            (".", 126),
        ] {
            let assert = sh(&bed, &format!("exec dropuid ubuntu -- {command}"));
            assert.code(code).stdout("").stderr(predicate::str::starts_with("dropuid: cannot execute"));
        }
    }

    #[test]
    fn a_command_that_is_nowhere_is_not_found_whatever_folders_are_closed() {
        let Some(bed) = bed() else { return };
        bed.file("closed/hidden", "#!/bin/sh\n", 0, 0o755);
        for command in ["nosuch", "hidden"] {
            sh(&bed, &format!("PATH=/mnt/closed:/bin exec /mnt/bin/dropuid ubuntu -- {command}")).code(127);
        }
    }

    #[test]
    fn a_later_folder_is_tried_after_a_refusal() {
        let Some(bed) = bed() else { return };
        bed.folder("first", 0, 0o755);
        bed.folder("second", 0, 0o755);
        bed.file("first/tool", "", 0, 0o644);
        let search = "PATH=/mnt/closed:/mnt/first:/mnt/second exec /mnt/bin/dropuid ubuntu -- tool";
        sh(&bed, search).code(126);
        bed.file("second/tool", "#!/bin/sh\necho second\n", 0, 0o755);
        sh(&bed, search).code(0).stdout("second\n");
    }

    #[test]
    fn the_working_directory_is_no_place_for_commands() {
        let Some(bed) = bed() else { return };
        bed.file("open/planted", "#!/bin/sh\necho planted\n", 0, 0o755);
        for path in [".:/bin", ":/bin", "/bin:", "open:/bin", "/bin::/usr/bin"] {
            let script = format!("cd /mnt/open; PATH={path} exec /mnt/bin/dropuid ubuntu -- planted");
            sh(&bed, &script).code(127).stdout("");
        }
    }

    #[test]
    fn a_script_without_interpreter_line_runs_under_sh() {
        let Some(bed) = bed() else { return };
        bed.file("bin/script", "echo \"$1-$#-$0\"\n", 0, 0o755);
        run(&bed, "dropuid ubuntu -- script a b").code(0).stdout("a-2-/mnt/bin/script\n");
    }

    #[test]
    fn the_search_uses_the_commands_own_path() {
        let Some(bed) = bed() else { return };
        bed.folder("users", 0, 0o755);
        bed.file("users/mine", "#!/bin/sh\necho mine\n", 0, 0o755);
        bed.file("env", "PATH=/mnt/users:/bin\n", 0, 0o644);
        run(&bed, "dropuid ubuntu -- mine").code(127);
        run(&bed, "dropuid --env-file /mnt/env ubuntu -- mine").code(0).stdout("mine\n");
    }

    #[test]
    fn the_commands_own_status_is_returned() {
        let Some(bed) = bed() else { return };
        for code in [0, 2, 125, 126, 127, 194, 255] {
            let script = format!("exit {code}");
            bed.run(&["dropuid", "ubuntu", "--", "sh", "-c", &script]).code(code).stdout("").stderr("");
        }
    }

    #[test]
    fn wrong_usage_is_125() {
        let Some(bed) = bed() else { return };
        for arguments in [
            "",
            "ubuntu",
            "--",
            "--nosuch ubuntu echo ran",
            "-x ubuntu echo ran",
            "--wait=1 ubuntu echo ran",
            "--keep-env A ubuntu echo ran",
            "--env-allow A ubuntu echo ran",
            "--json ubuntu echo ran",
            "--new-session --share-tty ubuntu echo ran",
            "--keep-fd x ubuntu echo ran",
            "--clear-env --keep-env A=1 ubuntu echo ran",
        ] {
            refused(run(&bed, &format!("dropuid {arguments}")), "(see --help)");
        }
    }

    #[test]
    fn options_end_at_the_user() {
        let Some(bed) = bed() else { return };
        run(&bed, "dropuid ubuntu echo --wait --help").code(0).stdout("--wait --help\n");
        run(&bed, "dropuid ubuntu -- echo -- x").code(0).stdout("-- x\n");
    }

    #[test]
    fn it_takes_a_hundred_system_calls_at_most() {
        let Some(bed) = bed() else { return };
        let mut command = bed.command(&words(&format!(
            "{} -f -o /mnt/open/trace /mnt/bin/dropuid ubuntu -- /bin/true",
            tool("strace")
        )));
        command.env_remove("PATH");
        capture(command).assert().code(0);
        let trace = fs::read_to_string("/mnt/open/trace").expect("a trace");
        let calls = trace.lines().filter(|line| !line.contains("+++") && !line.contains("---")).count();
        assert!((10..=100).contains(&calls), "{calls} calls:\n{trace}");
    }
}

mod scripts {
    use super::*;

    /// Tells who runs it, with which arguments, and ends with 3.
    const BODY: &str = "echo \"$(id -u) $0 $#:$*\"\nexit 3\n";

    /// Runs a script of this text as root and as ubuntu: the same happens, but root is told so.
    fn same_for_both(bed: &Bed, text: &str) {
        let script = bed.file("script", text, 0, 0o755);
        let path = script.display();
        for (before, said) in [("", DROPPED), (AS_UBUNTU, "")] {
            let assert = run(bed, &format!("{before} {path} one two"));
            assert.code(3).stdout(format!("1000 {path} 2:one two\n")).stderr(said);
        }
    }

    #[test]
    fn the_first_line_of_a_script_can_be_dropuid() {
        let Some(bed) = bed() else { return };
        let line = "#!/usr/bin/env -S /mnt/bin/dropuid --verbose ubuntu -- /bin/bash\n";
        same_for_both(&bed, &format!("{line}{BODY}"));
    }

    #[test]
    fn the_exec_prefix_drops_and_goes_on_as_the_user() {
        let Some(bed) = bed() else { return };
        let prefix = "[[ $EUID -eq 0 ]] && exec dropuid --verbose ubuntu -- bash \"$0\" \"$@\"";
        same_for_both(&bed, &format!("#!/bin/bash\n{prefix}\n{BODY}"));
    }

    #[test]
    fn the_prefix_without_exec_returns_the_status() {
        let Some(bed) = bed() else { return };
        for options in ["--verbose", "--verbose --wait"] {
            let call = format!("dropuid {options} ubuntu -- bash \"$0\" \"$@\"");
            let prefix = format!("if [[ $EUID -eq 0 ]]; then\n    {call}\n    exit $?\nfi");
            let _ = fs::remove_file("/mnt/script");
            same_for_both(&bed, &format!("#!/bin/bash\n{prefix}\n{BODY}"));
        }
    }
}
