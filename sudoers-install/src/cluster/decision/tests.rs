use super::*;
use crate::remote::Sha256Hex;

const HELPER: &str = "/usr/bin/sudo-helper";

fn helper() -> ProgramPath {
    ProgramPath::parse(HELPER).expect("a path")
}

fn facts() -> SurveyFacts {
    SurveyFacts {
        login: "op".to_owned(),
        uid: 1000,
        grantee: Some(("ai-agent".to_owned(), 1001)),
        known: None,
        alike: None,
        sudo: ProgramPath::parse("/usr/bin/sudo").ok(),
        visudo: ProgramPath::parse("/usr/sbin/visudo").ok(),
        helper: HelperState::Good,
        passwordless_root: false,
        legacy: Vec::new(),
    }
}

fn code(facts: &SurveyFacts) -> &'static str {
    examine(facts, &helper(), asked(ClusterAction::Install)).expect_err("not ready").code
}

fn wanted() -> DropIn {
    examine(&facts(), &helper(), asked(ClusterAction::Install)).expect("ready").wanted
}

fn status() -> ChangeFacts {
    ChangeFacts {
        state: State::Status,
        code: "ok".to_owned(),
        words: String::new(),
        sha256: Sha256Hex::parse(&wanted().sha256()).ok(),
        pending: false,
        probe: Some(true),
        foreign: Vec::new(),
        legacy: Vec::new(),
    }
}

fn asked(action: ClusterAction) -> Asked {
    Asked { action, dry_run: false, replace_legacy: false }
}

#[test]
fn a_host_is_ready_when_nothing_is_missing() {
    let ready = examine(&facts(), &helper(), asked(ClusterAction::Install)).expect("ready");
    assert_eq!((&*ready.login, ready.elevation), ("op", Elevation::Password));
    assert_eq!(ready.wanted.rule_lines(), ["ai-agent ALL=(root) NOPASSWD: /usr/bin/sudo-helper"]);
    assert!(ready.warnings.is_empty() && !ready.would_tell_the_grantee(Some("op")));
}

/// What is otherwise on a host.
type Change = fn(&mut SurveyFacts);

#[test]
fn what_is_missing_is_named() {
    let table: [(&str, Change); 7] = [
        ("no-sudo", |facts| facts.sudo = None),
        ("no-visudo", |facts| facts.visudo = None),
        ("unknown-user", |facts| facts.grantee = None),
        ("user-root", |facts| facts.grantee = Some(("toor".to_owned(), 0))),
        ("bad-user", |facts| facts.grantee = Some(("ALL".to_owned(), 1002))),
        ("helper-missing", |facts| {
            facts.helper = HelperState::Bad(HelperFault::Missing, "/usr/bin/sudo-helper".to_owned());
        }),
        ("helper-untrusted", |facts| {
            facts.helper = HelperState::Bad(HelperFault::Writable, "/usr/local/bin".to_owned());
        }),
    ];
    for (expected, change) in table {
        let mut facts = facts();
        change(&mut facts);
        assert_eq!(code(&facts), expected);
    }
    let mut facts = facts();
    facts.helper = HelperState::Bad(HelperFault::Owner, "/opt\n/x".to_owned());
    let error = examine(&facts, &helper(), asked(ClusterAction::Install)).expect_err("not ready").error;
    assert!(
        error.starts_with("/opt\\u{a}/x does not belong to root: install the package sudo-helper"),
        "{error}"
    );
}

#[test]
fn a_name_that_sudo_takes_for_another_account_too_gets_no_rule() {
    use ClusterAction::{Install, Remove, Status};
    let some = |name: &str| Some(name.to_owned());
    let known = SurveyFacts { known: some("agent"), ..facts() };
    let alike = SurveyFacts { alike: some("AI-agent"), ..facts() };
    for (facts, name) in [(&known, "'agent'"), (&alike, "'AI-agent'")] {
        for action in [Install, Status] {
            let failure = examine(facts, &helper(), asked(action)).expect_err("not ready");
            assert_eq!(failure.code, "ambiguous-user");
            assert!(failure.error.contains(name), "{failure}");
        }
        examine(facts, &helper(), asked(Remove)).expect("what is there can go");
    }
    // A rule with the uid is nobody else's.
    let by_uid = SurveyFacts { grantee: Some(("Agent".to_owned(), 1001)), ..alike };
    examine(&by_uid, &helper(), asked(Install)).expect("ready");
}

#[test]
fn all_for_nothing_needs_no_password_and_is_warned_of() {
    let mut facts = facts();
    facts.passwordless_root = true;
    let ready = examine(&facts, &helper(), asked(ClusterAction::Install)).expect("ready");
    assert_eq!(ready.elevation, Elevation::Passwordless);
    assert!(ready.warnings[0].warning.contains("NOPASSWD: ALL"), "{:?}", ready.warnings);
    // Who logs in as root has all that already.
    facts.uid = 0;
    assert!(examine(&facts, &helper(), asked(ClusterAction::Install)).expect("ready").warnings.is_empty());
}

#[test]
fn old_rules_are_told_unless_they_are_replaced() {
    let mut facts = facts();
    facts.legacy = vec!["systems-manager-op".to_owned()];
    let ready = examine(&facts, &helper(), asked(ClusterAction::Install)).expect("ready");
    assert!(ready.warnings[0].warning.contains("systems-manager-op"));
    let replacing = Asked { replace_legacy: true, ..asked(ClusterAction::Install) };
    assert!(examine(&facts, &helper(), replacing).expect("ready").warnings.is_empty());
}

#[test]
fn a_login_that_is_granted_would_learn_the_password() {
    let would = |facts: &SurveyFacts, known| {
        examine(facts, &helper(), asked(ClusterAction::Install)).expect("ready").would_tell_the_grantee(known)
    };
    assert!(!would(&facts(), Some("op")));
    assert!(would(&facts(), None), "nobody but the host says who it is");
    assert!(would(&facts(), Some("ai-agent")), "it says that it is another");
    assert!(would(&SurveyFacts { uid: 1001, ..facts() }, Some("op")), "another name of the same account");
    let granted = SurveyFacts { login: "ai-agent".to_owned(), ..facts() };
    assert!(would(&granted, Some("ai-agent")));
    assert!(!would(&SurveyFacts { passwordless_root: true, ..granted }, Some("ai-agent")));
}

#[test]
fn configured_is_the_right_text_and_a_probe_that_passed() {
    let shown = |status: &ChangeFacts| shown(asked(ClusterAction::Install), &wanted(), Some(status));
    assert_eq!(shown(&status()), Outcome::Configured);
    let table: [fn(&mut ChangeFacts); 6] = [
        |status| status.sha256 = None,
        |status| status.code = "changed".to_owned(),
        |status| status.sha256 = Sha256Hex::parse(&"0".repeat(64)).ok(),
        |status| status.probe = Some(false),
        |status| status.probe = None,
        |status| status.pending = true,
    ];
    for change in table {
        let mut status = status();
        change(&mut status);
        assert_eq!(shown(&status), Outcome::WouldInstall { password: false }, "{status:?}");
    }
}

#[test]
fn what_only_root_can_tell_needs_the_password() {
    let shown = |action| shown(asked(action), &wanted(), None);
    assert_eq!(shown(ClusterAction::Install), Outcome::WouldInstall { password: true });
    assert_eq!(shown(ClusterAction::Remove), Outcome::WouldRemove);
    assert!(matches!(shown(ClusterAction::Status), Outcome::Failed(_)));
}

#[test]
fn old_rules_beside_the_right_one_are_replaced_when_asked_for() {
    let status = ChangeFacts { legacy: vec!["systems-manager-op".to_owned()], ..status() };
    let replacing = Asked { replace_legacy: true, ..asked(ClusterAction::Install) };
    assert_eq!(shown(replacing, &wanted(), Some(&status)), Outcome::WouldInstall { password: false });
    assert_eq!(shown(asked(ClusterAction::Install), &wanted(), Some(&status)), Outcome::Configured);
}

#[test]
fn remove_and_status_say_what_is_there() {
    let none = ChangeFacts { sha256: None, probe: None, code: ABSENT.to_owned(), ..status() };
    let shown = |action, status: &ChangeFacts| shown(asked(action), &wanted(), Some(status));
    assert_eq!(shown(ClusterAction::Remove, &none), Outcome::Absent);
    assert_eq!(shown(ClusterAction::Remove, &status()), Outcome::WouldRemove);
    assert_eq!(shown(ClusterAction::Status, &status()), Outcome::Configured);
    for (expected, status) in [
        ("not-configured", none),
        ("differs", ChangeFacts { sha256: Sha256Hex::parse(&"0".repeat(64)).ok(), ..status() }),
        ("pending", ChangeFacts { pending: true, ..status() }),
        ("not-effective", ChangeFacts { probe: Some(false), ..status() }),
        ("not-effective", ChangeFacts { code: "busy".to_owned(), ..status() }),
        (KILLED, ChangeFacts { code: KILLED.to_owned(), probe: Some(false), ..status() }),
    ] {
        let Outcome::Failed(failure) = shown(ClusterAction::Status, &status) else { panic!("{expected}") };
        assert_eq!(failure.code, expected);
    }
}

#[test]
fn an_answer_counts_only_for_what_was_asked() {
    use ClusterAction::{Install, Remove};
    let of =
        |action, state| ended(action, &wanted(), &ChangeFacts { state, code: "why".to_owned(), ..status() });
    assert_eq!(of(Install, State::Installed), Outcome::Installed);
    assert_eq!(of(Install, State::Unchanged), Outcome::Configured);
    assert_eq!(of(Remove, State::Removed), Outcome::Removed);
    assert_eq!(of(Remove, State::Absent), Outcome::Absent);
    for (action, state, code) in [
        (Install, State::Removed, "not-changed"),
        (Remove, State::Installed, "not-changed"),
        (Install, State::Refused, "not-changed"),
        (Install, State::Reverted, "reverted"),
        (ClusterAction::Status, State::Refused, "not-changed"),
    ] {
        let Outcome::Failed(failure) = of(action, state) else { panic!("{action:?} {state:?}") };
        assert_eq!(failure.code, code);
        assert!(failure.error.starts_with("why: "), "{failure}");
    }
}

#[test]
fn a_state_that_could_not_be_put_back_is_not_said_to_be_back() {
    // Refused is the state of a host where a killed run has left it so.
    for state in [State::Reverted, State::Refused] {
        let answer = ChangeFacts { state, code: "not-reverted".to_owned(), ..status() };
        let Outcome::Failed(failure) = ended(ClusterAction::Install, &wanted(), &answer) else {
            panic!("{state:?}")
        };
        assert_eq!(failure.code, "not-reverted");
        assert!(failure.error.contains("could not be put back"), "{failure}");
        assert!(!failure.error.contains("is back") && !failure.error.contains("nothing was"), "{failure}");
    }
}

#[test]
fn a_host_cannot_fill_its_row() {
    let long = "\u{202e}x".repeat(50_000);
    let table: [(&str, Change); 4] = [
        ("helper-missing", |facts| {
            facts.helper = HelperState::Bad(HelperFault::Missing, "\u{202e}x".repeat(50_000));
        }),
        ("bad-user", |facts| facts.grantee = Some(("x".repeat(100_000), 1002))),
        ("ambiguous-user", |facts| facts.known = Some("x".repeat(100_000))),
        ("ambiguous-user", |facts| facts.alike = Some("x".repeat(100_000))),
    ];
    for (code, change) in table {
        let mut facts = facts();
        change(&mut facts);
        let failure = examine(&facts, &helper(), asked(ClusterAction::Install)).expect_err("not ready");
        assert_eq!(failure.code, code);
        assert!(failure.error.len() < ROW, "{} bytes", failure.error.len());
    }
    let answer =
        ChangeFacts { state: State::Refused, code: "busy".to_owned(), words: long.clone(), ..status() };
    let Outcome::Failed(failure) = ended(ClusterAction::Install, &wanted(), &answer) else {
        panic!("refused")
    };
    assert!(failure.error.len() < ROW && failure.error.ends_with("; nothing was changed"), "{failure}");
    let many = vec![long; 31_000];
    let everyone =
        SurveyFacts { passwordless_root: true, legacy: many.clone(), login: many[0].clone(), ..facts() };
    let ready = examine(&everyone, &helper(), asked(ClusterAction::Install)).expect("ready");
    for (warnings, last) in [
        (ready.warnings, "and 30995 more old rules"),
        (other_files(&many), "and 30995 more complaints of visudo"),
    ] {
        assert_eq!(warnings.last().map(|warning| &*warning.warning), Some(last));
        assert!(warnings.len() <= 2 + TEXTS && warnings.iter().all(|warning| warning.warning.len() < ROW));
    }
    assert_eq!(old_rules(&many[..TEXTS]).len(), TEXTS);
}

/// Most bytes of a sentence: 300 characters of a host's in their longest form, and ours around them.
const ROW: usize = 300 * "\\u{10ffff}".len() + 300;
