//! What others make of the same specs and env files: the differences that dropuid(1) exists for.
//!
//! Each outcome was measured; a test fails when a peer behaves otherwise than is written here.

use bed::{Bed, capture, env_forms, specs, tool};

/// What a program makes of a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    /// It runs nothing.
    Refused,
    /// It runs the command with uid 0, however it was told not to.
    Root,
    /// It runs the command with this `UID:GID`.
    User(&'static str),
}

/// What a reader of env files makes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// K has this value.
    Value(&'static str),
    /// K is not set.
    Unset,
    /// A command in the file is run.
    Executes,
}

use Becomes::{Refused, Root, User};
use Reads::{Executes, Unset, Value};

/// Spec, gosu, setpriv; in the order of `specs::REFUSED`.
const REFUSED_BY_US: [(&str, Becomes, Becomes); specs::REFUSED.len()] = [
    ("", Root, Refused),
    (":", Root, Refused),
    (":devs", Root, Refused),
    (":1001", Root, Refused),
    ("root", Root, Root),
    ("0", Root, Root),
    ("toor", Root, Root),
    ("root:devs", Root, Root),
    ("0:1001", Root, Root),
    ("00", Root, Root),
    ("nosuch", Refused, Refused),
    ("ubuntu:nosuch", Refused, Refused),
    ("4242", User("4242:0"), User("4242:0")),
    ("4242:", User("4242:0"), User("4242:0")),
    ("ubuntu:0", User("1000:0"), User("1000:0")),
    ("ubuntu:root", User("1000:0"), User("1000:0")),
    ("4242:0", User("4242:0"), User("4242:0")),
    ("ubuntu:00", User("1000:0"), User("1000:0")),
    ("rootgroup", User("1012:0"), User("1012:0")),
    ("inroot", User("1013:1013"), User("1013:0")),
    ("-1", Refused, Root),
    ("ubuntu:-1", Refused, User("1000:0")),
    ("4294967295", Refused, Root),
    ("4294967296", Refused, Root),
    ("18446744073709551616", Refused, Refused),
    ("ubuntu:4294967295", Refused, User("1000:0")),
    ("ubuntu:4294967296", Refused, User("1000:0")),
    ("4294967296:4294967296", Refused, Root),
    ("+1000", User("1000:1000"), User("1000:0")),
    ("ubuntu:+1001", User("1000:1001"), User("1000:1001")),
    ("0x3e8", Refused, Refused),
    ("01000", User("1000:1000"), User("1000:0")),
    (" 1000", Refused, User("1000:0")),
    ("1000 ", Refused, Refused),
    ("ubuntu ", Refused, Refused),
    ("ub untu", Refused, Refused),
    ("ubuntu:devs:extra", User("1000:1001"), Refused),
    ("ubuntu\n", Refused, Refused),
];

/// Form, bash, python-dotenv; in the order of `env_forms::REFUSED`.
const LINES_REFUSED_BY_US: [(&str, Reads, Reads); env_forms::REFUSED.len()] = [
    ("K=$(touch marker)\n", Executes, Value("$(touch marker)")),
    ("K=`touch marker`\n", Executes, Value("`touch marker`")),
    ("K=\"$(touch marker)\"\n", Executes, Value("$(touch marker)")),
    ("K=v touch marker\n", Executes, Value("v touch marker")),
    ("K=v;touch marker\n", Executes, Value("v;touch marker")),
    ("K=v&touch marker\n", Executes, Value("v&touch marker")),
    ("touch marker\n", Executes, Unset),
    ("K=$HOME\n", Value("/root"), Value("$HOME")),
    ("K=\"a${HOME}\"\n", Value("a/root"), Value("a/root")),
    ("K='${HOME}'\n", Value("${HOME}"), Value("/root")),
    ("K=~/x\n", Value("/root/x"), Value("~/x")),
    ("K = v\n", Unset, Value("v")),
    ("K= v\n", Unset, Value("v")),
    ("K+=v\n", Value("v"), Unset),
    ("K=v\r\n", Value("v\r"), Value("v")),
    ("K=\"a\\nb\"\n", Value("a\\nb"), Value("a\nb")),
    ("K=a\\ b\n", Value("a b"), Value("a\\ b")),
    ("K='it'\\''s'\n", Value("it's"), Unset),
    ("K='open\n", Unset, Unset),
    ("\u{feff}K=v\n", Unset, Unset),
];

/// Prints `UID:GID`.
const IDS: [&str; 3] = ["/bin/sh", "-c", "echo $(id -u):$(id -g)"];

fn gosu(bed: &Bed, spec: &str) -> String {
    becomes(bed, &[&[tool("gosu"), spec], &IDS[..]].concat())
}

/// As its manual page would have it: the user, the group if there is one, and no other groups.
fn setpriv(bed: &Bed, spec: &str) -> String {
    let (user, group) = spec.split_once(':').map_or((spec, None), |(user, group)| (user, Some(group)));
    let user = format!("--reuid={user}");
    let group = group.filter(|group| !group.is_empty()).map(|group| format!("--regid={group}"));
    let words = [tool("setpriv"), &user].into_iter().chain(group.as_deref()).chain(["--clear-groups"]);
    becomes(bed, &words.chain(IDS).collect::<Vec<_>>())
}

/// What came of running [`IDS`]: empty when it was not run.
fn becomes(bed: &Bed, words: &[&str]) -> String {
    String::from_utf8_lossy(&capture(bed.command(words)).stdout).trim().to_owned()
}

impl Becomes {
    /// Whether `ids`, as [`IDS`] prints them, are this outcome.
    fn is(self, ids: &str) -> bool {
        match self {
            Refused => ids.is_empty(),
            Root => ids.starts_with("0:"),
            User(expected) => ids == expected,
        }
    }
}

#[test]
fn gosu_and_setpriv_take_specs_as_written_here() {
    let Some(bed) = Bed::new(&[]) else { return };
    let mut wrong = Vec::new();
    for ((spec, by_gosu, by_setpriv), (ours, _)) in REFUSED_BY_US.into_iter().zip(specs::REFUSED) {
        assert_eq!(spec, ours, "the tables are in one order");
        for (peer, expected, ids) in
            [("gosu", by_gosu, gosu(&bed, spec)), ("setpriv", by_setpriv, setpriv(&bed, spec))]
        {
            if !expected.is(&ids) {
                wrong.push(format!("{peer} {spec:?}: {expected:?} is written, '{ids}' came"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sources the file and says what K is, for the command that would be run then.
const BASH: &str =
    r#"set -a; . "$1"; exec /usr/bin/python3 -c 'import os; print(repr(os.environ.get("K")))'"#;

const DOTENV: &str = "import sys, dotenv; print(repr(dotenv.dotenv_values(sys.argv[1]).get('K')))";

/// The last line that a reader prints is K as Python writes it; a trace of execution comes first.
fn reads(bed: &Bed, folder: &str, text: &str, reader: &[&str]) -> String {
    let home = bed.folder(folder, 0, 0o755);
    let file = bed.file(&format!("{folder}/env"), text, 0, 0o644);
    let mut command = bed.command(reader);
    command.arg(file).current_dir(&home);
    let read = String::from_utf8_lossy(&capture(command).stdout).trim().to_owned();
    if home.join("marker").exists() { "executed".to_owned() } else { read }
}

impl Reads {
    /// What [`reads`] returns for this outcome.
    fn shown(self) -> Vec<String> {
        match self {
            Executes => vec!["executed".to_owned()],
            // The shell may have given up before it came to print.
            Unset => vec!["None".to_owned(), String::new()],
            Value(value) => {
                let escaped = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
                ['\'', '"'].map(|quote| format!("{quote}{escaped}{quote}")).to_vec()
            }
        }
    }
}

/// Holds both readers against what is written of them.
fn compare(bed: &Bed, table: &[(&str, Reads, Reads)]) {
    tool("dotenv");
    let (bash, dotenv) = ([tool("bash"), "-c", BASH, "bash"], [tool("python3"), "-c", DOTENV]);
    let mut wrong = Vec::new();
    for (number, (text, by_bash, by_dotenv)) in table.iter().enumerate() {
        let sourced = reads(bed, &format!("bash{number}"), text, &bash);
        let loaded = reads(bed, &format!("dotenv{number}"), text, &dotenv);
        for (peer, expected, read) in [("bash", by_bash, sourced), ("python-dotenv", by_dotenv, loaded)] {
            if !expected.shown().contains(&read) {
                wrong.push(format!("{peer} {text:?}: {expected:?} is written, {read} came"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bash_and_dotenv_read_the_lines_that_we_refuse_as_written_here() {
    let Some(bed) = Bed::new(&[]) else { return };
    let ours = env_forms::REFUSED.iter();
    assert!(LINES_REFUSED_BY_US.iter().map(|row| &row.0).eq(ours), "the tables are in one order");
    compare(&bed, &LINES_REFUSED_BY_US);
}

#[test]
fn bash_and_dotenv_agree_about_the_lines_that_we_accept() {
    let Some(bed) = Bed::new(&[]) else { return };
    compare(&bed, &env_forms::ACCEPTED.map(|(text, value)| (text, Value(value), Value(value))));
}
