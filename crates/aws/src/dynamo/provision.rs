//! The tables themselves, as data.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
        TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use lmall_app::ports::Table;

use super::keys::{attribute, indexes, place};
use crate::{Clients, Site};

/// How often, and with what pause, is looked whether a table is ready.
const LOOKS: u32 = 120;
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// A table, as `template.yaml` has to say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDefinition {
    /// Whose rows it has; `None` for the ops table.
    pub table: Option<Table>,
    /// The partition key, a text.
    pub partition: &'static str,
    /// The sort key, a text.
    pub sort: &'static str,
    /// The attribute that says when an item may be deleted.
    pub expires: &'static str,
    /// Whether it has a stream of new images, for the relay.
    pub has_stream: bool,
    /// Its indexes, which have keys only.
    pub indexes: Vec<IndexDefinition>,
}

/// An index of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Its name.
    pub name: &'static str,
    /// The attribute that is its partition key, a text.
    pub partition: &'static str,
    /// The attribute that is its sort key, a text.
    pub sort: &'static str,
}

impl TableDefinition {
    /// What it is called there.
    #[must_use]
    pub fn name(&self, site: &Site) -> String {
        self.table.map_or_else(|| site.ops_table(), |table| site.table(table))
    }
}

/// Every table: one a service, and one for operations.
#[must_use]
pub fn tables() -> Vec<TableDefinition> {
    let definition = |table: Option<Table>| TableDefinition {
        table,
        partition: attribute::PARTITION,
        sort: attribute::SORT,
        expires: attribute::EXPIRES,
        has_stream: table.is_some(),
        indexes: table
            .map(indexes)
            .into_iter()
            .flatten()
            .map(|index| {
                let place = place(*index);
                IndexDefinition { name: place.name, partition: place.partition, sort: place.sort }
            })
            .collect(),
    };
    Table::ALL.into_iter().map(Some).chain([None]).map(definition).collect()
}

/// A table that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the table {table} cannot be made")]
pub struct ProvisionError {
    table: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

/// A table that takes too long.
#[derive(Debug, thiserror::Error)]
#[error("it is not ready after {LOOKS} looks")]
struct NotReady;

/// Makes the tables that are not there, for a test or a local stack; `template.yaml` makes them
/// on AWS. One that is there stays as it is.
///
/// # Errors
/// When DynamoDB does not make one.
pub async fn create_tables(clients: &Clients) -> Result<(), ProvisionError> {
    for definition in tables() {
        let table = definition.name(&clients.site);
        let made = create(&clients.dynamo, &definition, &table).await;
        made.map_err(|cause| ProvisionError { table, cause })?;
    }
    Ok(())
}

type Made = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn create(client: &Client, definition: &TableDefinition, name: &str) -> Made {
    let indexes: Vec<_> = definition.indexes.iter().map(index).collect();
    let names = definition.indexes.iter().flat_map(|index| [index.partition, index.sort]);
    let names = [definition.partition, definition.sort].into_iter().chain(names);
    let stream = definition.has_stream.then(|| {
        let stream = StreamSpecification::builder().stream_enabled(true);
        stream.stream_view_type(StreamViewType::NewImage).build().expect("it says whether")
    });
    let answer = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(definition.partition, definition.sort)))
        .set_attribute_definitions(Some(names.map(text_attribute).collect()))
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
        .set_stream_specification(stream)
        .send()
        .await;
    match answer {
        Ok(_) => {}
        Err(error) if error.code() == Some("ResourceInUseException") => {}
        Err(error) => return Err(error.into()),
    }
    wait(client, name).await?;
    expire(client, name, definition.expires).await
}

async fn wait(client: &Client, name: &str) -> Made {
    for _ in 0..LOOKS {
        let answer = client.describe_table().table_name(name).send().await?;
        let status = answer.table().and_then(|table| table.table_status());
        if status == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Err(Box::new(NotReady))
}

async fn expire(client: &Client, name: &str, attribute: &str) -> Made {
    let now = client.describe_time_to_live().table_name(name).send().await?;
    let status = now.time_to_live_description().and_then(|now| now.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute);
    let change = client.update_time_to_live().table_name(name);
    change.time_to_live_specification(wanted.build()?).send().await?;
    Ok(())
}

fn index(definition: &IndexDefinition) -> GlobalSecondaryIndex {
    let keys = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    GlobalSecondaryIndex::builder()
        .index_name(definition.name)
        .set_key_schema(Some(schema(definition.partition, definition.sort)))
        .projection(keys)
        .build()
        .expect("it has a name and keys")
}

fn schema(partition: &str, sort: &str) -> Vec<KeySchemaElement> {
    [(partition, KeyType::Hash), (sort, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| {
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            key.build().expect("it has a name and a type")
        })
        .collect()
}

fn text_attribute(name: &str) -> AttributeDefinition {
    let text = AttributeDefinition::builder().attribute_type(ScalarAttributeType::S);
    text.attribute_name(name).build().expect("it has a name and a type")
}
