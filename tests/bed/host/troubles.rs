//! What befalls a host of a cluster.

use std::fs;

use super::Host;

impl Host {
    /// Stops all that runs on it: connections are accepted by its kernel, and nothing answers.
    ///
    /// # Panics
    /// When that fails.
    pub fn freeze(&self) {
        self.set_frozen("1");
    }

    /// Lets it run again.
    ///
    /// # Panics
    /// When that fails.
    pub fn thaw(&self) {
        self.set_frozen("0");
    }

    /// cgroup.freeze of its control group (cgroups(7)).
    fn set_frozen(&self, state: &str) {
        let file = self.network.inside(&format!("{}/cgroup.freeze", self.group()));
        fs::write(file, state).expect("the kernel can freeze control groups");
    }

    /// Closes its ssh port: connections are refused at once.
    pub fn refuse(&self) {
        self.run(&["systemctl", "stop", "ssh.service", "ssh.socket"]);
        self.run(&["systemctl", "is-active", "ssh.service"]).failure();
    }

    /// Gives it other host keys than it had.
    pub fn change_host_keys(&self) {
        self.run(&["sh", "-c", "rm -f /etc/ssh/ssh_host_*"]).success();
        self.run(&["ssh-keygen", "-A"]).success();
        self.run(&["systemctl", "restart", "ssh"]).success();
    }

    /// The public host key that it shows, as a line of a known_hosts file.
    #[must_use]
    pub fn known_host(&self) -> String {
        let key = self.read("/etc/ssh/ssh_host_ed25519_key.pub");
        let words: Vec<&str> = key.split_whitespace().take(2).collect();
        format!("{} {}\n", self.address(), words.join(" "))
    }
}
