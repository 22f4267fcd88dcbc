use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::drop_in::{DropIn, Kept, Present, Value, values};
use crate::precedence::{Key, Source, deciding};
use crate::properties::Properties;
use crate::reboot_gap;
use crate::transaction::PERMISSIONS;
use crate::watch::{Program, Watch};

/// What reads files on a host.
const READER: &str = include_str!("read.awk");

/// SSM's limit for a document with the parameters that a command has put into it: "The content of the document must
/// not exceed 64KB. This quota also includes the content specified for input parameters at runtime" (CreateDocument,
/// Content; SendCommand has MaxDocumentSizeExceeded). With a KB of 1000 bytes.
const QUOTA: usize = 64_000;
/// Of that for AWS-RunShellScript and its other parameters, which are below 2 KB.
const DOCUMENT: usize = 4_000;

fn request(op: Op, unit: Option<&str>, restart_sec: &str) -> Request {
    Request {
        op,
        unit: unit.map(|unit| unit.parse().expect("a unit")),
        restart_sec: restart_sec.parse().expect("a span"),
        nonce: Nonce::fresh().expect("random"),
    }
}

#[test]
fn the_first_line_says_what_is_asked_for() {
    for (op, unit, span, expected) in [
        (Op::Install, None, "90", "set -- install - NONCE 1min 30s"),
        (Op::Remove, Some(Unit::SNAP), "10s", &format!("set -- remove {} NONCE 10s", Unit::SNAP)),
        (Op::Gone, None, "10s", "set -- gone - NONCE 10s"),
        (Op::Prove, Some("a\\x2db@:_.service"), "1h", "set -- prove a\\\\x2db@:_.service NONCE 1h"),
    ] {
        let request = request(op, unit, span);
        let text = request.text();
        let first = text.lines().next().expect("a line");
        assert_eq!(first, expected.replace("NONCE", request.nonce.as_str()));
    }
}

#[test]
fn the_rest_is_the_same_for_all() {
    let [one, other] = [request(Op::Install, None, "10s"), request(Op::Remove, Some("a.service"), "1h")]
        .map(|request| request.text().split_once('\n').expect("lines").1.to_owned());
    assert_eq!(one, other);
}

#[test]
fn ssm_takes_it_as_it_is() {
    let text = request(Op::Install, Some(&format!("{}.service", "a".repeat(247))), "59min").text();
    assert!(!text.contains("{{") && !text.contains("}}"));
    let parameter = serde_json::Value::from(text.as_str()).to_string();
    assert!(parameter.len() + DOCUMENT <= QUOTA, "{}", parameter.len());
    assert!(text.is_ascii() && !text.contains(['\r', '\0']));
}

#[test]
fn nothing_happens_before_its_last_line() {
    let text = request(Op::Install, None, "10s").text();
    assert!(text.ends_with("}\nmain \"$@\"\n"));
    assert_eq!(text.matches("\nmain").count(), 2, "its definition and its call");
}

#[test]
fn what_stands_in_single_quotes_has_none() {
    assert!(!READER.contains('\''));
}

#[test]
fn the_file_that_it_writes_is_that_of_the_drop_in() {
    let text = request(Op::Install, None, "10s").text();
    for old_limit in [false, true] {
        let restart_sec = "10s".parse().expect("a span");
        let drop_in = DropIn { old_limit, no_growth: true, ..DropIn::plain(restart_sec) };
        for line in drop_in.render().lines().filter(|line| !line.is_empty() && *line != "RestartSec=10s") {
            assert!(text.contains(line), "{line}");
        }
    }
}

/// The awk(1) of this machine, and that of busybox.
const AWKS: [&[&str]; 2] = [&["awk"], &["busybox", "awk"]];
/// What input and output end in.
const END: &str = "0123456789abcdef";

/// What the reader says, by each of them alike.
fn read(task: &str, text: &str) -> String {
    let [said, other] = AWKS.map(|awk| read_by(awk, task, &format!("{text}{END}")).expect("all of it"));
    assert_eq!(said, other, "{task} {text:?}");
    said
}

/// What it says of an input; `None` when that is not whole.
fn read_by(awk: &[&str], task: &str, text: &str) -> Option<String> {
    let marker = drop_in(None).render().lines().next().expect("a line").to_owned();
    let mut command = Command::new(awk[0]);
    command.env("LC_ALL", "C").args(&awk[1..]);
    for variable in [&format!("task={task}"), &format!("marker={marker}"), &format!("end={END}")] {
        command.args(["-v", variable]);
    }
    command.arg(READER);
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut reading = started.expect("the Debian packages mawk and busybox-static");
    reading.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let output = reading.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let whole = said.strip_suffix(END).map(str::to_owned);
    assert_eq!(output.status.success(), whole.is_some(), "{said}");
    whole
}

#[test]
fn of_a_part_of_its_input_the_reader_says_nothing() {
    for task in ["span", "late", "mode", "watched", "decide", "judge", "record", "quote", "kept"] {
        for text in ["", "[Service]\n", "[Service]\nRestart=no.", &END[1..]] {
            for awk in AWKS {
                assert_eq!(read_by(awk, task, text), None, "{task} {text:?}");
            }
        }
    }
}

fn drop_in(kept: Option<Kept>) -> DropIn {
    let before: Vec<Value> = values(&Properties::parse("Restart=no\nRestartUSec=1.5s\n"));
    DropIn { before, kept, ..DropIn::plain("1min 30s".parse().expect("a span")) }
}

/// What the file is to the local program, in the words of the reader; of what is foreign just that.
fn judged(text: &str) -> String {
    match Present::of(Some(text.as_bytes())) {
        Present::Ours(found) => {
            let mode = found.kept.map_or("-".to_owned(), |kept| format!("{:04o}", kept.mode));
            format!("ours {mode} {}", found.restart_sec)
        }
        Present::HandMade(_) => "hand".to_owned(),
        Present::Absent | Present::Foreign { .. } => "foreign".to_owned(),
    }
}

fn said(text: &str) -> String {
    let said = read("judge", text);
    let said = said.trim_end();
    said.split_once(' ').filter(|(word, _)| *word == "foreign").map_or(said, |(word, _)| word).to_owned()
}

#[test]
fn the_older_systemd_s_endless_limit_is_read() {
    assert_eq!(read("span", &format!("{}us\n0us", u64::MAX)), "infinity;\n0;\n");
}

#[test]
fn whom_a_watch_is_for_is_read_from_its_service() {
    for unit in [Unit::PACKAGE, "a\\x2d\\\\b.service"] {
        let watch = Watch {
            program: Program::usual()[0].clone(),
            unit: unit.parse().expect("a unit"),
            asleep_for: "90s".parse().expect("a span"),
        };
        assert_eq!(read("watched", &watch.service()), format!("{unit}\n"));
    }
}

#[test]
fn the_reboot_comes_first_after_as_long_as_the_local_program_says() {
    for (span, late) in [("100ms", "no"), ("1min 4s 999ms", "no"), ("1min 5s", "yes"), ("1h", "yes")] {
        assert_eq!(read("late", span), format!("{late}\n"), "{span}");
        let shown = Properties::parse(&format!("RestartUSec={span}\n"));
        assert_eq!(reboot_gap::warning(None, &shown).is_none(), late == "yes", "{span}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Of more than 285 years awk loses the last digits: its numbers are those of C's double.
    #[test]
    fn spans_are_read_and_printed_as_the_local_program_does(
        texts in prop::collection::vec("(([0-9]{0,5}([.][0-9]{0,7})? ?(s|ms|us|min|m|x)?|[0-9]{0,2}([.][0-9]{0,7})?(M|h|d|week|months|y)) ?){0,2}", 64),
    ) {
        let is_small = |text: &String| text.parse().map_or(true, |span: Span| span < Span::from_micros(1 << 53));
        let texts: Vec<String> = texts.into_iter().filter(is_small).collect();
        let shown: String = texts.iter().map(|text| {
            let span = text.parse::<Span>().map(|span| span.to_string());
            format!("{};\n", span.unwrap_or_default())
        }).collect();
        prop_assert_eq!(read("span", &texts.join("\n")), shown);
    }

    #[test]
    fn files_are_judged_as_the_local_program_does(
        lines in prop::collection::vec(
            "(\\[Service\\]|Restart=always| RestartSec = 5\t|# x|; \u{e9}\u{1f600}|\\[Unit\\]|x\\\\|Nice=1|\u{85}|\u{a0}|\u{3000}\\[Service\\]|\r||\u{1}|Restart)", 0..4),
        ended: bool,
        mode in 0..=PERMISSIONS,
        old_limit: bool,
        no_growth: bool,
    ) {
        let text = lines.join("\n") + if ended { "\n" } else { "" };
        prop_assert_eq!(said(&text), judged(&text), "{:?}", text);
        if judged(&text) == "hand" {
            let kept = Some(Kept { text: text.clone(), mode });
            let ours = DropIn { old_limit, no_growth, ..drop_in(kept) }.render();
            prop_assert_eq!(said(&ours), judged(&ours), "{}", ours);
            let (quoted, recorded) = (read("quote", &text), read("record", &ours));
            prop_assert!(ours.contains(&quoted) && ours.contains(&recorded));
            prop_assert_eq!(read("kept", &ours), text);
        }
    }

    #[test]
    fn what_was_changed_since_is_judged_as_the_local_program_does(
        at in 0..500_usize,
        with in "[ a=0\n#\u{200b}\u{e9}]{0,2}",
        old_limit: bool,
    ) {
        let kept = Kept { text: "[Service]\nRestart=no".to_owned(), mode: 0o600 };
        let mut text = DropIn { old_limit, no_growth: true, ..drop_in(Some(kept)) }.render();
        let at = at.min(text.len() - 1);
        text.replace_range(at..=at, &with);
        prop_assert_eq!(said(&text), judged(&text), "{}", text);
    }

    #[test]
    fn a_mode_is_read_as_ls_shows_it(mode in 0..=PERMISSIONS) {
        let place = tempfile::NamedTempFile::new().expect("a file");
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(place.path(), permissions).expect("chmod");
        let listed = Command::new("ls").arg("-ldn").arg(place.path()).output().expect("ls");
        let listed = String::from_utf8(listed.stdout).expect("UTF-8");
        prop_assert_eq!(read("mode", &listed), format!("{mode:04o}\n"));
    }

    #[test]
    fn who_decides_is_read_as_the_local_program_does(
        lines in prop::collection::vec(
            "(\\[Service\\]|\\[Unit\\]|\\[Un|Restart=(always|no|never)?| RestartSec=(5|soon|1[.]5min|1\u{0}5min)|RestartSteps=(0|7|-1|4294967295)|StartLimitInterval(Sec)?=(0|9)|# x|;\\\\|Restart=\\\\|  no)\r?", 0..12),
    ) {
        let text = lines.join("\n");
        let files = [Source { path: "/u".into(), text: text.clone() }];
        let keys = [("Restart", Key::Restart), ("RestartSec", Key::RestartSec), ("RestartSteps", Key::RestartSteps),
            ("StartLimitIntervalSec", Key::LimitInterval)];
        let mut expected: Vec<String> = keys.into_iter().filter_map(|(name, key)| {
            let found = deciding(&files, key)?;
            let is_span = [Key::RestartSec, Key::LimitInterval].contains(&key);
            let span = found.value.parse::<Span>().ok().filter(|_| is_span).map(|span| span.to_string());
            Some(format!("{name} {} {}", found.line, span.unwrap_or(found.value)))
        }).collect();
        // As the script hands it on: not each awk(1) reads a NUL.
        let said = read("decide", &text.replace('\0', "\n"));
        let mut said: Vec<&str> = said.lines().collect();
        said.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(said, expected, "{:?}", text);
    }
}
