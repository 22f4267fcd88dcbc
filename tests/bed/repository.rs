//! A package repository on a host, in a folder of its own: apt needs no network for it.

use std::ffi::OsStr;
use std::path::Path;

use crate::Host;

/// Where it is on the host.
const FOLDER: &str = "/srv/repo";

/// Where packages are put together.
const BUILD: &str = "/srv/build";

/// The only source of the host's apt. Nobody signs what a test makes.
const SOURCE: &str = "deb [trusted=yes] file:/srv/repo ./\n";

/// For sh: writes the index of all packages in the folder, all of it at once.
const INDEX: &str = r#"
cd /srv/repo
for package in *.deb; do
  [ -e "$package" ] || continue
  dpkg-deb --field "$package" | sed "/^$/d"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$package" "$(stat -c %s "$package")" \
    "$(sha256sum "$package" | cut -d' ' -f1)"
done >.index
mv .index Packages
"#;

/// What becomes a .deb, deb(5).
#[derive(Debug, Clone)]
pub struct Package {
    name: String,
    version: String,
    fields: Vec<(String, String)>,
    conffiles: Vec<String>,
    files: Vec<(String, Vec<u8>, u32)>,
}

impl Package {
    /// An empty package for all architectures.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, fields: Vec::new(), conffiles: Vec::new(), files: Vec::new() }
    }

    /// A field of its control file, deb-control(5): Depends, Conflicts, Breaks, Essential, ...
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file that it installs.
    #[must_use]
    pub fn file(mut self, path: &str, contents: impl AsRef<[u8]>, mode: u32) -> Self {
        assert!(path.starts_with('/'), "{path} is not absolute");
        self.files.push((path.to_owned(), contents.as_ref().to_vec(), mode));
        self
    }

    /// A configuration file: dpkg asks before it replaces one that was changed.
    #[must_use]
    pub fn conffile(mut self, path: &str, contents: &str) -> Self {
        self.conffiles.push(path.to_owned());
        self.file(path, contents, 0o644)
    }

    /// A maintainer script: preinst, postinst, prerm or postrm; `body` is for sh, which stops at
    /// the first command that fails.
    #[must_use]
    pub fn script(self, name: &str, body: &str) -> Self {
        self.file(&format!("/DEBIAN/{name}"), format!("#!/bin/sh\nset -e\n{body}\n"), 0o755)
    }

    fn control(&self) -> String {
        let Self { name, version, .. } = self;
        let mut control = format!("Package: {name}\nVersion: {version}\nArchitecture: all\n");
        control += "Maintainer: nobody <nobody@localhost>\nDescription: of a test\n";
        for (name, value) in &self.fields {
            control += &format!("{name}: {value}\n");
        }
        control
    }

    /// The name of its file; the colon of an epoch is left out there.
    fn file_name(&self) -> String {
        format!("{}_{}_all.deb", self.name, self.version.replace(':', "%3a"))
    }

    /// Builds it on the host, in the folder of the repository.
    fn build(&self, host: &Host) {
        let root = format!("{BUILD}/{}_{}", self.name, self.version);
        host.write(&format!("{root}/DEBIAN/control"), self.control(), 0o644, "root:root");
        let lines: String = self.conffiles.iter().map(|path| format!("{path}\n")).collect();
        if !lines.is_empty() {
            host.write(&format!("{root}/DEBIAN/conffiles"), lines, 0o644, "root:root");
        }
        for (path, contents, mode) in &self.files {
            host.write(&format!("{root}{path}"), contents, *mode, "root:root");
        }
        let built = format!("{FOLDER}/{}", self.file_name());
        host.run(&["dpkg-deb", "--root-owner-group", "-Znone", "--build", &root, &built]).success();
        host.run(&["rm", "-r", &root]).success();
    }
}

/// The repository of a host.
pub struct Repository<'host> {
    host: &'host Host,
}

impl<'host> Repository<'host> {
    /// Makes it the only source of the host's apt, or finds it again after a reboot.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn of(host: &'host Host) -> Self {
        host.run(&["mkdir", "-p", "-m", "0755", FOLDER]).success();
        host.write("/etc/apt/sources.list", SOURCE, 0o644, "root:root");
        let repository = Self { host };
        repository.index();
        repository
    }

    /// Adds packages, or further versions of them. apt knows of them after the next
    /// [`Self::update`], or when what is tested updates.
    ///
    /// # Panics
    /// When one cannot be built.
    pub fn add(&self, packages: &[Package]) -> &Self {
        for package in packages {
            package.build(self.host);
        }
        self.index();
        self
    }

    /// Adds a package that is built already.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn add_file(&self, package: &Path) -> &Self {
        let name = package.file_name().and_then(OsStr::to_str).expect("a name");
        let contents = std::fs::read(package).expect("a package");
        self.host.write(&format!("{FOLDER}/{name}"), contents, 0o644, "root:root");
        self.index();
        self
    }

    /// Takes a version away again, as a repository does that moves on.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&self, package: &Package) -> &Self {
        self.host.run(&["rm", &format!("{FOLDER}/{}", package.file_name())]).success();
        self.index();
        self
    }

    /// `apt-get update`.
    ///
    /// # Panics
    /// When that fails.
    pub fn update(&self) -> &Self {
        self.host.run(&["apt-get", "-qq", "update"]).success();
        self
    }

    fn index(&self) {
        self.host.run(&["sh", "-ec", INDEX]).success();
    }
}
