//! The built binary as a child process, killed by its own id when the test is done with it.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write, stderr},
    ops::Deref,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{Api, Installation, PROVIDERS, http::OPERATOR_TOKEN, within};

/// The longest time until the ready line; a debug build on a busy machine is slow.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How the ready line begins.
const READY: &str = "lmall ready on ";

/// The longest time from SIGTERM to the end, as the contract promises.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A temporary directory that is removed when it is dropped.
pub(crate) fn temp_dir() -> TempDir {
    TempDir::with_prefix("lmall-test-").expect("a temporary directory")
}

/// `lmall` with these arguments, and nothing of this process' own configuration.
pub(crate) fn command(args: &[&str]) -> Command {
    configured(Command::new(env!("CARGO_BIN_EXE_lmall")), args)
}

fn configured(mut command: Command, args: &[&str]) -> Command {
    for (name, _) in env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn is_ours(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"LMALL_")
}

/// `lmall serve` on a free port and this directory, with the operator and providers of the tests.
pub(crate) fn serve_command(data: &Path) -> Command {
    let data = data.to_str().expect("a path in UTF-8");
    let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data", data]);
    command.env("LMALL_OPERATOR_TOKEN", OPERATOR_TOKEN).env("LMALL_PROVIDERS", PROVIDERS);
    command.env("LMALL_LOG", "warn");
    // The least that is taken: tests hash many passwords.
    command.env("LMALL_BCRYPT_COST", "10");
    command
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command that must end by itself in this time.
pub(crate) async fn run_to_end(mut command: Command, limit: Duration) -> Ended {
    let mut process = Process(command.spawn().expect("the program starts"));
    let stdout = read_all(process.0.stdout.take().expect("a pipe"));
    let stderr = read_all(process.0.stderr.take().expect("a pipe"));
    let status = process.ended(limit).await;
    let text = |reader: thread::JoinHandle<String>| reader.join().expect("a reader that ends");
    Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a readable pipe");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A child that does not outlive its test.
struct Process(Child);

impl Process {
    async fn ended(&mut self, limit: Duration) -> ExitStatus {
        within(limit, "the process ends", async || {
            self.0.try_wait().expect("a child").ok_or_else(|| "it runs".to_owned())
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// What stands behind a server.
enum Runs {
    Process(Process),
    Installation(Box<Installation>),
}

impl Runs {
    /// The one process of the embedded form.
    fn process(&mut self) -> &mut Process {
        match self {
            Self::Process(process) => process,
            Self::Installation(_) => panic!("{EMBEDDED_ONLY}"),
        }
    }
}

/// Said by a test that needs a process, a file or a log of its own.
const EMBEDDED_ONLY: &str = "this test is about the embedded form alone: \
    leave it out of the profile `aws` in .config/nextest.toml";

/// Whether the tests run against the AWS form.
#[expect(clippy::disallowed_methods, reason = "tests have no command line of their own")]
fn is_aws_tested() -> bool {
    match env::var("LMALL_TEST_FORM").as_deref() {
        Ok("aws") => true,
        Ok("embedded" | "") | Err(env::VarError::NotPresent) => false,
        other => panic!("LMALL_TEST_FORM is `embedded` or `aws`, not {other:?}"),
    }
}

/// A running server.
pub(crate) struct Server {
    runs: Runs,
    api: Api,
    log: Arc<Mutex<Vec<String>>>,
    printed: Vec<String>,
    said: Arc<Mutex<Vec<String>>>,
    _data: Option<TempDir>,
}

impl Server {
    /// A shop of its own, empty: in the form that `LMALL_TEST_FORM` names, `embedded` or `aws`.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with more environment.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        if is_aws_tested() {
            let installation = Installation::start(variables).await;
            let api = Api::new(installation.gateway.url.clone());
            let runs = Runs::Installation(Box::new(installation));
            return Self {
                runs,
                api,
                log: Arc::default(),
                printed: Vec::new(),
                said: Arc::default(),
                _data: None,
            };
        }
        let data = temp_dir();
        let mut server = Self::start_on(data.path(), variables).await;
        server._data = Some(data);
        server
    }

    /// A server on a directory that outlives it.
    pub(crate) async fn start_on(data: &Path, variables: &[(&str, &str)]) -> Self {
        let mut command = serve_command(data);
        command.envs(variables.iter().copied());
        Self::started(command).await
    }

    /// A server whose soft limits can be changed as it runs: the signal that would end it at a
    /// file size limit is ignored, as on a full disk there is none.
    pub(crate) async fn start_deaf_to_file_limits(data: &Path) -> Self {
        let serve = serve_command(data);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(serve.get_program());
        shell.args(serve.get_args());
        let mut command = configured(shell, &[]);
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::started(command).await
    }

    /// Starts it and waits for the ready line.
    pub(crate) async fn started(mut command: Command) -> Self {
        assert!(!is_aws_tested(), "{EMBEDDED_ONLY}");
        let mut process = Process(command.spawn().expect("the program starts"));
        let stdout = process.0.stdout.take().expect("a pipe");
        let pipe = process.0.stderr.take().expect("a pipe");
        let log = Arc::<Mutex<Vec<String>>>::default();
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                written.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let (said, ready) = oneshot::channel();
        let all = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&all);
        thread::spawn(move || {
            let (mut said, mut printed) = (Some(said), Vec::new());
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
                printed.push(line);
                if printed.last().is_some_and(|line| line.starts_with(READY))
                    && let Some(said) = said.take()
                {
                    let _nobody_waits = said.send(printed.clone());
                }
            }
        });
        let ready = tokio::time::timeout(READY_WITHIN, ready).await;
        let printed = match ready {
            Ok(Ok(printed)) => printed,
            Ok(Err(_)) | Err(_) => panic!("not ready: {ready:?}; it said {:#?}", lines(&log)),
        };
        let line = printed.last().and_then(|line| line.strip_prefix(READY));
        let base = line.and_then(|line| line.split(' ').next()).expect("an address").to_owned();
        let (runs, api) = (Runs::Process(process), Api::new(base));
        Self { runs, api, log, printed, said: all, _data: None }
    }

    /// What it printed until it was ready; the last line says that it is.
    pub(crate) fn printed(&self) -> &[String] {
        &self.printed
    }

    /// All that it has printed so far.
    pub(crate) fn said(&self) -> Vec<String> {
        lines(&self.said)
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        match &self.runs {
            Runs::Process(_) => lines(&self.log),
            Runs::Installation(installation) => installation.log(),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        match &self.runs {
            Runs::Process(process) => Pid::from_child(&process.0),
            Runs::Installation(_) => panic!("{EMBEDDED_ONLY}"),
        }
    }

    /// Asks it to end.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a process that can be signalled");
    }

    /// Waits for its end, which must come in time and with code 0.
    pub(crate) async fn ends_well(mut self) {
        let status = self.runs.process().ended(STOP_WITHIN).await;
        assert_eq!(status.code(), Some(0), "{status}; it said {:#?}", self.log());
    }

    /// `kill -9`, at once.
    pub(crate) fn kill(mut self) {
        let process = self.runs.process();
        process.0.kill().expect("a process that can be killed");
        process.0.wait().expect("a child");
    }
}

fn lines(log: &Mutex<Vec<String>>) -> Vec<String> {
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let said = self.log();
            let tail: String =
                said.iter().rev().take(30).rev().map(|line| format!("  {line}\n")).collect();
            let _reader_gone = write!(stderr(), "the server's log ends with:\n{tail}");
        }
    }
}
