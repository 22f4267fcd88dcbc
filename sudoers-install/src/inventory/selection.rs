//! `--limit` and `--skip`: which hosts of an inventory are meant.

use super::groups::ALL;
use super::{InventoryError, quoted};
use crate::host::Host;

/// Most patterns of one `--limit`.
const MAX_PATTERNS: usize = 256;

/// Those of `hosts` that `limit` names and `skip` does not, in the same order.
///
/// `limit` is a list with commas of aliases and groups; `*` and `?` stand for any characters and for one,
/// and `!` before a pattern takes its hosts away again. Without a pattern that adds hosts, all are meant.
///
/// # Errors
/// When a name in `limit` or `skip` is none of the inventory's, or no host is left.
pub fn select(hosts: Vec<Host>, limit: Option<&str>, skip: &[String]) -> Result<Vec<Host>, InventoryError> {
    for name in skip {
        if !hosts.iter().any(|host| host.alias.as_str() == name) {
            let what = format!("--skip {}: the inventory has no host of this name", quoted(name));
            return Err(InventoryError::new(what));
        }
    }
    let limit = limit.map(|limit| Limit::parse(limit, &hosts)).transpose()?;
    let meant = |host: &Host| {
        limit.as_ref().is_none_or(|limit| limit.means(host))
            && !skip.iter().any(|name| name == host.alias.as_str())
    };
    let left: Vec<_> = hosts.into_iter().filter(meant).collect();
    if left.is_empty() {
        return Err(InventoryError::new("no host of the inventory is left by --limit and --skip"));
    }
    Ok(left)
}

struct Limit<'a> {
    with: Vec<&'a str>,
    without: Vec<&'a str>,
}

impl<'a> Limit<'a> {
    fn parse(text: &'a str, hosts: &[Host]) -> Result<Self, InventoryError> {
        let refuse = |what: String| Err(InventoryError::new(format!("--limit {}: {what}", quoted(text))));
        let mut limit = Self { with: Vec::new(), without: Vec::new() };
        for pattern in text.split(',').map(str::trim) {
            let (list, pattern) = match pattern.strip_prefix('!') {
                Some(pattern) => (&mut limit.without, pattern),
                None => (&mut limit.with, pattern),
            };
            if pattern.is_empty() {
                return refuse("a pattern is missing".to_owned());
            }
            let literal = !pattern.contains(['*', '?']);
            if literal && !hosts.iter().any(|host| matches(pattern, host)) {
                return refuse(format!("the inventory has no host or group {}", quoted(pattern)));
            }
            list.push(pattern);
        }
        if limit.with.len() + limit.without.len() > MAX_PATTERNS {
            return refuse(format!("more than {MAX_PATTERNS} patterns"));
        }
        Ok(limit)
    }

    fn means(&self, host: &Host) -> bool {
        let any = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, host));
        (self.with.is_empty() || any(&self.with)) && !any(&self.without)
    }
}

fn matches(pattern: &str, host: &Host) -> bool {
    let names = host.groups.iter().map(String::as_str);
    names.chain([host.alias.as_str(), ALL]).any(|name| glob(pattern, name))
}

/// glob(7) without brackets, which no name holds; steps back to the last `*` only, so its time is bounded
/// by the product of the lengths.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    let mut star = None;
    while from < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                from = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    const INVENTORY: &str = "
all:
  hosts: {bastion: }
  children:
    web:
      children:
        front: {hosts: {web1: , web2: }}
        back: {hosts: {app1: }}
    db: {hosts: {db1: , web2: }}
";

    fn left(limit: Option<&str>, skip: &[&str]) -> Result<String, String> {
        let hosts = super::super::parse(INVENTORY, "i", Some(Path::new("/h"))).expect("read");
        let skip: Vec<_> = skip.iter().map(|&name| name.to_owned()).collect();
        let hosts = select(hosts, limit, &skip).map_err(|error| error.to_string())?;
        let names: Vec<_> = hosts.iter().map(|host| host.alias.as_str()).collect();
        Ok(names.join(" "))
    }

    #[test]
    fn patterns_are_over_aliases_and_groups() {
        for (limit, skip, expected) in [
            (None, &[][..], "bastion web1 web2 app1 db1"),
            (Some("all"), &[], "bastion web1 web2 app1 db1"),
            (Some("*"), &["web1"], "bastion web2 app1 db1"),
            (Some("web"), &[], "web1 web2 app1"),
            (Some("web?"), &[], "web1 web2"),
            (Some("front"), &["web1", "db1"], "web2"),
            (Some("db1, app1"), &[], "app1 db1"),
            (Some("web,!db"), &[], "web1 app1"),
            (Some("!web*"), &[], "bastion db1"),
            (Some("*1,!d*"), &[], "web1 app1"),
            (Some("nothing*,web1"), &[], "web1"),
        ] {
            assert_eq!(left(limit, skip).as_deref(), Ok(expected), "{limit:?} {skip:?}");
        }
    }

    #[test]
    fn unknown_names_and_an_empty_rest_are_refused() {
        for (limit, skip, what) in [
            (Some("wbe1"), &[][..], "--limit 'wbe1': the inventory has no host or group 'wbe1'"),
            (Some("web1,!wbe2"), &[], "no host or group 'wbe2'"),
            (Some("WEB1"), &[], "no host or group 'WEB1'"),
            (Some(""), &[], "a pattern is missing"),
            (Some("web1,"), &[], "a pattern is missing"),
            (Some("!"), &[], "a pattern is missing"),
            (Some("web[12]"), &[], "no host or group"),
            (None, &["web"], "--skip 'web': the inventory has no host of this name"),
            (None, &["web*"], "no host of this name"),
            (Some("zzz*"), &[], "no host of the inventory is left"),
            (Some("web1"), &["web1"], "no host of the inventory is left"),
        ] {
            let complaint = left(limit, skip).expect_err(what);
            assert!(complaint.contains(what), "{limit:?} {skip:?}: {complaint}");
        }
        assert!(left(Some(&["all"; 300].join(",")), &[]).expect_err("long").contains("more than 256"));
    }

    /// As the definition says it, at any cost.
    fn slow(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|taken| slow(rest, &name[taken..])),
            Some(('?', rest)) => !name.is_empty() && slow(rest, &name[1..]),
            Some((c, rest)) => name.first() == Some(c) && slow(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn globs_are_as_defined(pattern in "[ab*?]{0,8}", name in "[abé]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(glob(&pattern, &name), slow(&chars(&pattern), &chars(&name)));
        }
    }
}
