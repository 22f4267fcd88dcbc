use super::*;

#[test]
fn names_that_people_use_are_taken() {
    for alias in ["web1", "web-1.example.com", "café", "10.0.0.1", "fe80::1", "a/b", "#7", "db@site"] {
        assert_eq!(Alias::parse(alias).expect(alias).as_str(), alias);
    }
    for name in ["web1", "WEB_1.example.com.", "10.0.0.1", "::1", "fe80::1%eth0", "xn--caf-dma.fr", "1a"] {
        assert_eq!(HostName::parse(name).expect(name).as_str(), name);
    }
    for name in ["root", "john.doe", "DOM\\bob", "bob@example.com", "_apt", "1001"] {
        assert_eq!(LoginName::parse(name).expect(name).as_str(), name);
    }
    for (text, port) in [("1", 1), ("22", 22), ("65535", 65535)] {
        assert_eq!(Port::parse(text).expect(text).get(), port);
    }
}

#[test]
fn an_alias_holds_nothing_that_a_pattern_or_a_terminal_reads_otherwise() {
    let long = "a".repeat(254);
    for text in [
        "",
        "-x",
        "a b",
        "a\tb",
        "a\nb",
        "a\u{1b}[1m",
        "a\u{202e}b",
        "a\u{200b}b",
        "web[1:5]",
        "web*",
        "we?",
        "!a",
        "a,b",
        "{{ x }}",
        "a:22",
        "a'b",
        "a\"b",
        "a\\b",
        &long,
    ] {
        assert!(Alias::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_host_is_nothing_that_ssh_reads_otherwise() {
    let long_label = "a".repeat(64);
    let long = ["a".repeat(60).as_str(); 5].join(".");
    for text in [
        "",
        ".",
        "-oProxyCommand=x",
        "a.-b",
        "a-",
        "a..b",
        "user@host",
        "ssh://host",
        "host:22",
        "[::1]",
        "[::1]:22",
        "127.1",
        "017.0.0.1",
        "256.0.0.1",
        "1234",
        "a b",
        "a\nb",
        "a;b",
        "$(id)",
        "::g",
        "::1%",
        "::1%a b",
        "::1%-o/../x",
        "café.fr",
        "a%h",
        &long_label,
        &long,
    ] {
        assert!(HostName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_login_name_is_no_option_and_no_word_for_a_shell() {
    let long = "a".repeat(257);
    for text in
        ["", "-l", "a b", "a\n", "a;id", "$(id)", "a'b", "a\\b\\c", "a\\", "\\a", "a:b", "a,b", "é", &long]
    {
        assert!(LoginName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_port_is_a_plain_number() {
    for text in
        ["", "0", "00", "022", "+22", "-1", "65536", "22 ", "ssh", "2e1", "0x16", "99999999999999999999"]
    {
        assert!(Port::parse(text).is_err(), "{text:?}");
    }
}
