//! What is found by which words.

use lmall_app::ports::{Found, Search, Wanted};
use lmall_domain::{
    Money, Timestamp,
    catalogue::{Pricing, Product, Text},
    money::Currency,
};
use lmall_product_api::TextIndex;

fn product(sku: &str, name: &str, description: &str, categories: &[&str]) -> Product {
    let eur = Currency::from_code("EUR").expect("ISO 4217 has it");
    let categories = categories.iter().map(|path| path.parse().expect("a category")).collect();
    Product {
        sku: sku.parse().expect("a SKU"),
        version: 1,
        text: Text { name: name.to_owned(), description: description.to_owned(), categories },
        pricing: Pricing::fixed(Money::new(1, eur)),
        changed_at: Timestamp::from_millis(1),
    }
}

async fn index() -> TextIndex {
    let index = TextIndex::new().expect("there is memory");
    let products = [
        product("tea-01", "Green tea", "Sencha from Shizuoka.", &["food/tea/green"]),
        product("tea-02", "Black tea", "Strong, with milk.", &["food/tea/black"]),
        product("pot-01", "Teapot", "For green tea.", &["kitchen"]),
        product("cafe-1", "Caf\u{e9} cr\u{e8}me", "", &["food"]),
        product("set-01", "Gift set", "A pot and a cup.", &["kitchen", "food/tea"]),
    ];
    index.put(&products).await.expect("it is written");
    index
}

fn wanted(text: &str, category: &str) -> Wanted {
    let category = (!category.is_empty()).then(|| category.parse().expect("a category"));
    Wanted { text: text.to_owned(), category, offset: 0, limit: 10 }
}

fn skus(found: &Found) -> Vec<&str> {
    found.skus.iter().map(|sku| sku.as_str()).collect()
}

#[tokio::test]
async fn products_are_found_by_words_beginnings_and_with_a_letter_wrong() {
    let index = index().await;
    let rows: [(&str, &str, &[&str]); 19] = [
        ("sencha", "", &["tea-01"]),
        ("SENCHA", "", &["tea-01"]),
        ("sencah", "", &["tea-01"]),
        ("senc", "", &["tea-01"]),
        ("senc ", "", &[]),
        ("sen shizuoka", "", &[]),
        ("green tea", "", &["tea-01", "pot-01"]),
        ("green tea", "food", &["tea-01"]),
        ("cafe", "", &["cafe-1"]),
        ("Cr\u{e8}me", "", &["cafe-1"]),
        ("tea-02", "", &["tea-02"]),
        ("coffee", "", &[]),
        ("", "food/tea", &["set-01", "tea-01", "tea-02"]),
        ("", "kitchen", &["pot-01", "set-01"]),
        ("", "food/tea/red", &[]),
        ("  ", "kitchen", &["pot-01", "set-01"]),
        // Nothing that a customer may type is an error.
        ("\"green (tea:", "food", &["tea-01"]),
        ("*:* ~^\\ -", "kitchen", &["pot-01", "set-01"]),
        ("name:[a TO *]", "", &[]),
    ];
    for (text, category, expected) in rows {
        let found = index.find(&wanted(text, category)).await.expect("it is read");
        assert_eq!(skus(&found), expected, "{text:?} in {category:?}");
    }
}

#[tokio::test]
async fn pages_have_every_product_once_and_what_is_changed_or_gone_is_so() {
    let index = index().await;
    let (mut seen, mut offset) = (Vec::new(), 0);
    loop {
        let page = Wanted { offset, limit: 2, ..wanted("", "") };
        let found = index.find(&page).await.expect("it is read");
        offset += found.skus.len();
        seen.extend(found.skus.iter().map(ToString::to_string));
        if !found.more {
            break;
        }
    }
    assert_eq!(seen, ["cafe-1", "pot-01", "set-01", "tea-01", "tea-02"]);

    let renamed = product("tea-01", "Oolong", "", &[]);
    index.put(&[renamed]).await.expect("it is written");
    index.remove(&["tea-02".parse().expect("a SKU")]).await.expect("it is written");
    for (text, expected) in [("sencha", &[][..]), ("oolong", &["tea-01"]), ("black", &[])] {
        let found = index.find(&wanted(text, "")).await.expect("it is read");
        assert_eq!(skus(&found), expected, "{text}");
    }
}
