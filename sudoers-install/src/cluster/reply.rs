//! What comes back of a question to root.

use zeroize::Zeroizing;

use crate::quoted::{quoted, without};
use crate::remote::{ChangeFacts, FactsError, Nonce};
use crate::ssh::Answered;
use diagnostics::Failure;

use super::decision::MEANT;
use super::password::Password;
use super::schedule::Told;

/// What sudo(8) gives when it runs nothing, as for a wrong password.
const SUDO_REFUSED: i32 = 1;
/// What is said then: a program in sudo's place could have said the password in any form.
const REFUSED: &str = "sudo refused the password, or this login: what it said is not shown, since that could tell the \
    password; 'sudo -v' there says why";
/// What is said of an answer that no script of ours gives.
const NOT_SHOWN: &str = "it is not shown, since it could tell the password";

/// What came of a question to root.
pub struct Reply {
    /// What root has answered.
    pub answer: Result<ChangeFacts, Failure>,
    /// What that tells of the password.
    pub told: Told,
    /// The connection died, or the answer was cut off: root may be at work.
    pub lost: bool,
}

impl Reply {
    /// From what became of the session. The host knows the password by now, if one was sent, and its words may go
    /// to a log that others read.
    pub fn of(answered: Answered, nonce: &Nonce, password: Option<&Password>) -> Self {
        let by_password = password.is_some();
        let told = if by_password && answered.began { Told::Right } else { Told::Nothing };
        let mut ran = match answered.reach.ran() {
            Ok(ran) => ran,
            Err(failure) => {
                let sentence =
                    format!("{failure}; what root did there is not known: run this again, which ends it");
                return Self { answer: Err(Failure::new(failure.code, sentence)), told, lost: true };
            }
        };
        let answer = ChangeFacts::parse(&ran.stdout, nonce);
        if let Some(password) = password {
            let said = Zeroizing::new(std::mem::take(&mut ran.stdout));
            ran.stdout = without(&said, password.line());
        }
        match answer.map(|answer| unsaid(answer, password)) {
            Ok(answer) => Self { answer: Ok(answer), told, lost: false },
            Err(FactsError::NoAnswer) if by_password && ran.status == Some(SUDO_REFUSED) => Self {
                answer: Err(Failure::new("password-refused", REFUSED)),
                told: Told::Wrong,
                lost: false,
            },
            Err(error) => {
                let lost = error == FactsError::CutOff;
                let error = match error {
                    FactsError::Malformed(_) if by_password => FactsError::Malformed(NOT_SHOWN.to_owned()),
                    error => error,
                };
                Self { answer: Err(no_answer(&error, &ran.words())), told, lost }
            }
        }
    }
}

/// The answer without the password: it is decoded by now.
fn unsaid(mut answer: ChangeFacts, password: Option<&Password>) -> ChangeFacts {
    let Some(password) = password else { return answer };
    // A password may happen to be a word on which it depends what is to be done.
    if !MEANT.contains(&&*answer.code) {
        password.take_out_of(&mut answer.code);
    }
    let lists = answer.foreign.iter_mut().chain(&mut answer.legacy);
    lists.chain([&mut answer.words]).for_each(|text| password.take_out_of(text));
    answer
}

/// That a host gave no answer, or none that can be understood, and its words.
pub fn no_answer(error: &FactsError, words: &str) -> Failure {
    Failure::new("no-answer", format!("{} ({})", quoted(&error.to_string()), quoted(words)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::Reach;
    use supervise::bounded::Ran;

    fn nonce() -> Nonce {
        Nonce::parse("0123456789abcdef").expect("a nonce")
    }

    fn password() -> Password {
        Password::of(Zeroizing::new(b"correct-horse".to_vec())).expect("a password")
    }

    fn reply(status: i32, stdout: &str, by_password: bool) -> Reply {
        let ran =
            Ran { status: Some(status), stdout: stdout.into(), stderr: b"sorry".to_vec(), timed_out: false };
        let began = stdout.contains("begin");
        let password = by_password.then(password);
        Reply::of(Answered { reach: Reach::Reached(ran), began }, &nonce(), password.as_ref())
    }

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What each part of an answer may hold that a hostile host gives.
    #[test]
    fn no_part_of_an_answer_says_the_password() {
        let secret = "a Correct-horse";
        let facts = format!(
            "state=refused\ncode=x-correct-horse\nwords={0}\nsha256=\npending=no\nprobe=unasked\nforeign={0}\nlegacy={0}\n",
            hex(secret)
        );
        let whole = |facts: &str| {
            format!("sudoers-install 0123456789abcdef begin\n{facts}sudoers-install 0123456789abcdef end\n")
        };
        let answer = reply(0, &whole(&facts), true).answer.expect("an answer");
        assert_eq!((&*answer.code, &*answer.words), ("x-[password]", "a [password]"));
        assert_eq!(
            (answer.foreign, answer.legacy),
            (vec!["a [password]".to_owned()], vec!["a [password]".to_owned()])
        );
        let meant = facts.replace("x-correct-horse", "not-reverted");
        assert_eq!(reply(0, &whole(&meant), true).answer.expect("an answer").code, "not-reverted");
        for stdout in [
            whole(&format!("code=:{}\n", hex(secret))),
            whole("correct-horse\n"),
            "correct-horse".to_owned(),
            format!("sudoers-install 0123456789abcdef begin\n{}", hex(secret)),
        ] {
            for status in [0, 1, 127] {
                let error = reply(status, &stdout, true).answer.expect_err("none").error.to_lowercase();
                assert!(
                    !error.contains("correct-horse") && !error.contains(&hex("correct-horse")),
                    "{error}"
                );
            }
        }
    }

    fn code(reply: &Reply) -> &'static str {
        reply.answer.as_ref().err().map_or("answered", |failure| failure.code)
    }

    #[test]
    fn silence_and_sudos_own_status_are_a_wrong_password() {
        let wrong = reply(1, "", true);
        assert_eq!((code(&wrong), wrong.told, wrong.lost), ("password-refused", Told::Wrong, false));
        let none_sent = reply(1, "", false);
        assert_eq!((code(&none_sent), none_sent.told), ("no-answer", Told::Nothing));
        let no_shell = reply(127, "", true);
        assert_eq!((code(&no_shell), no_shell.told), ("no-answer", Told::Nothing));
    }

    #[test]
    fn an_answer_that_was_cut_off_proves_the_password_and_is_asked_for_again() {
        for stdout in ["", "code=\n", "state=installed\ncode=6f6b\n"] {
            let cut = reply(255, &format!("sudoers-install 0123456789abcdef begin\n{stdout}"), true);
            assert_eq!((code(&cut), cut.told, cut.lost), ("no-answer", Told::Right, true), "{stdout}");
        }
    }

    #[test]
    fn a_connection_that_died_leaves_the_state_unknown() {
        let answered = Answered { reach: Reach::Closed("gone".to_owned()), began: false };
        let reply = Reply::of(answered, &nonce(), Some(&password()));
        assert_eq!((code(&reply), reply.told, reply.lost), ("closed", Told::Nothing, true));
        assert!(reply.answer.expect_err("none").error.contains("run this again"));
    }
}
