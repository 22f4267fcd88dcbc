//! Files and folders that others than root can change.

use std::path::Path;

use trusted_path::PathError;

use super::Finding;
use crate::sudoers::{Include, Place};

/// The sentence about the first part of the path that others than root can change; `None` when there is
/// none, or when it cannot be examined from here.
pub(super) fn untrusted(path: &Path) -> Option<String> {
    match trusted_path::verify(path) {
        Err(PathError::Untrusted(part, why)) => {
            Some(format!("{} {why}", part.display().to_string().escape_debug()))
        }
        _ => None,
    }
}

/// What is included from where others can put another file: sudo(8) looks at the owner of the file or
/// folder only.
pub(super) fn include(place: &Place, include: &Include) -> Vec<Finding> {
    let path = Path::new(&include.path);
    let finding = |why| Finding {
        place: place.clone(),
        code: "writable-include",
        why: format!("whoever can change what is included here is root: {why}"),
        instead: "include only files of root's, in folders that only root can write".to_owned(),
    };
    let absolute = path.is_absolute().then_some(path);
    absolute.and_then(untrusted).map(finding).into_iter().collect()
}
