//! Takes a body in within the caps: never more memory than was received or is allowed, whatever the headers claim.

use std::io::Read;
use std::time::Duration;

use aqueduct_schema::{Error, Result, codes};
use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;

use super::depth;
use crate::meter::Receiving;
use crate::settings::Settings;

/// A body may claim to be as long as it likes; no more than this is set aside before bytes arrive.
const FIRST_CAPACITY: usize = 128 << 10;
/// Small bodies that compress well are common (`[]` a thousand times); the ratio is looked at from here on.
const RATIO_FROM: usize = 1 << 20;

/// The caps of a body.
#[derive(Clone, Debug)]
pub(crate) struct Caps {
    body: usize,
    ratio: usize,
    depth: usize,
    idle: Duration,
}

impl Caps {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { body: settings.body_limit, ratio: settings.ratio_limit as usize, depth: settings.depth_limit, idle: settings.idle_timeout }
    }

    /// Receives, decompresses and checks a body; also gives the number of bytes received.
    ///
    /// # Errors
    /// `AQ3004` when the body breaks off, `AQ3005` when it is compressed wrongly, `AQ3007` when it is over a cap.
    pub(crate) async fn take(&self, mut response: reqwest::Response, receiving: &mut Receiving<'_>) -> Result<(Bytes, u64)> {
        let announced = response.content_length();
        let encoding = response.headers().get("content-encoding").map(|value| value.as_bytes().to_ascii_lowercase());
        let wire = self.receive(&mut response, announced, receiving).await?;
        let wire_bytes = wire.len() as u64;
        let body = match encoding.as_deref() {
            None | Some(b"" | b"identity") => wire,
            Some(b"gzip" | b"x-gzip") if wire.is_empty() => wire,
            Some(b"gzip" | b"x-gzip") => self.decompress(&wire)?,
            Some(_) => {
                return Err(Error::new(codes::MALFORMED_ANSWER, "the answer is compressed in a way that was not asked for"));
            }
        };
        if depth::looks_like_json(&body) && depth::exceeds(&body, self.depth) {
            return Err(Error::new(codes::HOSTILE_ANSWER, "the answer nests too deep").with("limit", self.depth));
        }
        Ok((body, wire_bytes))
    }

    async fn receive(&self, response: &mut reqwest::Response, announced: Option<u64>, receiving: &mut Receiving<'_>) -> Result<Bytes> {
        if announced.is_some_and(|length| length > self.body as u64) {
            return Err(self.too_large());
        }
        let mut first = None;
        let mut whole = BytesMut::new();
        let mut received = 0_usize;
        while let Some(chunk) = response.chunk().await.map_err(|error| super::send::network_error(error, self.idle))? {
            received += chunk.len();
            receiving.add(chunk.len());
            if received > self.body {
                return Err(self.too_large());
            }
            match first.take() {
                // A body that comes in one piece is not copied.
                None if whole.is_empty() => first = Some(chunk),
                begun => {
                    if whole.is_empty() {
                        // A piece may be larger than what is set aside for what the header announces.
                        whole.reserve(usize::try_from(announced.unwrap_or(0)).unwrap_or(0).min(FIRST_CAPACITY).max(chunk.len()));
                    }
                    whole.extend_from_slice(&begun.unwrap_or_default());
                    whole.extend_from_slice(&chunk);
                }
            }
        }
        if announced.is_some_and(|length| length != received as u64) {
            return Err(Error::new(codes::NETWORK, "the answer broke off").with("bytes", received));
        }
        Ok(first.unwrap_or_else(|| whole.freeze()))
    }

    fn decompress(&self, wire: &[u8]) -> Result<Bytes> {
        let mut decoder = MultiGzDecoder::new(wire);
        let mut body = Vec::with_capacity((wire.len() * 4).min(FIRST_CAPACITY));
        let mut part = [0_u8; 32 << 10];
        loop {
            let count = decoder
                .read(&mut part)
                .map_err(|_| Error::new(codes::NETWORK, "the compressed answer is damaged").with("bytes", wire.len()))?;
            if count == 0 {
                return Ok(body.into());
            }
            if body.len() + count > self.body {
                return Err(self.too_large());
            }
            body.extend_from_slice(&part[..count]);
            if body.len() > RATIO_FROM && body.len() / wire.len().max(1) > self.ratio {
                return Err(
                    Error::new(codes::HOSTILE_ANSWER, "the answer decompresses to too many times its size").with("limit", self.ratio)
                );
            }
        }
    }

    fn too_large(&self) -> Error {
        Error::new(codes::HOSTILE_ANSWER, "the answer is too large").with("limit", self.body)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn caps() -> Caps {
        Caps::new(&Settings { body_limit: 8 << 20, ..Settings::default() })
    }

    #[test]
    fn good_bodies_come_out_and_damaged_ones_do_not() {
        let wire = gzip(br#"{"results":[]}"#);
        assert_eq!(caps().decompress(&wire).unwrap(), &br#"{"results":[]}"#[..]);
        assert_eq!(caps().decompress(&wire[..wire.len() - 3]).unwrap_err().code(), codes::NETWORK);
        let mut wrong_sum = wire.clone();
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert_eq!(caps().decompress(&wrong_sum).unwrap_err().code(), codes::NETWORK);
        let mut tail = wire;
        tail.extend_from_slice(b"garbage");
        assert!(caps().decompress(&tail).is_err());
    }

    #[test]
    fn bombs_are_stopped() {
        let bomb = gzip(&vec![b' '; 6 << 20]);
        assert_eq!(caps().decompress(&bomb).unwrap_err().code(), codes::HOSTILE_ANSWER);
        let mut noisy = Vec::new();
        let mut state = 1_u64;
        while noisy.len() < 9 << 20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noisy.extend_from_slice(&state.to_le_bytes());
        }
        assert_eq!(caps().decompress(&gzip(&noisy)).unwrap_err().code(), codes::HOSTILE_ANSWER);
    }
}
