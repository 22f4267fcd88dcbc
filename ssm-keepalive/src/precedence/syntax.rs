//! The assignments of a unit file (systemd.syntax(7)).

/// How a comment begins.
const COMMENT: [char; 2] = ['#', ';'];
/// What may stand around a line, a key and a value.
const BLANK: [char; 3] = [' ', '\t', '\r'];

/// `key=value` of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
}

/// All of them, in their order.
pub(super) fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (line, text) in joined(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        let text = text.trim_matches(BLANK);
        if let Some(header) = text.strip_prefix('[') {
            // systemd gives the rest of a file up at a header that does not end.
            let Some(name) = header.strip_suffix(']') else { break };
            name.clone_into(&mut section);
        } else if let Some((key, value)) = text.split_once('=') {
            let [key, value] = [key, value].map(|part| part.trim_matches(BLANK).to_owned());
            found.push(Assignment { section: section.clone(), key, value, line });
        }
    }
    found
}

/// The lines with what continues them, each with the number of its first one. A backslash at the end stands for a
/// space; comments go, in between as well.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.replace("\r\n", "\n").split(['\n', '\r', '\0'])) {
        if line.trim_start_matches(BLANK).starts_with(COMMENT) {
            continue;
        }
        let (first, mut so_far) = open.take().unwrap_or((number, String::new()));
        match line.strip_suffix('\\') {
            Some(part) => {
                so_far += part;
                so_far.push(' ');
                open = Some((first, so_far));
            }
            None => lines.push((first, so_far + line)),
        }
    }
    lines.extend(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_file_is_read_as_systemd_reads_it() {
        let text =
            "\u{feff}A=0\n[One]\n B = 1 \n;C=2\nD=x\\\n# in between\n  y\nnoise\n[Two]\nE=\n[Three\nF=6\n";
        let found: Vec<_> =
            assignments(text).into_iter().map(|a| (a.section, a.key, a.value, a.line)).collect();
        let expected =
            [("", "A", "0", 1), ("One", "B", "1", 3), ("One", "D", "x   y", 5), ("Two", "E", "", 10)];
        assert_eq!(
            found,
            expected.map(|(section, key, value, line)| (section.into(), key.into(), value.into(), line))
        );
    }

    #[test]
    fn a_file_may_end_within_a_line() {
        assert_eq!(assignments("[S]\nA=1\\").last().map(|a| a.value.as_str()), Some("1"));
    }
}
