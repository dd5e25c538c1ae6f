//! A child process that listens on a port.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The longest time until a server answers: a Java one on a busy machine is slow.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often a server is started on another port because somebody took its own meanwhile.
const STARTS: usize = 3;

/// A running server, with a directory of its own.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    _home: TempDir,
}

impl Server {
    /// Starts the program that `command` makes for a free port and the server's own directory,
    /// and waits until `is_ready`.
    ///
    /// # Panics
    /// When the program is not installed, or does not get ready.
    pub(crate) fn start(
        command: impl Fn(u16, &Path) -> Command,
        is_ready: impl Fn(SocketAddr) -> bool,
    ) -> Self {
        for _ in 0..STARTS {
            if let Some(server) = Self::try_start(free_port(), &command, &is_ready) {
                return server;
            }
        }
        panic!("every free port is taken before a server listens on it");
    }

    /// The same on this port; `None` when somebody else has it.
    pub(crate) fn try_start(
        port: u16,
        command: &impl Fn(u16, &Path) -> Command,
        is_ready: &impl Fn(SocketAddr) -> bool,
    ) -> Option<Self> {
        let home = TempDir::with_prefix("lmall-server-").expect("a temporary directory");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let log = home.path().join("log");
        let mut command = bound_to_us(&command(port, home.path()));
        command.current_dir(home.path()).stdin(Stdio::null());
        command.stdout(file(&log)).stderr(file(&log));
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, address, _home: home };
        if server.becomes_ready(is_ready) {
            return Some(server);
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(said.contains("in use"), "{command:?} is not ready; it said: {said}");
        None
    }

    fn becomes_ready(&mut self, is_ready: &impl Fn(SocketAddr) -> bool) -> bool {
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return false;
            }
            if is_ready(self.address) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn kill(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The same command, killed by the kernel when this process ends before it.
fn bound_to_us(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
    bound.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bound
}

fn file(path: &Path) -> Stdio {
    let file = File::options().create(true).append(true).open(path).expect("a writable file");
    file.into()
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound listener").port()
}

/// A tool below `.local`, where `scripts/test` installs them.
///
/// # Panics
/// When it is not there.
pub(crate) fn local(tool: impl AsRef<OsStr>) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local");
    let path = root.join(tool.as_ref());
    assert!(path.exists(), "{} is not installed: run scripts/test", path.display());
    path
}

/// Whether the server answers to these bytes with an answer that has that in it.
pub(crate) fn answers(address: SocketAddr, request: &[u8], expected: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request)?;
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned())
    };
    ask().is_ok_and(|answer| answer.contains(expected))
}
