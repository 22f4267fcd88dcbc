//! What the fuzz targets of sudo-helper do with their input.

use std::ffi::OsString;

use sudo_helper::apt::plan::Plan;
use sudo_helper::audit::OneLine;
use sudo_helper::cli::{self, Request};
use sudo_helper::operation::Operation;
use sudo_helper::policy::{Denial, Policy};
use sudo_helper::ssh;
use sudo_helper::systemctl::unit_state::UnitState;
use sudo_helper::systemctl::verdict::verdict;

use super::first_line;

/// What no policy lets anybody do.
const NEVER: [&str; 5] = [
    "service restart sudo",
    "service start debug-shell",
    "package install sudo",
    "package remove sudo-helper",
    "package remove openssh-server",
];

#[track_caller]
fn check_sentence(said: &str) {
    assert!(!said.is_empty() && !said.contains(char::is_control), "{said:?}");
}

fn operation(line: &str) -> Option<Operation> {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    Operation::parse(&words).ok()
}

/// The arguments, without the program's name.
pub fn arguments(words: impl Iterator<Item = OsString>) {
    match cli::parse(words) {
        Err(error) => check_sentence(&error.to_string()),
        Ok(call) => match call.request {
            Request::Perform(operation, _) | Request::Explain(_, operation) => check_operation(&operation),
            _ => {}
        },
    }
}

fn check_operation(operation: &Operation) {
    let words = operation.words();
    assert_eq!(Operation::parse(&words).as_ref(), Ok(operation), "its words are read back");
    check_sentence(OneLine::words(&words).as_str());
    check_sentence(OneLine::text(&operation.to_string()).as_str());
}

/// An operation, its words separated by spaces; then the policy.
pub fn policy(data: &[u8]) {
    let (asked, text) = first_line(data);
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => return check_sentence(&error.to_string()),
    };
    policy.warnings().iter().for_each(|warning| check_sentence(warning));
    for never in NEVER {
        let never = operation(never).expect(never);
        assert!(matches!(policy.decide(&never), Err(Denial::BuiltIn(_))), "{never}");
    }
    let listing = policy.listing();
    for listed in listing.operations.iter().filter(|listed| listed.argv.is_none()) {
        let operation = operation(&listed.operation).expect("what is listed is an operation");
        let granted = policy.decide(&operation).expect("what is listed is granted");
        assert_eq!((granted.approval, granted.rules), (listed.approval, vec![listed.rule.clone()]));
    }
    let Some(asked) = operation(&String::from_utf8_lossy(asked)) else { return };
    match policy.decide(&asked) {
        Err(denial) => check_sentence(&denial.to_string()),
        Ok(granted) => {
            assert!(!granted.rules.is_empty() && !granted.timeout.is_zero());
            for rule in granted.rules {
                assert!(listing.operations.iter().any(|listed| listed.rule == rule), "{rule} grants {asked}");
            }
        }
    }
}

/// SSH_ORIGINAL_COMMAND.
pub fn ssh_command(data: &[u8]) {
    let words = match ssh::words(data) {
        Ok(words) => words,
        Err(error) => return check_sentence(&error.to_string()),
    };
    assert!(!words.is_empty() && words.len() <= ssh::MAX_WORDS);
    for word in &words {
        assert!(!word.is_empty() && word.len() <= ssh::MAX_WORD);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=.+:@_-/,".contains(&byte);
        assert!(word.bytes().all(plain), "{word:?} holds what a shell might read otherwise");
    }
    // What root is asked for then is nothing that a key must not give.
    match cli::parse(words.into_iter().map(OsString::from)) {
        Err(error) => check_sentence(&error.to_string()),
        Ok(call) => assert!(
            matches!(
                call.request,
                Request::Perform(..) | Request::List | Request::Explain(None, _) | Request::Wait(_)
            ),
            "{call:?}"
        ),
    }
}

/// The output of `apt-get -s`.
pub fn plan(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let plan = match Plan::parse(&text) {
        Ok(plan) => plan,
        Err(error) => return check_sentence(&error.to_string()),
    };
    let lines = plan.lines();
    lines.iter().for_each(|line| check_sentence(line));
    assert_eq!(plan.is_empty(), lines.is_empty());
    assert_eq!(lines.len(), plan.installs.len() + plan.removes.len() + plan.purges.len());
    let changes = ["Inst ", "Remv ", "Purg "];
    let said = text.lines().filter(|line| changes.iter().any(|word| line.starts_with(word))).count();
    assert!(lines.len() <= said, "a change that apt-get has not told of");
    assert!(plan.is_empty() == (said == 0), "a change was passed over");
    // The order is ours, not apt's: an approval is bound to it. apt names no package twice in a list.
    if !text.contains('\r') && names_each_once(&plan) {
        let reversed: String = text.lines().rev().map(|line| format!("{line}\n")).collect();
        assert_eq!(Plan::parse(&reversed).as_ref(), Ok(&plan));
    }
    let json = serde_json::to_string(&plan).expect("JSON");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("read back"), plan);
}

fn names_each_once(plan: &Plan) -> bool {
    plan.installs.is_sorted_by(|left, right| left.package < right.package)
        && [&plan.removes, &plan.purges]
            .iter()
            .all(|list| list.is_sorted_by(|left, right| left.package < right.package))
}

/// The output of `systemctl show`.
pub fn unit_state(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match UnitState::parse(&text) {
        Err(error) => check_sentence(&error.to_string()),
        Ok(state) => {
            assert!(!state.id.is_empty() && !state.active_state.is_empty());
            let again = UnitState::parse(&format!("Unknown=1\n{text}"));
            assert_eq!(again.as_ref(), Ok(&state), "other properties count for nothing");
            let _ = verdict(&state, &state);
            if let Ok(unit) = state.canonical() {
                assert!(unit.as_str().starts_with(&state.id), "{unit} is not {}", state.id);
            }
        }
    }
}
