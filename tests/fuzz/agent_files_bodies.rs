//! What the fuzz targets of ssh-agent-fwd do with its files: the manifest and the keys in it, the policy, a capture.

use diagnostics::one_line;
use ssh_agent_fwd::check::{Binds, Capture, MAX_REQUESTS};
use ssh_agent_fwd::manifest::{KeySource, Manifest};
use ssh_agent_fwd::material::Material;
use ssh_agent_fwd::policy::{Client, Limits, Names, Policy, Rate, parse, render};

/// How much of a text is looked for in an error: short words stand in both by chance.
const TELLING: usize = 24;

/// Nobody has a name.
struct Nobody;

impl Names for Nobody {
    fn uid(&self, _: &str) -> Result<Option<u32>, String> {
        Ok(None)
    }

    fn gid(&self, _: &str) -> Result<Option<u32>, String> {
        Ok(None)
    }
}

#[track_caller]
fn check_sentence(said: &str, input: &[u8]) {
    assert!(!said.is_empty() && one_line(said) == said, "{said:?}");
    let quoted = input.windows(TELLING).filter(|part| part.is_ascii()).find(|part| {
        let text = String::from_utf8_lossy(part);
        text.contains("KEY") && said.contains(&*text)
    });
    assert_eq!(quoted, None, "a part of the input is in the error");
}

/// A manifest: no error quotes a key, and what is accepted has one policy.
pub fn agent_manifest(data: &[u8]) {
    let manifest = match Manifest::parse(data) {
        Ok(manifest) => manifest,
        Err(failure) => return check_sentence(&failure.error, data),
    };
    let mut loaded = Vec::new();
    for entry in &manifest.entries {
        // The other sources are outside of the manifest.
        let KeySource::Pem(pem) = &entry.key else { continue };
        match Material::read(&entry.key) {
            Ok((material, file)) => {
                assert!(file.is_none() && material.secret() == pem.secret());
                loaded.extend(material.public().cloned().map(|key| (entry, key)));
            }
            Err(failure) => check_sentence(&failure.error, pem.secret()),
        }
    }
    let policy = manifest.policy(vec![Client::Uid(1000)], loaded);
    let written = render(&policy);
    // A certificate is judged by its plain key, and what claims to be one and is none has no rule that can be read.
    if let Ok(read) = parse(written.as_bytes(), &Nobody) {
        assert_eq!(render(&read), written);
    }
}

/// A policy: what is read is written so that it is read again.
pub fn agent_policy(data: &[u8]) {
    match parse(data, &Nobody) {
        Ok(policy) => {
            let written = render(&policy);
            let again = parse(written.as_bytes(), &Nobody).expect("what was written");
            assert_eq!(render(&again), written);
        }
        Err(failure) => assert!(!failure.error.is_empty()),
    }
}

/// A capture: it is read to its end or to a sentence, within bounds.
pub fn agent_capture(data: &[u8]) {
    let policy =
        Policy { clients: Vec::new(), keys: Vec::new(), rate: Rate::default(), limits: Limits::default() };
    for binds in [Binds::Verified, Binds::Unverified] {
        let capture = Capture::read(data, &policy, binds);
        assert!(capture.requests.len() <= MAX_REQUESTS && capture.requests.len() <= capture.messages);
        assert_eq!(capture.allowed(), 0, "no rule allows anything");
        if let Some(failure) = capture.end {
            assert_eq!(one_line(&failure.error), failure.error);
        }
    }
}
