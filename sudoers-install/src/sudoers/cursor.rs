//! A place in the text of a sudoers file, and its words (plugins/sudoers/toke.l of sudo 1.9).

/// A place in the text.
pub(super) struct Cursor<'a> {
    rest: &'a str,
    line: u32,
}

/// A word, without its quotes and escapes.
pub(super) struct Word {
    /// The word.
    pub(super) text: String,
    /// It has no quotes and no escapes: a keyword or an alias can be meant.
    pub(super) plain: bool,
    /// Its first character counts as a prefix, such as `%`.
    pub(super) prefix: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        self.line = self.line.saturating_add(u32::from(next == '\n'));
        Some(next)
    }

    /// Takes this text when it is what comes next; it holds no end of a line.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.rest = rest;
        true
    }

    /// Takes the characters that fit, up to the first that does not.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        let lines = taken.matches('\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
        taken
    }

    /// A backslash at the end of a line: the line goes on.
    pub(super) fn take_continuation(&mut self) -> bool {
        let Some(rest) = self.rest.strip_prefix('\\') else { return false };
        let rest = rest.trim_start_matches(is_blank);
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        let Some(rest) = rest.strip_prefix('\n') else { return false };
        self.rest = rest;
        self.line = self.line.saturating_add(1);
        true
    }

    /// Spaces, tabs and ends of lines that go on; whether there was any of them.
    pub(super) fn take_blanks(&mut self) -> bool {
        let before = self.rest.len();
        loop {
            self.take_while(is_blank);
            if !self.take_continuation() {
                return self.rest.len() < before;
            }
        }
    }

    /// A comment up to the end of its line; `#1000` and `#-1` are ids.
    pub(super) fn take_comment(&mut self) {
        let Some(rest) = self.rest.strip_prefix('#') else { return };
        if !rest.strip_prefix('-').unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit()) {
            self.take_while(|c| c != '\n');
        }
    }

    /// Whether the entry has come to its end.
    pub(super) fn at_end(&mut self) -> bool {
        self.take_blanks();
        self.take_comment();
        matches!(self.peek(), None | Some('\n'))
    }

    /// Goes to the end of the line, and of those that it goes on in.
    pub(super) fn skip_entry(&mut self) {
        while !matches!(self.peek(), None | Some('\n')) {
            if !self.take_continuation() {
                self.bump();
            }
        }
    }

    /// A word, or what stands in quotes.
    pub(super) fn word(&mut self) -> Result<Word, String> {
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            return Ok(Word { text, plain: false, prefix: true });
        }
        let prefix = self.peek() != Some('\\');
        let (text, escaped) = self.unquoted(is_word)?;
        if text.is_empty() { Err(self.unexpected()) } else { Ok(Word { text, plain: !escaped, prefix }) }
    }

    /// The characters that fit, and those that a backslash lets stand; whether there was a backslash.
    pub(super) fn unquoted(&mut self, fits: impl Fn(char) -> bool) -> Result<(String, bool), String> {
        let (mut text, mut escaped) = (String::new(), false);
        while let Some(next) = self.peek() {
            if next == '\\' {
                if self.at_continuation() {
                    break;
                }
                self.bump();
                text.push(self.escape()?);
                escaped = true;
            } else if fits(next) {
                self.bump();
                text.push(next);
            } else {
                break;
            }
        }
        Ok((text, escaped))
    }

    pub(super) fn at_continuation(&self) -> bool {
        Cursor { rest: self.rest, line: self.line }.take_continuation()
    }

    /// What comes after a backslash: `x41` is a code, anything else is itself.
    fn escape(&mut self) -> Result<char, String> {
        let code = self.rest.strip_prefix('x').and_then(|rest| rest.get(..2));
        if let Some(code) = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))
            && let Ok(code) = u8::from_str_radix(code, 16)
        {
            self.rest = self.rest.get(3..).unwrap_or_default();
            return Ok(char::from(code));
        }
        match self.peek() {
            None | Some('\t' | '\n') => Err("a backslash with nothing after it".to_owned()),
            Some(next) => {
                self.bump();
                Ok(next)
            }
        }
    }

    /// What stands in quotes; in them a backslash is only special before a quote and at the end of a line.
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.bump();
        loop {
            if self.take_continuation() {
                self.take_while(is_blank);
            } else if self.take("\\\"") {
                text.push('"');
            } else {
                match self.peek() {
                    None | Some('\n') => return Err("a quote without its end".to_owned()),
                    Some('"') => {
                        self.bump();
                        return Ok(text);
                    }
                    Some(next) => {
                        self.bump();
                        text.push(next);
                    }
                }
            }
        }
    }

    /// The sentence about what comes next.
    pub(super) fn unexpected(&self) -> String {
        match self.peek() {
            None | Some('\n') => "it ends too early".to_owned(),
            Some(next) => format!("{next:?} is not expected here"),
        }
    }
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_word(c: char) -> bool {
    !matches!(c, '#' | '>' | '!' | '=' | ':' | ',' | '(' | ')' | ' ' | '\t' | '\r' | '\n' | '\\' | '"')
}
