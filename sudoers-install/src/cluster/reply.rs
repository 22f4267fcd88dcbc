//! What comes back of a question to root.

use crate::failure::Failure;
use crate::remote::{ChangeFacts, FactsError, Nonce};
use crate::ssh::Answered;

use super::schedule::Told;

/// What sudo(8) gives when it runs nothing, as for a wrong password.
const SUDO_REFUSED: i32 = 1;

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
    /// From what became of the session.
    pub fn of(answered: Answered, nonce: &Nonce, by_password: bool) -> Self {
        let told = if by_password && answered.began { Told::Right } else { Told::Nothing };
        let ran = match answered.reach.ran() {
            Ok(ran) => ran,
            Err(failure) => {
                let sentence =
                    format!("{failure}; what root did there is not known: run this again, which ends it");
                return Self { answer: Err(Failure::new(failure.code, sentence)), told, lost: true };
            }
        };
        match ChangeFacts::parse(&ran.stdout, nonce) {
            Ok(answer) => Self { answer: Ok(answer), told, lost: false },
            Err(FactsError::NoAnswer) if by_password && ran.status == Some(SUDO_REFUSED) => Self {
                answer: Err(Failure::new(
                    "password-refused",
                    format!("sudo refused the password, or this login: {}", ran.words()),
                )),
                told: Told::Wrong,
                lost: false,
            },
            Err(error) => {
                let lost = error == FactsError::CutOff;
                Self { answer: Err(no_answer(&error, &ran.words())), told, lost }
            }
        }
    }
}

/// That a host gave no answer, or none that can be understood, and its words.
pub fn no_answer(error: &FactsError, words: &str) -> Failure {
    Failure::new("no-answer", format!("{error} ({words})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::Reach;
    use supervise::bounded::Ran;

    fn nonce() -> Nonce {
        Nonce::parse("0123456789abcdef").expect("a nonce")
    }

    fn reply(status: i32, stdout: &str, by_password: bool) -> Reply {
        let ran =
            Ran { status: Some(status), stdout: stdout.into(), stderr: b"sorry".to_vec(), timed_out: false };
        let began = stdout.contains("begin");
        Reply::of(Answered { reach: Reach::Reached(ran), began }, &nonce(), by_password)
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
        let reply = Reply::of(answered, &nonce(), true);
        assert_eq!((code(&reply), reply.told, reply.lost), ("closed", Told::Nothing, true));
        assert!(reply.answer.expect_err("none").error.contains("run this again"));
    }
}
