//! What is known of a program, and what that says of a rule.

use super::form::Form;
use super::{Arguments, Hatch};

/// What is known of some programs.
#[derive(Debug)]
pub(super) struct Row {
    /// Their names, without folder and version, between spaces.
    pub names: &'static str,
    /// What their caller can do: it follows the name.
    pub why: &'static str,
    /// What to do in their place.
    pub instead: &'static str,
    /// The arguments with which they do no more than they are asked for.
    pub safe: &'static [Form],
    /// Arguments about which there is more to say.
    pub because: &'static [Because],
}

/// What is to say of an argument.
#[derive(Debug)]
pub(super) struct Because {
    /// The arguments; one that ends in `*` is any that begins so.
    pub words: &'static [&'static str],
    /// It follows the program's name and the argument.
    pub why: &'static str,
    /// What to do in its place.
    pub instead: &'static str,
}

impl Row {
    /// Programs that no arguments make safe.
    pub(super) const fn never(names: &'static str, why: &'static str, instead: &'static str) -> Self {
        Self { names, why, instead, safe: &[], because: &[] }
    }

    /// Programs that some arguments make safe.
    pub(super) const fn unless(
        names: &'static str,
        safe: &'static [Form],
        why: &'static str,
        instead: &'static str,
    ) -> Self {
        Self { names, why, instead, safe, because: &[] }
    }

    /// The names, one by one.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.names.split_whitespace()
    }

    /// The way out that a rule for the program of this name gives.
    pub(super) fn judge(&self, name: &str, arguments: Arguments<'_>) -> Option<Hatch> {
        let arguments = match arguments {
            Arguments::Any => return Some(self.any(name)),
            Arguments::None => &[],
            Arguments::Exactly(arguments) => arguments,
        };
        if let Some((argument, because)) = arguments.iter().find_map(|argument| self.because(argument)) {
            let why = format!("{name} {} {}", argument.escape_debug(), because.why);
            return Some(Hatch { why, instead: because.instead.to_owned() });
        }
        if self.safe.iter().any(|form| form.matches(arguments)) {
            return None;
        }
        Some(Hatch { why: format!("{name} {}", self.why), instead: self.instead.to_owned() })
    }

    fn any(&self, name: &str) -> Hatch {
        let which = if self.safe.is_empty() { "" } else { ", with any arguments," };
        Hatch { why: format!("{name}{which} {}", self.why), instead: self.instead.to_owned() }
    }

    fn because<'a>(&self, argument: &'a str) -> Option<(&'a str, &'static Because)> {
        let says = |word: &&str| match word.strip_suffix('*') {
            Some(start) => argument.starts_with(start),
            None => *word == argument,
        };
        let because = self.because.iter().find(|because| because.words.iter().any(says))?;
        Some((argument, because))
    }
}
