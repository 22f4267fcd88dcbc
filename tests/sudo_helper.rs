//! sudo-helper as an agent meets it: real sudo, real systemd.

use bed::helped::Helped;
use serde_json::json;

#[test]
fn without_a_policy_everything_is_denied() {
    let Some(host) = Helped::boot() else { return };
    let answer = host.ask("service status ssh").failure(4, "no-policy");
    assert!(answer["error"].as_str().expect("a text").contains("default-policy"), "{answer}");
}

#[test]
fn the_status_of_a_unit() {
    let Some(host) = Helped::boot() else { return };
    host.policy(&json!({"services": {"ssh": ["status", "stop"], "cron": ["status"]}}));
    let up = host.ask("service status ssh").success();
    assert_eq!((&up["active"], &up["returncode"]), (&json!(true), &json!(0)), "{up}");
    assert_eq!(up["sub_state"], "running");
    host.ask("service stop ssh").success();
    let down = host.ask("service status ssh").success();
    assert_eq!((&down["active"], &down["returncode"]), (&json!(false), &json!(3)), "{down}");
    host.ask("service start ssh").failure(3, "denied");
}
