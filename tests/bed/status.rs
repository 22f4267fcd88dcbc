//! /proc/PID/status (proc_pid_status(5)).

use std::fs;

/// What the kernel says of a process.
#[derive(Debug)]
pub struct Status(String);

impl Status {
    /// Of a running process.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of(pid: i32) -> Self {
        Self(fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there"))
    }

    /// From what `cat /proc/self/status` printed.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        Self(String::from_utf8_lossy(text).into_owned())
    }

    /// Whether nothing was printed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One field as it is printed.
    ///
    /// # Panics
    /// When the kernel has none of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        let mut fields = self.0.lines().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(field, _)| *field == name);
        found.map(|(_, value)| value.trim()).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// One field as decimal numbers.
    #[must_use]
    pub fn numbers(&self, name: &str) -> Vec<u32> {
        self.field(name).split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// One field as a mask of bits.
    ///
    /// # Panics
    /// When it is not hexadecimal.
    #[must_use]
    pub fn mask(&self, name: &str) -> u64 {
        u64::from_str_radix(self.field(name), 16).expect("a hexadecimal mask")
    }

    /// Whether the signal of that number is in a mask such as SigIgn.
    #[must_use]
    pub fn has_signal(&self, name: &str, signal: i32) -> bool {
        self.mask(name) & (1 << (signal - 1)) != 0
    }

    /// `UID:GID:GROUPS`, after checking that real, effective, saved and file system ids agree.
    ///
    /// # Panics
    /// When they do not.
    #[must_use]
    pub fn ids(&self) -> String {
        let one = |name| {
            let all = self.numbers(name);
            assert!(all.len() == 4 && all.iter().all(|id| *id == all[0]), "{name} differ: {all:?}");
            all[0]
        };
        let groups: Vec<String> = self.numbers("Groups").iter().map(u32::to_string).collect();
        format!("{}:{}:{}", one("Uid"), one("Gid"), groups.join(","))
    }
}
