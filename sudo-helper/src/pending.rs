//! What waits for approval, for a person at a terminal: requests that no text in them can imitate.
//!
//! A request begins at the first column with its id. Everything that its caller has written stands
//! behind a gutter, wrapped here: a terminal that wrapped it would begin lines of its own with it.

use std::io;
use std::os::fd::AsFd;

use crate::approval::{Request, State};
use crate::sys;
use crate::table::printable;

/// Columns of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;
/// Columns that are taken for granted: an id with its state.
const MIN_WIDTH: usize = 44;
/// What a line of a request begins with, and one that goes on with the line before; as wide.
const GUTTER: &str = "  | ";
const GOES_ON: &str = "  |      > ";
/// Columns of a field's name.
const NAME: usize = GOES_ON.len() - GUTTER.len();

/// The columns of the terminal that standard output is; `None` when it is none.
#[must_use]
pub fn terminal() -> Option<usize> {
    let columns = sys::terminal_width(io::stdout().as_fd()).ok()?;
    Some(if columns > 0 { usize::from(columns).max(MIN_WIDTH) } else { USUAL_WIDTH })
}

/// The word for what was decided.
#[must_use]
pub fn state(request: &Request) -> &'static str {
    match request.state {
        State::Pending => "pending",
        State::Approved(_) => "approved",
        State::Denied(_) => "denied",
    }
}

/// Requests, whole, in lines of at most `width` columns.
#[must_use]
pub fn blocks(requests: &[Request], width: usize) -> String {
    if requests.is_empty() {
        return "nothing waits for approval\n".to_owned();
    }
    let blocks = requests.iter().map(|request| block(request, width.max(MIN_WIDTH)));
    let head = format!("{:<32}  {:<8}  WHO\n", "ID", "STATE");
    [head].into_iter().chain(blocks).collect()
}

fn block(request: &Request, width: usize) -> String {
    let who = solid(&format!("{} ({})", request.user, request.subject.uid));
    let mut block = wrapped(&format!("{}  {:<8}  ", request.id, state(request)), &who, width);
    let mut field = |name: &str, text: &str| {
        block.push_str(&wrapped(&format!("{GUTTER}{name:<NAME$}"), &solid(text), width));
    };
    field("until", &humantime::format_rfc3339_seconds(request.expires).to_string());
    field("does", &request.display());
    field("runs", &request.runs());
    request.plan().iter().for_each(|line| field("plan", line));
    request.risks.iter().for_each(|risk| field("risk", risk));
    block
}

/// A text of printable ASCII without runs of spaces: whoever makes the terminal narrower later, and
/// has it wrap once more, does not see columns in it.
fn solid(text: &str) -> String {
    printable(text).replace("  ", " \\u{20}")
}

/// `text` after `head`, in lines of at most `width` columns, after a space where there is one in the
/// last half of a line. Nothing is added to it and nothing left out.
fn wrapped(head: &str, text: &str, width: usize) -> String {
    let mut lines = String::from(head);
    let (mut rest, mut room) = (text, width.saturating_sub(head.len()));
    while rest.len() > room {
        let end = rest[..room].rfind(' ').map_or(room, |space| space + 1);
        let end = if end > room / 2 { end } else { room };
        lines.push_str(&rest[..end]);
        lines.push('\n');
        lines.push_str(GOES_ON);
        (rest, room) = (&rest[end..], width - GOES_ON.len());
    }
    lines.push_str(rest);
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::approval::{NewRequest, Store, Subject};
    use crate::random_id::RequestId;
    use crate::run_folder::RunFolder;

    /// A request as the store has made it.
    fn request(user: &str, operation: &[String], argv: &[String], plan: &[String]) -> Request {
        let folder = tempfile::tempdir().expect("a folder");
        let run = RunFolder::open(&folder.path().join("run")).expect("made");
        let new = NewRequest {
            id: RequestId::random().expect("an id"),
            subject: Subject {
                uid: 1000,
                operation: operation.to_vec(),
                argv: argv.to_vec(),
                plan: plan.to_vec(),
            },
            user: user.to_owned(),
            risks: vec!["it is root".to_owned()],
            timeout: Duration::from_mins(1),
            no_block: false,
        };
        Store::open(&run)
            .and_then(|store| store.submit_detached(&new).map_err(io::Error::other))
            .expect("made")
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_request_is_shown_whole() {
        let mut mark =
            request("agent", &words("run say text=x"), &words("/usr/bin/echo x"), &words("install"));
        mark.expires = std::time::SystemTime::UNIX_EPOCH;
        let shown = blocks(&[mark.clone()], 80).replace(&mark.id.to_string(), "<id>");
        assert_eq!(
            shown,
            "ID                                STATE     WHO\n\
             <id>  pending   agent (1000)\n\
             \x20 | until  1970-01-01T00:00:00Z\n\
             \x20 | does   run say text=x\n\
             \x20 | runs   /usr/bin/echo x\n\
             \x20 | plan   install\n\
             \x20 | risk   it is root\n"
        );
        assert_eq!(blocks(&[], 80), "nothing waits for approval\n");
    }

    #[test]
    fn long_text_goes_on_behind_the_gutter() {
        assert_eq!(wrapped("  | does   ", "run say text=x", 20), "  | does   run say \n  |      > text=x\n");
        assert_eq!(
            wrapped("  | does   ", "0123456789abcdef", 20),
            "  | does   012345678\n  |      > 9abcdef\n"
        );
        assert_eq!(wrapped("", "", 20), "\n");
        assert_eq!(solid("a b  c   d\n"), "a b \\u{20}c \\u{20} d\\n");
    }

    /// What a caller might have a row begin with.
    fn hostile() -> impl Strategy<Value = String> {
        const ENDS: [&str; 7] = ["\n", "\r", "\u{85}", "\u{2028}", "\u{9b}1G", "\u{1b}[1G", "\u{202e}"];
        let row = "[0-9a-f]{32}  (pending|approved)   root \\(0\\)";
        let pad = (0..200_usize).prop_map(|spaces| " ".repeat(spaces));
        let part = prop_oneof![row, pad, prop::sample::select(&ENDS[..]).prop_map(str::to_owned), ".{0,40}"];
        vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_begins_a_line_but_our_own(
            texts in vec(hostile(), 4), user in hostile(), width in 0..300_usize, count in 1..3_usize,
        ) {
            let one = request(&user, &texts[..2], &texts[1..3], &texts[2..]);
            let shown = blocks(&vec![one.clone(); count], width);
            let (head, rows) = shown.split_once('\n').expect("lines");
            prop_assert!(head.starts_with("ID "));
            let id = one.id.to_string();
            prop_assert_eq!(rows.lines().filter(|line| line.starts_with(&id)).count(), count);
            for line in rows.lines() {
                prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
                prop_assert!(line.len() <= width.max(MIN_WIDTH), "{line:?}");
                prop_assert!(line.starts_with(&id) || line.starts_with(GUTTER), "{line:?}");
                let text = line.get(GOES_ON.len()..).unwrap_or_default();
                prop_assert!(line.starts_with(&id) || !text.contains("  "), "{line:?}");
            }
            let fields = rows.lines().filter(|line| line.starts_with(GUTTER) && !line.starts_with(GOES_ON));
            prop_assert_eq!(fields.count(), count * (3 + texts[2..].len() + 1));
            // What is wrapped says what it said.
            let joined = rows.replace(&format!("\n{GOES_ON}"), "");
            prop_assert!(joined.contains(&solid(&one.display())) && joined.contains(&solid(&one.runs())));
        }
    }
}
