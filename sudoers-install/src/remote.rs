//! What runs on the hosts of a cluster: constant POSIX sh scripts, and the command lines that start them.
//!
//! Nothing is copied to a host. A script and its operands, the text of the rule among them, are words of
//! one command line: ssh(1) hands that of the survey to the login shell there, and the survey runs that of
//! the change; [`command_line`] alone quotes for them.
//! The answers are [`Facts`] between two lines that hold the nonce of the question.

mod change;
mod command_line;
mod facts;
mod operand;
mod survey;

pub use change::{Action, Change, ChangeFacts, Elevation, State};
pub use command_line::{BadWord, MAX_COMMAND_LINE};
pub use facts::{Facts, FactsError, MAX_ANSWER};
pub use operand::{BadOperand, FileName, Nonce, ProgramPath, Sha256Hex, UserName};
pub use survey::{HelperFault, HelperState, Survey, SurveyFacts};
