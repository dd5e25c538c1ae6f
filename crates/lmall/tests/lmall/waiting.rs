//! Flash sales: what a crash and a stop leave of the line and of tokens.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use rustix::process::Signal;

use crate::{
    api_waiting::{PLACE, ROOM},
    support::{Api, Call, Server, eventually, temp_dir, text},
};

#[tokio::test]
async fn kill_9_in_the_middle_of_a_sale_loses_no_place_and_no_admission() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.stock_up("tea", 100).await;
    shop.sale(5, 1_000).await;
    // Many at once, so that the kill meets arrivals under way: who was answered has a place.
    let api = Api::clone(&shop);
    let arrive = async {
        let names = (0..300).map(|number| format!("c{number:03}"));
        let joins = names.map(|name| {
            let api = &api;
            async move {
                let answer = api.try_send(Call::post(PLACE).customer(&name)).await;
                answer.ok().filter(|answer| answer.status == 201).map(|_| name)
            }
        });
        join_all(joins).await.into_iter().flatten().collect::<Vec<_>>()
    };
    let kill = async {
        eventually("some are in, and it is somebody's turn", async || {
            let room = api.try_send(Call::get(ROOM).operator()).await?.json(200);
            let waiting = room["waiting"].as_u64().unwrap_or_default();
            if waiting >= 20 && room["admitted"] == 5 { Ok(()) } else { Err(room.to_string()) }
        })
        .await;
        let first = api.try_send(Call::get(PLACE).customer("c000")).await;
        shop.kill();
        first.ok()
    };
    let (joined, seen) = tokio::join!(arrive, kill);
    assert!(joined.len() >= 20, "{}", joined.len());

    let shop = Server::start_on(data.path(), &[]).await;
    shop.send(Call::place("ann", &[("tea", 1)])).await.problem(403, "not-admitted");
    let mut places = Vec::new();
    let mut admitted = Vec::new();
    for name in &joined {
        let place = shop.look(name).await;
        match place["status"].as_str() {
            Some("waiting") => places.push(place["place"].as_u64().expect("a place")),
            Some("admitted") => admitted.push((name.clone(), text(&place, "token").to_owned())),
            _ => panic!("{name}: {place}"),
        }
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len() + admitted.len(), joined.len(), "each has a place of their own");
    assert!(admitted.len() <= 5);
    // A token that was shown before the end is the one that is shown after it.
    if let Some(seen) = seen.filter(|seen| seen.status == 200).map(|seen| seen.json(200))
        && seen["status"] == "admitted"
    {
        assert_eq!(shop.look("c000").await["token"], seen["token"]);
    }
    for (name, token) in admitted {
        shop.order_tea(&name, &token).await.json(201);
        shop.order_tea(&name, &token).await.problem(409, "admission-used");
    }
    assert_eq!(shop.room().await["units"], 5);
    shop.audit_is_green().await;
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let data = temp_dir();
    let shop = Server::start_on(data.path(), &[]).await;
    shop.sale(1, 1).await;
    for name in ["ann", "bob"] {
        shop.join(name).await.json(201);
    }
    shop.token("ann").await;
    let mut stream = TcpStream::connect(shop.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    let head = format!("GET {PLACE}/events HTTP/1.1\r\nhost: shop\r\nx-customer-id: bob\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a head that is taken");
    let mut stream = BufReader::new(stream);
    let mut heard = String::new();
    while !heard.contains("\"status\":\"waiting\"") {
        stream.read_line(&mut heard).expect("an event");
    }
    let began = Instant::now();
    shop.signal(Signal::TERM);
    stream.read_to_string(&mut heard).expect("an end");
    shop.ends_well().await;
    assert!(began.elapsed() < Duration::from_secs(8), "at the signal: {:?}", began.elapsed());
}
