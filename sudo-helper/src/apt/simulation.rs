//! The output of `apt-get -s`, line by line (apt's algorithms.cc, pkgSimulate).

use crate::apt::plan::{BadPlan, Installation, MAX_SIMULATION, PackageId, Plan, Removal};
use crate::debian_version::DebianVersion;

/// Longest name of a package or architecture.
const MAX_NAME_LENGTH: usize = 128;

impl Plan {
    /// Reads the standard output of `apt-get -s`, whole. What its `Conf` lines announce beside that is
    /// for [`configured`](super::unfinished::configured); no other line announces anything.
    ///
    /// # Errors
    /// See [`BadPlan`]: no line that announces a change is passed over.
    pub fn parse(simulation: &str) -> Result<Self, BadPlan> {
        if simulation.len() > MAX_SIMULATION {
            return Err(BadPlan::Long);
        }
        let mut plan = Self::default();
        for line in simulation.lines() {
            let bad = || BadPlan::line(line);
            match line.split_once(' ').unwrap_or((line, "")) {
                ("Inst", rest) => plan.installs.push(installation(rest).ok_or_else(bad)?),
                ("Remv", rest) => plan.removes.push(removal(rest).ok_or_else(bad)?),
                ("Purg", rest) => plan.purges.push(removal(rest).ok_or_else(bad)?),
                _ => {}
            }
        }
        plan.installs.sort_by(|left, right| left.package.cmp(&right.package));
        plan.removes.sort_by(|left, right| left.package.cmp(&right.package));
        plan.purges.sort_by(|left, right| left.package.cmp(&right.package));
        Ok(plan)
    }
}

/// `NAME[:ARCH] [[OLD] ](NEW ORIGIN… [ARCH])…`: what follows the new version says where it comes from,
/// and what is broken meanwhile.
fn installation(text: &str) -> Option<Installation> {
    let (package, rest) = package(text)?;
    let (from, rest) = bracketed(rest)?;
    let (to, _) = rest.strip_prefix('(')?.split_once([' ', ')'])?;
    Some(Installation { package, from, to: DebianVersion::parse(to).ok()? })
}

/// `NAME[:ARCH] [[OLD] ]…`: what follows says what is broken meanwhile, `[]` when nothing else is.
fn removal(text: &str) -> Option<Removal> {
    let (package, rest) = package(text)?;
    if rest.is_empty() || rest.starts_with("[]") {
        return Some(Removal { package, version: None });
    }
    let (version, _) = bracketed(rest)?;
    Some(Removal { package, version: Some(version?) })
}

/// The name with which a text begins, without its architecture.
pub(super) fn named(text: &str) -> Option<String> {
    package(text).map(|(package, _)| package.name)
}

/// A name, and what follows it.
fn package(text: &str) -> Option<(PackageId, &str)> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (name, architecture) = match word.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (word, None),
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte);
    let is_name = |text: &str| {
        (1..=MAX_NAME_LENGTH).contains(&text.len())
            && text.bytes().all(plain)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
    };
    let known = is_name(name) && architecture.is_none_or(is_name);
    known.then(|| (PackageId { name: name.to_owned(), architecture: architecture.map(str::to_owned) }, rest))
}

/// A version in brackets, if there is one, and what follows it.
fn bracketed(text: &str) -> Option<(Option<DebianVersion>, &str)> {
    let Some(inside) = text.strip_prefix('[') else { return Some((None, text)) };
    let (version, rest) = inside.split_once(']')?;
    Some((Some(DebianVersion::parse(version).ok()?), rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines as apt 2.6.1 printed them, in its order.
    const OUTPUT: &str = "Reading package lists...\n\
        The following packages will be REMOVED:\n  perl\n\
        2 upgraded, 1 newly installed, 1 downgraded, 2 to remove and 0 not upgraded.\n\
        Remv perl [5.36.0-7+deb12u2] [mmdebstrap:amd64 ]\n\
        Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []\n\
        Inst foo:i386 (1:1.0-1 localhost [i386])\n\
        Inst curl [9:9.9-1] (7.88.1-10+deb12u15 Debian:12.15/oldstable [amd64])\n\
        Conf foo:i386 (1:1.0-1 localhost [i386])\n\
        Purg mawk [1.3.4.20200120-3.1] []\n\
        Purg cf\n\
        Purg cg []\n";

    fn parse(output: &str) -> Plan {
        Plan::parse(output).expect(output)
    }

    #[test]
    fn what_apt_prints() {
        let plan = parse(OUTPUT);
        let json = serde_json::to_value(&plan).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "installs": [
                    {"package": {"name": "curl"}, "from": "9:9.9-1", "to": "7.88.1-10+deb12u15"},
                    {"package": {"name": "foo", "architecture": "i386"}, "to": "1:1.0-1"},
                    {"package": {"name": "libgcrypt20"}, "from": "1.10.1-3", "to": "1.10.1-3+deb12u1"},
                ],
                "removes": [{"package": {"name": "perl"}, "version": "5.36.0-7+deb12u2"}],
                "purges": [
                    {"package": {"name": "cf"}},
                    {"package": {"name": "cg"}},
                    {"package": {"name": "mawk"}, "version": "1.3.4.20200120-3.1"},
                ],
            })
        );
    }

    #[test]
    fn the_order_of_lines_does_not_count() {
        let backwards: Vec<&str> = OUTPUT.lines().rev().collect();
        assert_eq!(parse(&backwards.join("\n")), parse(OUTPUT));
    }

    #[test]
    fn nothing_to_do() {
        let plan =
            parse("0 upgraded, 0 newly installed, 0 to remove and 131 not upgraded.\nConf x (1 l [all])\n");
        assert!(plan.is_empty());
    }

    #[test]
    fn a_change_that_is_not_understood_is_no_plan() {
        for line in [
            "Inst",
            "Inst ",
            "Inst curl",
            "Inst curl [1]",
            "Inst curl [1] (",
            "Inst curl [1 (2 x [amd64])",
            "Inst curl [a b] (2 x [amd64])",
            "Inst curl ($(id) x)",
            "Inst Curl (1 x)",
            "Inst -s (1 x)",
            "Inst curl: (1 x)",
            "Inst curl:i386:x (1 x)",
            "Inst  curl (1 x)",
            "Remv",
            "Remv curl 1",
            "Remv curl [perl:amd64 ]",
            "Purg /etc [1]",
        ] {
            let output = format!("Conf x\n{line}\nRemv git [1]\n");
            assert_eq!(Plan::parse(&output), Err(BadPlan::Line(line.to_owned())));
        }
        assert_eq!(Plan::parse(&"\n".repeat(MAX_SIMULATION + 1)), Err(BadPlan::Long));
    }

    #[test]
    fn a_bad_line_is_quoted_escaped() {
        let error = Plan::parse("Remv \u{1b}[2J\u{202e}").expect_err("bad").to_string();
        assert_eq!(error, "a line of apt-get -s is not understood: \"Remv \\u{1b}[2J\\u{202e}\"");
    }

    proptest! {
        #[test]
        fn any_output_is_judged(output in "((Inst|Remv|Purg|Conf) [a-z:()\\[\\]0-9 .]{0,30}\n|\\PC{0,20}\n){0,8}") {
            if let Ok(plan) = Plan::parse(&output) {
                let changes = |word| output.lines().filter(|line| line.starts_with(word)).count();
                prop_assert_eq!(plan.installs.len(), changes("Inst "));
                prop_assert_eq!(plan.removes.len(), changes("Remv "));
                prop_assert_eq!(plan.purges.len(), changes("Purg "));
            }
        }
    }
}
