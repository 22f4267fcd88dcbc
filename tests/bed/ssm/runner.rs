//! Running a script on a test host as AWS-RunShellScript does (the agent's runscript.go, executers.go).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::REGION;
use super::run::{Over, Ran, Run};
use super::stop::Stop;
use crate::agent::Agent;
use crate::capture::capture;

/// Between two looks whether the agent is there.
const LOOK: Duration = Duration::from_millis(200);

/// The status of a shell whose child was killed with SIGKILL.
const KILLED: i32 = 137;

/// Bytes of an output that are read: more than the agent passes on.
const OUTPUT: &str = "65536";

/// For sh, as a child of the agent, behind a line that sets $1 to $4: the folder, the instance, the
/// seconds, the region. Runs the script in a process group that its timeout kills, and ends with its status.
const RUN: &str = r#"cd "$1" || exit
export AWS_SSM_INSTANCE_ID="$2" AWS_SSM_REGION_NAME="$4"
timeout --signal=KILL "$3" sh -c "$PWD/_script.sh" >stdout 2>stderr </dev/null &
echo "$!" >group
wait "$!"
"#;

/// For sh: awaits the file $0.ended for a second and prints it.
const AWAIT: &str = r#"n=0
until test -s "$0.ended"; do n=$((n + 1)); test "$n" -lt 50 || exit 75; sleep 0.02; done
cat "$0.ended"
"#;

/// For sh: kills what runs in the folder $0.
const KILL: &str = r#"read -r group <"$0/group" && kill -KILL "-$group""#;

/// A script to run.
pub(super) struct Job {
    pub(super) agent: Arc<Agent>,
    pub(super) command: String,
    pub(super) instance: String,
    pub(super) script: String,
    /// How long the agent is kept waiting for it.
    pub(super) pending: Duration,
    pub(super) delivery_timeout: Duration,
    pub(super) execution_timeout: Duration,
}

impl Job {
    /// Runs it to its end, or to that of the endpoint.
    pub(super) fn run(&self, run: &Run, stop: &Stop) {
        if stop.within(self.pending) || !self.is_taken(run, stop) {
            return;
        }
        if run.progress().cancelled {
            return run.is_over(Over::Cancelled);
        }
        run.is_delivered();
        let start = Instant::now();
        self.start();
        let Some(code) = self.await_end(run, stop) else { return };
        let timed_out = code == KILLED && start.elapsed() >= self.execution_timeout;
        // What ended while no agent was there is told by the next one.
        while !self.agent.takes_commands() {
            if stop.within(LOOK) {
                return;
            }
        }
        let ran = Ran { code, stdout: self.output("stdout"), stderr: self.output("stderr") };
        run.is_over(match run.progress().cancelled {
            true if code == KILLED => Over::Cancelled,
            _ if timed_out => Over::TimedOut(ran),
            _ => Over::Ran(ran),
        });
    }

    /// Whether an agent comes for it.
    fn is_taken(&self, run: &Run, stop: &Stop) -> bool {
        let sent = Instant::now();
        while !self.agent.takes_commands() {
            if sent.elapsed() + self.pending >= self.delivery_timeout {
                run.is_over(Over::NotDelivered);
                return false;
            }
            if stop.within(LOOK) {
                return false;
            }
        }
        true
    }

    fn start(&self) {
        let folder = self.folder();
        self.agent.write(&format!("{folder}/_script.sh"), &self.script, 0o700, "root:root");
        let (instance, seconds) = (&self.instance, self.execution_timeout.as_secs());
        self.agent
            .send_command(&self.runner(), &format!("set -- {folder} {instance} {seconds} {REGION}\n{RUN}"));
    }

    /// Its exit status; `None` when the endpoint ends first.
    fn await_end(&self, run: &Run, stop: &Stop) -> Option<i32> {
        let runner = self.runner();
        loop {
            let ended = capture(self.agent.command(&["sh", "-c", AWAIT, &runner]));
            if ended.status.success() {
                return String::from_utf8_lossy(&ended.stdout).trim().parse().ok();
            }
            if run.progress().cancelled {
                let _ = capture(self.agent.command(&["sh", "-c", KILL, &self.folder()]));
            }
            if stop.is_now() {
                return None;
            }
        }
    }

    fn output(&self, name: &str) -> String {
        let path = format!("{}/{name}", self.folder());
        let read = capture(self.agent.command(&["head", "-c", OUTPUT, &path]));
        String::from_utf8_lossy(&read.stdout).into_owned()
    }

    /// Where the agent keeps what belongs to one plugin of one command.
    fn folder(&self) -> String {
        let (instance, command) = (&self.instance, &self.command);
        format!(
            "/var/lib/amazon/ssm/{instance}/document/orchestration/{command}/awsrunShellScript/0.awsrunShellScript"
        )
    }

    fn runner(&self) -> String {
        format!("{}/run", self.folder())
    }
}
