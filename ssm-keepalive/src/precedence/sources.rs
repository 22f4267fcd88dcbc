//! The files that systemd reads a unit from.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::Source;
use crate::properties::Properties;
use diagnostics::Failure;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Most files that a unit may have.
const MAX_FILES: usize = 256;

/// The unit's own file and its drop-ins, the later ones going before.
///
/// # Errors
/// `unit-file` when one cannot be read or is larger than 1 MiB, or when there are more than 256.
pub fn read(properties: &Properties) -> Result<Vec<Source>, Failure> {
    let paths: Vec<&Path> =
        properties.fragment.iter().chain(&properties.drop_ins).map(AsRef::as_ref).collect();
    if paths.len() > MAX_FILES {
        return Err(Failure::new("unit-file", format!("the unit has more than {MAX_FILES} files")));
    }
    paths.into_iter().map(|path| Ok(Source { path: path.to_owned(), text: text(path)? })).collect()
}

/// The text of a unit file, which may be a link; a file that is gone holds nothing.
fn text(path: &Path) -> Result<String, Failure> {
    let refuse = |error: &dyn std::fmt::Display| {
        let path = diagnostics::one_line(&path.display().to_string());
        Failure::new("unit-file", format!("{path}, a file of the unit, cannot be read: {error}"))
    };
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file: File = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(refuse(&error)),
    };
    // A link to /dev/null masks, and says nothing.
    if !file.metadata().map_err(|error| refuse(&error))?.is_file() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| refuse(&error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(refuse(&format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn properties(fragment: &Path, drop_ins: &[&Path]) -> Properties {
        Properties {
            fragment: Some(fragment.to_owned()),
            drop_ins: drop_ins.iter().map(|path| (*path).to_owned()).collect(),
            ..Properties::parse("")
        }
    }

    #[test]
    fn files_come_in_their_order_and_links_are_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [unit, link, null, gone] = ["u", "l", "n", "gone"].map(|name| folder.path().join(name));
        fs::write(&unit, "[Service]\n").expect("written");
        symlink(&unit, &link).expect("linked");
        symlink("/dev/null", &null).expect("linked");
        let files = read(&properties(&unit, &[&null, &gone, &link])).expect("read");
        let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(texts, ["[Service]\n", "", "", "[Service]\n"]);
        assert_eq!(files[3].path, link);
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let unit = folder.path().join("u");
        fs::write(&unit, vec![b'#'; MAX_FILE as usize + 1]).expect("written");
        assert_eq!(read(&properties(&unit, &[])).map_err(|failure| failure.code), Err("unit-file"));
        let many = vec![unit.as_path(); MAX_FILES];
        assert_eq!(read(&properties(&unit, &many)).map_err(|failure| failure.code), Err("unit-file"));
    }
}
