//! A binary as a child process, killed by its own id when the test is done with it.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// The longest time until the ready line; a debug build on a busy machine is slow.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The longest time from SIGTERM to the end, as the contract promises.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A binary of the workspace: next to the one that this test belongs to. With the tests, Cargo
/// builds only the binaries of crates that have some.
///
/// # Panics
/// When it was not built.
fn program(name: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_lmall"));
    let path = beside.with_file_name(name);
    let hint = "build the workspace: cargo build --workspace --bins";
    assert!(path.is_file(), "{} is missing; {hint}", path.display());
    path
}

/// The command, with these variables and nothing else of this process' configuration.
fn command(name: &str, words: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(program(name));
    let ours = |name: &std::ffi::OsStr| {
        let name = name.as_encoded_bytes();
        name.starts_with(b"LMALL_") || name.starts_with(b"AWS_")
    };
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.args(words).envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a binary that must end by itself; its exit code, and what it said.
pub(crate) fn run_binary(
    name: &str,
    words: &[&str],
    variables: &[(&str, &str)],
) -> (Option<i32>, String, String) {
    let ended = command(name, words, variables).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
}

/// A running service.
pub(crate) struct Service {
    child: Child,
    name: String,
    variables: Vec<(String, String)>,
    pub(crate) url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// Starts it on a free port, and waits until it is ready.
    pub(crate) fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_at("127.0.0.1:0", name, variables)
    }

    /// The same, on this address.
    fn start_at(address: &str, name: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = command(name, &["--listen", address], variables);
        let mut child = command.spawn().expect("the program starts");
        let log = Arc::<Mutex<Vec<String>>>::default();
        keep(child.stderr.take().expect("a pipe"), log.clone());
        let (said, ready) = mpsc::channel();
        let stdout = child.stdout.take().expect("a pipe");
        let begins = format!("{name} ready on ");
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix(&begins) {
                    let _nobody_waits = said.send(url.to_owned());
                }
            }
        });
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables = variables.iter().map(owned).collect();
        let (name, url) = (name.to_owned(), String::new());
        let mut service = Self { child, name, variables, url, log };
        match ready.recv_timeout(READY_WITHIN) {
            Ok(url) => service.url = url,
            Err(_) => panic!("{} is not ready; it said {:#?}", service.name, service.log()),
        }
        service
    }

    /// Kills it, and starts another one like it at its address.
    pub(crate) fn dies_and_comes_again(&mut self) {
        self.signal(Signal::KILL);
        let address = self.url.trim_start_matches("http://").to_owned();
        let variables: Vec<_> =
            self.variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        *self = Self::start_at(&address, &self.name, &variables);
    }

    /// What it logged.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// SIGTERM; it must end in time and with code 0.
    pub(crate) fn ends_well(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(STOP_WITHIN);
        assert_eq!(status.code(), Some(0), "{}: it said {:#?}", self.name, self.log());
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal)
            .expect("a process that can be signalled");
    }

    fn wait(&mut self, limit: Duration) -> ExitStatus {
        let until = Instant::now() + limit;
        loop {
            match self.child.try_wait().expect("a child") {
                Some(status) => return status,
                None if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
                None => panic!("{} still runs; it said {:#?}", self.name, self.log()),
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn keep(pipe: impl Read + Send + 'static, log: Arc<Mutex<Vec<String>>>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}
