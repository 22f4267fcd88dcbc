use proptest::prelude::*;

use super::*;

#[test]
fn what_leads_to_a_host_is_passed_on() {
    for (text, expected) in [
        ("-J bastion", &["-J", "bastion"][..]),
        ("-Jops@bastion:2222,[::1]:22,fe80::1", &["-J", "ops@bastion:2222,[::1]:22,fe80::1"]),
        ("-o ProxyJump=ssh://ops@b:1", &["-o", "ProxyJump=ssh://ops@b:1"]),
        ("-oproxyjump=none", &["-o", "ProxyJump=none"]),
        (r#"-o ProxyCommand="ssh -W %h:%p -q 'b c'""#, &["-o", "ProxyCommand=ssh -W %h:%p -q 'b c'"]),
        (r"-o 'ProxyCommand nc \%h $X `id`'", &["-o", r"ProxyCommand=nc \%h $X `id`"]),
        ("-o UserKnownHostsFile=~/kh -4 -C", &["-o", "UserKnownHostsFile=~/kh", "-4", "-C"]),
        ("-o StrictHostKeyChecking=yes", &["-o", "StrictHostKeyChecking=yes"]),
        (
            "  -o ControlMaster=auto   -o ControlPersist=60s -o ControlPath=~/.ssh/%C ",
            &["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", "ControlPath=~/.ssh/%C"],
        ),
        ("-o ForwardAgent=no -o IdentitiesOnly=yes", &["-o", "ForwardAgent=no", "-o", "IdentitiesOnly=yes"]),
        ("", &[]),
    ] {
        assert_eq!(parse(text).expect(text), expected, "{text}");
    }
}

#[test]
fn everything_else_is_refused_and_says_why() {
    for (text, why) in [
        ("-o StrictHostKeyChecking=no", "password would go to whoever answers"),
        ("-ostricthostkeychecking=NO", "password would go to whoever answers"),
        ("-o 'StrictHostKeyChecking no'", "password would go to whoever answers"),
        ("-o 'StrictHostKeyChecking \"no\"'", "password would go to whoever answers"),
        ("-o StrictHostKeyChecking=off", "password would go to whoever answers"),
        ("-o StrictHostKeyChecking=accept-new", "--accept-new-host-keys"),
        ("-o UserKnownHostsFile=/dev/null", "a file that keeps nothing"),
        ("-o 'UserKnownHostsFile=~/kh \"/dev/null\"'", "a file that keeps nothing"),
        ("-o UserKnownHostsFile=none", "a file that keeps nothing"),
        ("-o UserKnownHostsFile=//dev/null", "a file that keeps nothing"),
        ("-o UserKnownHostsFile=/./dev//null", "a file that keeps nothing"),
        ("-o UserKnownHostsFile=/proc/self/fd/0", "a file that keeps nothing"),
        ("-o UserKnownHostsFile=~/../../dev/null", "a path with '..'"),
        (r#"-o "UserKnownHostsFile='/dev/null'""#, "a file that keeps nothing"),
        (r#"-o 'UserKnownHostsFile=/d"ev"/null'"#, "a file that keeps nothing"),
        (r#"-o 'UserKnownHostsFile="~/kh'"#, "a double quote is not closed"),
        ("-o ForwardAgent=yes", "only 'no'"),
        ("-A", "'-A' is not passed on"),
        ("-oLocalCommand=id", "'LocalCommand' is not passed on"),
        ("-o PermitLocalCommand=yes", "'PermitLocalCommand' is not passed on"),
        ("-o BatchMode=no", "'BatchMode' is not passed on"),
        ("-F /tmp/config", "'-F' is not passed on"),
        ("-i key", "'-i' is not passed on"),
        ("-- evil", "'--' is not passed on"),
        ("host", "'host' is not passed on"),
        ("-é", "is not passed on"),
        ("''", "'' is not passed on"),
        ("-J", "-J lacks its operand"),
        ("-o", "-o lacks its operand"),
        ("-o ProxyCommand", "-o ProxyCommand lacks its value"),
        ("-o ProxyJump=-oProxyCommand=id", "is no [user@]host[:port]"),
        ("-J a,,b", "'' is no [user@]host[:port]"),
        ("-J b:0", "is no [user@]host[:port]"),
        ("-J [::1]x", "is no [user@]host[:port]"),
        ("-J a,a,a,a,a,a,a,a,a", "more than 8 hosts"),
        ("-o 'ProxyCommand=x", "single quote is not closed"),
        ("-o \"ProxyCommand=x", "double quote is not closed"),
        ("-o \"ProxyCommand=x\\", "double quote is not closed"),
        ("-4 \\", "ends in a backslash"),
    ] {
        let complaint = parse(text).expect_err(text);
        assert!(complaint.contains(why), "{text}: {complaint}");
    }
    assert!(parse(&"-4 ".repeat(100)).expect_err("long").contains("more than 64 words"));
}

proptest! {
    #[test]
    fn words_come_back_from_quotes(words in prop::collection::vec("[^'\0]{0,12}", 0..8)) {
        let text: String = words.iter().map(|word| format!("'{word}' ")).collect();
        prop_assert_eq!(split(&text).expect("split"), words);
    }

    #[test]
    fn nothing_passes_that_ssh_would_read_as_another_option(text in "[-oJ4CFAEi =a-z'\"\\\\@:,]{0,40}") {
        let Ok(arguments) = parse(&text) else { return Ok(()) };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if FLAGS.contains(&&**word) {
                continue;
            }
            let operand = words.next().expect("an operand");
            prop_assert!(!operand.starts_with('-'), "{arguments:?}");
            prop_assert!(word == "-J" || (word == "-o" && operand.contains('=')), "{arguments:?}");
        }
    }
}
