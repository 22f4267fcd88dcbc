//! Inventories in real files, the examples that are shipped among them, and as Ansible prints them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use sudoers_install::host::Host;
use sudoers_install::inventory::{self, Source};

/// What `ansible-inventory -i examples/ansible.yaml --list` of ansible-core 2.19 prints.
const LISTING: &str = include_str!("fuzz/corpus/inventory/listing");
/// The same with `--export`.
const EXPORT: &str = include_str!("fuzz/corpus/inventory/export");

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sudoers-install/examples").join(name)
}

/// An example's text in a file of our own: a checkout may have any mode.
fn hosts_of_example(name: &str) -> Vec<Host> {
    let text = fs::read_to_string(example(name)).expect(name);
    load(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Through a real file; messages call it FILE.
fn load(text: &str) -> Result<Vec<Host>, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inventory.yaml");
    fs::write(&path, text).expect("written");
    let name = path.display().to_string();
    inventory::load(&Source::File(path)).map_err(|error| error.to_string().replace(&name, "FILE"))
}

/// How a host is reached, in words of ssh(1).
fn reached(host: &Host) -> String {
    let home = std::env::var("HOME").expect("a home");
    let mut words = vec![format!("{} =", host.alias)];
    words.extend(host.login.iter().map(|login| format!("-l {login}")));
    words.extend(host.port.iter().map(|port| format!("-p {port}")));
    words.extend(host.identity.iter().map(|key| format!("-i {}", key.display())));
    words.extend(host.proxy_command.iter().map(|command| format!("-o 'ProxyCommand={command}'")));
    words.extend(host.ssh_args.iter().cloned());
    words.push(format!("-- {} [{}]", host.hostname, host.groups.join(" ")));
    words.join(" ").replace(&home, "~")
}

fn all_reached(hosts: &[Host]) -> Vec<String> {
    hosts.iter().map(reached).collect()
}

#[test]
fn the_flat_example_and_the_one_below_hosts_say_the_same() {
    let expected = [
        "web1 = -l ops -p 2222 -i ~/.ssh/id_ops -- 192.0.2.11 []",
        "db1 = -l ops -o 'ProxyCommand=ssh -W %h:%p bastion.example.com' -- db1.internal.example []",
        "mail = -- mail []",
    ];
    for name in ["flat.yaml", "hosts.yaml"] {
        assert_eq!(all_reached(&hosts_of_example(name)), expected, "{name}");
    }
}

const ANSIBLE: [&str; 4] = [
    "bastion = -l ops -i ~/.ssh/id_ops -- bastion.example.com []",
    "web1 = -l ops -p 2222 -i ~/.ssh/id_ops -o ProxyJump=ops@bastion.example.com -o IdentitiesOnly=yes \
     -- 192.0.2.11 [production web]",
    "web2 = -l ops -p 22 -i ~/.ssh/id_ops -o ProxyJump=ops@bastion.example.com -o IdentitiesOnly=yes \
     -- 192.0.2.12 [production web]",
    "db1.internal.example = -l postgres-admin -i ~/.ssh/id_ops -o ProxyJump=ops@bastion.example.com \
     -o IdentitiesOnly=yes -- db1.internal.example [db production]",
];

#[test]
fn in_the_ansible_example_the_host_counts_before_its_group_and_that_before_all() {
    assert_eq!(all_reached(&hosts_of_example("ansible.yaml")), ANSIBLE);
}

#[test]
fn what_ansible_inventory_prints_of_the_example_says_the_same() {
    for (form, listing) in [("--list", LISTING), ("--list --export", EXPORT)] {
        let hosts = load(listing).expect(form);
        let said: BTreeMap<_, _> = hosts.iter().map(|host| (host.alias.as_str(), reached(host))).collect();
        let expected: BTreeMap<_, _> = ANSIBLE
            .iter()
            .map(|line| (line.split(' ').next().expect("an alias"), (*line).to_owned()))
            .collect();
        let said: BTreeMap<_, _> =
            said.into_iter().map(|(alias, line)| (alias, line.replace("[ungrouped]", "[]"))).collect();
        assert_eq!(said, expected, "{form}");
    }
}

/// A host's way is told by the nearest place that says it, however deep the groups are.
#[test]
fn groups_are_followed_to_any_depth_that_the_reader_allows() {
    let nested = |levels: usize| {
        let mut text = "all:\n  vars: {ansible_user: top}\n  children:\n".to_owned();
        for level in 0..levels {
            let indent = "  ".repeat(2 + 2 * level);
            text += &format!("{indent}g{level}:\n{indent}  children:\n");
        }
        let indent = "  ".repeat(2 + 2 * levels);
        text + &format!("{indent}last:\n{indent}  vars: {{ansible_user: low}}\n{indent}  hosts: {{h: }}\n")
    };
    let hosts = load(&nested(25)).expect("read");
    assert_eq!(hosts[0].login.as_ref().map(ToString::to_string).as_deref(), Some("low"));
    assert_eq!(hosts[0].groups.len(), 26);
    let error = load(&nested(60)).expect_err("too deep");
    assert!(error.ends_with("nested deeper than 100 levels"), "{error}");
}

#[test]
fn a_value_may_be_overridden_from_above_but_not_contradicted_from_aside() {
    // A host in two groups; one says something else for it.
    let two = |a: &str, b: &str, host: &str| {
        format!(
            "all:\n  children:\n    a:\n      vars: {{{a}}}\n      hosts: {{h: }}\n    b:\n      vars: {{{b}}}\n      \
             hosts:\n        h: {{{host}}}\n"
        )
    };
    let user = |text: String| {
        load(&text).map(|hosts| hosts[0].login.as_ref().map(ToString::to_string).unwrap_or_default())
    };
    assert_eq!(user(two("ansible_user: x", "", "")).as_deref(), Ok("x"));
    assert_eq!(user(two("ansible_user: x", "ansible_user: x", "")).as_deref(), Ok("x"));
    assert_eq!(user(two("ansible_user: x", "ansible_user: y", "ansible_user: z")).as_deref(), Ok("z"));
    let error = user(two("ansible_user: x", "ansible_user: y", "")).expect_err("contradiction");
    assert_eq!(
        error,
        "FILE:7: ansible_user of h contradicts ansible_user on line 4; keep one, or set it at the host"
    );
    // The host's own values, in two places.
    let text = "all:\n  hosts:\n    h: {ansible_port: 22}\n  children:\n    a:\n      hosts:\n        h: {ansible_port: 23}\n";
    let error = load(text).expect_err("contradiction");
    assert!(error.starts_with("FILE:7: ansible_port of h contradicts ansible_port on line 3"), "{error}");
}

#[test]
fn groups_without_all_above_them_are_read() {
    let text = "web:\n  hosts: {web1: {ansible_host: 192.0.2.1}}\n  vars: {ansible_user: ops}\n\
                db:\n  hosts:\n    db1:\n";
    assert_eq!(
        all_reached(&load(text).expect("read")),
        ["web1 = -l ops -- 192.0.2.1 [web]", "db1 = -- db1 [db]"]
    );
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let text = "web1: &web\n  hostname: 192.0.2.1\n  user: ops\nweb2:\n  <<: *web\n  hostname: 192.0.2.2\n";
    assert_eq!(
        all_reached(&load(text).expect("read")),
        ["web1 = -l ops -- 192.0.2.1 []", "web2 = -l ops -- 192.0.2.2 []"]
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_file_and_line() {
    for (text, complaint) in [
        ("", "FILE:1: there is nothing in it"),
        ("# only words\n", "there is nothing in it"),
        ("web1\n", "FILE:1: hosts belong here"),
        ("- web1\n", "FILE:1: hosts belong here"),
        ("hosts:\n", "FILE:1: there is no host in it"),
        ("all:\n  children:\n    web:\n", "there is no host in it"),
        ("web1:\nweb2: {}\nweb1:\n", "FILE:3: 'web1' is there already, on line 1"),
        ("hosts:\n  a:\n  'a':\n", "FILE:3: 'a' is there already, on line 2"),
        ("web1:\n  user: a\n  user: b\n", "FILE:3: 'user' is there already, on line 2"),
        ("web1:\n  hostname: x\n\n  usr: y\n", "FILE:4: 'usr' is unknown; a host has hostname, user, port"),
        ("web1: 192.0.2.1\n", "FILE:1: keys and values belong here"),
        ("hosts:\n  - web1\n", "FILE:1: below 'hosts:' belong hosts"),
        ("hosts:\n  web1:\ngroups:\n  web:\n", "FILE:3: 'groups' stands beside 'hosts:'"),
        ("hosts:\n  web1:\nweb2:\n", "FILE:3: 'web2' stands beside 'hosts:'"),
        ("a b:\n", "FILE:1: 'a b' names no host"),
        ("a_b!:\n  hostname: x\n", "FILE:1: 'a_b!' names no host"),
        ("café:\n", "FILE:1: 'café' has no hostname, and is none itself"),
        ("web1:\n  hostname: -oProxyCommand=id\n", "FILE:2: hostname: '-oProxyCommand=id' is none"),
        ("web1:\n  user: -l\n", "FILE:2: user: '-l' is none"),
        ("web1:\n  port: 0\n", "FILE:2: port: '0' is none"),
        ("web1:\n  password: hunter2\n", "FILE:2: 'password' holds a password in plain text"),
        ("all:\n  hosts: [web1]\n", "FILE:2: below 'hosts:' belong hosts"),
        ("all:\n  hosts: web1\n", "FILE:2: below 'hosts:' belong hosts"),
        ("all:\n  hots:\n    web1:\n", "FILE:2: 'hots' is no part of a group"),
        ("all:\n  hosts:\n    web[1:5]:\n", "FILE:3: 'web[1:5]' names no host: ranges like"),
        ("all:\n  hosts:\n    'web1:2222':\n", "FILE:3: 'web1:2222' names no host"),
        ("all:\n  children:\n    a b:\n", "FILE:3: 'a b' names no group"),
        (
            "all:\n  vars:\n    ansible_become_pass: hunter2\n",
            "FILE:3: 'ansible_become_pass' holds a password",
        ),
        ("all:\n  vars:\n    ansible_host: '{{ x }}'\n", "FILE:3: ansible_host: templates ({{ }})"),
        (
            "all:\n  children:\n    a:\n      children:\n        b:\n          children:\n            a:\n",
            "FILE:3: the group 'a' is in itself",
        ),
        (
            "all:\n  vars:\n    ansible_ssh_common_args: -o StrictHostKeyChecking=no\n",
            "FILE:3: ansible_ssh_common_args: -o StrictHostKeyChecking: only 'yes' is passed on",
        ),
        ("{\"_meta\": {}, \"web\": {\"hosts\": []}}", "FILE:1: '_meta' has no 'hostvars'"),
        (
            "{\"_meta\": {\"hostvars\": {}},\n\"web\": [\"web1\"]}",
            "FILE:2: this is not what 'ansible-inventory",
        ),
        ("{\"_meta\": {\"hostvars\": {}},\n\"web\": {\"hosts\": {\"a\": {}}}}", "FILE:2: a list of names"),
        ("{\"_meta\": {\"hostvars\": {}},\n\"web\": {\"hosts\": [[]]}}", "FILE:2: a name belongs here"),
        (
            "{\"_meta\": {\"hostvars\": {}},\n\"a\": {\"children\": [\"a\"]}}",
            "FILE:2: the group 'a' is in itself",
        ),
        (
            "{\"_meta\": {\"hostvars\": {\"a\": {\n\"ansible_password\": \"hunter2\"}}}}",
            "FILE:2: 'ansible_password' holds a password",
        ),
    ] {
        let error = load(text).expect_err(text);
        assert!(error.contains(complaint), "{text:?}\n{error}");
        assert!(!error.contains("hunter2") && !error.contains(char::is_control), "{error}");
    }
}

#[test]
fn more_hosts_than_fit_are_refused() {
    let text: String = (0..5001).map(|n| format!("h{n}x:\n")).collect();
    let error = load(&text).expect_err("too many");
    assert_eq!(error, "FILE:5001: more than 5000 hosts");
}

#[test]
fn a_file_that_is_not_there_or_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inventory\n.yaml");
    let error = inventory::load(&Source::File(path.clone())).expect_err("not there").to_string();
    assert!(error.contains("inventory\\u{a}.yaml: cannot be read: No such file"), "{error}");
    fs::write(&path, "web1:\n").expect("written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("changed");
    let error = inventory::load(&Source::File(path.clone())).expect_err("open to all").to_string();
    assert!(error.contains("others may write it; take that away (chmod go-w)"), "{error}");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("changed");
    assert_eq!(inventory::load(&Source::File(path.clone())).expect("read").len(), 1);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12345), None).expect("given away");
        let error = inventory::load(&Source::File(path)).expect_err("another's").to_string();
        assert!(error.contains("uid 12345 owns it"), "{error}");
    }
}

/// Ansible would take variables from there; what it prints has them.
#[test]
fn variables_beside_an_ansible_inventory_are_not_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("group_vars")).expect("made");
    for (text, refused) in [("all:\n  hosts:\n    web1:\n", true), ("web1:\n", false), (LISTING, false)] {
        let path = folder.path().join("inventory.yaml");
        fs::write(&path, text).expect("written");
        match inventory::load(&Source::File(path)) {
            Ok(_) => assert!(!refused, "{text}"),
            Err(error) => {
                let said = error.to_string();
                assert!(
                    refused && said.contains("inventory.yaml: the folder group_vars beside it"),
                    "{said}"
                );
            }
        }
    }
}

/// `ansible-inventory` itself, where it is installed.
#[test]
fn the_listings_are_those_that_ansible_prints_where_it_is_there() {
    let found = std::env::var_os("PATH").and_then(|path| find(&path, "ansible-inventory"));
    let Some(program) = found else {
        diagnostics::say("no ansible-inventory here: its recorded output is read instead");
        return;
    };
    for (arguments, recorded) in [(&["--list"][..], LISTING), (&["--list", "--export"], EXPORT)] {
        let mut ansible = std::process::Command::new(&program);
        let output = ansible.arg("-i").arg(example("ansible.yaml")).args(arguments).output().expect("run");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(sorted(&load(&printed).expect("read")), sorted(&load(recorded).expect("read")));
    }
}

fn sorted(hosts: &[Host]) -> Vec<String> {
    let mut lines = all_reached(hosts);
    lines.sort();
    lines
}

fn find(path: &OsString, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
