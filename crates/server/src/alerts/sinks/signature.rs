//! The signature of a webhook's messages: whoever has the secret can tell that a message came from here and is not an old one sent again.

use aqueduct_pipeline::schema::{Secret, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that has the signature.
pub(crate) const HEADER: &str = "X-Aqueduct-Signature";

/// `t=SECONDS,v1=HEX`, where the hex is HMAC-SHA256 with the secret over `SECONDS.BODY`.
pub(crate) fn signature(secret: &Secret, body: &[u8], now: Timestamp) -> String {
    let seconds = now.milliseconds().div_euclid(1_000);
    let mut text = format!("t={seconds},v1=");
    // A key of any length is one for HMAC, so there is no other case.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return text };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    for byte in mac.finalize().into_bytes() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_makes_of_it() {
        // printf '1770000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let signed = signature(&Secret::new("0123456789abcdef"), br#"{"a":1}"#, Timestamp::from_milliseconds(1_770_000_000_999));
        assert_eq!(signed, "t=1770000000,v1=ab5d9cdfaa49cca29469a4d5d686ff0ea7c9cacea0e99983196f05d2a853f769");
    }
}
