//! What each instance has answered.

use super::answer::{Answer, NoAnswer};
use super::nonce::Nonce;
use super::outcome::Outcome;
use super::poll::Ended;
use super::script::Op;
use super::send::CommandId;
use super::told;
use crate::span::Span;
use crate::unit::Unit;
use diagnostics::Failure;

/// What all instances are asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What each is to do.
    pub op: Op,
    /// The unit, or whichever is there.
    pub unit: Option<&'a Unit>,
    /// How long systemd is to wait.
    pub restart_sec: Span,
}

/// What an instance has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The command that asked it; `None` when it was not sent.
    pub command: Option<CommandId>,
    /// The answer, or why there is none.
    pub heard: Result<Answer, NotHeard>,
}

impl Reply {
    /// Of an instance that no command was sent to.
    #[must_use]
    pub fn not_sent(failure: Failure) -> Self {
        Self { command: None, heard: Err(NotHeard { failure, in_flight: false }) }
    }

    /// Whether a command goes on there without us.
    #[must_use]
    pub fn is_in_flight(&self) -> bool {
        self.heard.as_ref().is_err_and(|not_heard| not_heard.in_flight)
    }

    /// Whether the script says that all is done.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.heard.as_ref().is_ok_and(Answer::is_ok)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotHeard {
    /// Why.
    pub failure: Failure,
    /// The command goes on without us.
    pub in_flight: bool,
}

/// What a command that has ended, or was left, says of an instance. `options` are those of aws(1).
///
/// # Errors
/// Why it says nothing.
pub fn heard(
    question: Question<'_>,
    nonce: &Nonce,
    command: &CommandId,
    ended: Ended,
    options: &str,
) -> Result<Answer, NotHeard> {
    let Ended { outcome, output, failure, .. } = ended;
    if !outcome.is_final() {
        return Err(unfinished(command, &outcome, failure, options));
    }
    let answer = Answer::read(nonce, &output.text);
    let is_answer = matches!(outcome, Outcome::Success | Outcome::Failed);
    match (answer, failure) {
        (Ok(answer), _) if is_answer && !answers(&answer, question) => {
            Err(not_answered(NoAnswer::Malformed, command, options))
        }
        // The script answers whenever it can, also when it ends with an error.
        (Ok(answer), _) if is_answer => Ok(answer),
        (_, Some(failure)) => Err(NotHeard { failure, in_flight: false }),
        (Err(why), None) if outcome == Outcome::Success => Err(not_answered(why, command, options)),
        _ => {
            let failure = Failure::new(outcome.code(), format!("the command {}", outcome.sentence()));
            Err(NotHeard { failure, in_flight: false })
        }
    }
}

fn not_answered(why: NoAnswer, command: &CommandId, options: &str) -> NotHeard {
    let error = format!("{why}: '{}' tells more", told::look_again(command, options));
    NotHeard { failure: Failure::new(why.code(), error), in_flight: false }
}

/// Of a command that goes on without us.
#[must_use]
pub fn unfinished(
    command: &CommandId,
    outcome: &Outcome,
    failure: Option<Failure>,
    options: &str,
) -> NotHeard {
    let why = failure.map_or_else(String::new, |failure| format!(" ({failure})"));
    let again = told::look_again(command, options);
    let error = format!("the command {}{why}: '{again}' tells more", outcome.sentence());
    NotHeard { failure: Failure::new("in-flight", error), in_flight: true }
}

/// Whether it is to this question: of a unit that was asked for nobody else's is told as done.
fn answers(answer: &Answer, question: Question<'_>) -> bool {
    let is_other = question.unit.is_some_and(|unit| answer.unit.as_ref() != Some(unit));
    answer.op == question.op && !(answer.is_ok() && is_other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::poll::Output;

    fn ended(outcome: Outcome, text: &str) -> Ended {
        Ended { outcome, exit: None, output: Output { text: text.to_owned(), cut: false }, failure: None }
    }

    fn frame(nonce: &Nonce, code: &str) -> String {
        let lines = ["begin", "op=install", &format!("code={code}"), "unit=", "path=", "restart=always"];
        let more = ["restart_sec=10s", "limit_interval=0", "winner=", "changed=yes", "words=so", "end"];
        lines.iter().chain(&more).map(|line| format!("{nonce} {line}\n")).collect()
    }

    fn hear(nonce: &Nonce, ended: Ended) -> Result<Answer, NotHeard> {
        let command = "01234567-89ab-cdef-0123-456789abcdef".parse().expect("a command");
        let question = Question { op: Op::Install, unit: None, restart_sec: Span::from_micros(1) };
        heard(question, nonce, &command, ended, "")
    }

    #[test]
    fn the_script_s_answer_counts_also_where_it_ended_with_an_error() {
        let nonce = Nonce::fresh().expect("random bytes");
        assert!(
            hear(&nonce, ended(Outcome::Success, &frame(&nonce, "ok"))).is_ok_and(|answer| answer.is_ok())
        );
        let failed = hear(&nonce, ended(Outcome::Failed, &frame(&nonce, "not-effective")));
        assert!(failed.is_ok_and(|answer| answer.code == "not-effective"));
    }

    #[test]
    fn without_an_answer_nothing_is_done_whatever_aws_says() {
        let [nonce, other] = [(); 2].map(|()| Nonce::fresh().expect("random bytes"));
        let good = frame(&nonce, "ok");
        for (outcome, text, code, in_flight) in [
            (Outcome::Success, "", "no-answer", false),
            (Outcome::Success, good.trim_end_matches(&format!("{nonce} end\n")), "answer-cut", false),
            (Outcome::Success, &good.replace("changed=yes", "changed=perhaps"), "answer-malformed", false),
            (Outcome::Success, &frame(&other, "ok"), "no-answer", false),
            (Outcome::Failed, "sh: not found", "failed", false),
            (Outcome::ExecutionTimedOut, &good, "execution-timed-out", false),
            (Outcome::Cancelled, "", "cancelled", false),
            (Outcome::InProgress, &good, "in-flight", true),
            (Outcome::Unseen, "", "in-flight", true),
        ] {
            let not = hear(&nonce, ended(outcome.clone(), text)).expect_err("no answer");
            assert_eq!((not.failure.code, not.in_flight), (code, in_flight), "{outcome}: {text}");
        }
    }

    #[test]
    fn what_aws_does_not_tell_is_a_failure_of_its_own() {
        let untold =
            Ended { failure: Some(Failure::new("throttled", "too much")), ..ended(Outcome::Success, "") };
        let nonce = Nonce::fresh().expect("random bytes");
        assert_eq!(hear(&nonce, untold).expect_err("untold").failure.code, "throttled");
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let [unit, other] =
            ["amazon-ssm-agent.service", "other.service"].map(|name| name.parse::<Unit>().expect("a unit"));
        let nonce = Nonce::fresh().expect("random bytes");
        let command = "01234567-89ab-cdef-0123-456789abcdef".parse().expect("a command");
        let good = frame(&nonce, "ok").replace("unit=", "unit=amazon-ssm-agent.service");
        for (op, asked, text, is_answer) in [
            (Op::Install, None, &good, true),
            (Op::Install, Some(&unit), &good, true),
            (Op::Install, Some(&other), &good, false),
            (Op::Prove, Some(&unit), &good, false),
            // Why there is none is told also where the unit is not there.
            (Op::Install, Some(&other), &frame(&nonce, "no-agent"), true),
        ] {
            let question = Question { op, unit: asked, restart_sec: Span::from_micros(1) };
            let heard = heard(question, &nonce, &command, ended(Outcome::Success, text), "");
            assert_eq!(heard.is_ok(), is_answer, "{op} {asked:?} {text}");
        }
    }
}
