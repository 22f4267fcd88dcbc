//! `--explain`: what would be done and what the user can still reach, printed instead of done.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::Format;
use crate::run::{OWN_FAILURE, Plan, RunError, Step, take_ids};
use crate::{env_files, environment, privileges};
use diagnostics::one_line;

/// One group, with why it matters.
#[derive(Debug, Serialize)]
struct Group {
    gid: u32,
    name: Option<String>,
    root_equivalent: Option<&'static str>,
}

/// The object that `--explain --json` prints.
#[derive(Debug, Serialize)]
struct Explanation {
    user: String,
    uid: u32,
    gid: u32,
    groups: Vec<Group>,
    home: String,
    already_the_user: bool,
    no_new_privs: bool,
    capabilities: Capabilities,
    /// None when sudo is not there or does not answer.
    sudo_nopasswd: Option<Vec<String>>,
    environment: Vec<String>,
    env_file_errors: Vec<String>,
    exec: Option<PathBuf>,
    exec_error: Option<String>,
}

/// The sets of proc_pid_status(5), as the command would start with them.
#[derive(Debug, Serialize)]
struct Capabilities {
    inheritable: String,
    permitted: String,
    effective: String,
    bounding: String,
    ambient: String,
}

/// Drops as the command would, looks at everything with the user's eyes, and prints it.
///
/// # Errors
/// When the ids cannot be dropped or nothing can be printed.
pub fn explain(plan: Plan<'_>, format: Format) -> Result<u8, RunError> {
    let rules = privileges::nopasswd_rules(&plan.target.display_name(), plan.step == Step::Drop);
    let groups = plan.target.credentials.groups().iter().map(|gid| group(&plan, gid.as_raw())).collect();
    take_ids(&plan)?;
    let mut variables = plan.environment;
    let mut errors = Vec::new();
    for file in &plan.options.env_files {
        match env_files::load(file) {
            Ok(read) => environment::overlay(&mut variables, read, plan.options.env_allow.as_deref()),
            Err(error) => errors.extend(error.faults()),
        }
    }
    let path = environment::settle_path(&mut variables, supervise::default_path);
    let located = plan.options.command.first().map(|program| supervise::locate(program, &path));
    let missing = located.as_ref().and_then(|located| located.as_ref().err());
    let status =
        if errors.is_empty() { missing.map_or(0, supervise::ExecFailure::status) } else { OWN_FAILURE };
    let explanation = Explanation {
        user: plan.target.display_name(),
        uid: plan.target.credentials.uid().as_raw(),
        gid: plan.target.credentials.gid().as_raw(),
        groups,
        home: plan.target.home().to_owned(),
        already_the_user: plan.step == Step::Nothing,
        // The caller may have set it before us.
        no_new_privs: nix::sys::prctl::get_no_new_privs()
            .map_err(|errno| RunError::Call("prctl(PR_GET_NO_NEW_PRIVS)", errno.into()))?,
        capabilities: Capabilities::held()
            .map_err(|error| RunError::Call("reading /proc/self/status", error))?,
        sudo_nopasswd: rules,
        environment: variables.keys().map(|name| name.to_string_lossy().into_owned()).collect(),
        env_file_errors: errors,
        exec_error: missing.map(ToString::to_string),
        exec: located.and_then(Result::ok),
    };
    print(&explanation, format).map_err(|error| RunError::Call("writing to stdout", error))?;
    Ok(status)
}

fn group(plan: &Plan<'_>, gid: u32) -> Group {
    let name = plan.database.local_group_name(gid);
    let root_equivalent = name.as_deref().and_then(privileges::root_equivalent);
    Group { gid, name, root_equivalent }
}

impl Capabilities {
    fn held() -> std::io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let set = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            value.trim().to_owned()
        };
        Ok(Self {
            inheritable: set("CapInh:"),
            permitted: set("CapPrm:"),
            effective: set("CapEff:"),
            bounding: set("CapBnd:"),
            ambient: set("CapAmb:"),
        })
    }
}

fn print(explanation: &Explanation, format: Format) -> std::io::Result<()> {
    let text = match format {
        Format::Json => serde_json::to_string(explanation)? + "\n",
        Format::Text => explanation.text(),
    };
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

impl Explanation {
    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "{key:<16}{}", one_line(value));
        };
        line("user", &format!("{} (uid {}, gid {})", self.user, self.uid, self.gid));
        for group in &self.groups {
            let name = group.name.as_deref().unwrap_or("no name in /etc/group");
            let warning =
                group.root_equivalent.map(|why| format!(" - as good as root: {why}")).unwrap_or_default();
            line("group", &format!("{} ({name}){warning}", group.gid));
        }
        line("home", &self.home);
        line("drops", if self.already_the_user { "nothing: already the user" } else { "root" });
        line(
            "no_new_privs",
            if self.no_new_privs { "set" } else { "not set: setuid programs and sudo work" },
        );
        let sets = &self.capabilities;
        line("capabilities", &format!("effective {}, permitted {}", sets.effective, sets.permitted));
        line(
            "",
            &format!(
                "inheritable {}, ambient {}, bounding {}",
                sets.inheritable, sets.ambient, sets.bounding
            ),
        );
        match &self.sudo_nopasswd {
            None => line("sudo", "not there, or gave no answer"),
            Some(rules) if rules.is_empty() => line("sudo", "no rule without a password"),
            Some(rules) => rules.iter().for_each(|rule| line("sudo", &self.judged(rule))),
        }
        line("environment", &self.environment.join(" "));
        self.env_file_errors.iter().for_each(|error| line("env file", error));
        match (&self.exec, &self.exec_error) {
            (Some(file), _) => line("exec", &file.to_string_lossy()),
            (None, Some(error)) => line("exec", error),
            (None, None) => {}
        }
        text
    }

    fn judged(&self, rule: &str) -> String {
        if self.no_new_privs { format!("{rule} - refused by no_new_privs") } else { rule.to_owned() }
    }
}
