//! Package managers, and programs about packages.

use crate::escape_hatch::form::{Form, Options, Word};
use crate::escape_hatch::row::{Because, Row};

const HELPER: &str =
    "allow sudo-helper, whose policy names the packages and which answers every question itself";
const QUIET: Options = Options {
    flags: &[
        "-y",
        "--yes",
        "--assume-yes",
        "-q",
        "-qq",
        "--quiet",
        "--no-install-recommends",
        "--purge",
        "--no-color",
    ],
    values: &[],
};

const OPTIONS: Because = Because {
    words: &["-o*", "--option*", "-c*", "--config-file*"],
    why: "sets what apt runs before and after: any program",
    instead: "leave the option out, or let root write it to /etc/apt/apt.conf.d",
};
const QUESTIONS: Because = Because {
    words: &["install", "reinstall", "upgrade", "dist-upgrade", "full-upgrade", "build-dep", "satisfy"],
    why: "installs packages, which run their scripts as root, and asks about changed files, where one answer is a shell",
    instead: HELPER,
};
const PAGES: Because = Because {
    words: &[
        "changelog",
        "list",
        "show",
        "search",
        "policy",
        "edit-sources",
        "source",
        "download",
        "depends",
        "rdepends",
    ],
    why: "starts a pager or an editor, or writes files of its caller's choice",
    instead: "run it without sudo, where it needs no root",
};

pub(super) const ROWS: &[Row] = &[
    Row {
        names: "apt apt-get",
        why: "installs packages and files that its caller names, whose scripts run as root, and runs programs that its options name",
        instead: "allow one step, such as: apt-get update; or allow sudo-helper, whose policy names the packages",
        safe: &[
            Form::of(&[Word::Is(&["update", "autoclean", "clean", "autoremove", "check"])]).with(QUIET),
            Form::of(&[Word::Is(&["remove", "purge"]), Word::Name]).with(QUIET).rest(Word::Name),
        ],
        because: &[OPTIONS, QUESTIONS, PAGES],
    },
    Row::never(
        "aptitude apt-cache apt-config apt-key apt-add-repository add-apt-repository nala needrestart \
         synaptic dselect tasksel gdebi unattended-upgrade unattended-upgrades apt-file deborphan apt-mark \
         apt-ftparchive apt-clone apt-offline aptdcon",
        "runs programs that its options and the packages' scripts name, or changes where packages come from",
        HELPER,
    ),
    Row::never(
        "dpkg dpkg-deb dpkg-reconfigure dpkg-divert dpkg-statoverride dpkg-preconfigure debconf \
         debconf-show update-alternatives alien ucf debconf-set-selections debconf-communicate alternatives",
        "installs files and runs scripts of its caller's choice as root, asks with a shell as an answer, or pages",
        HELPER,
    ),
    Row::never(
        "yum dnf dnf5 microdnf tdnf rpm rpmdb rpmquery rpmverify rpm2cpio zypper pacman pamac yay apk \
         emerge portage xbps-install opkg eopkg swupd pkg pkg_add pkcon slackpkg installpkg flatpak \
         rpm-ostree ostree bootc transactional-update",
        "installs packages that its caller names, whose scripts run as root",
        "let root install what is needed, or write a program of root's that installs the one package",
    ),
    Row::unless(
        "snap",
        &[Form::of(&[Word::Is(&["start", "stop", "restart", "refresh"]), Word::Name])],
        "installs snaps that its caller names, with all of root's rights where it says --classic or --dangerous",
        "allow one step, such as: snap restart NAME, or: snap refresh NAME",
    ),
    Row::unless(
        "certbot",
        &[Form::of(&[Word::Is(&["renew", "certificates"])]).with(Options {
            flags: &["-q", "--quiet", "-n", "--non-interactive", "--dry-run"],
            values: &[],
        })],
        "runs the hooks that its caller names",
        "allow: certbot renew",
    ),
    Row::never(
        "acme.sh dehydrated lego step-ca getssl",
        "reads a configuration of its caller's folder, and runs the hooks that it names",
        "let root write a systemd timer for it",
    ),
];
