//! A server of one's own: `lmall serve` as a child process, watched and stopped.

use std::{
    collections::{HashMap, VecDeque},
    env,
    ffi::OsString,
    fs,
    future::Future,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use lmall_payment::DEMO_PROVIDER;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

use crate::client::Api;

/// Longest time until the ready line.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time from SIGTERM to the end, as the contract promises.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Lines of standard error kept for a report of failure.
const TAIL_LINES: usize = 20;

/// Linux counts processor time in hundredths of a second (`USER_HZ`) on every platform we use.
const TICK: Duration = Duration::from_millis(10);

/// Worker threads of a command's runtime: it shares a small machine with the server it drives.
const WORKERS: usize = 2;

/// What the ready line says before the address.
const READY: &str = "lmall ready on ";

/// What a printed mail begins with.
const MAIL: &str = "mail ";

/// Runs a command's future on a runtime of its own; Ctrl-C and SIGTERM end it with an error, so
/// that child processes and temporary directories are cleared away.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = command => result,
            _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            _ = terminate.recv() => bail!("terminated"),
        }
    })
}

/// `count` random bytes in hexadecimal, for tokens and names that must not clash.
pub(crate) fn random_hex(count: usize) -> Result<String> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes).map_err(|cause| anyhow!("no randomness: {cause}"))?;
    Ok(hex::encode(bytes))
}

/// A running `lmall serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    base: String,
    operator_token: String,
    provider_secret: String,
    complaints: Arc<Mutex<VecDeque<String>>>,
    mails: Arc<Mutex<HashMap<String, String>>>,
}

/// What a printed mail says, to whom it is sent and the token in it.
#[derive(Deserialize)]
struct Mail {
    to: String,
    token: Option<String>,
}

impl Server {
    /// Starts `lmall serve` on a free port and waits until it is ready.
    ///
    /// Nothing of this process' own `LMALL_…` configuration reaches it; secrets travel by
    /// environment, which other users cannot read.
    ///
    /// # Errors
    /// If it ends early or is not ready in time; the message has the end of its log.
    pub(crate) fn start(data: &Path, extra_env: &[(&str, &str)]) -> Result<Self> {
        let operator_token = random_hex(32)?;
        let provider_secret = format!("whsec_{}", random_hex(32)?);
        let providers = json!([
            { "name": DEMO_PROVIDER, "scheme": "generic", "secrets": [provider_secret] }
        ]);
        let mut command = Command::new(env::current_exe().context("own executable")?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        for name in inherited_configuration() {
            command.env_remove(name);
        }
        command.env("LMALL_OPERATOR_TOKEN", &operator_token);
        command.env("LMALL_PROVIDERS", providers.to_string()).env("LMALL_LOG", "warn");
        command.envs(extra_env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

        let mut child = command.spawn().context("lmall serve does not start")?;
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let mails = Arc::default();
        let (ready, wait_ready) = channel();
        if let Some(stdout) = child.stdout.take() {
            let mails = Arc::clone(&mails);
            thread::spawn(move || listen(stdout, &ready, &mails));
        }
        if let Some(stderr) = child.stderr.take() {
            let complaints = Arc::clone(&complaints);
            thread::spawn(move || keep_tail(stderr, &complaints));
        }
        let base = String::new();
        let mut server = Self { child, base, operator_token, provider_secret, complaints, mails };
        server.base = server.wait_ready(&wait_ready)?;
        Ok(server)
    }

    /// The server's address, such as `http://127.0.0.1:34567`.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The secret of its `demo` provider.
    pub(crate) fn provider_secret(&self) -> &str {
        &self.provider_secret
    }

    /// The token of the last mail to this address that had one.
    pub(crate) fn mail_to(&self, email: &str) -> Option<String> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).get(email).cloned()
    }

    /// A client with all rights.
    pub(crate) fn api(&self) -> Result<Api> {
        Ok(Api::new(&self.base, Some(&self.operator_token), Some(&self.provider_secret))?)
    }

    /// Processor time it has used, in user and kernel mode together.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        cpu_time(&stat).context("/proc/…/stat is not as expected")
    }

    /// Its resident memory now, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        // A process that has ended and is not waited for has a status, but no memory.
        kib(&status, "VmRSS").with_context(|| format!("lmall serve has ended{}", self.tail()))
    }

    /// Asks it to end and waits.
    ///
    /// # Errors
    /// If it must be killed, or ends with a failure.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("SIGTERM")?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("lmall serve: {status} on SIGTERM{}", self.tail()),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        bail!("lmall serve still ran {} s after SIGTERM{}", STOP_TIMEOUT.as_secs(), self.tail())
    }

    fn wait_ready(&mut self, ready: &Receiver<String>) -> Result<String> {
        match ready.recv_timeout(START_TIMEOUT) {
            Ok(base) => Ok(base),
            Err(RecvTimeoutError::Timeout) => {
                bail!("lmall serve is not ready after {} s{}", START_TIMEOUT.as_secs(), self.tail())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                // The other thread may not have read the last words yet.
                thread::sleep(Duration::from_millis(50));
                bail!("lmall serve ended before it was ready: {status}{}", self.tail())
            }
        }
    }

    fn tail(&self) -> String {
        let lines = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().flat_map(|line| ["\n  ", line]).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended and been waited for, which is what we want.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn inherited_configuration() -> impl Iterator<Item = OsString> {
    env::vars_os().map(|(name, _)| name).filter(|n| n.as_encoded_bytes().starts_with(b"LMALL_"))
}

/// Reads to the end, so that the child never blocks on a full pipe; names the address once, and
/// keeps what mails bring.
fn listen(stdout: impl Read, ready: &Sender<String>, mails: &Mutex<HashMap<String, String>>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(base) = address(&line) {
            let _nobody_waits = ready.send(base.to_owned());
        }
        if let Some((to, token)) = mail(&line) {
            mails.lock().unwrap_or_else(PoisonError::into_inner).insert(to, token);
        }
    }
}

/// To whom a printed mail goes, and the token in it.
fn mail(line: &str) -> Option<(String, String)> {
    let mail: Mail = serde_json::from_str(line.strip_prefix(MAIL)?).ok()?;
    Some((mail.to, mail.token?))
}

fn address(line: &str) -> Option<&str> {
    line.strip_prefix(READY)?.split(' ').next()
}

fn keep_tail(stderr: impl Read, tail: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut lines = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// User and kernel time from `/proc/<pid>/stat`: fields 14 and 15, counted after the command
/// name, which may hold anything in its brackets.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u32>);
    let (user, kernel) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(TICK * user + TICK * kernel)
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_address() {
        let line = "lmall ready on http://127.0.0.1:8080 (data: ./lmall data)";
        assert_eq!(address(line), Some("http://127.0.0.1:8080"));
        assert_eq!(address("operator token: x"), None);
    }

    #[test]
    fn a_mail_brings_a_token_to_somebody() {
        let said = r#"mail {"to":"ann@example.org","purpose":"verify_address","token":"a.b"}"#;
        assert_eq!(mail(said), Some(("ann@example.org".to_owned(), "a.b".to_owned())));
        assert_eq!(mail(r#"mail {"to":"ann@example.org","purpose":"known","token":null}"#), None);
        assert_eq!(mail("mailed"), None);
    }

    #[test]
    fn processor_time_is_found_behind_any_command_name() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 9 0 0 0 150 7 0 0 20 0 5 0 99 1 2";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(1_570)));
        assert_eq!(cpu_time("42 (a"), None);
    }

    #[test]
    fn memory_is_read_by_name() {
        let status = "Name:\tlmall\nVmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\n";
        assert_eq!((kib(status, "VmRSS"), kib(status, "VmHWM")), (Some(8192), Some(9000)));
        assert_eq!(kib(status, "Vm"), None);
    }
}
