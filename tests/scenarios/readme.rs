//! What README.md says can be copied is run as it stands there.

mod readme_sudo_helper;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bed::Bed;
use bed::accounts::{PASSWD, UBUNTU_UID};
use bed::readme::block;
use predicates::prelude::*;

fn bed() -> Option<Bed> {
    let bed = Bed::new(&["dropuid", "capture-run"])?;
    bed.empty("/var/lib");
    Some(bed)
}

/// An executor of ubuntu's, as dispatch scripts expect it.
fn executor(bed: &Bed, dispatch: &str) {
    let script = "/home/ubuntu/executor/dispatch-unified.sh";
    let env = "/home/ubuntu/executor/.env";
    bed.run(&["install", "-d", "-o", "ubuntu", "-g", "ubuntu", "/home/ubuntu/executor"]).success();
    for (path, text) in [(script, dispatch), (env, "export GREETING='hello, you' # from the env file\n")] {
        fs::write(path, text).expect("the home is ours");
        bed.run(&["chown", "ubuntu:ubuntu", path]).success();
        bed.run(&["chmod", "0700", path]).success();
    }
}

#[track_caller]
fn holds(path: &str, text: &str, owner: u32) {
    let found = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(
        (found.as_str(), fs::metadata(path).map(|file| file.uid()).ok()),
        (text, Some(owner)),
        "{path}"
    );
}

/// Runs a block in a folder of its own.
fn run_block(bed: &Bed, shell: &[&str], mark: &str, folder: &Path) -> assert_cmd::assert::Assert {
    use assert_cmd::assert::OutputAssertExt;
    let mut command = bed.command(shell);
    command.arg("-c").arg(block(mark)).current_dir(folder);
    bed::capture(command).assert()
}

#[test]
fn the_recipes_work() {
    let Some(bed) = bed() else { return };
    let work = bed.folder("project", 0, 0o755);
    bed.file("project/Makefile", "world:\n\t@echo built\n", 0, 0o644);
    run_block(&bed, &["bash", "-e"], "bash recipes", &work)
        .success()
        .stdout("ubuntu\n/home/ubuntu\nbuilt\n")
        .stderr("");
    holds("/mnt/project/run.log", "built\n", 0);
    holds("/mnt/project/run.status", "0\n", 0);
}

#[test]
fn one_order_gives_roots_record_and_the_other_the_users_files() {
    let Some(bed) = bed() else { return };
    executor(&bed, "#!/bin/bash\necho \"I am $(id -un): $*\" >/dev/stdout\nexit 3\n");
    let work = bed.folder("project", 0, 0o755);
    run_block(&bed, &["bash"], "bash orders", &work).code(3);
    holds("/var/lib/agent-runs/run.log", "I am ubuntu: blueprint task\n", 0);
    holds("/var/lib/agent-runs/run.status", "3\n", 0);
    holds("/home/ubuntu/run.log", "I am ubuntu: blueprint task\n", UBUNTU_UID);
    holds("/home/ubuntu/run.status", "3\n", UBUNTU_UID);
}

#[test]
fn the_dispatch_script_works_as_root_and_as_the_user() {
    let Some(bed) = bed() else { return };
    executor(&bed, "");
    bed.file("dispatch.sh", block("bash dispatch"), 0, 0o755);
    let dropped = predicate::eq("🔒 Auto-dropping privileges from root to ubuntu user...\n");
    bed.run(&["/mnt/dispatch.sh", "task"]).success().stderr(dropped);
    holds("/home/ubuntu/alpha.log", "alpha: ubuntu hello, you task\n", UBUNTU_UID);
    holds("/home/ubuntu/beta.status", "0\n", UBUNTU_UID);
    bed.run(&["dropuid", "ubuntu", "--", "/mnt/dispatch.sh", "again"]).success().stderr("");
    holds("/home/ubuntu/alpha.log", "alpha: ubuntu again\n", UBUNTU_UID);
}

#[test]
fn what_ssm_is_told_to_run_works_where_ubuntu_cannot_be() {
    let Some(bed) = bed() else { return };
    executor(&bed, "#!/bin/bash\necho \"$GREETING, $(id -un) in $PWD: $*\"\nexit 194\n");
    bed.run(&["install", "-d", "/var/lib/agent-runs"]).success();
    let (_, after) = block("bash ssm").split_once("commands=[\"").expect("a list of commands");
    let command = after.split_once("\"]").expect("the end of the list").0;
    let mut shell = bed.command(&["sh", "-c", command]);
    shell.current_dir(bed.path("closed"));
    let output = bed::capture(shell);
    assert_eq!(output.status.code(), Some(1), "194 would reboot the instance: {output:?}");
    holds("/var/lib/agent-runs/run.log", "hello, you, ubuntu in /home/ubuntu: blueprint task\n", 0);
    holds("/var/lib/agent-runs/run.status", "1\n", 0);
}

#[test]
fn the_makefile_recipes_work_with_real_make() {
    let Some(bed) = bed() else { return };
    let work = bed.folder("project", 0, 0o755);
    bed.file("project/Makefile", block("make"), 0, 0o644);
    bed.file("project/source", "one\ntwo\n", 0, 0o644);
    let make = bed.run(&["make", "-C", "/mnt/project", "--no-print-directory", "build.done", "agent"]);
    make.success().stdout(predicate::str::contains("2 source\n").and(predicate::str::contains("ubuntu\n")));
    assert!(work.join("build.done").exists());
    holds("/mnt/project/build.log", "2 source\n", 0);
    holds("/mnt/project/agent.log", "ubuntu\n", 0);
    bed.run(&["rm", "/mnt/project/source", "/mnt/project/build.done"]).success();
    bed.file("project/source", "", UBUNTU_UID, 0);
    fs::write("/mnt/project/Makefile", block("make").replace("wc -l source", "false")).expect("ours");
    bed.run(&["make", "-C", "/mnt/project", "build.done"]).code(2);
    holds("/mnt/project/build.status", "1\n", 0);
    assert!(!work.join("build.done").exists(), "a recipe that failed made its target");
}

#[test]
fn a_remote_command_leaves_a_local_record() {
    let Some(bed) = bed() else { return };
    // A real sshd as the other end of the connection, without a network (sshd(8), -i).
    bed.etc("passwd", &format!("{PASSWD}sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"));
    bed.empty("/root");
    bed.empty("/run");
    fs::create_dir("/run/sshd").expect("a folder in memory");
    fs::create_dir("/root/.ssh").expect("a folder in memory");
    let key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"];
    for file in ["/mnt/host_key", "/root/.ssh/id_ed25519"] {
        bed.run(&[&key[..], &[file]].concat()).success();
    }
    fs::copy("/root/.ssh/id_ed25519.pub", "/root/.ssh/authorized_keys").expect("ours");
    let server = "HostKey /mnt/host_key\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nAcceptEnv none\n";
    let server = bed.file("sshd_config", server, 0, 0o644);
    let client = format!(
        "Host host\n ProxyCommand /usr/sbin/sshd -i -f {}\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n",
        server.display()
    );
    fs::write("/root/.ssh/config", client).expect("ours");
    let work = bed.folder("project", 0, 0o755);
    let kernel = bed.run(&["uname", "-r"]).success();
    let kernel = String::from_utf8_lossy(&kernel.get_output().stdout).into_owned();
    run_block(&bed, &["bash", "-e"], "bash remote", &work).success().stdout(kernel.clone());
    holds("/mnt/project/log", &kernel, 0);
    let result: serde_json::Value =
        serde_json::from_slice(&fs::read("/mnt/project/r.json").expect("a result")).expect("JSON");
    assert_eq!(result["result"], "success");
    assert_eq!(result["argv"], serde_json::json!(["ssh", "-T", "host", "--", "uname", "-r"]));
}
