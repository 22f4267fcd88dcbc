//! /proc/PID/stat: one line, in which the name of the program may hold anything (proc_pid_stat(5)).

use std::str::SplitAsciiWhitespace;

/// Where the start time stands after the name: field 22.
const START_TIME: usize = 19;

/// In ticks since the boot.
pub(crate) fn start_time(stat: &str) -> Option<u64> {
    after_name(stat)?.nth(START_TIME)?.parse().ok()
}

/// Whether nothing is left of the process but its status, for which nobody may ever ask in a container.
pub(crate) fn has_ended(stat: &str) -> Option<bool> {
    after_name(stat)?.next().map(|state| matches!(state, "Z" | "X" | "x"))
}

fn after_name(stat: &str) -> Option<SplitAsciiWhitespace<'_>> {
    stat.rsplit_once(')').map(|(_, fields)| fields.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";

    #[test]
    fn fields_are_found_whatever_the_name_of_the_program_is() {
        for name in ["a", "a b", ") Z 1 2 (", "Z", ""] {
            let stat = format!("77 ({name}) S {FIELDS}");
            assert_eq!((start_time(&stat), has_ended(&stat)), (Some(4242), Some(false)), "{name}");
        }
        for state in ["Z", "X", "x"] {
            assert_eq!(has_ended(&format!("77 (a) {state} {FIELDS}")), Some(true));
        }
    }

    #[test]
    fn what_is_cut_short_says_nothing() {
        for stat in ["", "77 (a", "77 (a) S 1", "77 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"] {
            assert_eq!(start_time(stat), None, "{stat}");
        }
        assert_eq!(has_ended("77 (a)"), None);
    }
}
