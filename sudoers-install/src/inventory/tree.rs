//! A document of YAML or JSON, with the line of everything in it and scalars as they are spelled.

use std::collections::HashMap;
use std::fmt;
use std::thread;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Budget, Error, Options, Spanned};

use super::{Fault, quoted};

/// Deepest nesting of mappings; a group of a group takes two levels.
const MAX_DEPTH: usize = 100;
/// Most keys and values of a document, copies that `*name` makes included.
const MAX_NODES: usize = 250_000;
/// Most values that copies (`*name`, `<<`) may add.
const MAX_COPIED: usize = 10_000;
/// Deepest nesting of copies in copies.
const MAX_COPY_DEPTH: usize = 16;
/// Most uses of copies.
const MAX_COPIES: usize = 1_000;

/// One value.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) line: u64,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    /// As it is spelled: `022` stays so, whatever number YAML sees in it.
    Scalar(String),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key of a mapping, and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The key's line.
    pub(super) line: u64,
    pub(super) node: Node,
}

/// Stack for reading, in bytes. The reader of YAML takes 33 KiB a level without optimisation, and several
/// times that under a sanitizer; whatever `ulimit -s` and the tests' threads give is no matter then.
const STACK: usize = 32 << 20;

/// Reads the one document of `text`. No two keys of a mapping are the same.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let failed = |what: &str| Fault { line: None, what: what.to_owned() };
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || parse_here(text));
        let reader = reader.map_err(|error| failed(&format!("cannot be read: no thread: {error}")))?;
        reader.join().unwrap_or_else(|_| Err(failed("cannot be read: its reader has failed")))
    })
}

fn parse_here(text: &str) -> Result<Node, Fault> {
    let raw = serde_saphyr::from_str_with_options(text, options()).map_err(|error| complaint(&error))?;
    Reader { text }.node(raw)
}

fn options() -> Options {
    let budget: Option<Budget> = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_documents: 1,
        max_nodes: MAX_NODES,
        max_aliases: MAX_COPIES,
        max_anchors: MAX_COPIES,
        max_merge_keys: MAX_COPIES,
    };
    let alias_limits: AliasLimits = serde_saphyr::alias_limits! {
        max_total_replayed_events: MAX_COPIED,
        max_replay_stack_depth: MAX_COPY_DEPTH,
    };
    serde_saphyr::options! {
        budget: budget,
        alias_limits: alias_limits,
        // Told here instead, with both lines, and for keys that only YAML holds for different.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // A line of the file may hold a secret.
        with_snippet: false,
    }
}

fn complaint(error: &Error) -> Fault {
    let line = error.location().map_or(0, |location| location.line());
    if let Error::Budget { breach, .. } = error.without_snippet() {
        return Fault::at(
            line,
            match breach {
                BudgetBreach::Documents { .. } => {
                    "a second document begins here; an inventory is one document".to_owned()
                }
                BudgetBreach::Depth { .. } => format!("nested deeper than {MAX_DEPTH} levels"),
                _ => format!("more than {MAX_NODES} values, or than {MAX_COPIES} copies (*name, <<)"),
            },
        );
    }
    let text = error.to_string();
    let words = text.split(" at line ").next().unwrap_or_default();
    let hint = "an inventory is YAML, or the JSON that 'ansible-inventory --list' prints";
    Fault::at(line, format!("cannot be read: {}; {hint}", diagnostics::one_line(words)))
}

/// What the reader of YAML makes of a value before its spelling is looked up.
enum Raw {
    Null,
    /// A number or truth value to YAML.
    Typed,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Result<Node, Fault> {
        let line = raw.referenced.line();
        let value = match raw.value {
            Raw::Null => Value::Null,
            Raw::Text(text) => Value::Scalar(text),
            Raw::Typed => Value::Scalar(
                self.spelling(&raw.defined)
                    .ok_or_else(|| Fault::at(line, "this value cannot be read; put quotes around it"))?
                    .to_owned(),
            ),
            Raw::List(items) => {
                Value::List(items.into_iter().map(|item| self.node(item)).collect::<Result<_, _>>()?)
            }
            Raw::Mapping(entries) => Value::Mapping(self.entries(entries)?),
        };
        Ok(Node { line, value })
    }

    fn entries(&self, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Result<Vec<Entry>, Fault> {
        let mut seen = HashMap::new();
        let mut entries = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let line = key.referenced.line();
            if let Some(first) = seen.insert(key.value.clone(), line) {
                let what = format!("{} is there already, on line {first}", quoted(&key.value));
                return Err(Fault::at(line, what));
            }
            entries.push(Entry { key: key.value, line, node: self.node(value)? });
        }
        Ok(entries)
    }

    fn spelling(&self, location: &serde_saphyr::Location) -> Option<&str> {
        let span = location.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        self.text.get(start..start.checked_add(length)?)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(Raw::Mapping(mapping))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

#[cfg(test)]
mod tests;
