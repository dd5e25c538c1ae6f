//! The clients, built once a process.

use std::{sync::Arc, time::Duration};

use aws_config::{
    SdkConfig, default_provider::credentials::DefaultCredentialsChain, identity::IdentityCache,
    provider_config::ProviderConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{
    AppName, BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use super::Site;
use crate::meter::Meter;

/// How often a request is sent at most, counting the first time.
const ATTEMPTS_MAX: u32 = 3;

/// Until a connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// Until the first byte of an answer. DynamoDB answers within some milliseconds: one that takes
/// longer than this was lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Until a request, with all its attempts and the pauses between them, has an answer.
const OPERATION_WITHIN: Duration = Duration::from_secs(10);

/// The longest that SQS keeps a receiver waiting.
const LONG_POLL_MAX: Duration = Duration::from_secs(20);

/// The clients of AWS, made once a process: clones share connections and credentials.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Where they go.
    pub site: Site,
    /// DynamoDB.
    pub dynamo: aws_sdk_dynamodb::Client,
    /// SNS.
    pub sns: aws_sdk_sns::Client,
    /// SQS. It waits longer for an answer than the others: a long poll takes 20 s.
    pub sqs: aws_sdk_sqs::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// Parameter Store.
    pub ssm: aws_sdk_ssm::Client,
    /// What all of them have asked.
    pub meter: Arc<Meter>,
}

impl Clients {
    /// Clients with the credentials of the environment: variables, profile, web identity, the
    /// container's or the machine's role, in this order.
    ///
    /// They have time-outs, send a request up to three times in the SDK's standard way, and name
    /// LMall in the user agent. Only [`Site`] says where they go.
    pub async fn connect(site: Site) -> Self {
        let http = http_client();
        let provider = ProviderConfig::default().with_http_client(http.clone());
        let region = Region::new(site.region.clone());
        let chain = DefaultCredentialsChain::builder().region(region).configure(provider);
        let credentials = SharedCredentialsProvider::new(chain.build().await);
        Self::build(site, credentials, http)
    }

    /// Clients with these credentials.
    #[must_use]
    pub fn connect_with(site: Site, credentials: SharedCredentialsProvider) -> Self {
        Self::build(site, credentials, http_client())
    }

    /// Not through the SDK's own loader: that one reads `AWS_ENDPOINT_URL`, and panics when it
    /// is empty.
    fn build(site: Site, credentials: SharedCredentialsProvider, http: SharedHttpClient) -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(site.region.clone()))
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().build())
            .http_client(http)
            // Answers are small and have a time-out of their own: to watch their speed costs
            // more than it tells.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX))
            .timeout_config(timeouts(Duration::ZERO));
        config.set_app_name(AppName::new("lmall").ok());
        config.set_endpoint_url(site.endpoint.clone());
        let config = config.build();
        let meter = Arc::new(Meter::default());
        let metered = || Arc::clone(&meter).interceptor();
        let dynamo = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(metered());
        let sns = aws_sdk_sns::config::Builder::from(&config).interceptor(metered());
        let sqs = aws_sdk_sqs::config::Builder::from(&config).interceptor(metered());
        let events = aws_sdk_eventbridge::config::Builder::from(&config).interceptor(metered());
        let ssm = aws_sdk_ssm::config::Builder::from(&config).interceptor(metered());
        Self {
            site,
            dynamo: aws_sdk_dynamodb::Client::from_conf(dynamo.build()),
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            sqs: aws_sdk_sqs::Client::from_conf(
                sqs.timeout_config(timeouts(LONG_POLL_MAX)).build(),
            ),
            events: aws_sdk_eventbridge::Client::from_conf(events.build()),
            ssm: aws_sdk_ssm::Client::from_conf(ssm.build()),
            meter,
        }
    }
}

fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The time-outs of a service that may hold its answer back for so long.
fn timeouts(held_back: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_WITHIN)
        .read_timeout(ANSWER_WITHIN + held_back)
        .operation_attempt_timeout(CONNECT_WITHIN + ANSWER_WITHIN + held_back)
        .operation_timeout(OPERATION_WITHIN + held_back)
        .build()
}
