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
    /// Why it went no further.
    failure: Option<Failure>,
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
    if let Some(failure) = loaded.failure {
        return failed(&failure, object);
    }
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
        match load_one(generation, &policy, &material) {
            Ok(Some(key)) => {
                let fingerprint = key.fingerprint().to_string();
                loaded.keys.push(json!({"fingerprint": fingerprint, "host": entry.host.as_str()}));
                loaded.files.extend(file);
            }
            Ok(None) => loaded.unnamed.push(entry.host.to_string()),
            Err(failure) => {
                loaded.failure = Some(midway(&of_entry(&entry.host, &failure), &loaded.keys));
                break;
            }
        }
    }
    Ok(loaded)
}

/// Loads a key, unless the policy does not name it: then the agent never has it.
fn load_one(
    generation: &Generation,
    policy: &Policy,
    material: &Material,
) -> Result<Option<KeyBlob>, Failure> {
    if !is_named(policy, &load::public_of(material)?) {
        return Ok(None);
    }
    load::load(&generation.agent_socket(), material).map(Some)
}

/// What the agent has got before it failed is told: it keeps it.
fn midway(failure: &Failure, keys: &[Value]) -> Failure {
    let hosts: Vec<&str> = keys.iter().filter_map(|key| key["host"].as_str()).collect();
    let before = match &hosts[..] {
        [] => "no key was loaded before".to_owned(),
        _ => format!("loaded before, and still there: the keys of {}", hosts.join(", ")),
    };
    Failure::new(failure.code, format!("{failure}; {before}"))
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
