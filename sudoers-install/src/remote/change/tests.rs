//! The script's judgement of files, beside that of this program.

use std::path::Path;
use std::process::Command;

use crate::account::Account;
use crate::command_line::CommandLine;
use crate::drop_in::{DropIn, Grant};
use crate::legacy::Legacy;
use crate::transaction::{Present, change};
use crate::user_token::UserToken;

/// What judges, with $1 as the rule and $2 as the user, and then one file after another.
const JUDGE: &str = concat!(
    include_str!("../facts.sh"),
    include_str!("../account.sh"),
    include_str!("../helper.sh"),
    include_str!("../folder.sh"),
    "refuse() { echo no; exit; }
    rule=$1 user=$2
    shift 2
    for target; do (if $JUDGEMENT; then echo yes; else echo no; fi); done"
);

/// Those of them that are there; sh always is.
const SHELLS: [&[&str]; 4] = [
    &["/bin/sh", "-c"],
    &["/usr/bin/dash", "-c"],
    &["/bin/bash", "--posix", "-c"],
    &["/usr/bin/busybox", "sh", "-c"],
];

fn account(name: &str) -> Account {
    Account { uid: 1001, gid: 1001, name: name.to_owned() }
}

fn drop_in(uid: u32, user: &str, helper: &str) -> DropIn {
    let account = Account { uid, ..account(user) };
    let token = UserToken::of(&account).to_string();
    DropIn { uid, user: user.to_owned(), token, grant: Grant::Helper(helper.into()) }
}

/// What each shell says of the texts, each in a file of its own.
fn judged(judgement: &str, rule: &DropIn, texts: &[Vec<u8>]) -> Vec<Vec<bool>> {
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<_> = (0..texts.len()).map(|number| folder.path().join(number.to_string())).collect();
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(file, text).expect("written");
    }
    let script = JUDGE.replace("$JUDGEMENT", judgement);
    let said = |shell: &&[&str]| {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args([&script, "sh", &rule.render(), &rule.user]).args(&files);
        let said = String::from_utf8(command.output().expect("it runs").stdout).expect("UTF-8");
        said.lines().map(|line| line == "yes").collect()
    };
    SHELLS.iter().filter(|shell| Path::new(shell[0]).exists()).map(said).collect()
}

#[test]
fn what_is_ours_is_the_same_here_and_there() {
    for (user, other) in [("ai-agent", "alice"), ("DOM\\bob", "DOM\\eve"), ("jane doe", "jane  doe")] {
        let rule = drop_in(1001, user, "/usr/bin/sudo-helper");
        let text = rule.render();
        let changed = |part: &str, other: &str| {
            let changed = text.replace(part, other);
            assert_ne!(changed, text, "{part}");
            changed.into_bytes()
        };
        let commands = vec![CommandLine::parse("/usr/bin/whoami").expect("a command")];
        let path = |path: &str| drop_in(1001, user, path).render().into_bytes();
        let cases = [
            text.clone().into_bytes(),
            path("/usr/local/bin/sudo-helper"),
            path(&format!("/{}", "a".repeat(999))),
            drop_in(7, user, "/a").render().into_bytes(),
            drop_in(u32::MAX, user, "/a").render().into_bytes(),
        ];
        let others = [
            Vec::new(),
            b"\n".to_vec(),
            drop_in(1001, other, "/usr/bin/sudo-helper").render().into_bytes(),
            drop_in(0, user, "/usr/bin/sudo-helper").render().into_bytes(),
            DropIn { grant: Grant::Commands(commands), ..rule.clone() }.render().into_bytes(),
            path(&format!("/{}", "a".repeat(1000))),
            path(""),
            path("/"),
            path("/usr/bin/"),
            path("/usr//bin/x"),
            path("/usr/./x"),
            path("/usr/bin/.."),
            path("usr/bin/x"),
            path("/usr/bin/x y"),
            path("/usr/bin/*"),
            path("/usr/bin/x, /bin/sh"),
            path("/usr/bin/x NOPASSWD: /bin/sh"),
            changed("uid=1001", "uid=01001"),
            changed("uid=1001", "uid=+1001"),
            changed("uid=1001", "uid=4294967296"),
            changed("uid=1001", "uid=99999999999999999999999"),
            changed("uid=1001", "uid="),
            changed("kind=helper", "kind=commands"),
            changed("kind=helper", "kind=helper "),
            changed("# sudoers-install 1", "# sudoers-install 2"),
            changed("(root)", "(ALL)"),
            changed("NOPASSWD: ", "NOPASSWD:"),
            changed(" ALL=(root)", ", eve ALL=(root)"),
            changed("Written by", "Rewritten by"),
            changed("sudo-helper\n", "sudo-helper"),
            changed("sudo-helper\n", "sudo-helper\n\n"),
            changed("sudo-helper\n", "sudo-helper\r\n"),
            changed("sudo-helper\n", "sudo-helper \n"),
            changed("sudo-helper\n", "sudo-helper\n# by hand\n"),
            changed("sudo-helper\n", "sudo-helper\neve ALL=(ALL) NOPASSWD: ALL\n"),
            changed("/usr/bin/sudo-helper\n", "/usr/bin/sudo-helper, \\\n /bin/sh\n"),
            changed("/usr/bin/", "/usr/bin/\0"),
            [text.as_bytes(), b"\0"].concat(),
            [text.as_bytes(), text.as_bytes()].concat(),
            [text.as_bytes(), &[b'#'; 70_000]].concat(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            changed("/usr/bin/sudo-helper\n", "/usr/bin/\u{fffd}\n"),
        ];
        let texts = [&cases[..], &others[..]].concat();
        let here =
            |text: &Vec<u8>| DropIn::of_file(&rule.file_name(), &String::from_utf8_lossy(text)).is_some();
        let expected: Vec<bool> = texts.iter().map(here).collect();
        let wanted: Vec<bool> = (0..texts.len()).map(|number| number < cases.len()).collect();
        assert_eq!(expected, wanted, "{user}");
        for judgement in ["ours", "replaceable"] {
            for there in judged(judgement, &rule, &texts) {
                assert_eq!(there, expected, "{user} {judgement}");
            }
        }
    }
}

#[test]
fn a_rule_pasted_by_hand_is_replaced_here_and_there_and_not_ours_to_remove() {
    for user in ["ai-agent", "DOM\\bob"] {
        let rule = drop_in(1001, user, "/usr/bin/sudo-helper");
        let line = rule.rule_lines().concat();
        let cases = [format!("{line}\n"), line.clone(), format!("{line}\r\n")];
        let others = [
            format!("{line}\r"),
            format!("{line}\n\n"),
            format!("\n{line}\n"),
            format!("{line} \n"),
            format!(" {line}\n"),
            format!("{line}\n{line}\n"),
            format!("# by hand\n{line}\n"),
            format!("{line}\n# by hand\n"),
            format!("{line}\0\n"),
            format!("{line}, /bin/sh\n"),
            line.replace("/usr/bin/", "/usr/local/bin/"),
            line.replace("(root)", "(ALL)"),
        ];
        let texts = [&cases[..], &others[..]].concat();
        let here = |text: &String| {
            let present = Present::File { text: text.clone(), proper: false };
            change(&present, &rule).is_ok()
        };
        let expected: Vec<bool> = texts.iter().map(here).collect();
        let wanted: Vec<bool> = (0..texts.len()).map(|number| number < cases.len()).collect();
        assert_eq!(expected, wanted, "{user}");
        let bytes: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
        for there in judged("replaceable", &rule, &bytes) {
            assert_eq!(there, expected, "{user}");
        }
        for there in judged("ours", &rule, &bytes) {
            assert_eq!(there, vec![false; texts.len()], "{user}");
        }
    }
}

#[test]
fn whose_name_is_also_anothers_is_the_same_here_and_there() {
    const PASSWD: &str = "root:x:0:0::/:/bin/sh\nagent:x:1001:1::/:/bin/sh\ntwin:x:1001:1::/:/bin/sh\n\
        ops:x:1002:1::/:/bin/sh\nOps:x:1003:1::/:/bin/sh\n# Dev:x:1:1::/:\n+Dev:x:5:5::/:\n  DEV:x:1004:1::/:\n\
        x.y:x:1005:1::/:\nXzY:x:1006:1::/:\nshort:x:1007\nSHORT:x:1008:1::\nlong:x:1009:1::/:/bin/sh:more\n\
        zero:x:01010:1::/:\nZERO:x:01011:1::/:\nnogid:x:1012:x::/:\nw$:x:1013:1::/:\nW$:x:1014:1::/:\n\
        gecos:x:1015:1015:OTHER:/OTHER:x\nfour:x:1016:1001::/:\njane doe:x:1017:1::/:\nseventeen:x:1017:1::/:\n\
        :x:1018:1::/:\nlast:x:1018:1::/:/bin/LAST\nhost-1_b@c:x:1019:1::/:\nHOST-1_B@C:x:1020:1::/:";
    let accounts: Vec<_> = PASSWD.lines().filter_map(accounts::passwd::Row::parse).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let passwd = folder.path().join("passwd");
    std::fs::write(&passwd, PASSWD).expect("written");
    let judge = concat!(
        include_str!("../facts.sh"),
        include_str!("../account.sh"),
        "while [ \"$#\" -gt 0 ]; do namesakes \"$1\" \"$2\"; echo \"$known/$alike\"; shift 2; done"
    )
    .replace("/etc/passwd", passwd.to_str().expect("UTF-8"));
    let mut cases: Vec<(String, u32)> =
        accounts.iter().filter(|row| row.uid != 0).map(|row| (row.name.clone(), row.uid)).collect();
    for (name, uid) in [
        ("same", 1001),
        ("agent", 5000),
        ("of.a.directory", 5000),
        ("dev", 5000),
        ("x.y", 5000),
        ("xzy", 5000),
        ("short", 1007),
        ("long", 1009),
        ("zero", 1010),
        ("nogid", 1012),
        ("w$", 1013),
        ("other", 5000),
        ("ops", 1003),
        ("x", 1),
        ("last", 1018),
    ] {
        cases.push((name.to_owned(), uid));
    }
    // Of other names the rule has the uid.
    let by_name = |name: &str| UserToken::of(&account(name)).comment().is_none();
    cases.retain(|(name, _)| by_name(name));
    let here: Vec<String> = cases
        .iter()
        .map(|(name, uid)| {
            let account = Account { uid: *uid, ..account(name) };
            let (known, alike) = account.others(&accounts);
            format!("{}/{}", known.unwrap_or_default(), alike.unwrap_or_default())
        })
        .collect();
    for expected in ["/", "agent/", "/Ops", "/DEV", "/W$", "jane doe/", "/XzY"] {
        assert!(here.iter().any(|one| one == expected), "{expected} {here:?}");
    }
    let words: Vec<String> = cases.iter().flat_map(|(name, uid)| [name.clone(), uid.to_string()]).collect();
    for shell in SHELLS.iter().filter(|shell| Path::new(shell[0]).exists()) {
        let mut command = Command::new(shell[0]);
        let output = command.args(&shell[1..]).args([&judge, "sh"]).args(&words).output().expect("it runs");
        let there = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(there.lines().collect::<Vec<_>>(), here, "{shell:?} {cases:?}");
    }
}

#[test]
fn what_may_be_replaced_is_the_same_here_and_there() {
    const ONE: &str = "op ALL=(ALL) NOPASSWD: /home/op/.local/bin/systems-manager-helper";
    let cases = [
        format!("{ONE}\n"),
        ONE.to_owned(),
        format!("# by hand\n\n \t{ONE} \n"),
        format!("{ONE}, /usr/local/bin/systems-manager-helper\n"),
    ];
    let others = [
        String::new(),
        "# by hand\n".into(),
        format!("{ONE}\n{ONE}\n"),
        format!("{ONE}\n%sudo ALL=(ALL) ALL\n"),
        format!("{ONE}\n#includedir /etc/more\n"),
        format!("{ONE}\n#1001 ALL=(ALL) NOPASSWD: ALL\n"),
        format!("{ONE}, /bin/sh\n"),
        format!("{ONE},/bin/sh\n"),
        format!("{ONE} /bin/sh\n"),
        format!("{ONE} \\\n"),
        "op ALL=(ALL) NOPASSWD: /bin/sh,/x/systems-manager-helper\n".into(),
        "op ALL=(ALL) NOPASSWD: /bin/sh /x/systems-manager-helper\n".into(),
        "op ALL=(ALL) NOPASSWD: \n".into(),
        "op ALL=(root) NOPASSWD: /x/systems-manager-helper\n".into(),
        "eve ALL=(ALL) NOPASSWD: /x/systems-manager-helper\n".into(),
    ];
    let texts = [&cases[..], &others[..]].concat();
    let here = |text: &String| Legacy::parse("/x".into(), text).is_some_and(|old| old.is_replaced_by("op"));
    let expected: Vec<bool> = texts.iter().map(here).collect();
    let wanted: Vec<bool> = (0..texts.len()).map(|number| number < cases.len()).collect();
    assert_eq!(expected, wanted);
    let bytes: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
    for there in judged("only_legacy \"$target\"", &drop_in(1001, "op", "/usr/bin/sudo-helper"), &bytes) {
        assert_eq!(there, expected);
    }
}
