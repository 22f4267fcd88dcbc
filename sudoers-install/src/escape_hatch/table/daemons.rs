//! Daemons and what controls them.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::Row;

const NONE: Options = Options::Only(&[]);

pub(super) const ROWS: &[Row] = &[
    Row {
        names: &["service", "invoke-rc.d", "rc-service"],
        why: "runs a file by a name that may lead out of /etc/init.d, and the status in a pager",
        instead: "allow: service NAME restart, or systemctl restart NAME",
        safe: &[Form {
            needs: None,
            options: NONE,
            words: &[
                Word::Name,
                Word::Is(&["start", "stop", "restart", "reload", "force-reload", "try-restart"]),
            ],
            more: false,
        }],
        because: &[],
    },
    Row {
        names: &[
            "nginx",
            "apache2ctl",
            "apachectl",
            "httpd",
            "apache2",
            "caddy",
            "haproxy",
            "php-fpm",
            "lighttpd",
            "named",
            "squid",
        ],
        why: "reads a configuration of its caller's choice, which loads modules and writes files as root",
        instead: "allow: systemctl reload NAME",
        safe: &[
            Form { needs: Some("-t"), options: Options::Only(&["-q"]), words: &[], more: false },
            Form {
                needs: Some("-s"),
                options: NONE,
                words: &[Word::Is(&["reload", "reopen", "quit", "stop"])],
                more: false,
            },
            Form {
                needs: None,
                options: NONE,
                words: &[Word::Is(&["configtest", "graceful", "restart", "start", "stop"])],
                more: false,
            },
        ],
        because: &[],
    },
    Row {
        names: &["supervisorctl", "monit"],
        why: "takes a configuration of its caller's choice, and has a prompt of its own",
        instead: "allow one verb for one program, such as: supervisorctl restart NAME",
        safe: &[Form {
            needs: None,
            options: NONE,
            words: &[Word::Is(&["start", "stop", "restart", "status"]), Word::Name],
            more: false,
        }],
        because: &[],
    },
];
