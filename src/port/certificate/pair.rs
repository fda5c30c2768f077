//! A certificate and its key, read from PEM and tried out: whether they can be shown at all.

use crate::port::certificates::Validity;
use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

/// They belong together.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: CertifiedKey,
    pub(super) leaf: CertificateDer<'static>,
    pub(super) validity: Validity,
}

/// Why they cannot be shown: in German, as part of a sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("kein lesbares Zertifikat in PEM")]
    Chain,
    #[error("kein lesbarer privater Schlüssel in PEM")]
    Key,
    #[error("Zertifikat und Schlüssel gehören nicht zusammen")]
    Mismatch,
    #[error("das Zertifikat gilt für einen anderen Namen")]
    Name,
}

impl Pair {
    /// The chain, ours first, and the key; both may be the same file. `name`: what the certificate must be good for.
    pub(super) fn read(chain: &[u8], key: &[u8], name: Option<&str>) -> Result<Pair, Unusable> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|_| Unusable::Chain)?;
        let leaf = chain.first().cloned().ok_or(Unusable::Chain)?;
        let validity = Validity::of(&leaf).ok_or(Unusable::Chain)?;
        if let Some(name) = name {
            let parsed = ParsedCertificate::try_from(&leaf).map_err(|_| Unusable::Chain)?;
            let name = ServerName::try_from(name).map_err(|_| Unusable::Name)?;
            verify_server_name(&parsed, &name).map_err(|_| Unusable::Name)?;
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Unusable::Key)?;
        let key = default_provider().key_provider.load_private_key(key).map_err(|_| Unusable::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| Unusable::Mismatch)?;
        Ok(Pair { certified, leaf, validity })
    }
}
