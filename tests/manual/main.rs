//! The examples of the manual pages are run as they stand there.

mod capture_run;
mod dropuid;
mod page;
mod ssh_agent_fwd;
mod ssm_keepalive;
mod sudo_helper;
mod sudoers_install;
