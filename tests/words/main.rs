//! Help, manual page and the completions of bash, zsh and fish have the same words for every program.

mod commit;
mod page;
mod program;
mod shells;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use bed::{completions, workspace};
use program::{Level, PROGRAMS, levels, said};
use shells::{SHELLS, files, offers};
use sudo_helper::cli::parse;

/// Lines and columns of the least terminal.
const SCREEN: (usize, usize) = (24, 80);

/// What programs say to themselves: in no help, page or completion.
const HIDDEN: [(&str, &str); 3] = [
    // What works in a home, as its user, is started by `up` and `down`.
    ("ssh-agent-fwd", "as-user"),
    // The job of a transient unit, by its id.
    ("sudo-helper", "worker"),
    // apt-get's hook before dpkg begins.
    ("sudo-helper", "compare-plan"),
];

/// Options of other programs in our pages.
const FOREIGN: [(&str, &str); 3] = [
    // sudo(8), in front of every call.
    ("sudo-helper", "-n"),
    // capture-run(1), which can end a command that does not stop.
    ("dropuid", "--timeout"),
    // chroot(8), whose USER:GROUP ours is.
    ("dropuid", "--userspec"),
];

fn foreign(program: &str) -> impl Iterator<Item = String> {
    FOREIGN.iter().filter(move |(of, _)| *of == program).map(|(_, option)| (*option).to_owned())
}

/// The words of several sets.
fn all<'a>(sets: impl IntoIterator<Item = &'a BTreeSet<String>>) -> BTreeSet<String> {
    sets.into_iter().flatten().cloned().collect()
}

#[test]
fn each_page_has_every_option_and_no_other() {
    for (program, page) in PROGRAMS {
        let known = all(levels(program).iter().map(|level| &level.options));
        assert!(known.len() > 5, "{program}: {known:?}");
        assert_eq!(page::explained(page), known, "{program}");
        let named = page::flags(page);
        assert_eq!(named, known.iter().cloned().chain(foreign(program)).collect(), "{program}");
    }
}

#[test]
fn each_page_has_every_subcommand_and_no_other() {
    for (program, page) in PROGRAMS {
        let levels = levels(program);
        let forms = page::forms(page);
        let in_synopsis: BTreeSet<String> =
            forms.iter().flat_map(|(words, _)| words).map(|&word| word.to_owned()).collect();
        assert_eq!(in_synopsis, levels[0].below, "{program}");
        let description = page::section(page, "Sh", "DESCRIPTION");
        for command in &levels[0].below {
            let entries = description.lines().filter(|line| line.starts_with(".It Cm "));
            let own = entries.flat_map(page::typed).any(|word| word == command);
            assert!(
                own || description.contains(&format!("\n.Ss {command}\n")),
                "{program} {command} is not explained"
            );
        }
    }
}

#[test]
fn each_synopsis_has_the_options_of_its_subcommand() {
    // Those of sudo-helper go with several: its page tells with which.
    for (program, page) in PROGRAMS.into_iter().filter(|(program, _)| *program != "sudo-helper") {
        for Level { words, options, .. } in levels(program).into_iter().filter(|level| level.words.len() > 1)
        {
            let forms = page::forms(page).into_iter().filter(|(named, _)| named.contains(&words[1].as_str()));
            let shown: BTreeSet<String> = forms.flat_map(|(_, form)| page::flags(form)).collect();
            let is_own = |option: &&String| option.starts_with("--") && *option != "--help";
            assert_eq!(shown, options.iter().filter(is_own).cloned().collect(), "{words:?}");
        }
    }
}

#[test]
fn the_page_of_sudo_helper_has_every_verb_and_no_other() {
    let (program, page) = PROGRAMS[2];
    let levels = levels(program);
    let verbs = all(levels[1..].iter().map(|level| &level.below));
    assert!(verbs.len() > 10, "{verbs:?}");
    let operations: BTreeSet<String> =
        page::typed(page::section(page, "Ss", "Operations")).map(str::to_owned).collect();
    assert!(verbs.is_subset(&operations), "{verbs:?} {operations:?}");
    assert!(operations.is_subset(&all([&verbs, &levels[0].below])), "{operations:?}");
}

#[test]
fn each_shell_offers_every_option_and_subcommand_and_no_other() {
    let levels: Vec<Level> = PROGRAMS.into_iter().flat_map(|(program, _)| levels(program)).collect();
    let lines = |end: &str| levels.iter().map(|level| level.words.join(" ") + end).collect::<Vec<String>>();
    for shell in SHELLS {
        for (level, offered) in levels.iter().zip(offers(shell, &lines(" -"))) {
            assert_eq!(offered, level.options, "{shell}: {:?}", level.words);
        }
        for (level, mut offered) in levels.iter().zip(offers(shell, &lines(" "))) {
            offered.retain(|word| !word.starts_with('-'));
            assert!(
                level.below.is_empty() || offered == level.below,
                "{shell}: {:?} {offered:?}",
                level.words
            );
        }
    }
}

#[test]
fn the_words_after_the_operands_are_completed_as_a_command_of_their_own() {
    let wait = BTreeSet::from(["--wait".to_owned()]);
    for shell in SHELLS {
        let after = |line: &str| offers(shell, &[line.to_owned()]).remove(0);
        for line in [
            "dropuid root -- dropuid --wa",
            "dropuid --keep-fd 3 --env-file=here.json root dropuid --wa",
            "dropuid -- root dropuid --wa",
            "capture-run log status dropuid --wa",
            "capture-run -s TERM --append log status -- dropuid --wa",
            "capture-run log status -- dropuid root -- dropuid --wa",
        ] {
            assert_eq!(after(line), wait, "{shell}: {line}");
        }
        for line in ["dropuid root -- --wa", "capture-run log status -- --app"] {
            assert!(after(line).is_empty(), "{shell}: {line}");
        }
    }
}

#[test]
fn operands_and_values_are_completed() {
    let cases = [
        ("dropuid roo", "root"),
        ("dropuid root:roo", "root"),
        ("dropuid --drop-groups tty,roo", "root"),
        ("dropuid --clear-env --keep-env HOM", "HOME"),
        ("dropuid --env-file h", "here.json"),
        ("capture-run h", "here.json"),
        ("capture-run log h", "here.json"),
        ("capture-run --result h", "here.json"),
        ("capture-run --output-error exit-", "exit-nopipe"),
        ("capture-run -s TER", "TERM"),
        ("sudo-helper check-policy h", "here.json"),
        ("sudo-helper explain --policy h", "here.json"),
        ("sudo-helper --dry-run package rem", "remove"),
        ("sudo-helper explain service sto", "stop"),
        ("sudo-helper package remove coreut", "coreutils"),
        ("sudoers-install cluster sta", "status"),
        ("ssh-agent-fwd up --manifest h", "here.json"),
    ];
    let lines: Vec<String> = cases.iter().map(|(line, _)| (*line).to_owned()).collect();
    for shell in SHELLS {
        for ((line, end), offered) in cases.iter().zip(offers(shell, &lines)) {
            // Some shells offer the whole word, some what is to be added.
            let [word] = &offered.iter().collect::<Vec<_>>()[..] else {
                panic!("{shell}: {line}: {offered:?}")
            };
            let words = line.rsplit(' ').next().unwrap_or_default();
            let before = &words[..words.rfind([':', ',']).map_or(0, |at| at + 1)];
            assert!(word == end || **word == format!("{before}{end}"), "{shell}: {line}: {word}");
        }
    }
}

#[test]
fn each_shell_can_read_its_completions() {
    for shell in SHELLS {
        for file in files(shell) {
            let mut check = Command::new(bed::tool(shell));
            check.arg(if shell == "fish" { "--no-execute" } else { "-n" }).arg(&file);
            bed::capture(check).assert().success().stdout("").stderr("");
        }
    }
}

#[test]
fn the_completions_of_the_tree_are_those_that_are_made() {
    for file in completions::generated() {
        let path = workspace().join(&file.path);
        assert!(
            fs::read_to_string(&path).is_ok_and(|text| text == file.text),
            "{}: run `make completions`",
            file.path
        );
    }
}

#[test]
fn hidden_words_are_understood_and_shown_nowhere() {
    for (program, word) in HIDDEN {
        let understood = match program {
            "sudo-helper" => [&[word][..], &[word, "0"]]
                .into_iter()
                .any(|words| parse(words.iter().map(Into::into)).is_ok()),
            _ => said(&[program, word, "--help"]).0.contains(&format!("Usage: {program} {word}")),
        };
        assert!(understood, "{program} {word}");
        assert!(!levels(program)[0].below.contains(word), "{program} {word}");
        for shell in SHELLS {
            let offered = offers(shell, &[format!("{program} ")]).remove(0);
            assert!(!offered.contains(word), "{shell}: {program} {word}");
        }
    }
}

#[test]
fn each_help_fits_a_screen() {
    for level in PROGRAMS.into_iter().flat_map(|(program, _)| levels(program)) {
        let words: Vec<&str> = level.words.iter().map(String::as_str).chain(["--help"]).collect();
        let (help, trouble) = said(&words);
        assert!((5..=SCREEN.0).contains(&help.lines().count()), "{words:?}: {} lines", help.lines().count());
        let wide = help.lines().find(|line| line.chars().count() > SCREEN.1);
        assert_eq!((wide, trouble.as_str()), (None, ""), "{words:?}");
    }
}

/// A word with its last letter twice.
fn mistyped(word: &str) -> String {
    let last = word.chars().next_back().expect("a word");
    format!("{word}{last}")
}

/// What a program answers who is not root: nothing is recorded of that.
fn as_anybody(words: &[&str]) -> String {
    let program = fs::File::open(bed::program(words[0])).expect("a program");
    let mut command = Command::new(bed::tool("setpriv"));
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    // By its descriptor: whoever is nobody may not reach the folder that it was built in.
    command.arg("/proc/self/fd/0").args(&words[1..]).stdin(program);
    let output = command.output().expect("setpriv");
    [output.stdout, output.stderr].map(|said| String::from_utf8(said).expect("text")).concat()
}

#[test]
fn a_mistyped_word_is_answered_with_the_right_one() {
    for level in PROGRAMS.into_iter().flat_map(|(program, _)| levels(program)) {
        let words: Vec<&str> = level.words.iter().map(String::as_str).collect();
        let answer = |wrong: &str| as_anybody(&[&words[..], &[wrong]].concat());
        let slips = level.below.iter().map(|word| (mistyped(word), word.as_str()));
        for (wrong, right) in slips.chain([("--hepl".to_owned(), "--help")]) {
            let answer = answer(&wrong);
            let parts: Vec<&str> = answer.split('\'').collect();
            assert!(parts.contains(&wrong.as_str()) && parts.contains(&right), "{words:?} {wrong}: {answer}");
        }
    }
}
