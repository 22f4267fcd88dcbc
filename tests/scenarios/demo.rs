//! `make demo`, from the scripts that it runs.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use bed::accounts::UBUNTU_UID;
use bed::{Bed, Host, PROGRAMS, Running, Snapshot, eventually};
use libc::{SIGINT, SIGKILL, SIGTERM};
use predicates::prelude::*;
use predicates::str::contains;

/// The scripts of the demo, and those of the test hosts that it runs; paths below tests/.
fn scripts() -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["scenarios", "scenarios/demo-host", "bed/host"] {
        for entry in fs::read_dir(tests.join(folder)).expect("a folder of the tree").flatten() {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            if entry.path().is_file() && !name.contains('.') {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

fn script(name: &str) -> (String, u32) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mode = fs::metadata(&path).expect(name).permissions().mode() & 0o777;
    (fs::read_to_string(&path).expect(name), mode)
}

fn bed() -> Option<Bed> {
    let bed = Bed::new(&["dropuid", "capture-run"])?;
    for folder in ["scenarios", "scenarios/demo-host", "bed", "bed/host"] {
        bed.folder(folder, 0, 0o755);
    }
    for name in scripts() {
        let (text, mode) = script(&name);
        bed.file(&name, text, 0, mode);
    }
    bed.empty("/tmp");
    Some(bed)
}

fn demo(bed: &Bed, user: &str, command: &str) -> Assert {
    bed.run(&["/mnt/scenarios/demo", "/mnt/bin", user, command])
}

/// The only thing that the demo left.
fn run_folder() -> PathBuf {
    let left: Vec<PathBuf> =
        fs::read_dir("/tmp").expect("/tmp").flatten().map(|entry| entry.path()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    left[0].clone()
}

#[test]
fn a_dispatch_is_shown_from_end_to_end() {
    let Some(bed) = bed() else { return };
    assert_a_dispatch(demo(&bed, "ubuntu", ""));
}

/// That the first demo was shown, and has left its folder.
fn assert_a_dispatch(shown: Assert) {
    let said = contains("dispatch runs as ubuntu, uid 1000, home /home/ubuntu")
        .and(contains("1 of 3 agents failed"))
        .and(contains("beta ended with status 3"))
        .and(contains("gamma ended with status 0"))
        .and(contains("    I am alpha, running as ubuntu; hello from the env file"))
        .and(contains("alpha was given the token ***"))
        .and(contains("could not touch the record"))
        .and(contains("forged").not());
    shown.success().stdout(said);
    let run = run_folder();
    for (file, text, owner) in [
        ("records/dispatch.status", "1\n", 0),
        ("project/alpha.status", "0\n", UBUNTU_UID),
        ("project/beta.status", "3\n", UBUNTU_UID),
        ("project/beta.result", "written by beta\n", UBUNTU_UID),
    ] {
        let path = run.join(file);
        assert_eq!(fs::read_to_string(&path).expect(file), text, "{file}");
        assert_eq!(fs::metadata(&path).expect(file).uid(), owner, "{file}");
    }
    let record = fs::read_to_string(run.join("records/dispatch.log")).expect("a record");
    assert!(record.contains("token ***") && !record.contains("tok-"), "{record}");
}

#[test]
fn ones_own_command_runs_as_the_user_named() {
    let Some(bed) = bed() else { return };
    demo(&bed, "other", "echo \"I am $(id -un)\"; exit 7").code(7).stdout(contains("I am other\n"));
    let status = run_folder().join("records/run.status");
    assert_eq!(fs::read_to_string(status).expect("a status"), "7\n");
}

#[test]
fn an_unknown_user_is_an_error() {
    let Some(bed) = bed() else { return };
    demo(&bed, "nosuchuser", "true").failure();
}

#[test]
fn without_root_it_runs_itself_through_sudo_and_says_so() {
    let Some(bed) = bed() else { return };
    bed.etc("sudoers", "Defaults !syslog, !lecture\nubuntu ALL=(root) NOPASSWD: /mnt/scenarios/demo\n");
    let as_ubuntu = ["setpriv", "--reuid=ubuntu", "--regid=ubuntu", "--init-groups", "--"];
    let demo = ["/mnt/scenarios/demo", "/mnt/bin", "", "id -un"];
    let run = bed.run(&[&as_ubuntu[..], &demo[..]].concat()).success();
    run.stderr(contains("through sudo")).stdout(contains("\nubuntu\n"));
}

/// Where there can be no host, that is said, and what is left is shown.
#[test]
fn without_sudo_only_a_dispatch_is_shown() {
    let Some(bed) = bed() else { return };
    bed.bind(Path::new("/dev/null"), "/usr/bin/sudo");
    let shown = demo(&bed, "", "");
    assert_a_dispatch(shown.stdout(contains("there can be none here: sudo is not installed.")));
}

#[test]
fn without_namespaces_only_a_dispatch_is_shown() {
    let Some(bed) = bed() else { return };
    let shown = bed.run(&["setpriv", "--bounding-set=-sys_admin", "--", "/mnt/scenarios/demo", "/mnt/bin"]);
    let why = "there can be none here: unshare: unshare failed: Operation not permitted.";
    assert_a_dispatch(shown.stdout(contains(why)));
}

/// A host with all programs in /usr/bin and the scripts in /srv.
fn machine() -> Option<Host> {
    let host = Host::boot()?;
    for program in PROGRAMS {
        host.install(program);
    }
    for name in scripts() {
        let (text, mode) = script(&name);
        host.write(&format!("/srv/{name}"), text, mode, "root");
    }
    // It writes down what the kernel says, which is the one that other tests have, too.
    host.run(&["systemctl", "stop", "syslog.socket", "rsyslog.service"]).success();
    Some(host)
}

const DEMO: [&str; 2] = ["/srv/scenarios/demo", "/usr/bin"];

/// All that the demo could change: files, but for what systemd writes by itself; mounts, control groups,
/// network links and processes.
struct State {
    files: Snapshot,
    kernel: [String; 4],
}

impl State {
    fn of(host: &Host) -> Self {
        let said = |words: &[&str]| {
            let said = host.run(words).success();
            String::from_utf8_lossy(&said.get_output().stdout).into_owned()
        };
        let systemd_s = ["/run/systemd", "/run/log", "/var/log/journal"];
        Self {
            files: Snapshot::of(
                host,
                &["/etc", "/home", "/root", "/run", "/srv", "/tmp", "/usr", "/var"],
                &systemd_s,
            ),
            kernel: [
                said(&["cat", "/proc/1/mountinfo"]),
                said(&["find", "/sys/fs/cgroup", "-type", "d"]),
                said(&["ip", "-oneline", "link"]),
                said(&["ps", "-N", "-C", "ps", "-o", "pid=,args="]),
            ],
        }
    }

    fn assert_same(&self, later: &Self) {
        self.files.assert_same(&later.files);
        assert_eq!(self.kernel, later.kernel);
    }
}

#[test]
fn the_whole_system_is_shown_and_the_machine_stays_as_it_was() {
    let Some(machine) = machine() else { return };
    let before = State::of(&machine);
    // Nobody's umask is in its way.
    let shown = machine.run(&[&["sh", "-c", r#"umask 077; exec "$@""#, "sh"], &DEMO[..]].concat()).success();
    before.assert_same(&State::of(&machine));
    let said = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(
        !said.contains("NOT SO") && !said.contains("SUCCEEDED") && !said.contains("forged the"),
        "{said}"
    );
    assert_eq!(said.matches("gamma is refused: ").count(), 15, "{said}");
    for expected in [
        "installed: /etc/sudoers.d/zz-sudo-helper-ai-agent (proven)\n",
        "amazon-ssm-agent.service: proven: process ",
        "logins as deploy at 10.77.0.11\n",
        "alice: service restart demo-db for ai-agent: approved\n",
        "alpha was given the token ***\n",
        "beta could not touch the record\n",
        "alpha: service restart demo-web: done\n",
        "alpha: service restart demo-mail: refused, denied\n",
        "alpha: service restart demo-db: done\n",
        "alpha logged in to second with a key of root's\n",
        "gamma is refused: sudo touch\n",
        "gamma is refused: the key's file\n",
        "alpha ended with 0, beta ended with 3, gamma ended with 0, the run with 1\n",
        "7. demo-web and demo-db have been restarted",
        "8. No trick has worked",
        "9. A second run command is cancelled",
        "sudo-helper: approval for alice: allowed: service restart demo-db\n",
        "ssh-agent-fwd: deny: the SSHSIG namespace is 'file'",
        "this machine is as it was",
    ] {
        assert!(said.contains(expected), "{expected:?} is missing: {said}");
    }
}

/// What is written for a host goes nowhere else: a link of the machine's would lead there.
#[test]
fn a_link_leads_nothing_out_of_a_host() {
    let Some(machine) = machine() else { return };
    machine.run(&["sh", "-ec", "mv /opt /srv/opt; ln -s /srv/opt /opt"]).success();
    let before = State::of(&machine);
    let refused = contains("there can be none here: ").and(contains("Read-only file system."));
    machine.run(&DEMO).success().stdout(refused.and(contains("1 of 3 agents failed")));
    machine.run(&["sh", "-c", "rm -r /tmp/privtools-demo.*"]).success();
    before.assert_same(&State::of(&machine));
}

#[test]
fn however_it_ends_the_machine_stays_as_it_was() {
    let Some(machine) = machine() else { return };
    let before = State::of(&machine);
    for signal in [SIGINT, SIGTERM, SIGKILL] {
        let pid = "/tmp/demo.pid";
        let tell = r#"echo "$$" >"$0"; exec "$@""#;
        let running = Running::start(machine.command(&[&["sh", "-c", tell, pid], &DEMO[..]].concat()));
        let shown = std::iter::from_fn(|| running.line()).any(|line| line.contains("5. A run command"));
        assert!(shown, "it has come that far");
        let number = machine.read(pid);
        machine.run(&["kill", &format!("-{signal}"), number.trim()]).success();
        machine.run(&["rm", pid]).success();
        assert_eq!(running.status(), 128 + signal);
        eventually("its control group is gone", || {
            let found = machine.run(&["find", "/sys/fs/cgroup", "-name", "privtools-bed.*"]).success();
            found.get_output().stdout.is_empty()
        });
        before.assert_same(&State::of(&machine));
    }
}
