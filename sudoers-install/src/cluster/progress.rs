//! What is told while hosts are worked on: a bar on a terminal, and a line for each host that has ended.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::exit::Exit;
use crate::report;

use super::outcome::{self, Row};
use super::table::table;

/// How often the elapsed time is drawn anew.
const TICK: Duration = Duration::from_millis(500);
/// How many hosts are done, of how many, and since when.
const BAR: &str = "{msg} [{bar:30}] {pos}/{len} hosts, {elapsed_precise}";

/// Tells people, or programs, how far the work is.
pub struct Progress {
    bar: ProgressBar,
    json: bool,
    told: Mutex<Told>,
}

/// What has been told.
#[derive(Default)]
struct Told {
    rows: Vec<Row>,
    /// A row could not be written.
    lost: bool,
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
        Self { bar, json, told: Mutex::default() }
    }

    /// What is done to the hosts from now on; the bar is drawn until [`Self::pause`].
    pub fn step(&self, what: &'static str) {
        let done = self.told.lock().unwrap_or_else(PoisonError::into_inner).rows.len();
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.bar.set_position(u64::try_from(done).unwrap_or_default());
        self.bar.set_message(what);
        // The tick is a thread of its own, made by a call that panics where none can be.
        let tick = || thread::Builder::new().spawn(|| ()).is_ok_and(|tried| tried.join().is_ok());
        if !self.bar.is_hidden() && tick() {
            self.bar.enable_steady_tick(TICK);
        }
    }

    /// Nothing is drawn over a question.
    pub fn pause(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }

    /// A host has ended.
    pub fn ended(&self, row: Row) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.bar.inc(1);
        self.bar.suspend(|| {
            if self.json {
                // A reader who has gone away is no reason to leave hosts half surveyed.
                told.lost |= report::print(&format!("{}\n", row.json())) != Exit::Done;
            } else {
                diagnostics::say(&row.line());
            }
        });
        told.rows.push(row);
    }

    /// The end of the call, from how the hosts have ended; the table of them, in the order of `aliases`, for people.
    #[must_use]
    pub fn end(self, aliases: &[String]) -> Exit {
        self.bar.finish_and_clear();
        let Told { mut rows, lost } = self.told.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|row| aliases.iter().position(|alias| *alias == row.alias));
        let told = if self.json { !lost } else { report::print(&table(&rows)) == Exit::Done };
        if told { outcome::exit(&rows) } else { Exit::Failed }
    }
}
