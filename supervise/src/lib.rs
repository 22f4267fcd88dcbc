//! Starting a child and staying with it until it has ended.
//!
//! Every program of the workspace starts children; this is the one place that knows how to do it
//! without losing a signal, a status or an orphan:
//!
//! * [`c_main!`] and [`enter`]: the first steps of a program, in place of the language runtime's;
//! * [`Inherited`]: the signal mask and dispositions that the caller handed down, kept for the child;
//! * [`make_children_waitable`]: as much as a program needs that hands nothing down;
//! * [`Credentials`]: the ids that a child is to hold, never root's, taken up and verified;
//! * [`Command`]: what to run, searched in its own PATH, with the field's 126 and 127;
//! * [`start`]: a child in the caller's process group, a group or a session of its own;
//! * [`spawn`]: the same without a copy of this process, where nothing has to be done before it begins;
//! * [`Signals`]: what arrives for us, who sent it, and whether the child is to have it too;
//! * [`attend`]: wait for a child, relaying signals and stopping and continuing with it;
//! * [`Watcher`]: a process that outlives ours and ends the whole tree when we die;
//! * [`bounded`]: a program limited in time and in output, for what it says;
//! * [`ProcessHandle`]: a process that is no child of ours, to be signalled and waited for;
//! * [`heeded`]: the signals that the caller has not had us ignore;
//! * [`HeldSignals`]: signals that wait until a change is whole;
//! * [`Ended`]: how a child ended, as a status, as words and as resources used.
//!
//! Signals are read from a signalfd(2), not from handlers: the sender decides whether a signal is
//! relayed, one descriptor covers all of them, and nothing runs at an arbitrary instruction.

#![deny(unsafe_code)]

mod attend;
pub mod bounded;
mod cgroup;
mod child;
mod credentials;
mod descendants;
mod descriptors;
mod ended;
mod entry;
mod exec;
mod handle;
mod heeded;
mod held_signals;
mod inherited;
mod signals;
mod spawn;
mod sys;
mod watcher;

pub use attend::attend;
pub use child::{Child, Event, Group, Start, StartError, fork, start};
pub use credentials::{Credentials, DropError, Held, RootRefused};
pub use descriptors::{FIRST_OTHER, close_others, close_others_on_exec, handed_down};
pub use ended::{Ended, Outcome, Usage, signal_name};
pub use entry::enter;
pub use exec::{Command, DEFAULT_PATH, ExecFailure, default_path, locate};
pub use handle::ProcessHandle;
pub use heeded::heeded;
pub use held_signals::HeldSignals;
pub use inherited::{Inherited, ignore_sigpipe, make_children_waitable};
pub use signals::{Delivery, Origin, Signals, relayed};
pub use spawn::spawn;
pub use watcher::{Report, Watcher};
