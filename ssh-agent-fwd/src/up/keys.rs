//! The private keys: all of them are read before anything is changed, and given to the agent one by one.

use std::path::Path;

use diagnostics::Failure;

use crate::erase::KeyFile;
use crate::key::KeyBlob;
use crate::load::load;
use crate::manifest::{Entry, Manifest};
use crate::material::Material;
use crate::name::Alias;

/// The keys of a manifest, in its order. They are overwritten when this goes.
#[derive(Debug)]
pub struct Keys {
    materials: Vec<Material>,
    /// The files that are to be erased, and the entries' aliases.
    to_erase: Vec<(Alias, KeyFile)>,
}

impl Keys {
    /// Reads all of them.
    ///
    /// # Errors
    /// Those of [`Material::read`], with the entry.
    pub fn read(manifest: &Manifest) -> Result<Self, Failure> {
        let mut keys = Self { materials: Vec::new(), to_erase: Vec::new() };
        for entry in &manifest.entries {
            let (material, file) =
                Material::read(&entry.key).map_err(|failure| of_entry(&entry.host, &failure))?;
            keys.materials.push(material);
            if entry.erase {
                keys.to_erase.extend(file.map(|file| (entry.host.clone(), file)));
            }
        }
        Ok(keys)
    }

    /// The keys overwritten here; the files that are to be erased, and the entries' aliases.
    #[must_use]
    pub fn overwritten(self) -> Vec<(Alias, KeyFile)> {
        self.to_erase
    }

    /// Gives them to the agent; the public half of each. `next` is asked before each of them.
    ///
    /// # Errors
    /// Those of [`load`], with the entry, and of `next`.
    pub fn load(
        &self,
        manifest: &Manifest,
        agent: &Path,
        next: impl Fn() -> Result<(), Failure>,
    ) -> Result<Vec<KeyBlob>, Failure> {
        let one = |(entry, material): (&Entry, &Material)| {
            next()?;
            load(agent, material).map_err(|failure| of_entry(&entry.host, &failure))
        };
        manifest.entries.iter().zip(&self.materials).map(one).collect()
    }
}

/// The same failure with the entry's alias before it; which key it is says the failure.
#[must_use]
pub fn of_entry(host: &Alias, failure: &Failure) -> Failure {
    Failure::new(failure.code, format!("the entry {host}: {failure}"))
}
