//! A library that an agent loads for whoever asks (SSH_AGENTC_ADD_SMARTCARD_KEY): CVE-2023-38408's way in.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::scene::Scene;
use crate::bench::string;

/// Where an agent takes libraries from unless told otherwise (ssh-agent(1), -P).
const LIBRARIES: &str = "/usr/local/lib";

/// Makes a folder when it is loaded by root. That an agent looks for the one function is no protection.
const SOURCE: &str = r#"
extern unsigned geteuid(void);
extern int mkdir(const char *, unsigned);
__attribute__((constructor)) static void run(void) { if (geteuid() == 0) mkdir(MARK, 0700); }
int C_GetFunctionList(void *list) { return 1; }
"#;

/// Whether no library was loaded.
pub fn load(scene: &mut Scene) -> bool {
    let mark = scene.bench.folder().join("loaded");
    let library = Path::new(LIBRARIES).join("provider.so");
    compile(scene.bench.folder(), &mark, &library);
    let mut request = vec![20];
    for field in [library.to_str().expect("a path").as_bytes(), b""] {
        string(&mut request, field);
    }
    scene.ask(&request);
    !mark.exists()
}

fn compile(folder: &Path, mark: &Path, library: &Path) {
    let (source, built) = (folder.join("provider.c"), folder.join("provider.so"));
    let text = SOURCE.replace("MARK", &format!("{:?}", mark.display().to_string()));
    fs::write(&source, text).expect("written");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(&built).arg(&source);
    assert!(command.status().expect("cc, which cargo needs too").success());
    fs::copy(&built, library).expect("copied");
}

/// Has this thread, and what it starts, see an empty folder of libraries that nobody else sees.
pub fn apart() {
    unshare(CloneFlags::CLONE_NEWNS).expect("unshared");
    let nothing = None::<&str>;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing).expect("private");
    mount(Some("tmpfs"), LIBRARIES, Some("tmpfs"), MsFlags::empty(), nothing).expect("mounted");
}
