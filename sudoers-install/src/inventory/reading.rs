//! The text of an inventory, from a file that nobody else could have written.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;

use super::Fault;

/// Longest inventory, in bytes; 5000 hosts of `ansible-inventory --list` fit.
const MAX_BYTES: u64 = 4 << 20;

/// The text of a file. As ssh(1) does with ssh_config(5): it is root's or the caller's, and nobody else
/// may write it, for it says where passwords go and which programs run.
pub(super) fn file(path: &Path) -> Result<String, Fault> {
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    trusted(&metadata, geteuid().as_raw())?;
    text(file)
}

/// A pipe, as `<(...)` of a shell makes, has no name that anybody else could write to.
fn trusted(metadata: &Metadata, caller: u32) -> Result<(), Fault> {
    if !metadata.is_file() {
        return Ok(());
    }
    if metadata.uid() != 0 && metadata.uid() != caller {
        let owner = metadata.uid();
        return Err(whole(format!("uid {owner} owns it; it has to be yours or root's (chown)")));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(whole("others may write it; take that away (chmod go-w)"));
    }
    Ok(())
}

/// The text of a stream up to its end.
pub(super) fn text(stream: impl Read) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(whole(format!("it is longer than {MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Fault::at(line, "this line is not UTF-8")
    })
}

fn unreadable(error: &io::Error) -> Fault {
    whole(format!("cannot be read: {error}"))
}

fn whole(what: impl ToString) -> Fault {
    Fault { line: None, what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_may_write_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let uid = geteuid().as_raw();
        for (mode, caller, complaint) in [
            (0o600, uid, None),
            (0o644, uid, None),
            (0o664, uid, Some("chmod go-w")),
            (0o646, uid, Some("chmod go-w")),
        ] {
            std::fs::set_permissions(file.path(), PermissionsExt::from_mode(mode)).expect("changed");
            let metadata = file.as_file().metadata().expect("there");
            let error = trusted(&metadata, caller).err().map(|fault| fault.what);
            assert_eq!(error.is_some(), complaint.is_some(), "{mode:o}: {error:?}");
            assert!(error.unwrap_or_default().contains(complaint.unwrap_or_default()), "{mode:o}");
        }
    }

    #[test]
    fn a_text_has_an_end_and_is_utf_8() {
        let long = text(io::repeat(b'#')).expect_err("too long").what;
        assert!(long.contains("longer than 4194304 bytes"), "{long}");
        let fault = text(&b"a: 1\nb: \xff\n"[..]).expect_err("not UTF-8");
        assert_eq!(fault.line, Some(2));
        assert_eq!(text(&b"a: 1\n"[..]).expect("read"), "a: 1\n");
    }
}
