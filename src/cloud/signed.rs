//! The signed document: one line with the signature, then the document, byte for byte.
//!
//! ```text
//! ed25519 <128 hexadecimal digits>\n
//! <document>
//! ```
//!
//! The form is the simulator's own. It stands for the signed cabinet that the real service
//! sends and the downloader finds "signed and trusted" (domain.md 5.1).

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::hash;

/// What the line of a signature starts with.
const ALGORITHM: &[u8] = b"ed25519 ";

/// Signs documents.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// The signer whose secret is `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Signer(SigningKey::from_bytes(&seed))
    }

    /// `document` under its signature.
    pub fn sign(&self, document: &[u8]) -> Vec<u8> {
        self.sign_as(document, document)
    }

    /// `document` under the signature of `signed`: a forgery, unless they are the same.
    pub(crate) fn sign_as(&self, signed: &[u8], document: &[u8]) -> Vec<u8> {
        let signature = hash::hex(&self.0.sign(signed).to_bytes());
        [ALGORITHM, signature.as_bytes(), b"\n", document].concat()
    }

    /// What others need to check its signatures.
    pub fn trusted_key(&self) -> TrustedKey {
        TrustedKey(self.0.verifying_key())
    }
}

impl fmt::Debug for Signer {
    /// Shows the public part alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.trusted_key()).finish()
    }
}

/// Whose signature counts.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedKey(VerifyingKey);

impl TrustedKey {
    /// The key with these 32 bytes.
    ///
    /// # Errors
    /// [`NotSigned`] if they are no key.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, NotSigned> {
        VerifyingKey::from_bytes(&bytes)
            .map(TrustedKey)
            .map_err(|_| NotSigned("the trusted key is no ed25519 key"))
    }

    /// The key's 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The document in `bytes`, if it is signed by this key.
    ///
    /// # Errors
    /// [`NotSigned`], with what is wrong.
    pub fn open<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], NotSigned> {
        let rest = bytes.strip_prefix(ALGORITHM).ok_or(NotSigned("there is no signature"))?;
        // The digits are counted, so a hostile document is not searched for its first newline.
        let (digits, rest) =
            rest.split_at_checked(128).ok_or(NotSigned("the signature is cut short"))?;
        let signature = hash::unhex::<64>(digits).ok_or(NotSigned("the signature is no text"))?;
        let document = rest.strip_prefix(b"\n").ok_or(NotSigned("the signature is too long"))?;
        // Strict: a signature that some implementations take and some do not is none here.
        self.0
            .verify_strict(document, &Signature::from_bytes(&signature))
            .map_err(|_| NotSigned("the signature is not by the key that is trusted"))?;
        Ok(document)
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustedKey({})", hash::hex(&self.to_bytes()))
    }
}

/// A document that nobody trusted has signed, and how that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSigned(&'static str);

impl fmt::Display for NotSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotSigned {}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::from_seed([7; 32])
    }

    #[test]
    fn what_was_signed_opens_to_the_same_bytes() {
        let key = signer().trusted_key();
        for document in [&b""[..], b"{}", b"two\nlines\n", &[0, 255, 10, 13]] {
            assert_eq!(key.open(&signer().sign(document)), Ok(document));
        }
        assert_eq!(TrustedKey::from_bytes(key.to_bytes()), Ok(key));
    }

    #[test]
    fn a_flipped_bit_in_any_byte_is_noticed() {
        let key = signer().trusted_key();
        let good = signer().sign(b"{\"format\":1}");
        for place in 0..good.len() {
            let mut bad = good.clone();
            // Not bit 5: in a digit of the signature it is the case, which does not matter.
            bad[place] ^= 1 << (place % 5);
            assert!(key.open(&bad).is_err(), "byte {place}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let key = signer().trusted_key();
        let good = signer().sign(b"{\"format\":1}");
        for length in 0..good.len() {
            assert!(key.open(&good[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_signer_is_not_trusted() {
        let other = Signer::from_seed([8; 32]);
        assert!(signer().trusted_key().open(&other.sign(b"{}")).is_err());
        assert!(signer().trusted_key().open(&signer().sign_as(b"a", b"b")).is_err());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let shown = format!("{:?}", signer());
        assert!(!shown.contains(&hash::hex(&[7; 32])) && !shown.contains("7, 7"), "{shown}");
    }
}
