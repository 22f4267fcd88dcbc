//! `print`: the drop-in on standard output.

use crate::cli::PrintCall;
use crate::drop_in::{DropIn, bounded};
use crate::exit::Exit;
use crate::report::{Report, print};

/// Prints what `install` would write where nothing was before.
#[must_use]
pub fn run(call: &PrintCall) -> Exit {
    let drop_in = bounded(call.restart_sec).map(DropIn::plain);
    match drop_in {
        Ok(drop_in) => print(&drop_in.render()),
        Err(failure) => Report::new(false).failure("print", &failure, serde_json::Value::Null),
    }
}
