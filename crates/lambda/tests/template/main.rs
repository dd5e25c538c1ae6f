//! `template.yaml` says what the code says: tables, topics, queues, subscriptions, functions.

mod template;

use std::{collections::BTreeSet, fs};

use lmall_aws::{
    Site,
    bus::provision::{self as bus, Resource},
    dynamo,
};
use serde_json::{Value, json};

use self::template::{PREFIX, Template, root};

fn site() -> Site {
    Site {
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
        prefix: PREFIX.to_owned(),
        endpoint: None,
    }
}

/// The values of a list of objects at this name.
fn each(list: &Value, name: &str) -> Vec<Value> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|entry| entry[name].clone()).collect()
}

fn keys(partition: &str, sort: &str) -> Value {
    json!([
        { "AttributeName": partition, "KeyType": "HASH" },
        { "AttributeName": sort, "KeyType": "RANGE" },
    ])
}

#[test]
fn tables_have_the_keys_indexes_and_streams_of_the_store() {
    let template = Template::load();
    let definitions = dynamo::tables();
    assert_eq!(template.of_type("AWS::DynamoDB::Table").len(), definitions.len());
    for definition in definitions {
        let name = definition.name(&site());
        let table = template.named("AWS::DynamoDB::Table", "TableName", &name);
        assert_eq!(table["KeySchema"], keys(definition.partition, definition.sort), "{name}");
        let indexes: Vec<Value> = definition
            .indexes
            .iter()
            .map(|index| {
                json!({
                    "IndexName": index.name,
                    "KeySchema": keys(index.partition, index.sort),
                    "Projection": { "ProjectionType": "KEYS_ONLY" },
                })
            })
            .collect();
        let stated = table["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
        assert_eq!(stated, indexes, "{name}");
        let attributes: BTreeSet<_> = [definition.partition, definition.sort]
            .into_iter()
            .chain(definition.indexes.iter().flat_map(|index| [index.partition, index.sort]))
            .collect();
        let stated: Vec<_> = each(&table["AttributeDefinitions"], "AttributeName");
        let stated: BTreeSet<_> = stated.iter().filter_map(Value::as_str).collect();
        assert_eq!(stated, attributes, "{name}");
        let types = each(&table["AttributeDefinitions"], "AttributeType");
        assert!(types.iter().all(|kind| kind == "S"), "{name}");
        let stream = table["StreamSpecification"]["StreamViewType"].as_str();
        assert_eq!(stream, definition.has_stream.then_some("NEW_IMAGE"), "{name}");
        assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], definition.expires, "{name}");
    }
}

/// Every resource of this type has the settings that the code wants, and there are no others.
fn check(kind: &str, name_of: &str, wanted: &[Resource]) {
    let template = Template::load();
    let stated: BTreeSet<String> = template
        .of_type(kind)
        .iter()
        .filter_map(|found| found[name_of].as_str().map(str::to_owned))
        // The alarms are for people.
        .filter(|name| *name != format!("{PREFIX}-alarms"))
        .collect();
    assert_eq!(stated, wanted.iter().map(|resource| resource.name.clone()).collect());
    for Resource { name, settings } in wanted {
        let found = template.named(kind, name_of, name);
        for (setting, value) in settings {
            let stated = &found[*setting];
            assert!(!stated.is_null(), "{name} does not say {setting}");
            let stated = stated.as_str().map_or_else(|| stated.to_string(), str::to_owned);
            let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
            let same =
                stated == *value || (read(value).is_object() && read(&stated) == read(value));
            assert!(same, "{name}: {setting} is {stated}, not {value}");
        }
    }
}

#[test]
fn topics_have_the_settings_of_the_bus() {
    check("AWS::SNS::Topic", "TopicName", &bus::topics(&site()));
}

#[test]
fn queues_have_the_settings_of_the_bus() {
    let queues: Vec<Resource> = bus::queues(&site())
        .into_iter()
        .map(|mut queue| {
            queue.settings.remove("Policy");
            queue
        })
        .collect();
    check("AWS::SQS::Queue", "QueueName", &queues);
}

#[test]
fn subscriptions_are_those_of_the_topology() {
    let template = Template::load();
    let mut stated: Vec<String> = template
        .of_type("AWS::SNS::Subscription")
        .iter()
        .filter(|subscription| subscription["Protocol"] == "sqs")
        .map(|subscription| {
            assert_eq!(subscription["RawMessageDelivery"], true);
            assert_eq!(subscription["FilterPolicyScope"], "MessageAttributes");
            format!(
                "{} {} {}",
                subscription["TopicArn"], subscription["Endpoint"], subscription["FilterPolicy"]
            )
        })
        .collect();
    let site = site();
    let mut wanted: Vec<String> = bus::subscriptions()
        .into_iter()
        .map(|subscription| {
            let topic = Value::from(site.topic_arn(subscription.topic));
            let queue = bus::queue_arn(&site, &site.queue_url(subscription.queue));
            let filter: Value =
                serde_json::from_str(&subscription.settings["FilterPolicy"]).expect("JSON");
            format!("{topic} {} {filter}", Value::from(queue))
        })
        .collect();
    stated.sort();
    wanted.sort();
    assert_eq!(stated, wanted);
}

#[test]
fn every_queue_takes_messages_from_the_topics_that_it_hears() {
    let template = Template::load();
    for subscription in template.of_type("AWS::SNS::Subscription") {
        if subscription["Protocol"] != "sqs" {
            continue;
        }
        let dead = &subscription["RedrivePolicy"]["deadLetterTargetArn"];
        for queue in [&subscription["Endpoint"], dead] {
            let allowed = template.of_type("AWS::SQS::QueuePolicy").iter().any(|policy| {
                let statement = &policy["PolicyDocument"]["Statement"][0];
                let topics = &statement["Condition"]["ArnEquals"]["aws:SourceArn"];
                let has = |list: &Value, wanted| {
                    list.as_array().is_some_and(|list| list.contains(wanted))
                };
                has(&statement["Resource"], queue) && has(topics, &subscription["TopicArn"])
            });
            assert!(allowed, "{queue} takes nothing from {}", subscription["TopicArn"]);
        }
    }
}

#[test]
fn every_function_is_deployed_and_has_samples() {
    let template = Template::load();
    let stated: BTreeSet<String> = template
        .of_type("AWS::Serverless::Function")
        .iter()
        .map(|function| {
            let code = function["CodeUri"].as_str().expect("where its code is");
            let name = code.strip_prefix("target/lambda/").expect("built by cargo-lambda");
            assert_eq!(function["FunctionName"], format!("{PREFIX}-{name}"));
            name.to_owned()
        })
        .collect();
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.into_string().expect("UTF-8")).collect()
    };
    assert_eq!(stated, names("functions"));
    let samples = names("events");
    for function in &stated {
        assert!(samples.iter().any(|sample| sample.starts_with(function)), "{function}");
    }
    for sample in &samples {
        let known = stated.iter().any(|function| sample.starts_with(function));
        assert!(known || sample == "relay-failures-message.json", "{sample}");
    }
}
