//! The index of products by their text: tantivy, in memory.
//!
//! A word is found as it is written, whatever its case and accents; with one letter wrong, from
//! four letters on; and, as the last word of what is typed, by its beginning. All words have to
//! be found. A word in the name, which has the SKU in it too, weighs more than in the
//! description, and one that is written right more than one that is nearly right.

use std::sync::Arc;

use async_trait::async_trait;
use lmall_app::{
    failure::Failure,
    ports::{Found, Search, Wanted},
};
use lmall_domain::{Sku, catalogue::Product};
use tantivy::{
    Index, IndexReader, IndexWriter, Order, ReloadPolicy, TantivyDocument, TantivyError, Term,
    collector::{
        TopDocs,
        sort_key::{SortBySimilarityScore, SortByString},
    },
    query::{
        AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, Query,
        TermQuery,
    },
    schema::{
        Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
    },
    tokenizer::{AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer},
};
use tokio::sync::Mutex;

/// Products that an index takes: about 300 MB of them.
pub const PRODUCTS_MAX: usize = 500_000;

/// Words of what is typed that count; each costs a walk through the dictionary.
const WORDS_MAX: usize = 8;

/// Letters from which on a word may have a wrong one: with fewer, everything is near everything.
const FUZZY_FROM: usize = 4;

/// Letters of the longest word.
const WORD_LEN_MAX: usize = 40;

/// Memory of the writer: the least that tantivy takes.
const WRITER_BYTES: usize = 15_000_000;

const ANALYZER: &str = "words";

/// Products by their text, in memory.
pub struct TextIndex {
    fields: Fields,
    analyzer: TextAnalyzer,
    reader: IndexReader,
    writer: Arc<Mutex<IndexWriter>>,
}

#[derive(Clone, Copy)]
struct Fields {
    sku: Field,
    name: Field,
    description: Field,
    category: Field,
}

impl TextIndex {
    /// An empty index.
    ///
    /// # Errors
    /// When there is no memory or no thread for it.
    pub fn new() -> Result<Self, Failure> {
        Self::create().map_err(broken)
    }

    fn create() -> Result<Self, TantivyError> {
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(ANALYZER)
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        let mut schema = Schema::builder();
        let fields = Fields {
            sku: schema.add_text_field("sku", (STRING | STORED).set_fast("raw")),
            name: schema.add_text_field("name", text.clone()),
            description: schema.add_text_field("description", text),
            category: schema.add_text_field("category", STRING),
        };
        let index = Index::create_in_ram(schema.build());
        let analyzer = TextAnalyzer::builder(SimpleTokenizer::default())
            .filter(RemoveLongFilter::limit(WORD_LEN_MAX))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
            .build();
        index.tokenizers().register(ANALYZER, analyzer.clone());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let writer = Arc::new(Mutex::new(index.writer_with_num_threads(1, WRITER_BYTES)?));
        Ok(Self { fields, analyzer, reader, writer })
    }

    /// Changes the index on a thread where that may take its time.
    async fn write(
        &self,
        change: impl FnOnce(&IndexWriter, Fields) -> Result<(), TantivyError> + Send + 'static,
    ) -> Result<(), Failure> {
        let (fields, reader) = (self.fields, self.reader.clone());
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            change(&writer, fields)?;
            writer.commit()?;
            reader.reload()
        });
        done.await.map_err(|error| Failure::Unavailable(error.into()))?.map_err(broken)
    }

    fn query(&self, wanted: &Wanted) -> Box<dyn Query> {
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let words = self.words(&wanted.text);
        for (index, word) in words.iter().enumerate() {
            let typing = index + 1 == words.len() && !wanted.text.ends_with(char::is_whitespace);
            parts.push((Occur::Must, self.word(word, typing)));
        }
        if let Some(category) = &wanted.category {
            let term = Term::from_field_text(self.fields.category, category.as_str());
            let query = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
            parts.push((Occur::Must, Box::new(ConstScoreQuery::new(query, 0.0))));
        }
        if parts.is_empty() { Box::new(AllQuery) } else { Box::new(BooleanQuery::new(parts)) }
    }

    fn words(&self, text: &str) -> Vec<String> {
        let mut analyzer = self.analyzer.clone();
        let mut tokens = analyzer.token_stream(text);
        let mut words = Vec::new();
        while words.len() < WORDS_MAX && tokens.advance() {
            words.push(tokens.token().text.clone());
        }
        words
    }

    /// Whatever is like this word; `typing` says that it may go on.
    fn word(&self, word: &str, typing: bool) -> Box<dyn Query> {
        let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (field, weight, of_typo) in
            [(self.fields.name, 4.0, 1.0), (self.fields.description, 1.0, 0.25)]
        {
            let term = || Term::from_field_text(field, word);
            let exact = TermQuery::new(term(), IndexRecordOption::WithFreqs);
            any.push((Occur::Should, Box::new(BoostQuery::new(Box::new(exact), weight))));
            let mut near = |query: FuzzyTermQuery, score: f32| {
                let query: Box<dyn Query> = Box::new(ConstScoreQuery::new(Box::new(query), score));
                any.push((Occur::Should, query));
            };
            if typing {
                near(FuzzyTermQuery::new_prefix(term(), 0, true), weight);
            }
            if word.chars().count() >= FUZZY_FROM {
                near(FuzzyTermQuery::new(term(), 1, true), of_typo);
            }
        }
        Box::new(BooleanQuery::new(any))
    }
}

#[async_trait]
impl Search for TextIndex {
    async fn put(&self, products: &[Product]) -> Result<(), Failure> {
        let products = products.to_vec();
        self.write(move |writer, fields| {
            for product in products {
                writer.delete_term(Term::from_field_text(fields.sku, product.sku.as_str()));
                writer.add_document(document(fields, &product))?;
            }
            Ok(())
        })
        .await
    }

    async fn remove(&self, skus: &[Sku]) -> Result<(), Failure> {
        let skus = skus.to_vec();
        self.write(move |writer, fields| {
            for sku in skus {
                writer.delete_term(Term::from_field_text(fields.sku, sku.as_str()));
            }
            Ok(())
        })
        .await
    }

    async fn find(&self, wanted: &Wanted) -> Result<Found, Failure> {
        let (query, searcher) = (self.query(wanted), self.reader.searcher());
        let (sku, offset, limit) = (self.fields.sku, wanted.offset, wanted.limit);
        let found = tokio::task::spawn_blocking(move || {
            let order = (SortBySimilarityScore, (SortByString::for_field("sku"), Order::Asc));
            let top = TopDocs::with_limit(limit + 1).and_offset(offset).order_by(order);
            let mut skus = Vec::with_capacity(limit + 1);
            for (_, address) in searcher.search(&*query, &top)? {
                let document: TantivyDocument = searcher.doc(address)?;
                let text = document.get_first(sku).and_then(|value| value.as_str());
                skus.extend(text.and_then(|text| text.parse::<Sku>().ok()));
            }
            Ok(skus)
        });
        let found = found.await.map_err(|error| Failure::Unavailable(error.into()))?;
        let mut skus: Vec<Sku> = found.map_err(broken)?;
        let more = skus.len() > limit;
        skus.truncate(limit);
        Ok(Found { skus, more })
    }
}

fn document(fields: Fields, product: &Product) -> TantivyDocument {
    let mut document = TantivyDocument::new();
    document.add_text(fields.sku, product.sku.as_str());
    document.add_text(fields.name, format!("{} {}", product.text.name, product.sku));
    document.add_text(fields.description, &product.text.description);
    let lineages = product.text.categories.iter().flat_map(|category| category.lineage());
    lineages.for_each(|category| document.add_text(fields.category, category.as_str()));
    document
}

fn broken(error: TantivyError) -> Failure {
    Failure::Unavailable(Box::new(error))
}
