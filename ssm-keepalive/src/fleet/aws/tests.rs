use std::process::Command;

use serde_json::json;

use super::*;

/// A program in place of aws(1), since what is asked of it is what is tested.
pub(in crate::fleet) fn aws(script: &str) -> (TempDir, Aws) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aws");
    // Not by us: what another test starts meanwhile would hold the file open for writing, and it could not be run.
    let write = "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let written = Command::new("/bin/sh").args(["-c", write, "sh"]).arg(&file).arg(script).status();
    assert!(written.expect("run").success());
    let aws = Aws::find_in(folder.path().as_os_str(), Some("-p q"), Some("eu-west-1")).expect("found");
    (folder, aws)
}

#[test]
fn it_is_found_by_an_absolute_path_or_said_to_be_missing() {
    let (folder, found) = aws("");
    assert_eq!(found.program, folder.path().join("aws"));
    for path in ["", ".", "/nowhere:bin"] {
        let failure = Aws::find_in(OsStr::new(path), None, None).expect_err("missing");
        assert_eq!(failure.code, "no-aws");
        assert!(failure.error.contains("aws") && failure.error.contains("install"), "{failure}");
    }
}

#[test]
fn the_input_is_a_file_of_ascii_in_a_folder_of_ours_alone() {
    let (_folder, aws) = aws(r#"file=${4#file://}
        printf '{"argv": "%s %s %s, %s %s, %s, %s", "mode": "%s", "odd": %s, "input": %s}' \
            "$1" "$2" "$3" "$5" "$6" "$7" "$8" "$(stat -c %a "${file%/*}")" \
            "$(LC_ALL=C grep -c '[^ -~]' "$file")" "$(cat "$file")""#);
    let input = json!({"script": "é\u{1f980}\n$HOME `x` \"'\\"});
    let answer = aws.call("send-command", &input).expect("an answer");
    assert_eq!(
        answer["argv"],
        "ssm send-command --cli-input-json, --output json, --profile=-p q, --region=eu-west-1"
    );
    assert_eq!((&answer["mode"], &answer["odd"], &answer["input"]), (&json!("700"), &json!(0), &input));
}

#[test]
fn json_in_ascii_is_the_same_json() {
    let value = json!({"é": "\u{1f980}\u{7f}\u{80}\u{ffff}", "a": [1, "\n\u{1b}"]});
    let text = ascii(&value.to_string());
    assert!(text.is_ascii());
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
}

#[test]
fn what_is_fixed_is_set() {
    let (_folder, aws) = aws(r#"printf '"%s-%s-%s-%s-%s"' "${AWS_PAGER-unset}" "$AWS_CLI_AUTO_PROMPT" \
        "$AWS_CLI_ERROR_FORMAT" "$AWS_CLI_OUTPUT_ENCODING" "$PYTHONUTF8""#);
    assert_eq!(aws.call("send-command", &json!({})), Ok(json!("-off-legacy-UTF-8-1")));
}

#[test]
fn a_cli_that_is_not_started_is_told_as_that() {
    let not_started = |aws: &Aws, words: &str| {
        let error = aws.call("send-command", &json!({})).expect_err("not started");
        assert_eq!(
            (error.kind, Failure::from(&error).code),
            (Kind::NotStarted, "aws-not-started"),
            "{error}"
        );
        assert!(error.words.contains(words), "{error}");
    };
    let (folder, mut found) = aws("echo '{}'");
    found.temporary = folder.path().join("missing\u{1b}");
    not_started(&found, "/missing\\u{1b} (No such file or directory");
    not_started(&found, "set TMPDIR to a folder that can be written");
    // The CLI takes it for a variable in the name of a file.
    let odd = folder.path().join("a$HOME");
    fs::create_dir(&odd).expect("a folder");
    found.temporary = odd;
    not_started(&found, "set TMPDIR to a folder without one");
    found.temporary = env::temp_dir();
    assert_eq!(found.call("send-command", &json!({})), Ok(json!({})));
    drop(folder);
    not_started(&found, "cannot be run: No such file or directory");
}

#[test]
fn an_answer_that_is_none_is_an_error_of_its_kind() {
    for (script, kind, words) in [
        ("echo '{\"a\": '", Kind::Other, "the answer is no JSON"),
        ("head -c 33554433 /dev/zero | tr '\\0' x", Kind::Other, "more than 32 MiB of answer"),
        ("echo 'You must specify a region.' >&2; exit 253", Kind::Usage, "You must specify"),
        ("kill -9 $$", Kind::Other, "a signal ended it"),
        ("read line || exit 1", Kind::Other, "it ended with status 1"),
    ] {
        let error = aws(script).1.call("send-command", &json!({})).expect_err(script);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.words.starts_with(words), "{error}");
    }
    let nothing = aws("").1.call("send-command", &json!({}));
    assert_eq!(nothing.map_err(|error| error.kind), Err(Kind::Unreachable));
}
