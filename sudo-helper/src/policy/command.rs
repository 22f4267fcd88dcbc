//! A command of the policy: a fixed program, and arguments that are fixed or slots.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use strict_json::object;

use super::absolute_path::AbsolutePath;
use super::builtin::names_own_file;
use super::denial::{Denial, quoted};
use super::limits::TimeoutSeconds;
use super::program;
use super::slot::Slot;
use super::strict::{Entry, List, Map};
use crate::operation::{MAX_VALUES, Word};

/// Most words of an argument vector.
const MAX_WORDS: usize = 64;
/// Longest word in bytes.
const MAX_WORD_LENGTH: usize = 4096;

/// What `run NAME` does.
#[derive(Debug, Clone)]
pub struct CommandRule {
    program: AbsolutePath,
    arguments: Vec<Template>,
    slots: BTreeMap<Word, Slot>,
    approval: bool,
    timeout: Option<Duration>,
}

/// A word of the argument vector as the policy writes it.
#[derive(Debug, Clone)]
enum Template {
    Text(String),
    Slot(Word),
}

/// A word of the argument vector as the program gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    /// This text.
    Text(String),
    /// The file that [`super::open_beneath`] opens, as a descriptor of the program.
    File {
        /// The parameter that names it.
        slot: Word,
        /// The folder that the policy names.
        beneath: PathBuf,
        /// The path that the caller names, below it.
        relative: PathBuf,
    },
}

impl CommandRule {
    /// The program: absolute, as the policy writes it.
    #[must_use]
    pub fn program(&self) -> &str {
        self.program.as_str()
    }

    /// The arguments after the program's name, with the caller's values in their slots.
    ///
    /// # Errors
    /// [`Denial::BadValue`], when a slot has no value, a value no slot, or a slot does not take its value.
    pub fn bind(&self, values: &BTreeMap<Word, String>) -> Result<Vec<Argument>, Denial> {
        if let Some(unknown) = values.keys().find(|key| !self.slots.contains_key(*key)) {
            return Err(Denial::BadValue(format!(
                "the command has no parameter '{unknown}'{}",
                self.takes()
            )));
        }
        let mut bound = BTreeMap::new();
        for (name, slot) in &self.slots {
            let value = values
                .get(name)
                .ok_or_else(|| Denial::BadValue(format!("'{name}=VALUE' is missing{}", self.takes())))?;
            let refuse = |why| Denial::BadValue(format!("{name}={} is refused: {why}", quoted(value)));
            bound.insert(name, slot.bind(name, value).map_err(refuse)?);
        }
        let argument = |template: &Template| match template {
            Template::Text(text) => Some(Argument::Text(text.clone())),
            Template::Slot(name) => bound.get(name).cloned(),
        };
        // Every slot is bound above, so that nothing falls out here.
        Ok(self.arguments.iter().filter_map(argument).collect())
    }

    fn takes(&self) -> String {
        let names: Vec<&str> = self.slots.keys().map(Word::as_str).collect();
        if names.is_empty() {
            "; it takes none".to_owned()
        } else {
            format!("; it takes {}", names.join(", "))
        }
    }

    /// Whether the rule itself asks for approval.
    pub(super) fn approval(&self) -> bool {
        self.approval
    }

    /// The rule's own time limit.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(super) fn slots(&self) -> &BTreeMap<Word, Slot> {
        &self.slots
    }

    /// What is known to be powerful about the program.
    pub(super) fn power(&self) -> Option<&'static str> {
        program::power(self.program.name())
    }

    /// The argument vector as the policy writes it.
    pub(super) fn argv(&self) -> Vec<String> {
        let arguments = self.arguments.iter().map(|template| match template {
            Template::Text(text) => text.clone(),
            Template::Slot(name) => format!("{{{name}}}"),
        });
        [self.program().to_owned()].into_iter().chain(arguments).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    argv: List<String, MAX_WORDS>,
    #[serde(default)]
    params: Map<Word, Slot, MAX_VALUES>,
    #[serde(default)]
    approval: bool,
    #[serde(default, deserialize_with = "super::strict::given")]
    timeout_s: Option<TimeoutSeconds>,
}

impl<'de> Deserialize<'de> for CommandRule {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        object::<D, Document>(input)?.rule().map_err(serde::de::Error::custom)
    }
}

impl Document {
    fn rule(self) -> Result<CommandRule, String> {
        let mut words = self.argv.0.into_iter();
        let program = words.next().ok_or("argv is empty: its first word is the program's absolute path")?;
        let program = AbsolutePath::try_from(program).map_err(|why| format!("argv[0]: {why}"))?;
        if let Some(why) = program::refused(program.name()) {
            return Err(format!("'{}' cannot be a command: {why}", program.as_str()));
        }
        if program.is_kernels() {
            return Err(format!(
                "'{}' cannot be a command: what is there is the kernel's, and may change",
                program.as_str()
            ));
        }
        let arguments = words.map(template).collect::<Result<Vec<_>, _>>()?;
        let slots = self.params.0;
        let used =
            |name: &Word| arguments.iter().any(|word| matches!(word, Template::Slot(slot) if slot == name));
        if let Some(unused) = slots.keys().find(|name| !used(name)) {
            return Err(format!("the parameter '{unused}' is not used: argv has no '{{{unused}}}'"));
        }
        for argument in &arguments {
            if let Template::Slot(name) = argument
                && !slots.contains_key(name)
            {
                return Err(format!("'{{{name}}}' in argv has no entry in params"));
            }
        }
        let timeout = self.timeout_s.map(|seconds| Duration::from_secs(seconds.0));
        Ok(CommandRule { program, arguments, slots, approval: self.approval, timeout })
    }
}

/// `{name}` alone is a slot; every other word is text, and has no braces.
fn template(word: String) -> Result<Template, String> {
    if word.len() > MAX_WORD_LENGTH || word.chars().any(char::is_control) {
        return Err(format!(
            "{} in argv is longer than {MAX_WORD_LENGTH} bytes or holds control characters",
            quoted(&word)
        ));
    }
    if names_own_file(&word) {
        return Err(format!(
            "{} in argv names a file of sudo or sudo-helper, which no policy can allow",
            quoted(&word)
        ));
    }
    if !word.contains(['{', '}']) {
        return Ok(Template::Text(word));
    }
    let name = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.and_then(|name| Word::parse(name).ok()).map(Template::Slot).ok_or_else(|| {
        format!(
            "{} in argv: '{{name}}' stands alone as one argument, and braces cannot be written otherwise",
            quoted(&word)
        )
    })
}

impl Entry<Word> for CommandRule {
    fn check(&self, _: &Word) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ_LOG: &str = r#"{"argv": ["/usr/bin/tail", "-n", "{lines}", "{file}"],
        "params": {"lines": {"regex": "[0-9]{1,4}"}, "file": {"type": "file", "beneath": "/var/log/nginx"}}}"#;

    fn rule(text: &str) -> Result<CommandRule, serde_json::Error> {
        serde_json::from_str(text)
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<Word, String> {
        pairs.iter().map(|(key, value)| (Word::parse(key).expect(key), (*value).to_owned())).collect()
    }

    #[test]
    fn values_land_in_their_slots() {
        let rule = rule(READ_LOG).expect("a rule");
        assert_eq!(rule.program(), "/usr/bin/tail");
        assert_eq!(rule.argv(), ["/usr/bin/tail", "-n", "{lines}", "{file}"]);
        let slot = Word::parse("file").expect("a word");
        let file = Argument::File { slot, beneath: "/var/log/nginx".into(), relative: "access.log".into() };
        assert_eq!(
            rule.bind(&values(&[("lines", "20"), ("file", "access.log")])),
            Ok(vec![Argument::Text("-n".into()), Argument::Text("20".into()), file])
        );
    }

    #[test]
    fn every_slot_and_no_more() {
        let rule = rule(READ_LOG).expect("a rule");
        for (pairs, why) in [
            (&[("lines", "20")][..], "'file=VALUE' is missing; it takes file, lines"),
            (&[], "'file=VALUE' is missing"),
            (&[("lines", "20"), ("file", "a"), ("x", "")], "no parameter 'x'"),
            (&[("lines", "-20"), ("file", "a")], "lines=\"-20\" is refused: it begins with '-'"),
            (&[("lines", "2\u{1b}[2J"), ("file", "a")], r#"lines="2\u{1b}[2J" is refused"#),
            (&[("lines", "20"), ("file", "../../shadow")], "file=\"../../shadow\" is refused"),
        ] {
            let denial = rule.bind(&values(pairs)).expect_err(why);
            assert_eq!(denial.code(), "bad-value");
            assert!(denial.to_string().contains(why), "{denial}");
        }
    }

    #[test]
    fn an_argument_vector_that_is_no_template_is_refused() {
        for (text, why) in [
            (r#"{}"#, "missing field `argv`"),
            (r#"{"argv": []}"#, "argv is empty"),
            (r#"{"argv": ["reboot"]}"#, "not an absolute path"),
            (r#"{"argv": ["/usr/../bin/x"]}"#, "'.' or '..'"),
            (r#"{"argv": ["/usr/bin/{x}"], "params": {"x": {"regex": "a"}}}"#, "letters, digits"),
            (r#"{"argv": ["/bin/bash", "-c", "x"]}"#, "'/bin/bash' cannot be a command: "),
            (r#"{"argv": ["/usr/bin/tail", "{x}"]}"#, "'{x}' in argv has no entry in params"),
            (r#"{"argv": ["/usr/bin/tail"], "params": {"x": {"regex": "a"}}}"#, "'x' is not used"),
            (r#"{"argv": ["/usr/bin/tail", "a{x}"], "params": {"x": {"regex": "a"}}}"#, "stands alone"),
            (r#"{"argv": ["/usr/bin/tail", "{x}{x}"], "params": {"x": {"regex": "a"}}}"#, "stands alone"),
            (r#"{"argv": ["/usr/bin/tail", "{{"]}"#, "stands alone"),
            (r#"{"argv": ["/usr/bin/tail", "a\nb"]}"#, "control characters"),
            (r#"{"argv": ["/usr/bin/tee", "/etc/sudo-helper/policy.json"]}"#, "names a file of sudo"),
            (r#"{"argv": ["/usr/bin/chown", "x:", "/etc/sudoers.d"]}"#, "names a file of sudo"),
            (r#"{"argv": ["/usr/bin/tail"], "timeout_s": 0}"#, "0 is out of range: from 1 to 86400"),
            (r#"{"argv": ["/usr/bin/tail"], "approval": 1}"#, "expected a boolean"),
            (r#"{"argv": ["/usr/bin/tail"], "env": {}}"#, "unknown field `env`"),
            (r#"["/usr/bin/tail"]"#, "an object in {}"),
        ] {
            let said = rule(text).expect_err(text).to_string();
            assert!(said.contains(why), "{text}: {said}");
        }
        let many = format!(r#"{{"argv": ["/usr/bin/tail"{}]}}"#, ", \"a\"".repeat(64));
        assert!(rule(&many).expect_err("many").to_string().contains("more than 64"));
    }
}
