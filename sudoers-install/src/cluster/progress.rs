//! What is told while hosts are worked on: a bar on a terminal, and a line for each host that has ended.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::outcome::Row;

/// How often the elapsed time is drawn anew.
const TICK: Duration = Duration::from_millis(500);
/// How many hosts are done, of how many, and since when.
const BAR: &str = "{msg} [{bar:30}] {pos}/{len} hosts, {elapsed_precise}";

/// Tells people, or programs, how far the work is.
pub struct Progress {
    bar: ProgressBar,
    json: bool,
    rows: Mutex<Vec<Row>>,
}

impl Progress {
    /// For so many hosts. The bar shows only where standard error is a terminal.
    #[must_use]
    pub fn new(hosts: usize, json: bool) -> Self {
        let target = if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(u64::try_from(hosts).ok(), target);
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, json, rows: Mutex::new(Vec::new()) }
    }

    /// What is done to the hosts from now on; the bar is drawn until [`Self::pause`].
    pub fn step(&self, what: &'static str) {
        let done = self.rows.lock().unwrap_or_else(PoisonError::into_inner).len();
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.bar.set_position(u64::try_from(done).unwrap_or_default());
        self.bar.set_message(what);
        self.bar.enable_steady_tick(TICK);
    }

    /// Nothing is drawn over a question.
    pub fn pause(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    /// A host has ended.
    pub fn ended(&self, row: Row) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        self.bar.inc(1);
        self.bar.suspend(|| {
            if self.json {
                // A reader who has gone away is no reason to leave hosts half surveyed.
                let _ = writeln!(io::stdout(), "{}", row.json());
            } else {
                diagnostics::say(&row.line());
            }
        });
        rows.push(row);
    }

    /// All rows, in the order of `aliases`.
    #[must_use]
    pub fn rows(self, aliases: &[String]) -> Vec<Row> {
        self.bar.finish_and_clear();
        let mut rows = self.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|row| aliases.iter().position(|alias| *alias == row.alias));
        rows
    }
}
