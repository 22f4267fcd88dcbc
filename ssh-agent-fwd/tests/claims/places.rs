//! What stands at the socket's path: case 9 of reference/ssh-agent.md, section 6.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::serving::{Bench, LIST};
use crate::{USER, bench};

/// Puts something there that is no stale socket.
type Put = fn(&Path);

const OTHERS: [(&str, Put); 5] = [
    ("a file", |path| fs::write(path, "mine").expect("written")),
    ("a folder", |path| fs::create_dir(path).expect("made")),
    ("a FIFO", |path| mkfifo(path, Mode::S_IRUSR).expect("made")),
    ("a link to nothing", |path| symlink("elsewhere", path).expect("a link")),
    ("a link to a stale socket", |path| {
        let real = path.with_file_name("real.sock");
        drop(UnixListener::bind(&real).expect("bound"));
        symlink(real, path).expect("a link");
    }),
];

#[test]
fn case_9_what_is_no_socket_is_left_as_it_is_and_nothing_is_served() {
    for (what, put) in OTHERS {
        let Some(bench) = Bench::new() else { return };
        put(&bench.socket());
        let before = fs::symlink_metadata(bench.socket()).expect("there");
        let said = bench.refused(&["--allow-user", "5"]);
        assert!(said.contains("listen-occupied: "), "{what}: {said}");
        let after = fs::symlink_metadata(bench.socket()).expect("there");
        assert_eq!(
            (after.ino(), after.mode(), after.len()),
            (before.ino(), before.mode(), before.len()),
            "{what}"
        );
    }
}

#[test]
fn case_9_a_socket_of_another_program_that_serves_is_left_alone() {
    let Some(bench) = Bench::new() else { return };
    let listener = UnixListener::bind(bench.socket()).expect("bound");
    let said = bench.refused(&["--allow-user", "5"]);
    assert!(said.contains("listen-in-use: "), "{said}");
    drop(listener);
    // Of a stale one the place is taken.
    let serve = bench.serve(&[]);
    assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
}

#[test]
fn case_9_a_datagram_socket_of_another_program_is_left_alone() {
    let Some(bench) = Bench::new() else { return };
    let _other = UnixDatagram::bind(bench.socket()).expect("bound");
    let _ = bench.refused(&["--allow-user", "5"]);
    assert!(fs::symlink_metadata(bench.socket()).expect("there").file_type().is_socket());
}

#[test]
fn two_that_are_started_at_once_are_one_that_serves_and_one_that_says_why_not() {
    let Some(bench) = Bench::new() else { return };
    let serve = bench.serve(&[]);
    for _ in 0..4 {
        let said = bench.refused(&["--allow-user", "5"]);
        assert!(said.contains("listen-in-use: "), "{said}");
        assert_eq!(serve.connect(USER).ask(&LIST)[0], 12);
    }
    serve.kill();
    // SIGKILL, and then again on the same path.
    assert_eq!(bench.serve(&[]).connect(USER).ask(&LIST)[0], 12);
}

#[test]
fn a_folder_that_others_can_write_and_a_link_on_the_way_are_refused() {
    let Some(bench) = Bench::new() else { return };
    fs::set_permissions(bench.folder(), PermissionsExt::from_mode(0o777)).expect("set");
    let said = bench.refused(&["--allow-user", "5"]);
    assert!(said.contains("untrusted: "), "{said}");
    assert!(!bench.socket().exists());
}

/// The old names, in a /run of its own.
const OLD_NAMES: &str = r#"
set -e
mount -t tmpfs -o mode=755 tmpfs /run
as_user() { setpriv --reuid=1 --regid=1 --clear-groups -- "$@"; }
cat >/run/m.json; chmod 600 /run/m.json
for turn in 1 2; do
    eval "$("$0" up -q --manifest /run/m.json)"
    echo $SSH_AUTH_SOCK
    as_user env SSH_AUTH_SOCK=$SSH_AUTH_SOCK ssh-add -l >/dev/null
    SSH_AUTH_SOCK=/run/claude-bottle-agent.sock ssh-add -l >/dev/null
    as_user env SSH_AUTH_SOCK=/run/claude-bottle-agent.sock ssh-add -l 2>/dev/null && exit 9
    stat -c '%a %u' /run/claude-bottle-agent-public.sock
done
grep -h IdentityAgent "$HOME_OF_USER/.ssh/config"
"$0" down --name NAME >/dev/null
rm /run/m.json
find /run -mindepth 1
"#;

#[test]
fn the_old_names_lead_to_the_sockets_and_the_old_mode_is_gone() {
    let Some(bench) = bench::Bench::new() else { return };
    let mut manifest = bench.manifest(&[bench::pem(&bench.key("a"))]);
    manifest["agent_socket"] = "/run/claude-bottle-agent.sock".into();
    manifest["public_socket"] = "/run/claude-bottle-agent-public.sock".into();
    let script = OLD_NAMES.replace("NAME", &bench.name).replace("$HOME_OF_USER", &crate::home(&bench));
    let output = bench::apart(&script, &manifest.to_string());
    assert!(output.status.success(), "{output:?}");
    let turn = "/run/claude-bottle-agent-public.sock\n600 1\n".repeat(2);
    let expected = format!("{turn}    IdentityAgent /run/claude-bottle-agent-public.sock\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
}
