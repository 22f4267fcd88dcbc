//! The answer of `sudo-helper probe NONCE`.

use serde::Deserialize;

use crate::helper::Helper;

/// What of the answer decides.
#[derive(Debug, Deserialize)]
struct Answer {
    success: bool,
    nonce: String,
    path: String,
    sha256: String,
}

/// Whether it answers this question, and was given by the file that was examined.
pub(super) fn judge(said: &[u8], nonce: &str, helper: &Helper) -> Result<(), String> {
    let path = helper.path.display();
    let answer: Answer = serde_json::from_slice(said).map_err(|error| {
        format!("{path} is no sudo-helper: its answer to probe is not understood ({error})")
    })?;
    if !answer.success || answer.nonce != nonce {
        return Err(format!("{path} is no sudo-helper: it does not give the nonce back"));
    }
    if answer.path != helper.path.to_string_lossy() {
        let other = diagnostics::one_line(&answer.path);
        return Err(format!("not {path} ran but {other}"));
    }
    if answer.sha256 != helper.sha256 {
        return Err(format!("what ran is not what {path} holds: its SHA-256 differs; try again"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_answer_is_accepted() {
        let helper = Helper { path: "/usr/bin/sudo-helper".into(), sha256: "ab".into() };
        let judged = |nonce: &str, path: &str, sha256: &str| {
            let answer = serde_json::json!({"success": true, "nonce": nonce, "path": path, "sha256": sha256, "version": "1"});
            judge(answer.to_string().as_bytes(), "n1", &helper)
        };
        assert_eq!(judged("n1", "/usr/bin/sudo-helper", "ab"), Ok(()));
        for (answer, word) in [
            (judged("n2", "/usr/bin/sudo-helper", "ab"), "nonce"),
            (judged("n1", "/tmp/x\n", "ab"), "but /tmp/x\\u{a}"),
            (judged("n1", "/usr/bin/sudo-helper", "ac"), "SHA-256 differs"),
            (judge(br#"{"success":false,"nonce":"n1","path":"","sha256":""}"#, "n1", &helper), "nonce"),
            (judge(b"", "n1", &helper), "not understood"),
            (judge(b"{\"nonce\":\"n1\"}", "n1", &helper), "not understood"),
            (judge(b"{\"nonce\":1} x", "n1", &helper), "not understood"),
        ] {
            let error = answer.expect_err(word);
            assert!(error.contains(word), "{error}");
        }
    }
}
