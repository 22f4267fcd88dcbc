//! Ready, and how that is told.

use std::env;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::upstream::ask_once;
use crate::wire::identities::Identities;
use crate::wire::request::LIST;
use diagnostics::Failure;

/// Asks the agent for its list: that its socket is there says nothing. How many keys it has.
///
/// # Errors
/// `agent-unreachable` when it does not answer with one.
pub fn ask_agent(agent: &Path) -> Result<usize, Failure> {
    let shown = diagnostics::one_line(&agent.display().to_string());
    let failed = |why: String| {
        let help = "start ssh-agent(1) there first";
        Failure::new("agent-unreachable", format!("{shown}: {}; {help}", diagnostics::one_line(&why)))
    };
    let reply = ask_once(agent, &LIST).map_err(|why| failed(why.to_string()))?;
    Identities::read(&reply).map(|list| list.keys().count()).map_err(|why| failed(why.to_string()))
}

/// Tells whoever waits: a line to the descriptor, which is closed then, READY=1 to systemd (sd_notify(3)).
///
/// # Errors
/// When it cannot be told; it would be waited for without end.
pub fn tell(descriptor: Option<OwnedFd>) -> io::Result<()> {
    if let Some(descriptor) = descriptor {
        File::from(descriptor).write_all(b"\n")?;
    }
    // Empty: a unit that does not want its children to tell sets it so.
    match env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) {
        Some(name) => notify(name.as_bytes()),
        None => Ok(()),
    }
}

fn notify(name: &[u8]) -> io::Result<()> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(name)))?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_is_told_by_a_path_and_by_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).expect("bound");
        notify(path.as_os_str().as_bytes()).expect("told");
        let name = format!("ssh-agent-fwd-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let hidden = UnixDatagram::bind_addr(&address).expect("bound");
        notify(format!("@{name}").as_bytes()).expect("told");
        for listener in [listener, hidden] {
            let mut buffer = [0; 16];
            let count = listener.recv(&mut buffer).expect("a word");
            assert_eq!(&buffer[..count], b"READY=1");
        }
    }
}
