//! Quotes: what a price list says arrives as it was said.

use std::time::Duration;

use lmall_domain::{Money, money::Currency};
use lmall_rpc::{
    Line, QuotesClient,
    pb::product::{self, GetQuoteRequest, quotes_client},
};
use tonic::Code;

use crate::support::{Server, sku, within};

fn request(lines: &[(&str, u32)], currency: &str) -> GetQuoteRequest {
    let line = |(sku, quantity): &(&str, u32)| product::Line {
        sku: (*sku).to_owned(),
        quantity: *quantity,
    };
    GetQuoteRequest { lines: lines.iter().map(line).collect(), currency: currency.to_owned() }
}

#[tokio::test]
async fn a_quote_has_prices_totals_and_reasons() {
    let server = Server::start().await;
    let client = QuotesClient::new(server.connection());
    let eur = Currency::from_code("EUR").expect("a currency");
    let call = within(Duration::from_secs(5));
    let lines = [("tea", 2), ("oil", 10)].map(|(text, quantity)| Line { sku: sku(text), quantity });
    let quote = client.quote(&call, &lines, eur).await.expect("an answer").expect("a quote");
    assert_eq!(quote.total, Money::new(11_000, eur));
    let [tea, oil] = quote.lines.as_slice() else { panic!("{quote:?}") };
    assert_eq!((&tea.line, tea.total.amount, tea.explanations.len()), (&lines[0], 2_000, 0));
    assert_eq!((oil.list_price.amount, oil.unit_price.amount), (1_000, 900));
    assert_eq!((&*oil.explanations[0].rule, oil.explanations[0].amount.amount), ("ten", -100));
    let lunch = [Line { sku: sku("lunch"), quantity: 1 }];
    assert_eq!(client.quote(&call, &lunch, eur).await.expect("an answer"), None);
}

#[tokio::test]
async fn what_is_no_request_for_a_quote_is_refused() {
    let server = Server::start().await;
    let mut client = quotes_client::QuotesClient::new(server.channel().await);
    let many: Vec<String> = (0..41).map(|number| format!("sku-{number}")).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|sku| (&**sku, 1)).collect();
    let rows = [
        (request(&many[1..], "JPY"), Code::Ok),
        (request(&[("tea", 1_000)], "EUR"), Code::Ok),
        (request(&[], "EUR"), Code::InvalidArgument),
        (request(&many, "EUR"), Code::InvalidArgument),
        (request(&[("tea", 0)], "EUR"), Code::InvalidArgument),
        (request(&[("tea", 1_001)], "EUR"), Code::InvalidArgument),
        (request(&[("tea", 1), ("tea", 2)], "EUR"), Code::InvalidArgument),
        (request(&[("t ea", 1)], "EUR"), Code::InvalidArgument),
        (request(&[("tea", 1)], "eur"), Code::InvalidArgument),
        (request(&[("lunch", 1)], "EUR"), Code::NotFound),
        (request(&[("moon", 1)], "EUR"), Code::FailedPrecondition),
        (request(&[("away", 1)], "EUR"), Code::Unavailable),
    ];
    for (request, code) in rows {
        let shown = format!("{request:?}");
        let answered = client.get_quote(request).await;
        let found = answered.as_ref().err().map_or(Code::Ok, tonic::Status::code);
        assert_eq!(found, code, "{shown}: {answered:?}");
        assert!(!format!("{answered:?}").contains("secret"), "{answered:?}");
    }
}
