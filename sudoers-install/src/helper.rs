//! The program that a rule names: a file that only root can have written, on a path that only root can
//! change.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use sha2::{Digest, Sha256};
use trusted_path::{PathError, Sticky, walk};

use crate::escape_hatch::{Arguments, hatch};
use diagnostics::Failure;

/// The program's name, where it is looked for.
const NAME: &str = "sudo-helper";
/// Where it is looked for, after the folder of this program.
const FOLDERS: [&str; 4] = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"];
/// Largest file that is examined, in bytes.
const MAX_SIZE: u64 = 256 << 20;
/// Longest path that a rule names, in bytes: sudo-rs reads 1024 of a rule's.
const MAX_PATH: usize = 1000;
/// Bytes that are read at a time.
const CHUNK: usize = 64 << 10;

/// A program that a rule may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    /// Its real path: absolute, without symbolic links, of plain characters only.
    pub path: PathBuf,
    /// SHA-256 of its content, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Helper {
    /// The program that was given, else sudo-helper beside this program, else in a folder of the system.
    ///
    /// # Errors
    /// `no-helper` when there is none, and as for [`Self::examine`].
    pub fn find(given: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = given {
            return Self::examine(path);
        }
        let own = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_owned()));
        let folders = own.into_iter().chain(FOLDERS.map(PathBuf::from));
        let found = folders.map(|folder| folder.join(NAME)).find(|path| path.symlink_metadata().is_ok());
        let path = found.ok_or_else(|| {
            let folders = FOLDERS.join(", ");
            let error = format!(
                "there is no {NAME} beside this program, nor in {folders}: install it, or give --helper PATH"
            );
            Failure::new("no-helper", error)
        })?;
        Self::examine(&path)
    }

    /// Makes sure that nobody but root can change what a rule for this program would run.
    ///
    /// A POSIX ACL that lets somebody else write shows in the mode: its mask stands in the bits of the
    /// group (acl(5), "Correspondence between ACL entries and file permission bits").
    ///
    /// # Errors
    /// `helper-untrusted` with the element of the path that somebody else could change, `helper-unfit`
    /// for what is no program, `helper-path` for a path that a rule cannot name, `helper-read`.
    pub fn examine(path: &Path) -> Result<Self, Failure> {
        if !path.is_absolute() {
            let error = format!("{} is not an absolute path", shown(path));
            return Err(Failure::new("helper-path", error));
        }
        // Whoever can change a link on the way could lead the operator to another program.
        trusted_path::verify(path).map_err(|error| untrusted(path, &error))?;
        let real = path.canonicalize().map_err(|error| unread(path, &error))?;
        let text = plain_path(&real)?;
        let place = walk(&real, Sticky::Refused).map_err(|error| untrusted(path, &error))?;
        let file = place.open_existing(OFlag::O_RDONLY).map_err(|error| untrusted(path, &error))?;
        if let Some(hatch) = hatch(&text, Arguments::Any) {
            let error = format!("{text} is no helper: {}; {}", hatch.why, hatch.instead);
            return Err(Failure::new("helper-unfit", error));
        }
        check_file(&file, &real)?;
        let sha256 = sha256(file, &real)?;
        Ok(Self { path: real, sha256 })
    }
}

/// The path, when every sudo reads it as it is: absolute, normal, `[A-Za-z0-9/._+-]` only.
///
/// # Errors
/// `helper-path` with the character at fault.
pub fn plain_path(path: &Path) -> Result<String, Failure> {
    let refuse = |why: &str| Err(Failure::new("helper-path", format!("{} {why}", shown(path))));
    let Some(text) = path.to_str() else { return refuse("is not UTF-8: a rule cannot name it") };
    if text.len() > MAX_PATH {
        return refuse(&format!("is longer than {MAX_PATH} bytes"));
    }
    if let Some(c) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !"/._+-".contains(*c)) {
        let c = c.escape_debug();
        return refuse(&format!("holds '{c}', which a rule cannot name safely: use another path"));
    }
    let normal = text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|element| !element.is_empty() && element != "." && element != "..")
    });
    if normal { Ok(text.to_owned()) } else { refuse("is not an absolute path without '//', '.' and '..'") }
}

fn check_file(file: &File, path: &Path) -> Result<(), Failure> {
    let metadata = file.metadata().map_err(|error| unread(path, &error))?;
    let why = if !metadata.is_file() {
        "is not a regular file".to_owned()
    } else if metadata.nlink() != 1 {
        let links = metadata.nlink();
        format!("has {links} names (hard links): copy it, so that it has one, and remove the others")
    } else if metadata.mode() & 0o111 == 0 {
        "is not executable: chmod 0755 it".to_owned()
    } else if metadata.len() > MAX_SIZE {
        format!("is larger than {MAX_SIZE} bytes")
    } else {
        return Ok(());
    };
    Err(Failure::new("helper-unfit", format!("{} {why}", shown(path))))
}

fn sha256(file: File, path: &Path) -> Result<String, Failure> {
    let mut digest = Sha256::new();
    let mut file = file.take(MAX_SIZE);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(format!("{:x}", digest.finalize())),
            Ok(length) => digest.update(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(path, &error)),
        }
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::new("helper-read", format!("cannot read {}: {error}", shown(path)))
}

fn untrusted(path: &Path, error: &PathError) -> Failure {
    let said = diagnostics::one_line(&error.to_string());
    match error {
        PathError::Call(_, error) if error.kind() == io::ErrorKind::NotFound => {
            Failure::new("no-helper", format!("{said}: install it, or give --helper PATH"))
        }
        PathError::Call(..) => Failure::new("helper-read", format!("cannot examine {}: {said}", shown(path))),
        _ => Failure::new(
            "helper-untrusted",
            format!("a rule for {} would not be safe: {said}; {}", shown(path), advice(path)),
        ),
    }
}

/// What to do about a path that others can change, by what the path is.
fn advice(path: &Path) -> &'static str {
    let text = path.to_string_lossy();
    let has = |part: &str| text.contains(part);
    let environment = path.ancestors().skip(1).any(|folder| folder.join("pyvenv.cfg").exists());
    if environment || has("/venv/") || has("/.venv/") || has("/site-packages/") {
        "a virtual environment is its user's: install the program for the system, as root in /usr/local/bin"
    } else if has("/.local/") || has("/.cargo/") || has("/home/") {
        "a program in a home is its user's: install it for the system, as root in /usr/local/bin"
    } else {
        "chown root:root it and chmod go-w it, or install the program elsewhere"
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    /// A folder of root's in which only root can put names; `None` without root.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn folder() -> Option<tempfile::TempDir> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: not root");
            return None;
        }
        // Its name has no character that a rule could not name.
        let folder = tempfile::Builder::new().prefix("helper").tempdir_in("/run").expect("a folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("set");
        Some(folder)
    }

    fn program(path: PathBuf) -> PathBuf {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, "abc").expect("written");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("set");
        path
    }

    fn refused(path: &Path, code: &str, part: &str) {
        let failure = Helper::examine(path).expect_err("refused");
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.error.contains(part), "{failure}");
    }

    #[test]
    fn a_program_of_roots_is_named_by_its_real_path() {
        let Some(folder) = folder() else { return };
        let path = program(folder.path().join("sudo-helper"));
        let helper = Helper::examine(&path).expect("trusted");
        assert_eq!(helper.path, path);
        // The example of FIPS 180-2, B.1.
        assert_eq!(helper.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        assert_eq!(Helper::examine(&link).expect("root's link"), helper);
        assert_eq!(Helper::find(Some(&path)).expect("found"), helper);
    }

    #[test]
    fn whoever_else_could_change_it_is_named() {
        let Some(folder) = folder() else { return };
        let path = program(folder.path().join("inner/sudo-helper"));
        let inner = folder.path().join("inner");
        for mode in [0o775, 0o757, 0o1777] {
            fs::set_permissions(&inner, PermissionsExt::from_mode(mode)).expect("set");
            refused(&path, "helper-untrusted", "inner can be written by others than root");
        }
        fs::set_permissions(&inner, PermissionsExt::from_mode(0o755)).expect("set");
        chown(&inner, Some(1000), None).expect("given away");
        refused(&path, "helper-untrusted", "inner does not belong to root");
        chown(&inner, Some(0), None).expect("taken back");
        chown(&path, Some(1000), None).expect("given away");
        refused(&path, "helper-untrusted", "sudo-helper does not belong to root");
        chown(&path, Some(0), None).expect("taken back");
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        std::os::unix::fs::lchown(&link, Some(1000), None).expect("given away");
        refused(&link, "helper-untrusted", "link that is not root's");
        Helper::examine(&path).expect("trusted again");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let Some(folder) = folder() else { return };
        let path = program(folder.path().join("sudo-helper"));
        fs::hard_link(&path, folder.path().join("other")).expect("a link");
        refused(&path, "helper-unfit", "has 2 names");
        fs::remove_file(folder.path().join("other")).expect("removed");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("set");
        refused(&path, "helper-unfit", "is not executable");
        refused(folder.path(), "helper-untrusted", "does not name a file");
        refused(&folder.path().join("none"), "no-helper", "none: No such file");
        refused(Path::new("sudo-helper"), "helper-path", "not an absolute path");
        refused(&program(folder.path().join("a b")), "helper-path", "holds ' '");
        refused(&program(folder.path().join("a,b")), "helper-path", "holds ','");
        refused(&program(folder.path().join("a\nb")), "helper-path", "holds '\\n'");
        refused(Path::new("/bin/sh"), "helper-unfit", "is a shell");
        let large = program(folder.path().join("large"));
        fs::File::options().write(true).open(&large).expect("opened").set_len(MAX_SIZE + 1).expect("grown");
        refused(&large, "helper-unfit", "is larger than");
    }

    #[test]
    fn a_hint_says_what_a_home_or_a_virtual_environment_is() {
        let Some(folder) = folder() else { return };
        for (place, hint) in
            [("home/.local/bin", "a program in a home"), ("app/.venv/bin", "a virtual environment")]
        {
            let path = program(folder.path().join(place).join("sudo-helper"));
            chown(path.parent().expect("a folder"), Some(1000), None).expect("given away");
            refused(&path, "helper-untrusted", hint);
            refused(&path, "helper-untrusted", "/bin does not belong to root");
        }
    }

    #[test]
    fn a_path_that_some_sudo_would_read_otherwise_is_none() {
        for path in ["/usr/bin/sudo-helper", "/opt/a_b+c-1.2/x"] {
            assert_eq!(plain_path(Path::new(path)).expect(path), path);
        }
        let long = format!("/{}", "a".repeat(MAX_PATH));
        for path in [
            "", "/", "a", "/a//b", "/a/./b", "/a/../b", "/a/", "/a b", "/a*", "/a\\b", "/a:b", "/a=b", "/é",
            &long,
        ] {
            assert_eq!(plain_path(Path::new(path)).expect_err(path).code, "helper-path");
        }
    }
}
