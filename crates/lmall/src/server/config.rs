//! What `lmall serve` runs with: what was given, or made at start and printed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use lmall_app::{
    ids::public::PublicIds,
    order,
    payment::{Provider, Providers, Scheme, Secret},
    stock,
    waiting::AdmissionKeys,
};
use lmall_domain::catalogue::Offer;
use lmall_payment::DEMO_PROVIDER;
use lmall_user_api::IdentityProviders;
use lmall_web::OperatorToken;

use super::seed;
use crate::{cli::ServeArgs, output};

/// Bytes of a secret that is made: as strong as the hash that it keys.
const SECRET_BYTES: usize = 32;

/// The configuration of a server.
pub(crate) struct Config {
    pub(super) orders: order::Settings,
    pub(super) stock: stock::Settings,
    pub(super) operator_token: OperatorToken,
    /// What signs admissions, if that was given.
    pub(super) admission_keys: Option<AdmissionKeys>,
    pub(super) providers: Arc<Providers>,
    pub(super) public_ids: PublicIds,
    /// Where gRPC is listened for, if anywhere.
    pub(super) grpc_listen: Option<SocketAddr>,
    pub(super) bcrypt_cost: u32,
    pub(super) identity_providers: IdentityProviders,
    /// Products to begin with, and their stock.
    pub(super) seed: Vec<(Offer, u32)>,
    made: Vec<String>,
}

impl Config {
    /// The configuration that the arguments ask for.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub(super) fn new(args: &ServeArgs) -> anyhow::Result<Self> {
        anyhow::ensure!(
            args.aws_endpoint().is_none(),
            "LMALL_AWS_ENDPOINT is for the AWS form; this is the embedded one"
        );
        let mut made = Vec::new();
        let token = args.operator_token().map_or_else(
            || {
                let token = random_hex();
                made.push(format!("operator token: {token}"));
                token
            },
            str::to_owned,
        );
        let keys = args.admission_keys().map(AdmissionKeys::parse).transpose();
        let providers = match args.providers() {
            Some(json) => Providers::parse(json).context("LMALL_PROVIDERS")?,
            None => {
                let secret = format!("whsec_{}", random_hex());
                made.push(format!("demo provider secret: {secret}"));
                vec![Provider {
                    name: DEMO_PROVIDER.parse().context("the demo provider's name")?,
                    scheme: Scheme::Generic,
                    secrets: vec![Secret::new(secret)],
                }]
            }
        };
        let public_ids = PublicIds::default();
        if let Some(keys) = args.public_id_keys() {
            public_ids.replace(keys.parse().context("LMALL_PUBLIC_ID_KEYS")?);
        }
        Ok(Self {
            orders: order::Settings {
                payment_timeout: Duration::from_secs(args.payment_timeout_s.into()),
            },
            stock: stock::Settings {
                reservation_grace: Duration::from_secs(args.reservation_grace_s.into()),
                buckets: 1,
            },
            operator_token: OperatorToken::new(token),
            admission_keys: keys.context("LMALL_ADMISSION_KEYS")?,
            providers: Arc::new(Providers::new(providers).context("LMALL_PROVIDERS")?),
            public_ids,
            grpc_listen: args
                .grpc_listen()
                .map(str::parse)
                .transpose()
                .context("LMALL_GRPC_LISTEN")?,
            bcrypt_cost: args.bcrypt_cost,
            identity_providers: IdentityProviders::parse(args.identity_providers())
                .context("LMALL_IDENTITY_PROVIDERS")?,
            seed: args.catalogue().map_or(Ok(Vec::new()), |file| seed::read(&file))?,
            made,
        })
    }

    /// Prints what was made at start, and nothing that was given.
    pub(super) fn announce(&self) {
        self.made.iter().for_each(output::say);
    }
}

/// As many random digits as a secret has.
pub(super) fn random_hex() -> String {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    hex::encode(bytes)
}
