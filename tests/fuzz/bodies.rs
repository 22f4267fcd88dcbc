//! What each fuzz target does with its input, for cargo-fuzz and for the replay on stable alike.
//!
//! A body panics where the code under test breaks a promise. Inputs are text as far as possible, so
//! that seeds can be written by hand. Where a stream is cut, the first line says how: each letter
//! of it is the length of a piece, by its place in the alphabet.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

use accounts::nsswitch::Switch;
use accounts::{group, passwd};
use capture_run::mask::{MARK, MIN_LINE, MIN_VALUE, Mask, Secrets};
use capture_run::strip_ansi::{MAX_STRING, StripAnsi};
use capture_run::timestamps::Timestamps;
use capture_run::{duration, size};
use dropuid::spec::{Principal, Spec};

#[path = "agent_bodies.rs"]
mod agent;
#[path = "agent_files_bodies.rs"]
mod agent_files;
#[path = "helper_bodies.rs"]
mod helper;
#[path = "inventory_body.rs"]
mod inventory_body;
#[path = "sudoers_body.rs"]
mod sudoers_body;

pub use agent::{agent_frames, agent_identities, agent_key, agent_request, agent_signed};
pub use agent_files::{agent_capture, agent_manifest, agent_policy};
pub use helper::{plan, policy, ssh_command, unit_state};
pub use inventory_body::inventory;
pub use sudoers_body::sudoers;

/// Does something with the input and panics where it goes wrong.
pub type Body = fn(&[u8]);

/// Every target by the name of its file in fuzz_targets/ and of its folder in corpus/.
pub const TARGETS: [(&str, Body); 24] = [
    ("agent_capture", agent_capture),
    ("agent_frames", agent_frames),
    ("agent_identities", agent_identities),
    ("agent_key", agent_key),
    ("agent_manifest", agent_manifest),
    ("agent_policy", agent_policy),
    ("agent_request", agent_request),
    ("agent_signed", agent_signed),
    ("arguments", arguments),
    ("env_file", env_file),
    ("group", group),
    ("inventory", inventory),
    ("limits", limits),
    ("mask", mask),
    ("nsswitch", nsswitch),
    ("passwd", passwd),
    ("plan", plan),
    ("policy", policy),
    ("spec", spec),
    ("ssh_command", ssh_command),
    ("strip_ansi", strip_ansi),
    ("sudoers", sudoers),
    ("timestamps", timestamps),
    ("unit_state", unit_state),
];

/// No sentence about a line of an env file is longer, whatever the line holds.
const LONGEST_SENTENCE: usize = 200;

/// An automaton for more takes so long to build that little is tried.
const MOST_VALUES: usize = 256;

/// One argument a line, for all programs.
pub fn arguments(data: &[u8]) {
    let words = || data.split(|&byte| byte == b'\n').map(|word| OsStr::from_bytes(word).to_owned());
    if let Err(error) = capture_run::cli::parse(words()) {
        assert!(!error.to_string().is_empty());
    }
    match dropuid::cli::parse(words()) {
        Err(error) => {
            let said = diagnostics::one_line(&error.to_string());
            assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
        }
        Ok(dropuid::cli::Request::Run(options)) => check_command(&options.command, words()),
        Ok(_) => {}
    }
    helper::arguments(words());
}

/// A command is the last arguments, none of them changed.
fn check_command(command: &[OsString], words: impl Iterator<Item = OsString>) {
    let words: Vec<OsString> = words.collect();
    assert!(words.ends_with(command), "{command:?} is not the end of {words:?}");
}

/// The text of an env file.
pub fn env_file(data: &[u8]) {
    match env_file::parse(data) {
        Ok(assignments) => {
            let written: String = assignments.iter().map(written).collect();
            let again = env_file::parse(written.as_bytes());
            assert_eq!(again.as_ref(), Ok(&assignments), "what was accepted is accepted when quoted");
            for assignment in &assignments {
                let debug = format!("{assignment:?}");
                assert!(debug.len() < assignment.name.as_str().len() + 64, "{debug}");
            }
        }
        Err(bad) => {
            let last = data.iter().filter(|&&byte| byte == b'\n').count() + 1;
            assert!(!bad.is_empty() && bad.is_sorted_by(|one, next| one.line < next.line));
            assert!(bad.iter().all(|line| (1..=last).contains(&line.line)));
            bad.iter().for_each(check_bad_line);
        }
    }
}

/// An assignment as a line, its value in the quotes that can hold it.
fn written(assignment: &env_file::Assignment) -> String {
    let quote = if assignment.value.contains('\'') { '"' } else { '\'' };
    format!("export {}={quote}{}{quote}\n", assignment.name, assignment.value)
}

/// What is said of a line holds nothing of it but a name that bash keeps for itself.
fn check_bad_line(bad: &env_file::BadLine) {
    let reserved = bad.reason == env_file::Reason::NameBelongsToBash;
    assert_eq!(bad.name.is_some(), reserved, "{bad:?}");
    assert!(bad.name.as_ref().is_none_or(|name| name.as_str().len() <= 16), "{bad:?}");
    assert!(bad.to_string().len() < LONGEST_SENTENCE, "{bad}");
    assert!(format!("{bad:?}").len() < LONGEST_SENTENCE, "{bad:?}");
}

/// The text of /etc/group.
pub fn group(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let rows: Vec<group::Row> = text.lines().filter_map(group::Row::parse).collect();
    for row in &rows {
        check_row(&row.name, &[row.gid]);
        let found = group::find(&text, |other| other.name == row.name);
        assert_eq!(found.map(|found| found.gid), rows.iter().find(|r| r.name == row.name).map(|r| r.gid));
    }
    // Whatever stands between separators may be asked for as a user.
    for user in text.split([':', ',', '\n']) {
        let gids = group::memberships(&text, user);
        assert!(gids.iter().all(|gid| rows.iter().any(|row| row.gid == *gid)));
    }
}

/// The text of /etc/passwd.
pub fn passwd(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for row in text.lines().filter_map(passwd::Row::parse) {
        check_row(&row.name, &[row.uid, row.gid]);
        let line = format!("{}:x:{}:{}::{}:{}", row.name, row.uid, row.gid, row.home, row.shell);
        assert_eq!(passwd::Row::parse(&line).as_ref(), Some(&row));
        let first = passwd::find(&text, |other| other.uid == row.uid);
        assert!(first.is_some_and(|first| first.uid == row.uid));
    }
}

fn check_row(name: &str, ids: &[u32]) {
    assert!(
        !name.is_empty() && !name.starts_with(['+', '-', '#']) && !name.contains([':', '\n']),
        "{name:?}"
    );
    assert!(!ids.contains(&u32::MAX), "-1 means 'leave unchanged'");
}

/// The text of nsswitch.conf.
pub fn nsswitch(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let switch = Switch::parse(&text);
    assert_eq!(Switch::parse(&format!("# passwd: sss\n\n{text}\n")), switch, "comments count for nothing");
    if !text.contains("passwd") {
        assert!(switch.passwd_hit_is_final && switch.passwd_miss_is_final);
    }
    // The first line of a database counts.
    let others = Switch::parse(&format!("passwd: sss\ngroup: sss\ninitgroups: sss\n{text}"));
    assert!(!others.passwd_hit_is_final && !others.passwd_miss_is_final);
    assert!(!others.group_hit_is_final && !others.group_miss_is_final && !others.memberships_are_final);
}

/// `USER[:GROUP]`.
pub fn spec(data: &[u8]) {
    match Spec::parse(OsStr::from_bytes(data)) {
        Ok(spec) => {
            let written = match &spec.group {
                Some(group) => format!("{}:{group}", spec.user),
                None => spec.user.to_string(),
            };
            assert_eq!(Spec::parse(OsStr::new(&written)).as_ref(), Ok(&spec));
            assert_eq!(written.as_bytes(), data.strip_suffix(b":").unwrap_or(data));
            [Some(&spec.user), spec.group.as_ref()].into_iter().flatten().for_each(check_principal);
        }
        Err(error) => {
            let said = diagnostics::one_line(&error.to_string());
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }
}

fn check_principal(principal: &Principal) {
    let name = principal.as_name();
    assert!(!name.is_empty() && !name.starts_with(['-', '+']));
    assert!(!name.contains([':', ',', '/', '\0', '\n', ' ']), "{name:?}");
    if let Some(number) = principal.as_number() {
        assert!(number != u32::MAX && number.to_string() == name, "{name:?} became {number}");
    }
}

/// A duration or a size.
pub fn limits(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (limit, grace) = (duration::parse_limit(text), duration::parse_grace(text));
    assert_eq!(limit.is_some(), grace.is_some(), "{text:?}");
    if let Some(limit) = limit {
        assert_eq!(limit, grace.flatten().filter(|grace| !grace.is_zero()), "{text:?}");
        assert!(limit.is_none_or(|limit| limit <= Duration::from_secs(36_600 * 24 * 3600)), "{text:?}");
        assert!(text == "inf" || text.starts_with(|c: char| c.is_ascii_digit() || c == '.'), "{text:?}");
    }
    if let Some(bytes) = size::parse(text) {
        let number = text.trim_end_matches(['K', 'M', 'G', 'T']);
        assert!(
            number.len() + 1 >= text.len() && number.bytes().all(|byte| byte.is_ascii_digit()),
            "{text:?}"
        );
        assert!(number.parse::<u64>().is_ok_and(|number| number <= bytes), "{text:?}");
    }
}

/// Cuts; then values by commas, `;` for a newline in one; then the text.
pub fn mask(data: &[u8]) {
    let (cuts, rest) = first_line(data);
    let (values, text) = first_line(rest);
    if values.len() > MOST_VALUES {
        return;
    }
    let mut secrets = Secrets::new();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for value in values.split(|&byte| byte == b',') {
        let value: Vec<u8> = value.iter().map(|&byte| if byte == b';' { b'\n' } else { byte }).collect();
        if secrets.add(&value).is_ok() {
            lines.extend(hidden_lines(&value));
        }
    }
    assert_eq!(secrets.is_empty(), lines.is_empty());
    let once = masked(&secrets, &[text]);
    assert_eq!(masked(&secrets, &pieces(cuts, text)), once, "the cuts do not matter");
    // A value of stars could stand in a mark.
    if lines.iter().all(|line| !line.contains(&b'*')) {
        for line in &lines {
            assert!(!once.windows(line.len()).any(|window| window == line), "a value is visible");
        }
    }
    if lines.is_empty() {
        assert_eq!(once, text);
    }
    check_flushes(&secrets, &pieces(cuts, text));
}

/// The lines of a value that capture-run(1) promises to hide.
fn hidden_lines(value: &[u8]) -> Vec<Vec<u8>> {
    let body = value.strip_suffix(b"\n").unwrap_or(value);
    let shortest = if body.contains(&b'\n') { MIN_LINE } else { MIN_VALUE };
    let lines = body.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| line.len() >= shortest).map(<[u8]>::to_vec).collect()
}

fn masked(secrets: &Secrets, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut mask, mut output) = (Mask::new(secrets), Vec::new());
    pieces.iter().for_each(|piece| mask.push(piece, &mut output));
    mask.flush(&mut output);
    assert!(!mask.is_holding());
    output
}

/// A silence after every piece shows no more bytes than came, and holds nothing back.
fn check_flushes(secrets: &Secrets, pieces: &[&[u8]]) {
    let (mut mask, mut output, mut came) = (Mask::new(secrets), Vec::new(), 0);
    for piece in pieces {
        mask.push(piece, &mut output);
        mask.flush(&mut output);
        assert!(!mask.is_holding());
        came += piece.len();
        // A mark may be longer than what is hidden at a border, never than MIN_VALUE hidden bytes.
        let shown = output.iter().filter(|byte| !MARK.contains(byte)).count();
        assert!(shown <= came);
    }
}

/// Cuts, then the text.
pub fn strip_ansi(data: &[u8]) {
    const ESC: u8 = 0x1b;
    let (cuts, text) = first_line(data);
    let once = stripped(&[text]);
    assert_eq!(stripped(&pieces(cuts, text)), once, "the cuts do not matter");
    assert!(is_subsequence(&once, text), "only bytes are taken away");
    assert!(once == text || text.contains(&ESC));
    let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines(&once), lines(text), "no line is lost");
}

fn stripped(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut filter, mut output, mut came) = (StripAnsi::new(), Vec::new(), 0);
    for piece in pieces {
        let before = output.len();
        filter.push(piece, &mut output);
        came += piece.len();
        assert!(output.len() - before <= piece.len() + MAX_STRING, "more came out than could be held back");
        assert!(output.len() <= came);
    }
    filter.flush(&mut output);
    assert!(!filter.is_holding());
    output
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}

/// Cuts, whose bytes are also the time of day; then the text.
pub fn timestamps(data: &[u8]) {
    let (cuts, text) = first_line(data);
    let seconds = cuts.iter().take(8).fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    // Past what a clock can show as well as within it.
    let Some(now) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else { return };
    let once = stamped(now, &[text]);
    assert_eq!(stamped(now, &pieces(cuts, text)), once, "the cuts do not matter");
    let stamp = stamped(now, &[b"\n"]);
    let stamp = stamp.strip_suffix(b"\n").expect("the line itself");
    assert!(stamp.len() == 25 && stamp.ends_with(b"Z ") && stamp.contains(&b'T'), "{stamp:?}");
    let mut expected = Vec::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        expected.extend_from_slice(stamp);
        expected.extend_from_slice(line);
    }
    assert_eq!(once, expected);
}

fn stamped(now: SystemTime, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut filter, mut output) = (Timestamps::new(), Vec::new());
    pieces.iter().for_each(|piece| filter.push(now, piece, &mut output));
    output
}

/// The first line without its end, and what follows it.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

/// The text in pieces of these lengths, over and over; in one when there are none. A letter's five
/// low bits are its place in the alphabet.
fn pieces<'a>(cuts: &[u8], mut text: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let lengths = cuts.iter().map(|cut| usize::from(cut & 0x1f));
    if lengths.clone().all(|length| length == 0) {
        // Empty pieces alone would never end.
        return vec![&[], text];
    }
    for length in lengths.cycle() {
        if text.is_empty() {
            break;
        }
        let (piece, rest) = text.split_at(length.min(text.len()));
        pieces.push(piece);
        text = rest;
    }
    pieces
}
