//! The text of an inventory, from a file that nobody else could have written.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::geteuid;

use super::Fault;

/// Longest inventory, in bytes; 5000 hosts of `ansible-inventory --list` fit.
const MAX_BYTES: u64 = 4 << 20;

/// The text of a file. As ssh(1) does with ssh_config(5): it is root's or the caller's, and nobody else
/// may write it, for it says where passwords go and which programs run.
pub(super) fn file(path: &Path) -> Result<String, Fault> {
    let (file, metadata) = open(path).map_err(|error| unreadable(&error))?;
    if metadata.is_file() {
        trusted(&metadata, geteuid().as_raw())?;
    } else if !is_nameless_pipe(&metadata).map_err(|error| unreadable(&error))? {
        return Err(whole(
            "it is no regular file; give what is no file with --inventory - on standard input",
        ));
    }
    text(file)
}

/// Without waiting for one who writes to a fifo(7): what it is can be seen only then.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    // What comes in a pipe is waited for.
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// Whether it is a pipe(7) as `<(...)` of a shell makes, on the one file system of those: it has no name in a folder
/// that anybody else could write to. A fifo(7) has.
fn is_nameless_pipe(metadata: &Metadata) -> io::Result<bool> {
    let (own, _) = io::pipe()?;
    let own = File::from(OwnedFd::from(own)).metadata()?;
    Ok(metadata.file_type().is_fifo() && metadata.dev() == own.dev())
}

fn trusted(metadata: &Metadata, caller: u32) -> Result<(), Fault> {
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
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

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
    fn a_fifo_is_not_waited_for_and_a_pipe_without_a_name_is_read_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRUSR | Mode::S_IWUSR).expect("a fifo");
        for path in [&fifo, folder.path(), Path::new("/dev/null")] {
            let fault = file(path).expect_err("no file").what;
            assert!(fault.contains("--inventory -"), "{}: {fault}", path.display());
        }
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        // One that has not written yet when it is opened: nothing is there for one who would not wait.
        let (_, metadata) = open(Path::new(&path)).expect("opened");
        assert!(is_nameless_pipe(&metadata).expect("known"));
        let reading = std::thread::spawn(move || file(Path::new(&path)));
        writer.write_all(b"web1: {hostname: ").expect("written");
        writer.write_all(b"192.0.2.1}\n").expect("written");
        drop(writer);
        assert_eq!(reading.join().expect("read").expect("a text"), "web1: {hostname: 192.0.2.1}\n");
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
