//! `deploy`: what install or remove does on one host, on many, and proven by a second command.

use serde_json::Value;

use super::call::call;
use super::round::Limits;
use super::row::Asked;
use crate::cli::DeployCall;
use crate::drop_in;
use crate::exit::Exit;
use crate::report::Report;

/// Does it; the exit status says whether every instance is proven.
#[must_use]
pub fn run(deploy: &DeployCall) -> Exit {
    let asked = if deploy.remove {
        Ok(Asked::Remove)
    } else {
        drop_in::bounded(deploy.restart_sec).map(Asked::Install)
    };
    let limits =
        Limits { max_concurrency: deploy.max_concurrency.clone(), max_errors: deploy.max_errors.clone() };
    asked
        .and_then(|asked| call(&deploy.fleet, asked, limits, deploy.dry_run))
        .unwrap_or_else(|failure| Report::new(deploy.fleet.json).failure("deploy", &failure, Value::Null))
}
