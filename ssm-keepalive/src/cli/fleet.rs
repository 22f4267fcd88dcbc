//! The words of what is done to a fleet.

use clap::Args;

use crate::drop_in::DEFAULT;
use crate::fleet::instance::InstanceId;
use crate::fleet::node::Chosen;
use crate::fleet::send::{MaxConcurrency, MaxErrors};
use crate::fleet::target::Target;
use crate::span::Span;
use crate::unit::Unit;

/// Which instances, and through which account.
#[derive(Debug, Args)]
pub struct FleetCall {
    #[command(flatten)]
    instances: Instances,
    /// The profile of the aws CLI
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The region [default: that of the profile]
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The unit [default: whichever agent's is there]
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<Unit>,
    /// Seconds the script may run there
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u32).range(5..=28_800))]
    pub document_timeout: u32,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// One way to name instances, and only one.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Instances {
    /// These instances
    #[arg(long, value_name = "ID", num_args = 1..)]
    instance_ids: Vec<InstanceId>,
    /// By tag, like Key=tag:role,Values=web,db
    #[arg(long, value_name = "KEY", num_args = 1..)]
    targets: Vec<Target>,
    /// All that Systems Manager has online
    #[arg(long)]
    all_online: bool,
}

impl FleetCall {
    /// The instances that are asked for.
    #[must_use]
    pub fn chosen(&self) -> Chosen {
        let Instances { instance_ids, targets, all_online } = &self.instances;
        match (all_online, targets.is_empty()) {
            (true, _) => Chosen::AllOnline,
            (false, false) => Chosen::Targets(targets.clone()),
            (false, true) => {
                let mut ids = instance_ids.clone();
                ids.sort();
                ids.dedup();
                Chosen::Ids(ids)
            }
        }
    }
}

/// `deploy`.
#[derive(Debug, Args)]
pub struct DeployCall {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show it as the help")]
    pub fleet: FleetCall,
    /// The wait before a start
    #[arg(long, value_name = "SPAN", default_value_t = DEFAULT)]
    pub restart_sec: Span,
    /// On how many instances at a time [default: all]
    #[arg(long, value_name = "N|N%")]
    pub max_concurrency: Option<MaxConcurrency>,
    /// How many may fail before no other is begun with
    #[arg(long, value_name = "N|N%")]
    pub max_errors: Option<MaxErrors>,
    /// Remove what was installed
    #[arg(long)]
    pub remove: bool,
    /// Show which instances, and change none
    #[arg(long)]
    pub dry_run: bool,
}
