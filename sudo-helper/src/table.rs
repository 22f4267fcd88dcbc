//! Tables for terminals, of text that cannot move the cursor or pass for other text.

/// What stands between two columns.
const GAP: &str = "  ";

/// A text with everything but printable ASCII escaped as `\n`, `\t` or `\u{…}`: controls, bidirectional
/// marks, zero-width characters and letters that look like others.
///
/// Escaped text stays as it is, and so do backslashes: what must be told apart from an escape is
/// quoted by who knows its words.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' => shown.push(character),
            _ => shown.extend(character.escape_default()),
        }
    }
    shown
}

/// Rows under headers, in columns as wide as their widest cell, a line each, with [`printable`] cells.
/// A row may be shorter than the headers; cells beyond them have a column without a header.
#[must_use]
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let headers = headers.iter().map(|header| printable(header)).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(headers).chain(rows).collect();
    let mut widths: Vec<usize> = Vec::new();
    for line in &lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.len().max(*width);
        }
    }
    lines.iter().map(|line| aligned(line, &widths)).collect()
}

/// One line. Its cells are ASCII: a byte is a column of the terminal.
fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
    format!("{}\n", padded.join(GAP).trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["nginx".into(), "status, start".into(), "web".into()], vec!["ssh".into()]];
        assert_eq!(table(&["NAME", "VERBS"], &rows), "NAME   VERBS\nnginx  status, start  web\nssh\n");
        assert_eq!(table(&["A", "B"], &[]), "A  B\n");
        assert_eq!(table(&[], &[]), "\n");
    }

    #[test]
    fn what_is_not_printable_ascii_is_escaped() {
        for (text, shown) in [
            ("a b~", "a b~"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[2J\u{7f}\u{9b}", "\\u{1b}[2J\\u{7f}\\u{9b}"),
            ("\u{202e}x\u{200b}\u{feff}", "\\u{202e}x\\u{200b}\\u{feff}"),
            ("nginх", "ngin\\u{445}"),
            ("\\n", "\\n"),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(shown), shown);
        }
        assert_eq!(table(&["A\n", "B"], &[vec!["é".into(), "x".into()]]), "A\\n     B\n\\u{e9}  x\n");
    }

    proptest! {
        #[test]
        fn a_line_a_row_and_only_printable_ascii(rows in prop::collection::vec(prop::collection::vec(".*", 0..4), 0..4)) {
            let shown = table(&["A", "B"], &rows);
            prop_assert_eq!(shown.lines().count(), rows.len() + 1);
            prop_assert!(shown.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        }
    }
}
