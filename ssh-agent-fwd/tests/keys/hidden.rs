//! While a key is loaded nobody sees it: not in the arguments and not in the environment of any process.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ssh_agent_fwd::load::load;

use crate::bench::Bench;

/// How often a key is loaded until ssh-add was seen doing so: each time it is there for milliseconds.
const ROUNDS: usize = 500;

#[test]
fn the_key_is_in_no_arguments_and_no_environment_while_it_is_loaded() {
    let Some(bench) = Bench::with_agent() else { return };
    let key = bench.key("key", "-t rsa -b 4096");
    let secret = key.secret_line();
    let agent = bench.agent_socket();
    let (seen, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                look(&secret, agent.to_str().expect("text"), &seen);
            }
        });
        for _ in 0..ROUNDS {
            load(&agent, &key.material()).expect("loaded");
            if seen.load(Ordering::Relaxed) {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(seen.load(Ordering::Relaxed), "ssh-add was not seen");
}

/// Looks at every process; `seen` when ssh-add with our agent is among them.
fn look(secret: &str, agent: &str, seen: &AtomicBool) {
    let processes = fs::read_dir("/proc").expect("a list").flatten();
    for process in processes.filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit()) {
        let read = |name: &str| fs::read(process.path().join(name)).unwrap_or_default();
        let (arguments, environment) = (read("cmdline"), read("environ"));
        for text in [&arguments, &environment] {
            assert!(!String::from_utf8_lossy(text).contains(secret), "{}", process.path().display());
        }
        let is_ssh_add = String::from_utf8_lossy(&arguments).contains("ssh-add\0");
        if is_ssh_add && String::from_utf8_lossy(&environment).contains(agent) {
            let environment = String::from_utf8_lossy(&environment).into_owned();
            let names: Vec<&str> =
                environment.split_terminator('\0').filter_map(|v| v.split('=').next()).collect();
            assert_eq!(names, ["SSH_AUTH_SOCK", "SSH_ASKPASS_REQUIRE"]);
            assert!(environment.contains("SSH_ASKPASS_REQUIRE=never\0"));
            seen.store(true, Ordering::Relaxed);
        }
    }
}
