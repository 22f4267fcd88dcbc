//! What is said of an instance that is up.

use std::fmt::Write;

use diagnostics::{Failure, complain};
use serde_json::{Value, json};

use super::Up;
use crate::cli::UpCall;
use crate::exit::Exit;
use crate::manifest::Manifest;
use crate::report::{NAME, Report};

/// The operation's name in JSON.
pub const OP: &str = "up";

/// What is said.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub call: &'a UpCall,
    pub up: &'a Up,
}

/// There are no entries.
pub(super) fn nothing(manifest: &Manifest, report: Report) -> Exit {
    let object = json!({"name": manifest.name.as_str(), "socket": null, "keys": [], "warnings": []});
    let words = "the manifest has no entries: nothing was done";
    complain(NAME, &words);
    report.success(OP, object, &"")
}

impl Told<'_> {
    /// For a shell to read: git's signing has no IdentityAgent, and looks at SSH_AUTH_SOCK alone.
    fn line(&self) -> String {
        let socket = self.up.state.public_socket.as_str();
        format!("SSH_AUTH_SOCK={socket}; export SSH_AUTH_SOCK;")
    }

    fn object(&self) -> Value {
        let loaded = self.up.keys.iter();
        let keys = loaded
            .map(|(host, key)| json!({"fingerprint": key.fingerprint().to_string(), "host": host.as_str()}));
        json!({
            "name": self.up.state.name.as_str(),
            "socket": self.up.state.public_socket.as_str(),
            "keys": keys.collect::<Vec<_>>(),
            "warnings": self.up.warnings,
        })
    }

    /// Says it. What could not be done once it served makes a failure of it.
    pub fn tell(&self, report: Report) -> Exit {
        if !self.call.quiet && !self.call.json {
            for warning in &self.up.warnings {
                complain(NAME, &format!("warning: {warning}"));
            }
        }
        if self.up.failures.is_empty() {
            return report.success(OP, self.object(), &self.line());
        }
        let mut why = String::from("the instance serves, but this was not done");
        for Failure { code, error } in &self.up.failures {
            let _ = write!(why, "; {code}: {error}");
        }
        report.failure(OP, &Failure::new("not-finished", why), self.object(), &self.line())
    }
}
