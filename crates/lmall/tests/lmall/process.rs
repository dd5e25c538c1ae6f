//! `lmall serve` as a process: how it starts, what it refuses, how it stops.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rustix::process::Signal;

use crate::support::{
    Call, Ended, Load, Server, command, eventually, run_to_end, serve_command, temp_dir, text,
};

/// How long a command may take to say that it cannot do what it was asked for.
const REFUSED_WITHIN: Duration = Duration::from_secs(20);

/// A command ends with this code, and one line on standard error that says these things.
fn check_refusal(ended: &Ended, code: i32, said: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    let complaints: Vec<_> = ended.stderr.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(complaints.len(), 1, "one line: {ended:#?}");
    for words in said {
        assert!(complaints[0].contains(words), "{words:?} is not in {ended:#?}");
    }
    assert!(!ended.stdout.contains("lmall ready"), "{ended:#?}");
}

#[tokio::test]
async fn a_ready_server_says_where_it_is_and_prints_only_the_secrets_it_made() {
    let data = temp_dir();
    let given = data.path().join("given");
    let shop = Server::start_on(&given, &[]).await;
    let expected = format!("lmall ready on {} (data: {})", shop.base, given.display());
    assert_eq!(shop.printed(), [expected], "and nothing that was given");
    assert!(!shop.base.ends_with(":0"), "{}", shop.base);
    shop.send(Call::get("/v1/ops/summary").operator()).await.json(200);
    shop.signal(Signal::TERM);
    shop.ends_well().await;

    let made = data.path().join("made");
    let made = made.to_str().expect("a path in UTF-8");
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--data", made]);
    serve.env("LMALL_OPERATOR_TOKEN", "").env("LMALL_PROVIDERS", "").env("LMALL_LOG", "warn");
    let shop = Server::started(serve).await;
    let printed = shop.printed();
    let secret = |start: &str| {
        let line = printed.iter().find(|line| line.starts_with(start));
        line.and_then(|line| line.rsplit(' ').next()).expect("a secret").to_owned()
    };
    let token = secret("operator token: ");
    let call = Call::get("/v1/ops/summary").header("x-operator-token", &token);
    shop.send(call).await.json(200);
    assert!(secret("demo provider secret: ").starts_with("whsec_"), "{printed:?}");
    assert!(token.len() >= 32, "{printed:?}");
}

#[tokio::test]
async fn a_wrong_command_line_is_refused_in_one_line() {
    let rows: [(&[&str], &str); 8] = [
        (&["serve", "--listn", "x"], "--listn"),
        (&["serve", "--listen", "nowhere"], "nowhere"),
        (&["serve", "--payment-timeout-s", "-1"], "-1"),
        (&["serve", "--payment-timeout-s", "soon"], "soon"),
        (&["sell"], "sell"),
        (&["bench", "orders"], "--rate"),
        (&["audit"], "--operator-token"),
        (&["dlq", "list", "--operator-token", "x", "--limit", "0"], "0"),
    ];
    for (args, said) in rows {
        check_refusal(&run_to_end(command(args), REFUSED_WITHIN).await, 2, &[said]);
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_refused_without_showing_secrets() {
    let data = temp_dir();
    let secret = "whsec_hush";
    let rows = [
        ("LMALL_PROVIDERS", "{", "LMALL_PROVIDERS"),
        (
            "LMALL_PROVIDERS",
            r#"[{"name":"a","scheme":"magic","secrets":["whsec_hush"]}]"#,
            "scheme",
        ),
        (
            "LMALL_PROVIDERS",
            r#"[{"name":"a","scheme":"generic","secrets":["whsec_hush"]},
                {"name":"a","scheme":"generic","secrets":["whsec_hush"]}]"#,
            "`a`",
        ),
        ("LMALL_PROVIDERS", r#"[{"name":"a","scheme":"generic","secrets":[""]}]"#, "`a`"),
        ("LMALL_PROVIDERS", r#"[{"name":"a","scheme":"standard","secrets":["whsec_%"]}]"#, "`a`"),
        ("LMALL_AWS_ENDPOINT", "http://localhost:1", "LMALL_AWS_ENDPOINT"),
        ("LMALL_CATALOGUE", "/nowhere/shop.json", "/nowhere/shop.json"),
    ];
    for (name, value, said) in rows {
        let mut serve = serve_command(data.path());
        serve.env(name, value);
        let ended = run_to_end(serve, REFUSED_WITHIN).await;
        check_refusal(&ended, 2, &[said]);
        assert!(!ended.stderr.contains(secret), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    let directory = data.path().to_str().expect("a path in UTF-8");
    let ended = run_to_end(serve_command(data.path()), REFUSED_WITHIN).await;
    check_refusal(&ended, 1, &[directory, "in use"]);
    let ended = run_to_end(command(&["audit", "--data", directory]), REFUSED_WITHIN).await;
    check_refusal(&ended, 1, &[directory, "in use"]);
    shop.send(Call::get("/readyz")).await.json(200);
    // The lock is the process', not the file's: after kill -9 nothing has to be removed.
    shop.kill();
    Server::start_on(data.path(), &[]).await.send(Call::get("/readyz")).await.json(200);
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let data = temp_dir();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let directory = data.path().to_str().expect("a path in UTF-8");
    let serve = command(&["serve", "--listen", &address, "--data", directory]);
    check_refusal(&run_to_end(serve, REFUSED_WITHIN).await, 1, &[&address, "in use"]);
}

#[tokio::test]
async fn a_data_file_that_is_damaged_is_refused_with_what_to_do() {
    let made = temp_dir();
    let shop = Server::start_on(made.path(), &[]).await;
    shop.stock_up("tea", 100).await;
    join_all((0..50).map(|_| shop.place("ann", &[("tea", 1)]))).await;
    shop.signal(Signal::TERM);
    shop.ends_well().await;
    let good = fs::read(made.path().join("lmall.db")).expect("the data file");

    let overwritten = |from: usize, len: usize| {
        let mut bytes = good.clone();
        bytes[from..from + len].fill(0x5a);
        bytes
    };
    let rows = [
        ("not a database", b"this is no database, it is a letter to a friend".to_vec()),
        ("cut off", good[..good.len() / 2].to_vec()),
        ("another header", overwritten(0, 16)),
        ("a broken first page", overwritten(100, 400)),
        ("broken pages", overwritten(4096, good.len() - 4096)),
    ];
    for (what, bytes) in rows {
        let data = temp_dir();
        let file = data.path().join("lmall.db");
        fs::write(&file, &bytes).expect("a file");
        let ended = run_to_end(serve_command(data.path()), REFUSED_WITHIN).await;
        let file = file.to_str().expect("a path in UTF-8").to_owned();
        check_refusal(&ended, 1, &[&file, "backup"]);
        assert_eq!(fs::read(&file).expect("the file"), bytes, "{what}: it was not left alone");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let data = temp_dir();
    let file = data.path().join("a-file");
    fs::write(&file, "").expect("a file");
    let ended = run_to_end(serve_command(&file.join("data")), REFUSED_WITHIN).await;
    check_refusal(&ended, 1, &[file.to_str().expect("a path in UTF-8")]);
}

/// Sends a placing up to the middle of its body, and knows that the server has begun to read it.
fn half_a_placing(address: &str, body: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: {address}\r\nx-customer-id: ann\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a head that is taken");
    let mut stream = BufReader::new(stream);
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") {
        stream.read_line(&mut answer).expect("an interim answer");
    }
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
    stream.get_mut().write_all(&body.as_bytes()[..10]).expect("a body that is taken");
    stream
}

#[tokio::test]
async fn sigterm_refuses_who_comes_and_answers_who_is_there() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.stock_up("tea", 5).await;
    let body = r#"{"lines":[{"sku":"tea","quantity":1}]}"#;
    let mut begun = half_a_placing(shop.address(), body);
    shop.signal(Signal::TERM);
    eventually("nobody is let in any more", async || match TcpStream::connect(shop.address()) {
        Ok(_) => Err("a connection".to_owned()),
        Err(_) => Ok(()),
    })
    .await;
    begun.get_mut().write_all(&body.as_bytes()[10..]).expect("a body that is taken");
    let mut answer = String::new();
    begun.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    shop.ends_well().await;

    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    let shop = Server::start_on(data.path(), &[]).await;
    let call = Call::get(location.expect("a location")).customer("ann").wait(10);
    shop.send(call).await.json(200);
    shop.level_becomes("tea", [4, 1, 0]).await;
    shop.audit_is_green().await;
}

#[tokio::test]
async fn who_waits_is_answered_at_the_signal_and_the_load_is_kept() {
    for signal in [Signal::TERM, Signal::INT] {
        let data = temp_dir();
        let shop = Server::start_on(data.path(), &[]).await;
        shop.stock_up("tea", 100_000).await;
        let order = shop.place("ann", &[("tea", 1)]).await;
        let load = Load::default();
        let path = format!("/v1/orders/{}", text(&order, "id"));
        let poll = async {
            let began = Instant::now();
            let answer = shop.send(Call::get(&path).customer("ann").wait(10)).await;
            assert_eq!(answer.json(200)["status"], "PENDING");
            began.elapsed()
        };
        let stop = async {
            load.has_placed(100).await;
            shop.signal(signal);
        };
        let (polled, (), placed) = tokio::join!(poll, stop, load.run(&shop, "tea"));
        assert!(polled < Duration::from_secs(8), "answered at the signal: {polled:?}");
        shop.ends_well().await;

        let shop = Server::start_on(data.path(), &[]).await;
        load.is_there(&shop, &placed).await;
        shop.audit_is_green().await;
    }
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    let shop = Server::start().await;
    shop.send(Call::get("/healthz")).await.json(200);
    let began = Instant::now();
    shop.signal(Signal::TERM);
    shop.ends_well().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_signal_right_behind_the_ready_line_is_heard() {
    for signal in [Signal::TERM, Signal::INT] {
        let data = temp_dir();
        let shop = Server::start_on(data.path(), &[]).await;
        shop.signal(signal);
        shop.ends_well().await;
    }
}
