//! `sudo-helper pending` at a terminal, and the record of a verdict, with a requester who is hostile.

use bed::eventually;
use bed::helped::{AGENT, ALICE, Answer, Helped};
use serde_json::{Value, json};

/// For sh: covers the sockets of the logs in a mount namespace of its own, and becomes a user's command.
const WITHOUT_LOGS: &str = r#"
for socket in /run/systemd/journal/socket /run/systemd/journal/dev-log; do
  mount --bind /dev/null "$socket" || exit 99
done
exec setpriv --init-groups --reuid "$1" --regid "$1" sudo -n sudo-helper "$2" "$3"
"#;

/// A host on which all that the agent says waits for alice.
fn boot(audit_required: bool) -> Option<Helped> {
    let host = Helped::boot()?;
    let say = json!({"argv": ["/usr/bin/echo", "{text}"], "approval": true,
        "params": {"text": {"regex": "(?:.|\\n)*", "allow": ["control", "slash"]}}});
    host.policy(&json!({"commands": {"say": say}, "approval": {"approvers": [ALICE]},
        "audit_required": audit_required}));
    Some(host)
}

/// A request of the agent's that waits by itself: its id.
fn leave(host: &Helped, text: &str) -> String {
    let command = host.command_of(AGENT, &["run", "say", "--no-wait", &format!("text={text}")]);
    Answer::of(command).failure(8, "pending")["id"].as_str().expect("an id").to_owned()
}

/// What alice sees at a terminal of so many columns.
fn at_terminal(host: &Helped, columns: usize) -> Vec<String> {
    let typed = format!("stty cols {columns}; sudo -n sudo-helper pending");
    host.on_terminal(ALICE, &["sh", "-c", &typed]).rest()
}

fn get<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record[format!("SUDO_HELPER_{key}")].as_str()
}

fn verdicts(host: &Helped, id: &str) -> Vec<Value> {
    let ours =
        |entry: &Value| get(entry, "REQUEST_ID") == Some(id) && get(entry, "EVENT") == Some("approval");
    host.journal().into_iter().filter(ours).collect()
}

#[test]
fn no_request_passes_for_another_whatever_the_terminal() {
    let Some(host) = boot(false) else { return };
    let forged = "00000000000000000000000000000000  pending   root (0)";
    // At so many places that a terminal which wraps it has one at its first column.
    let padded: String = (0..40).map(|pad| format!("{forged}{}", " ".repeat(pad))).collect();
    let ids = [leave(&host, &padded), leave(&host, &format!("x\r\n{forged}\n\u{1b}[1G{forged}"))];
    for columns in [1, 60, 80, 113] {
        let shown = at_terminal(&host, columns);
        let width = columns.max(44);
        let [head, lines @ ..] = &shown[..] else { panic!("{shown:?}") };
        assert!(head.starts_with("ID "), "{head}");
        for line in lines {
            let who = if width > 60 { AGENT } else { "" };
            let first = ids.iter().any(|id| line.starts_with(&format!("{id}  pending   {who}")));
            assert!(first || line.starts_with("  | ") || line.starts_with("  |      > "), "{line:?}");
            assert!(line.len() <= width && line.chars().all(|c| matches!(c, ' '..='~')), "{line:?}");
        }
        assert_eq!(lines.iter().filter(|line| !line.starts_with(' ')).count(), ids.len());
        let content = lines.iter().filter(|line| line.starts_with(' ')).map(|line| &line[11..]);
        assert_eq!(content.filter(|text| text.contains("  ")).collect::<Vec<_>>(), [""; 0]);
    }
    // What will run is shown beside what was asked for.
    let shown = at_terminal(&host, 300).join("\n");
    assert!(shown.contains(r#"  | runs   /usr/bin/echo "x\r\n0000"#), "{shown}");
}

#[test]
fn a_program_gets_the_words_as_they_are() {
    let Some(host) = boot(false) else { return };
    for text in ["a\nb", "a\\nb", "a\u{1b}[2J \"b\""] {
        let id = leave(&host, text);
        let pending = host.ask_as(ALICE, "pending").success();
        let requests = pending["pending"].as_array().expect("a list");
        let request = requests.iter().find(|request| request["id"] == *id).expect("it waits");
        assert_eq!(request["argv"], json!(["/usr/bin/echo", text]), "{pending}");
        assert_eq!(host.ask_as(ALICE, &format!("deny {id}")).success()["argv"][1], text);
    }
}

#[test]
fn a_verdict_is_recorded_before_it_takes_effect() {
    let Some(host) = boot(true) else { return };
    let id = leave(&host, "x");
    let unlogged = |user: &str, verdict: &str| {
        let words = ["unshare", "--mount", "sh", "-c", WITHOUT_LOGS, "sh", user, verdict, &id];
        Answer::of(host.command(&words))
    };
    let state = || host.ask_as(ALICE, "pending").success()["pending"][0]["state"].clone();
    for verdict in ["approve", "deny"] {
        unlogged(ALICE, verdict).failure(1, "audit");
        assert_eq!(state(), "pending", "{verdict}");
    }
    // What cannot be is refused before anything is recorded of it.
    unlogged(AGENT, "approve").failure(3, "denied");
    host.ask(&format!("deny {id}")).failure(3, "denied");
    assert_eq!(verdicts(&host, &id), [] as [Value; 0]);
    host.ask_as(ALICE, &format!("approve {id}")).success();
    assert_eq!(state(), "approved");
    host.ask_as(ALICE, &format!("approve {id}")).failure(8, "approval-decided");
    let [verdict] = &verdicts(&host, &id)[..] else { panic!("one record: {:?}", verdicts(&host, &id)) };
    assert_eq!((get(verdict, "USER"), get(verdict, "DECISION")), (Some(ALICE), Some("allowed")));
    assert_eq!(get(verdict, "ARGV"), Some(r#""/usr/bin/echo" "x""#));
    assert_eq!(host.ask(&format!("wait {id}")).success()["stdout"], "x\n");
    // Of many who decide at a time the log has who did, and that the others did not.
    let id = leave(&host, "y");
    let both = format!(
        "for n in 1 2 3 4 5 6; do sudo -n sudo-helper approve {id} >&- & sudo -n sudo-helper deny {id} >&- & done; wait"
    );
    host.run_as(ALICE, &["sh", "-c", &both]).success();
    eventually("they are recorded", || !verdicts(&host, &id).is_empty());
    let final_state = state();
    let effective: Vec<Value> =
        verdicts(&host, &id).into_iter().filter(|verdict| get(verdict, "CODE").is_none()).collect();
    let decision = if final_state == "approved" { "allowed" } else { "denied" };
    let failed = verdicts(&host, &id).len() - effective.len();
    assert!(effective.iter().any(|verdict| get(verdict, "DECISION") == Some(decision)), "{effective:?}");
    // Approved and then denied are two; each further one has a record that it failed.
    assert!((1..=2).contains(&(effective.len() - failed)), "{effective:#?} {failed}");
}
