//! The `aws` program, for a service that is not AWS.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::venv;
use crate::agent::Said;
use crate::packages::tool;
use crate::ssm::REGION;

/// Which `aws`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cli {
    /// The one of the Debian package awscli: version 2 since Debian 12.
    Debian,
    /// Version 1, from PyPI.
    V1,
}

/// The environment of an operator whose `aws` talks to one endpoint, and to nothing else.
///
/// The endpoint stands in a set of endpoint rules for ssm in HOME/.aws/models, which botocore prefers to
/// its own (loaders.py, CUSTOMER_DATA_PATH): AWS_ENDPOINT_URL is unknown to version 2 before 2.13, which
/// Debian 12 has. So `aws` is the real program itself, with no wrapper and no option.
pub struct Aws {
    home: TempDir,
    program: PathBuf,
}

impl Cli {
    /// The program.
    ///
    /// # Panics
    /// When it is not there and cannot be installed.
    #[must_use]
    pub fn program(self) -> PathBuf {
        match self {
            Self::Debian => PathBuf::from(tool("aws")),
            Self::V1 => venv::folder("awscli").join("bin/aws"),
        }
    }
}

impl Aws {
    /// An operator with that CLI, for the endpoint at that URL.
    ///
    /// # Panics
    /// When it cannot be set up.
    #[must_use]
    pub fn new(cli: Cli, url: &str) -> Self {
        let home = TempDir::new().expect("a temporary folder");
        let models = home.path().join(".aws/models/ssm/2014-11-06");
        fs::create_dir_all(&models).expect("a folder of one's own");
        fs::write(models.join("endpoint-rule-set-1.json"), rules(url)).expect("a file of one's own");
        Self { home, program: cli.program() }
    }

    /// Its HOME.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// All variables of its environment; the PATH finds this `aws`.
    ///
    /// # Panics
    /// When a path is not UTF-8.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let folder = self.program.parent().map(text).unwrap_or_default();
        vec![
            ("PATH", format!("{folder}:/usr/sbin:/usr/bin:/sbin:/bin")),
            ("HOME", text(self.home())),
            ("LANG", "C.UTF-8".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_PAGER", String::new()),
        ]
    }

    /// A program in this environment, found by its PATH.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.env_clear().envs(self.environment()).args(words);
        command
    }

    /// `aws ssm WORDS` to its end.
    #[must_use]
    pub fn ssm(&self, words: &[&str]) -> Said {
        Said::of(self.command(&[&["aws", "ssm"], words].concat()))
    }
}

/// A set of endpoint rules with one rule.
fn rules(url: &str) -> String {
    let parameter = |built_in: &str, kind: &str| json!({ "builtIn": built_in, "required": false, "documentation": built_in, "type": kind });
    json!({
        "version": "1.0",
        "parameters": {
            "Region": parameter("AWS::Region", "String"),
            "UseDualStack": parameter("AWS::UseDualStack", "Boolean"),
            "UseFIPS": parameter("AWS::UseFIPS", "Boolean"),
            "Endpoint": parameter("SDK::Endpoint", "String"),
        },
        "rules": [{ "conditions": [], "endpoint": { "url": url, "properties": {}, "headers": {} }, "type": "endpoint" }],
    })
    .to_string()
}
