//! `print`: the drop-in on standard output.

use crate::cli::PrintCall;
use crate::drop_in::{DropIn, bounded};
use crate::exit::Exit;
use crate::report::{Report, print};
use crate::systemctl;
use crate::version::Version;

/// Prints what `install` would write where nothing was before.
#[must_use]
pub fn run(call: &PrintCall) -> Exit {
    let drop_in = bounded(call.restart_sec)
        .map(|restart_sec| DropIn { old_limit: has_old_limit(), ..DropIn::plain(restart_sec) });
    match drop_in {
        Ok(drop_in) => print(&drop_in.render()),
        Err(failure) => Report::new(false).failure("print", &failure, serde_json::Value::Null),
    }
}

/// Whether the systemd that is here, if one is, has the older name of the start limit.
fn has_old_limit() -> bool {
    systemctl::is_booted() && Version::ask().is_ok_and(Version::has_old_limit)
}
