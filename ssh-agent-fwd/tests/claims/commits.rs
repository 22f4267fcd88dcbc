//! `git commit -S` in a shell that has evaluated what `up` prints, and in one that has not.

use crate::as_account;
use crate::bench::{Bench, pem};

/// `$1`: what `up` has printed; `$2`: the public key.
const SIGN: &str = r#"
eval "$1"
export GIT_CONFIG_NOSYSTEM=1
rm -rf work; git init -q work; cd work
git config user.name daemon; git config user.email daemon@example.org
git config gpg.format ssh; git config user.signingKey "key::$2"
printf 'daemon@example.org namespaces="git" %s\n' "$2" >../signers
git config gpg.ssh.allowedSignersFile ../signers
git commit -q --allow-empty -S -m signed
git verify-commit HEAD
"#;

#[test]
fn a_commit_is_signed_and_verified_once_the_line_of_up_is_evaluated_and_not_before() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("a");
    let output = bench.up(&bench.manifest(&[pem(&key)]), &["-q"]);
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stdout).expect("words");
    for (line, signs) in [(line.as_str(), true), ("", false)] {
        let output = as_account(&bench, &["sh", "-ec", SIGN, "sh", line, &key.line]);
        assert_eq!(output.status.success(), signs, "{line:?}: {output:?}");
    }
}

#[test]
fn a_line_of_up_is_one_shell_command_and_nothing_more() {
    let Some(bench) = Bench::new() else { return };
    let output = bench.up(&bench.manifest(&[pem(&bench.key("a"))]), &["-q"]);
    let line = String::from_utf8(output.stdout).expect("words");
    let output = as_account(&bench, &["sh", "-ec", "eval \"$1\"; exec env", "sh", &line]);
    let said = String::from_utf8(output.stdout).expect("words");
    let found: Vec<&str> = said.lines().filter(|line| line.starts_with("SSH_AUTH_SOCK=")).collect();
    assert_eq!(found, [format!("SSH_AUTH_SOCK={}", bench.socket().display())]);
}
