//! systemd's tools: units, the journal, and what else PID 1's programs look after.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::{Because, Row};

const RESTART: &str = "allow one verb for one unit, such as: systemctl restart nginx; to show things, put --no-pager before the verb";
const PAGES: &str = "shows its output in a pager, which starts a shell";
const NO_PAGER: &str = "put --no-pager before everything else";

const QUIET: Options = Options {
    flags: &[
        "--no-block",
        "--no-ask-password",
        "--quiet",
        "-q",
        "--now",
        "--system",
        "--wait",
        "--plain",
        "--full",
        "-l",
        "--no-legend",
        "--all",
        "-a",
        "--failed",
        "--value",
        "--no-reload",
        "--no-pager",
    ],
    values: &[
        ("--type", Word::Text),
        ("-t", Word::Text),
        ("--state", Word::Text),
        ("--lines", Word::Number),
        ("-n", Word::Number),
        ("--property", Word::Text),
        ("-p", Word::Text),
        ("--output", Word::Text),
        ("-o", Word::Text),
    ],
};

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

const SYSTEMCTL: &[Form] = &[
    Form::of(&[
        Word::Is(&[
            "start",
            "stop",
            "restart",
            "try-restart",
            "reload",
            "reload-or-restart",
            "try-reload-or-restart",
            "enable",
            "disable",
            "reenable",
            "mask",
            "unmask",
            "is-active",
            "is-enabled",
            "is-failed",
            "reset-failed",
            "freeze",
            "thaw",
        ]),
        Word::Name,
    ])
    .with(QUIET)
    .rest(Word::Name),
    Form::of(&[Word::Is(&[
        "daemon-reload",
        "daemon-reexec",
        "reset-failed",
        "reboot",
        "poweroff",
        "halt",
        "suspend",
        "hibernate",
        "is-system-running",
    ])])
    .with(QUIET),
    Form::of(&[Word::Is(&[
        "status",
        "show",
        "list-units",
        "list-unit-files",
        "list-timers",
        "list-sockets",
        "list-jobs",
        "list-dependencies",
        "list-automounts",
        "list-paths",
        "get-default",
    ])])
    .needs("--no-pager")
    .with(QUIET)
    .rest(Word::Name),
];

/// Units that are a root shell on the console, or lead to another system.
const CONSOLE: &[&str] = &[
    "rescue",
    "rescue.target",
    "rescue.service",
    "emergency",
    "emergency.target",
    "emergency.service",
    "debug-shell",
    "debug-shell.service",
    "console-shell",
    "console-shell.service",
    "container-shell@*",
    "runlevel1.target",
    "initrd*",
    "kexec*",
    "soft-reboot*",
    "switch-root*",
    "system-update*",
    "isolate",
    "set-default",
];

pub(super) const ROWS: &[Row] = &[
    Row {
        names: "systemctl",
        why: "edits, links and reloads units of its caller's making, and shows things in a pager, which starts a shell",
        instead: RESTART,
        safe: SYSTEMCTL,
        because: &[
            Because {
                words: &[
                    "edit",
                    "link",
                    "revert",
                    "preset",
                    "preset-all",
                    "add-wants",
                    "add-requires",
                    "set-property",
                    "mount-image",
                ],
                why: "changes what units run",
                instead: "let root change the unit, and allow a restart of it by name",
            },
            Because {
                words: &["set-environment", "import-environment", "unset-environment"],
                why: "changes the environment of all units, LD_PRELOAD included",
                instead: "let root set Environment= in the one unit",
            },
            Because {
                words: CONSOLE,
                why: "ends in another system or a root shell on the console",
                instead: "allow: systemctl reboot",
            },
            Because {
                words: &["--host*", "-H*", "--machine*", "-M*", "--root*", "--image*", "--user"],
                why: "leads to another system, by ssh or by a folder that its caller chooses",
                instead: "leave the option out",
            },
        ],
    },
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
