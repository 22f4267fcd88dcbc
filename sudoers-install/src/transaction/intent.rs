//! What was written, read back by others' eyes, against what was meant.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use supervise::bounded::{Run, run};

use super::folder::Present;
use crate::drop_in::{DropIn, Grant};
use crate::effective::{Asked, last_match};
use crate::sudoers::Sudoers;
use diagnostics::Failure;

/// The reader of sudo.ws, where it is installed; sudo-rs has none.
const CVTSUDOERS: &str = "/usr/bin/cvtsudoers";
/// How long it may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How many bytes it may write.
const MAX_OUTPUT: usize = 1 << 20;

/// Compares the file, as it is on disk, with what it is to mean.
pub(super) fn compare(path: &Path, present: &Present, drop_in: &DropIn) -> Result<(), Failure> {
    let differs = |who: &str| {
        let error =
            format!("{}: {who} reads another meaning than was meant; nothing is changed", path.display());
        Failure::new("read-back", error)
    };
    let Present::File { text, proper: true } = present else { return Err(differs("this program")) };
    if DropIn::parse(text).as_ref() != Some(drop_in) || !grants(text, path, drop_in) {
        return Err(differs("this program"));
    }
    if trusted_path::verify(Path::new(CVTSUDOERS)).is_err() {
        return Ok(());
    }
    let argv = [CVTSUDOERS.into(), "-f".into(), "json".into(), OsString::from(path)];
    let env = [("LC_ALL", "C")];
    let ran = run(&Run { argv: &argv, env: &env, stdin: b"", limit: LIMIT, output: MAX_OUTPUT });
    let ran = ran.map_err(|error| Failure::new("read-back", format!("{CVTSUDOERS}: {error}")))?;
    if ran.status != Some(0) {
        return Err(Failure::new("read-back", format!("cvtsudoers says: {}", ran.words())));
    }
    let said: Value = serde_json::from_slice(&ran.stdout).map_err(|_| differs("cvtsudoers"))?;
    if rules(&said) == Some(meant(drop_in)) { Ok(()) } else { Err(differs("cvtsudoers")) }
}

/// Whether this program's own reader finds what was meant, in the text alone.
fn grants(text: &str, path: &Path, drop_in: &DropIn) -> bool {
    let sudoers = Sudoers::parse(text, path);
    let asked = |program: &str, arguments: &[String]| {
        let asked = Asked { user: &drop_in.user, uid: drop_in.uid, groups: &[], program, arguments };
        last_match(&sudoers, &asked).is_some_and(|found| found.allowed && !found.password && found.runas_root)
    };
    sudoers.faults.is_empty()
        && match &drop_in.grant {
            Grant::Helper(path) => asked(&path.to_string_lossy(), &[]),
            Grant::Commands(commands) => {
                commands.iter().all(|command| asked(&command.program, &command.arguments))
            }
        }
}

/// The commands that the one user may run as root without a password, as they stand in the rules, without
/// escapes: cvtsudoers keeps some and takes others away.
fn meant(drop_in: &DropIn) -> (String, Vec<String>) {
    let command = |line: &String| line.split_once("NOPASSWD: ").map(|(_, command)| command.replace('\\', ""));
    (drop_in.token.clone(), drop_in.rule_lines().iter().filter_map(command).collect())
}

/// The same from cvtsudoers' answer; `None` when it says anything else besides.
fn rules(said: &Value) -> Option<(String, Vec<String>)> {
    let top = said.as_object()?;
    let specs = top.get("User_Specs")?.as_array()?;
    let mut user = None;
    let mut commands = Vec::new();
    for spec in specs {
        let who = match the_one(spec.get("User_List")?)? {
            ("username", Value::String(name)) => name.clone(),
            ("userid", uid) => format!("#{uid}"),
            _ => return None,
        };
        let everywhere = the_one(spec.get("Host_List")?)? == ("hostname", &Value::from("ALL"));
        if user.get_or_insert_with(|| who.clone()) != &who || !everywhere {
            return None;
        }
        for grant in spec.get("Cmnd_Specs")?.as_array()? {
            commands.extend(as_root_without_password(grant)?);
        }
    }
    (top.len() == 1).then_some((user?, commands))
}

fn as_root_without_password(grant: &Value) -> Option<Vec<String>> {
    let runas = the_one(grant.get("runasusers")?)? == ("username", &Value::from("root"));
    let options = the_one(grant.get("Options")?)? == ("authenticate", &Value::from(false));
    let command = |entry: &Value| {
        let entry = entry.as_object().filter(|entry| entry.len() == 1)?;
        Some(entry.get("command")?.as_str()?.replace('\\', ""))
    };
    let commands = grant.get("Commands")?.as_array()?.iter().map(command).collect();
    if runas && options && grant.as_object()?.len() == 3 { commands } else { None }
}

/// The one member of the one object of a list.
fn the_one(list: &Value) -> Option<(&str, &Value)> {
    let [Value::Object(object)] = list.as_array()?.as_slice() else { return None };
    let (name, value) = object.iter().next()?;
    (object.len() == 1).then_some((name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(user: Value, change: impl FnOnce(&mut Value)) -> Option<(String, Vec<String>)> {
        let mut said = json!({"User_Specs": [{
            "User_List": [user],
            "Host_List": [{"hostname": "ALL"}],
            "Cmnd_Specs": [{
                "runasusers": [{"username": "root"}],
                "Options": [{"authenticate": false}],
                "Commands": [{"command": "/usr/bin/a\\,b update"}],
            }],
        }]});
        change(&mut said);
        rules(&said)
    }

    #[test]
    fn exactly_the_rule_that_was_meant_is_accepted() {
        let commands = vec!["/usr/bin/a,b update".to_owned()];
        assert_eq!(said(json!({"username": "ai"}), |_| {}), Some(("ai".into(), commands.clone())));
        assert_eq!(said(json!({"userid": 1001}), |_| {}), Some(("#1001".into(), commands)));
        assert_eq!(said(json!({"usergroup": "ai"}), |_| {}), None);
        assert_eq!(said(json!({"username": "ai", "negated": true}), |_| {}), None);
        for (pointer, value) in [
            ("/User_Specs/0/Host_List/0/hostname", json!("web1")),
            ("/User_Specs/0/Cmnd_Specs/0/runasusers/0", json!({"username": "ALL"})),
            ("/User_Specs/0/Cmnd_Specs/0/Options/0", json!({"authenticate": true})),
            ("/User_Specs/0/Cmnd_Specs/0/Options", json!([{"authenticate": false}, {"setenv": true}])),
            ("/User_Specs/0/Cmnd_Specs/0/Commands/0", json!({"command": "/bin/a", "negated": true})),
        ] {
            let changed = said(json!({"username": "ai"}), |said| {
                *said.pointer_mut(pointer).expect(pointer) = value.clone();
            });
            assert_eq!(changed, None, "{pointer} {value}");
        }
        assert_eq!(said(json!({"username": "ai"}), |said| said["Defaults"] = json!([])), None);
    }
}
