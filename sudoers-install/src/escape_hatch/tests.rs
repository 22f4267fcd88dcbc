use proptest::prelude::*;

use super::*;

fn judged(command: &str) -> Option<Hatch> {
    let mut words = command.split(' ').map(str::to_owned);
    let program = words.next().expect("a program");
    let arguments: Vec<String> = words.collect();
    hatch(&program, if arguments.is_empty() { Arguments::None } else { Arguments::Exactly(&arguments) })
}

#[test]
fn commands_that_do_what_they_say_pass() {
    for command in [
        "/usr/bin/apt update",
        "/usr/bin/apt-get -qq update",
        "/usr/bin/apt-get autoremove -y",
        "/usr/bin/apt-get remove --purge nginx",
        "/usr/bin/systemctl restart nginx",
        "/bin/systemctl restart nginx.service caddy",
        "/usr/bin/systemctl --no-block reload getty@tty1.service",
        "/usr/bin/systemctl enable --now nginx",
        "/usr/bin/systemctl daemon-reload",
        "/usr/bin/systemctl reboot",
        "/usr/bin/systemctl is-active nginx",
        "/usr/bin/systemctl --no-pager status nginx",
        "/usr/bin/systemctl list-timers --no-pager --all",
        "/usr/sbin/service nginx restart",
        "/usr/bin/journalctl --no-pager -u nginx",
        "/usr/bin/journalctl --no-pager --unit=nginx --lines=100",
        "/usr/bin/timedatectl set-timezone Europe/Berlin",
        "/usr/sbin/nginx -t",
        "/usr/sbin/nginx -s reload",
        "/usr/bin/cat /var/log/syslog",
        "/usr/bin/tail -n 50 /var/log/nginx/error.log",
        "/usr/bin/docker restart web",
        "/usr/bin/snap refresh amazon-ssm-agent",
        "/usr/sbin/visudo -c",
        "/usr/sbin/sysctl -w vm.swappiness=10",
        "/usr/sbin/sysctl --system",
        "/usr/sbin/modprobe wireguard",
        "/usr/sbin/iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
        "/usr/sbin/ip link set eth0 up",
        "/usr/bin/certbot renew --quiet",
        "/usr/sbin/reboot",
        "/usr/local/bin/sudo-helper service restart nginx",
        "/opt/tool/bin/deploy --all",
    ] {
        assert_eq!(judged(command), None, "{command}");
    }
}

#[test]
fn commands_that_lead_further_do_not_pass() {
    for (command, part) in [
        ("/usr/bin/apt", "installs packages"),
        ("/usr/bin/apt install nginx", "one answer is a shell"),
        ("/usr/bin/apt-get upgrade -y", "one answer is a shell"),
        ("/usr/bin/apt-get update -o APT::Update::Pre-Invoke::=/tmp/x", "before and after"),
        ("/usr/bin/apt-get -oAPT::Update::Pre-Invoke::=/tmp/x update", "before and after"),
        ("/usr/bin/apt-get --option=Dir::Etc=/tmp update", "before and after"),
        ("/usr/bin/apt-get -c /tmp/x update", "before and after"),
        ("/usr/bin/apt remove nginx+", "installs packages"),
        ("/usr/bin/apt remove ./x.deb", "installs packages"),
        ("/usr/bin/apt changelog apt", "pager"),
        ("/usr/bin/dpkg -i x.deb", "scripts"),
        ("/usr/bin/systemctl", "links"),
        ("/usr/bin/systemctl status nginx", "pager"),
        ("/usr/bin/systemctl cat nginx", "pager"),
        ("/usr/bin/systemctl list-units", "pager"),
        ("/usr/bin/systemctl edit nginx", "changes what units run"),
        ("/usr/bin/systemctl link /tmp/x.service", "changes what units run"),
        ("/usr/bin/systemctl enable /tmp/x.service", "links"),
        ("/usr/bin/systemctl --root=/tmp enable nginx", "another system"),
        ("/usr/bin/systemctl -H evil restart nginx", "ssh"),
        ("/usr/bin/systemctl set-environment LD_PRELOAD=/tmp/x.so", "LD_PRELOAD"),
        ("/usr/bin/systemctl start debug-shell", "root shell"),
        ("/usr/bin/systemctl isolate rescue.target", "root shell"),
        ("/usr/bin/systemctl restart ../nginx", "links"),
        ("/usr/bin/systemctl restart", "links"),
        ("/usr/sbin/service ../../tmp/x restart", "lead out"),
        ("/usr/sbin/service nginx status", "pager"),
        ("/usr/bin/journalctl -u nginx", "pager"),
        ("/usr/bin/journalctl --no-pager --file=/etc/x", "pager"),
        ("/usr/sbin/nginx -c /tmp/nginx.conf", "modules"),
        ("/usr/bin/cat /home/agent/link", "reads any file"),
        ("/usr/bin/cat /var/log/../../etc/shadow", "reads any file"),
        ("/usr/bin/cat /etc/shadow", "reads any file"),
        ("/usr/bin/grep . /root/.ssh/id_ed25519", "reads any file"),
        ("/usr/bin/tail", "reads any file"),
        ("/usr/bin/sudoers-install install", "rules of sudo"),
        ("/usr/bin/docker run -v /:/host alpine", "the host's own files"),
        ("/usr/sbin/visudo", "rules of sudo"),
        ("/usr/sbin/visudo -c -f /tmp/x", "rules of sudo"),
        ("/usr/sbin/sysctl -w kernel.core_pattern=|/tmp/x", "the kernel starts"),
        ("/usr/sbin/sysctl -p /tmp/x", "any file"),
        ("/usr/sbin/modprobe -C /tmp wireguard", "configuration"),
        ("/usr/sbin/iptables -L --modprobe=/tmp/x", "starts the program"),
        ("/usr/sbin/ip netns exec a sh", "starts programs"),
        ("/usr/bin/certbot renew --pre-hook /tmp/x", "hooks"),
        ("/usr/bin/dmesg -H", "pager"),
        ("/usr/bin/python3 /opt/x.py", "interpreter"),
        ("/usr/bin/python3.11", "interpreter"),
        ("/usr/bin/x86_64-linux-gnu-gcc-12 x.c", "project"),
        ("/usr/bin/vim.basic /etc/motd", "editor"),
        ("sudoedit /etc/motd", "edits files"),
        ("ALL", "any program"),
        ("/usr/bin/", "any program of the folder"),
    ] {
        let hatch = judged(command).unwrap_or_else(|| panic!("{command} passes"));
        assert!(hatch.why.contains(part), "{command}: {}", hatch.why);
        assert!(!hatch.instead.is_empty(), "{command}");
    }
}

#[test]
fn classes_that_no_arguments_make_safe() {
    for name in [
        "sh",
        "bash",
        "dash",
        "zsh",
        "busybox",
        "perl",
        "ruby",
        "node",
        "php8.2",
        "lua5.4",
        "awk",
        "vi",
        "nano",
        "ed",
        "emacs",
        "less",
        "more",
        "man",
        "find",
        "tar",
        "env",
        "xargs",
        "rsync",
        "git",
        "cp",
        "mv",
        "tee",
        "dd",
        "chmod",
        "chown",
        "ln",
        "mount",
        "pip",
        "pip3",
        "npm",
        "make",
        "tcpdump",
        "strace",
        "gdb",
        "systemd-run",
        "at",
        "crontab",
        "su",
        "sudo",
        "ssh",
        "scp",
        "wget",
        "curl",
        "nmap",
        "screen",
        "tmux",
        "nsenter",
        "unshare",
        "chroot",
        "passwd",
        "useradd",
        "insmod",
        "debugfs",
        "kubectl",
        "runc",
        "openssl",
        "socat",
        "nc",
        "sqlite3",
        "mysql",
        "psql",
        "zip",
        "sed",
        "timeout",
        "nice",
        "watch",
        "flock",
        "run-parts",
        "logrotate",
        "setcap",
        "ftp",
        "mail",
        "expect",
    ] {
        let arguments = ["--version".to_owned()];
        for arguments in [Arguments::Any, Arguments::None, Arguments::Exactly(&arguments)] {
            assert!(hatch(&format!("/usr/bin/{name}"), arguments).is_some(), "{name} {arguments:?}");
        }
    }
}

#[test]
fn with_any_arguments_every_row_is_a_way_out_and_no_name_has_two() {
    let mut seen = std::collections::BTreeSet::new();
    for row in table::ROWS.iter().copied().flatten() {
        for name in row.names {
            assert!(seen.insert(name), "{name} stands twice");
            let hatch = hatch(&format!("/usr/bin/{name}"), Arguments::Any).expect(name);
            assert!(hatch.why.starts_with(name) && !hatch.why.ends_with('.'), "{}", hatch.why);
        }
        let said =
            [row.why, row.instead].into_iter().chain(row.because.iter().flat_map(|b| [b.why, b.instead]));
        for text in said {
            assert!(text.is_ascii() && !text.contains("  ") && !text.ends_with('.'), "{text}");
        }
    }
    assert_eq!(hatch("/usr/bin/unheard-of", Arguments::Any), None);
}

#[test]
fn what_a_name_leads_to_counts_but_not_that_of_a_program_of_many_names() {
    assert!(behind("/usr/bin/python3.11", Arguments::None).is_some());
    assert_eq!(behind("/usr/bin/systemctl", Arguments::None), None);
    assert_eq!(behind("/bin/busybox", Arguments::None), None);
    assert!(judged("/bin/busybox").is_some());
}

proptest! {
    #[test]
    fn a_command_that_passes_holds_nothing_that_names_a_file_of_the_callers(
        program in prop::sample::select(vec!["systemctl", "apt-get", "service", "docker", "snap", "nginx", "certbot"]),
        words in prop::collection::vec("(restart|enable|update|remove|-[a-z]|--[a-z]{1,8}=?|renew|/tmp/x|[a-z./+-]{1,6})", 0..5),
    ) {
        let passes = hatch(&format!("/usr/bin/{program}"), Arguments::Exactly(&words)).is_none();
        prop_assert!(!passes || words.iter().all(|word| !word.contains('/') && !word.ends_with('+')), "{words:?}");
    }
}
