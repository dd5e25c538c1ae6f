//! What one request costs before DynamoDB has done anything: CPU time of a `GetItem` through the
//! SDK, from a server on this machine that gives the same answer at once.
//!
//! `request [REQUESTS [PAUSE_MS]]`: with a pause before each request it shows what one costs a
//! process that does little, whose caches know nothing of it any more.

#![expect(clippy::print_stdout, reason = "a program for a person at a terminal")]
#![expect(clippy::float_arithmetic, reason = "an average for a person")]
#![expect(clippy::as_conversions, reason = "an average for a person")]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{Credentials, SharedCredentialsProvider},
    types::AttributeValue,
};
use lmall_aws::{Clients, Site};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Ticks of `/proc` in a second, on every Linux that this runs on.
const TICKS_PER_S: u64 = 100;

/// A row of the size of an order.
const BODY: &str = r#"{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.0},"Item":{"pk":{"S":"7212345678901"},"sk":{"S":"order"},"v":{"N":"4"},"body":{"S":"{\"id\":\"7212345678901\",\"customer_id\":\"ann\",\"status\":\"CONFIRMED\",\"stock\":\"held\",\"lines\":[{\"sku\":\"tea-01\",\"quantity\":1,\"price\":{\"amount\":499,\"currency\":\"EUR\"}}],\"total\":{\"amount\":499,\"currency\":\"EUR\"},\"created_at\":\"2026-01-14T10:30:00Z\"}"}}}"#;

fn main() -> Outcome<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "serve") {
        return Ok(serve()?);
    }
    let number = |at: usize, default: u64| words.get(at).map_or(Ok(default), |word| word.parse());
    let (requests, pause) = (number(0, 20_000)?, Duration::from_millis(number(1, 0)?));
    let own = env::current_exe()?;
    let mut server = Command::new(own).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    let said = server.stdout.take().ok_or("no pipe")?;
    BufReader::new(said).read_line(&mut address)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(address.trim(), requests, pause));
    server.kill()?;
    server.wait()?;
    println!("{:.3} ms of CPU a request; {requests} requests, {pause:?} before each", measured?);
    Ok(())
}

/// Milliseconds of CPU for each request.
async fn measure(address: &str, requests: u64, pause: Duration) -> Outcome<f64> {
    let site = Site {
        region: "eu-central-1".to_owned(),
        account: "111122223333".to_owned(),
        prefix: "lmall".to_owned(),
        endpoint: Some(format!("http://{address}")),
    };
    let credentials = Credentials::new("key", "secret", None, None, "example");
    let clients = Clients::connect_with(site, SharedCredentialsProvider::new(credentials));
    let ask = async || {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let get = clients.dynamo.get_item().table_name("t").consistent_read(true);
        get.key("pk", key("7212345678901")).key("sk", key("order")).send().await
    };
    ask().await?;
    let before = cpu_ticks()?;
    for _ in 0..requests {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        ask().await?;
    }
    let ticks = cpu_ticks()? - before;
    Ok((ticks * 1_000 / TICKS_PER_S) as f64 / requests as f64)
}

/// User and system time of this process.
fn cpu_ticks() -> Outcome<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("an unknown form")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| Outcome::Ok(fields.get(at).ok_or("too short")?.parse::<u64>()?);
    Ok(ticks(11)? + ticks(12)?)
}

/// Answers whatever comes, until it is killed.
fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        // The one client is done when its connection ends.
        let _ended = answer(stream?);
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: ";
    let answer = format!("{head}{}\r\n\r\n{BODY}", BODY.len());
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        io::copy(&mut requests.by_ref().take(length), &mut io::sink())?;
        stream.write_all(answer.as_bytes())?;
    }
}
