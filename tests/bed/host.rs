//! A test host: real systemd as PID 1 of its own namespaces, and a control group tree and an address
//! of its own.
//!
//! Its root file system is an overlay in memory over an image that all hosts share. Nothing of it
//! shows on the machine but its processes and a control group, and both end with its [`Network`].

mod image;
mod inside;
mod network;
mod troubles;

use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use assert_cmd::assert::OutputAssertExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::capture::{capture, spawn};
use crate::running::eventually;

pub use image::Image;
pub use network::Network;
pub(crate) use network::machine;
use network::{announced, script};

/// A running host. It is gone, with all that ran on it, when this is dropped.
pub struct Host {
    network: Network,
    name: String,
    number: u8,
    image: Image,
    booted: Child,
    leader: i32,
}

impl Host {
    /// Boots a host in a network of its own; `None`, and a word on stderr that says so, when this
    /// process may not.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn boot() -> Option<Self> {
        Network::new().map(|network| network.host("host"))
    }

    /// Starts to boot; [`Self::await_running`] awaits it.
    fn start(network: &Network, name: &str, number: u8, image: Image) -> Self {
        let (booted, leader) = start(network, name, number, image);
        Self { network: network.clone(), name: name.to_owned(), number, image, booted, leader }
    }

    fn await_running(&self) {
        // Its own sockets, once its own /run is there; they are bound a moment before it listens.
        let ready = format!("/proc/{}/root/run/systemd/private", self.leader);
        let answers = || self.output(&["systemctl", "show", "--property=Version"]).status.success();
        eventually(&format!("systemd of {} answers", self.name), || Path::new(&ready).exists() && answers());
        let state = self.output(&["systemctl", "is-system-running", "--wait"]);
        if !state.status.success() {
            let failed = self.stdout(&["systemctl", "list-units", "--failed", "--plain", "--no-legend"]);
            let state = String::from_utf8_lossy(&state.stdout);
            // On a busy machine a unit may fail at first, and be up at systemd's next attempt.
            assert!(failed.is_empty(), "{} booted to {state}: {failed}", self.name);
            eventually(&format!("{} has no failed unit, but was {state}", self.name), || {
                self.output(&["systemctl", "is-system-running"]).status.success()
            });
        }
    }

    /// Reboots it in the orderly way; what its file system holds stays, as does its address.
    ///
    /// # Panics
    /// When it does not come up again.
    pub fn reboot(&mut self) {
        // Its own end may come before that of the command.
        let _ = self.output(&["systemctl", "reboot"]);
        let booted = RefCell::new(&mut self.booted);
        let ended = || booted.borrow_mut().try_wait().expect("a child can be waited for").is_some();
        eventually(&format!("{} goes down", self.name), ended);
        (self.booted, self.leader) = start(&self.network, &self.name, self.number, self.image);
        self.await_running();
    }

    /// Its IPv4 address, which other hosts of its network and [`Network::command`] reach.
    #[must_use]
    pub fn address(&self) -> String {
        address(self.number)
    }

    /// Its name, which is no name that others could look up.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The network that it is in.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Its PID 1, as the machine numbers it; another one after a reboot.
    #[must_use]
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// Takes its network link down: packets to it vanish.
    pub fn cut(&self) {
        self.link("down");
    }

    /// Takes its network link up again.
    pub fn heal(&self) {
        self.link("up");
    }

    fn link(&self, state: &str) {
        capture(self.network.command(&["ip", "link", "set", &port(self.number), state])).assert().success();
    }

    /// The folder of its control group, as its keeper sees it.
    fn group(&self) -> String {
        format!("{}/{}", self.network.group(), self.name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let kill_all = self.network.inside(&format!("{}/cgroup.kill", self.group()));
        if fs::write(kill_all, "1").is_err() && matches!(self.booted.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(self.leader), Signal::SIGKILL);
        }
        // Its network's keeper removes the rest when it ends.
        let _ = self.booted.wait();
    }
}

fn address(number: u8) -> String {
    format!("10.77.0.{}", 10 + number)
}

/// Its end of the link, by a name that fits (IFNAMSIZ).
fn port(number: u8) -> String {
    format!("host{number}")
}

/// The process that ends when the host does, and the host's PID 1.
fn start(network: &Network, name: &str, number: u8, image: Image) -> (Child, i32) {
    let group = format!("{}/{name}", network.group());
    let mut command = network.enter_all();
    command.arg(script("boot")).arg(image::folder(image)).args([
        &group,
        name,
        &port(number),
        &address(number),
    ]);
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
    // Apart: unshare(1) complains when a host is killed.
    let mut booted = spawn(command.stderr(Stdio::piped()));
    let line = announced(&mut booted).unwrap_or_else(|| {
        let mut said = String::new();
        let _ = booted.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        panic!("{name} did not start to boot: {said}")
    });
    (booted, line.parse().expect("a pid"))
}
