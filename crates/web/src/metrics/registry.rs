//! The metrics that others register, and how they are written.

use std::{collections::BTreeMap, fmt};

use super::{Counter, Gauge};

/// Families by name, so that each render has the same order.
#[derive(Default)]
pub(super) struct Registry(BTreeMap<String, Family>);

struct Family {
    help: String,
    series: BTreeMap<String, Value>,
}

/// One series.
#[derive(Clone)]
pub(super) enum Value {
    Counter(Counter),
    Gauge(Gauge),
}

impl Registry {
    /// The series of that name and those labels; `new` makes it if there is none.
    pub(super) fn register(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        new: fn() -> Value,
    ) -> Value {
        assert!(is_name(name), "`{name}` is not the name of a metric");
        let family = self
            .0
            .entry(name.to_owned())
            .or_insert_with(|| Family { help: help.to_owned(), series: BTreeMap::new() });
        if let Some(first) = family.series.values().next() {
            assert_eq!(first.kind(), new().kind(), "the metric {name} has another type");
        }
        family.series.entry(label_set(labels)).or_insert_with(new).clone()
    }
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, family) in &self.0 {
            let Some(kind) = family.series.values().next().map(Value::kind) else { continue };
            writeln!(f, "# HELP {name} {}", escaped(&family.help))?;
            writeln!(f, "# TYPE {name} {kind}")?;
            for (labels, value) in &family.series {
                match value {
                    Value::Counter(counter) => writeln!(f, "{name}{labels} {}", counter.get())?,
                    Value::Gauge(gauge) => writeln!(f, "{name}{labels} {}", gauge.get())?,
                }
            }
        }
        Ok(())
    }
}

/// `{a="1",b="2"}`, or nothing without labels.
fn label_set(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            assert!(is_name(name), "`{name}` is not the name of a label");
            format!("{name}=\"{}\"", escaped(value).replace('"', "\\\""))
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    #[test]
    fn what_is_registered_is_rendered() {
        let metrics = Metrics::new();
        metrics.counter("relayed_total", "Events relayed").add(3);
        metrics.counter("relayed_total", "Events relayed").inc();
        let depth = metrics.gauge_with("depth", "Now\nhere", &[("queue", "a\"b\\")]);
        metrics.on_scrape(Box::new(move || depth.set(-7)));
        let expected = "# HELP depth Now\\nhere\n\
                        # TYPE depth gauge\n\
                        depth{queue=\"a\\\"b\\\\\"} -7\n\
                        # HELP relayed_total Events relayed\n\
                        # TYPE relayed_total counter\n\
                        relayed_total 4\n";
        assert_eq!(metrics.render(), expected);
    }
}
