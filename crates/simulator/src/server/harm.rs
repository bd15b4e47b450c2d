//! What a fault does to a reply: to its content, and to the way it is sent.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use super::body::{ScriptedBody, Step};
use super::{Asked, Reply, Served, Vendor, gzip};
use crate::counters::RequestClass;
use crate::faults::{ContentLength, Effect};

const LOGIN_PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>";

impl<V: Vendor> Served<V> {
    /// The reply to a request, with the content that a fault asks for.
    pub(super) fn reply(&self, asked: &Asked, class: RequestClass, effect: Option<&Effect>) -> Reply {
        match effect {
            Some(Effect::Status { status, retry_after }) => {
                let reply = self.vendor.error(*status, class);
                match retry_after {
                    Some(retry_after) => self.with_retry_after(reply, retry_after),
                    None => reply,
                }
            }
            Some(Effect::ErrorBodyWithOk) => Reply { status: 200, ..self.vendor.error(500, class) },
            Some(Effect::HtmlWithOk) => Reply { content_type: "text/html; charset=utf-8", ..Reply::json(200, LOGIN_PAGE) },
            Some(Effect::Body(body)) => Reply::json(200, body.clone()),
            Some(Effect::Answer { status, body }) => Reply::json(*status, body.clone()),
            Some(Effect::GzipBomb { unpacked }) => Reply { gzipped: true, ..Reply::json(200, bomb(*unpacked)) },
            Some(Effect::DeepNesting { depth }) => Reply::json(200, nested(*depth)),
            Some(Effect::Endless) => Reply::json(200, Bytes::from_static(b"{")),
            Some(Effect::ExpireTokens) => {
                self.vendor.expire_tokens();
                self.vendor.answer(asked)
            }
            Some(Effect::RepeatPage) => match self.vendor.previous_page(asked) {
                Some(previous) => self.vendor.answer(&previous),
                None => self.vendor.answer(asked),
            },
            Some(Effect::SameCursor) => {
                let cursor = self.vendor.cursor(asked);
                self.vendor.with_next_cursor(self.vendor.answer(asked), cursor.as_deref())
            }
            Some(Effect::ReversePage) => self.vendor.reversed(self.vendor.answer(asked)),
            Some(Effect::EmptyBody) => changed(self.vendor.answer(asked), |_| Bytes::new()),
            Some(Effect::CorruptGzip) => {
                let mut reply = changed(self.vendor.answer(asked), damaged_gzip);
                reply.gzipped = true;
                reply
            }
            _ => self.vendor.answer(asked),
        }
    }
}

fn changed(mut reply: Reply, change: impl FnOnce(&[u8]) -> Bytes) -> Reply {
    reply.body = change(&reply.body);
    reply
}

fn damaged_gzip(body: &[u8]) -> Bytes {
    let mut bytes = gzip(body).to_vec();
    let tail = bytes.len().saturating_sub(8);
    for byte in &mut bytes[tail..] {
        *byte ^= 0x5A;
    }
    Bytes::from(bytes)
}

/// A page whose rows never come: white space up to the size asked for, compressed as well as it goes.
fn bomb(unpacked: u64) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let blank = [b' '; 64 * 1024];
    let mut left = unpacked.saturating_sub(14);
    // Writing to memory does not fail.
    let _ = encoder.write_all(b"{\"results\":[");
    while left > 0 {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(blank.len());
        let _ = encoder.write_all(&blank[..piece]);
        left -= piece as u64;
    }
    let _ = encoder.write_all(b"]}");
    Bytes::from(encoder.finish().unwrap_or_default())
}

fn nested(depth: usize) -> Bytes {
    let mut body = String::with_capacity(2 * depth + 16);
    body.push_str("{\"results\":");
    body.extend(std::iter::repeat_n('[', depth));
    body.extend(std::iter::repeat_n(']', depth));
    body.push('}');
    Bytes::from(body)
}

/// The way a body is sent, and the `Content-Length` to claim where it is not the body's own.
pub(super) fn transmission(body: Bytes, effect: Option<&Effect>) -> (ScriptedBody, Option<u64>) {
    let whole = body.len() as u64;
    match effect {
        Some(Effect::Truncate { at, content_length }) => {
            let sent = body.slice(..body.len().min(*at));
            match content_length {
                ContentLength::Sent => (ScriptedBody::whole(sent), None),
                ContentLength::Whole => (ScriptedBody::script([Step::Send(sent), Step::Flush, Step::Break]), Some(whole)),
                ContentLength::Absent => (ScriptedBody::script([Step::Send(sent), Step::Flush, Step::Break]), None),
            }
        }
        Some(Effect::Slow { piece, pause }) => {
            let piece = (*piece).max(1);
            let steps = (0..body.len()).step_by(piece).flat_map(|start| {
                let end = body.len().min(start + piece);
                [Step::Pause(*pause), Step::Send(body.slice(start..end))]
            });
            (ScriptedBody::script(steps), Some(whole))
        }
        Some(Effect::Stall { at }) => {
            let sent = body.slice(..body.len().min(*at));
            (ScriptedBody::script([Step::Send(sent), Step::Stall]), Some(whole.max(1)))
        }
        Some(Effect::Endless) => {
            let blank = Bytes::from(vec![b' '; 16 * 1024]);
            (ScriptedBody::script([Step::Send(body), Step::Repeat(blank)]), None)
        }
        _ => (ScriptedBody::whole(body), None),
    }
}
