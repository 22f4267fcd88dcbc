//! Whatever `parse` accepts, real `bash` and python-dotenv read alike.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use proptest::prelude::*;

const BASH: &str = "/bin/bash";
const PYTHON: &str = "/usr/bin/python3";

/// The variables of a file, by name.
type Env = BTreeMap<String, String>;

/// Sources each argument in a subshell of its own and leaves what came of it in `ARGUMENT.bash`.
///
/// It uses no variable: the file could change it.
const SOURCE_EACH: &str = r#"
while [[ "$#" != 0 ]]; do
    (set -a; . "$1" || echo "sourcing failed" >&2; exec /usr/bin/env -0 >"$1.bash")
    shift
done
"#;

/// The same for pairs of a file and a name: leaves what the shell itself sees in that variable.
const SHOW_EACH: &str = r#"
while [[ "$#" != 0 ]]; do
    (set -a; . "$1"; printf '%s=%s\0' "$2" "${!2}" >"$1.bash")
    shift 2
done
"#;

/// Reads each argument with python-dotenv and leaves what came of it in `ARGUMENT.python`.
const LOAD_EACH: &str = r#"
import sys, dotenv
for path in sys.argv[1:]:
    values = dotenv.dotenv_values(path, encoding="utf-8")
    with open(path + ".python", "w", encoding="utf-8", newline="") as out:
        for name, value in values.items():
            out.write(f"{name}\0" if value is None else f"{name}={value}\0")
"#;

/// A directory of its own for one batch, removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("env-file-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(dir.join("cwd")).expect("a new directory");
        Dir(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the directory can be removed");
    }
}

/// What `bash` and python-dotenv made of a batch of files.
struct Readings {
    bash: Vec<Env>,
    python: Vec<Env>,
    /// What `bash` and python said on stderr: a word there means that something else was done than to assign.
    said: String,
    /// Files that appeared in the working directory.
    litter: usize,
}

fn readings(texts: &[&str], locale: &str) -> Readings {
    let dir = Dir::new();
    let paths: Vec<PathBuf> = (0..texts.len()).map(|i| dir.0.join(format!("{i}.env"))).collect();
    for (path, text) in paths.iter().zip(texts) {
        fs::write(path, text).expect("write");
    }
    let bash = run(bash(SOURCE_EACH).args(&paths), &dir, locale, "bash");
    let python =
        run(Command::new(PYTHON).args(["-c", LOAD_EACH]).args(&paths), &dir, locale, "python3-dotenv");
    let said = bash + &python;
    let read = |extension| paths.iter().map(|path| env_of(path, extension)).collect();
    let litter = fs::read_dir(dir.0.join("cwd")).expect("readable").count();
    Readings { bash: read("env.bash"), python: read("env.python"), said, litter }
}

fn bash(script: &str) -> Command {
    let mut command = Command::new(BASH);
    command.args(["--norc", "--noprofile", "-c", script, "bash"]);
    command
}

/// Runs `command` with a bare environment in the empty directory, and returns what it said.
fn run(command: &mut Command, dir: &Dir, locale: &str, package: &str) -> String {
    let command = command.current_dir(dir.0.join("cwd")).env_clear().env("PATH", "").env("LC_ALL", locale);
    let output = installed(command.output(), package);
    String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned()
}

fn installed(output: std::io::Result<Output>, package: &str) -> Output {
    let output = output.unwrap_or_else(|e| missing(package, &e.to_string()));
    if String::from_utf8_lossy(&output.stderr).contains("No module named 'dotenv'") {
        missing(package, "python finds no module dotenv");
    }
    output
}

fn missing(package: &str, why: &str) -> ! {
    panic!("install the Debian package {package}, which this test compares with: {why}")
}

/// The variables in a file of `NAME=VALUE\0`.
fn env_of(path: &Path, extension: &str) -> Env {
    let path = path.with_extension(extension);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let pair = |entry: &str| entry.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    text.split_terminator('\0')
        .map(|entry| pair(entry).unwrap_or_else(|| (entry.into(), "no value".into())))
        .collect()
}

/// What `parse` makes of `text`, the later of two assignments winning.
fn ours(text: &str) -> Option<Env> {
    let all = env_file::parse(text.as_bytes()).ok()?;
    Some(all.into_iter().map(|a| (a.name.to_string(), a.value)).collect())
}

/// Fails where the readings of the accepted ones of `texts` differ; says how many were accepted.
fn check(texts: &[String], locale: &str) -> Result<usize, TestCaseError> {
    let accepted: Vec<(&str, Env)> = texts.iter().filter_map(|t| Some((t.as_str(), ours(t)?))).collect();
    let texts: Vec<&str> = accepted.iter().map(|(text, _)| *text).collect();
    let theirs = readings(&texts, locale);
    for (i, (text, ours)) in accepted.iter().enumerate() {
        let mut bash = theirs.bash[i].clone();
        bash.retain(|name, _| !["LC_ALL", "OLDPWD", "PATH", "PWD", "SHLVL", "_"].contains(&name.as_str()));
        prop_assert_eq!(&bash, ours, "bash reads {:?} otherwise", text);
        prop_assert_eq!(&theirs.python[i], ours, "python-dotenv reads {:?} otherwise", text);
    }
    prop_assert_eq!(theirs.said, "");
    prop_assert_eq!(theirs.litter, 0);
    Ok(accepted.len())
}

/// Every string of `symbols` with at most `longest` of them.
fn strings(symbols: &[&str], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut start = 0;
    for _ in 0..longest {
        let longer: Vec<String> =
            all[start..].iter().flat_map(|s| symbols.iter().map(move |c| format!("{s}{c}"))).collect();
        start = all.len();
        all.extend(longer);
    }
    all
}

/// Statements that are accepted alone, in files of many, each assigning a name of its own.
fn files(before: &str, values: &[String]) -> (usize, Vec<String>) {
    let statements: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(i, value)| format!("{before}K{i}={value}\n"))
        .filter(|statement| ours(statement).is_some())
        .collect();
    (statements.len(), statements.chunks(500).map(|chunk| chunk.concat()).collect())
}

#[test]
fn every_short_value() {
    let symbols = [
        "a", "=", " ", "\t", "\n", "'", "\"", "#", "$", "\\", "`", "~", ":", ";", "&", "|", "<", ">", "(",
        ")", "{", "}", "[", "]", "*", "?", "!", "^", "%", "@", "+", "-", ",", ".", "/", "é", "\u{a0}",
        "\u{2003}", "A=", "\r", "\x0c",
    ];
    let longer = ["a", "$", "{", "}", "\\", "'", "\"", " ", "\n", "#", "~", "`", "é", "a,b"];
    for (before, values) in [("", strings(&symbols, 3)), ("\t export ", strings(&longer, 5))] {
        let (accepted, files) = files(before, &values);
        assert!(accepted > 1000, "only {accepted} of {} values are accepted", values.len());
        // Bash takes bytes for characters in the one and not in the other.
        for locale in ["C", "C.UTF-8"] {
            let agreed = check(&files, locale).unwrap_or_else(|e| panic!("{locale}: {e}"));
            assert_eq!(agreed, files.len(), "a file of good statements is good");
        }
    }
}

#[test]
fn every_name_that_bash_knows() {
    let binary = fs::read(BASH).unwrap_or_else(|e| missing("bash", &e.to_string()));
    let known = names_in(&binary);
    assert!(known.len() > 150 && known.contains(&"BASH_ENV".to_owned()), "{BASH} holds only {known:?}");
    for value in ["hello", "7", ""] {
        // The lines after it show whether a name changes how the rest is read.
        let file = |name: &String| format!("{name}={value}\nK_1='é $x  *'\nexport K_2=x:y*z # c\nK_3=a=b\n");
        let texts: Vec<String> = known.iter().map(file).collect();
        let plain: Vec<(&str, Env)> = texts.iter().filter_map(|t| Some((t.as_str(), ours(t)?))).collect();
        assert!(plain.len() > known.len() / 2, "nearly every name is refused");
        let plain_texts: Vec<&str> = plain.iter().map(|(text, _)| *text).collect();
        let theirs = readings(&plain_texts, "C.UTF-8");
        let shown = shown_by_shell(&plain_texts);
        for (i, (text, ours)) in plain.iter().enumerate() {
            let seen: Env =
                ours.keys().filter_map(|n| Some((n.clone(), theirs.bash[i].get(n)?.clone()))).collect();
            assert_eq!(&seen, ours, "what bash starts sees {text:?} otherwise");
            assert_eq!(format!("{}\n", shown[i]), text.split_inclusive('\n').next().unwrap_or_default());
            assert_eq!(&theirs.python[i], ours, "python-dotenv reads {text:?} otherwise");
        }
    }
}

/// `NAME=VALUE` of the first line of each text, as the shell that sourced it sees the variable.
fn shown_by_shell(texts: &[&str]) -> Vec<String> {
    let dir = Dir::new();
    let paths: Vec<PathBuf> = (0..texts.len()).map(|i| dir.0.join(format!("{i}.env"))).collect();
    let mut show = bash(SHOW_EACH);
    for (path, text) in paths.iter().zip(texts) {
        fs::write(path, text).expect("write");
        show.arg(path).arg(text.split('=').next().unwrap_or_default());
    }
    run(&mut show, &dir, "C.UTF-8", "bash");
    let seen =
        |path: &PathBuf| env_of(path, "env.bash").into_iter().map(|(n, v)| format!("{n}={v}")).collect();
    paths.iter().map(seen).collect()
}

/// The texts of a binary that look like the names of shell variables.
fn names_in(binary: &[u8]) -> Vec<String> {
    let upper = |name: &&str| {
        name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit())
    };
    let texts = binary.split(|&b| b == 0).filter_map(|text| std::str::from_utf8(text).ok());
    let mut names: Vec<String> = texts.filter(upper).map(str::to_owned).collect();
    names.retain(|name| env_file::Name::new(name).is_some());
    names.sort();
    names.dedup();
    names
}

fn nasty_text() -> impl Strategy<Value = String> {
    let symbols = [
        "A",
        "B",
        "=",
        " ",
        "\t",
        "\n",
        "'",
        "\"",
        "#",
        "$",
        "\\",
        "`",
        "~",
        ":",
        ";",
        "{",
        "}",
        "export ",
        "é",
        "a*",
        "A=",
        "\nB=",
        "\nexport C=",
        "# c",
        "\u{a0}",
        "\u{2028}",
        "\r",
        "\u{feff}",
    ];
    // Mostly well-formed, so that many files are accepted as a whole.
    let statement = prop_oneof![
        4 => "(export )?[AB]=[a#=!*:é]{0,5}[ \t]{0,2}\n",
        2 => "[ \t]?[AB]='[a $B\"#`~\n\\\\]{0,6}'( # c)?\n",
        2 => "[AB]=\"[a 'B#{};~\n!]{0,6}\"( #'\")?\n",
        1 => "[ \t]{0,2}(#[a '\"=\\\\$`é]{0,8})?\n",
        1 => prop::collection::vec(prop::sample::select(symbols.to_vec()), 0..6).prop_map(|all| all.concat()),
    ];
    prop::collection::vec(statement, 0..6).prop_map(|all| all.concat())
}

#[test]
fn nasty_files() {
    let accepted = AtomicUsize::new(0);
    let config = ProptestConfig {
        cases: 16,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(texts in prop::collection::vec(nasty_text(), 1..120))| {
        accepted.fetch_add(check(&texts, "C.UTF-8")?, Ordering::Relaxed);
    });
    assert!(accepted.into_inner() > 100, "the generator hardly makes a file that is accepted");
}
