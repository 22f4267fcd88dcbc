//! What shells offer after a line, with the completions of the tree.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bed::workspace;

use crate::program::PROGRAMS;

/// The shells that are served.
pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// The completions of each program for this shell.
pub fn files(shell: &str) -> Vec<PathBuf> {
    let file = |program: &str| match shell {
        "zsh" => format!("{program}/completions/_{program}"),
        _ => format!("{program}/completions/{program}.{shell}"),
    };
    PROGRAMS.iter().map(|(program, _)| workspace().join(file(program))).collect()
}

/// What the shell offers after each of these lines, in a folder with one file, `here.json`.
pub fn offers(shell: &str, lines: &[String]) -> Vec<BTreeSet<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("here.json"), "").expect("ours");
    // Without it the functions of ours have nothing to call.
    bed::tool("bash_completion");
    let mut asked = Command::new(bed::tool(shell));
    // Without anybody's own configuration.
    asked.args((shell == "zsh").then_some("-f")).env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME");
    asked.arg(workspace().join(format!("tests/words/complete.{shell}"))).args(files(shell));
    asked.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut asked = bed::spawn(&mut asked);
    let mut input = asked.stdin.take().expect("a pipe");
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    // The answers would fill their pipe before all is asked.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = asked.wait_with_output().expect("a child can be waited for");
    writer.join().expect("no panic").expect("it reads to the end");
    let said = String::from_utf8(output.stdout).expect("text");
    let mut offered = vec![BTreeSet::new()];
    for line in said.lines() {
        match line {
            "" => offered.push(BTreeSet::new()),
            word => drop(offered.last_mut().map(|words| words.insert(word.trim_end().to_owned()))),
        }
    }
    offered.pop();
    assert_eq!(offered.len(), lines.len(), "{shell}: {said}");
    offered
}
