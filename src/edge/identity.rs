//! Who the embedded cloud claims to be: certificates made at its start, for that start alone.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority of its own and what a server needs to speak for some hosts.
pub(crate) struct Identity {
    /// The authority's certificate, in DER: who trusts it, trusts the server.
    pub(crate) root: Vec<u8>,
    /// Certificate, key and protocol of the server.
    pub(crate) config: Arc<ServerConfig>,
}

impl Identity {
    /// A new identity that speaks for `hosts`.
    ///
    /// # Errors
    /// The system has no random numbers, or a name is no host name.
    pub(crate) fn new(hosts: &[&str]) -> io::Result<Self> {
        let root = authority().map_err(io::Error::other)?;
        let (leaf, key) = leaf(hosts, &root).map_err(io::Error::other)?;
        Ok(Identity {
            root: root.as_ref().der().to_vec(),
            config: Arc::new(config(leaf, key).map_err(io::Error::other)?),
        })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "smsexec embedded cloud");
    // It signs servers, and no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn leaf(
    hosts: &[&str],
    root: &CertifiedIssuer<'static, KeyPair>,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, "smsexec embedded cloud, server");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, root)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((certificate.der().clone(), key.into()))
}

fn config(
    leaf: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    // The provider is named here, so that none has to be installed for the whole process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
