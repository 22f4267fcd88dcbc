//! The tools of systemd beside systemctl: the journal, sessions, links, names, clocks.

use super::units::{QUIET, RESTART};
use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::Row;

const PAGES: &str = "shows its output in a pager, which starts a shell";
const NO_PAGER: &str = "put --no-pager before everything else";

const JOURNAL: Options = Options {
    flags: &[
        "-q",
        "--quiet",
        "-b",
        "--boot",
        "-f",
        "--follow",
        "-x",
        "-e",
        "-r",
        "--reverse",
        "-k",
        "--dmesg",
        "-a",
        "--all",
        "--utc",
        "--no-hostname",
        "--no-full",
        "--disk-usage",
        "--list-boots",
    ],
    values: &[
        ("-u", Word::Name),
        ("--unit", Word::Name),
        ("-t", Word::Text),
        ("--identifier", Word::Text),
        ("-n", Word::Number),
        ("--lines", Word::Number),
        ("-p", Word::Text),
        ("--priority", Word::Text),
        ("-o", Word::Text),
        ("--output", Word::Text),
        ("-S", Word::Text),
        ("--since", Word::Text),
        ("-U", Word::Text),
        ("--until", Word::Text),
        ("-g", Word::Text),
        ("--grep", Word::Text),
    ],
};

pub(super) const ROWS: &[Row] = &[
    Row::unless(
        "journalctl",
        &[Form::of(&[]).needs("--no-pager").with(JOURNAL)],
        PAGES,
        "add the caller to the group systemd-journal, which needs no root, or put --no-pager before everything else",
    ),
    Row::unless(
        "loginctl",
        &[
            Form::of(&[Word::Is(&["list-sessions", "list-users", "list-seats"])])
                .needs("--no-pager")
                .with(QUIET),
            Form::of(&[
                Word::Is(&["session-status", "user-status", "show-session", "show-user"]),
                Word::Name,
            ])
            .needs("--no-pager")
            .with(QUIET),
            Form::of(&[Word::Is(&["terminate-session", "terminate-user", "lock-session"]), Word::Name]),
        ],
        PAGES,
        NO_PAGER,
    ),
    Row::unless(
        "networkctl",
        &[
            Form::of(&[Word::Is(&["list", "status", "lldp"])])
                .needs("--no-pager")
                .with(QUIET)
                .rest(Word::Name),
            Form::of(&[Word::Is(&["reload"])]),
            Form::of(&[Word::Is(&["up", "down", "renew", "reconfigure"]), Word::Name]),
        ],
        "edits the files of links, and shows things in a pager, which starts a shell",
        "allow one verb for one link, such as: networkctl reconfigure eth0; to show things, put --no-pager before the verb",
    ),
    Row::unless(
        "resolvectl",
        &[
            Form::of(&[Word::Is(&["status", "statistics"])]).needs("--no-pager"),
            Form::of(&[Word::Is(&["flush-caches", "reset-statistics", "reset-server-features"])]),
        ],
        PAGES,
        NO_PAGER,
    ),
    Row::unless(
        "timedatectl",
        &[
            Form::of(&[Word::Is(&["status", "show", "timesync-status", "list-timezones"])])
                .needs("--no-pager"),
            Form::of(&[Word::Is(&["set-timezone", "set-ntp", "set-time"]), Word::Text]),
        ],
        PAGES,
        NO_PAGER,
    ),
    Row::unless(
        "hostnamectl",
        &[
            Form::of(&[Word::Is(&["status"])]),
            Form::of(&[Word::Is(&["set-hostname", "hostname"]), Word::Name]),
        ],
        "starts ssh, where its options name another host",
        "allow: hostnamectl set-hostname NAME",
    ),
    Row::unless(
        "localectl",
        &[
            Form::of(&[Word::Is(&["status", "list-locales", "list-keymaps"])]).needs("--no-pager"),
            Form::of(&[Word::Is(&["set-locale", "set-keymap"]), Word::Text]),
        ],
        PAGES,
        NO_PAGER,
    ),
    Row::unless(
        "systemd-analyze",
        &[Form::of(&[Word::Is(&["time", "blame", "critical-chain"])]).needs("--no-pager")],
        "reads units of its caller's making, and shows things in a pager, which starts a shell",
        "allow: systemd-analyze --no-pager blame",
    ),
    Row::unless(
        "udevadm",
        &[
            Form::of(&[Word::Is(&["trigger", "settle"])]),
            Form::of(&[Word::Is(&["control"])])
                .with(Options { flags: &["--reload", "--reload-rules"], values: &[] }),
        ],
        "tests rules and builtins of its caller's choice as root",
        "allow: udevadm control --reload, or: udevadm trigger",
    ),
    Row::never(
        "coredumpctl busctl gdbus dbus-send systemd-mount systemd-tmpfiles systemd-sysusers \
         systemd-dissect systemd-creds homectl portablectl systemd-sysext systemd-confext systemd-repart \
         systemd-cryptsetup systemd-cryptenroll systemd-resolve systemd-vmspawn systemd-stdio-bridge \
         systemd-network-generator systemd-firstboot systemd-delta systemd-cgls systemd-cgtop \
         bootctl importctl varlinkctl userdbctl oomctl init telinit systemd systemd-socket-activate",
        "asks or does as root whatever its caller words: units, files, accounts, a debugger",
        RESTART,
    ),
];
