//! What a manual page says of a program's words, in mdoc(7).

use std::collections::BTreeSet;

/// The section, or subsection, of this name.
pub fn section<'a>(page: &'a str, kind: &str, name: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("\n.{kind} {name}\n")).unwrap_or_else(|| panic!("no {name}"));
    let end = [after.find("\n.Sh "), after.find("\n.Ss ").filter(|_| kind == "Ss")];
    end.into_iter().flatten().min().map_or(after, |end| &after[..end])
}

/// The options that a text sets as such, of whatever program.
pub fn flags(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('.'));
    let words = lines.flat_map(|line| after(line, "Fl"));
    words.filter(|name| *name != "-").map(|name| format!("-{name}")).collect()
}

/// The options of the entries that explain one.
pub fn explained(page: &str) -> BTreeSet<String> {
    page.lines().filter(|line| line.starts_with(".It Fl ")).flat_map(flags).collect()
}

/// What a text sets as a word to be typed.
pub fn typed(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix('.')).flat_map(|line| after(line, "Cm"))
}

/// The synopsis of each command: the words that name it, and what follows them.
pub fn forms(page: &str) -> Vec<(Vec<&str>, &str)> {
    let forms = section(page, "Sh", "SYNOPSIS").split("\n.Nm");
    let named = forms.filter_map(|form| form.find("\n.Cm ").map(|at| &form[at + 2..]));
    let split = named.map(|form| form.split_once('\n').unwrap_or((form, "")));
    split.map(|(words, rest)| (after(words, "Cm").collect(), rest)).collect()
}

/// The operands of this macro in a line, without punctuation.
fn after<'a>(line: &'a str, wanted: &'static str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    line.split(' ').filter(move |word| {
        let is_macro = word.len() == 2 && word.starts_with(|c: char| c.is_ascii_uppercase());
        inside = if is_macro { *word == wanted } else { inside };
        inside && !is_macro && word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
    })
}
