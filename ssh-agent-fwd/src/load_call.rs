//! `load`: keys of a manifest into an agent that runs, after `drop`. The policy stays as it is.

use diagnostics::{Failure, complain};
use serde_json::{Value, json};

use crate::cli::LoadCall;
use crate::condition::current;
use crate::erase::KeyFile;
use crate::exit::Exit;
use crate::harden::harden;
use crate::instance::{Generation, Turn};
use crate::interrupts::Interrupts;
use crate::key::KeyBlob;
use crate::load;
use crate::manifest::{Entry, Manifest};
use crate::material::Material;
use crate::name::Name;
use crate::policy::{self, Policy};
use crate::report::{NAME, Report};
use crate::up::{of_entry, require_root, source};

/// The operation's name in JSON.
const OP: &str = "load";

/// What became of the keys, by the names of their hosts.
#[derive(Debug, Default)]
struct Loaded {
    keys: Vec<Value>,
    unnamed: Vec<String>,
    files: Vec<KeyFile>,
}

/// Loads those that the instance's policy names.
#[must_use]
pub fn run(call: &LoadCall) -> Exit {
    let report = Report::new(call.json);
    let failed = |failure: &Failure, more: Value| report.failure(OP, failure, more, &"");
    let manifest = match require_root().and_then(|()| read_manifest(call)) {
        Ok(manifest) => manifest,
        Err(failure) => return failed(&failure, Value::Null),
    };
    let name = call.name.as_ref().unwrap_or(&manifest.name);
    let loaded = match load_into(name, &manifest) {
        Ok(loaded) => loaded,
        Err(failure) => return failed(&failure, json!({"name": name.as_str()})),
    };
    let object = json!({"name": name.as_str(), "keys": loaded.keys, "not_in_policy": loaded.unnamed});
    let erased = erase(loaded.files);
    if let Some(failure) = unnamed(name, &loaded.unnamed).or(erased) {
        return failed(&failure, object);
    }
    report.success(OP, object, &format!("keys loaded into the instance {name}: {}", loaded.keys.len()))
}

fn read_manifest(call: &LoadCall) -> Result<Manifest, Failure> {
    // It will hold keys.
    harden().map_err(|error| Failure::new("start-failed", error))?;
    source::read(&call.manifest)
}

fn load_into(name: &Name, manifest: &Manifest) -> Result<Loaded, Failure> {
    // First without the lock, which would make a folder where there is no instance.
    current(name)?;
    let materials: Vec<(&Entry, Material, Option<KeyFile>)> =
        manifest.entries.iter().map(read).collect::<Result<_, _>>()?;
    let turn = Turn::take(name)?;
    // A key is loaded or is not; nobody stops it half-way.
    let _held = Interrupts::take()?;
    match current(name) {
        Ok(generation) => load_each(&generation, materials),
        Err(gone) => {
            turn.remove()?;
            Err(gone)
        }
    }
}

fn read(entry: &Entry) -> Result<(&Entry, Material, Option<KeyFile>), Failure> {
    let (material, file) = Material::read(&entry.key).map_err(|failure| of_entry(&entry.host, &failure))?;
    Ok((entry, material, file.filter(|_| entry.erase)))
}

fn load_each(
    generation: &Generation,
    materials: Vec<(&Entry, Material, Option<KeyFile>)>,
) -> Result<Loaded, Failure> {
    let policy = policy::load(&generation.policy())?;
    let mut loaded = Loaded::default();
    for (entry, material, file) in materials {
        // Of a PEM key ssh-add alone knows which one it is: one that no rule names is in the agent, and no use to anybody.
        let is_unnamed = |key: &KeyBlob| !is_named(&policy, key);
        if material.public().is_some_and(is_unnamed) {
            loaded.unnamed.push(entry.host.to_string());
            continue;
        }
        let key = load::load(&generation.agent_socket(), &material)
            .map_err(|failure| of_entry(&entry.host, &failure))?;
        if is_unnamed(&key) {
            loaded.unnamed.push(entry.host.to_string());
        } else {
            let fingerprint = key.fingerprint().to_string();
            loaded.keys.push(json!({"fingerprint": fingerprint, "host": entry.host.as_str()}));
            loaded.files.extend(file);
        }
    }
    Ok(loaded)
}

fn is_named(policy: &Policy, key: &KeyBlob) -> bool {
    policy.keys.iter().any(|rule| rule.key == key.plain())
}

/// Those keys are not in the policy.
fn unnamed(name: &Name, hosts: &[String]) -> Option<Failure> {
    let error = || {
        format!(
            "the policy of the instance {name} does not name the keys of {}, and nobody could use them: ssh-agent-fwd up \
             with this manifest makes a new policy",
            hosts.join(", ")
        )
    };
    (!hosts.is_empty()).then(|| Failure::new("not-in-policy", error()))
}

/// Erases the files of the entries that say so; what could not be erased last.
fn erase(files: Vec<KeyFile>) -> Option<Failure> {
    let mut failure = None;
    for file in files {
        match file.erase() {
            Ok(warnings) => {
                warnings.iter().for_each(|warning| complain(NAME, &format!("warning: {warning}")));
            }
            Err(error) => failure = Some(error),
        }
    }
    failure
}
