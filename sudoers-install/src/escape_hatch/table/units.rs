//! Units of systemd.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::{Because, Row};

pub(super) const RESTART: &str = "allow one verb for one unit, such as: systemctl restart nginx; to show things, put --no-pager before the verb";
/// Options of systemctl and its kin that change what is shown and how long is waited.
pub(super) const QUIET: Options = Options {
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
    "kbrequest.target",
    "initrd*",
    "kexec*",
    "soft-reboot*",
    "switch-root*",
    "system-update*",
    "isolate",
    "set-default",
];

pub(super) const ROWS: &[Row] = &[Row {
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
}];
