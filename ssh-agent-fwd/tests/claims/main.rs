//! What the README, the manual and reference/ssh-agent.md claim, from outside: real programs, at both ends.

#[path = "../up/bench/mod.rs"]
#[allow(dead_code, unused_imports, reason = "another test's, of which some is needed here")]
mod bench;
mod cases;
#[path = "../client/mod.rs"]
mod client;
mod commits;
mod container;
mod frames;
mod logins;
mod no_disk;
mod places;
mod policy;
#[path = "../run_folder/mod.rs"]
mod run_folder;
#[path = "../serve/bench/mod.rs"]
#[allow(dead_code, unused_imports, reason = "another test's, of which some is needed here")]
mod serving;
#[path = "../sshd/mod.rs"]
#[allow(dead_code, reason = "another test's, of which some is needed here")]
mod sshd;
mod starts;
mod system_config;

use std::process::{Command, Output};

use bench::Bench;

/// Whom the policies of `serve` serve here.
const USER: u32 = 12_345;

/// The text runs as `"$@"` of the user, whose account has the home of the manifest, with no other environment.
const AS_ACCOUNT: &str = r#"
mount --bind "$1" /etc/passwd; home=$2 uid=$3; shift 3
exec setpriv --reuid=$uid --regid=$uid --clear-groups -- env -i -C "$home" PATH=/usr/bin:/bin HOME="$home" "$@"
"#;

/// What comes of a command of the user's, in a mount namespace where its account has its home.
fn as_account(bench: &Bench, words: &[&str]) -> Output {
    let passwd = passwd(bench);
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec", AS_ACCOUNT, "sh", &passwd, &home(bench)]);
    command.arg(bench::USER.1.to_string()).args(words).stdin(std::process::Stdio::null());
    command.output().expect("run")
}

fn home(bench: &Bench) -> String {
    bench.home.path().to_str().expect("a path").to_owned()
}

/// A list of accounts that has the user with its home; its path.
fn passwd(bench: &Bench) -> String {
    let ((name, uid), home) = (bench::USER, home(bench));
    let path = bench.folder.path().join("passwd");
    std::fs::write(&path, format!("root:x:0:0::/root:/bin/sh\n{name}:x:{uid}:{uid}::{home}:/bin/sh\n"))
        .expect("written");
    path.to_str().expect("a path").to_owned()
}
