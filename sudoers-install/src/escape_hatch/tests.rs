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
        "/usr/bin/systemctl --no-pager list-timers --all",
        "/usr/bin/systemctl restart nginx --no-pager",
        "/usr/sbin/service nginx restart",
        "/usr/bin/journalctl --no-pager -u nginx",
        "/usr/bin/journalctl --no-pager --unit=nginx --lines=100",
        "/usr/bin/timedatectl set-timezone Europe/Berlin",
        "/usr/bin/timedatectl --no-pager status",
        "/usr/bin/networkctl reconfigure eth0",
        "/usr/bin/networkctl --no-pager status eth0",
        "/usr/bin/loginctl --no-pager list-sessions",
        "/usr/bin/resolvectl flush-caches",
        "/usr/bin/udevadm control --reload",
        "/usr/sbin/nginx -t",
        "/usr/sbin/sshd -t",
        "/usr/sbin/apache2ctl graceful",
        "/usr/bin/supervisorctl --configuration=/etc/supervisor/supervisord.conf restart web",
        "/usr/bin/fail2ban-client unban 10.0.0.1",
        "/usr/sbin/nginx -s reload",
        "/usr/bin/cat /var/log/syslog",
        // Who was logged in and when: nothing that was typed is in them but names of accounts.
        "/usr/bin/cat /var/log/wtmp /var/log/wtmp.1 /var/log/lastlog",
        "/usr/bin/tail -n 50 /var/log/nginx/error.log",
        "/usr/bin/tail -f -n50 --lines=3 /var/log/syslog /var/log/auth.log",
        "/usr/bin/head -c 100 /var/log/syslog",
        "/usr/bin/zcat /var/log/syslog.2.gz",
        "/usr/bin/grep error /var/log/syslog",
        "/usr/bin/grep -i -A 3 /api/ /var/log/nginx/access.log /var/log/nginx/error.log",
        "/usr/bin/docker restart web",
        "/usr/bin/snap refresh amazon-ssm-agent",
        "/usr/sbin/visudo -c",
        "/usr/sbin/sysctl -w vm.swappiness=10",
        "/usr/sbin/sysctl net.ipv4.ip_forward=1 net.core.somaxconn=1024",
        "/usr/sbin/sysctl -n kernel.core_pattern",
        "/usr/sbin/sysctl --system",
        "/usr/sbin/modprobe wireguard",
        "/usr/sbin/iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
        "/usr/sbin/iptables -t nat -L -n -v",
        "/usr/sbin/iptables -I INPUT -s 10.0.0.0/8 -j DROP",
        "/usr/sbin/ip link set eth0 up",
        "/usr/sbin/ip -br addr show dev eth0",
        "/usr/sbin/ip addr add 10.0.0.2/24 dev eth0",
        "/usr/sbin/ip route add default via 10.0.0.1 dev eth0",
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
        ("/usr/bin/systemctl status nginx --no-pager", "pager"),
        ("/usr/bin/systemctl list-timers --no-pager", "pager"),
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
        ("/usr/bin/systemctl start rescue.service", "root shell"),
        ("/usr/bin/systemctl start emergency", "root shell"),
        ("/usr/bin/systemctl start kbrequest.target", "root shell"),
        ("/usr/bin/systemctl start --job-mode=isolate x.target", "links"),
        ("/usr/bin/systemctl --no-pager cat nginx", "pager"),
        ("/usr/bin/systemctl set-property nginx CPUWeight=1", "changes what units run"),
        ("/usr/bin/systemctl import-environment LD_PRELOAD", "LD_PRELOAD"),
        ("/usr/bin/networkctl --no-pager edit eth0", "edits"),
        ("/usr/bin/networkctl edit eth0", "edits"),
        ("/usr/bin/systemd-analyze --no-pager verify x.service", "of its caller's making"),
        ("/usr/bin/loginctl --no-pager attach seat1 /sys/x", "pager"),
        ("/usr/bin/timedatectl", "pager"),
        ("/usr/sbin/service ../../tmp/x restart", "lead out"),
        ("/usr/sbin/service nginx status", "pager"),
        ("/usr/bin/journalctl -u nginx", "pager"),
        ("/usr/bin/journalctl -u nginx --no-pager", "pager"),
        ("/usr/bin/journalctl --no-pager -D x", "pager"),
        ("/usr/bin/journalctl --no-pager --cursor-file=x", "pager"),
        ("/usr/bin/journalctl --no-pager x", "pager"),
        ("/usr/bin/journalctl --no-pager --file=/etc/x", "pager"),
        ("/usr/sbin/nginx -c /tmp/nginx.conf", "modules"),
        ("/usr/sbin/nginx -t -c nginx.conf", "modules"),
        ("/usr/bin/caddy start", "configuration"),
        ("/usr/bin/supervisorctl restart web", "of its caller's folder"),
        ("/usr/bin/supervisorctl -c /etc/supervisor/supervisord.conf restart web", "of its caller's folder"),
        ("/usr/bin/supervisorctl --configuration=supervisord.conf restart web", "of its caller's folder"),
        ("/usr/sbin/sshd -t -f sshd_config", "configuration"),
        ("/usr/bin/dehydrated renew", "of its caller's folder"),
        ("/usr/bin/cat /home/agent/link", "reads any file"),
        ("/usr/bin/cat /var/log/../../etc/shadow", "reads any file"),
        ("/usr/bin/cat /etc/shadow", "reads any file"),
        ("/usr/bin/grep . /root/.ssh/id_ed25519", "reads any file"),
        ("/usr/bin/tail", "reads any file"),
        ("/usr/bin/cat link /var/log/syslog", "reads any file"),
        ("/usr/bin/cat 1 /var/log/syslog", "reads any file"),
        ("/usr/bin/head -fx /var/log/syslog", "reads any file"),
        ("/usr/bin/head -n x /var/log/syslog", "reads any file"),
        ("/usr/bin/head -n 1 link /var/log/syslog", "reads any file"),
        ("/usr/bin/tail -n /var/log/syslog link", "reads any file"),
        ("/usr/bin/tail /var/log/syslog -f", "reads any file"),
        ("/usr/bin/diff --from-file=x /var/log/syslog", "reads any file"),
        ("/usr/bin/diff link /var/log/syslog", "reads any file"),
        ("/usr/bin/base64 link /var/log/syslog", "reads any file"),
        ("/usr/bin/jq -nrf x /var/log/syslog", "reads any file"),
        ("/usr/bin/wc --files0-from=x /var/log/syslog", "reads any file"),
        ("/usr/bin/grep -f link /var/log/syslog", "reads any file"),
        ("/usr/bin/grep -e . link /var/log/syslog", "reads any file"),
        ("/usr/bin/grep . link /var/log/syslog", "reads any file"),
        ("/usr/bin/grep -r . /var/log/", "reads any file"),
        ("/usr/bin/cat /var/log", "reads any file"),
        ("/usr/bin/cat /var/log//syslog", "reads any file"),
        ("/usr/bin/cat /var/log/installer/questions.dat", "reads any file"),
        ("/usr/bin/cat /var/log/btmp", "reads any file"),
        ("/usr/bin/tail -n 5 /var/log/btmp.1", "reads any file"),
        ("/usr/bin/head -n 5 /var/log/btmp-20250101", "reads any file"),
        ("/usr/bin/zcat /var/log/btmp.2.gz", "reads any file"),
        ("/usr/bin/cat /var/log/old/btmp.1", "reads any file"),
        ("/usr/bin/cat /var/log/syslog /var/log/btmp", "reads any file"),
        ("/usr/bin/grep assword /var/log/cloud-init-output.log", "reads any file"),
        ("/usr/bin/zcat /var/log/cloud-init-output.log.1.gz", "reads any file"),
        ("/usr/bin/cat /var/log/cloud-init.log", "reads any file"),
        ("/usr/bin/cat /usr/local/etc/key", "reads any file"),
        ("/usr/bin/cat /etc/ssh/ssh_host_ed25519_key", "reads any file"),
        ("/usr/bin/cat /proc/1/environ", "reads any file"),
        ("/usr/bin/cat /dev/sda", "reads any file"),
        ("/usr/bin/cat /tmp/x", "reads any file"),
        ("/usr/bin/sudoers-install install", "rules of sudo"),
        ("/usr/bin/docker run -v /:/host alpine", "the host's own files"),
        ("/usr/sbin/visudo", "rules of sudo"),
        ("/usr/sbin/visudo -c -f /tmp/x", "rules of sudo"),
        ("/usr/sbin/sysctl -w kernel.core_pattern=|/tmp/x", "the kernel starts"),
        ("/usr/sbin/sysctl -w kernel//core_pattern=x", "the kernel starts"),
        ("/usr/sbin/sysctl kernel/modprobe=x", "the kernel starts"),
        ("/usr/sbin/sysctl -w fs.binfmt_misc.register=:x:M::MZ::/tmp/x:", "the kernel starts"),
        ("/usr/sbin/sysctl -w net/../kernel/modprobe=x", "the kernel starts"),
        ("/usr/sbin/sysctl -w net..x=1", "the kernel starts"),
        ("/usr/sbin/sysctl -w vm.mmap_min_addr=0", "the kernel starts"),
        ("/usr/sbin/sysctl -w net.x=/tmp/x", "the kernel starts"),
        ("/usr/sbin/sysctl -p x", "any file"),
        ("/usr/sbin/sysctl -p /tmp/x", "any file"),
        ("/usr/sbin/modprobe -C /tmp wireguard", "configuration"),
        ("/usr/sbin/iptables -L --modprobe=/tmp/x", "starts the program"),
        ("/usr/sbin/iptables -L --mod=x", "starts the program"),
        ("/usr/sbin/iptables -L --mod x", "starts the program"),
        ("/usr/sbin/iptables -nvMx -L", "starts the program"),
        ("/usr/sbin/iptables -A INPUT -m bpf --object-pinned /x", "starts the program"),
        ("/usr/sbin/iptables-restore /etc/rules", "loads the rules"),
        ("/usr/sbin/iptables-restore", "loads the rules"),
        ("/usr/sbin/iptables-save -f x", "changes files"),
        ("/usr/sbin/ip netns exec a sh", "starts programs"),
        ("/usr/sbin/ip link set dev eth0 xdp object x.o", "loads programs"),
        ("/usr/sbin/ip link set dev eth0 xdp obj /home/a/x.o", "loads programs"),
        ("/usr/sbin/ip route add 10.0.0.0/8 encap bpf in obj x.o dev eth0", "loads programs"),
        ("/usr/sbin/ip addr restore", "loads programs"),
        ("/usr/sbin/ip -b x", "loads programs"),
        ("/usr/bin/docker-compose restart web", "host's own files"),
        ("/usr/bin/dmidecode --dump-bin x", "changes files"),
        ("/usr/bin/rg --pre x .", "starts programs"),
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

/// Programs of which it is public how they read, write or start what sudo's caller says.
const NEVER: &str = "7z aa-exec ab agetty alpine ansible-playbook ansible-test aoss apt-cache ar aria2c arj arp as \
    ascii-xfr ascii85 ash aspell at atobm awk aws base32 base58 base64 basenc basez bash bashbug bat batcat bc \
    bconsole bpftrace bridge bundle busctl busybox byebug bzip2 c89 c99 cabal caddy capsh cargo cdist chattr \
    check_by_ssh check_cups check_log check_memory check_raid check_ssl_cert check_statusfile chmod choom chown \
    chroot chsh clamscan clisp cmp cobc code column comm composer cowsay cowthink cp cpan cpio cpulimit \
    crash crontab csh csplit csvtool ctr cupsfilter curl cut dash date dc dd debugfs dialog diff dig distcc \
    dmidecode dmsetup dnf dnsmasq doas docker-buildx docker-compose dos2unix dosbox dotnet dpkg dstat dvips \
    easy_install easyrsa eb ed efax elvish emacs enscript env eqn espeak ex exiftool expand expect facter ffmpeg \
    file find finger firejail fish flock fmt fold forge fping ftp gawk gcc gcloud gcore gdb gem genie genisoimage \
    getent ghc ghci gimp ginsh git gnuplot grc gtester gzip hashcat hd hexdump hg highlight hping3 iconv iftop \
    install ionice ip6tables-save iptables-save irb ispell java jjs joe join jq jrunscript jshell jtag julia kexec \
    knife ksh ksshell ksu kubectl last lastb latex latexmk ld.so ldconfig ldd less lftp links ln logger logrotate \
    logsave look ltrace lua lualatex luatex lwp-download lwp-request m4 mail make man mariadb mawk minicom mksh \
    mkfifo more mosh mount msfconsole msgattrib msgcat msgconv msgfilter msgmerge msguniq mtr multitime mutt mv \
    mypy mysql mysqldump nano nasm nawk nc ncdu ncftp needrestart neofetch nft nice nl nm nmap node nohup npm nroff \
    nsenter ntpdate nvim octave od openssl openvpn openvt opkg pandoc paste pax pdb pdflatex pdftex perf perl \
    perlbug pexec pg pg_dump php php-fpm pic pico pidstat pip pipx pkexec pkg plymouth posh postconf pr procmail \
    pry psad psftp psql ptx puppet pwsh pygmentize pyright python qpdf R rake ranger rc readelf red redcarpet \
    redis restic rev rg rlogin rlwrap rpm rpmdb rpmquery rpmverify rsync rsyslogd rtorrent ruby run-mailcap \
    run-parts runscript rustc rustdoc rustfmt rustup rview rvim sash scanmem scp screen script scrot sed setarch \
    setcap setfacl setlock sftp sg sh shred shuf slsh smbclient socat socket soelim softlimit sort split sqlite3 \
    sqlmap ss ssh ssh-agent ssh-copy-id ssh-keygen ssh-keyscan sshfs sshpass sshuttle start-stop-daemon stdbuf \
    strace strings su sudo systemd-resolve systemd-run tac tailscale tar task taskset tasksh tbl tclsh tcpdump \
    tcsh tdbtool tee telnet terraform tex tftp tic time timeout tmate tmux top torify torsocks troff tsc tshark \
    tune2fs ul unexpand uniq unshare unsquashfs unzip update-alternatives urlget useradd uuencode uudecode uv \
    vagrant valgrind varnishncsa vi view vigr vim vimdiff vipw volatility w3m wall watch wg-quick wget whiptail \
    whois wireshark wish xargs xdg-user-dir xdotool xelatex xetex xmodmap xmore xpad xxd xz yarn yash yelp yt-dlp \
    yum zathura zgrep zic zip zless zsh zsoelim zypper";

#[test]
fn classes_that_no_arguments_make_safe() {
    let arguments = ["--version".to_owned()];
    let mut missing = Vec::new();
    for name in NEVER.split_whitespace() {
        for arguments in [Arguments::Any, Arguments::None, Arguments::Exactly(&arguments)] {
            if hatch(&format!("/usr/bin/{name}"), arguments).is_none() {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn with_any_arguments_every_row_is_a_way_out_and_no_name_has_two() {
    let mut seen = std::collections::BTreeSet::new();
    for row in table::ROWS.iter().copied().flatten() {
        for name in row.names() {
            assert!(seen.insert(name), "{name} stands twice");
            let hatch =
                hatch(&format!("/usr/bin/{name}"), Arguments::Any).unwrap_or_else(|| panic!("{name}"));
            assert!(hatch.why.starts_with(name) && !hatch.why.ends_with('.'), "{}", hatch.why);
        }
        let said =
            [row.why, row.instead].into_iter().chain(row.because.iter().flat_map(|b| [b.why, b.instead]));
        for text in said {
            assert!(text.is_ascii() && !text.contains("  ") && !text.ends_with('.'), "{text}");
        }
    }
    for name in table::HARMLESS.split_whitespace() {
        assert!(seen.insert(name), "{name} stands twice");
        assert_eq!(hatch(&format!("/usr/bin/{name}"), Arguments::Any), None);
    }
    assert_eq!(hatch("/usr/bin/unheard-of", Arguments::Any), None);
}

#[test]
fn what_a_name_leads_to_counts_but_not_that_of_a_program_of_many_names() {
    let way_out = |program, real| behind(program, real, Arguments::None).is_some();
    for (program, real, expected) in [
        ("/opt/x", "/usr/bin/python3.11", true),
        ("/opt/x", "/usr/bin/systemctl", true),
        ("/usr/sbin/reboot", "/usr/bin/systemctl", false),
        ("/opt/x", "/usr/bin/git", true),
        ("/opt/x", "/usr/bin/kmod", true),
        ("/usr/sbin/modprobe", "/usr/bin/kmod", false),
        ("/opt/x", "/usr/bin/xz", true),
        ("/usr/bin/xzcat", "/usr/bin/xz", false),
        ("/opt/x", "/bin/busybox", false),
        ("/opt/x", "/usr/bin/snap", false),
        ("/usr/sbin/iptables", "/usr/sbin/xtables-nft-multi", false),
    ] {
        assert_eq!(way_out(program, real), expected, "{program} -> {real}");
    }
    assert!(judged("/bin/busybox").is_some());
}

#[test]
fn what_is_known_is_told_apart_from_what_nobody_has_judged() {
    for (program, expected) in [
        ("/usr/bin/apt", true),
        ("/usr/bin/python3.11", true),
        ("/usr/bin/x86_64-linux-gnu-gcc-12", true),
        ("/usr/sbin/reboot", true),
        ("/usr/bin/sudo-helper", true),
        ("/opt/tool/bin/deploy", false),
        ("/usr/bin/3.1", false),
    ] {
        assert_eq!(knows(program, None), expected, "{program}");
    }
    assert!(knows("/opt/x", Some("/usr/bin/python3.11")));
    assert!(!knows("/snap/bin/x", Some("/usr/bin/snap")), "it is by the name that snap tells what to start");
}

proptest! {
    #[test]
    fn a_program_that_shows_files_passes_with_logs_by_their_paths_alone(
        program in prop::sample::select(vec!["cat", "head", "tail", "wc", "zcat"]),
        words in prop::collection::vec("(-[a-z]|-[a-z]{1,2}[0-9x]|--[a-z]{1,8}=?x?|/var/log/[a-z./]{1,4}|[a-z0-9./]{1,3})", 0..4),
    ) {
        let passes = hatch(&format!("/usr/bin/{program}"), Arguments::Exactly(&words)).is_none();
        let harmless = |word: &String| {
            let number = word.bytes().all(|byte| byte.is_ascii_digit());
            let up = word.split('/').any(|element| element == "..");
            let log = word.starts_with("/var/log/") && !up && !word.contains("//");
            number || log || (word.starts_with('-') && !word.contains('x'))
        };
        prop_assert!(!passes || words.iter().all(harmless), "{words:?}");
    }

    #[test]
    fn a_command_that_passes_holds_nothing_that_names_a_file_of_the_callers(
        program in prop::sample::select(vec!["systemctl", "apt-get", "service", "docker", "snap", "nginx", "certbot"]),
        words in prop::collection::vec("(restart|enable|update|remove|-[a-z]|--[a-z]{1,8}=?|renew|/tmp/x|[a-z./+-]{1,6})", 0..5),
    ) {
        let passes = hatch(&format!("/usr/bin/{program}"), Arguments::Exactly(&words)).is_none();
        prop_assert!(!passes || words.iter().all(|word| !word.contains('/') && !word.ends_with('+')), "{words:?}");
    }
}
