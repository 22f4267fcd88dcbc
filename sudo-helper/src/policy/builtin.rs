//! What no policy can allow: the machine's own state, and what decides who is root.

use std::path::Path;

use crate::unit_name::UnitName;

const MACHINE: &str =
    "it changes the state of the whole machine; define a command for it and let it wait for approval";
const ROOT_SHELL: &str = "it gives a root shell on a console";
const DECIDES: &str = "it is part of what decides who may act as root";
const ESSENTIAL: &str = "the machine, or the way into it, needs it";
const CONTAINS: &str = "it holds the agent in its bounds";

/// Units by their name without type and instance.
const DENIED_UNITS: &[(&str, &str)] = &[
    ("console-shell", ROOT_SHELL),
    ("ctrl-alt-del", MACHINE),
    ("debug-shell", ROOT_SHELL),
    ("emergency", ROOT_SHELL),
    ("halt", MACHINE),
    ("initrd-switch-root", MACHINE),
    ("kexec", MACHINE),
    ("kexec-load", MACHINE),
    ("poweroff", MACHINE),
    ("reboot", MACHINE),
    ("rescue", ROOT_SHELL),
    ("single", ROOT_SHELL),
    ("sudo", DECIDES),
    ("sudo-helper", DECIDES),
    ("systemd-exit", MACHINE),
    ("systemd-factory-reset", MACHINE),
    ("systemd-halt", MACHINE),
    ("systemd-hibernate", MACHINE),
    ("systemd-hybrid-sleep", MACHINE),
    ("systemd-kexec", MACHINE),
    ("systemd-poweroff", MACHINE),
    ("systemd-reboot", MACHINE),
    ("systemd-soft-reboot", MACHINE),
    ("systemd-storagetm", "it hands the disks out over the network"),
    ("systemd-sulogin", ROOT_SHELL),
    ("systemd-sulogin-shell", ROOT_SHELL),
    ("systemd-suspend", MACHINE),
    ("systemd-suspend-then-hibernate", MACHINE),
];

/// Packages that are neither installed nor removed.
const DENIED_PACKAGES: &[(&str, &str)] = &[
    ("privtools", DECIDES),
    ("sudo", DECIDES),
    ("sudo-helper", DECIDES),
    ("sudo-ldap", DECIDES),
    ("sudo-rs", DECIDES),
    ("sudoers-install", DECIDES),
];

/// Packages that are not removed: Debian's essential ones, those that boot the machine, and the ways in.
const PROTECTED_PACKAGES: &str = "\
    amazon-ssm-agent apt base-files base-passwd bash bsdutils coreutils dash dbus dbus-broker \
    dbus-daemon debconf debian-archive-keyring debianutils diffutils dpkg findutils gpgv grep \
    grub-efi-amd64 grub-efi-arm64 grub-pc gzip hostname ifupdown init init-system-helpers iproute2 \
    libc-bin libc6 libcrypt1 libpam-modules libpam-modules-bin libpam-runtime libpam-systemd libpam0g \
    libsystemd-shared libsystemd0 login mount ncurses-base ncurses-bin netplan.io network-manager \
    openssh-server openssh-sftp-server passwd perl-base sed shim-signed systemd systemd-resolved \
    systemd-sysv sysvinit-utils tar ubuntu-keyring udev util-linux";

/// The other programs of this suite that a removal would undo.
const CONTAINING_PACKAGES: &str = "capture-run dropuid ssh-agent-fwd ssm-keepalive";

/// Why this unit is nobody's to touch.
pub(super) fn denied_unit(unit: &UnitName) -> Option<&'static str> {
    let bare = unit.as_str().rsplit_once('.').map_or(unit.as_str(), |(bare, _)| bare);
    let bare = bare.split('@').next().unwrap_or(bare);
    reason(DENIED_UNITS, bare)
}

/// Why this package is neither installed nor removed.
pub(super) fn denied_package(name: &str) -> Option<&'static str> {
    reason(DENIED_PACKAGES, name)
}

/// Why this package is not removed.
pub(super) fn undeletable(name: &str) -> Option<&'static str> {
    if PROTECTED_PACKAGES.split(' ').any(|listed| listed == name) {
        return Some(ESSENTIAL);
    }
    if CONTAINING_PACKAGES.split(' ').any(|listed| listed == name) {
        return Some(CONTAINS);
    }
    denied_package(name)
}

/// Whether no plan may remove the package, whatever the policy says. A name may carry an
/// architecture, as apt-get(8) prints it for foreign ones: `libc6:i386`.
#[must_use]
pub fn is_protected(name: &str) -> bool {
    undeletable(name.split(':').next().unwrap_or(name)).is_some()
}

fn reason(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(listed, _)| *listed == name).map(|(_, why)| *why)
}

/// Where the helper's own files are, and sudo's: written without a leading '/', since the commands
/// of a policy run in '/'.
const OWN_FILES: [&str; 4] = ["etc/sudo-helper", "etc/sudoers", "run/sudo-helper", "bin/sudo"];

/// Whether a text names, anywhere in it and however it is spelled, a file that decides who may act as root.
pub(super) fn names_own_file(text: &str) -> bool {
    let plain = without_detours(text);
    OWN_FILES.iter().any(|own| text.contains(own) || plain.contains(own))
}

/// The text without empty parts, `.`, and `..` with what it takes back (path_resolution(7)).
fn without_detours(text: &str) -> String {
    let mut parts = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Whether a folder holds such files, or is held by one of theirs.
pub(super) fn holds_own_file(folder: &str) -> bool {
    let folder = folder.trim_start_matches('/');
    names_own_file(folder) || OWN_FILES.iter().any(|own| Path::new(own).starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helpers_own_files() {
        for folder in [
            "/",
            "/etc",
            "/run",
            "/etc/sudo-helper",
            "/run/sudo-helper/requests",
            "/etc/sudoers.d",
            "/var/run/sudo-helper",
        ] {
            assert!(holds_own_file(folder), "{folder}");
        }
        for folder in ["/etc/nginx", "/var/log", "/runner", "/srv"] {
            assert!(!holds_own_file(folder), "{folder}");
        }
        for text in [
            "--file=/etc/sudoers.d/x",
            "/etc//sudoers",
            "/etc/./sudoers",
            "--file=/etc/.//././sudoers",
            "/etc/nginx/../sudoers",
            "../..//etc/x/y/../../sudo-helper/policy.json",
            "/var//run///sudo-helper",
            "/etc/sudoers/../nginx",
        ] {
            assert!(names_own_file(text), "{text}");
        }
        for text in ["/etc/nginx", "/etc/../sudoers", "etc sudoers", ""] {
            assert!(!names_own_file(text), "{text}");
        }
    }

    #[test]
    fn the_machines_own_units_in_every_spelling() {
        for name in [
            "systemd-reboot",
            "debug-shell.service",
            "emergency",
            "rescue",
            "sudo",
            "kexec-load",
            "console-shell@1",
        ] {
            assert!(denied_unit(&UnitName::parse(name).expect(name)).is_some(), "{name}");
        }
        for name in ["nginx", "getty@tty1", "snapd.socket", "systemd-journald", "rebooter"] {
            assert!(denied_unit(&UnitName::parse(name).expect(name)).is_none(), "{name}");
        }
    }

    #[test]
    fn what_no_plan_may_remove() {
        for name in ["sudo", "sudo-helper", "libc6", "libc6:i386", "openssh-server", "systemd", "dropuid"] {
            assert!(is_protected(name), "{name}");
        }
        for name in ["curl", "libc6-dev", "nginx", ""] {
            assert!(!is_protected(name), "{name}");
        }
    }
}
