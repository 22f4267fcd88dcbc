//! Whether the password may be typed into the very account that gets the rule.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};

/// What is said of hosts that were left out.
pub const REFUSED: &str = "the login is the account that gets the rule, and its start-up files could read the password: \
    log in as an administrator and give --user, or --allow-login-grantee";
/// Most hosts that the question names.
const NAMED: usize = 10;
/// Longest answer, in bytes.
const ANSWER: u64 = 64;

/// Asks at the terminal; no without one.
#[must_use]
pub fn given(hosts: &[&str]) -> bool {
    let Ok(mut terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty") else { return false };
    if terminal.write_all(question(hosts).as_bytes()).is_err() {
        return false;
    }
    let mut answer = String::new();
    BufReader::new(terminal.take(ANSWER)).read_line(&mut answer).is_ok() && is_yes(&answer)
}

fn question(hosts: &[&str]) -> String {
    let more = hosts.len().saturating_sub(NAMED);
    let mut names = hosts.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    let names = diagnostics::one_line(&names);
    format!(
        "The login is the account that gets the rule on {names}.\n\
         Its start-up files could read the password. Send it all the same? [y/N] "
    )
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim(), "y" | "Y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y\n", "Y\n", "yes\n", " y \n"].iter().all(|answer| is_yes(answer)));
        assert!(!["", "\n", "n\n", "no\n", "yo\n", "y y\n"].iter().any(|answer| is_yes(answer)));
    }

    #[test]
    fn the_question_names_hosts_and_counts_the_rest() {
        let names: Vec<String> = (0..12).map(|number| format!("web{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(question(&names).contains("web9 and 2 more.\n"));
        assert!(question(&["a\u{1b}[2J"]).contains("on a\\u{1b}[2J.\n"));
    }
}
