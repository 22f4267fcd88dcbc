//! What an agent tries so as to become root, to have the key, or to change the record.

use bed::Host;

/// Words for bash that end with 0 where they got what only root has; each does for root.
const FOR_ROOT: [(&str, &str); 20] = [
    ("su", "su root -c 'cat /etc/shadow'"),
    ("sudo", "sudo -n cat /etc/shadow"),
    ("sudo, as the administrator first", "sudo -n -u alice sudo -n cat /etc/shadow"),
    ("a transient unit", "systemd-run --quiet --wait --pipe cat /etc/shadow"),
    (
        "a unit",
        "printf '[Service]\\nType=oneshot\\nExecStart=/bin/true\\n' >/etc/systemd/system/owned.service \
         && systemctl daemon-reload && systemctl start owned",
    ),
    ("a service, without the helper", "systemctl restart nginx"),
    ("namespaces", "unshare --user --map-root-user cat /etc/shadow"),
    ("the namespaces of init", "nsenter --target 1 --all cat /etc/shadow"),
    ("the root of init", "cat /proc/1/root/etc/shadow"),
    (
        "a setuid shell",
        "cp /bin/bash shell && chown root shell && chmod u+s shell && ./shell -p -c 'cat /etc/shadow'",
    ),
    ("the memory of who captures", "grep -q heap /proc/$(pgrep -o -x capture-run)/maps"),
    ("the end of who captures", "kill -0 $(pgrep -o -x capture-run)"),
    ("the record", "echo forged >>/var/lib/agent-runs/run.log"),
    ("the status", "cd /var/lib/agent-runs && mv run.status other && mv other run.status"),
    ("the key", "grep -q PRIVATE /root/keys/deploy"),
    ("the memory of who has the key", "grep -q heap /proc/$(pgrep -o -x ssh-agent)/maps"),
    (
        "the agent behind the forwarder",
        "SSH_AUTH_SOCK=/run/ssh-agent-fwd/ai-agent/current/agent/agent.sock ssh-add -l",
    ),
    ("the policy", "echo >>/etc/sudo-helper/policy.json"),
    ("a rule", "echo \"$USER ALL=(ALL) NOPASSWD: ALL\" >/etc/sudoers.d/owned && rm /etc/sudoers.d/owned"),
    ("the helper", "cp -p /bin/true /usr/bin/sudo-helper"),
];

/// The same, by ways that only an agent needs.
const FOR_AGENTS: [(&str, &str); 12] = [
    ("an operation that is not listed", "sudo -n sudo-helper service stop nginx"),
    ("two operations in one word", "sudo -n sudo-helper service restart 'nginx ssh'"),
    ("a path for a service", "sudo -n sudo-helper service restart ../ssh"),
    ("a package of its own", "sudo -n sudo-helper package install ./own.deb"),
    ("a command", "sudo -n sudo-helper run sh"),
    ("a policy of its own", "sudo -n sudo-helper --policy own.json service restart nginx"),
    (
        "a program of its own on the way",
        "mkdir -p bin && printf '#!/bin/sh\\ncp /etc/shadow /home/ai-agent/shadow\\n' >bin/systemctl && chmod +x bin/systemctl \
         && PATH=$PWD/bin:$PATH sudo -n sudo-helper service restart nginx; test -e shadow",
    ),
    (
        "its own approval",
        "id=$(sudo -n sudo-helper package install docker.io --no-wait | grep -o '[0-9a-f]\\{32\\}' | head -n 1)
         sudo -n sudo-helper approve \"$id\"",
    ),
    (
        "another account at the host",
        "ssh -o BatchMode=yes -o IdentityAgent=/run/ssh-agent-fwd/ai-agent/public.sock root@build.example.org true",
    ),
    (
        "another host",
        "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o IdentityAgent=/run/ssh-agent-fwd/ai-agent/public.sock \
         deploy@web2.example.org true",
    ),
    (
        "a signature for something else",
        "export SSH_AUTH_SOCK=/run/ssh-agent-fwd/ai-agent/public.sock; ssh-add -L >own.pub && echo text | ssh-keygen -Y sign -n file -f own.pub",
    ),
    ("an agent without keys", "SSH_AUTH_SOCK=/run/ssh-agent-fwd/ai-agent/public.sock ssh-add -D"),
];

/// What somebody who reads the journal could take for root's: by the agent's own programs, and by what it may run as root.
const FORGES: &str = r#"for name in agent-run sudo-helper ssh-agent-fwd; do
  logger -t "$name" forged
  printf 'MESSAGE=forged\nSYSLOG_IDENTIFIER=%s\n' "$name" | logger --journald
  echo forged | systemd-cat -t "$name"
  systemd-cat -t "$name" sudo -n sudo-helper list
done
"#;

/// An agent that tries all of them and then does this.
pub fn script(then: &str) -> String {
    let all = FOR_ROOT.iter().chain(&FOR_AGENTS);
    let tries: String = all.map(|(name, words)| attempt(name, words)).collect();
    format!("#!/bin/bash\n{FORGES}{tries}echo now README.md\n{then}")
}

fn attempt(name: &str, words: &str) -> String {
    let words = words.replace('\'', r"'\''");
    format!(
        "timeout -k 1 20 bash -o pipefail -c '{words}' </dev/null >>tried 2>&1 && echo 'GOT {name}' || echo 'nothing by {name}'\n"
    )
}

/// Asserts that each was tried, and that none has worked.
pub fn got_nothing(tried: &str, log: &str) {
    let all = FOR_ROOT.iter().chain(&FOR_AGENTS);
    let expected: Vec<String> = all.map(|(name, _)| format!("nothing by {name}")).collect();
    let lines: Vec<&str> = tried.lines().collect();
    assert_eq!(lines, expected, "{log}");
}

/// Asserts that the words are good: as root they work. The host is of no use after that.
pub fn work_for_root(host: &Host) {
    for (name, words) in FOR_ROOT {
        let captured = ["capture-run", "/root/log", "/root/status", "--"];
        let shell = ["env", "-C", "/root", "USER=root", "bash", "-o", "pipefail", "-c", words];
        let done = host.run(&[&captured[..], &shell].concat());
        assert!(done.get_output().status.success(), "{name}: {:?}", done.get_output());
    }
}
