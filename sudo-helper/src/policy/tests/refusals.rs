//! Files that are no policy.

use super::*;

fn refusal(text: &str) -> String {
    Policy::parse(text.as_bytes()).map(|_| ()).expect_err(text).to_string()
}

#[test]
fn a_faulty_policy_is_refused_whole_and_says_where() {
    for (text, why) in [
        ("", "line 1, column 0: EOF"),
        ("[]", "expected an object in {}"),
        ("null", "expected an object in {}"),
        ("{} {}", "line 1, column 4: trailing characters"),
        ("{\n// why\n}", "line 2, column 1"),
        ("{\n// why\n}", "JSON has no comments"),
        ("{}\n# why", "JSON has no comments"),
        (r#"{"service": {}}"#, "unknown field `service`"),
        ("{\"limits\":\n{\"timeout\": 1}}", "line 2, column 10, at limits.timeout: unknown field `timeout`"),
        (r#"{"limits": {}, "limits": {}}"#, "duplicate field `limits`"),
        (r#"{"limits": {"timeout_s": 1, "timeout_s": 2}}"#, "duplicate field `timeout_s`"),
        (r#"{"services": {"nginx": [], "nginx": []}}"#, "at services.nginx: 'nginx' stands there already"),
        (
            r#"{"services": {"nginx": [], "nginx.service": []}}"#,
            "at services.nginx.service: 'nginx' stands there",
        ),
        (r#"{"packages": {"curl": [], "curl": ["remove"]}}"#, "'curl' stands there already"),
        (r#"{"commands": {"a": {"argv": ["/a"]}, "a": {"argv": ["/a"]}}}"#, "'a' stands there already"),
        (r#"{"services": {"nginx": ["status", "status"]}}"#, "at services.nginx: entry 2"),
        (
            r#"{"services": {"nginx": ["status", "start", "mask"]}}"#,
            "at services.nginx[2]: unknown variant `mask`",
        ),
        (r#"{"services": {"nginx": "status"}}"#, "expected a list of at most 7 entries"),
        (r#"{"services": {"nginx": null}}"#, "at services.nginx: invalid type: null"),
        (r#"{"services": null}"#, "at services: invalid type: null"),
        (r#"{"services": {"n*": []}}"#, "at services"),
        (r#"{"services": {"tpl@": []}}"#, "a template's instance is named whole"),
        (r#"{"services": {"reboot.target": []}}"#, "only services"),
        (
            r#"{"services": {"systemd-reboot": ["status"]}}"#,
            "at services.systemd-reboot: no policy can list the unit",
        ),
        (r#"{"packages": {"sudo": ["install"]}}"#, "at packages.sudo: no policy can list the package 'sudo'"),
        (r#"{"packages": {"libc6": ["remove"]}}"#, "no policy can let 'libc6' be removed"),
        (r#"{"packages": {"curl=1": []}}"#, "a package's name holds only"),
        (r#"{"package_actions": ["update", "update"]}"#, "entry 2"),
        (r#"{"package_actions": ["dist-upgrade"]}"#, "at package_actions[0]: unknown variant"),
        (r#"{"commands": {"Reboot": {"argv": ["/a"]}}}"#, "is no name"),
        (r#"{"commands": {"a": {"argv": ["/bin/sh"]}}}"#, "at commands.a: '/bin/sh' cannot be a command"),
        (r#"{"commands": {"a": {"argv": ["/proc/self/exe"]}}}"#, "cannot be a command: what is there"),
        (r#"{"commands": {"a": {"argv": ["/a", "/etc/./sudoers"]}}}"#, "names a file of sudo"),
        (
            r#"{"commands": {"a": {"argv": ["/a", "{x}"], "params": {"x": {"regex": "("}}}}}"#,
            "at commands.a.params.x: the regex is wrong",
        ),
        (r#"{"approval": {"approvers": ["1000"]}}"#, "at approval.approvers[0]: an account's name begins"),
        (r#"{"approval": {"approvers": [""]}}"#, "an account's name"),
        (r#"{"approval": {"approvers": ["a b"]}}"#, "an account's name"),
        (r#"{"approval": {"approvers": ["a", "a"]}}"#, "entry 2"),
        (r#"{"approval": {"operations": ["package install"]}}"#, "a name is missing"),
        (r#"{"approval": {"operations": ["package  update"]}}"#, "nothing that package does"),
        (r#"{"approval": {"operations": ["package install curl git"]}}"#, "one package an entry"),
        (r#"{"approval": {"operations": ["run a b=1"]}}"#, "without values"),
        (r#"{"approval": {"operations": ["service stop a", "service stop a.service"]}}"#, "entry 2"),
        (r#"{"approval": {"timeout_s": 9}}"#, "at approval.timeout_s: 9 is out of range: from 10 to 86400"),
        (r#"{"limits": {"timeout_s": -1}}"#, "-1 is out of range: from 1 to 86400"),
        (r#"{"limits": {"timeout_s": 86401}}"#, "86401 is out of range: from 1 to 86400"),
        (r#"{"limits": {"timeout_s": 1.5}}"#, "expected a whole number from 1 to 86400"),
        (r#"{"limits": {"timeout_s": 1e99}}"#, "expected a whole number from 1 to 86400"),
        (r#"{"limits": {"timeout_s": "60"}}"#, "expected a whole number from 1 to 86400"),
        (r#"{"limits": {"timeout_s": null}}"#, "invalid type: null"),
        (r#"{"limits": {"output_bytes": 16777217}}"#, "from 1024 to 16777216"),
        (r#"{"limits": {"lock_wait_s": 3601}}"#, "from 0 to 3600"),
        (r#"{"limits": [4096, 60, 1]}"#, "at limits: invalid type: sequence"),
        (r#"{"audit_required": "yes"}"#, "expected a boolean"),
        (r#"{"audit_required": null}"#, "expected a boolean"),
    ] {
        let said = refusal(text);
        assert!(said.contains(why), "{text}\n  says {said}\n  not  {why}");
    }
}

#[test]
fn files_that_are_no_text_or_too_much_are_refused() {
    let error = |bytes: &[u8]| Policy::parse(bytes).map(|_| ()).expect_err("refused").to_string();
    assert!(error(b"\xef\xbb\xbf{}").contains("byte order mark"));
    assert!(error(b"{\"a\xff\": 1}").contains("not UTF-8 after byte 3"));
    assert!(error(&[b' '; Policy::MAX_BYTES + 1]).contains("at most 65536 bytes"));
    assert!(error(&b"[".repeat(Policy::MAX_BYTES)).contains("an object in {}"));
    let nested = format!("{{\"services\": {{\"a\": {}", "[".repeat(60_000));
    assert!(error(nested.as_bytes()).contains("at services.a[0]"));
    let units: Vec<_> = (0..=MAX_SERVICES).map(|number| format!("\"u{number}\": []")).collect();
    assert!(
        error(format!("{{\"services\": {{{}}}}}", units.join(",")).as_bytes())
            .contains("more than 512 entries")
    );
    let fits = format!("{{\"services\": {{{}}}}}", units[1..].join(","));
    policy(&fits);
}

#[test]
fn an_error_shows_nothing_that_a_terminal_acts_on() {
    for text in [
        "{\"\\u001b[2J\\u202e\": 1}",
        "{\"services\": {\"\\u001b[2J\": []}}",
        "{\"services\": {\"nginx\": [\"\\u001b]0;x\\u0007\"]}}",
        "{\"commands\": {\"\\u001b[2J\": {}}}",
        "{\"approval\": {\"approvers\": [\"\\u001b[2J\"]}}",
        "{\"approval\": {\"operations\": [\"\\u001b[2J\"]}}",
        "{\"commands\": {\"a\": {\"argv\": [\"/\\u001b[2J\"]}}}",
    ] {
        let said = refusal(text);
        assert!(!said.chars().any(|c| c.is_control() || c == '\u{202e}'), "{said:?}");
    }
}
