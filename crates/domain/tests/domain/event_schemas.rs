//! Events on the wire: the committed schemas and examples of `docs/events/` are a promise to
//! readers that were built from older versions of the types.

use std::{collections::BTreeSet, fs, path::PathBuf};

use lmall_domain::event::{DecodeError, Envelope, EventType, SCHEMA_VERSION, Service};
use serde_json::{Map, Value, json};

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/events")
}

fn read(path: &str) -> Value {
    let path = docs().join(path);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema_of(event_type: EventType) -> Value {
    read(&format!("{}.json", event_type.name()))
}

fn example_of(event_type: EventType) -> Value {
    read(&format!("examples/{}.json", event_type.name()))
}

/// The schema of the whole envelope. It is open: a reader ignores what it does not know.
fn envelope_schema(event_type: EventType) -> Value {
    let mut payload = event_type.payload_schema();
    let definitions = payload.remove("$defs").unwrap_or_else(|| json!({}));
    payload.remove("$schema");
    let (what, id) = aggregate(event_type.service());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event_type.name(),
        "type": "object",
        "properties": {
            "event_type": { "const": event_type.name() },
            "event_id": {
                "description": "Unique; what consumers deduplicate by.",
                "type": "string",
                "pattern": format!("^{id}-{}-[1-9][0-9]*$", event_type.service().name()),
            },
            "occurred_at": { "type": "string", "format": "date-time" },
            "aggregate_id": {
                "description": what,
                "type": "string",
                "pattern": format!("^{id}$"),
            },
            "schema_version": { "type": "string", "pattern": "^1\\.[0-9]+$" },
            "payload": payload,
        },
        "required": [
            "event_type", "event_id", "occurred_at", "aggregate_id", "schema_version", "payload",
        ],
        "$defs": definitions,
    })
}

/// What the events of a service are about, and the pattern of its ids.
fn aggregate(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::Order | Service::Inventory | Service::Payment => {
            ("The order.", "[1-9][0-9]{0,18}")
        }
        Service::Product => ("The product: its SKU.", "[0-9A-Za-z_.-]{1,64}"),
        Service::Customer => ("The customer.", "[0-9A-Za-z_.:@-]{1,64}"),
    }
}

/// The committed schemas are what the types say; `UPDATE_SCHEMAS=1` writes them anew, if readers
/// of the committed ones can live with that.
#[test]
fn schemas_match_the_committed_ones() {
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some_and(|value| value == "1");
    for event_type in EventType::ALL {
        let path = docs().join(format!("{}.json", event_type.name()));
        let schema = envelope_schema(*event_type);
        if update {
            if path.exists() {
                let broken = breaks(&schema_of(*event_type), &schema);
                assert_eq!(broken, Vec::<String>::new(), "{}: not additive", event_type.name());
            }
            let text = serde_json::to_string_pretty(&schema).expect("a value has a JSON form");
            fs::write(&path, text + "\n").expect("the schema can be written");
        }
        let hint = "run this test with UPDATE_SCHEMAS=1 and look at the difference";
        assert_eq!(schema_of(*event_type), schema, "{}: {hint}", event_type.name());
    }
}

#[test]
fn nothing_else_is_committed() {
    let expected: BTreeSet<_> =
        EventType::ALL.iter().map(|event_type| format!("{}.json", event_type.name())).collect();
    for folder in [docs(), docs().join("examples")] {
        let entries = fs::read_dir(&folder).expect("the folder exists");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names: BTreeSet<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".json"))
            .collect();
        assert_eq!(names, expected, "{}", folder.display());
    }
}

#[test]
fn committed_examples_are_valid_and_survive_a_round_trip() {
    for event_type in EventType::ALL {
        let name = event_type.name();
        let example = example_of(*event_type);
        let validator = jsonschema::validator_for(&schema_of(*event_type)).expect("a schema");
        let errors: Vec<_> =
            validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
        let envelope = Envelope::from_json(&example.to_string()).expect("an old message is read");
        assert_eq!(envelope.event.event_type(), *event_type);
        let again: Value = serde_json::from_str(&envelope.to_json()).expect("it is JSON");
        assert_eq!(again, example, "{name}");
    }
}

/// An example of each event without its optional members is read too, and said the same way.
#[test]
fn optional_members_may_be_absent() {
    for event_type in EventType::ALL {
        let schema = schema_of(*event_type);
        let mut example = example_of(*event_type);
        let required = required(&schema["properties"]["payload"]);
        let payload = example["payload"].as_object_mut().expect("a payload is an object");
        payload.retain(|name, _| required.contains(name));
        let envelope = Envelope::from_json(&example.to_string()).expect("nothing required is gone");
        let again: Value = serde_json::from_str(&envelope.to_json()).expect("it is JSON");
        assert_eq!(again, example, "{}", event_type.name());
        assert!(jsonschema::is_valid(&schema, &example), "{}", event_type.name());
    }
}

#[test]
fn a_reader_takes_what_a_newer_minor_adds() {
    for event_type in EventType::ALL {
        let mut newer = example_of(*event_type);
        let known = Envelope::from_json(&newer.to_string()).expect("an example is read");
        newer["schema_version"] = json!("1.7");
        newer["added"] = json!({ "to": "the envelope" });
        newer["payload"]["added"] = json!(["to", "the payload"]);
        let read = Envelope::from_json(&newer.to_string()).expect("a newer minor is read");
        assert_eq!(read, known, "{}", event_type.name());
        assert!(jsonschema::is_valid(&schema_of(*event_type), &newer), "{}", event_type.name());
    }
}

#[test]
fn what_can_never_be_read_is_told_apart() {
    let example = example_of(EventType::OrderCreated);
    let with = |member: &str, value: Value| {
        let mut changed = example.clone();
        changed[member] = value;
        changed.to_string()
    };
    let version = |text: &str| with("schema_version", json!(text));
    let read = |json: &str| Envelope::from_json(json).map(|_| ());
    for json in [version("2.0"), version("0.9"), version("10.0"), version(""), version("one")] {
        assert!(matches!(read(&json), Err(DecodeError::UnsupportedVersion(_))), "{json}");
    }
    for json in [with("event_type", json!("order.lost")), with("event_type", json!(""))] {
        assert!(matches!(read(&json), Err(DecodeError::UnknownType(_))), "{json}");
    }
    for json in [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        with("event_id", json!("")),
        with("event_id", json!(7)),
        with("aggregate_id", json!(7)),
        with("aggregate_id", json!("0")),
        with("occurred_at", json!("yesterday")),
        with("payload", Value::Null),
        with("payload", json!({})),
        // A payload of another type.
        with("event_type", json!("inventory.reserved")),
    ] {
        assert!(matches!(read(&json), Err(DecodeError::Malformed(_))), "{json}");
    }
    assert_eq!(SCHEMA_VERSION.split('.').next(), Some("1"), "the patterns above say 1.x");
}

/// What of `new` a reader or writer of `old` cannot live with.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    compare("", (old, old), (new, new), &mut broken);
    broken
}

fn is_additive(old: &Value, new: &Value) -> bool {
    breaks(old, new).is_empty()
}

/// A schema and the document that its references point into.
type Within<'a> = (&'a Value, &'a Value);

fn compare(path: &str, old: Within<'_>, new: Within<'_>, broken: &mut Vec<String>) {
    let (old, new) = (resolved(old), resolved(new));
    let empty = Map::new();
    let properties = |schema: &Value| schema["properties"].as_object().unwrap_or(&empty).clone();
    let (before, after) = (properties(old.0), properties(new.0));
    for (name, schema) in &before {
        let path = format!("{path}/{name}");
        match after.get(name) {
            Some(now) => compare(&path, (schema, old.1), (now, new.1), broken),
            None => broken.push(format!("{path} is gone")),
        }
    }
    let closed = old.0["additionalProperties"] == json!(false);
    for name in after.keys().filter(|name| closed && !before.contains_key(*name)) {
        broken.push(format!("{path}/{name} is new, and old readers refuse what they do not know"));
    }
    let (were, are) = (required(old.0), required(new.0));
    broken.extend(are.difference(&were).map(|name| format!("{path}/{name} is now required")));
    broken.extend(were.difference(&are).map(|name| format!("{path}/{name} may now be absent")));
    if !old.0["items"].is_null() {
        compare(&format!("{path}[]"), (&old.0["items"], old.1), (&new.0["items"], new.1), broken);
    }
    for keyword in ["anyOf", "oneOf"] {
        let choices = |schema: &Value| schema[keyword].as_array().cloned().unwrap_or_default();
        for (number, (before, after)) in choices(old.0).iter().zip(&choices(new.0)).enumerate() {
            compare(&format!("{path}|{number}"), (before, old.1), (after, new.1), broken);
        }
    }
    // What a value is; descriptions and titles may change.
    for keyword in ["type", "const", "enum", "pattern", "format", "anyOf", "oneOf"] {
        if without_words(&old.0[keyword]) != without_words(&new.0[keyword]) {
            broken.push(format!("{path}: `{keyword}` changed"));
        }
    }
}

fn resolved<'a>((schema, document): Within<'a>) -> Within<'a> {
    let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
    let found = target.and_then(|pointer| document.pointer(pointer));
    (found.unwrap_or(schema), document)
}

fn required(schema: &Value) -> BTreeSet<String> {
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn without_words(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "description" && *name != "title")
            .map(|(name, value)| (name.clone(), without_words(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_words).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What changes, the schema before and after, whether that is additive.
#[rustfmt::skip]
const CHANGES: &[(&str, &str, &str, bool)] = &[
    ("nothing", OLD, OLD, true),
    ("a new optional property", OLD, r##"{"properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {}}, "required": ["a"]}"##, true),
    ("a description", OLD, r##"{"properties": {"a": {"type": "string", "description": "!"}, "b": {"type": "string"}}, "required": ["a"]}"##, true),
    ("a property is removed", OLD, WITHOUT_B, false),
    ("a property is renamed", OLD, r##"{"properties": {"a": {"type": "string"}, "c": {"type": "string"}}, "required": ["a"]}"##, false),
    ("a property is now required", OLD, r##"{"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]}"##, false),
    ("a new property is required", OLD, r##"{"properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {}}, "required": ["a", "c"]}"##, false),
    ("old readers need what new writers leave out", OLD, r##"{"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": []}"##, false),
    ("a type", OLD, r##"{"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a"]}"##, false),
    ("a value is added to a list of values", r##"{"enum": ["a"]}"##, r##"{"enum": ["a", "b"]}"##, false),
    ("a choice is added", r##"{"oneOf": [{"const": "a"}]}"##, r##"{"oneOf": [{"const": "a"}, {"const": "b"}]}"##, false),
    ("what refuses unknown properties gets one", r##"{"properties": {}, "additionalProperties": false}"##, r##"{"properties": {"a": {}}, "additionalProperties": false}"##, false),
];

const OLD: &str =
    r##"{"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}"##;
const WITHOUT_B: &str = r##"{"properties": {"a": {"type": "string"}}, "required": ["a"]}"##;

#[test]
fn only_additions_are_additive() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("a schema is JSON");
    // A change counts wherever it is.
    let places: [fn(Value) -> Value; 4] = [
        |schema| schema,
        |schema| json!({ "properties": { "payload": schema } }),
        |schema| json!({ "items": { "$ref": "#/$defs/Line" }, "$defs": { "Line": schema } }),
        |schema| {
            let choice = json!([{ "$ref": "#/$defs/Gift" }, { "type": "null" }]);
            json!({ "properties": { "gift": { "anyOf": choice } }, "$defs": { "Gift": schema } })
        },
    ];
    for (what, before, after, additive) in CHANGES {
        for place in places {
            let (old, new) = (place(parse(before)), place(parse(after)));
            assert_eq!(is_additive(&old, &new), *additive, "{what}: {new}");
        }
    }
}
