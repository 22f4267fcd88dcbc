//! `sudoers-install cluster` on hosts with another sudo or another shell, and with Ansible's own listing.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use bed::site::{
    ADMIN, PASSWORD, Site, assert_granted, assert_told, assert_untouched, passwordless, with_input,
    wrong_passwords,
};
use bed::{Host, capture, sudo_rs, tool};

/// sudo-rs in the place of sudo, visudo included.
fn with_sudo_rs(host: &Host) {
    for (name, mode, path) in [("sudo", 0o4755, "/usr/bin/sudo"), ("visudo", 0o755, "/usr/sbin/visudo")] {
        host.write(path, fs::read(sudo_rs(name)).expect("a program"), mode, "root");
    }
}

/// busybox is /bin/sh, which is also the shell of the login.
fn with_busybox(host: &Host) {
    host.write("/usr/bin/busybox", fs::read(tool("busybox")).expect("a program"), 0o755, "root");
    host.run(&["ln", "-sf", "busybox", "/bin/sh"]).success();
    host.run(&["usermod", "--shell", "/bin/sh", ADMIN]).success();
}

#[test]
fn sudo_rs_and_busybox_will_do() {
    let Some(site) = Site::boot(["rs", "rs-open", "busybox", "both"]) else { return };
    for host in &site.hosts {
        if host.name() != "busybox" {
            with_sudo_rs(host);
        }
        if host.name() == "busybox" || host.name() == "both" {
            with_busybox(host);
        }
    }
    passwordless(site.host("rs-open"));
    let all = |code| ["rs", "rs-open", "busybox", "both"].map(|name| (name, code));
    assert_told(&site.run(&["--json", "--dry-run"]), &all("would-install"));
    let wrong = site.with("wrong", &["--json", "--keep-going", "--skip", "rs-open"]);
    let mut refused = all("password-refused");
    refused[1].1 = "skipped";
    assert_told(&wrong, &refused);
    let attempts: Vec<usize> = site.hosts.iter().map(wrong_passwords).collect();
    assert_eq!(attempts, [1, 0, 1, 1], "one attempt a host");
    site.hosts.iter().for_each(assert_untouched);
    assert_told(&site.with(PASSWORD, &["--json"]), &all("installed"));
    site.hosts.iter().for_each(assert_granted);
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &all("configured"));
    assert_told(&site.with(PASSWORD, &["--json"]), &all("configured"));
    for host in &site.hosts {
        host.write("/etc/sudoers.d/zzz", "ai-agent ALL=(root) PASSWD: ALL\n", 0o440, "root:root");
    }
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &all("not-effective"));
    assert_told(&site.with(PASSWORD, &["--json", "remove"]), &all("removed"));
    assert_told(&site.with(PASSWORD, &["--json", "install"]), &all("reverted"));
    site.hosts.iter().for_each(assert_untouched);
    assert_told(&site.with(PASSWORD, &["--json", "remove"]), &all("absent"));
}

/// Writes the files of a folder.
fn tree(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

#[test]
fn what_ansible_lists_of_groups_variables_and_children_is_an_inventory() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    passwordless(site.host("one"));
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = [0, 1].map(|number: usize| site.hosts[number].address());
    tree(
        folder.path(),
        &[
            (
                "hosts.yaml",
                "all:\n  hosts: {spare: {ansible_host: 10.77.0.250}}\n  children:\n    production:\n      children:\n        \
                 web: {hosts: {one: }}\n        db:\n          vars: {ansible_port: 22}\n          hosts: {two: }\n",
            ),
            (
                "group_vars/all.yaml",
                "ansible_user: nobody-there\nansible_ssh_common_args: -o Compression=yes\n",
            ),
            ("group_vars/production/login.yaml", &format!("ansible_user: {ADMIN}\n")),
            ("group_vars/production/key.yaml", "ansible_ssh_private_key_file: ~/.ssh/other\n"),
            ("host_vars/one.yaml", &format!("ansible_host: {one}\nnote: \"it's {{ }} 'quoted' \\\\\"\n")),
            ("host_vars/two.yaml", &format!("ansible_host: {two}\nnested: {{list: [1, two]}}\n")),
        ],
    );
    // No key that ssh would try by itself.
    fs::rename(site.operator.path(".ssh/id_ed25519"), site.operator.path(".ssh/other")).expect("renamed");
    let mut ansible = Command::new(tool("ansible-inventory"));
    ansible.env("LC_ALL", "C.UTF-8").env("ANSIBLE_HOME", folder.path().join("home"));
    ansible.arg("-i").arg(folder.path().join("hosts.yaml")).arg("--list");
    let listing = capture(ansible).assert().success().get_output().stdout.clone();
    site.operator.write("password", &format!("{PASSWORD}\n"));
    let call = |arguments: &[&str]| {
        let own = ["cluster", "--inventory", "-", "--user", "ai-agent", "--json", "--password-fd", "4"];
        let before = ["sh", "-c", "exec 4</root/password; exec \"$0\" \"$@\""];
        let command = site.operator.wrapped(&before, "sudoers-install", &[&own, arguments].concat());
        with_input(command, &listing)
    };
    assert_told(&call(&["--limit", "db"]), &[("two", "installed")]);
    let all = [("one", "installed"), ("two", "configured"), ("spare", "skipped")];
    assert_told(&call(&["--skip", "spare"]), &all);
    site.hosts.iter().for_each(assert_granted);
    assert_told(&call(&["status", "--limit", "production"]), &[("one", "configured"), ("two", "configured")]);
    assert_told(&call(&["remove", "--limit", "production"]), &[("one", "removed"), ("two", "removed")]);
    site.hosts.iter().for_each(assert_untouched);
}
