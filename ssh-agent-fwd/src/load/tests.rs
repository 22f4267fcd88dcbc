use super::*;

fn keys(names: &[&str]) -> Vec<AgentKey> {
    let key = |name: &&str| AgentKey { key: KeyBlob::of(name.as_bytes()), comment: String::new() };
    names.iter().map(key).collect()
}

/// A name of the key that was learned, or what else was.
fn learned(before: &[&str], after: &[&str], public: Option<&str>) -> String {
    let (before, after) = (keys(before), keys(after));
    let public = public.map(|name| KeyBlob::of(name.as_bytes()));
    match learn(&before, &after, public.as_ref()) {
        Learned::Key(key) => String::from_utf8_lossy(key.as_bytes()).into_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn which_key_it_was_is_learned_from_what_came_or_from_the_text() {
    for (before, after, public, expected) in [
        (&[][..], &["a"][..], None, "a"),
        (&["b"], &["b", "a"], None, "a"),
        (&["b"], &["a", "b"], None, "a"),
        (&["a"], &["a"], None, "Known"),
        (&[], &[], None, "Known"),
        (&["a", "b"], &["a"], None, "Known"),
        (&[], &["a", "b"], None, "Unclear"),
        (&[], &["a"], Some("a"), "a"),
        (&["a"], &["a"], Some("a"), "a"),
        (&[], &["a", "b"], Some("b"), "b"),
        (&[], &["a"], Some("b"), "Lost"),
        (&["a"], &["a"], Some("b"), "Lost"),
    ] {
        assert_eq!(learned(before, after, public), expected, "{before:?} {after:?} {public:?}");
    }
}

#[test]
fn how_a_program_failed_is_said_in_its_own_words_or_ours() {
    for (ended, words, expected) in [
        (
            Ended::Status(1),
            "\n  Error loading key \"(stdin)\": invalid format\nmore\n",
            "it says: Error loading key \"(stdin)\": invalid format",
        ),
        (Ended::Status(2), "", "it ended with status 2 and without a word"),
        (Ended::Signal(9), "words", "it was ended by SIGKILL"),
        (Ended::Late, "words", "it did not end within 60 s"),
    ] {
        assert_eq!(why("it", ended, words), expected);
    }
}
