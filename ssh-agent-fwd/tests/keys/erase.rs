//! The file of a key goes: that file, and no other.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use ssh_agent_fwd::erase::KeyFile;
use ssh_agent_fwd::material::Material;

use crate::bench::{Bench, Key, again, run, skip, source};

/// Names the folder of the file system to the process that has it mounted.
const MOUNTED: &str = "KEYS_TEST_MOUNTED";

fn held(key: &Key) -> KeyFile {
    Material::read(&key.source()).expect("a key").1.expect("a file")
}

#[test]
fn it_is_gone_and_whoever_has_it_open_finds_zeros() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let open = fs::File::open(&key.file).expect("open");
    held(&key).erase().expect("erased");
    assert!(!key.file.exists());
    assert!(key.file.with_extension("pub").exists());
    let left = std::io::read_to_string(open).expect("read");
    assert!(!left.is_empty() && left.bytes().all(|byte| byte == 0));
}

/// Changes what has the name; nothing may be done to it then.
type Change = fn(&Bench, &Key);

const CHANGES: [(&str, Change); 6] = [
    ("another file of the same content", |bench, key| {
        fs::copy(&key.file, bench.path("copy")).expect("copied");
        fs::rename(bench.path("copy"), &key.file).expect("moved");
    }),
    ("removed and made again", |_, key| {
        let text = key.text();
        fs::remove_file(&key.file).expect("removed");
        fs::write(&key.file, text).expect("written");
        fs::set_permissions(&key.file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
    }),
    ("another key in the same file", |bench, key| {
        let other = bench.key("other", "-t ed25519");
        fs::write(&key.file, other.text()).expect("written");
    }),
    ("a symbolic link to it", |bench, key| {
        fs::rename(&key.file, bench.path("moved")).expect("moved");
        std::os::unix::fs::symlink("moved", &key.file).expect("linked");
    }),
    ("another name", |bench, key| fs::hard_link(&key.file, bench.path("second")).expect("linked")),
    ("a FIFO", |_, key| {
        fs::remove_file(&key.file).expect("removed");
        let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
        nix::unistd::mkfifo(&key.file, mode).expect("a FIFO");
    }),
];

#[test]
fn what_is_not_the_file_that_was_read_is_left_as_it_is() {
    let Some(bench) = Bench::new() else { return };
    for (index, (what, change)) in CHANGES.into_iter().enumerate() {
        let key = bench.key(&format!("key-{index}"), "-t ed25519");
        let file = held(&key);
        change(&bench, &key);
        let before = (fs::symlink_metadata(&key.file).expect(what), content(&key.file));
        let failure = file.erase().expect_err(what);
        assert_eq!(failure.code, "key-changed", "{what}: {failure}");
        let after = (fs::symlink_metadata(&key.file).expect(what), content(&key.file));
        assert_eq!((before.0.ino(), &before.1), (after.0.ino(), &after.1), "{what}");
        let _ = fs::remove_file(bench.path("other"));
        for name in ["moved", "second"] {
            let _ = fs::remove_file(bench.path(name));
        }
    }
}

#[test]
fn what_is_gone_already_is_no_failure_and_said() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let (first, second) = (held(&key), held(&key));
    first.erase().expect("erased");
    let words = second.erase().expect("gone");
    assert!(words[0].contains("was gone before"), "{words:?}");
}

/// Of a regular file.
fn content(path: &Path) -> Option<String> {
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file.then(|| fs::read_to_string(path).expect("read"))
}

#[test]
fn its_folder_is_held_so_that_another_one_in_its_place_is_not_touched() {
    let Some(bench) = Bench::new() else { return };
    fs::create_dir(bench.path("keys")).expect("made");
    let key = bench.key("keys/key", "-t ed25519");
    let file = held(&key);
    let text = key.text();
    fs::rename(bench.path("keys"), bench.path("before")).expect("moved");
    fs::create_dir(bench.path("keys")).expect("made");
    fs::write(&key.file, &text).expect("written");
    file.erase().expect("erased where it was");
    assert!(!bench.path("before/key").exists());
    assert_eq!(key.text(), text);
}

/// Runs a script in a mount namespace of its own, and this program's test in what it has mounted.
fn mounted(bench: &Bench, script: &str, test: &str) -> bool {
    let argv = again(test);
    let script = format!("set -e; cd \"$FOLDER\"; {script}\nexec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]).args(&argv);
    command.env("FOLDER", bench.folder()).env(MOUNTED, bench.path("mounted"));
    let output = command.output().expect("run");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() && !out.contains("running 1 test") {
        skip(&format!("nothing can be mounted here: {err}"));
        return false;
    }
    assert!(output.status.success(), "{out}{err}");
    true
}

/// Erases the key there; what is said of it.
fn erased_where_it_is_mounted() -> Vec<String> {
    let folder = std::env::var_os(MOUNTED).expect("run by another test");
    let path = Path::new(&folder).join("key");
    let (_, file) = Material::read(&source(&path)).expect("a key");
    let words = file.expect("a file").erase().expect("erased");
    assert!(!path.exists());
    let begins = format!("the key {} is erased, but ", path.display());
    assert!(words.iter().all(|words| words.starts_with(&begins)), "{words:?}");
    words
}

#[test]
#[ignore = "the process that another test mounts a tmpfs for"]
fn in_memory() {
    assert!(erased_where_it_is_mounted().is_empty());
}

#[test]
#[ignore = "the process that another test mounts an ext4 for"]
fn on_ext4() {
    assert!(erased_where_it_is_mounted().concat().contains("a snapshot or a backup"));
}

#[test]
#[ignore = "the process that another test mounts an ext4 for"]
fn on_ext4_with_a_journal_of_data() {
    assert!(erased_where_it_is_mounted().concat().contains("data=journal"));
}

#[test]
#[ignore = "the process that another test mounts an overlay for"]
fn on_an_overlay() {
    assert!(erased_where_it_is_mounted().concat().contains("lower layer"));
}

/// Whether the bytes of the disk have the text.
fn disk_has(bench: &Bench, text: &str) -> bool {
    let disk = fs::read(bench.path("disk")).expect("read");
    disk.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Makes an ext4 in a file with the key in it.
fn disk(bench: &Bench, key: &Key) {
    fs::File::create(bench.path("disk")).and_then(|file| file.set_len(16 << 20)).expect("a disk");
    run(Command::new("mkfs.ext4").arg("-q").arg(bench.path("disk")));
    fs::create_dir(bench.path("mounted")).expect("made");
    let script =
        format!("mount -o loop disk mounted; cp -p {} mounted/key; sync; umount mounted", key.file.display());
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-e", "-c", &script]);
    let _ = command.current_dir(bench.folder()).output().expect("run");
}

#[test]
fn in_memory_there_is_nothing_to_warn_about() {
    let Some(bench) = Bench::new() else { return };
    bench.key("key", "-t ed25519");
    mounted(
        &bench,
        "mkdir mounted; mount -t tmpfs -o mode=755 none mounted; cp -p key mounted/key",
        "erase::in_memory",
    );
}

#[test]
fn on_ext4_the_key_is_not_on_the_disk_any_more() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    disk(&bench, &key);
    if !disk_has(&bench, &key.secret_line()) {
        return skip("no loop device");
    }
    let script = "mount -o loop disk mounted";
    if mounted(&bench, script, "erase::on_ext4") {
        assert!(!disk_has(&bench, &key.secret_line()));
    }
}

#[test]
fn on_ext4_a_journal_that_has_the_data_is_warned_about() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    disk(&bench, &key);
    if !disk_has(&bench, &key.secret_line()) {
        return skip("no loop device");
    }
    mounted(&bench, "mount -o loop,data=journal disk mounted", "erase::on_ext4_with_a_journal_of_data");
}

#[test]
fn on_an_overlay_the_lower_layer_is_warned_about() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let script = "mkdir layers mounted; mount -t tmpfs -o mode=755 none layers; \
                  mkdir layers/lower layers/upper layers/work; \
                  cp -p key layers/lower/key; \
                  mount -t overlay none -o lowerdir=layers/lower,upperdir=layers/upper,workdir=layers/work mounted";
    mounted(&bench, script, "erase::on_an_overlay");
    assert!(key.file.exists());
}
