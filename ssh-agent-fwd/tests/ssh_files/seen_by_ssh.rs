//! What the real ssh(1) makes of the files, run by the user.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::process::{Command, Stdio};

use crate::bench::{Bench, KEY, behind_gate, git, plan};
use crate::server::Server;

/// Runs a command as the user, whose account has this home.
fn as_account(bench: &Bench, words: &[&str]) -> String {
    let home = bench.home().display();
    let (uid, gid) = (bench.user.uid, bench.user.gid);
    let passwd = bench.beside("passwd");
    fs::write(&passwd, format!("root:x:0:0::/root:/bin/sh\ndaemon:x:{uid}:{gid}::{home}:/bin/sh\n"))
        .expect("written");
    let script = "mount --bind \"$1\" /etc/passwd; shift; exec setpriv --reuid=$1 --regid=$2 --clear-groups -- \
                  env -i PATH=/usr/bin:/bin HOME=\"$3\" sh -c 'shift 3; exec \"$@\"' sh \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-ec", script, "sh"]).arg(&passwd);
    command.args([uid.to_string(), gid.to_string(), home.to_string()]).args(words);
    let output = command.output().expect("run");
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn settings(bench: &Bench, host: &str) -> Vec<String> {
    as_account(bench, &["ssh", "-G", host]).lines().map(str::to_owned).collect()
}

/// Configs of a user's own; in none of them may a line come to mean something else.
const FOREIGN: [&str; 9] = [
    "",
    "Port 99\nUser me\nServerAliveInterval 7\nHost other\n    User o\n",
    "Host *\n    HostName elsewhere\n    User me\n    Port 99\n    IdentityAgent none\n    HostKeyAlias x\n    \
     CheckHostIP yes\n    BatchMode no\n    UpdateHostKeys yes",
    "Match all\n    Port 99\n    User me\n    BatchMode no\n",
    "Match host git,ssh-gate-demo\n    User me\n    HostKeyAlias x\n",
    "Host git\n    User me\n    ForwardAgent yes\nHost other\n    Port 98\n",
    "Host !other *\n    ServerAliveInterval 3\nMatch originalhost other\n    ServerAliveInterval 4",
    "Include more\nHost other\n    Include more\nMatch final\n    ServerAliveCountMax 9\n",
    "ServerAliveInterval 7\r\nHost other\r\n    User o\r\n\r\n# END of mine",
];

#[test]
fn every_option_has_its_effect_whatever_the_user_s_config_says() {
    for foreign in FOREIGN {
        let Some(bench) = with_config(foreign) else { return };
        bench.install(&git("default")).expect("installed");
        let seen = settings(&bench, "git");
        for option in [
            "hostname ssh-gate-demo",
            "user git",
            "port 2201",
            "identityagent /run/ssh-agent-fwd/default/public.sock",
            "hostkeyalias git.example.org",
            "checkhostip no",
            "batchmode yes",
            "updatehostkeys false",
        ] {
            assert!(seen.iter().any(|line| line == option), "{foreign}: {option}: {seen:?}");
        }
    }
}

#[test]
fn no_line_of_the_user_s_config_changes_its_scope() {
    for foreign in FOREIGN {
        let Some(bench) = with_config(foreign) else { return };
        let all = |bench: &Bench| ["other", "unrelated", "git.example.org"].map(|host| settings(bench, host));
        let before = all(&bench);
        bench.install(&git("default")).expect("installed");
        bench.install(&plan("two", &[&behind_gate("hub")])).expect("installed");
        assert_eq!(all(&bench), before, "{foreign}");
        bench.remove("default").expect("removed");
        assert_eq!(all(&bench), before, "{foreign}");
    }
}

#[test]
fn the_host_s_keys_are_known_by_its_own_name() {
    let Some(bench) = with_config("") else { return };
    let second =
        r#""host": "v6", "hostname": "2001:db8::1", "user": "git", "port": 2222, "known_host_keys": ["KEY"]"#;
    bench.install(&plan("default", &[&behind_gate("git"), &second.replace("KEY", KEY)])).expect("installed");
    for name in ["git.example.org", "2001:db8::1"] {
        let found = as_account(&bench, &["ssh-keygen", "-F", name]);
        assert!(found.contains(&format!("{name} {KEY}\n").replace('\n', "")), "{name}: {found}");
    }
}

#[test]
fn the_user_logs_in_at_a_host_behind_a_port_that_its_known_name_does_not_have() {
    let Some(bench) = with_config("Host *\n    StrictHostKeyChecking yes\n    HashKnownHosts yes\n") else {
        return;
    };
    let socket = bench.beside("public.sock");
    let path = socket.to_str().expect("text");
    bench.user_does("ssh-keygen -q -t ed25519 -N '' -f key; ssh-keygen -q -t ed25519 -N '' -f host");
    let line = |name: &str| fs::read_to_string(bench.home().join(name)).expect("read").trim_end().to_owned();
    let Some(server) = Server::start(&bench.home().join("host"), &line("key.pub")) else {
        return;
    };
    chown(bench.beside(""), Some(bench.user.uid), None).expect("given");
    let mut agent =
        bench.as_user(&["ssh-agent", "-D", "-a", path]).stdout(Stdio::piped()).spawn().expect("run");
    let mut said = String::new();
    BufReader::new(agent.stdout.take().expect("piped")).read_line(&mut said).expect("listening");
    bench.user_does(&format!("SSH_AUTH_SOCK={path} ssh-add -q key; rm key"));
    let host = format!(
        r#""host": "git", "hostname": "git.example.org", "user": "root", "known_host_keys": ["{}"],
           "gate": {{"hostname": "127.0.0.1", "port": {}}}"#,
        line("host.pub"),
        server.port()
    );
    let mut plan = plan("default", &[&host]);
    plan.socket = socket;
    bench.install(&plan).expect("installed");
    assert_eq!(as_account(&bench, &["ssh", "-T", "git", "echo logged in"]), "logged in\n");
    server.wait();
    agent.kill().expect("killed");
    agent.wait().expect("ended");
}

/// A user with this config, and with another that it includes.
fn with_config(text: &str) -> Option<Bench> {
    let bench = Bench::new()?;
    bench.user_does(
        "mkdir -m 700 .ssh; umask 77; touch .ssh/config; echo 'Host git\n ServerAliveInterval 5' >.ssh/more",
    );
    fs::write(bench.ssh("config"), text).expect("written");
    Some(bench)
}
