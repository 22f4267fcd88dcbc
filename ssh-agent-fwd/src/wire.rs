//! The agent protocol of RFC 9987, as much of it as is let through.
//!
//! A message is judged in the bytes in which it is passed on: nothing is written anew but the list of
//! identities. Every parser reads a slice that ends where its frame ends.
//!
//! * [`frame`]: from the stream to the body of a message and back;
//! * [`cursor`]: the data types of RFC 4251 section 5;
//! * [`request`]: what a client asks;
//! * [`identities`]: the agent's list, and what is left of it;
//! * [`reply`]: what is answered here.

#[cfg(test)]
pub(crate) mod captured;
pub mod cursor;
pub mod frame;
pub mod identities;
mod malformed;
pub mod reply;
pub mod request;

pub use malformed::{Flaw, Malformed, Message};
