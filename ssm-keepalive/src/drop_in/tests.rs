//! What is written, and what is read back.

use proptest::prelude::*;

use super::*;

fn plain() -> DropIn {
    DropIn::plain(Span::from_micros(10_000_000))
}

#[test]
fn the_file_says_what_issue_5_asks_for() {
    let text = plain().render();
    let settings: Vec<&str> = text.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(
        settings,
        ["[Unit]", "StartLimitIntervalSec=0", "[Service]", "Restart=always", "RestartSec=10s"]
    );
    // Before systemd 230 the limit had another name, in another section.
    let old = DropIn { old_limit: true, ..plain() }.render();
    let settings: Vec<&str> = old.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(settings, ["[Service]", "StartLimitInterval=0", "Restart=always", "RestartSec=10s"]);
    assert!(DropIn { no_growth: true, ..plain() }.render().ends_with(NO_GROWTH));
}

#[test]
fn an_agent_is_awaited_for_a_tenth_of_a_second_to_an_hour() {
    for (span, fits) in
        [("100ms", true), ("1h", true), ("99ms", false), ("0", false), ("61min", false), ("infinity", false)]
    {
        assert_eq!(bounded(span.parse().expect(span)).is_ok(), fits, "{span}");
    }
}

#[test]
fn what_was_changed_since_is_not_ours() {
    let text =
        DropIn { kept: Some(Kept { text: "[Service]\nRestart=no\n".into(), mode: PUBLIC }), ..plain() }
            .render();
    assert!(matches!(Present::of(Some(text.as_bytes())), Present::Ours(_)));
    for changed in [
        text.replace("10s", "20"),
        text.replace("always", "no"),
        text.replace("# kept: R", "# kept:R"),
        text.replace("RestartSec=10s\n", ""),
        format!("{text}Environment=X=1\n"),
        format!("{text}\n"),
        text.trim_end().to_owned(),
    ] {
        let present = Present::of(Some(changed.as_bytes()));
        assert!(matches!(present, Present::Foreign { line: Some(1), .. }), "{changed}");
    }
    assert_eq!(Present::of(None), Present::Absent);
    assert!(matches!(Present::of(Some(b"\xff")), Present::Foreign { .. }));
}

#[test]
fn a_file_that_is_not_root_s_alone_to_write_is_left_alone_whatever_it_holds() {
    let ours = plain().render();
    for (mode, owner, expected) in [
        (0o644, 0, None),
        (0o600, 0, None),
        (0o664, 0, Some("others than root can write it")),
        (0o646, 0, Some("others than root can write it")),
        (0o644, 1000, Some("it belongs to somebody else than root")),
    ] {
        for text in ["[Service]\nRestart=always\n", &ours] {
            let file = Contents { mode, owner, ..Contents::public(text) };
            match (Present::of_file(Some(&file)), expected) {
                (Present::HandMade(kept), None) => assert_eq!(kept.contents(), file),
                (Present::Ours(found), None) => assert_eq!(found.render(), ours),
                (Present::Foreign { line: None, why }, Some(expected)) => assert_eq!(why, expected),
                (present, _) => panic!("{file:?}: {present:?}"),
            }
        }
    }
    assert_eq!(Present::of_file(None), Present::Absent);
}

#[test]
fn no_value_of_systemds_leaves_its_comment() {
    let hostile = Value::new("Restart", "no\n[Service]\rExecStart=/bin/x\\\\ \\");
    assert_eq!(hostile.as_str(), "Restart=no?[Service]?ExecStart=/bin/x");
    let drop_in = DropIn { before: vec![hostile], ..plain() };
    assert_eq!(Present::of(Some(drop_in.render().as_bytes())), Present::Ours(drop_in));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        micros in 1..u64::MAX,
        no_growth: bool,
        old_limit: bool,
        lines in proptest::option::of(proptest::collection::vec("( |#|kept:|[a-zA-Z=\\[\\]]){0,9}", 0..5)),
        ended: bool,
        mode in 0..=PERMISSIONS,
        values in proptest::collection::vec(".{0,12}", 0..3),
    ) {
        let kept = lines.map(|lines| {
            Kept { text: lines.join("\n") + if ended { "\n" } else { "" }, mode }
        });
        let before = values.iter().map(|value| Value::new("Restart", value)).collect();
        let drop_in = DropIn { restart_sec: Span::from_micros(micros), old_limit, no_growth, before, kept };
        prop_assert_eq!(Present::of(Some(drop_in.render().as_bytes())), Present::Ours(drop_in));
    }

    #[test]
    fn no_text_is_taken_for_ours_and_changed(text in "(?s).{0,80}") {
        prop_assert!(!matches!(Present::of(Some(text.as_bytes())), Present::Ours(_)));
    }
}
