//! `up --system-ssh-config`, to a login at a real sshd(8), whatever the user has in its own `~/.ssh/config`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::json;

use crate::bench::{Bench, USER, apart, pem};
use crate::sshd::Server;
use crate::{home, passwd};

/// An /etc/ssh of its own, in which the instance comes, serves one login and goes; the home is compared with a copy of
/// it while the instance is there.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o mode=755 none /etc/ssh; mkdir /etc/ssh/ssh_config.d
echo 'Include /etc/ssh/ssh_config.d/*.conf' >/etc/ssh/ssh_config
mount --bind @PASSWD@ /etc/passwd
umask 022
"$0" up -q --system-ssh-config >/dev/null
trap '"$0" down --name @NAME@' EXIT
diff -r @HOME@ @COPY@
stat -c '%a %u %n' /etc/ssh/ssh_config.d/* /etc/ssh/*.known_hosts
setpriv --reuid=@UID@ --regid=@UID@ --clear-groups -- env -i HOME=@HOME@ PATH=/usr/bin:/bin ssh -T git 'echo logged in' || echo not in
trap '' EXIT
"$0" down --name @NAME@ >/dev/null
diff -r @HOME@ @COPY@
find /etc/ssh -mindepth 1
"#;

/// Configs of the user's own, and whether it is logged in with them.
const OWN: [(&str, bool); 4] = [
    ("", true),
    ("Host *\n    ServerAliveInterval 7\nHost other\n    User me\n", true),
    // What is first counts (ssh_config(5)), and misleads nobody but the user.
    ("Host git\n    IdentityAgent none\n", false),
    ("Host git\n    User nobody\n", false),
];

#[test]
fn the_user_logs_in_by_root_s_files_and_its_own_are_not_touched() {
    for (own, logs_in) in OWN {
        let Some(bench) = Bench::new() else { return };
        let (key, host) = (bench.key("a"), bench.key("host"));
        let Some(server) = Server::start(&host.file, &key.line) else { return };
        fs::write(bench.home.path().join(".ssh/config"), own).expect("written");
        let copy = tempfile::tempdir().expect("a folder");
        let copied = copy.path().join("home");
        let words = ["-a", &home(&bench), copied.to_str().expect("a path")];
        crate::bench::run("cp", &words);
        let mut manifest = bench.manifest(&[pem(&key)]);
        let entry = manifest["entries"][0].as_object_mut().expect("an entry");
        entry.remove("any_host");
        let gate = json!({"hostname": "127.0.0.1", "port": server.port()});
        for (name, value) in [
            ("host", json!("git")),
            ("user", json!("root")),
            ("gate", gate),
            ("known_host_keys", json!([host.line])),
        ] {
            entry.insert(name.to_owned(), value);
        }
        let script = SCRIPT
            .replace("@PASSWD@", &passwd(&bench))
            .replace("@HOME@", &home(&bench))
            .replace("@COPY@", copied.to_str().expect("a path"))
            .replace("@NAME@", &bench.name)
            .replace("@UID@", &USER.1.to_string());
        let output = apart(&script, &manifest.to_string());
        assert!(output.status.success(), "{own}: {output:?}");
        let name = &bench.name;
        let expected = format!(
            "644 0 /etc/ssh/ssh_config.d/ssh-agent-fwd-{name}.conf\n644 0 /etc/ssh/ssh-agent-fwd-{name}.known_hosts\n{}\n\
             /etc/ssh/ssh_config\n/etc/ssh/ssh_config.d\n",
            if logs_in { "logged in" } else { "not in" }
        );
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&String::from_utf8_lossy(&output.stdout)), sorted(&expected), "{own}: {output:?}");
        server.wait();
    }
}

#[test]
fn the_user_cannot_change_root_s_files() {
    let Some(bench) = Bench::new() else { return };
    let script = r#"
        set -e
        mount -t tmpfs -o mode=755 none /etc/ssh; mkdir /etc/ssh/ssh_config.d
        echo 'Include /etc/ssh/ssh_config.d/*.conf' >/etc/ssh/ssh_config
        umask 000
        "$0" up -q --system-ssh-config >/dev/null
        for file in /etc/ssh/ssh_config.d/* /etc/ssh/*.known_hosts; do
            setpriv --reuid=1 --regid=1 --clear-groups -- sh -c 'echo >>"$0"' "$file" 2>/dev/null && echo "$file"
            setpriv --reuid=1 --regid=1 --clear-groups -- rm -f "$file" 2>/dev/null && echo "$file"
        done
        "$0" down --name @NAME@ >/dev/null
    "#;
    let input = bench.manifest(&[pem(&bench.key("a"))]).to_string();
    fs::set_permissions(bench.home.path(), PermissionsExt::from_mode(0o755)).expect("set");
    chown(bench.home.path(), Some(USER.1), Some(USER.1)).expect("given");
    let output = apart(&script.replace("@NAME@", &bench.name), &input);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}
