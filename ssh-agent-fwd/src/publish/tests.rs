use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;

use super::*;

const ACCESS: Access = Access { owner: 1234, group: 4321, mode: 0o660 };

/// A folder of root's below one that is not sticky; `None` without root.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn folder() -> Option<tempfile::TempDir> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return None;
    }
    Some(tempfile::tempdir_in("/run").expect("a folder"))
}

fn refused(path: &Path) -> &'static str {
    Published::publish(path, ACCESS).map(|_| ()).expect_err("refused").code
}

#[test]
fn a_socket_has_its_owner_and_mode_and_listens_and_goes_when_it_is_dropped() {
    let Some(folder) = folder() else { return };
    let path = folder.path().join("public.sock");
    let (listener, published) = Published::publish(&path, ACCESS).expect("published");
    let metadata = fs::symlink_metadata(&path).expect("there");
    assert!(metadata.file_type().is_socket());
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (1234, 4321, 0o660));
    let _client = UnixStream::connect(&path).expect("it listens");
    listener.accept().expect("a client");
    drop(published);
    let left: Vec<_> =
        fs::read_dir(folder.path()).expect("read").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(left, [".public.sock.lock"], "nothing but the lock's file");
}

#[test]
fn a_stale_socket_is_replaced_and_one_that_is_served_is_respected() {
    let Some(folder) = folder() else { return };
    let path = folder.path().join("public.sock");
    drop(UnixListener::bind(&path).expect("a stale one"));
    let (_listener, published) = Published::publish(&path, ACCESS).expect("replaced");
    assert_eq!(refused(&path), "listen-in-use");
    UnixStream::connect(&path).expect("the first is still served");
    drop(published);
    assert!(!path.exists());
}

#[test]
fn what_is_no_socket_is_left_as_it_is() {
    let Some(folder) = folder() else { return };
    let path = folder.path().join("public.sock");
    fs::write(&path, "mine").expect("written");
    assert_eq!(refused(&path), "listen-occupied");
    assert_eq!(fs::read(&path).expect("read"), b"mine");
    fs::remove_file(&path).expect("removed");
    symlink("elsewhere.sock", &path).expect("a link");
    assert_eq!(refused(&path), "listen-occupied");
    assert!(!folder.path().join("elsewhere.sock").exists());
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let Some(folder) = folder() else { return };
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o1777)).expect("set");
    assert_eq!(refused(&folder.path().join("public.sock")), "listen-untrusted");
    assert_eq!(refused(Path::new("/tmp/public.sock")), "listen-untrusted");
}

#[test]
fn a_name_that_is_anothers_by_now_is_not_taken_away() {
    let Some(folder) = folder() else { return };
    let path = folder.path().join("public.sock");
    let (_listener, published) = Published::publish(&path, ACCESS).expect("published");
    fs::remove_file(&path).expect("removed");
    let _other = UnixListener::bind(&path).expect("another's");
    drop(published);
    assert!(path.exists());
}
