//! How systemctl(1) is called: no pager, no colour, no prompt, nothing of the caller's.

use crate::operation::ServiceVerb;
use crate::systemctl::unit_state::PROPERTIES;
use crate::unit_name::UnitName;

/// The program.
pub const PROGRAM: &str = "/usr/bin/systemctl";

/// Its whole environment.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C.UTF-8"),
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("SYSTEMD_PAGER", "cat"),
    ("SYSTEMD_COLORS", "0"),
    ("SYSTEMD_URLIFY", "0"),
    ("SYSTEMD_EMOJI", "0"),
];

/// The system's manager, and only text.
const FLAGS: [&str; 4] = ["--system", "--no-pager", "--no-ask-password", "--plain"];

/// No line of the journal, which may hold secrets; nothing shortened.
const STATUS_FLAGS: [&str; 3] = ["-n", "0", "-l"];

/// The arguments of `verb`. With `no_block`, a verb that makes a job does not wait for its end;
/// the others make none, and it changes nothing for them.
#[must_use]
pub fn arguments(verb: ServiceVerb, unit: &UnitName, no_block: bool) -> Vec<String> {
    let more: &[&str] = match verb {
        ServiceVerb::Status => &STATUS_FLAGS,
        ServiceVerb::Start | ServiceVerb::Stop | ServiceVerb::Restart | ServiceVerb::Reload if no_block => {
            &["--no-block"]
        }
        _ => &[],
    };
    words(more, verb.word(), unit)
}

/// The arguments of the query that [`UnitState::parse`](super::unit_state::UnitState::parse) reads.
#[must_use]
pub fn show_arguments(unit: &UnitName) -> Vec<String> {
    words(&["-p", &PROPERTIES.join(",")], "show", unit)
}

fn words(more: &[&str], verb: &str, unit: &UnitName) -> Vec<String> {
    let operands = [verb, "--", unit.as_str()];
    FLAGS.iter().chain(more).chain(&operands).map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitName {
        UnitName::parse(name).expect(name)
    }

    #[test]
    fn a_verb_and_one_full_name_after_the_options() {
        for (verb, no_block, line) in [
            (ServiceVerb::Status, false, "-n 0 -l status"),
            (ServiceVerb::Status, true, "-n 0 -l status"),
            (ServiceVerb::Start, false, "start"),
            (ServiceVerb::Restart, true, "--no-block restart"),
            (ServiceVerb::Stop, true, "--no-block stop"),
            (ServiceVerb::Reload, true, "--no-block reload"),
            (ServiceVerb::Enable, true, "enable"),
            (ServiceVerb::Disable, true, "disable"),
        ] {
            let arguments = arguments(verb, &unit("nginx"), no_block).join(" ");
            let common = "--system --no-pager --no-ask-password --plain";
            assert_eq!(arguments, format!("{common} {line} -- nginx.service"));
        }
    }

    #[test]
    fn the_query_names_its_properties() {
        let arguments = show_arguments(&unit("snapd.socket"));
        assert_eq!(
            arguments[4..].join(" "),
            "-p Id,Names,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,MainPID,\
             NRestarts,Type show -- snapd.socket"
        );
    }
}
