//! Names and addresses, computed from a few settings: nothing is asked for at a start.

use lmall_app::{ports::Table, topology::Queue};
use lmall_domain::event::Topic;

/// What names begin with unless the settings say otherwise, and in [`Queue::name`].
const PREFIX: &str = "lmall";

/// Characters of a prefix: the longest name made with it stays below the 80 of a queue's.
const PREFIX_CHARS_MAX: usize = 32;

/// Characters of a region's name; the longest one today has 14.
const REGION_CHARS_MAX: usize = 32;

/// What the name of a FIFO queue or topic ends in.
const FIFO: &str = ".fifo";

/// Where AWS is, and what LMall's resources there are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Such as `eu-central-1`.
    pub region: String,
    /// The twelve digits of the account.
    pub account: String,
    /// What every resource's name begins with: `lmall`.
    pub prefix: String,
    /// Of a local stack, instead of AWS itself: `http://127.0.0.1:4566`, without a path.
    pub endpoint: Option<String>,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Site {
    /// From `AWS_REGION`, `LMALL_AWS_ACCOUNT`, `LMALL_PREFIX` (else `lmall`) and
    /// `LMALL_AWS_ENDPOINT` (else AWS itself); an empty one is unset.
    ///
    /// `AWS_ENDPOINT_URL` and its like are never read: a template cannot leave a variable out,
    /// and AWS's own loader panics on an empty one.
    ///
    /// # Errors
    /// When region or account is missing, or one of them is not what it should be.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let need = |name| get(name).ok_or_else(|| ConfigError(format!("{name} is not set")));
        let check = |name: &str, value: String, is_good: fn(&str) -> bool, what: &str| {
            if is_good(&value) { Ok(value) } else { Err(ConfigError(format!("{name}: {what}"))) }
        };
        let endpoint = get("LMALL_AWS_ENDPOINT")
            .map(|url| url.strip_suffix('/').map_or_else(|| url.clone(), str::to_owned))
            .map(|url| check("LMALL_AWS_ENDPOINT", url, is_endpoint, "not http(s)://host[:port]"));
        Ok(Self {
            region: check("AWS_REGION", need("AWS_REGION")?, is_region, "not a region")?,
            account: check(
                "LMALL_AWS_ACCOUNT",
                need("LMALL_AWS_ACCOUNT")?,
                is_account,
                "not twelve digits",
            )?,
            prefix: check(
                "LMALL_PREFIX",
                get("LMALL_PREFIX").unwrap_or_else(|| PREFIX.to_owned()),
                is_prefix,
                "not 1 to 32 lower-case letters, digits and inner hyphens after a letter",
            )?,
            endpoint: endpoint.transpose()?,
        })
    }

    /// `lmall-order`.
    #[must_use]
    pub fn table(&self, table: Table) -> String {
        self.named(match table {
            Table::Order => "order",
            Table::Inventory => "inventory",
            Table::Payment => "payment",
            Table::Catalogue => "catalogue",
            Table::Customer => "customer",
        })
    }

    /// `lmall-ops`: dead letters and what was replayed.
    #[must_use]
    pub fn ops_table(&self) -> String {
        self.named("ops")
    }

    /// `arn:aws:sns:…:lmall-order-events.fifo`.
    #[must_use]
    pub fn topic_arn(&self, topic: Topic) -> String {
        let Self { region, account, .. } = self;
        format!("arn:{}:sns:{region}:{account}:{}", self.partition(), self.own(topic.name()))
    }

    /// Of `lmall-order.fifo`.
    #[must_use]
    pub fn queue_url(&self, queue: Queue) -> String {
        self.url(&self.own(queue.name()))
    }

    /// Of `lmall-order-dead.fifo`.
    #[must_use]
    pub fn dead_queue_url(&self, queue: Queue) -> String {
        let name = self.own(queue.name());
        let name = match name.strip_suffix(FIFO) {
            Some(name) => format!("{name}-dead{FIFO}"),
            None => format!("{name}-dead"),
        };
        self.url(&name)
    }

    /// Of `lmall-relay-failures`: what the stream relay's mapping gave up on.
    #[must_use]
    pub fn relay_failures_url(&self) -> String {
        self.url(&self.named("relay-failures"))
    }

    /// A name of the topology, as it is called here.
    fn own(&self, name: &str) -> String {
        name.strip_prefix(PREFIX)
            .map_or_else(|| name.to_owned(), |rest| format!("{}{rest}", self.prefix))
    }

    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn url(&self, name: &str) -> String {
        let Self { region, account, .. } = self;
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{account}/{name}"),
            None => format!("https://sqs.{region}.{}/{account}/{name}", self.domain()),
        }
    }

    /// China and the United States' government have clouds of their own.
    fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    fn domain(&self) -> &'static str {
        if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }
}

/// Words of lower-case letters, and a number: `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let mut words: Vec<&str> = text.split('-').collect();
    let number = words.pop().unwrap_or_default();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase());
    text.len() <= REGION_CHARS_MAX
        && words.len() >= 2
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit())
}

fn is_prefix(text: &str) -> bool {
    text.len() <= PREFIX_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
}

/// A host with or without a port; no path, no query, no password.
fn is_endpoint(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    host.is_some_and(|host| {
        host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && host.bytes().all(|c| c.is_ascii_alphanumeric() || b".-:[]".contains(&c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Site, ConfigError> {
        Site::from_env(|name| {
            let found = settings.iter().rev().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const GOOD: [(&str, &str); 2] =
        [("AWS_REGION", "eu-central-1"), ("LMALL_AWS_ACCOUNT", "123456789012")];

    #[test]
    fn names_come_from_the_settings() {
        let site = read(&GOOD).unwrap();
        assert_eq!(site.table(Table::Inventory), "lmall-inventory");
        assert_eq!(site.ops_table(), "lmall-ops");
        assert_eq!(
            site.topic_arn(Topic::PaymentEvents),
            "arn:aws:sns:eu-central-1:123456789012:lmall-payment-events.fifo"
        );
        let host = "https://sqs.eu-central-1.amazonaws.com/123456789012";
        assert_eq!(site.queue_url(Queue::Analytics), format!("{host}/lmall-analytics"));
        assert_eq!(site.dead_queue_url(Queue::Analytics), format!("{host}/lmall-analytics-dead"));
        let mut site = Site { prefix: "shop-7".to_owned(), ..site };
        assert_eq!(site.queue_url(Queue::Order), format!("{host}/shop-7-order.fifo"));
        assert_eq!(site.dead_queue_url(Queue::Order), format!("{host}/shop-7-order-dead.fifo"));
        assert_eq!(site.relay_failures_url(), format!("{host}/shop-7-relay-failures"));
        site.region = "cn-north-1".to_owned();
        assert!(site.topic_arn(Topic::OrderEvents).starts_with("arn:aws-cn:sns:cn-north-1:"));
        assert!(
            site.queue_url(Queue::Order).starts_with("https://sqs.cn-north-1.amazonaws.com.cn/")
        );
    }

    #[test]
    fn an_empty_setting_is_unset_and_a_bad_one_is_refused() {
        let with = |name, value| read(&[GOOD[0], GOOD[1], (name, value)]);
        let site = with("LMALL_AWS_ENDPOINT", "").unwrap();
        assert_eq!((site.prefix.as_str(), site.endpoint), ("lmall", None));
        let site = with("LMALL_AWS_ENDPOINT", "http://127.0.0.1:4566/").unwrap();
        assert_eq!(
            site.queue_url(Queue::Order),
            "http://127.0.0.1:4566/123456789012/lmall-order.fifo"
        );
        for (name, value) in [
            ("AWS_REGION", ""),
            ("AWS_REGION", "Frankfurt"),
            ("AWS_REGION", "eu-central-1.evil.example/"),
            ("LMALL_AWS_ACCOUNT", ""),
            ("LMALL_AWS_ACCOUNT", "12345678901x"),
            ("LMALL_PREFIX", "Shop"),
            ("LMALL_PREFIX", "shop-"),
            ("LMALL_PREFIX", "a123456789012345678901234567890123"),
            ("LMALL_AWS_ENDPOINT", "127.0.0.1:4566"),
            ("LMALL_AWS_ENDPOINT", "http://user:secret@host"),
            ("LMALL_AWS_ENDPOINT", "http://host/path"),
        ] {
            let error = with(name, value).expect_err(value);
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }
}
