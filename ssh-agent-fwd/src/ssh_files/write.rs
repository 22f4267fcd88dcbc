//! What the process that is the user does to the user's files.

use std::path::Path;

use diagnostics::Failure;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::home::{Home, SshFolder, refused};
use super::section::{Made, Sections};
use super::staged::{Staged, sweep};
use super::text::{Text, is_still};
use super::{Plan, config, known_hosts};
use crate::name::Name;

/// Both files, in the order in which they are replaced: the host keys are there before the hosts that need them.
const FILES: [&str; 2] = ["known_hosts", "config"];
/// How often it begins anew when somebody else has changed a file meanwhile.
const ATTEMPTS: u32 = 3;

/// What one file is to become.
enum Next {
    AsItIs,
    Text(Vec<u8>),
    Gone,
}

/// Why it was not done.
enum Stopped {
    /// A file is another one than was read.
    Overtaken(&'static str),
    For(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

/// Puts the plan's sections into both files, or with no plan takes them out. Both files are changed or neither, unless
/// this process is killed between them.
///
/// # Errors
/// See [`super::install`].
pub(crate) fn change(home: &Path, name: &Name, plan: Option<&Plan>) -> Result<(), Failure> {
    let bodies = [plan.and_then(known_hosts::lines), plan.map(config::section)];
    let Some(open) = Home::open(home)? else {
        let missing =
            refused("home", home, &"there is no such folder: make the home first, or name another one");
        return if plan.is_some() { Err(missing) } else { Ok(()) };
    };
    let mut overtaken = FILES[0];
    for _ in 0..ATTEMPTS {
        let folder = if plan.is_some() { Some(open.ssh_or_made()?) } else { open.ssh()? };
        let Some(folder) = folder else { return Ok(()) };
        let done = change_both(&folder, name, &bodies);
        match &done {
            Ok(Emptied(true)) => open.remove_empty_ssh(),
            Err(_) if folder.made => open.remove_empty_ssh(),
            Ok(_) if folder.made => open.sync(),
            Ok(_) | Err(_) => {}
        }
        match done {
            Ok(_) => return Ok(()),
            Err(Stopped::For(failure)) => return Err(failure),
            Err(Stopped::Overtaken(file)) => overtaken = file,
        }
    }
    let path = home.join(".ssh").join(overtaken);
    Err(refused("ssh-file", &path, &"another process changes it again and again: try again later"))
}

/// Whether the folder may have become one to take away.
struct Emptied(bool);

fn change_both(folder: &SshFolder, name: &Name, bodies: &[Option<String>; 2]) -> Result<Emptied, Stopped> {
    FILES.into_iter().for_each(|file| sweep(folder, file));
    let found = [Text::read(folder, FILES[0])?, Text::read(folder, FILES[1])?];
    let sections =
        [sections(folder, FILES[0], found[0].as_ref())?, sections(folder, FILES[1], found[1].as_ref())?];
    let folder_made = folder.made || sections.iter().any(|sections| sections.made().folder);
    let mut staged = Vec::new();
    let mut gone = Vec::new();
    for (((file, found), sections), body) in FILES.into_iter().zip(&found).zip(&sections).zip(bodies) {
        match next(found.as_ref(), sections, name, body.as_deref(), folder_made) {
            Next::AsItIs => {}
            Next::Gone => gone.push(file),
            Next::Text(text) => {
                let written = Staged::write(folder, file, &text);
                staged.push(written.map_err(|error| refused("ssh-file", &folder.path_of(file), &error))?);
            }
        }
    }
    for (file, found) in FILES.into_iter().zip(&found) {
        if !is_still(found.as_ref(), folder, file) {
            return Err(Stopped::Overtaken(file));
        }
    }
    let is_removal = bodies.iter().all(Option::is_none);
    if !is_removal {
        folder.make_private()?;
    }
    commit(folder, staged, &gone)?;
    Ok(Emptied(is_removal && folder_made))
}

fn sections<'a>(folder: &SshFolder, file: &str, found: Option<&'a Text>) -> Result<Sections<'a>, Failure> {
    Sections::of(found.map_or(&[], |text| &text.bytes)).map_err(|broken| {
        let why = format!("{broken}: take the marks and what they enclose out by hand, then try again");
        refused("ssh-section", &folder.path_of(file), &why)
    })
}

fn next(
    found: Option<&Text>,
    sections: &Sections<'_>,
    name: &Name,
    body: Option<&str>,
    folder_made: bool,
) -> Next {
    let file_made = found.is_none() || sections.made().file;
    match (body, found) {
        (None, Some(_)) if sections.has(name) => {
            let text = sections.taken(name);
            if text.is_empty() && file_made { Next::Gone } else { Next::Text(text) }
        }
        (None, _) => Next::AsItIs,
        (Some(body), found) => {
            let text = sections.put(name, body, Made { file: file_made, folder: folder_made });
            let is_so = found.is_some_and(|found| found.is_private() && found.bytes == text);
            if is_so { Next::AsItIs } else { Next::Text(text) }
        }
    }
}

fn commit(folder: &SshFolder, staged: Vec<Staged<'_>>, gone: &[&str]) -> Result<(), Failure> {
    for staged in staged {
        let path = folder.path_of(staged.name());
        staged.take_place().map_err(|errno| refused("ssh-file", &path, &errno.desc()))?;
    }
    for file in gone {
        let removed = unlinkat(folder, *file, UnlinkatFlags::NoRemoveDir);
        removed.map_err(|errno| refused("ssh-file", &folder.path_of(file), &errno.desc()))?;
    }
    folder.sync();
    Ok(())
}
