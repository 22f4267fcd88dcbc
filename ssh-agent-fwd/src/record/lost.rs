//! The line about lines that were more than a user's share.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::line;
use super::output::{Output, Weight};
use super::shares::{LostOf, Owner};

/// How long losses are counted until they are told of.
pub const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Why lines are lost here.
const BEYOND_SHARE: &str = "more lines than the share of a user";

/// A line about lines that are not there.
#[derive(Serialize)]
struct Lost<'a> {
    time_ms: u64,
    event: &'static str,
    lines: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Owner,
    reasons: &'a BTreeMap<&'static str, u64>,
    why: &'static str,
}

/// Writes how many lines are lost; where even that cannot be written they are counted with what the log did not take.
pub fn tell(lost: &[LostOf], output: &mut Output) {
    for of_one in lost {
        let lines = of_one.reasons.values().sum();
        let said = Lost {
            time_ms: line::now(),
            event: "lost",
            lines,
            uid: of_one.owner,
            reasons: &of_one.reasons,
            why: BEYOND_SHARE,
        };
        let _ = output.write_for(lines, &line::json(&said), Weight::Paid);
    }
}
