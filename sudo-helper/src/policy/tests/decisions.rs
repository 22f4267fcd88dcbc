//! What is granted, denied, listed and warned of.

use super::*;
use crate::account_name::AccountName;

#[test]
fn an_empty_policy_denies_everything() {
    let policy = policy("{}");
    for line in ["service status nginx", "package install curl", "package update", "run reboot"] {
        assert_eq!(decide(&policy, line).expect_err(line).code(), "denied");
    }
    assert_eq!(policy.limits(), &Limits::default());
    assert_eq!(policy.approval(), &Approval::default());
    assert!(
        !policy.audit_required() && policy.listing().operations.is_empty() && policy.warnings().is_empty()
    );
}

#[test]
fn what_is_listed_is_granted_with_what_goes_with_it() {
    let policy = policy(FULL);
    let seconds = |line| decide(&policy, line).expect(line).timeout.as_secs();
    let approval = |line| decide(&policy, line).expect(line).approval;
    let rules = |line| decide(&policy, line).expect(line).rules.join(" ");
    assert_eq!((seconds("service status nginx"), seconds("run reboot")), (90, 60));
    assert!(approval("service restart nginx.service") && !approval("service status nginx"));
    assert!(approval("package install curl docker.io") && !approval("package install curl"));
    assert!(approval("package update") && !approval("package autoclean"));
    assert!(approval("run reboot") && approval("run read-log file=a lines=1"));
    assert_eq!(rules("service status nginx.service"), "services.\"nginx\"");
    assert_eq!(rules("package install curl docker.io"), "packages.\"curl\" packages.\"docker.io\"");
    assert_eq!(rules("package update"), "package_actions.\"update\"");
    assert_eq!(rules("run reboot"), "commands.\"reboot\"");
    let codes: Vec<_> = decide(&policy, "package install curl docker.io").expect("granted").risks;
    assert_eq!(codes, [Risk::RootEquivalent, Risk::MaintainerScripts]);
    let limits = policy.limits();
    assert_eq!((limits.output_bytes, limits.timeout.as_secs(), limits.lock_wait.as_secs()), (4096, 90, 0));
    let approvers: Vec<_> = policy.approval().approvers.iter().map(AccountName::as_str).collect();
    assert_eq!((approvers, policy.approval().timeout.as_secs()), (vec!["alice", "bob@example.org"], 300));
    assert!(policy.audit_required());
}

#[test]
fn what_is_not_listed_is_denied_with_a_reason() {
    let policy = policy(FULL);
    for (line, code, why) in [
        ("service stop nginx", "denied", "services.\"nginx\" of the policy allows status, restart"),
        ("service status nothing", "denied", "allows nothing"),
        ("service status snapd", "denied", "services do not list 'snapd'"),
        ("service status systemd-reboot", "denied-builtin", "state of the whole machine"),
        ("service start debug-shell", "denied-builtin", "root shell"),
        ("package remove docker.io", "denied", "packages.\"docker.io\" of the policy allows install"),
        ("package install curl nmap", "denied", "packages do not list 'nmap'"),
        ("package install sudo", "denied-builtin", "who may act as root"),
        ("package remove curl openssh-server", "denied-builtin", "the way into it"),
        ("package upgrade", "denied", "package_actions do not list 'upgrade'"),
        ("run poweroff", "denied", "commands do not list 'poweroff'"),
        ("run reboot now=1", "bad-value", "it takes none"),
        ("run read-log lines=1", "bad-value", "'file=VALUE' is missing"),
    ] {
        let denial = decide(&policy, line).expect_err(line);
        assert_eq!(denial.code(), code, "{line}: {denial}");
        assert!(denial.to_string().contains(why), "{line}: {denial}");
    }
}

#[test]
fn the_listing_spells_out_every_grant() {
    let policy = policy(FULL);
    let listing = serde_json::to_value(policy.listing()).expect("json");
    let operations = listing["operations"].as_array().expect("a list");
    let words: Vec<_> = operations.iter().map(|listed| listed["operation"].as_str().expect("text")).collect();
    assert_eq!(
        words,
        [
            "service status nginx",
            "service restart nginx",
            "service start snapd.socket",
            "package install curl",
            "package remove curl",
            "package install docker.io",
            "package install openssh-server",
            "package update",
            "package autoclean",
            "run read-log file={file} lines={lines}",
            "run reboot",
        ]
    );
    assert_eq!(operations[5]["approval"], true);
    assert_eq!(operations[5]["risks"][0]["code"], "root-equivalent");
    assert!(operations[5]["risks"][0]["reason"].as_str().expect("text").contains("root"));
    assert_eq!(operations[9]["argv"][2], "{lines}");
    assert_eq!(operations[9]["params"]["lines"]["regex"], "[0-9]{1,4}");
    assert_eq!(operations[9]["params"]["file"]["beneath"], "/var/log/nginx");
    assert_eq!(operations[10]["risks"][0]["code"], "powerful-program");
    assert_eq!(operations[10]["timeout_s"], 60);
    assert_eq!(listing["approvers"][0], "alice");
    for listed in policy.listing().operations.iter().filter(|listed| listed.argv.is_none()) {
        decide(&policy, &listed.operation).expect("granted");
    }
}

#[test]
fn what_may_not_be_meant_is_warned_of() {
    assert!(policy(FULL).warnings().is_empty(), "{:?}", policy(FULL).warnings());
    for (text, why) in [
        (r#"{"commands": {"a": {"argv": ["/a"], "approval": true}}}"#, "nobody can approve 'run a'"),
        (r#"{"approval": {"approvers": ["alice"]}}"#, "no allowed operation waits"),
        (r#"{"approval": {"operations": ["run a"]}}"#, "'run a' is not allowed"),
        (r#"{"approval": {"operations": ["service stop ssh"]}}"#, "'service stop ssh' is not allowed"),
        (
            r#"{"commands": {"a": {"argv": ["/usr/bin/tar", "{x}"], "params": {"x": {"regex": "a"}}}}}"#,
            "commands.a: '/usr/bin/tar' takes values from the caller",
        ),
        (
            r#"{"commands": {"a": {"argv": ["/a", "{x}"], "params": {"x": {"regex": "-a", "allow": ["leading-dash"]}}}}}"#,
            "commands.a.params.x: a value may begin with '-'",
        ),
    ] {
        let warnings = policy(text).warnings().join("\n");
        assert!(warnings.contains(why), "{text}: {warnings}");
    }
}

#[test]
fn the_default_policy_is_the_originals_less_what_it_gave_away() {
    let policy = policy(default_text());
    assert_eq!(policy.warnings(), Vec::<String>::new());
    for line in [
        "service restart nginx",
        "service disable caddy",
        "service stop docker",
        "service restart ssh",
        "service reload ssh",
        "service enable snapd.socket",
        "service start fail2ban",
        "package install docker.io",
        "package remove trash-cli",
        "package install ufw",
        "package update",
        "package autoclean",
    ] {
        decide(&policy, line).expect(line);
    }
    for line in [
        "service stop ssh",
        "service disable ssh",
        "service stop fail2ban",
        "package remove ufw",
        "package remove fail2ban",
        "package upgrade",
        "package autoremove",
        "package repair",
    ] {
        assert_eq!(decide(&policy, line).expect_err(line).code(), "denied");
    }
}
