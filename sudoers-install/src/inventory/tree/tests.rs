use super::*;

fn value_of_a(text: &str) -> String {
    match parse(text).expect(text).value {
        Value::Mapping(mut entries) => match entries.pop().expect(text).node.value {
            Value::Scalar(scalar) => scalar,
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn scalars_stay_as_they_are_spelled() {
    for (text, expected) in [
        ("a: 007", "007"),
        ("a: 0x16", "0x16"),
        ("a: 1.10", "1.10"),
        ("a: 1_000", "1_000"),
        ("a: yes", "yes"),
        ("a: true", "true"),
        ("a: .nan", ".nan"),
        ("a: 'x''y'", "x'y"),
        ("a: \"x\\ty\"", "x\ty"),
        ("a: 99999999999999999999999999999999999999999", "99999999999999999999999999999999999999999"),
        ("é: 05", "05"),
        ("\u{feff}a: 05\r\n", "05"),
        ("{\"a\": 22}", "22"),
        ("b: &x 012\na: *x", "012"),
        ("a:", "Null"),
        ("a: ~", "Null"),
    ] {
        assert_eq!(value_of_a(text), expected, "{text:?}");
    }
}

#[test]
fn lines_are_those_of_the_keys() {
    let Value::Mapping(entries) = parse("# c\na: 1\n\nb:\n  c: 2\n").expect("read").value else {
        panic!("no mapping");
    };
    assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(entries[1].node.line, 5);
}

#[test]
fn what_is_no_single_plain_document_is_refused_with_its_line() {
    let deep_flow = "[".repeat(5_000);
    let deep: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let copies = format!("a: [&x 1{}]", ", *x".repeat(1_001));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let copies = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{copies}]\n");
    }
    for (text, line, what) in [
        ("a: 1\nb: 2\na: 3\n", Some(3), "'a' is there already, on line 1"),
        ("a:\n  b: 1\n  'b': 2\n", Some(3), "'b' is there already, on line 2"),
        ("1: x\n'1': y\n", Some(2), "'1' is there already, on line 1"),
        ("a: 1\n---\nb: 2\n", Some(2), "a second document begins here"),
        ("[web]\nhost1 ansible_host=x\n", Some(2), "an inventory is YAML"),
        ("a: [1, 2\nb: 3\n", Some(2), "cannot be read"),
        ("a: 1\nb: *nowhere\n", Some(2), "unknown anchor"),
        ("? [a, b]\n: c\n", Some(1), "cannot be read"),
        ("~: x\n", Some(1), "cannot be read"),
        ("a: \"x\u{7}\"\n", Some(1), "cannot be read"),
        (&deep, Some(101), "nested deeper than 100 levels"),
        (&deep_flow, Some(1), "cannot be read"),
        (&copies, Some(1), "more than 250000 values, or than 1000 copies"),
        (&laughs, Some(4), "cannot be read"),
    ] {
        let fault = parse(text).expect_err(text);
        assert!(fault.what.contains(what), "{text:?}: {}", fault.what);
        let laughing = text.starts_with("a0:");
        assert!(laughing || fault.line == line, "{text:?}: {:?} {}", fault.line, fault.what);
    }
}

#[test]
fn a_message_quotes_no_value() {
    for text in ["a: [hunter2\nb: 3", "a: \"hunter2\u{7}\"", "hunter2: *hunter2x", "a: 'hunter2"] {
        let what = parse(text).expect_err(text).what;
        assert!(!what.contains("hunter2"), "{what}");
    }
}
