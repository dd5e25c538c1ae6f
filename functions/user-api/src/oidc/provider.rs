//! One identity provider: where it sends browsers, and what it says of who comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lmall_app::{
    customer::{Stranger, parse_email},
    failure::chain,
};
use lmall_domain::customer::{Identity, checked_name};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, TokenResponse,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
        CoreProviderMetadata,
    },
    url::Url,
};
use parking_lot::Mutex;

use super::{cookie::Flow, http_client::HttpClient};

/// For how long what a provider says of itself is believed: it may replace its keys.
const FRESH_FOR: Duration = Duration::from_secs(600);

/// What a provider may sign with: keys that we need not know to verify.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 4] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider.
pub(super) struct Provider {
    name: String,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    redirect_url: RedirectUrl,
    /// Whether browsers come back over HTTPS.
    pub(super) is_secure: bool,
    http: HttpClient,
    known: Mutex<Option<(Instant, Arc<CoreProviderMetadata>)>>,
}

/// Why nobody comes from a provider. What it was goes to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not answer, or not as it should: later it may.
    Away,
    /// It does not vouch for who comes.
    NotVouched,
}

type ProviderClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// A provider that is not asked yet.
    pub(super) fn new(
        name: String,
        issuer: IssuerUrl,
        client_id: ClientId,
        client_secret: ClientSecret,
        redirect_url: RedirectUrl,
        is_secure: bool,
        http: HttpClient,
    ) -> Self {
        let known = Mutex::new(None);
        Self { name, issuer, client_id, client_secret, redirect_url, is_secure, http, known }
    }

    /// Where a browser is sent, and what it has to keep.
    pub(super) async fn begin(&self) -> Result<(Url, Flow), Refused> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client().await?;
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let flow = Flow {
            provider: self.name.clone(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        };
        Ok((url, flow))
    }

    /// Who comes back with this code.
    pub(super) async fn finish(&self, code: String, flow: Flow) -> Result<Stranger, Refused> {
        let client = self.client().await?;
        let http = |request| self.http.clone().ask(request);
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(away)?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(flow.verifier));
        let answer = request.request_async(&http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(_) => not_vouched(error),
            RequestTokenError::Request(_)
            | RequestTokenError::Parse(..)
            | RequestTokenError::Other(_) => away(error),
        })?;
        let token = answer.id_token().ok_or(Refused::NotVouched)?;
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims = token.claims(&verifier, &Nonce::new(flow.nonce)).map_err(not_vouched)?;
        Ok(self.stranger(claims))
    }

    fn stranger(&self, claims: &CoreIdTokenClaims) -> Stranger {
        let is_proved = claims.email_verified() == Some(true);
        let email = claims.email().filter(|_| is_proved);
        let name = claims.name().and_then(|name| name.get(None));
        let (provider, subject) = (self.name.clone(), claims.subject().to_string());
        Stranger {
            identity: Identity { provider, subject },
            verified_email: email.and_then(|email| parse_email(email).ok()),
            name: name.and_then(|name| checked_name(name.to_string()).ok()),
        }
    }

    async fn client(&self) -> Result<ProviderClient, Refused> {
        let metadata = self.metadata().await?;
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        let client = CoreClient::from_provider_metadata((*metadata).clone(), id, Some(secret));
        Ok(client.set_redirect_uri(self.redirect_url.clone()))
    }

    /// What the provider says of itself, its keys with it.
    async fn metadata(&self) -> Result<Arc<CoreProviderMetadata>, Refused> {
        let known = self.known.lock().clone();
        if let Some((asked_at, metadata)) = known
            && asked_at.elapsed() < FRESH_FOR
        {
            return Ok(metadata);
        }
        let http = |request| self.http.clone().ask(request);
        let issuer = self.issuer.clone();
        let found = CoreProviderMetadata::discover_async(issuer, &http).await.map_err(away)?;
        let found = Arc::new(found);
        *self.known.lock() = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }
}

fn away(error: impl std::error::Error) -> Refused {
    tracing::warn!(error = chain(&error), "an identity provider does not answer as it should");
    Refused::Away
}

fn not_vouched(error: impl std::error::Error) -> Refused {
    tracing::info!(error = chain(&error), "an identity provider does not vouch for who comes");
    Refused::NotVouched
}
