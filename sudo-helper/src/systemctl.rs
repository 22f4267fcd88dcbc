//! systemctl(1): what it is asked, what its answers mean.

mod arguments;
pub mod failure;
pub mod unit_state;
pub mod verdict;

pub use arguments::{ENVIRONMENT, PROGRAM, arguments, show_arguments};
