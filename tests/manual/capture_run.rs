//! capture-run(1).

use std::fs;

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::accounts::PASSWD;
use bed::{Bed, capture, eventually};

use crate::page::examples;

const PAGE: &str = include_str!("../../capture-run/capture-run.1");

/// Runs an example as root does, in the folder that the first example makes.
fn run(bed: &Bed, example: &str) -> Assert {
    let mut shell = bed.command(&["bash", "-o", "pipefail", "-c", example]);
    shell.current_dir("/var/lib/agent");
    capture(shell).assert()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn bed() -> Option<(Bed, Vec<String>)> {
    let bed = Bed::new(&["capture-run", "dropuid"])?;
    bed.empty("/var/lib");
    fs::create_dir("/var/lib/agent").expect("a folder in memory");
    Some((bed, examples(PAGE)))
}

#[test]
fn those_with_files_do_what_is_said_of_them() {
    let Some((bed, examples)) = bed() else { return };
    let [first, forgeproof, own, dispatch, makefile, _, document, limits, ..] = &examples[..] else {
        panic!("{examples:?}")
    };
    run(&bed, first).success().stdout("hello\n3\n").stderr("");
    let of_ubuntu = run(&bed, forgeproof).success();
    let line = String::from_utf8_lossy(&of_ubuntu.get_output().stdout).into_owned();
    assert!(line.starts_with("uid=1000(ubuntu)"), "{line}");
    assert_eq!(read("/var/lib/agent/run.log"), line);
    run(&bed, own).success().stdout(line.clone());
    assert_eq!(read("/home/ubuntu/run.log"), line);
    bed.file("dispatch", dispatch, 0, 0o755);
    let said = bed.run(&["/mnt/dispatch"]).success();
    let said = String::from_utf8_lossy(&said.get_output().stdout).into_owned();
    for part in ["Run ID: two-1\n", "==> one.status <==\n0\n", "==> two.status <==\n1\n", "1 failed\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    bed.file("Makefile", makefile, 0, 0o644);
    run(&bed, "make -s -f /mnt/Makefile check").success().stdout("checking\n");
    assert!(read("/var/lib/agent/check.log").ends_with(" checking\n"));
    run(&bed, document).code(1);
    assert_eq!(read("/var/lib/agent/ssm.status"), "1\n");
    run(&bed, limits).success().stdout("working\nthe token is ***\nno run is on\n").stderr("");
}

#[test]
fn the_one_on_another_host_leaves_its_record_here() {
    let Some((bed, examples)) = bed() else { return };
    // A real sshd as the other end of the connection, without a network (sshd(8), -i).
    bed.etc("passwd", &format!("{PASSWD}sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"));
    bed.empty("/root");
    bed.empty("/run");
    let config = "Host host\n ProxyCommand /usr/sbin/sshd -i -f /mnt/sshd_config\n StrictHostKeyChecking no\n \
                  UserKnownHostsFile /dev/null\n LogLevel ERROR\n";
    let server = "HostKey /mnt/host_key\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nAcceptEnv none\n";
    for folder in ["/run/sshd", "/root/.ssh"] {
        fs::create_dir(folder).expect("a folder in memory");
    }
    for key in ["/mnt/host_key", "/root/.ssh/id_ed25519"] {
        bed.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).success();
    }
    fs::copy("/root/.ssh/id_ed25519.pub", "/root/.ssh/authorized_keys").expect("ours");
    fs::write("/root/.ssh/config", config).expect("ours");
    bed.file("sshd_config", server, 0, 0o644);
    let name = String::from_utf8_lossy(&bed.run(&["uname", "-n"]).get_output().stdout).into_owned();
    run(&bed, &examples[5]).success().stdout(name.clone());
    assert_eq!((read("/var/lib/agent/log"), read("/var/lib/agent/st")), (name, "0\n".to_owned()));
    assert!(read("/var/lib/agent/r.json").contains("\"argv\":[\"ssh\""));
}

#[test]
fn those_with_other_programs_do_what_is_said_of_them() {
    let Some((bed, examples)) = bed() else { return };
    let [terminal, buffered, rotated, logged, queued] = &examples[8..] else { panic!("{examples:?}") };
    let in_color = String::from_utf8_lossy(&run(&bed, terminal).success().get_output().stdout).into_owned();
    assert!(in_color.ends_with("\r\n"), "{in_color:?}");
    let python = run(&bed, buffered).success().get_output().stdout.clone();
    assert!(python.starts_with(b"Linux\nPython 3"), "{python:?}");
    run(&bed, rotated).success().stdout("");
    assert!(read("/var/lib/agent/logs/current").ends_with("\n1000\n"));
    run(&bed, logged).success().stdout("");
    assert!(read("/var/lib/agent/run.log").starts_with("uid=0(root)"));
    fs::remove_file("/var/lib/agent/run.status").expect("ours");
    run(&bed, queued).success();
    eventually("the queue has run it", || {
        fs::read_to_string("/var/lib/agent/run.status").is_ok_and(|it| it == "0\n")
    });
}
