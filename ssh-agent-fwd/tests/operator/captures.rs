//! What a client sends, recorded on its way to the agent.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

/// A relay of one connection, which keeps what the client sends.
pub struct Relay {
    socket: PathBuf,
    capture: JoinHandle<Vec<u8>>,
}

impl Relay {
    /// Listens in this folder, in front of this agent.
    pub fn start(folder: &Path, agent: &Path) -> Self {
        let socket = folder.join("relay.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let agent = agent.to_owned();
        let capture = thread::spawn(move || relay(&listener, &agent).expect("relayed"));
        Self { socket, capture }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// When the client has gone.
    pub fn capture(self) -> Vec<u8> {
        self.capture.join().expect("relayed")
    }
}

fn relay(listener: &UnixListener, agent: &Path) -> io::Result<Vec<u8>> {
    let (mut client, _) = listener.accept()?;
    let mut agent = UnixStream::connect(agent)?;
    let (mut replies, mut to_client) = (agent.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || io::copy(&mut replies, &mut to_client));
    let mut capture = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        capture.extend_from_slice(&buffer[..count]);
        agent.write_all(&buffer[..count])?;
    }
    agent.shutdown(Shutdown::Both)?;
    let _ = back.join();
    Ok(capture)
}

/// socat(1), as the manual has an operator capture a connection.
pub struct Socat {
    child: Child,
    socket: PathBuf,
    capture: PathBuf,
}

impl Socat {
    /// Listens in this folder, in front of this agent; `None` where there is no socat(1).
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn start(folder: &Path, agent: &Path) -> Option<Self> {
        let (socket, capture) = (folder.join("tap.sock"), folder.join("capture"));
        let mut command = Command::new("socat");
        command.args(["-d", "-d", "-r"]).arg(&capture).stderr(Stdio::piped());
        command.arg(format!("UNIX-LISTEN:{},mode=600", socket.display()));
        command.arg(format!("UNIX-CONNECT:{}", agent.display()));
        let Ok(mut child) = command.spawn() else {
            eprintln!("skipped: no socat");
            return None;
        };
        let mut words = BufReader::new(child.stderr.take().expect("its words")).lines();
        let is_listening = |line: io::Result<String>| line.expect("a line").contains("listening on");
        assert!(words.any(is_listening), "socat listens");
        // It goes on saying what it does, and must not find nobody reading.
        thread::spawn(move || words.for_each(drop));
        Some(Self { child, socket, capture })
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The file, when the client has gone.
    pub fn capture(mut self) -> PathBuf {
        let status = self.child.wait().expect("ended");
        assert!(status.success(), "{status}");
        assert!(File::open(&self.capture).is_ok());
        self.capture
    }
}
