use proptest::prelude::*;

use super::*;
use crate::fleet::script::Request;

const FACTS: &str = "op=install\ncode=ok\nunit=amazon-ssm-agent.service\n\
    path=/etc/systemd/system/amazon-ssm-agent.service.d/restart.conf\nrestart=always\nrestart_sec=1min 30s\n\
    limit_interval=0\nwinner=/d/x.conf\nchanged=yes\nwords=installed\n";

fn nonce() -> Nonce {
    Nonce::fresh().expect("random")
}

fn answer(nonce: &Nonce, facts: &str) -> String {
    let lines: String = facts.lines().map(|line| format!("{nonce} {line}\n")).collect();
    format!("{nonce} begin\n{lines}{nonce} end\n")
}

fn read(facts: &str) -> Result<Answer, NoAnswer> {
    let nonce = nonce();
    Answer::read(&nonce, &answer(&nonce, facts))
}

#[test]
fn an_answer_is_found_in_whatever_is_around_it() {
    let nonce = nonce();
    let whole = answer(&nonce, FACTS);
    let expected = Answer {
        op: Op::Install,
        code: "ok".to_owned(),
        unit: Unit::PACKAGE.parse().ok(),
        path: Some("/etc/systemd/system/amazon-ssm-agent.service.d/restart.conf".to_owned()),
        restart: "always".to_owned(),
        restart_sec: Some(Span::from_micros(90_000_000)),
        limit_interval: Some(Span::from_micros(0)),
        winner: Some("/d/x.conf".to_owned()),
        changed: true,
        words: "installed".to_owned(),
    };
    for text in [
        whole.clone(),
        whole.replace('\n', "\r\n"),
        whole.trim_end().to_owned(),
        format!("Welcome!\nno newline: {whole}\n----------ERROR-------\nnoise\n"),
        whole.replace("begin\n", "begin\nwarning: op=remove\n"),
    ] {
        assert_eq!(Answer::read(&nonce, &text).as_ref(), Ok(&expected), "{text}");
    }
    assert!(expected.is_ok());
}

#[test]
fn what_is_absent_is_nothing() {
    let found = read(
        "op=prove\ncode=no-agent\nunit=\npath=\nrestart=\nrestart_sec=\nlimit_interval=\nwinner=\nchanged=no\nwords=\n",
    );
    let found = found.expect("an answer");
    assert_eq!((found.unit, found.path, found.restart_sec, found.winner), (None, None, None, None));
    assert_eq!((found.op, found.code.as_str(), found.changed), (Op::Prove, "no-agent", false));
}

#[test]
fn an_answer_that_is_not_whole_is_told_apart_from_none() {
    let nonce = nonce();
    let whole = answer(&nonce, FACTS);
    let other = Nonce::fresh().expect("random");
    for (text, expected) in [
        (String::new(), NoAnswer::Missing),
        (answer(&other, FACTS), NoAnswer::Missing),
        (whole.replace(" begin", ""), NoAnswer::Missing),
        (whole.replace(&format!("{nonce} end\n"), ""), NoAnswer::Cut),
        (format!("{}{whole}", "x\n".repeat(MAX_OUTPUT)), NoAnswer::Missing),
    ] {
        assert_eq!(Answer::read(&nonce, &text), Err(expected));
    }
    let begun = nonce.as_str().len() + " begin".len();
    for length in 0..whole.trim_end().len() {
        let expected = if length < begun { NoAnswer::Missing } else { NoAnswer::Cut };
        assert_eq!(Answer::read(&nonce, &whole[..length]), Err(expected), "{:?}", &whole[..length]);
    }
}

#[test]
fn what_no_script_of_ours_prints_is_no_answer() {
    let long = format!("words={}", "x".repeat(MAX_WORDS + 1));
    for (from, to) in [
        ("op=install", "op=reboot"),
        ("code=ok", "code="),
        ("code=ok", "code=\u{1b}[2J"),
        ("code=ok", "code=Fine"),
        ("unit=amazon-ssm-agent.service", "unit=../x.service"),
        ("path=/etc", "path=etc"),
        ("winner=/d/x.conf", "winner=/d/\u{202e}x"),
        ("restart_sec=1min 30s", "restart_sec=soon"),
        ("changed=yes", "changed=1"),
        ("words=installed", "words=in\tstalled"),
        ("words=installed", &long),
        ("words=installed", "code=ok"),
        ("words=installed", "words=installed\nmore=x"),
        ("words=installed", "words"),
        ("words=installed\n", ""),
    ] {
        assert_eq!(read(&FACTS.replace(from, to)), Err(NoAnswer::Malformed), "{to:?}");
    }
}

proptest! {
    #[test]
    fn nothing_that_a_host_prints_ends_us(
        lines in prop::collection::vec("(N )?(begin|end|(op|code|unit|path|winner|words)=.{0,9}|.{0,9})\r?\n?", 0..16),
    ) {
        let nonce = nonce();
        let text = lines.concat().replace('N', nonce.as_str());
        let _ = Answer::read(&nonce, &text);
    }

    #[test]
    fn what_is_read_of_a_hostile_host_is_plain_and_bounded(key in 0..KEYS.len(), value in ".{0,700}") {
        let facts: String = FACTS.lines().enumerate().map(|(at, line)| {
            if at == key { format!("{}={value}\n", KEYS[key]) } else { format!("{line}\n") }
        }).collect();
        if let Ok(found) = read(&facts) {
            let texts = [Some(found.code), found.path, Some(found.restart), found.winner, Some(found.words)];
            for text in texts.into_iter().flatten() {
                prop_assert!(text.len() <= MAX_WORDS);
                prop_assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
            }
        }
    }
}

#[test]
fn a_host_has_no_words_but_those_of_the_script() {
    for word in ["installed", "proven", "removed", "in-flight", "would-ask", "", "Ok"] {
        assert_eq!(
            read(&FACTS.replace("code=ok", &format!("code={word}"))),
            Err(NoAnswer::Malformed),
            "{word}"
        );
    }
    let script =
        Request { op: Op::Install, unit: None, restart_sec: Span::from_micros(1), nonce: nonce() }.text();
    let words: Vec<&str> = script.split([' ', '\n', ';', '(', ')']).collect();
    let refused = words.windows(2).filter(|pair| ["refuse", "fail"].contains(&pair[0])).map(|pair| pair[1]);
    let named = words
        .iter()
        .filter_map(|word| ["code=", "unfit=", "unproven="].iter().find_map(|name| word.strip_prefix(name)));
    let literal = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let mut found = 0;
    for word in refused.chain(named).filter(literal) {
        assert!(CODES.contains(&word), "{word}");
        found += 1;
    }
    assert!(found > 20, "{found}");
}
