//! Objects and lists for serde's derived structs, without what serde lets pass: a list for an object, a list without end.

#![forbid(unsafe_code)]

mod list;
mod object;

pub use list::list;
pub use object::object;
