//! Wildcards as sudo(8) has them (fnmatch(3)).

/// What `/` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slash {
    /// Wildcards match it as any other character: in arguments.
    Ordinary,
    /// Only itself matches it: in paths.
    Separator,
}

/// Whether a text has wildcards.
pub(crate) fn has_wildcards(text: &str) -> bool {
    let mut escaped = false;
    text.chars().any(|c| {
        let counts = !escaped && matches!(c, '*' | '?' | '[');
        escaped = c == '\\' && !escaped;
        counts
    })
}

/// Whether the pattern matches all of the text.
pub(super) fn matches(pattern: &str, text: &str, slash: Slash) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star does not match.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() || p < pattern.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
            continue;
        }
        if let Some(c) = text.get(t)
            && let Some(next) = one(&pattern, p, *c, slash)
        {
            (p, t) = (next, t + 1);
            continue;
        }
        match star {
            Some((at, from)) if from < text.len() && !is_separator(text[from], slash) => {
                (p, t) = (at + 1, from + 1);
                star = Some((at, from + 1));
            }
            _ => return false,
        }
    }
    true
}

fn is_separator(c: char, slash: Slash) -> bool {
    c == '/' && slash == Slash::Separator
}

/// Where the pattern goes on when the part of it that begins at `p` matches this character.
fn one(pattern: &[char], p: usize, c: char, slash: Slash) -> Option<usize> {
    match pattern.get(p)? {
        '?' if !is_separator(c, slash) => Some(p + 1),
        '?' => None,
        '[' => match set(pattern, p + 1, c) {
            Some((inside, next)) => (inside && !is_separator(c, slash)).then_some(next),
            None => (c == '[').then_some(p + 1),
        },
        '\\' if p + 1 < pattern.len() => (pattern[p + 1] == c).then_some(p + 2),
        literal => (*literal == c).then_some(p + 1),
    }
}

/// `[…]`: whether it has the character, and where the pattern goes on; `None` when it has no end.
fn set(pattern: &[char], start: usize, c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(start), Some('!' | '^'));
    let first = start + usize::from(negated);
    let (mut p, mut inside) = (first, false);
    loop {
        let mut low = *pattern.get(p)?;
        if low == ']' && p > first {
            return Some((inside != negated, p + 1));
        }
        if low == '[' && pattern.get(p + 1) == Some(&':') {
            let length = pattern[p + 2..].windows(2).position(|two| two == [':', ']'])?;
            let name: String = pattern[p + 2..p + 2 + length].iter().collect();
            inside |= is_of_class(&name, c);
            p += length + 4;
            continue;
        }
        if low == '\\' {
            p += 1;
            low = *pattern.get(p)?;
        }
        p += 1;
        let mut high = low;
        if pattern.get(p) == Some(&'-') && pattern.get(p + 1).is_some_and(|next| *next != ']') {
            high = pattern[p + 1];
            p += 2;
        }
        inside |= (low..=high).contains(&c);
    }
}

fn is_of_class(name: &str, c: char) -> bool {
    match name {
        "alnum" => c.is_alphanumeric(),
        "alpha" => c.is_alphabetic(),
        "blank" => matches!(c, ' ' | '\t'),
        "cntrl" => c.is_control(),
        "digit" => c.is_ascii_digit(),
        "graph" => c.is_ascii_graphic(),
        "lower" => c.is_lowercase(),
        "print" => c == ' ' || c.is_ascii_graphic(),
        "punct" => c.is_ascii_punctuation(),
        "space" => c.is_whitespace(),
        "upper" => c.is_uppercase(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_fnmatch_has_it() {
        for (pattern, text, ordinary, separator) in [
            ("", "", true, true),
            ("a", "", false, false),
            ("*", "", true, true),
            ("*", "a/b", true, false),
            ("/bin/*", "/bin/ls", true, true),
            ("/bin/*", "/bin/x/ls", true, false),
            ("/*/ls", "/usr/bin/ls", true, false),
            ("restart *", "restart a b; c", true, true),
            ("a*b*c", "aXbYbZc", true, true),
            ("a*b*c", "aXbYbZ", false, false),
            ("?", "/", true, false),
            ("[a-c]x", "bx", true, true),
            ("[!a-c]x", "bx", false, false),
            ("[^a-c]x", "dx", true, true),
            ("[]]", "]", true, true),
            ("[[:digit:]]*", "5 -x", true, true),
            ("[[:digit:]]", "a", false, false),
            ("[a", "[a", true, true),
            ("\\*", "*", true, true),
            ("\\*", "x", false, false),
            ("a\\", "a\\", true, true),
            ("[\\]]", "]", true, true),
            ("[.-0]", "/", true, false),
        ] {
            assert_eq!(matches(pattern, text, Slash::Ordinary), ordinary, "{pattern} {text}");
            assert_eq!(matches(pattern, text, Slash::Separator), separator, "{pattern} {text}, a path");
        }
        assert!(has_wildcards("a*") && has_wildcards("\\\\*") && !has_wildcards("a\\*\\?\\["));
    }
}
