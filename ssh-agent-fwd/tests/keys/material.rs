//! Where a key may come from, and what is refused.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::thread;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use ssh_agent_fwd::manifest::{KeySource, MAX_KEY, Manifest};
use ssh_agent_fwd::material::Material;

use crate::bench::{Bench, Key, again, run, source};

/// Names the folder to the process that has credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The stable word and the sentence, which has nothing of the key.
fn refused(from: &KeySource, key: &Key) -> (&'static str, String) {
    let failure = Material::read(from).expect_err("refused");
    for line in key.text().lines().filter(|line| line.len() > 20 && !line.starts_with('-')) {
        assert!(!failure.error.contains(line), "{failure}");
    }
    (failure.code, failure.error)
}

#[test]
fn every_kind_of_key_is_read_and_openssh_s_own_format_says_which_it_is() {
    let Some(bench) = Bench::new() else { return };
    for (name, words, says) in [
        ("ed25519", "-t ed25519", true),
        ("rsa", "-t rsa -b 2048", true),
        ("rsa-pem", "-t rsa -b 2048 -m PEM", false),
        ("ecdsa", "-t ecdsa -b 521", true),
        ("ecdsa-pem", "-t ecdsa -m PEM", false),
        ("ecdsa-pkcs8", "-t ecdsa -m PKCS8", false),
    ] {
        let key = bench.key(name, words);
        let material = key.material();
        assert_eq!(material.secret(), key.text().as_bytes(), "{name}");
        assert_eq!(material.public().map(ToString::to_string), says.then(|| key.line.clone()), "{name}");
        assert!(!format!("{material:?}").contains(&key.secret_line()));
    }
}

#[test]
fn a_key_with_a_passphrase_is_refused_before_anything_is_done() {
    let Some(bench) = Bench::new() else { return };
    for (name, words) in [
        ("own", "-t ed25519"),
        ("pem", "-t rsa -b 2048 -m PEM"),
        ("pkcs8", "-t ecdsa -m PKCS8"),
        ("ecdsa-pem", "-t ecdsa -m PEM"),
    ] {
        let key = bench.key_with_passphrase(name, words, "correct horse");
        let (code, error) = refused(&key.source(), &key);
        assert_eq!(code, "key-encrypted", "{name}: {error}");
        assert!(error.contains("passphrase") && error.contains(name), "{error}");
    }
}

#[test]
fn a_file_that_is_not_root_s_alone_is_refused() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let of = |path: &Path| refused(&source(path), &key);
    for mode in [0o640, 0o604, 0o620, 0o644, 0o666, 0o610] {
        fs::set_permissions(&key.file, PermissionsExt::from_mode(mode)).expect("set");
        assert_eq!(of(&key.file).0, "key-untrusted", "{mode:o}");
    }
    fs::set_permissions(&key.file, PermissionsExt::from_mode(0o600)).expect("set");
    chown(&key.file, Some(12_345), None).expect("given away");
    assert_eq!(of(&key.file).0, "key-untrusted");
    chown(&key.file, Some(0), None).expect("taken back");
    fs::hard_link(&key.file, bench.path("other")).expect("linked");
    assert!(of(&key.file).1.contains("another name"));
    fs::remove_file(bench.path("other")).expect("removed");
    symlink(&key.file, bench.path("link")).expect("linked");
    assert!(of(&bench.path("link")).1.contains("symbolic link"));
    mkfifo(&bench.path("fifo"), Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
    assert!(of(&bench.path("fifo")).1.contains("regular file"));
    assert_eq!(of(bench.folder()).0, "key-untrusted");
    assert_eq!(of(&bench.path("none")).0, "key-unreadable");
    fs::set_permissions(bench.folder(), PermissionsExt::from_mode(0o777)).expect("set");
    assert_eq!(of(&key.file).0, "key-untrusted");
    fs::set_permissions(bench.folder(), PermissionsExt::from_mode(0o755)).expect("set");
    Material::read(&key.source()).expect("a key again");
}

#[test]
fn what_is_no_private_key_is_refused() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let whole = key.text();
    let half = &whole[..whole.len() / 2];
    let long = format!("{whole}{}", "\n".repeat(MAX_KEY));
    for text in [
        "",
        "\n",
        half,
        &key.line,
        &long,
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        &whole.replace("b3Bl", "b3Bm"),
    ] {
        fs::write(&key.file, text).expect("written");
        assert_eq!(Material::read(&key.source()).expect_err("refused").code, "key-invalid", "{text:.80}");
    }
}

#[test]
fn line_ends_of_windows_and_a_last_line_without_one_are_put_right() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let whole = key.text();
    fs::write(&key.file, whole.trim_end().replace('\n', "\r\n")).expect("written");
    assert_eq!(key.material().secret(), whole.as_bytes());
}

#[test]
fn a_descriptor_is_read_to_its_end_and_once() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let text = key.text();
    let from = KeySource::Fd(reader.as_raw_fd());
    let material = thread::scope(|scope| {
        scope.spawn(move || {
            // In two pieces.
            writer.write_all(&text.as_bytes()[..10]).expect("written");
            writer.write_all(&text.as_bytes()[10..]).expect("written");
        });
        Material::read(&from).expect("a key").0
    });
    assert_eq!(material.secret(), key.text().as_bytes());
    let (code, error) = refused(&from, &key);
    assert_eq!(code, "key-invalid");
    assert!(error.contains("once"), "{error}");
    let file = File::open(&key.file).expect("open");
    Material::read(&KeySource::Fd(file.as_raw_fd())).expect("a key");
    assert_eq!(refused(&KeySource::Fd(i32::MAX), &key).0, "key-unreadable");
}

#[test]
fn more_than_a_key_can_be_is_not_read_from_a_descriptor() {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let from = KeySource::Fd(reader.as_raw_fd());
    let failure = thread::scope(|scope| {
        scope.spawn(move || while writer.write_all(&[b'a'; 4096]).is_ok() {});
        let failure = Material::read(&from).expect_err("too long");
        drop(reader);
        failure
    });
    assert_eq!(failure.code, "key-invalid");
}

#[test]
fn a_key_in_the_manifest_is_read() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("key", "-t ed25519");
    let pem = key.text().replace('\n', "\\n");
    let text = format!(
        r#"{{"entries": [{{"host": "git", "hostname": "git.example.org", "user": "git", "any_host": true,
            "key": {{"pem": "{pem}"}}}}]}}"#
    );
    let manifest = Manifest::parse(text.as_bytes()).expect("a manifest");
    let (material, file) = Material::read(&manifest.entries[0].key).expect("a key");
    assert_eq!(material.secret(), key.text().as_bytes());
    assert!(file.is_none());
}

#[test]
#[ignore = "the process that another test gives credentials"]
fn with_credentials() {
    let from = KeySource::Credential("git-key".parse().expect("a name"));
    let said =
        Material::read(&from).map_or_else(|failure| failure.code.to_owned(), |(key, _)| format!("{key:?}"));
    assert_eq!(said, std::env::var("EXPECTED").expect("run by another test"));
}

#[test]
fn a_credential_is_read_from_the_folder_of_systemd_s_credentials() {
    let Some(bench) = Bench::new() else { return };
    let key = bench.key("git-key", "-t ed25519");
    let folder = bench.folder();
    let expect = |folder: &str, expected: &str| {
        let argv = again("material::with_credentials");
        let mut command = Command::new(&argv[0]);
        let said = run(command.args(&argv[1..]).env(CREDENTIALS, folder).env("EXPECTED", expected));
        assert!(said.contains("1 passed"), "{said}");
    };
    let path = folder.to_str().expect("text");
    let read = "Material(the key of the credential git-key)";
    expect(path, read);
    expect("", "key-unreadable");
    expect("run", "key-unreadable");
    expect("/nowhere", "key-unreadable");
    for (mode, expected) in [(0o400, read), (0o440, read), (0o444, "key-untrusted"), (0o620, "key-untrusted")]
    {
        fs::set_permissions(&key.file, PermissionsExt::from_mode(mode)).expect("set");
        expect(path, expected);
    }
    fs::set_permissions(&key.file, PermissionsExt::from_mode(0o600)).expect("set");
    chown(&key.file, Some(12_345), None).expect("given away");
    expect(path, "key-untrusted");
    chown(&key.file, Some(0), None).expect("taken back");
    fs::set_permissions(folder, PermissionsExt::from_mode(0o777)).expect("set");
    expect(path, "key-untrusted");
    fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("set");
    fs::rename(&key.file, bench.path("other")).expect("moved");
    symlink("other", &key.file).expect("linked");
    expect(path, "key-untrusted");
    fs::remove_file(&key.file).expect("removed");
    mkfifo(&key.file, Mode::S_IRUSR | Mode::S_IWUSR).expect("a FIFO");
    expect(path, "key-untrusted");
}
