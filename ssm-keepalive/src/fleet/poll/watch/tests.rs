use super::*;

const COMMANDS: [&str; 2] = ["0123abcd-0000-4000-8000-000000000001", "0123abcd-0000-4000-8000-000000000002"];

fn id(text: &str) -> InstanceId {
    text.parse().expect("an id")
}

fn command(at: usize) -> CommandId {
    COMMANDS[at].parse().expect("an id")
}

/// A command for two nodes, and one for a third.
fn watch() -> Watch {
    let sent = |at: usize, ids: &[&str]| Sent {
        command: command(at),
        instances: ids.iter().copied().map(id).collect(),
    };
    Watch::of(&[sent(0, &["i-00000001", "i-00000002"]), sent(1, &["i-00000003"])])
}

fn command_of(id: &str) -> &'static str {
    COMMANDS[usize::from(id == "i-00000003")]
}

fn row(id: &str, status: &str, output: &str) -> Value {
    json!({"CommandId": command_of(id), "InstanceId": id, "Status": status, "StatusDetails": status,
        "CommandPlugins": [{"ResponseCode": 0, "Output": output}]})
}

fn list(rows: &[Value]) -> Answer {
    Ok(json!({"CommandInvocations": rows}))
}

fn got(id: &str, status: &str, output: &str) -> Answer {
    Ok(
        json!({"CommandId": command_of(id), "InstanceId": id, "Status": status, "StatusDetails": status, "ResponseCode": 0,
        "StandardOutputContent": output}),
    )
}

fn error(kind: Kind) -> Answer {
    Err(AwsError::example(kind))
}

/// Whether there was news, and what was heard.
fn hear(watch: &mut Watch, ask: &Ask, answer: Answer) -> (bool, Vec<String>) {
    let mut said = Vec::new();
    let news = watch.hear(ask, answer, &mut |id, outcome| said.push(format!("{id} {}", outcome.code())));
    (news, said)
}

fn lists() -> [Ask; 2] {
    [0, 1].map(|at| Ask::List(command(at)))
}

fn gets() -> [Ask; 3] {
    [(0, "i-00000001"), (0, "i-00000002"), (1, "i-00000003")]
        .map(|(at, name)| Ask::Get(command(at), id(name)))
}

#[test]
fn each_command_is_listed_until_all_of_its_nodes_have_ended() {
    let mut watch = watch();
    let [first, second] = lists();
    assert_eq!(watch.polls(), lists());
    assert_eq!(hear(&mut watch, &first, list(&[])), (false, vec![]));
    let rows = [
        row("i-00000001", "InProgress", ""),
        row("i-00000002", "Success", "ok"),
        row("i-00000009", "Failed", ""),
    ];
    let heard = vec!["i-00000001 in-progress".to_owned(), "i-00000002 success".to_owned()];
    assert_eq!(hear(&mut watch, &first, list(&rows)), (true, heard));
    assert_eq!(hear(&mut watch, &first, list(&rows)), (false, vec![]));
    assert!(hear(&mut watch, &second, list(&[row("i-00000003", "Success", "ok")])).0);
    assert_eq!((watch.polls(), watch.fetches(), watch.is_over()), (vec![first.clone()], vec![], false));
    let rows = [row("i-00000001", "Failed", "bad"), row("i-00000002", "InProgress", "")];
    assert_eq!(hear(&mut watch, &first, list(&rows)).1, ["i-00000001 failed"]);
    assert!(watch.is_over() && watch.polls().is_empty());
    let ends = watch.ends();
    assert_eq!(ends[&id("i-00000002")].outcome, Outcome::Success);
    assert_eq!(
        (ends[&id("i-00000001")].exit, ends[&id("i-00000001")].output.text.as_str()),
        (Some(0), "bad")
    );
}

#[test]
fn one_output_is_asked_for_when_the_list_has_cut_it_or_has_none() {
    let long = "x".repeat(2500);
    for (status, output, asked) in [
        ("Success", "whole", false),
        ("Success", long.as_str(), true),
        ("Failed", "", true),
        ("ExecutionTimedOut", "", true),
        ("DeliveryTimedOut", "", false),
        ("Terminated", "", false),
        ("InProgress", "", false),
    ] {
        let mut watch = watch();
        hear(&mut watch, &lists()[0], list(&[row("i-00000001", status, output)]));
        assert_eq!(watch.fetches(), if asked { vec![gets()[0].clone()] } else { vec![] }, "{status}");
    }
}

#[test]
fn an_output_that_is_not_there_yet_is_asked_for_again() {
    let mut watch = watch();
    let [ask, ..] = gets();
    hear(&mut watch, &lists()[0], list(&[row("i-00000001", "Success", "")]));
    let other = Ok(json!({"CommandId": COMMANDS[1], "InstanceId": "i-00000001", "Status": "Success",
        "StandardOutputContent": "another command's"}));
    for early in [
        error(Kind::InvocationDoesNotExist),
        got("i-00000001", "InProgress", ""),
        got("i-00000001", "Success", ""),
        other,
    ] {
        watch.hear_output(&ask, early);
        assert_eq!(watch.fetches(), std::slice::from_ref(&ask));
    }
    watch.hear_output(&ask, got("i-00000001", "Success", "whole"));
    assert_eq!(watch.fetches(), []);
    let ended = &watch.ends()[&id("i-00000001")];
    assert_eq!((ended.output.text.as_str(), &ended.failure), ("whole", &None));
}

#[test]
fn an_output_that_does_not_come_is_a_failure_of_its_node_alone() {
    for (kind, times) in
        [(Kind::Server, FETCHES), (Kind::InvocationDoesNotExist, FETCHES), (Kind::AccessDenied, 1)]
    {
        let mut watch = watch();
        let [ask, ..] = gets();
        hear(&mut watch, &lists()[0], list(&[row("i-00000001", "Success", &"x".repeat(2500))]));
        for _ in 0..times {
            assert_eq!(watch.fetches(), std::slice::from_ref(&ask));
            watch.hear_output(&ask, error(kind));
        }
        assert_eq!(watch.fetches(), []);
        assert_eq!(watch.polls(), lists());
        let ended = &watch.ends()[&id("i-00000001")];
        assert!(
            ended.output.cut && ended.failure.is_some() && ended.outcome == Outcome::Success,
            "{ended:?}"
        );
    }
}

#[test]
fn what_was_listed_stays_where_the_whole_output_never_comes() {
    let mut watch = watch();
    let [ask, ..] = gets();
    let long = "x".repeat(2500);
    hear(&mut watch, &lists()[0], list(&[row("i-00000001", "Success", &long)]));
    for _ in 0..FETCHES {
        assert_eq!(watch.fetches(), std::slice::from_ref(&ask));
        watch.hear_output(&ask, got("i-00000001", "Success", ""));
    }
    assert_eq!(watch.fetches(), []);
    assert_eq!(watch.ends()[&id("i-00000001")].output, Output { text: long, cut: true });
}

#[test]
fn who_may_not_ask_for_outputs_asks_once_and_goes_on_listing() {
    let [first, second] = lists();
    for kind in [Kind::AccessDenied, Kind::NotImplemented] {
        let mut watch = watch();
        let without = ["i-00000001", "i-00000002"].map(|id| row(id, "Success", ""));
        hear(&mut watch, &first, list(&without));
        assert!(watch.fetches().len() == 2 && watch.still_fetches());
        watch.hear_output(&gets()[0], error(kind));
        assert!(watch.fetches().is_empty() && !watch.still_fetches());
        assert_eq!(watch.polls(), std::slice::from_ref(&second));
        hear(&mut watch, &second, list(&[row("i-00000003", "Success", "")]));
        assert!(watch.is_over() && watch.fetches().is_empty());
        assert!(watch.ends().values().all(|ended| ended.failure.is_some()));
    }
}

#[test]
fn trouble_with_outputs_counts_as_well() {
    for (kind, times) in [(Kind::Server, TROUBLES), (Kind::NotStarted, TROUBLES), (Kind::Credentials, 1)] {
        let ids: Vec<InstanceId> = (0..TROUBLES).map(|n| id(&format!("i-{n:08}"))).collect();
        let mut watch = Watch::of(&[Sent { command: command(0), instances: ids.clone() }]);
        let rows: Vec<Value> = (0..TROUBLES)
            .map(
                |n| json!({"CommandId": COMMANDS[0], "InstanceId": format!("i-{n:08}"), "Status": "Success"}),
            )
            .collect();
        hear(&mut watch, &lists()[0], list(&rows));
        for ask in watch.fetches().iter().take(times as usize) {
            assert!(watch.still_fetches());
            watch.hear_output(ask, error(kind));
        }
        assert!(!watch.still_fetches() && watch.is_over(), "{kind:?}");
        assert!(watch.ends().values().all(|ended| ended.failure.is_some()), "{kind:?}");
    }
}

#[test]
fn where_nothing_can_be_listed_each_node_is_asked_after() {
    for kind in [Kind::NotImplemented, Kind::AccessDenied] {
        let mut watch = watch();
        let [first, second] = lists();
        assert!(hear(&mut watch, &first, error(kind)).0);
        assert!(!watch.still_asks(&second) && !watch.is_over());
        assert_eq!(watch.polls(), gets());
        let [one, two, three] = gets();
        assert!(watch.still_asks(&one));
        assert_eq!(hear(&mut watch, &one, error(Kind::InvocationDoesNotExist)), (false, vec![]));
        assert_eq!(hear(&mut watch, &one, got("i-00000002", "Success", "")), (false, vec![]));
        assert_eq!(hear(&mut watch, &two, got("i-00000002", "Success", "")).1, ["i-00000002 success"]);
        // Its output may come later than its status.
        assert_eq!((watch.polls(), watch.fetches()), (vec![one, three.clone()], vec![two.clone()]));
        watch.hear_output(&two, got("i-00000002", "Success", "late"));
        assert!(hear(&mut watch, &three, got("i-00000003", "Success", &"x".repeat(24_000))).0);
        assert_eq!(watch.fetches(), [], "it is cut for good");
        assert_eq!(watch.ends()[&id("i-00000002")].output.text, "late");
    }
}

#[test]
fn trouble_that_passes_is_forgotten_and_trouble_that_stays_ends_it() {
    let [first, _] = lists();
    for kind in [Kind::Throttled, Kind::Server, Kind::Unreachable, Kind::TimedOut, Kind::Other] {
        let mut watch = watch();
        for _ in 0..TROUBLES - 1 {
            assert!(!hear(&mut watch, &first, error(kind)).0);
        }
        hear(&mut watch, &first, list(&[row("i-00000001", "Success", "ok")]));
        for _ in 0..TROUBLES - 1 {
            hear(&mut watch, &first, error(kind));
        }
        assert!(!watch.is_over());
        hear(&mut watch, &first, error(kind));
        assert!(watch.is_over());
        let ends = watch.ends();
        assert_eq!(ends[&id("i-00000001")].failure, None);
        assert!(ends[&id("i-00000002")].failure.is_some() && ends[&id("i-00000003")].failure.is_some());
    }
}

#[test]
fn what_cannot_pass_ends_it_at_once_and_what_is_not_there_yet_never() {
    for kind in [Kind::Credentials, Kind::Usage] {
        let mut watch = watch();
        assert!(!hear(&mut watch, &lists()[0], error(kind)).0);
        assert!(watch.is_over() && !watch.still_asks(&lists()[1]));
    }
    let mut watch = watch();
    for _ in 0..10 * TROUBLES {
        hear(&mut watch, &lists()[0], error(Kind::InvocationDoesNotExist));
        hear(&mut watch, &lists()[0], error(Kind::InvalidCommandId));
    }
    assert_eq!(watch.polls(), lists());
    let ended = &watch.ends()[&id("i-00000001")];
    assert_eq!((&ended.outcome, &ended.failure), (&Outcome::Unseen, &None));
}

#[test]
fn a_question_has_the_input_of_its_operation() {
    let [list, _] = lists();
    assert_eq!(list.operation(), "list-command-invocations");
    assert_eq!(list.input(), json!({"CommandId": COMMANDS[0], "Details": true}));
    let [get, ..] = gets();
    assert_eq!(get.operation(), "get-command-invocation");
    assert_eq!(get.input(), json!({"CommandId": COMMANDS[0], "InstanceId": "i-00000001"}));
}
