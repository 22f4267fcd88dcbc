//! What is in folders of a host, so that a test can tell what was left or changed.

use std::collections::BTreeSet;

use crate::host::Host;

/// For sh: path, kind, mode and owner of all that is in the folders $1, and what the files hold; not what
/// is at the paths $2. The words of each stand apart by spaces.
const LOOK: &str = r#"
pruned=''
for path in $2; do pruned="$pruned -path $path -o"; done
find $1 -xdev \( $pruned -false \) -prune -o \
  \( -printf '%p %y %m %U %l\n' -type f -exec sha256sum {} + \) | sort
"#;

/// Taken once.
#[derive(Debug)]
pub struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Of these folders but for these paths; no path has a space in it.
    ///
    /// # Panics
    /// When they cannot be read.
    #[must_use]
    pub fn of(host: &Host, folders: &[&str], but: &[&str]) -> Self {
        let look = host.run(&["sh", "-c", LOOK, "sh", &folders.join(" "), &but.join(" ")]).success();
        let said = String::from_utf8_lossy(&look.get_output().stdout).into_owned();
        Self(said.lines().map(str::to_owned).collect())
    }

    /// Without the lines in which this stands.
    #[must_use]
    pub fn without(mut self, text: &str) -> Self {
        self.0.retain(|line| !line.contains(text));
        self
    }

    /// Asserts that nothing came, went or changed.
    ///
    /// # Panics
    /// When something did.
    #[track_caller]
    pub fn assert_same(&self, later: &Self) {
        let differences: Vec<&String> = self.0.symmetric_difference(&later.0).collect();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}
