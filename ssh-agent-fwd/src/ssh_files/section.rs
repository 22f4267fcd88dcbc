//! Sections in a file that is somebody else's, between two marks that name the instance. All else in the file is kept
//! byte for byte.

use std::fmt;
use std::ops::Range;

use crate::name::Name;

const BEGIN: &str = "# BEGIN ssh-agent-fwd ";
const END: &str = "# END ssh-agent-fwd ";
/// In a begin mark: before there were sections, there was no file.
const FILE_MADE: &str = " file-made";
/// In a begin mark: before there were sections, there was no folder.
const FOLDER_MADE: &str = " folder-made";
/// The line after a begin mark.
const NOTICE: &str =
    "# Written by ssh-agent-fwd(8): `up` replaces, and `down` removes, all up to the end mark.\n";

/// What was made for sections, and is to go with the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Made {
    /// The file.
    pub file: bool,
    /// The folder of the file.
    pub folder: bool,
}

/// Why it is not known what a section holds; lines are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A line begins as a mark does, and is none that was written here.
    Altered(usize),
    /// A section begins here and does not end before the next mark or the end of the file.
    Unended(usize),
    /// A section ends here that has not begun.
    Unbegun(usize),
    /// A section begins here whose instance has one already.
    Twice(usize),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered(line) => {
                write!(f, "line {line} is a mark of ssh-agent-fwd that somebody has altered")
            }
            Self::Unended(line) => {
                write!(f, "the section of ssh-agent-fwd that begins in line {line} has no end")
            }
            Self::Unbegun(line) => {
                write!(f, "line {line} ends a section of ssh-agent-fwd that does not begin before it")
            }
            Self::Twice(line) => write!(f, "line {line} begins a second section of the same instance"),
        }
    }
}

/// A file's text, and the sections that are in it.
#[derive(Debug)]
pub(super) struct Sections<'a> {
    text: &'a [u8],
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    name: Name,
    made: Made,
    range: Range<usize>,
}

enum Mark {
    Begin(Name, Made),
    End(Name),
}

impl<'a> Sections<'a> {
    /// Finds the sections.
    ///
    /// # Errors
    /// See [`Broken`]: of any instance, since nobody knows what the others' marks enclose then.
    pub(super) fn of(text: &'a [u8]) -> Result<Self, Broken> {
        let mut sections: Vec<Section> = Vec::new();
        let mut open: Option<(Name, Made, usize, usize)> = None;
        let mut at = 0;
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let (number, start) = (index + 1, at);
            at += line.len();
            match (mark(line).map_err(|Foreign| Broken::Altered(number))?, open.take()) {
                (None, still) => open = still,
                (Some(Mark::Begin(..)), Some((.., begun))) => return Err(Broken::Unended(begun)),
                (Some(Mark::Begin(name, made)), None) => {
                    if sections.iter().any(|section| section.name == name) {
                        return Err(Broken::Twice(number));
                    }
                    open = Some((name, made, start, number));
                }
                (Some(Mark::End(ended)), Some((name, made, start, _))) if ended == name => {
                    sections.push(Section { name, made, range: start..at });
                }
                (Some(Mark::End(_)), Some((.., begun))) => return Err(Broken::Unended(begun)),
                (Some(Mark::End(_)), None) => return Err(Broken::Unbegun(number)),
            }
        }
        match open {
            Some((.., begun)) => Err(Broken::Unended(begun)),
            None => Ok(Self { text, sections }),
        }
    }

    /// What was made for the sections that are there.
    pub(super) fn made(&self) -> Made {
        Made {
            file: self.sections.iter().any(|section| section.made.file),
            folder: self.sections.iter().any(|section| section.made.folder),
        }
    }

    /// Whether the instance has one.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.sections.iter().any(|section| section.name == *name)
    }

    /// The text with this as the instance's section: where it was, else before all that is there.
    pub(super) fn put(&self, name: &Name, body: &str, made: Made) -> Vec<u8> {
        let flag = |is: bool, word| if is { word } else { "" };
        let (file, folder) = (flag(made.file, FILE_MADE), flag(made.folder, FOLDER_MADE));
        let section = format!("{BEGIN}{name}{file}{folder}\n{NOTICE}{body}{END}{name}\n");
        let range = self.range(name).unwrap_or(0..0);
        [&self.text[..range.start], section.as_bytes(), &self.text[range.end..]].concat()
    }

    /// The text without the instance's section.
    pub(super) fn taken(&self, name: &Name) -> Vec<u8> {
        let range = self.range(name).unwrap_or(0..0);
        [&self.text[..range.start], &self.text[range.end..]].concat()
    }

    fn range(&self, name: &Name) -> Option<Range<usize>> {
        self.sections.iter().find(|section| section.name == *name).map(|section| section.range.clone())
    }
}

struct Foreign;

/// The mark that a line is; an error for one that only begins as one.
fn mark(line: &[u8]) -> Result<Option<Mark>, Foreign> {
    let text = line.trim_ascii_start();
    let seems = |prefix: &str| text.starts_with(prefix.trim_ascii_end().as_bytes());
    if !seems(BEGIN) && !seems(END) {
        return Ok(None);
    }
    let line = str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).map_err(|_| Foreign)?;
    if let Some(name) = line.strip_prefix(END) {
        return name.parse().map(|name| Some(Mark::End(name))).map_err(|_| Foreign);
    }
    let rest = line.strip_prefix(BEGIN).ok_or(Foreign)?;
    let (rest, folder) = rest.strip_suffix(FOLDER_MADE).map_or((rest, false), |rest| (rest, true));
    let (rest, file) = rest.strip_suffix(FILE_MADE).map_or((rest, false), |rest| (rest, true));
    rest.parse().map(|name| Some(Mark::Begin(name, Made { file, folder }))).map_err(|_| Foreign)
}

#[cfg(test)]
mod tests;
