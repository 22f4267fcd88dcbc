//! dropuid(1).

use assert_cmd::assert::{Assert, OutputAssertExt};
use bed::{Bed, capture};

use crate::page::examples;

const PAGE: &str = include_str!("../../dropuid/dropuid.1");

/// Runs an example as root does, in a folder that is root's alone.
fn run(bed: &Bed, example: &str) -> Assert {
    let mut shell = bed.command(&["bash", "-e", "-o", "pipefail", "-c", example]);
    shell.current_dir(bed.path("closed"));
    capture(shell).assert().stderr("")
}

fn said(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

#[test]
fn each_example_does_what_is_said_of_it() {
    let Some(bed) = Bed::new(&["dropuid"]) else { return };
    let examples = examples(PAGE);
    let [env_file, folder, no_new_privs, explain, groups, little, script, waiting, interpreter] =
        &examples[..]
    else {
        panic!("{examples:?}")
    };
    assert!(said(&run(&bed, env_file).success()).starts_with("uid=1000(ubuntu) gid=1000(ubuntu) groups="));
    run(&bed, folder).success().stdout("/home/ubuntu\n");
    run(&bed, no_new_privs).success().stdout("refused\n");
    let text = said(&run(&bed, explain).success());
    let (people, programs) = text.trim_end().rsplit_once('\n').expect("lines");
    assert!(people.contains("docker") && people.contains("/usr/bin/id"), "{people}");
    let object: serde_json::Value = serde_json::from_str(programs).expect("an object");
    assert_eq!((&object["uid"], &object["no_new_privs"]), (&1000.into(), &true.into()), "{object}");
    let ids = "uid=1000(ubuntu) gid=65534(nogroup) groups=65534(nogroup)\nuid=4000 gid=65534(nogroup) groups=65534(nogroup)\n";
    run(&bed, groups).success().stdout(ids);
    let text = said(&run(&bed, little).success());
    let (environment, rest) = text.split_at(text.find("PATH=").expect("a path"));
    assert!(!environment.contains("LC_ALL") && text.contains("HOME=/home/ubuntu\n"), "{text}");
    let host = std::fs::read_to_string("/etc/hostname").expect("a host has a name");
    assert!(rest.ends_with(&format!("{host}hello\n")), "{text}");

    let dropped = "🔒 Auto-dropping privileges from root to ubuntu user...\n";
    for (name, example) in [("script", script), ("waiting", waiting), ("interpreter", interpreter)] {
        let path = bed.file(name, example, 0, 0o755);
        bed.run(&[&path]).success().stdout("ubuntu\n").stderr(dropped);
        bed.run(&["dropuid".as_ref(), "ubuntu".as_ref(), path.as_os_str()])
            .success()
            .stdout("ubuntu\n")
            .stderr("");
    }
}
