//! The policy's `approval`: what waits for a person, and who that may be.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use strict_json::object;

use super::error::printable;
use super::strict::{Ranged, Set};
use crate::account_name::AccountName;
use crate::operation::{Operation, PackageVerb};
use crate::package_name::PackageName;

/// Most approvers.
const MAX_APPROVERS: usize = 64;
/// Most operations that wait for approval.
const MAX_OPERATIONS: usize = 256;

/// Who approves, what waits for it, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Accounts that may approve, though never their own requests.
    pub approvers: Vec<AccountName>,
    /// How long a request waits: 10 s to a day, 600 s unless said.
    pub timeout: Duration,
    /// What waits: each names one thing; `run` stands for any values.
    pub operations: Vec<Operation>,
}

impl Default for Approval {
    fn default() -> Self {
        Self { approvers: Vec::new(), timeout: Duration::from_secs(600), operations: Vec::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    approvers: Set<AccountName, MAX_APPROVERS>,
    #[serde(default, deserialize_with = "super::strict::given")]
    timeout_s: Option<Ranged<10, 86_400>>,
    #[serde(default)]
    operations: Set<OneOperation, MAX_OPERATIONS>,
}

impl<'de> Deserialize<'de> for Approval {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let document: Document = object(input)?;
        let unsaid = Self::default();
        Ok(Self {
            approvers: document.approvers.0,
            timeout: document.timeout_s.map_or(unsaid.timeout, |seconds| Duration::from_secs(seconds.0)),
            operations: document.operations.0.into_iter().map(|operation| operation.0).collect(),
        })
    }
}

impl Approval {
    /// Whether the operation, or a part of it, is one of those that wait.
    pub(super) fn covers(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Packages(verb, names) => {
                names.iter().any(|name| self.covers_package(*verb, name.as_str()))
            }
            Operation::Run(name, _) => self
                .operations
                .iter()
                .any(|listed| matches!(listed, Operation::Run(listed, _) if listed == name)),
            Operation::Service(..) | Operation::Package(_) => self.operations.contains(operation),
        }
    }
}

impl Approval {
    /// Whether this waits when it is done to the package of this name, asked for or as part of a plan.
    pub(super) fn covers_package(&self, verb: PackageVerb, name: &str) -> bool {
        self.packages().any(|(listed_verb, listed)| listed_verb == verb && listed.as_str() == name)
    }

    /// The packages that wait, and for what.
    pub(super) fn packages(&self) -> impl Iterator<Item = (PackageVerb, &PackageName)> {
        let package = |operation| match operation {
            &Operation::Packages(verb, ref names) => Some(names.iter().map(move |name| (verb, name))),
            _ => None,
        };
        self.operations.iter().filter_map(package).flatten()
    }
}

/// An operation that names one thing and gives no values.
#[derive(PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct OneOperation(Operation);

impl TryFrom<String> for OneOperation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        let operation = Operation::parse(&words)
            .map_err(|why| format!("'{}': {}", printable(&text), printable(&why.to_string())))?;
        match &operation {
            Operation::Packages(_, names) if names.len() > 1 => {
                Err(format!("'{text}': one package an entry; each waits for approval by itself"))
            }
            Operation::Run(name, values) if !values.is_empty() => {
                Err(format!("'run {name}' without values: it stands for any"))
            }
            _ => Ok(Self(operation)),
        }
    }
}
