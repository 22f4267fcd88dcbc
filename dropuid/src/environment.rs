//! The environment of the command: the caller's, without what belongs to the caller.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use env_file::{Assignment, Name};

use crate::account::Target;

/// Names and values, each name once.
pub type Environment = BTreeMap<OsString, OsString>;

const PATH: &str = "PATH";
const RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// What tells of the caller's login, session or sudo, never of the target's.
const CALLERS: [&str; 5] = ["MAIL", "OLDPWD", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "XAUTHORITY"];

/// sudo(8) describes who called it in variables of this prefix, the command line among them.
const CALLERS_PREFIX: &str = "SUDO_";

/// Paths that are useless, or a leak, once they point into a home that the target cannot enter.
const PATHS: [&str; 9] = [
    "TMPDIR",
    "TMP",
    "TEMP",
    "SSH_AUTH_SOCK",
    "GNUPGHOME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];

/// Set from the account, never kept.
const ACCOUNTS: [&str; 4] = ["HOME", "USER", "LOGNAME", "SHELL"];

/// Which of the caller's variables are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// All, but for those that belong to the caller.
    All,
    /// These, but for those that belong to the caller.
    Only(Vec<Name>),
}

/// What the environment is made from.
pub struct Sources<'a> {
    /// The caller's variables.
    pub callers: Vec<(OsString, OsString)>,
    /// Which of them are kept.
    pub kept: &'a Kept,
    /// The homes of the caller.
    pub callers_homes: Vec<PathBuf>,
    /// Whom the command runs as.
    pub target: &'a Target,
    /// The target's /run/user/UID, when it is there and its own.
    pub runtime_dir: Option<PathBuf>,
}

/// The environment of the command, before env files.
#[must_use]
pub fn build(sources: &Sources<'_>) -> Environment {
    let mut environment = Environment::new();
    for (name, value) in &sources.callers {
        if sources.keeps(name, value) {
            // Of two variables of one name, getenv(3) sees the first.
            environment.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    environment.insert("HOME".into(), sources.target.home().into());
    if let Some(account) = &sources.target.account {
        environment.insert("USER".into(), (&account.name).into());
        environment.insert("LOGNAME".into(), (&account.name).into());
        environment.insert("SHELL".into(), (&account.shell).into());
    }
    if let Some(folder) = &sources.runtime_dir {
        environment.insert(RUNTIME_DIR.into(), folder.into());
    }
    environment
}

impl Sources<'_> {
    fn keeps(&self, name: &OsStr, value: &OsStr) -> bool {
        let listed = |list: &[&str]| list.iter().any(|listed| name == *listed);
        let chosen = match self.kept {
            Kept::All => true,
            Kept::Only(names) => names.iter().any(|kept| name == kept.as_str()),
        };
        let callers =
            listed(&CALLERS) || listed(&ACCOUNTS) || name.as_bytes().starts_with(CALLERS_PREFIX.as_bytes());
        chosen && !callers && !(listed(&PATHS) && self.is_in_callers_home(Path::new(value)))
    }

    fn is_in_callers_home(&self, path: &Path) -> bool {
        let (own, everything) = (Path::new(self.target.home()), Path::new("/"));
        // Below the target's own home a path is the target's, whatever is above that home.
        let is_own = own != everything && path.starts_with(own);
        let foreign = self.callers_homes.iter().filter(|home| *home != own && *home != everything);
        !is_own && foreign.into_iter().any(|home| path.starts_with(home))
    }
}

/// Adds what env files assign; later ones win. With `allowed`, only those names.
pub fn overlay(environment: &mut Environment, assignments: Vec<Assignment>, allowed: Option<&[Name]>) {
    let passes = |name: &Name| allowed.is_none_or(|allowed| allowed.contains(name));
    for assignment in assignments.into_iter().filter(|assignment| passes(&assignment.name)) {
        environment.insert(assignment.name.as_str().into(), assignment.value.into());
    }
}

/// Leaves only absolute elements in PATH: an empty or relative one names the working directory,
/// which others may write. Returns the path to search.
pub fn settle_path(environment: &mut Environment, default_path: impl FnOnce() -> OsString) -> OsString {
    let path = environment.get(OsStr::new(PATH)).map_or(&b""[..], |path| path.as_bytes());
    let absolute: Vec<&[u8]> =
        path.split(|byte| *byte == b':').filter(|part| part.starts_with(b"/")).collect();
    let settled = if absolute.is_empty() {
        default_path()
    } else {
        OsStr::from_bytes(&absolute.join(&b':')).to_owned()
    };
    environment.insert(PATH.into(), settled.clone());
    settled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use nix::unistd::{Gid, Uid};
    use supervise::Credentials;

    fn target(account: Option<Account>) -> Target {
        let credentials = Credentials::new(Uid::from_raw(7), Gid::from_raw(7), Vec::new()).expect("not root");
        Target { credentials, account }
    }

    fn ubuntu() -> Target {
        let [name, home, shell] = ["ubuntu", "/home/ubuntu", "/bin/bash"].map(str::to_owned);
        target(Some(Account { name, home, shell }))
    }

    fn built(callers: &[(&str, &str)], kept: &Kept, target: &Target) -> Environment {
        build(&Sources {
            callers: callers.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            kept,
            callers_homes: vec!["/root".into(), "/".into()],
            target,
            runtime_dir: None,
        })
    }

    fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
        environment.get(OsStr::new(name)).and_then(|value| value.to_str())
    }

    #[test]
    fn the_account_replaces_the_caller() {
        let callers =
            [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("SHELL", "/bin/zsh"), ("A", "b")];
        let environment = built(&callers, &Kept::All, &ubuntu());
        assert_eq!(value(&environment, "HOME"), Some("/home/ubuntu"));
        assert_eq!(value(&environment, "USER"), Some("ubuntu"));
        assert_eq!(value(&environment, "LOGNAME"), Some("ubuntu"));
        assert_eq!(value(&environment, "SHELL"), Some("/bin/bash"));
        assert_eq!(value(&environment, "A"), Some("b"));
    }

    #[test]
    fn without_an_account_nothing_of_the_callers_stays() {
        let callers = [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("SHELL", "/bin/zsh")];
        let environment = built(&callers, &Kept::All, &target(None));
        assert_eq!(environment, Environment::from([("HOME".into(), "/".into())]));
    }

    #[test]
    fn what_belongs_to_the_caller_is_removed() {
        let callers = [
            ("SUDO_USER", "x"),
            ("SUDO_COMMAND", "x"),
            ("MAIL", "x"),
            ("OLDPWD", "/x"),
            ("XDG_RUNTIME_DIR", "/run/user/0"),
            ("DBUS_SESSION_BUS_ADDRESS", "x"),
            ("XAUTHORITY", "x"),
            ("SUDOKU", "kept"),
        ];
        let environment = built(&callers, &Kept::All, &target(None));
        assert_eq!(environment.len(), 2, "{environment:?}");
        assert_eq!(value(&environment, "SUDOKU"), Some("kept"));
    }

    #[test]
    fn paths_into_the_callers_home_are_removed_and_others_kept() {
        for name in PATHS {
            let into_home = built(&[(name, "/root/x")], &Kept::All, &ubuntu());
            assert_eq!(value(&into_home, name), None, "{name}");
            for path in ["/tmp/x", "/rooted", "/home/ubuntu/x"] {
                let elsewhere = built(&[(name, path)], &Kept::All, &ubuntu());
                assert_eq!(value(&elsewhere, name), Some(path), "{name}");
            }
        }
    }

    #[test]
    fn only_what_is_named_is_kept() {
        let kept = Kept::Only(["A", "SUDO_USER"].into_iter().filter_map(Name::new).collect());
        let environment = built(&[("A", "1"), ("B", "2"), ("SUDO_USER", "x")], &kept, &target(None));
        assert_eq!(environment.keys().collect::<Vec<_>>(), ["A", "HOME"]);
    }

    #[test]
    fn of_two_variables_of_one_name_the_first_counts() {
        let environment = built(&[("A", "1"), ("A", "2")], &Kept::All, &target(None));
        assert_eq!(value(&environment, "A"), Some("1"));
    }

    #[test]
    fn path_has_absolute_elements_only() {
        for (path, settled) in [("/a::/b:.:c:./d", "/a:/b"), ("", "/bin"), (".", "/bin"), ("/a", "/a")] {
            let mut environment = Environment::from([(PATH.into(), path.into())]);
            assert_eq!(settle_path(&mut environment, || "/bin".into()), settled);
            assert_eq!(value(&environment, PATH), Some(settled));
        }
        let mut unset = Environment::new();
        assert_eq!(settle_path(&mut unset, || "/bin".into()), "/bin");
    }

    #[test]
    fn later_assignments_win_and_the_allow_list_holds() {
        let text = b"A=1\nB=2\nA=3\n";
        let mut environment = Environment::new();
        overlay(&mut environment, env_file::parse(text).expect("valid"), None);
        assert_eq!(value(&environment, "A"), Some("3"));
        let allowed: Vec<Name> = Name::new("B").into_iter().collect();
        let mut filtered = Environment::new();
        overlay(&mut filtered, env_file::parse(text).expect("valid"), Some(&allowed));
        assert_eq!(filtered.len(), 1);
    }
}
