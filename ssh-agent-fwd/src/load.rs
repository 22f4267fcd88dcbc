//! A key into the agent: by ssh-add(1), which reads it from a pipe. Which one it was is what the agent says.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use diagnostics::{Failure, one_line};

use crate::agent_keys::{AgentKey, list};
use crate::key::KeyBlob;
use crate::material::{Material, encrypted};
use crate::program::{self, Ended, Program, Ran};

/// How long ssh-add(1) or ssh-keygen(1) may take: to check a long RSA key takes a slow host some seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How ssh-add asks for a passphrase (ssh-add.c, add_file).
const ASKS: &str = "Enter passphrase";

/// Loads a key; its public half, as the agent has it. To be called from the only thread of the process.
///
/// # Errors
/// `openssh-missing`, `openssh-untrusted`; `agent-unreachable`; `key-encrypted`; `key-not-loaded` when ssh-add does not
/// take it, or the agent does not have it afterwards. No sentence has anything of the key.
pub fn load(agent: &Path, material: &Material) -> Result<KeyBlob, Failure> {
    let before = list(agent)?;
    add(agent, material)?;
    let after = list(agent)?;
    match learn(&before, &after, material.public()) {
        Learned::Key(key) => Ok(key.clone()),
        Learned::Known => {
            let key = public_of(material)?;
            let is_there = after.iter().any(|known| known.key == key);
            if is_there { Ok(key) } else { Err(not_loaded(material, "the agent does not have it")) }
        }
        Learned::Unclear => {
            Err(not_loaded(material, "the agent got other keys meanwhile: let nobody else load"))
        }
        Learned::Lost => Err(not_loaded(material, "ssh-add took it, and the agent does not have it")),
    }
}

/// Which key it was.
#[derive(Debug, PartialEq, Eq)]
enum Learned<'a> {
    /// This one.
    Key(&'a KeyBlob),
    /// One that was there before; the text does not say which.
    Known,
    /// More keys came than one.
    Unclear,
    /// Another one than the text says.
    Lost,
}

/// What the lists before and after say, and the text, if it says which key it is.
fn learn<'a>(before: &[AgentKey], after: &'a [AgentKey], public: Option<&KeyBlob>) -> Learned<'a> {
    let is_new = |key: &&AgentKey| before.iter().all(|known| known.key != key.key);
    let mut new = after.iter().filter(is_new);
    match (public, new.next(), new.next()) {
        (Some(public), ..) => match after.iter().find(|key| key.key == *public) {
            Some(AgentKey { key, .. }) => Learned::Key(key),
            None => Learned::Lost,
        },
        (None, Some(AgentKey { key, .. }), None) => Learned::Key(key),
        (None, None, _) => Learned::Known,
        (None, Some(_), Some(_)) => Learned::Unclear,
    }
}

/// Has ssh-add load it, without certificates: it would look for one in its working directory (-k).
fn add(agent: &Path, material: &Material) -> Result<(), Failure> {
    let env = [("SSH_AUTH_SOCK", agent.as_os_str()), ("SSH_ASKPASS_REQUIRE", OsStr::new("never"))];
    let ran = run("ssh-add", &["-q", "-k", "-"], &env, material)?;
    match ran.ended {
        Ended::Status(0) => Ok(()),
        Ended::Status(_) if ran.stderr.starts_with(ASKS) => Err(encrypted(material.from())),
        ended => Err(not_loaded(material, &why("ssh-add", ended, &ran.stderr))),
    }
}

/// The public half of a key, which no agent sees for that: what its text shows, or what ssh-keygen(1) says. To be
/// called from the only thread of the process.
///
/// # Errors
/// `openssh-missing`, `openssh-untrusted`; `key-not-loaded` when ssh-keygen cannot tell. No sentence has anything of the
/// key.
pub fn public_of(material: &Material) -> Result<KeyBlob, Failure> {
    if let Some(public) = material.public() {
        return Ok(public.clone());
    }
    let ran = run("ssh-keygen", &["-y", "-P", "", "-f", "/proc/self/fd/0"], &[], material)?;
    if ran.ended != Ended::Status(0) {
        return Err(not_loaded(material, &why("ssh-keygen", ran.ended, &ran.stderr)));
    }
    ran.stdout.parse().map_err(|_| not_loaded(material, "ssh-keygen does not say which key it is"))
}

fn run(name: &str, words: &[&str], env: &[(&str, &OsStr)], material: &Material) -> Result<Ran, Failure> {
    let program = program::locate(name)?;
    let argv: Vec<OsString> =
        [program.as_os_str()].into_iter().chain(words.iter().map(OsStr::new)).map(Into::into).collect();
    Program { argv: &argv, env, stdio: [None; 3], kept: &[] }.run(material.secret(), PATIENCE)
}

/// What a program says when it fails: one of OpenSSH's own sentences (ssherr.c), which quote nothing of the key.
fn why(program: &str, ended: Ended, words: &str) -> String {
    let words = words.lines().map(str::trim).find(|line| !line.is_empty());
    match (ended, words) {
        (Ended::Status(_), Some(words)) => format!("{program} says: {words}"),
        (Ended::Status(status), None) => format!("{program} ended with status {status} and without a word"),
        (Ended::Signal(signal), _) => format!("{program} was ended by {}", supervise::signal_name(signal)),
        (Ended::Late, _) => format!("{program} did not end within {} s", PATIENCE.as_secs()),
    }
}

fn not_loaded(material: &Material, why: &str) -> Failure {
    Failure::new("key-not-loaded", format!("{}: {}", material.from(), one_line(why)))
}

#[cfg(test)]
mod tests;
