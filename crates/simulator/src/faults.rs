//! Fault switches: which requests go wrong, how often, and how.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::counters::RequestClass;
use crate::random::Random;

/// One fault: the requests it is for, how often it fires, and what it does.
///
/// The faults of a simulator are tried in the order in which they were injected; the first that fires is the one a
/// request gets, except that an [`Effect::Call`] runs and lets the search go on.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The requests it is for.
    pub when: Match,
    /// How often it fires.
    pub times: Times,
    /// What it does.
    pub effect: Effect,
}

impl Fault {
    /// A fault that fires for the next `count` requests that match.
    #[must_use]
    pub fn next(count: u64, effect: Effect) -> Self {
        Self { when: Match::default(), times: Times::Count(count), effect }
    }

    /// A fault that fires for every request that matches, until it is cleared.
    #[must_use]
    pub fn always(effect: Effect) -> Self {
        Self { when: Match::default(), times: Times::Forever, effect }
    }

    /// The same fault, for these requests.
    #[must_use]
    pub fn when(mut self, when: Match) -> Self {
        self.when = when;
        self
    }
}

/// How often a fault fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// So many times.
    Count(u64),
    /// Until it is cleared.
    Forever,
}

/// Which requests a fault is for. The default is all of them; every condition set must hold.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// The HTTP method, in upper case.
    pub method: Option<String>,
    /// A part of the path and query, as sent.
    pub path_contains: Option<String>,
    /// A part of the body, as sent.
    pub body_contains: Option<String>,
    /// The class of the endpoint.
    pub class: Option<RequestClass>,
    /// The vendor's name for the kind of records that the answer holds, where the vendor tells: `Contact` at Salesforce.
    pub records_of: Option<String>,
    /// How many matching requests pass unharmed first.
    pub skip: u64,
    /// The chance of firing, from a seed of its own.
    pub chance: Option<Chance>,
}

/// A chance in a thousand, drawn from a seed: the same sequence of decisions on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    /// 0 is never, 1000 is always.
    pub per_mille: u64,
    /// The seed of the decisions.
    pub seed: u64,
}

impl Match {
    /// Requests whose path and query contain `part`.
    #[must_use]
    pub fn path(part: impl Into<String>) -> Self {
        Self { path_contains: Some(part.into()), ..Self::default() }
    }

    /// Requests of a class.
    #[must_use]
    pub fn class(class: RequestClass) -> Self {
        Self { class: Some(class), ..Self::default() }
    }

    /// Requests whose answer holds records of a kind, however they ask for them.
    #[must_use]
    pub fn records_of(kind: impl Into<String>) -> Self {
        Self { records_of: Some(kind.into()), ..Self::default() }
    }

    /// The same, after `count` matching requests have passed unharmed.
    #[must_use]
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// The same, with a chance of `per_mille` in a thousand drawn from `seed`.
    #[must_use]
    pub fn chance(mut self, per_mille: u64, seed: u64) -> Self {
        self.chance = Some(Chance { per_mille, seed });
        self
    }

    fn holds(&self, request: &Seen<'_>) -> bool {
        let body = || String::from_utf8_lossy(request.body);
        self.method.as_deref().is_none_or(|method| method == request.method)
            && self.class.is_none_or(|class| class == request.class)
            && self.records_of.as_deref().is_none_or(|kind| request.topic == Some(kind))
            && self.path_contains.as_deref().is_none_or(|part| request.path.contains(part))
            && self.body_contains.as_deref().is_none_or(|part| body().contains(part))
    }
}

/// What a `Retry-After` header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// An HTTP date this far ahead of the simulator's clock.
    Date(Duration),
    /// Any text, for instance a negative number or words.
    Text(String),
}

/// What the `Content-Length` of a cut body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// The length of what is sent: only the content is cut.
    Sent,
    /// The length of the whole body: the connection ends before it is complete.
    Whole,
    /// Nothing: the body is chunked, and the connection ends without the last chunk.
    Absent,
}

/// What happens to a request.
#[derive(Clone)]
pub enum Effect {
    /// An error reply with the vendor's error body.
    Status {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header, if any.
        retry_after: Option<RetryAfter>,
    },
    /// Status 200 with the vendor's error body.
    ErrorBodyWithOk,
    /// Status 200 with an HTML page, like a login page of a proxy.
    HtmlWithOk,
    /// Status 200 with this body, as `application/json`.
    Body(String),
    /// Any status with this body, as `application/json`.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The right status and headers with no body at all.
    EmptyBody,
    /// The right reply cut after `at` bytes of its body.
    Truncate {
        /// How many bytes are sent; at most the whole body.
        at: usize,
        /// What the header claims.
        content_length: ContentLength,
    },
    /// The right reply compressed, with its last eight bytes (checksum and length) damaged.
    CorruptGzip,
    /// The connection ends without a reply.
    DropConnection,
    /// The right reply in pieces of `piece` bytes with a pause before each.
    Slow {
        /// Bytes in a piece.
        piece: usize,
        /// The pause before a piece, in real time.
        pause: Duration,
    },
    /// The right headers and the first `at` bytes, then nothing, with the connection open.
    Stall {
        /// How many bytes are sent first.
        at: usize,
    },
    /// A body that never ends: white space without end after an opening brace.
    Endless,
    /// The page before the one asked for, once more; the page asked for when there was none before.
    RepeatPage,
    /// The right page, whose pointer to the next page is the pointer that was asked for.
    SameCursor,
    /// The right page with its rows in the opposite order.
    ReversePage,
    /// Status 200 with a small gzip body that unpacks to this many bytes.
    GzipBomb {
        /// Bytes after unpacking.
        unpacked: u64,
    },
    /// Status 200 with arrays nested this deep.
    DeepNesting {
        /// How deep.
        depth: usize,
    },
    /// Every OAuth access token expires before the request is looked at.
    ExpireTokens,
    /// Calls a closure before the request is looked at, for instance one that changes records between two pages.
    Call(Arc<dyn Fn() + Send + Sync>),
}

impl Effect {
    /// An error reply without `Retry-After`.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None }
    }

    /// An error reply that asks for a pause.
    #[must_use]
    pub fn status_retry_after(status: u16, retry_after: RetryAfter) -> Self {
        Self::Status { status, retry_after: Some(retry_after) }
    }

    /// Calls `action` before the request is looked at.
    #[must_use]
    pub fn call(action: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Call(Arc::new(action))
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, retry_after } => {
                f.debug_struct("Status").field("status", status).field("retry_after", retry_after).finish()
            }
            Self::ErrorBodyWithOk => f.write_str("ErrorBodyWithOk"),
            Self::HtmlWithOk => f.write_str("HtmlWithOk"),
            Self::Body(_) => f.write_str("Body"),
            Self::Answer { status, .. } => f.debug_struct("Answer").field("status", status).finish_non_exhaustive(),
            Self::EmptyBody => f.write_str("EmptyBody"),
            Self::Truncate { at, content_length } => {
                f.debug_struct("Truncate").field("at", at).field("content_length", content_length).finish()
            }
            Self::CorruptGzip => f.write_str("CorruptGzip"),
            Self::DropConnection => f.write_str("DropConnection"),
            Self::Slow { piece, pause } => f.debug_struct("Slow").field("piece", piece).field("pause", pause).finish(),
            Self::Stall { at } => f.debug_struct("Stall").field("at", at).finish(),
            Self::Endless => f.write_str("Endless"),
            Self::RepeatPage => f.write_str("RepeatPage"),
            Self::SameCursor => f.write_str("SameCursor"),
            Self::ReversePage => f.write_str("ReversePage"),
            Self::GzipBomb { unpacked } => f.debug_struct("GzipBomb").field("unpacked", unpacked).finish(),
            Self::DeepNesting { depth } => f.debug_struct("DeepNesting").field("depth", depth).finish(),
            Self::ExpireTokens => f.write_str("ExpireTokens"),
            Self::Call(_) => f.write_str("Call"),
        }
    }
}

/// Something to do before a request is looked at.
pub(crate) type Action = Arc<dyn Fn() + Send + Sync>;

/// What a fault can see of a request.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    pub(crate) class: RequestClass,
    pub(crate) topic: Option<&'a str>,
}

/// The faults of one simulator.
#[derive(Debug, Default)]
pub(crate) struct FaultList {
    armed: Mutex<Vec<Armed>>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    passed: u64,
    random: Random,
}

impl FaultList {
    /// Adds a fault behind those already there.
    pub(crate) fn inject(&self, fault: Fault) {
        let random = Random::new(fault.when.chance.map_or(0, |chance| chance.seed));
        self.lock().push(Armed { fault, passed: 0, random });
    }

    /// Removes all faults.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Whether there is no fault.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The effect for a request, if any, and the closures to call first.
    pub(crate) fn take(&self, request: &Seen<'_>) -> (Vec<Action>, Option<Effect>) {
        let mut calls = Vec::new();
        let mut found = None;
        let mut armed = self.lock();
        for entry in armed.iter_mut() {
            if !entry.fires(request) {
                continue;
            }
            if let Effect::Call(action) = &entry.fault.effect {
                calls.push(Arc::clone(action));
            } else {
                found = Some(entry.fault.effect.clone());
                break;
            }
        }
        armed.retain(|entry| entry.fault.times != Times::Count(0));
        (calls, found)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn fires(&mut self, request: &Seen<'_>) -> bool {
        if self.fault.times == Times::Count(0) || !self.fault.when.holds(request) {
            return false;
        }
        if self.passed < self.fault.when.skip {
            self.passed += 1;
            return false;
        }
        if self.fault.when.chance.is_some_and(|chance| !self.random.chance(chance.per_mille)) {
            return false;
        }
        if let Times::Count(left) = &mut self.fault.times {
            *left -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &str) -> Seen<'_> {
        Seen { method: "GET", path, body: b"", class: RequestClass::List, topic: Some("Lead") }
    }

    fn fires(list: &FaultList, path: &str) -> bool {
        list.take(&seen(path)).1.is_some()
    }

    #[test]
    fn a_fault_fires_so_many_times_for_what_it_matches() {
        let list = FaultList::default();
        list.inject(Fault::next(2, Effect::status(500)).when(Match::path("/deals").after(1)));
        let fired: Vec<bool> = ["/deals", "/contacts", "/deals", "/deals", "/deals"].iter().map(|path| fires(&list, path)).collect();
        assert_eq!(fired, [false, false, true, true, false]);
    }

    #[test]
    fn a_chance_is_drawn_from_its_seed() {
        let draw = || {
            let list = FaultList::default();
            list.inject(Fault::always(Effect::status(429)).when(Match::default().chance(300, 9)));
            (0..1_000).map(|_| fires(&list, "/a")).collect::<Vec<bool>>()
        };
        let first = draw();
        assert_eq!(first, draw());
        let count = first.iter().filter(|fired| **fired).count();
        assert!((220..380).contains(&count), "{count}");
    }

    #[test]
    fn a_fault_can_be_for_a_kind_of_records() {
        let list = FaultList::default();
        list.inject(Fault::next(1, Effect::EmptyBody).when(Match::records_of("Task")));
        assert!(!fires(&list, "/a") && !list.is_empty());
        list.inject(Fault::next(1, Effect::EmptyBody).when(Match::records_of("Lead")));
        assert!(fires(&list, "/a"));
    }

    #[test]
    fn a_call_lets_the_next_fault_fire() {
        let list = FaultList::default();
        list.inject(Fault::next(1, Effect::call(|| ())));
        list.inject(Fault::next(1, Effect::EmptyBody));
        let (calls, effect) = list.take(&seen("/a"));
        assert_eq!(calls.len(), 1);
        assert!(matches!(effect, Some(Effect::EmptyBody)));
        assert!(!fires(&list, "/a"));
        list.inject(Fault::always(Effect::Endless));
        list.clear();
        assert!(!fires(&list, "/a"));
    }
}
