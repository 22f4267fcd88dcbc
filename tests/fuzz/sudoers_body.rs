//! What the fuzz target of sudoers-install's reader does with its input.

use std::path::Path;

use sudoers_install::effective::{Asked, last_match_on};
use sudoers_install::lint::lint;
use sudoers_install::sudoers::Sudoers;

/// A sudoers file.
pub fn sudoers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = Sudoers::parse(&text, Path::new("fuzz"));
    let lines = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1);
    for (place, why) in &read.faults {
        assert!((1..=lines).contains(&place.line), "{place:?}");
        assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}");
    }
    assert!(read.entries.iter().all(|entry| (1..=lines).contains(&entry.place.line)));
    let groups = [(1000, "alice".to_owned()), (27, "sudo".to_owned())];
    for (program, arguments) in [("/usr/bin/id", vec![]), ("/bin/ls", vec!["-l".to_owned()])] {
        let asked = Asked { user: "alice", uid: 1000, groups: &groups, program, arguments: &arguments };
        if let Some(found) = last_match_on(&read, &asked, "web1") {
            assert!((1..=lines).contains(&found.place.line), "{found:?}");
            // Whoever is root already is asked for nothing.
            let root = last_match_on(&read, &Asked { user: "root", uid: 0, ..asked }, "web1");
            assert!(root.is_none_or(|found| !found.password));
        }
    }
    for finding in lint(&read) {
        assert!((1..=lines).contains(&finding.place.line), "{finding:?}");
        let said = [finding.why, finding.instead];
        assert!(said.iter().all(|said| !said.is_empty() && !said.contains(char::is_control)), "{said:?}");
    }
}
