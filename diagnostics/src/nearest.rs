//! The right word beside a mistyped one.

use strsim::osa_distance;

/// Letters of a word for each slip that is allowed in it: one that is shorter would be like too many others.
const LETTERS_A_SLIP: usize = 3;
/// More slips make another word.
const MAX_SLIPS: usize = 2;

/// The word of these that was meant: the nearest, when only a letter or two are missing, added, other, or swapped.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = word.trim_start_matches('-');
    let slips = (bare.chars().count() / LETTERS_A_SLIP).min(MAX_SLIPS);
    let distances = known.into_iter().map(|known| (osa_distance(bare, known.trim_start_matches('-')), known));
    distances
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What is said of an option that is none of those that a help text names.
#[must_use]
pub fn invalid_option(option: &str, help: &str) -> String {
    let meant = nearest(option, options(help)).map(|meant| format!("; '{meant}' is one"));
    format!("invalid option '{option}'{}", meant.unwrap_or_default())
}

/// Every `--option` in it, as it is written there.
fn options(help: &str) -> impl Iterator<Item = &str> {
    let words = help.split(|c: char| c != '-' && !c.is_ascii_alphanumeric());
    words.filter(|word| word.len() > 2 && word.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str =
        "Usage: x [--] Y\n  -a, --append; --mode OCTAL\n      --env-file FILE, --env-file-if-exists FILE\n";

    #[test]
    fn the_options_of_a_help_text_are_found() {
        let found: Vec<&str> = options(HELP).collect();
        assert_eq!(found, ["--append", "--mode", "--env-file", "--env-file-if-exists"]);
    }

    #[test]
    fn a_slip_is_understood_and_another_word_is_not() {
        for (word, meant) in [
            ("--apend", Some("--append")),
            ("--appedn", Some("--append")),
            ("--mdoe", Some("--mode")),
            ("--env-fille", Some("--env-file")),
            ("--envfile", Some("--env-file")),
            ("--env-file-exists", None),
            ("--quiet", None),
            ("--mo", None),
            ("-x", None),
            ("--", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, options(HELP)), meant, "{word}");
        }
    }
}
