//! A group as the client: real programs with and without it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Output;

use crate::bench::{Bench, Child, Key, Serve, account};
use crate::rule;

/// The group that may, which no account has.
const GROUP: u32 = 54_321;

/// What comes of a program of a user in these supplementary groups, and in no other.
fn in_groups(serve: &Serve, groups: &str, words: &[&str]) -> Output {
    // ssh-keygen(1) runs for accounts alone.
    let user = account().uid.to_string();
    let own = ["--reuid", &user, "--regid", &user, "--groups", groups, "--no-new-privs"];
    Child::of("setpriv", &[&own[..], words].concat(), 0, serve.socket()).output()
}

fn bench_with_key() -> Option<(Bench, Key)> {
    let bench = Bench::new()?;
    let key = bench.add_key("one");
    let rule = rule(&key, r#""namespaces": ["git"]"#);
    bench.write_text(&format!(r#"{{"clients": [], "keys": [{rule}]}}"#));
    Some((bench, key))
}

#[test]
fn members_of_a_group_list_and_sign_by_a_supplementary_group_and_nobody_else_does() {
    let Some((bench, key)) = bench_with_key() else { return };
    let serve = bench.serve_by_policy(&["--allow-group", &GROUP.to_string()]);
    let socket = fs::symlink_metadata(serve.socket()).expect("there");
    assert_eq!((socket.mode() & 0o7777, socket.uid(), socket.gid()), (0o660, 0, GROUP));
    let public = bench.public_key(&key);
    let signing = ["ssh-keygen", "-Y", "sign", "-q", "-n", "git", "-f", public.to_str().expect("a path")];
    let (list, among_others) = (["ssh-add", "-L"], format!("{},{GROUP}", GROUP + 1));
    let listed = in_groups(&serve, &among_others, &list);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), format!("{} one", key.line), "{listed:?}");
    let signed = in_groups(&serve, &among_others, &signing);
    assert!(signed.stdout.starts_with(b"-----BEGIN SSH SIGNATURE-----"), "{signed:?}");
    let stranger = (GROUP + 1).to_string();
    for words in [&list[..], &signing] {
        let refused = in_groups(&serve, &stranger, words);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    }
}

#[test]
fn who_is_not_in_the_group_is_refused_also_where_the_socket_is_everybody_s() {
    let Some((bench, _key)) = bench_with_key() else { return };
    let serve = bench.serve_by_policy(&["--allow-group", &GROUP.to_string(), "--mode", "666"]);
    for (groups, may) in [((GROUP + 1).to_string(), false), (GROUP.to_string(), true)] {
        let output = in_groups(&serve, &groups, &["ssh-add", "-L"]);
        assert_eq!(output.status.success(), may, "{groups}: {output:?}");
    }
    let said = serve.end();
    assert_eq!(said.matches(r#""reason":"not-admitted""#).count(), 1, "{said}");
}
