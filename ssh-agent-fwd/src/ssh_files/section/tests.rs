use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn put(text: &[u8], of: &str, body: &str, made: Made) -> Vec<u8> {
    Sections::of(text).expect("whole").put(&name(of), body, made)
}

fn taken(text: &[u8], of: &str) -> Vec<u8> {
    Sections::of(text).expect("whole").taken(&name(of))
}

const NONE: Made = Made { file: false, folder: false };
const ALL: Made = Made { file: true, folder: true };

#[test]
fn a_section_is_marked_and_stands_first() {
    let text = put(b"Port 1", "web", "Host a\nHost *\n", Made { file: false, folder: true });
    let expected = format!(
        "# BEGIN ssh-agent-fwd web folder-made\n{NOTICE}Host a\nHost *\n# END ssh-agent-fwd web\nPort 1"
    );
    assert_eq!(String::from_utf8_lossy(&text), expected);
}

#[test]
fn what_was_made_is_remembered_by_the_sections_that_are_left() {
    let one = put(b"", "one", "", ALL);
    assert_eq!(Sections::of(&one).expect("whole").made(), ALL);
    let both = put(&one, "two", "", ALL);
    assert_eq!(Sections::of(&taken(&both, "one")).expect("whole").made(), ALL);
    assert_eq!(Sections::of(b"# a comment\n").expect("whole").made(), NONE);
}

#[test]
fn a_second_section_of_an_instance_takes_the_place_of_the_first() {
    let both = put(&put(b"Port 1\n", "one", "old\n", NONE), "two", "other\n", NONE);
    let again = put(&both, "one", "new\n", NONE);
    assert_eq!(again, String::from_utf8(both).expect("text").replace("old\n", "new\n").into_bytes());
}

#[test]
fn marks_that_somebody_has_changed_are_told_by_their_line() {
    const B: &str = "# BEGIN ssh-agent-fwd a";
    const E: &str = "# END ssh-agent-fwd a";
    for (lines, broken) in [
        (&[B, "x"][..], Broken::Unended(1)),
        (&["x", B], Broken::Unended(2)),
        (&[E], Broken::Unbegun(1)),
        (&[B, E, E], Broken::Unbegun(3)),
        (&[B, B, E], Broken::Unended(1)),
        (&[B, "# BEGIN ssh-agent-fwd b", E], Broken::Unended(1)),
        (&[B, "# END ssh-agent-fwd b"], Broken::Unended(1)),
        (&[B, E, "x", B, E], Broken::Twice(4)),
        (&["x", " # BEGIN ssh-agent-fwd a", E], Broken::Altered(2)),
        (&[B, "\t# END ssh-agent-fwd a"], Broken::Altered(2)),
        (&["# BEGIN ssh-agent-fwd a\r", E], Broken::Altered(1)),
        (&["# BEGIN ssh-agent-fwd a made-up", E], Broken::Altered(1)),
        (&["# BEGIN ssh-agent-fwd a folder-made file-made", E], Broken::Altered(1)),
        (&["# BEGIN ssh-agent-fwd ../a", E], Broken::Altered(1)),
        (&["# BEGIN ssh-agent-fwd", E], Broken::Altered(1)),
        (&[B, "# END ssh-agent-fwd"], Broken::Altered(2)),
    ] {
        let text = lines.join("\n");
        assert_eq!(Sections::of(text.as_bytes()).expect_err(&text), broken, "{text}");
    }
}

#[test]
fn an_end_mark_needs_no_newline_at_the_end_of_the_file() {
    let text = b"x\n# BEGIN ssh-agent-fwd a\ny\n# END ssh-agent-fwd a";
    assert_eq!(taken(text, "a"), b"x\n");
}

/// Any text that is not about sections, and sections' lines in any order.
fn foreign() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        "Host .{0,9}|    User x|# BEGIN|# END ssh|Match all|".prop_map(String::into_bytes),
    ];
    let text = proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join(&b'\n'));
    text.prop_filter("no mark", |text| Sections::of(text).is_ok_and(|found| found.sections.is_empty()))
}

fn made() -> impl Strategy<Value = Made> {
    any::<(bool, bool)>().prop_map(|(file, folder)| Made { file, folder })
}

proptest! {
    #[test]
    fn what_is_put_in_is_taken_out_in_any_order_and_all_else_is_as_it_was(
        text in foreign(), body in "(Host [a-z]{1,5}\n){0,3}", made in made(),
    ) {
        let one = put(&text, "one", &body, made);
        prop_assert_eq!(Sections::of(&one).expect("whole").made(), made);
        prop_assert_eq!(&put(&one, "one", &body, made), &one);
        prop_assert_eq!(&put(&put(&one, "one", "x\n", made), "one", &body, made), &one);
        prop_assert_eq!(&taken(&one, "two"), &one);
        prop_assert_eq!(&taken(&one, "one"), &text);
        let both = put(&one, "two", &body, made);
        prop_assert_eq!(&taken(&both, "two"), &one);
        prop_assert_eq!(&taken(&taken(&both, "one"), "two"), &text);
    }

    #[test]
    fn lines_around_a_section_are_kept_wherever_it_stands(before in foreign(), after in foreign()) {
        let mut text = [&before[..], b"\n"].concat();
        text.extend(put(&after, "one", "old\n", NONE));
        let kept = [&before[..], b"\n", &after].concat();
        prop_assert_eq!(&taken(&put(&text, "one", "new\n", NONE), "one"), &kept);
    }

    #[test]
    fn no_text_is_too_odd_and_none_is_lost(
        lines in proptest::collection::vec("# BEGIN ssh-agent-fwd [ab]|# END ssh-agent-fwd [ab]|[xy]", 0..9),
    ) {
        let text = lines.join("\n");
        if let Ok(found) = Sections::of(text.as_bytes()) {
            let own: usize = found.sections.iter().filter(|section| section.name == name("a")).map(|s| s.range.len()).sum();
            prop_assert_eq!(found.taken(&name("a")).len(), text.len() - own);
        }
    }
}
