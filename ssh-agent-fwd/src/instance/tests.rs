use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

/// A folder for an instance of root's; `None` without root.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn instance() -> Option<(tempfile::TempDir, Instance)> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: not root");
        return None;
    }
    let folder = tempfile::tempdir_in("/run").expect("a folder");
    let instance = Instance::at(folder.path().join("a"));
    Some((folder, instance))
}

#[test]
fn each_generation_has_a_higher_number_than_those_that_are_there() {
    let Some((_folder, instance)) = instance() else { return };
    assert_eq!(instance.generations(), Ok(Vec::new()));
    let first = instance.begin().expect("begun");
    let second = instance.begin().expect("begun");
    assert_eq!((first.number(), second.number()), (1, 2));
    first.remove().expect("removed");
    assert_eq!(instance.begin().expect("begun").number(), 3);
    for name in ["007", "+8", "0", "x", ".9", "4294967296"] {
        fs::create_dir(instance.folder().join(name)).expect("made");
    }
    let numbers: Vec<u32> = instance.generations().expect("read").iter().map(Generation::number).collect();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn all_may_enter_a_generation_and_only_root_its_agent_s_folder() {
    let Some((_folder, instance)) = instance() else { return };
    let generation = instance.begin().expect("begun");
    let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o7777;
    for (path, expected) in [
        (instance.folder().to_owned(), 0o755),
        (generation.folder().to_owned(), 0o755),
        (generation.agent_folder(), 0o700),
    ] {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn the_current_generation_is_the_one_that_was_set_last_and_is_still_there() {
    let Some((_folder, instance)) = instance() else { return };
    assert_eq!(instance.current(), Ok(None));
    let [first, second] = [(); 2].map(|()| instance.begin().expect("begun"));
    for generation in [&first, &second] {
        let _ = fs::remove_file(instance.current_link());
        symlink(generation.number().to_string(), instance.current_link()).expect("a link");
        assert_eq!(instance.current().expect("read").as_ref(), Some(generation));
    }
    second.remove().expect("removed");
    assert_eq!(instance.current(), Ok(None));
}

#[test]
fn an_instance_goes_when_no_generation_is_left() {
    let Some((folder, instance)) = instance() else { return };
    let generation = instance.begin().expect("begun");
    symlink("1", instance.current_link()).expect("a link");
    instance.remove_if_empty().expect("kept");
    assert!(generation.folder().exists());
    generation.remove().expect("removed");
    instance.remove_if_empty().expect("removed");
    assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
    instance.remove_if_empty().expect("nothing is there");
}

#[test]
fn a_state_is_read_as_it_was_written_and_strictly() {
    let Some((_folder, instance)) = instance() else { return };
    let generation = instance.begin().expect("begun");
    assert_eq!(generation.state(), Ok(None));
    let manifest = br#"{"name": "a", "user": "u", "home": "/home/u", "entries": []}"#;
    let manifest = crate::manifest::Manifest::parse(manifest).expect("a manifest");
    let service = state::Service {
        name: manifest.name.clone(),
        user: (manifest.user.clone(), 12_345, 12_346),
        home: manifest.home.clone(),
        public_socket: "/run/a.sock".parse().expect("a path"),
        agent_socket: None,
        system_ssh_config: false,
        plan: crate::ssh_files::Plan::of(&manifest),
    };
    let mut state = State::untouched(service).expect("a state");
    state.published = FileId::of(instance.folder()).expect("a file");
    generation.write(&state).expect("written");
    assert_eq!(generation.state().expect("read").as_ref(), Some(&state));
    assert!(state.is_of_this_boot());
    let file = generation.folder().join("instance.json");
    assert_eq!(fs::metadata(&file).expect("there").mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&file).expect("read");
    for (was, is) in [("\"version\": 1", "\"version\": 2"), ("\"uid\"", "\"more\": 1, \"uid\""), ("{", "")] {
        fs::write(&file, text.replacen(was, is, 1)).expect("written");
        assert_eq!(generation.state().expect_err(was).code, "state-invalid");
    }
    fs::write(&file, text).expect("written");
    std::os::unix::fs::chown(&file, Some(12_345), None).expect("given away");
    assert_eq!(generation.state().expect_err("not root's").code, "state-unreadable");
}

#[test]
fn a_process_of_another_boot_is_none() {
    let Some((_folder, instance)) = instance() else { return };
    let generation = instance.begin().expect("begun");
    let this = crate::process::Process::this().expect("this");
    this.write(&generation.agent_pid()).expect("written");
    assert_eq!(generation.agent(), Ok(None));
}
