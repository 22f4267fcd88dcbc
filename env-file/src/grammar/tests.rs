use proptest::prelude::*;

use super::*;

/// The name and value of each assignment, or what the errors say.
fn read(text: &str) -> Result<Vec<(String, String)>, Vec<String>> {
    parse(text.as_bytes())
        .map(|all| all.into_iter().map(|a| (a.name.to_string(), a.value)).collect())
        .map_err(|bad| bad.iter().map(ToString::to_string).collect())
}

#[test]
fn accepted_forms_and_their_values() {
    let table: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("\n \t\n# comment\n\t # indented = 'one\n", &[]),
        ("K=v", &[("K", "v")]),
        ("K=v\n", &[("K", "v")]),
        (" \tK=v \t\n", &[("K", "v")]),
        ("export K=v\nexport \t L=w", &[("K", "v"), ("L", "w")]),
        ("export=1\nexportK=2\nif=3\n", &[("export", "1"), ("exportK", "2"), ("if", "3")]),
        ("K=\nL=   \nM=''\nN=\"\"", &[("K", ""), ("L", ""), ("M", ""), ("N", "")]),
        ("K=x#y\nL=x # c 'd\nM=x\t#c\n", &[("K", "x#y"), ("L", "x"), ("M", "x")]),
        ("K=a=b==\nL=a!b*c?[d]^%@+,-./:", &[("K", "a=b=="), ("L", "a!b*c?[d]^%@+,-./:")]),
        ("K=a~b\nL='~/x'\n", &[("K", "a~b"), ("L", "~/x")]),
        ("K=é\u{1f600}\nL='\u{a0}é'\n", &[("K", "é\u{1f600}"), ("L", "\u{a0}é")]),
        ("K='a $B \"c\" `d` ;|&\tx'", &[("K", "a $B \"c\" `d` ;|&\tx")]),
        ("K='C:\\dir\\n\\\"'\n", &[("K", "C:\\dir\\n\\\"")]),
        ("K=\"it's {a;b} #c ! ~\" # d\n", &[("K", "it's {a;b} #c ! ~")]),
        ("K='# no\n\nB=c'\nL=\"\n\"\nM=1", &[("K", "# no\n\nB=c"), ("L", "\n"), ("M", "1")]),
        ("K=1\nK=2\n", &[("K", "1"), ("K", "2")]),
    ];
    for (text, expected) in table {
        let got = read(text).unwrap_or_else(|bad| panic!("{text:?} is refused: {bad:?}"));
        let got: Vec<(&str, &str)> = got.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(&got, expected, "{text:?}");
    }
}

#[test]
fn refused_forms_and_why() {
    use Reason::*;
    let table: &[(&str, Reason)] = &[
        ("SECRET", NotAnAssignment),
        ("export SECRET", NotAnAssignment),
        ("export export K=SECRET", NotAnAssignment),
        ("K = SECRET", NotAnAssignment),
        ("K+=SECRET", NotAnAssignment),
        ("K[0]=SECRET", NotAnAssignment),
        ("9K=SECRET", NotAnAssignment),
        ("K-L=SECRET", NotAnAssignment),
        ("'K'=SECRET", NotAnAssignment),
        ("=SECRET", NotAnAssignment),
        ("Ké=SECRET", NotAnAssignment),
        ("K: SECRET", NotAnAssignment),
        ("\u{a0}K=SECRET", NotAnAssignment),
        ("SECRET+base64/line==", NotAnAssignment),
        ("SECRET==", EqualsAtStart),
        ("K= SECRET", BlankInside),
        ("K=a SECRET", BlankInside),
        ("K=a SECRET # c", BlankInside),
        ("K=a\u{a0}SECRET", BlankInside),
        ("K=\u{3000}SECRET", BlankInside),
        ("K= #SECRET", HashAtStart),
        ("K=#SECRET", HashAtStart),
        ("K=$SECRET", Expansion),
        ("K=$(SECRET)", Expansion),
        ("K=`SECRET`", Expansion),
        ("K=\"SECRET$\"", Expansion),
        ("K=\"`SECRET`\"", Expansion),
        ("K='${SECRET}'", Interpolation),
        ("K=SECRET\\", Backslash),
        ("K=\"SECRET\\n\"", Backslash),
        ("K='a\\\\SECRET'", Backslash),
        ("K='SECRET\\'", Backslash),
        ("K='SECRET\\''", TextAfterQuote),
        ("K='a'SECRET", TextAfterQuote),
        ("K='a' SECRET", TextAfterQuote),
        ("K='a'#SECRET", TextAfterQuote),
        ("K=\"SECRET\"'b'", TextAfterQuote),
        ("K=a\"SECRET\"", QuoteInside),
        ("K=SECRET's", QuoteInside),
        ("K='SECRET", UnterminatedQuote),
        ("K=\"SECRET'", UnterminatedQuote),
        ("K=SECRET;id", ShellCharacter),
        ("K=SECRET&", ShellCharacter),
        ("K=SECRET|id", ShellCharacter),
        ("K=<SECRET", ShellCharacter),
        ("K=>SECRET", ShellCharacter),
        ("K=(SECRET)", ShellCharacter),
        ("K={SECRET,b}", ShellCharacter),
        ("K=~SECRET", Tilde),
        ("K=/a:~/SECRET", Tilde),
        ("K=a=~/SECRET", Tilde),
        ("K=SECRET\r", CarriageReturn),
        ("K='SECRET\r'", CarriageReturn),
        ("# SECRET\r", CarriageReturn),
        ("\u{feff}K=SECRET", ByteOrderMark),
        ("K=SECRET\0", ControlCharacter),
        ("K='SECRET\x1b'", ControlCharacter),
        ("\x0bK=SECRET", ControlCharacter),
        ("# SECRET \x7f", ControlCharacter),
        ("# c\u{2028}K=SECRET", LineSeparator),
        ("K='SECRET\u{85}'", LineSeparator),
    ];
    for (text, reason) in table {
        let bad = parse(format!("# 1\nA=1\n{text}\n").as_bytes()).expect_err(text);
        assert_eq!(bad, [BadLine { line: 3, name: None, reason: *reason }], "{text:?}");
        assert_eq!(bad[0].to_string(), format!("line 3: {reason}"));
        // Neither the words nor the Debug form can hold what was in the line.
        let said = format!("{} {bad:?}", bad[0]);
        assert!(!said.contains("SECRET"), "{said}");
    }
}

#[test]
fn a_reserved_name_is_told_only_where_the_line_is_valid() {
    let said = read("UID=0\nexport RANDOM='SECRET' # c\nUID=$SECRET\n_=\n").expect_err("reserved");
    assert_eq!(
        said,
        [
            "line 1: UID: choose another name; bash keeps this one for itself",
            "line 2: RANDOM: choose another name; bash keeps this one for itself",
            "line 3: put a value that contains '$' or '`' in single quotes",
            "line 4: _: choose another name; bash keeps this one for itself",
        ]
    );
}

#[test]
fn debug_forms_do_not_hold_the_value() {
    let all = parse(b"K=SECRET\n").expect("valid");
    let shown = format!("{all:?}");
    assert!(shown.contains('K') && !shown.contains("SECRET"), "{shown}");
}

/// The line and reason of each error of `text`.
fn faults(text: &[u8]) -> Vec<(usize, Reason)> {
    parse(text).expect_err("refused").iter().map(|b| (b.line, b.reason)).collect()
}

#[test]
fn every_bad_line_is_listed_once() {
    use Reason::*;
    assert_eq!(faults(b"K\nA=1\nL\n\nM=$x\n"), [(1, NotAnAssignment), (3, NotAnAssignment), (5, Expansion)]);
    // A bad value that spans lines is one error, at its start.
    assert_eq!(faults(b"A=\"x\n$y\nz\"\nB=$x"), [(1, Expansion), (4, Expansion)]);
    // A byte that may stand nowhere is told with its own line.
    assert_eq!(faults(b"A='x\ny\xff\n'\nB=$x"), [(2, NotUtf8), (4, Expansion)]);
    assert_eq!(faults(b"A=1\r\nB=2\r\n"), [(1, CarriageReturn), (2, CarriageReturn)]);
    assert_eq!(faults(b"# \xc3\nK=\xf0\x9f"), [(1, NotUtf8), (2, NotUtf8)]);
}

#[test]
fn a_quote_that_nothing_closes_costs_one_error() {
    use Reason::*;
    // The body of a key is skipped, the statements after it are judged.
    let key = b"A=1\nKEY=\"-----BEGIN\nMIIEvQ+/\n  x y\n-----END\nB=2\nexport C=$x\n";
    assert_eq!(faults(key), [(2, UnterminatedQuote), (7, Expansion)]);
    // The opening quote of a later value closes it: parsing goes on behind that line.
    assert_eq!(faults(b"A='it\nB='x'\nC=$x\n"), [(1, UnterminatedQuote), (3, Expansion)]);
    assert_eq!(faults(b"A='"), [(1, UnterminatedQuote)]);
    assert_eq!(faults(b"A='\n\n"), [(1, UnterminatedQuote)]);
}

#[test]
fn hostile_files_at_the_bound_take_linear_time() {
    let size = crate::MAX_FILE_BYTES as usize;
    let start = std::time::Instant::now();
    for unit in ["A='\n", "A=\"\nB='\n", "A='\"\n", "=\n", "A", " ", "export ", "A='x\n'", "A=~\n", "\n"] {
        // Only the time counts; what comes out is the business of the other tests.
        let _ = parse(unit.repeat(size / unit.len()).as_bytes());
    }
    // Quadratic time would be hours.
    assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_and_errors_stay_in_order(text in prop::collection::vec(
        prop_oneof![
            3 => prop::sample::select(b"A=\n'\"# \\$\r\xef\xbb\xbf\xe2\x80\xa8e".to_vec()),
            1 => any::<u8>(),
        ],
        0..200,
    )) {
        if let Err(bad) = parse(&text) {
            let lines: Vec<usize> = bad.iter().map(|b| b.line).collect();
            prop_assert!(!lines.is_empty() && lines.is_sorted_by(|a, b| a < b), "{:?}", lines);
            prop_assert!(lines.iter().all(|&l| l >= 1 && l <= count_newlines(&text) + 1), "{:?}", lines);
        }
    }
}
