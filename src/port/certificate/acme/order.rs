//! One certificate, from the account to the file (RFC 8555), proved by TLS-ALPN-01 (RFC 8737) through the way in. Does not say when.

use super::super::pair::Pair;
use super::failure::Failure;
use super::folder::Folder;
use super::http::Http;
use crate::config::AcmeConfig;
use crate::domain::time::Timestamp;
use crate::port::certificates::{Certificates, Challenge};
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::io;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// The profile for servers, without what they do not need: 45 days (Let's Encrypt, 13 May 2026). Shorter ones are not taken unasked: a
/// relay that was offline for a long weekend would come back without a certificate.
const PROFILE: &str = "tlsserver";
/// How long an order may be in the authority's hands. It looks from several places, one after the other if it must.
const POLLING: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(120));

/// Who signs certificates, and what it takes to ask.
pub(super) struct Authority<'a> {
    pub(super) config: &'a AcmeConfig,
    pub(super) http: Http,
    pub(super) folder: Folder,
    pub(super) certificates: &'a Certificates,
}

/// An order that came to nothing.
pub(super) struct Failed {
    pub(super) why: Failure,
    /// Whether the authority may count it among what it allows.
    pub(super) counted: bool,
}

/// When the authority advises to renew.
pub(super) struct Advice {
    pub(super) window: (Timestamp, Timestamp),
    /// Ask again after this.
    pub(super) again: Duration,
}

impl Authority<'_> {
    /// A new certificate with a new key, on disk. `replaces` the one that is shown.
    pub(super) async fn order(&self, replaces: Option<&CertificateDer<'static>>) -> Result<Pair, Failed> {
        let ordered = self.place(replaces).await;
        let mut order = ordered.map_err(|why| Failed { counted: matches!(why, Failure::Refused { .. }), why })?;
        // From here on it may have looked, and counted what it saw, whatever we hear of it.
        self.carry_out(&mut order).await.map_err(|why| Failed { why, counted: true })
    }

    /// When to renew `leaf`, if the authority has an opinion (RFC 9773).
    pub(super) async fn advice(&self, leaf: &CertificateDer<'static>) -> Result<Advice, Failure> {
        let account = self.account().await?;
        let id = CertificateIdentifier::try_from(leaf).map_err(Failure::Strange)?;
        let (info, again) = account.renewal_info(&id).await.map_err(|error| self.failure(error))?;
        let second = |at: i64| Timestamp(u32::try_from(at.max(0)).unwrap_or(u32::MAX));
        let window = info.suggested_window;
        Ok(Advice { window: (second(window.start.unix_timestamp()), second(window.end.unix_timestamp())), again })
    }

    fn failure(&self, error: Error) -> Failure {
        Failure::of(error, self.http.hold())
    }

    /// The one on disk, or a new one.
    async fn account(&self) -> Result<Account, Failure> {
        let account = || Account::builder_with_http(Box::new(self.http.clone()));
        if let Some(credentials) = self.on_disk(Folder::account).await? {
            match account().from_credentials(credentials).await {
                Err(Error::KeyRejected) => self.on_disk(Folder::forget_account).await?,
                known => return known.map_err(|error| self.failure(error)),
            }
        }
        let contact = self.config.contact.as_ref().map(|address| format!("mailto:{address}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let made = account().create(&new, self.config.directory.clone(), None).await;
        let (account, credentials) = made.map_err(|error| self.failure(error))?;
        self.on_disk(move |folder| folder.keep_account(&credentials)).await?;
        Ok(account)
    }

    async fn place(&self, replaces: Option<&CertificateDer<'static>>) -> Result<Order, Failure> {
        self.on_disk(Folder::rehearse).await?;
        let account = self.account().await?;
        let name = [Identifier::Dns(self.config.name.clone())];
        let listed = account.profiles().any(|profile| profile.name == PROFILE).then_some(PROFILE);
        let profile = self.config.profile.as_deref().or(listed);
        let new = || profile.into_iter().fold(NewOrder::new(&name), NewOrder::profile);
        if let Some(id) = replaces.and_then(|leaf| CertificateIdentifier::try_from(leaf).ok()) {
            match account.new_order(&new().replaces(id)).await.map_err(|error| self.failure(error)) {
                Ok(order) => return Ok(order),
                Err(why @ (Failure::Unreachable(_) | Failure::Distrusted | Failure::Clock(_))) => return Err(why),
                Err(why) if why.kind() == "rateLimited" => return Err(why),
                // It has been replaced before, was somebody else's, or the authority does not know the word. It is only a courtesy.
                Err(why) => tracing::debug!(%why, "an order that replaces the present certificate is refused: ordered without"),
            }
        }
        let ordered = account.new_order(&new()).await.map_err(|error| self.failure(error));
        if let Err(why) = &ordered
            && why.kind() == "accountDoesNotExist"
        {
            self.on_disk(Folder::forget_account).await?;
        }
        ordered
    }

    async fn carry_out(&self, order: &mut Order) -> Result<Pair, Failure> {
        let shown = self.show_proofs(order).await?;
        let ready = order.poll_ready(&POLLING).await;
        drop(shown);
        match ready {
            Ok(OrderStatus::Ready) => {}
            Ok(_) | Err(Error::Api(_)) => return Err(self.why(order).await),
            Err(error) => return Err(self.failure(error)),
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([self.config.name.clone()])?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key)?;
        order.finalize_csr(request.der()).await.map_err(|error| self.failure(error))?;
        let chain = order.poll_certificate(&POLLING).await.map_err(|error| self.failure(error))?;
        let key = key.serialize_pem();
        let pair = Pair::read(chain.as_bytes(), key.as_bytes(), Some(&self.config.name)).map_err(Failure::Unusable)?;
        let kept = self.on_disk(move |folder| folder.keep_certificate(&chain, &key)).await;
        if let Err(error) = kept {
            // It is good, and it was rehearsed: shown until the next start, which orders another one.
            tracing::error!(%error, "the new certificate cannot be kept");
        }
        Ok(pair)
    }

    /// What is needed to prove each name is shown while the result lives, and the authority is asked to look.
    async fn show_proofs(&self, order: &mut Order) -> Result<Vec<Challenge>, Failure> {
        let mut shown = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.failure(error))?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or(Failure::NoChallenge)?;
            let proof = proof(&self.config.name, challenge.key_authorization().digest().as_ref())?;
            shown.push(self.certificates.challenge(&self.config.name, proof));
            challenge.set_ready().await.map_err(|error| self.failure(error))?;
        }
        Ok(shown)
    }

    /// Why it was refused: that stands in the challenge, while the order only says that it is invalid.
    async fn why(&self, order: &mut Order) -> Failure {
        let general = order.state().error.as_ref().map(|problem| Failure::refused(problem, self.http.hold()));
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if let Err(error) = authorization.refresh().await {
                return self.failure(error);
            }
            if let Some(problem) = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                return Failure::refused(problem, self.http.hold());
            }
        }
        general.unwrap_or_else(|| Failure::Strange("an order is invalid and nobody says why".to_owned()))
    }

    /// Off the runtime's thread: a slow card must not hold up an MQTT ping.
    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static) -> Result<T, Failure> {
        let folder = self.folder.clone();
        let done = spawn_blocking(move || work(&folder)).await;
        Ok(done.map_err(io::Error::other)??)
    }
}

/// What who validates `name` is shown (RFC 8737 3). Not by `CertifiedKey::from_der`: it reads the certificate, and does not know the
/// extension, which is critical.
fn proof(name: &str, digest: &[u8]) -> Result<CertifiedKey, Failure> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = any_supported_type(&key).map_err(|error| Failure::Key(error.to_string()))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}
