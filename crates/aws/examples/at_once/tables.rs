//! Tables: rows by key, in order within each partition and index, and the conditions and
//! expressions that LMall writes.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
};

use lmall_app::{OutboxRow, topology::subscribers};
use lmall_aws::dynamo::attribute::{BODY, PARTITION, SORT};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::{queues::Queues, string};

/// A pending event is in this index until it is published, which is at once.
const PENDING: &str = "outbox_pending_";

type Item = Map<String, Value>;
type Key = (String, String);

/// An answer with status 400.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Value);

impl Refused {
    pub(crate) fn because(code: &str) -> Self {
        Self(json!({ "__type": format!("com.amazonaws#{code}"), "message": code }))
    }
}

pub(crate) struct Tables {
    tables: Mutex<HashMap<String, Table>>,
    queues: Queues,
}

#[derive(Default)]
struct Table {
    rows: HashMap<Key, Item>,
    /// Partition attribute, partition, sort, and key of each row.
    places: BTreeSet<(String, String, String, Key)>,
}

/// What a write would make of a row.
struct Written<'a> {
    table: &'a str,
    key: Key,
    row: Option<Item>,
}

impl Tables {
    pub(crate) fn new(queues: Queues) -> Self {
        Self { tables: Mutex::default(), queues }
    }

    pub(crate) fn answer(&self, operation: &str, request: &Value) -> Result<Value, Refused> {
        let consumed = |table: &Value| json!({ "TableName": table, "CapacityUnits": 1.0 });
        let table = &request["TableName"];
        match operation {
            "GetItem" => {
                let tables = self.tables.lock();
                let item = tables.get(name(table)).and_then(|rows| rows.rows.get(&key(request)));
                Ok(match item {
                    Some(item) => json!({ "ConsumedCapacity": consumed(table), "Item": item }),
                    None => json!({ "ConsumedCapacity": consumed(table) }),
                })
            }
            "Query" => {
                let mut tables = self.tables.lock();
                let mut answer = tables.entry(name(table).to_owned()).or_default().query(request);
                answer["ConsumedCapacity"] = consumed(table);
                Ok(answer)
            }
            "BatchGetItem" => Ok(self.batch(request)),
            "PutItem" | "UpdateItem" | "DeleteItem" => {
                let kind = operation.trim_end_matches("Item");
                self.write(&[(kind, request)])
                    .map_err(|_| Refused::because("ConditionalCheckFailedException"))?;
                Ok(json!({ "ConsumedCapacity": consumed(table) }))
            }
            "TransactWriteItems" => {
                let actions = request["TransactItems"].as_array().into_iter().flatten();
                let actions = actions.filter_map(|action| action.as_object()?.iter().next());
                let actions: Vec<_> = actions.map(|(kind, body)| (kind.as_str(), body)).collect();
                let tables = actions.iter().map(|(_, body)| consumed(&body["TableName"]));
                let consumed: Vec<_> = tables.collect();
                self.write(&actions).map_err(|failed| {
                    let reason = |at| if at == failed { "ConditionalCheckFailed" } else { "None" };
                    let reasons: Vec<_> =
                        (0..actions.len()).map(|at| json!({ "Code": reason(at) })).collect();
                    let mut said = Refused::because("TransactionCanceledException");
                    said.0["CancellationReasons"] = reasons.into();
                    said
                })?;
                Ok(json!({ "ConsumedCapacity": consumed }))
            }
            _ => Err(Refused::because("UnknownOperationException")),
        }
    }

    fn batch(&self, request: &Value) -> Value {
        let tables = self.tables.lock();
        let mut found = Map::new();
        for (table, asked) in request["RequestItems"].as_object().into_iter().flatten() {
            let rows = asked["Keys"].as_array().into_iter().flatten().filter_map(|asked| {
                tables.get(table)?.rows.get(&of_item(asked.as_object()?)).cloned()
            });
            found.insert(table.clone(), rows.map(Value::Object).collect());
        }
        json!({ "Responses": found, "UnprocessedKeys": {}, "ConsumedCapacity": [] })
    }

    /// Makes all of the writes; or none, and says which one was refused.
    fn write(&self, actions: &[(&str, &Value)]) -> Result<(), usize> {
        let mut tables = self.tables.lock();
        let mut written = Vec::with_capacity(actions.len());
        for (at, (kind, body)) in actions.iter().enumerate() {
            let key = if *kind == "Put" {
                of_item(body["Item"].as_object().ok_or(at)?)
            } else {
                key(body)
            };
            let table = name(&body["TableName"]);
            let row = tables.get(table).and_then(|table| table.rows.get(&key));
            let condition = body["ConditionExpression"].as_str().into_iter();
            let values = &body["ExpressionAttributeValues"];
            if !condition
                .flat_map(|terms| terms.split(" AND "))
                .all(|term| holds(term, row, values))
            {
                return Err(at);
            }
            let row = match *kind {
                "Put" => body["Item"].as_object().cloned(),
                "Update" => Some(added(row, body)),
                "Delete" => None,
                _ => continue,
            };
            written.push(Written { table, key, row });
        }
        for Written { table, key, row } in written {
            let row = row.map(|row| self.published(row));
            tables.entry(table.to_owned()).or_default().replace(key, row);
        }
        Ok(())
    }

    /// The row as it is once the event in it, if there is one, has been relayed.
    fn published(&self, mut row: Item) -> Item {
        if row.remove(&format!("{PENDING}{PARTITION}")).is_some() {
            row.remove(&format!("{PENDING}{SORT}"));
            let event = OutboxRow::from_body(text(&row, BODY).as_bytes());
            let (event, _) = event.expect("LMall wrote it");
            let message = event.message();
            for queue in subscribers(event.event_type.topic(), &message.event_type) {
                self.queues.send(queue, &message);
            }
        }
        row
    }
}

impl Table {
    fn replace(&mut self, key: Key, row: Option<Item>) {
        let before = match row.clone() {
            Some(row) => self.rows.insert(key.clone(), row),
            None => self.rows.remove(&key),
        };
        for place in before.iter().flat_map(places) {
            self.places.remove(&place);
        }
        self.places.extend(row.iter().flat_map(places));
    }

    fn query(&self, request: &Value) -> Value {
        let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
        let (first, range) = condition.split_once(" AND ").unwrap_or((condition, ""));
        let attribute = first.split(' ').next().unwrap_or_default();
        let value = |name| string(&request["ExpressionAttributeValues"][name]["S"]);
        let (partition, a, b) = (value(":p"), value(":a"), value(":b"));
        let comparison = match range.strip_prefix("begins_with") {
            Some(_) => "begins_with",
            None => range.split(' ').nth(1).unwrap_or_default(),
        };
        let wanted = |sort: &str| match comparison {
            "begins_with" => sort.starts_with(&a),
            ">" => *sort > *a,
            "<" => *sort < *a,
            "<=" => *sort <= *a,
            "BETWEEN" => (&*a..=&*b).contains(&sort),
            _ => true,
        };
        let start = (attribute.to_owned(), partition.clone(), String::new(), Key::default());
        let places = self.places.range((Bound::Included(start), Bound::Unbounded));
        let places = places
            .take_while(|(of, at, ..)| of == attribute && *at == partition)
            .filter(|(_, _, sort, _)| wanted(sort));
        let limit =
            request["Limit"].as_u64().and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX);
        let row = |(_, _, _, key): &(_, _, _, Key)| self.rows.get(key).cloned().map(Value::Object);
        let items: Vec<_> = if request["ScanIndexForward"] == json!(false) {
            places.collect::<Vec<_>>().into_iter().rev().take(limit).filter_map(row).collect()
        } else {
            places.take(limit).filter_map(row).collect()
        };
        json!({ "Count": items.len(), "ScannedCount": items.len(), "Items": items })
    }
}

/// The table's own order, and each index that the row is in: their attributes end as the key's do.
fn places(row: &Item) -> Vec<(String, String, String, Key)> {
    let partitions = row.keys().filter_map(|name| Some((name, name.strip_suffix(PARTITION)?)));
    let place = |(name, index): (&String, &str)| {
        let sort = text(row, &format!("{index}{SORT}"));
        (name.clone(), text(row, name), sort, of_item(row))
    };
    partitions.map(place).collect()
}

fn holds(term: &str, row: Option<&Item>, values: &Value) -> bool {
    let has = |name: &str| row.is_some_and(|row| row.contains_key(name));
    if let Some(name) = inner(term, "attribute_not_exists(") {
        return !has(name);
    }
    if let Some(name) = inner(term, "attribute_exists(") {
        return has(name);
    }
    let words: Vec<_> = term.split(' ').collect();
    let [name, comparison, value] = words[..] else { return false };
    let Some(there) = row.and_then(|row| row.get(name)) else { return false };
    match comparison {
        "=" => *there == values[value],
        ">=" => number(there) >= number(&values[value]),
        _ => false,
    }
}

fn inner<'a>(term: &'a str, function: &str) -> Option<&'a str> {
    term.strip_prefix(function)?.strip_suffix(')')
}

/// The row after `ADD name :value, …`.
fn added(row: Option<&Item>, body: &Value) -> Item {
    let mut row = row.or(body["Key"].as_object()).cloned().unwrap_or_default();
    let update = body["UpdateExpression"].as_str().unwrap_or_default();
    for addition in update.trim_start_matches("ADD ").split(", ") {
        let Some((name, value)) = addition.split_once(' ') else { continue };
        let before = row.get(name).map_or(0, number);
        let sum = before + number(&body["ExpressionAttributeValues"][value]);
        row.insert(name.to_owned(), json!({ "N": sum.to_string() }));
    }
    row
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn key(request: &Value) -> Key {
    request["Key"].as_object().map(of_item).unwrap_or_default()
}

fn of_item(item: &Item) -> Key {
    (text(item, PARTITION), text(item, SORT))
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).map(|value| string(&value["S"])).unwrap_or_default()
}

fn name(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
