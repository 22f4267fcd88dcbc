//! `fleet-status`: of each instance, whether systemd would bring its agent back.

use serde_json::Value;

use super::call::call;
use super::round::Limits;
use super::row::Asked;
use crate::cli::FleetCall;
use crate::exit::Exit;
use crate::report::Report;

/// Tells it; the exit status says whether every instance is online and proven.
#[must_use]
pub fn run(fleet: &FleetCall) -> Exit {
    call(fleet, Asked::Status, Limits::default(), false).unwrap_or_else(|failure| {
        Report::new(fleet.json).failure(Asked::Status.name(), &failure, Value::Null)
    })
}
