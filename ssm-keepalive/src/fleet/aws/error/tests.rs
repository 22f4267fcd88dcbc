use super::*;

fn read(status: i32, stderr: &str) -> AwsError {
    let options = Options::new(Some("ops"), None);
    let call = Call { operation: "describe-instance-information", options: &options };
    AwsError::read(&call, Some(status), stderr)
}

/// An error of the API as both versions word it.
fn api(code: &str, more: &str, message: &str) -> String {
    format!(
        "\nAn error occurred ({code}) when calling the DescribeInstanceInformation operation{more}: {message}\n"
    )
}

#[test]
fn errors_of_the_api_are_told_apart_by_their_code() {
    let retried = " (reached max retries: 4)";
    for (code, more, message, kind) in [
        ("AccessDeniedException", "", "User: arn:aws:iam::1:user/x is not authorized", Kind::AccessDenied),
        (
            "InvalidInstanceId",
            "",
            "Instances [[i-01234567]] not in a valid state for account 1",
            Kind::InvalidInstanceId,
        ),
        ("InvocationDoesNotExist", "", "", Kind::InvocationDoesNotExist),
        ("InvalidCommandId", "", "", Kind::InvalidCommandId),
        ("ThrottlingException", retried, "Rate exceeded", Kind::Throttled),
        (
            "ExpiredTokenException",
            "",
            "The security token included in the request is expired",
            Kind::Credentials,
        ),
        ("UnrecognizedClientException", "", "The security token is invalid.", Kind::Credentials),
        ("InternalServerError", retried, "An internal error", Kind::Server),
        ("503", retried, "Service Unavailable", Kind::Server),
        ("UnknownOperationException", "", "", Kind::NotImplemented),
        ("ValidationException", "", "1 validation error detected: Value 'a operation: b'", Kind::Usage),
        ("DuplicateInstanceId", "", "", Kind::Other),
    ] {
        for (status, before) in [(255, ""), (254, ""), (254, "aws: [ERROR]: "), (255, "a warning\n")] {
            let error = read(status, &format!("{before}{}", api(code, more, message).trim_start()));
            assert_eq!(
                (error.kind, error.code.as_str(), error.words.as_str()),
                (kind, code, message),
                "{before}"
            );
        }
    }
}

#[test]
fn a_page_of_html_is_no_answer_of_the_api() {
    let page = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Internal Server Error</h1>";
    for (code, kind) in [("500", Kind::NotImplemented), ("501", Kind::NotImplemented), ("502", Kind::Server)]
    {
        let error = read(254, &api(code, " (reached max retries: 2)", page));
        assert_eq!(error.kind, kind);
        assert!(!error.words.contains('<'), "{error}");
    }
    assert_eq!(read(254, &api("500", "", "é")).kind, Kind::Server);
}

#[test]
fn an_error_of_another_operation_is_one_of_the_credentials() {
    for (code, operation) in [
        ("AccessDenied", "AssumeRole"),
        ("UnauthorizedException", "GetRoleCredentials"),
        ("ForbiddenException", "GetRoleCredentials"),
        ("InvalidGrantException", "CreateToken"),
    ] {
        let error =
            read(254, &format!("\nAn error occurred ({code}) when calling the {operation} operation: no\n"));
        assert_eq!((error.kind, error.code.as_str()), (Kind::Credentials, code));
    }
}

/// What versions 1.46 and 2.9 wrote to standard error, with the status of each.
#[test]
fn what_the_cli_says_itself_is_told_apart() {
    let mfa = "/usr/lib/python3.11/getpass.py:91: GetPassWarning: Can not control echo on the terminal.\n  \
               passwd = fallback_getpass(prompt, stream)\nWarning: Password input may be echoed.\n\
               Enter MFA code for arn:aws:iam::123456789012:mfa/me: \n\n";
    let usage = "usage: Note: AWS CLI version 2 is now stable\n\nusage: aws [options] <command>\n\
                 aws: error: argument operation: Invalid choice, valid choices are:\n\nadd-tags-to-resource";
    for (statuses, stderr, kind, words) in [
        (
            [255, 253],
            "\nUnable to locate credentials. You can configure them.\n",
            Kind::Credentials,
            "Unable to",
        ),
        (
            [255, 255],
            "\nThe config profile (nosuch) could not be found\n",
            Kind::Credentials,
            "The config profile",
        ),
        (
            [255, 255],
            "\nError loading SSO Token: Token for s does not exist\n",
            Kind::Credentials,
            "Error loading SSO",
        ),
        (
            [255, 255],
            "\nThe SSO session associated with this profile has expired or",
            Kind::Credentials,
            "The SSO",
        ),
        (
            [255, 255],
            "\nError when retrieving token from sso: Token has expired and refresh failed\n",
            Kind::Credentials,
            "Error when",
        ),
        ([255, 255], mfa, Kind::Credentials, "Enter MFA code for arn:aws:iam::123456789012:mfa/me:"),
        (
            [255, 255],
            "\nError when retrieving credentials from custom-process: \n",
            Kind::Credentials,
            "Error when",
        ),
        (
            [255, 255],
            "\nCould not connect to the endpoint URL: \"http://127.0.0.1:1/\"\n",
            Kind::Unreachable,
            "Could not",
        ),
        ([255, 255], "\nSSL validation failed for https://ssm.x/ [SSL]\n", Kind::Unreachable, "SSL"),
        ([255, 253], "\nYou must specify a region. You can also\n", Kind::Usage, "You must"),
        (
            [255, 252],
            "\nParameter validation failed:\nInvalid length for CommandId\n",
            Kind::Usage,
            "Parameter validation failed: Inv",
        ),
        ([2, 252], usage, Kind::Usage, "aws: error: argument operation"),
        ([252, 2], "something new\n", Kind::Usage, "something new"),
        ([253, 253], "something new\n", Kind::Credentials, "something new"),
        (
            [255, 1],
            "Traceback (most recent call last):\n  File \"x\"\nImportError: no\n\n",
            Kind::Other,
            "ImportError: no",
        ),
        ([255, 1], "\n", Kind::Other, "it ended with status"),
    ] {
        for status in statuses {
            let error = read(status, stderr);
            assert_eq!((error.kind, error.code.as_str()), (kind, ""), "{stderr}");
            assert!(error.words.starts_with(words), "{error}");
        }
    }
}

#[test]
fn the_sentence_says_what_was_called_and_what_to_run_first() {
    for (stderr, help) in [
        ("Error loading SSO Token: Token for s does not exist", "run `aws sso login --profile 'ops'` first"),
        ("Enter MFA code for arn: ", "run `aws sts get-caller-identity --profile 'ops'` first, which asks"),
        (
            "Unable to locate credentials. Run \"aws configure\".",
            "configure\": `aws sts get-caller-identity --profile 'ops'` has to work first",
        ),
        (&api("AccessDeniedException", "", "no"), "has to allow ssm:DescribeInstanceInformation"),
    ] {
        let failure = Failure::from(&read(255, stderr));
        assert!(
            failure.error.starts_with("aws ssm describe-instance-information --profile 'ops': "),
            "{failure}"
        );
        assert!(failure.error.contains(help), "{failure}");
    }
}

#[test]
fn what_is_said_is_escaped_and_bounded() {
    let error = read(255, &api("Odd\u{1b}", "", &format!("a\u{1b}[2J {}", "x".repeat(10_000))));
    assert_eq!(error.code, "Odd\\u{1b}");
    assert!(error.words.starts_with("a\\u{1b}[2J xxx") && error.words.len() < 2 * MAX_WORDS, "{error}");
    assert!(!error.to_string().contains('\u{1b}'));
    let options = Options::new(Some("\u{1b}"), None);
    let call = Call { operation: "send-command", options: &options };
    assert!(!AwsError::of(&call, Kind::Other, "").to_string().contains('\u{1b}'));
}
