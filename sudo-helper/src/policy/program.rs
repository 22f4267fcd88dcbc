//! Programs that make a poor command: a lint against mistakes, not a boundary. A script with
//! another name does what it likes; whoever writes the policy vouches for it.

const INTERPRETER: &str = "it is an interpreter: what its arguments say runs as root";
const PREFIX: &str = "it runs the program that its arguments name: name that program itself";
const EDITOR: &str = "it is an editor or a pager, from which a shell is one key away";
const SWITCH: &str = "it changes who a program runs as, which is what this policy decides";
const OPENS: &str = "it connects a program to the network or a terminal";
const BUILDS: &str = "it runs what the files of a folder say";
const DECIDES: &str = "it is part of what decides who may act as root";

/// Programs that a policy cannot name, each with the reason that is printed.
const REFUSED: &[(&str, &str)] = &[
    (
        INTERPRETER,
        "R Rscript ash awk bash bpftrace bun busybox coreutils csh dash deno elvish expect fish gawk gdb ghci \
         groovy guile iex irb java jrunscript jshell julia ksh lldb lua luajit m4 mawk mksh mongosh mysql \
         nawk node nodejs nu octave oksh original-awk perl php posh psql pwsh pypy python rbash rc ruby sh \
         sqlite stap tclsh tcsh toybox wish xonsh yash zsh",
    ),
    (
        PREFIX,
        "aa-exec bwrap capsh capture-run catchsegv chronic chroot chrt daemonize dbus-launch dbus-run-session \
         dropuid eatmydata entr env fakechroot fakeroot faketime find firejail flock i386 ionice ld ld-linux \
         ld-linux-aarch64.so.1 ld-linux-x86-64.so.2 linux32 linux64 ltrace nice nohup nsenter numactl \
         parallel perf prlimit proot run-parts rlwrap setarch setsid softlimit ssh-agent ssh-agent-fwd \
         start-stop-daemon stdbuf strace systemd-inhibit systemd-nspawn systemd-run taskset time timeout \
         torsocks trickle unbuffer unshare valgrind watch x86_64 xargs xvfb-run",
    ),
    (
        EDITOR,
        "crontab ed emacs emacs-gtk emacs-nox emacsclient ex joe less lynx man mc mcedit micro more most nano \
         nvim pager pg pico red rnano rview rvim sensible-editor sensible-pager tig vi view vim vimdiff w w3m",
    ),
    (SWITCH, "chpst doas gosu newgrp pkexec run0 runuser setpriv setuidgid sg su su-exec"),
    (
        OPENS,
        "at batch cu dtach ftp machinectl minicom mosh nc ncat netcat rsh scp screen script scriptlive sftp \
         slogin socat ssh telnet tmux zellij",
    ),
    (BUILDS, "ant cargo cmake git gmake gradle just make mvn ninja npm npx pnpm rake yarn"),
    (
        DECIDES,
        "chgpasswd chpasswd chsh cvtsudoers gpasswd groupmod newusers pam-auth-update passwd sudo sudo-helper \
         sudo-rs sudoedit sudoreplay sudoers-install usermod vigr vipw visudo visudo-rs",
    ),
];

const WRITES: &str = "it can write any file that its arguments name";
const OWNS: &str = "it can hand any file that its arguments name to someone";
const INSTALLS: &str = "it runs the scripts of the packages that it installs";
const ACCOUNTS: &str = "it changes accounts and groups, group sudo and docker among them";
const CONTAINERS: &str = "whoever may start a container of their choice is root";
const MANAGES: &str = "it can start units and change the machine's state";
const EXECUTES: &str = "options of it run other programs";
const STOPS: &str = "it stops the machine";
const KERNEL: &str = "it changes the kernel, its devices or what is mounted";

/// Programs that a policy may name, and had better with fixed arguments.
const POWERFUL: &[(&str, &str)] = &[
    (WRITES, "cp curl dd install ln mv rm sed shred tee truncate unzip wget"),
    (OWNS, "chacl chattr chgrp chmod chown setcap setfacl"),
    (INSTALLS, "apt apt-get aptitude dpkg dpkg-reconfigure flatpak gem pip pipx snap unattended-upgrade"),
    (ACCOUNTS, "addgroup adduser deluser groupadd groupdel useradd userdel"),
    (CONTAINERS, "crictl ctr docker docker-compose helm incus kubectl lxc nerdctl podman virsh"),
    (MANAGES, "busctl dbus-send gdbus hostnamectl initctl loginctl service systemctl systemd-tmpfiles"),
    (EXECUTES, "bsdtar certbot cpio ip journalctl logrotate openssl rsync tar tcpdump tcpflow zip"),
    (STOPS, "halt init kexec poweroff reboot shutdown telinit"),
    (
        KERNEL,
        "cryptsetup fdisk insmod iptables losetup lvm mkfs modprobe mount nft parted rmmod swapoff swapon \
         sysctl ufw umount wipefs",
    ),
];

/// Why this file name cannot be a command's program.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    look_up(REFUSED, name)
}

/// What this file name can do beyond what its arguments seem to say.
pub(super) fn power(name: &str) -> Option<&'static str> {
    look_up(POWERFUL, name)
}

/// Looks for the name, and for it without what versions and alternatives add: `python3.11`,
/// `vim.tiny`, `bash-static`.
fn look_up(table: &[(&'static str, &str)], name: &str) -> Option<&'static str> {
    let unversioned = name.split(|end: char| end == '.' || end.is_ascii_digit()).next().unwrap_or(name);
    let bare = unversioned.trim_end_matches('-');
    let dynamic = name.trim_end_matches("-static");
    let named = |names: &str| names.split(' ').any(|listed| [name, bare, dynamic].contains(&listed));
    table.iter().find(|(_, names)| named(names)).map(|(why, _)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_and_their_like_in_every_version() {
        for name in [
            "sh",
            "bash",
            "bash-static",
            "busybox",
            "python3",
            "python3.11",
            "perl5.36.0",
            "php8.2",
            "lua5.4",
            "node",
            "awk",
            "mawk",
            "env",
            "xargs",
            "find",
            "nice",
            "timeout",
            "ssh",
            "su",
            "sudo",
            "doas",
            "pkexec",
            "systemd-run",
            "vim.tiny",
            "nano",
            "less",
            "gdb",
            "git",
            "make",
            "nc.openbsd",
            "ld-linux-x86-64.so.2",
            "ld.so",
            "visudo",
            "passwd",
            "sudo-helper",
            "dropuid",
            "x86_64",
            "sqlite3",
            "wish8.6",
        ] {
            assert!(refused(name).is_some(), "{name}");
        }
    }

    #[test]
    fn useful_programs_stay_possible() {
        for name in [
            "tail",
            "cat",
            "journalctl",
            "reboot",
            "systemctl",
            "apt-get",
            "cp",
            "chown",
            "nginx",
            "certbot",
            "tar",
            "docker",
            "sshd",
            "php-fpm8.2",
            "caddy",
            "df",
            "ls",
            "ss",
            "deploy.sh",
            "shutdown",
            "wireguard",
            "7z",
            "",
        ] {
            assert_eq!(refused(name), None, "{name}");
        }
        assert_eq!(power("mkfs.ext4"), Some(KERNEL));
        assert_eq!(power("reboot"), Some(STOPS));
        assert_eq!(power("tail"), None);
    }
}
