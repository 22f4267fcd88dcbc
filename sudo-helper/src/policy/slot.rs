//! A parameter of a command: which values its `{slot}` takes.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strict_json::object;

use super::absolute_path::AbsolutePath;
use super::builtin::holds_own_file;
use super::command::Argument;
use super::denial::quoted;
use super::pattern::Pattern;
use super::strict::{Entry, Set};
use super::value::{Allow, Allowed, beneath, plain};
use crate::operation::Word;

/// Most values of an `enum`.
const MAX_VALUES: usize = 256;

/// What one parameter takes.
#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// Text that matches whole.
    Regex(Pattern, Allowed),
    /// One of these texts.
    Enum(Vec<String>, Allowed),
    /// The path of a regular file below this folder.
    File(AbsolutePath),
}

impl Slot {
    /// The argument that a caller's value becomes in the slot of this name.
    ///
    /// # Errors
    /// A sentence, when this slot does not take it.
    pub(super) fn bind(&self, name: &Word, value: &str) -> Result<Argument, String> {
        match self {
            Self::Regex(pattern, allowed) => {
                plain(value, &allowed.0)?;
                if !pattern.matches(value) {
                    return Err(format!("it does not match {}", quoted(pattern.source())));
                }
                Ok(Argument::Text(value.to_owned()))
            }
            Self::Enum(values, _) if values.iter().any(|listed| listed == value) => {
                Ok(Argument::Text(value.to_owned()))
            }
            Self::Enum(values, _) => Err(format!("it is none of {}", quoted(&values.join(", ")))),
            Self::File(folder) => {
                let (beneath, relative) = (PathBuf::from(folder.as_str()), beneath(value)?.to_owned());
                Ok(Argument::File { slot: name.clone(), beneath, relative })
            }
        }
    }

    /// Whether a value may begin with `-`.
    pub(super) fn takes_options(&self) -> bool {
        match self {
            Self::Regex(_, allowed) | Self::Enum(_, allowed) => allowed.0.contains(&Allow::LeadingDash),
            Self::File(_) => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, deserialize_with = "super::strict::given")]
    regex: Option<String>,
    #[serde(default, rename = "enum", deserialize_with = "super::strict::given")]
    values: Option<Set<String, MAX_VALUES>>,
    #[serde(default, rename = "type", deserialize_with = "super::strict::given")]
    kind: Option<Kind>,
    #[serde(default, deserialize_with = "super::strict::given")]
    beneath: Option<AbsolutePath>,
    #[serde(default, deserialize_with = "super::strict::given")]
    allow: Option<Allowed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    File,
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        object::<D, Document>(input)?.slot().map_err(serde::de::Error::custom)
    }
}

impl Document {
    fn slot(self) -> Result<Slot, String> {
        match self {
            Self { regex: Some(source), values: None, kind: None, beneath: None, allow } => {
                Ok(Slot::Regex(Pattern::new(&source)?, allow.unwrap_or_default()))
            }
            Self { regex: None, values: Some(values), kind: None, beneath: None, allow } => {
                let allowed = allow.unwrap_or_default();
                for value in &values.0 {
                    plain(value, &allowed.0).map_err(|why| format!("{}: {why}", quoted(value)))?;
                }
                Ok(Slot::Enum(values.0, allowed))
            }
            Self {
                regex: None,
                values: None,
                kind: Some(Kind::File),
                beneath: Some(folder),
                allow: None,
            } => {
                forbidden_folder(&folder)?;
                Ok(Slot::File(folder))
            }
            _ => Err("a slot is {\"regex\": …}, {\"enum\": […]} or {\"type\": \"file\", \"beneath\": …}; \
                      only the first two take \"allow\""
                .to_owned()),
        }
    }
}

/// Folders whose files are the kernel's, or decide who may act as root.
fn forbidden_folder(folder: &AbsolutePath) -> Result<(), String> {
    if folder.is_kernels() || holds_own_file(folder.as_str()) {
        return Err(format!(
            "'{}' is no folder to hand files out of: it holds the kernel's files, or sudo's and sudo-helper's",
            folder.as_str()
        ));
    }
    Ok(())
}

impl Entry<Word> for Slot {
    fn check(&self, _: &Word) -> Result<(), String> {
        Ok(())
    }
}

/// As the policy writes it, for `list`.
impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;

        let mut map = output.serialize_map(None)?;
        match self {
            Self::Regex(pattern, _) => map.serialize_entry("regex", pattern.source())?,
            Self::Enum(values, _) => map.serialize_entry("enum", values)?,
            Self::File(folder) => {
                map.serialize_entry("type", "file")?;
                map.serialize_entry("beneath", folder.as_str())?;
            }
        }
        if let Self::Regex(_, allowed) | Self::Enum(_, allowed) = self
            && !allowed.0.is_empty()
        {
            map.serialize_entry("allow", allowed)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Word {
        Word::parse("v").expect("a word")
    }

    fn slot(text: &str) -> Result<Slot, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn what_a_program_could_misread_needs_a_word_in_the_slot() {
        for (value, word, why) in [
            ("-rf", "leading-dash", "begins with '-'"),
            ("/etc/shadow", "slash", "holds '/'"),
            ("a..b", "dot-dot", "holds '..'"),
            ("a\nb", "control", "control bytes"),
            ("\u{7f}", "control", "control bytes"),
        ] {
            let any = r#""regex": "(?:.|\\n)*""#;
            let closed = slot(&format!("{{{any}}}")).expect("a slot");
            assert!(closed.bind(&name(), value).expect_err(value).contains(why), "{value:?}");
            let open = slot(&format!(r#"{{{any}, "allow": ["{word}"]}}"#)).expect("a slot");
            assert_eq!(open.bind(&name(), value), Ok(Argument::Text(value.to_owned())));
            let listed = serde_json::to_string(value).expect("json");
            let said = slot(&format!(r#"{{"enum": [{listed}]}}"#)).expect_err(value).to_string();
            assert!(said.contains(why), "{said}");
            slot(&format!(r#"{{"enum": [{listed}], "allow": ["{word}"]}}"#)).expect("allowed");
        }
        let all =
            slot(r#"{"regex": "(?:.|\\n)*", "allow": ["leading-dash", "slash", "dot-dot", "control"]}"#);
        let all = all.expect("a slot");
        for value in ["/etc/sudoers", "etc/sudo-helper/policy.json", "nul\0", "ä", "\u{202e}"] {
            assert!(all.bind(&name(), value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn an_enum_takes_its_values_only() {
        let slot = slot(r#"{"enum": ["web", "db"]}"#).expect("a slot");
        assert!(slot.bind(&name(), "db").is_ok());
        for value in ["", "DB", "db ", "web, db"] {
            assert!(slot.bind(&name(), value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_file_stays_beneath_by_its_spelling() {
        let slot = slot(r#"{"type": "file", "beneath": "/var/log/nginx"}"#).expect("a slot");
        for value in ["access.log", "old/access.log.1", ".hidden"] {
            let argument =
                Argument::File { slot: name(), beneath: "/var/log/nginx".into(), relative: value.into() };
            assert_eq!(slot.bind(&name(), value), Ok(argument));
        }
        let long = "a".repeat(1025);
        for value in [
            "",
            "/etc/shadow",
            "../x",
            "a/../x",
            "a//b",
            "./a",
            "a/.",
            "a/",
            "-a",
            "a\nb",
            "a\0",
            "ä",
            "..",
            &long,
        ] {
            assert!(slot.bind(&name(), value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_slot_is_of_one_kind() {
        for text in [
            "{}",
            "[]",
            "null",
            r#"{"regex": null}"#,
            r#"{"regex": "a", "enum": ["a"]}"#,
            r#"{"type": "file"}"#,
            r#"{"beneath": "/var/log"}"#,
            r#"{"regex": "a", "type": "file", "beneath": "/var/log"}"#,
            r#"{"type": "file", "beneath": "/var/log", "allow": ["dot-dot"]}"#,
            r#"{"type": "unit"}"#,
            r#"{"regex": "a", "flags": "i"}"#,
            r#"{"regex": "a", "allow": ["everything"]}"#,
            r#"{"regex": "a", "allow": ["slash", "slash"]}"#,
            r#"{"enum": ["a", "a"]}"#,
            r#"{"type": "file", "beneath": "/"}"#,
            r#"{"type": "file", "beneath": "/proc/1"}"#,
            r#"{"type": "file", "beneath": "/etc"}"#,
            r#"{"type": "file", "beneath": "/run/sudo-helper"}"#,
            r#"{"type": "file", "beneath": "var/log"}"#,
            r#"{"type": "file", "beneath": "/var/log/"}"#,
        ] {
            assert!(slot(text).is_err(), "{text}");
        }
    }
}
