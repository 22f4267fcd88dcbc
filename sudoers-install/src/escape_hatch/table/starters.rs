//! Programs that start the program that they are given, now or later.

use crate::escape_hatch::row::Row;

const OWN_RULE: &str = "name that program itself, with its arguments, in the rule";
const OWN_SCRIPT: &str =
    "allow a program of root's that does the one thing needed, in a folder that only root can write";
const TIMER: &str = "let root write a systemd timer, and allow: systemctl start NAME.service";

pub(super) const ROWS: &[Row] = &[
    Row::never(
        "env pidstat pexec msgfilter openvt grc tmate opensnoop xdotool nice ionice nohup timeout time \
         stdbuf xargs parallel find fd fdfind bfs watch viddy flock setlock setsid setarch linux32 linux64 \
         i386 x86_64 uname26 taskset chrt choom prlimit numactl softlimit chpst cpulimit logsave catchsegv \
         ld.so ld-linux.so ld-linux-x86-64.so ld-linux-aarch64.so ld-musl-x86_64.so rlwrap unbuffer entr \
         incrontab start-stop-daemon daemonize daemon screen tmux byobu dtach abduco zellij script \
         scriptlive ttyrec asciinema run-parts run-mailcap see xdg-open open torsocks torify proxychains \
         proxychains4 tsocks eatmydata faketime fakeroot fakechroot proot dbus-run-session dbus-launch \
         xvfb-run sshpass ssh-agent gpg-agent hyperfine tini dumb-init s6-setuidgid setuidgid gosu su-exec \
         dropuid aa-exec runcon ccache distcc sem xe apply cgexec systemd-inhibit systemd-cat \
         systemd-notify nq ts capture-run execlineb chronic ifne mispipe pee vidir vipe coreutils uutils",
        "starts whatever program its caller names",
        OWN_RULE,
    ),
    Row::never(
        "rg ripgrep ack ugrep fzf sk ldd plymouth dstat neofetch fastfetch screenfetch scrot cdist \
         ansible-test aoss check_by_ssh check_cups check_log check_memory check_raid check_ssl_cert \
         check_statusfile easyrsa runscript multitime scanmem genie jtag forge eb opencode yt-dlp \
         youtube-dl xdg-user-dir xdg-user-dirs-update ifup ifdown xterm uxterm rxvt urxvt \
         x-terminal-emulator gnome-terminal konsole xfce4-terminal alacritty kitty foot startx xinit Xorg X \
         Xvfb sshuttle tailscale ffuf sqlmap hashcat john watchexec slirp4netns rootlesskit wine",
        "starts programs that its options, its configuration or its view name",
        OWN_SCRIPT,
    ),
    Row::never(
        "su ksu sudo sudo-rs su-rs doas pkexec run0 runuser setpriv capsh sg newgrp chroot unshare nsenter \
         pivot_root switch_root firejail bwrap jk_chrootsh schroot dchroot pbuilder cowbuilder systemd-run \
         systemd-nspawn machinectl login agetty getty sulogin ssh-keysign xinetd inetd",
        "starts a program, a shell included, with ids and roots that its caller chooses",
        OWN_RULE,
    ),
    Row::never(
        "at batch crontab cron crond anacron fcron fcrontab atd incrond logrotate",
        "runs later, as root, what its caller writes down",
        TIMER,
    ),
];
