//! `sudoers-install cluster` against real hosts with sshd and sudo, some of them in trouble.

use assert_cmd::assert::OutputAssertExt;
use bed::site::{
    ADMIN, AGENT, PASSWORD, RULE, Site, assert_granted, assert_told, assert_untouched, passwordless, rows,
    set_password, with_input, wrong_passwords,
};
use bed::{Host, Network, Operator, capture};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

#[test]
fn each_trouble_is_told_and_the_rest_is_installed() {
    let names = [
        "web", "done", "open", "other", "full", "broken", "cut", "frozen", "refusing", "changed", "stalled",
        "spared",
    ];
    let Some(site) = Site::boot(names) else { return };
    let host = |name| site.host(name);
    assert_told(&site.with(PASSWORD, &["--json", "--limit", "done"]), &[("done", "installed")]);
    passwordless(host("open"));
    set_password(host("other"), ADMIN, "another one");
    host("full")
        .run(&["mount", "-t", "tmpfs", "-o", "size=4k,mode=750", "tmpfs", "/etc/sudoers.d"])
        .success();
    host("full")
        .run(&["sh", "-c", "dd if=/dev/zero of=/etc/sudoers.d/fill. bs=4k count=1 status=none"])
        .success();
    host("broken").write("/etc/sudoers.d/broken", "what is this\n", 0o440, "root:root");
    host("cut").cut();
    host("refusing").refuse();
    host("changed").change_host_keys();
    host("stalled").write(&format!("/home/{ADMIN}/.bashrc"), "sleep infinity\n", 0o644, ADMIN);
    host("frozen").freeze();
    let output = site.with(PASSWORD, &["--json", "--keep-going", "--skip", "spared"]);
    host("frozen").thaw();
    let expected = [
        ("web", "installed"),
        ("done", "configured"),
        ("open", "installed"),
        ("other", "password-refused"),
        ("full", "not-changed"),
        ("broken", "installed"),
        ("cut", "unreachable"),
        ("frozen", "timed-out"),
        ("refusing", "refused"),
        ("changed", "changed-key"),
        ("stalled", "timed-out"),
        ("spared", "skipped"),
    ];
    assert_told(&output, &expected);
    let rows = rows(&output);
    for (name, code, words) in
        [("open", "nopasswd-all", "NOPASSWD: ALL"), ("broken", "other-file", "/etc/sudoers.d/broken")]
    {
        let warning = &rows[name]["warnings"][0];
        assert_eq!(warning["code"], code, "{rows:?}");
        assert!(warning["warning"].as_str().is_some_and(|said| said.contains(words)), "{rows:?}");
    }
    assert!(rows["full"]["error"].as_str().is_some_and(|words| words.contains("write")), "{rows:?}");
    assert!(rows.values().all(|row| row["error"].is_string() == (row["outcome"] == "failed")), "{rows:?}");
    for name in ["web", "done"] {
        assert_granted(host(name));
    }
    host("broken")
        .run_as(AGENT, &["sudo", "-k", "-n", "/usr/bin/sudo-helper", "probe", "0123456789"])
        .success();
    assert_eq!(host("broken").read("/etc/sudoers.d/broken"), "what is this\n");
    for name in ["other", "full", "frozen", "refusing", "changed", "stalled", "spared"] {
        assert_untouched(host(name));
    }
    assert_eq!(wrong_passwords(host("other")), 1, "one attempt");
    host("full").run(&["ls", "-A", "/etc/sudoers.d"]).stdout("fill.\n");
    let visited = |host: &Host| {
        host.journal()
            .iter()
            .any(|entry| entry["SYSLOG_IDENTIFIER"] == "sshd" && entry.to_string().contains("10.77.0.1"))
    };
    assert!(visited(host("web")) && !visited(host("spared")), "a skipped host is not contacted");
}

#[test]
fn nothing_to_do_asks_nothing() {
    let Some(site) = Site::boot(["one", "two", "off"]) else { return };
    passwordless(site.host("one"));
    passwordless(site.host("two"));
    let first = site.run(&["--json", "--skip", "off"]);
    assert_told(&first, &[("one", "installed"), ("two", "installed"), ("off", "skipped")]);
    site.host("off").refuse();
    // There is neither a terminal nor a descriptor with a password.
    let again = site.run(&["--json"]);
    assert_told(&again, &[("one", "configured"), ("two", "configured"), ("off", "refused")]);
    let done = site.run(&["--json", "--skip", "off"]);
    assert_told(&done, &[("one", "configured"), ("two", "configured"), ("off", "skipped")]);
    // The probe counts, not the file alone.
    site.host("one").write(
        "/etc/sudoers.d/zzz",
        format!("{AGENT} ALL=(root) PASSWD: ALL\n"),
        0o440,
        "root:root",
    );
    assert_told(&site.run(&["--json", "status", "--limit", "one"]), &[("one", "not-effective")]);
    site.host("one").run(&["rm", "/etc/sudoers.d/zzz"]).success();
    // As does the text, not the probe alone.
    site.host("one").run(&["sh", "-c", &format!("echo '# by hand' >>{RULE}")]).success();
    assert_told(&site.run(&["--json", "status", "--limit", "one"]), &[("one", "differs")]);
}

#[test]
fn status_dry_run_and_remove_follow_each_other() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    passwordless(site.host("one"));
    let both = |code| [("one", code), ("two", code)];
    let dry = site.run(&["--json", "--dry-run"]);
    assert_told(&dry, &both("would-install"));
    assert_eq!(
        (&rows(&dry)["one"]["password"], &rows(&dry)["two"]["password"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    for host in &site.hosts {
        assert_untouched(host);
    }
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &both("not-configured"));
    let output = site.with(PASSWORD, &[]);
    output.clone().assert().success().stdout(contains("2 hosts: 2 installed\n").and(contains("HOST")));
    assert!(String::from_utf8_lossy(&output.stderr).contains("two: installed"), "{output:?}");
    assert_told(&site.with(PASSWORD, &["--json", "status"]), &both("configured"));
    assert_told(&site.with(PASSWORD, &["--json", "install"]), &both("configured"));
    assert_told(&site.run(&["--json", "--dry-run", "remove"]), &both("would-remove"));
    assert_told(&site.with(PASSWORD, &["--json", "remove"]), &both("removed"));
    assert_told(&site.with(PASSWORD, &["--json", "remove"]), &both("absent"));
    for host in &site.hosts {
        assert_untouched(host);
    }
}

#[test]
fn a_wrong_password_costs_one_attempt_in_all() {
    let Some(site) = Site::boot(["one", "two", "three"]) else { return };
    let output = site.with("wrong", &["--json"]);
    assert_told(&output, &[("one", "password-refused"), ("two", "not-tried"), ("three", "not-tried")]);
    let attempts = || site.hosts.iter().map(wrong_passwords).collect::<Vec<_>>();
    assert_eq!(attempts(), [1, 0, 0]);
    let output = site.with("wrong", &["--json", "--keep-going"]);
    assert_told(
        &output,
        &[("one", "password-refused"), ("two", "password-refused"), ("three", "password-refused")],
    );
    assert_eq!(attempts(), [2, 1, 1]);
    for host in &site.hosts {
        assert_untouched(host);
    }
}

#[test]
fn an_empty_password_or_none_changes_nothing_anywhere() {
    let Some(site) = Site::boot(["asks", "asks-not"]) else { return };
    passwordless(site.host("asks-not"));
    let empty = site.with("", &["--json"]);
    empty
        .clone()
        .assert()
        .code(1)
        .stderr(contains("the password is empty"))
        .stdout(contains("\"code\":\"empty-password\""));
    site.run(&[]).assert().code(1).stderr(contains("--password-fd"));
    site.run(&["--password-fd", "77"]).assert().code(1).stderr(contains("--password-fd 77"));
    for host in &site.hosts {
        assert_untouched(host);
        assert_eq!(wrong_passwords(host), 0);
    }
}

#[test]
fn the_granted_login_is_told_the_password_only_when_allowed() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    let own = |more: &[&str]| {
        let call = ["cluster", "--json", "--inventory", "/root/inventory.yaml", "--password-fd", "0"];
        let command = site.operator.command("sudoers-install", &[&call, more].concat());
        with_input(command, format!("{PASSWORD}\n").as_bytes())
    };
    let refused = own(&[]);
    assert_told(&refused, &[("one", "login-grantee"), ("two", "login-grantee")]);
    assert_eq!(rows(&refused)["one"]["user"], ADMIN);
    assert_told(&own(&["--allow-login-grantee"]), &[("one", "installed"), ("two", "installed")]);
    site.host("one")
        .run_as(ADMIN, &["sudo", "-k", "-n", "/usr/bin/sudo-helper", "probe", "0123456789"])
        .success();
}

#[test]
fn what_is_missing_on_a_host_is_named_without_a_prompt() {
    let Some(site) = Site::boot(["helper", "folder", "account", "sudo", "visudo"]) else { return };
    site.host("helper").run(&["rm", "/usr/bin/sudo-helper"]).success();
    site.host("folder").run(&["chown", AGENT, "/usr/bin/sudo-helper"]).success();
    site.host("account").run(&["userdel", "--remove", AGENT]);
    site.host("sudo").run(&["sh", "-c", "rm /usr/bin/sudo"]).success();
    site.host("visudo").run(&["sh", "-c", "rm /usr/sbin/visudo"]).success();
    let output = site.run(&["--json"]);
    let expected = [
        ("helper", "helper-missing"),
        ("folder", "helper-untrusted"),
        ("account", "unknown-user"),
        ("sudo", "no-sudo"),
        ("visudo", "no-visudo"),
    ];
    assert_told(&output, &expected);
    let error = rows(&output)["helper"]["error"].to_string();
    assert!(error.contains("/usr/bin/sudo-helper is not there: install the package sudo-helper"), "{error}");
}

#[test]
fn host_keys_are_checked_whatever_the_configuration_says() {
    let Some(site) = Site::boot(["known", "changed", "new"]) else { return };
    let plain = |arguments: &[&str]| site.with(PASSWORD, &[&["--json", "--dry-run"], arguments].concat());
    site.operator.knows(&[site.host("known"), site.host("changed")]);
    site.host("changed").change_host_keys();
    let strict = [("known", "would-install"), ("changed", "changed-key"), ("new", "unknown-key")];
    assert_told(&plain(&[]), &strict);
    // A user who accepts any key does not send passwords to whoever has one.
    site.operator.write(
        ".ssh/config",
        "Host *\n  StrictHostKeyChecking no\n  RemoteCommand echo no\n  RequestTTY force\n",
    );
    assert_told(&plain(&[]), &strict);
    let accepting = [("known", "would-install"), ("changed", "changed-key"), ("new", "would-install")];
    assert_told(&plain(&["--accept-new-host-keys"]), &accepting);
    // It is known from then on.
    assert_told(&plain(&[]), &accepting);
    site.host("known").run(&["sh", "-c", &format!("rm /home/{ADMIN}/.ssh/authorized_keys")]).success();
    assert_told(&plain(&["--limit", "known"]), &[("known", "auth-failed")]);
}

#[test]
fn a_call_that_cannot_begin_contacts_nobody() {
    let Some(network) = Network::new() else { return };
    let operator = Operator::of(&network);
    operator.write("bad.yaml", "web1: {hostname: 10.0.0.1, password: secret}\n");
    operator.write("good.yaml", "web1: {hostname: 10.77.0.200}\n");
    let call = |arguments: &[&str]| {
        capture(operator.command("sudoers-install", &[&["cluster"], arguments].concat())).assert()
    };
    call(&["--inventory", "/root/none.yaml"]).code(1).stderr(contains("/root/none.yaml"));
    call(&["--inventory", "/root/bad.yaml"])
        .code(1)
        .stderr(contains("bad.yaml:1").and(contains("secret").not()));
    call(&[]).code(1).stderr(contains("inventory"));
    call(&["--inventory", "/root/good.yaml", "--limit", "none"]).code(1);
    for usage in [
        ["--user", "ALL"],
        ["--user", "a,b"],
        ["--helper", "sudo-helper"],
        ["--helper", "/usr/bin/a b"],
        ["--jobs", "0"],
    ] {
        call(&[&["--inventory", "/root/good.yaml"], &usage[..]].concat()).code(2);
    }
    call(&["--inventory", "-", "--password-fd", "0"]).code(2);
    // As with a file of that name that is no program.
    let hidden = operator.wrapped(
        &["sh", "-ec", "mount --bind /dev/null /usr/bin/ssh; exec \"$0\" \"$@\""],
        "sudoers-install",
        &["cluster", "--inventory", "/root/good.yaml"],
    );
    capture(hidden).assert().code(1).stderr(contains("there is no ssh"));
    call(&["--inventory", "/root/good.yaml"]).code(1).stderr(contains("web1: failed (unreachable)"));
}

#[test]
fn old_rules_are_told_and_replaced_when_asked_for() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    passwordless(site.host("one"));
    let old = format!("/etc/sudoers.d/systems-manager-{AGENT}");
    let rule = format!("{AGENT} ALL=(ALL) NOPASSWD: /home/{AGENT}/.local/bin/systems-manager-helper\n");
    site.hosts.iter().for_each(|host| host.write(&old, &rule, 0o440, "root:root"));
    let both = [("one", "installed"), ("two", "installed")];
    let kept = site.with(PASSWORD, &["--json"]);
    assert_told(&kept, &both);
    for row in rows(&kept).values() {
        let warnings = row["warnings"].as_array().expect("a list");
        let old = warnings.iter().find(|warning| warning["code"] == "legacy-rule").expect("told");
        let said = old["warning"].as_str().expect("a sentence");
        assert!(said.contains("systems-manager-ai-agent"), "{row}");
    }
    assert_told(&site.with(PASSWORD, &["--json", "--replace-legacy"]), &both);
    for host in &site.hosts {
        host.run(&["test", "-e", &old]).failure();
        assert_granted(host);
    }
}

#[test]
fn rows_that_cannot_be_written_are_told_and_no_success() {
    let Some(site) = Site::boot(["one", "two"]) else { return };
    site.hosts.iter().for_each(passwordless);
    for arguments in [&["--json"][..], &[]] {
        let command = site.wrapped(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"], arguments);
        let told = contains("standard output cannot be written (No space left on device").count(1);
        capture(command).assert().code(1).stderr(told);
        site.hosts.iter().for_each(assert_granted);
    }
}
