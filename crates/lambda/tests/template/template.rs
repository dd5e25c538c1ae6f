//! `template.yaml`, read as `CloudFormation` does, as far as these tests need.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

/// The prefix with which it is read: not the default one.
pub(super) const PREFIX: &str = "shop";

/// The resources, by type; their properties with references resolved.
pub(super) struct Template {
    by_type: BTreeMap<String, Vec<Value>>,
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Template {
    /// # Panics
    /// When it cannot be read.
    pub(super) fn load() -> Self {
        let text = fs::read_to_string(root().join("template.yaml")).expect("a template");
        let yaml: Yaml = serde_yaml_ng::from_str(&text).expect("YAML");
        let resources = yaml["Resources"].as_mapping().expect("resources");
        let mut by_type: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for resource in resources.values() {
            let kind = resource["Type"].as_str().expect("a type").to_owned();
            let properties = resolve(&resource["Properties"], &yaml["Resources"]);
            by_type.entry(kind).or_default().push(properties);
        }
        Self { by_type }
    }

    /// The properties of every resource of this type.
    pub(super) fn of_type(&self, kind: &str) -> &[Value] {
        self.by_type.get(kind).map(Vec::as_slice).unwrap_or_default()
    }

    /// The properties of the one with this name.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn named(&self, kind: &str, name_of: &str, name: &str) -> &Value {
        let found = self.of_type(kind).iter().find(|properties| properties[name_of] == name);
        found.unwrap_or_else(|| panic!("the template has no {kind} {name}"))
    }
}

fn resolve(yaml: &Yaml, resources: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::from(*value),
        Yaml::Number(number) => Value::from(number.as_i64().expect("a whole number")),
        Yaml::String(text) => Value::from(text.clone()),
        Yaml::Sequence(list) => list.iter().map(|entry| resolve(entry, resources)).collect(),
        Yaml::Mapping(map) => {
            let entry = |(key, value): (&Yaml, &Yaml)| {
                (key.as_str().expect("a name").to_owned(), resolve(value, resources))
            };
            Value::Object(map.iter().map(entry).collect::<Map<_, _>>())
        }
        Yaml::Tagged(tagged) => {
            let text = tagged.value.as_str();
            match (tagged.tag.to_string().as_str(), text) {
                ("!Sub", Some(text)) => Value::from(text.replace("${Prefix}", PREFIX)),
                ("!Ref", Some(name)) => arn(name, resources).into(),
                ("!GetAtt", Some(path)) => match path.strip_suffix(".Arn") {
                    Some(name) => arn(name, resources).into(),
                    None => format!("{path} of it").into(),
                },
                (tag, _) => format!("{tag} that these tests do not need").into(),
            }
        }
    }
}

/// What a reference to a topic or the ARN of a queue is; for others, their name.
fn arn(name: &str, resources: &Yaml) -> String {
    let properties = &resources[name]["Properties"];
    let own = |property: &str| resolve(&properties[property], resources);
    for (service, property) in [("sns", "TopicName"), ("sqs", "QueueName")] {
        if let Value::String(found) = own(property) {
            return format!("arn:aws:{service}:eu-central-1:123456789012:{found}");
        }
    }
    name.to_owned()
}
