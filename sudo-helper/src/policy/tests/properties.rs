//! What holds for every text and every operation.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Operations of every kind over names that are listed, nearly listed and compiled in.
fn operations() -> impl Strategy<Value = Operation> {
    let name = r"nginx|snapd|curl|docker\.io|sudo|libc6|openssh-server|systemd-reboot|[a-z][a-z0-9]{1,8}";
    let unit = (
        r"[a-z]{1,8}|nginx|snapd\.socket|systemd-reboot|nothing",
        prop::sample::select(&ServiceVerb::ALL[..]),
    );
    let packages = (prop::collection::btree_set(name, 1..4), prop::sample::select(&PackageVerb::ALL[..]));
    let values = prop::collection::btree_map("file|lines|[a-z]", ".{0,12}|[0-9]{1,5}", 0..3);
    prop_oneof![
        unit.prop_map(|(unit, verb)| Operation::Service(verb, UnitName::parse(&unit).expect("a unit"))),
        packages.prop_map(|(names, verb)| {
            let names = names.iter().map(|name| PackageName::parse(name).expect("a package")).collect();
            Operation::Packages(verb, names)
        }),
        prop::sample::select(&PackageAction::ALL[..]).prop_map(Operation::Package),
        ("reboot|read-log|[a-z]{1,8}", values).prop_map(|(name, values)| {
            let word = |text: String| Word::parse(&text).expect("a word");
            let values: BTreeMap<_, _> = values.into_iter().map(|(key, value)| (word(key), value)).collect();
            Operation::Run(word(name), values)
        }),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_a_policy_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Policy::parse(&bytes).map_err(|error| error.to_string());
    }

    #[test]
    fn a_mutated_policy_is_a_policy_or_an_error(
        edits in prop::collection::vec((0..FULL.len(), "[\\[\\]{}\",:0-9a-z.\\\\/-]{0,3}"), 1..6)
    ) {
        let mut text = FULL.to_owned();
        for (at, with) in edits {
            let end = (at + 1).min(text.len());
            if at < end {
                text.replace_range(at..end, &with);
            }
        }
        if let Err(error) = Policy::parse(text.as_bytes()) {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn nothing_but_what_is_listed_is_granted(operation in operations()) {
        let policy = policy(FULL);
        let listed: Vec<String> = policy.listing().operations.into_iter().map(|listed| listed.operation).collect();
        let spelled: Vec<String> = match &operation {
            Operation::Packages(verb, names) => {
                names.iter().map(|name| format!("package {} {name}", verb.word())).collect()
            }
            Operation::Run(name, values) => {
                let values: String = values.keys().map(|key| format!(" {key}={{{key}}}")).collect();
                vec![format!("run {name}{values}")]
            }
            other => vec![other.to_string()],
        };
        let all_listed = spelled.iter().all(|words| listed.contains(words));
        match (policy.decide(&operation), &operation) {
            (Ok(_), _) => prop_assert!(all_listed, "{operation}"),
            (Err(denial), Operation::Run(..)) if all_listed => prop_assert_eq!(denial.code(), "bad-value"),
            (Err(_), _) => prop_assert!(!all_listed, "{operation}"),
        }
    }

    #[test]
    fn no_value_reaches_a_program_unchecked(lines in ".{0,8}|-?[0-9]{0,6}", file in "[a-z./-]{0,10}|.{0,6}") {
        let policy = policy(FULL);
        let word = |text| Word::parse(text).expect(text);
        let values = BTreeMap::from([(word("lines"), lines.clone()), (word("file"), file.clone())]);
        if let Ok(arguments) = policy.command(&word("read-log")).expect("listed").bind(&values) {
            prop_assert_eq!(arguments.len(), 3);
            prop_assert!((1..=4).contains(&lines.len()) && lines.bytes().all(|byte| byte.is_ascii_digit()));
            let parts = file.split('/').all(|part| !matches!(part, "" | "." | ".."));
            prop_assert!(parts && !file.starts_with('-'));
        }
    }
}
