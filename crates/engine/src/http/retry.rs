//! Tries again what may work in a moment, as long and as often as the settings allow, and waits as the source asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aqueduct_connector::{Action, Connector, Response, Usage, status};
use aqueduct_schema::{Error, Result, Retry as Verdict, codes};
use tracing::debug;

use super::limit::Limit;
use super::schedule::Schedule;
use super::{Exchange, refusal, retry_after};
use crate::clock::Clock;
use crate::meter::Waiting;
use crate::settings::Settings;

/// The shortest wait the source can ask for: `Retry-After: 0` must not become a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

pub(crate) struct Retry {
    inner: Limit,
    connector: Arc<dyn Connector>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// The quota as the latest answer told it.
    usage: Mutex<Option<Usage>>,
}

/// What is left to do after an attempt that was no success.
struct Setback {
    error: Error,
    /// The wait the source asked for.
    asked: Option<Duration>,
    /// Whether all requests of the class have to wait, not only this one.
    whole_class: bool,
    /// Whether the source certainly did not carry the request out.
    refused: bool,
}

impl Retry {
    pub(crate) fn new(inner: Limit, connector: Arc<dyn Connector>, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        Self { inner, connector, settings: settings.clone(), clock, usage: Mutex::new(None) }
    }

    /// The number of attempts, and the answer or the error of the last one.
    pub(crate) async fn send(&self, exchange: &Exchange) -> (u32, Result<Response>) {
        let mut attempts = 0;
        let outcome = self.attempts(exchange, &mut attempts).await;
        let outcome = outcome.map_err(|error| {
            let error = error.operation(exchange.request.operation.clone());
            if attempts > 1 { error.with("attempts", attempts) } else { error }
        });
        (attempts, outcome)
    }

    async fn attempts(&self, exchange: &Exchange, attempts: &mut u32) -> Result<Response> {
        let mut schedule = Schedule::new(&self.settings, self.clock.clone());
        let mut token_renewed = false;
        loop {
            self.within_quota()?;
            *attempts += 1;
            let setback = match self.inner.send(exchange).await {
                Ok(attempt) => match self.noted(&attempt.response).await {
                    Action::Accept => return Ok(attempt.response),
                    Action::RefreshToken => {
                        let stale = attempt.token.filter(|_| !token_renewed);
                        let Some(stale) = stale else {
                            return Err(refusal::error(codes::CREDENTIALS_REFUSED, &attempt.response));
                        };
                        token_renewed = true;
                        exchange.meter.retried("token_renewed");
                        self.inner.renew(stale).await;
                        continue;
                    }
                    action => setback(action, &attempt.response, self.clock.as_ref(), self.connector.retry_after_header())?,
                },
                Err(error) if error.retry() == Verdict::Temporary => {
                    Setback { asked: error.retry_after(), whole_class: false, refused: false, error }
                }
                Err(error) => return Err(error),
            };
            let wait = match self.wait(exchange, *attempts, &mut schedule, &setback) {
                Wait::For(wait) => wait,
                Wait::TooLong(asked) => return Err(setback.error.after(asked)),
                Wait::No => return Err(with_asked(setback.error.retrying(Verdict::Exhausted), setback.asked)),
            };
            exchange.meter.retried(reason(&setback.error));
            debug!(attempt = *attempts, code = setback.error.code().id, wait_ms = wait.as_millis() as u64, "trying again");
            if setback.whole_class {
                // The wait is that of the class: the next attempt stands in line for its turn.
                self.inner.pause(exchange.request.class, wait).await;
            } else {
                let _waiting = exchange.meter.wait(Waiting::Retry);
                self.clock.sleep(wait).await;
            }
        }
    }

    fn wait(&self, exchange: &Exchange, attempts: u32, schedule: &mut Schedule, setback: &Setback) -> Wait {
        if let Some(asked) = setback.asked.filter(|asked| *asked > self.settings.max_retry_after) {
            return Wait::TooLong(asked);
        }
        // Whether the source carried the request out is not known: only what does no harm twice is sent again.
        if attempts >= self.settings.max_attempts || !(exchange.request.idempotent || setback.refused) {
            return Wait::No;
        }
        let wait = match setback.asked {
            Some(asked) => schedule.asked(asked.max(SHORTEST_WAIT)),
            None => schedule.next(),
        };
        wait.map_or(Wait::No, Wait::For)
    }

    /// Sends nothing more once the part of the quota that is ours is used up.
    ///
    /// # Errors
    /// `AQ3002`.
    fn within_quota(&self) -> Result<()> {
        let usage = *self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        match usage {
            Some(Usage { used, allowed, stop_at }) if used >= stop_at => {
                let message = "the part of the source's quota that pipelines may use is used up";
                Err(Error::new(codes::QUOTA_REACHED, message).with("used", used).with("allowed", allowed).with("stop_at", stop_at))
            }
            _ => Ok(()),
        }
    }

    /// What an answer means; what it says of the quota is kept.
    async fn noted(&self, response: &Response) -> Action {
        if let Some(usage) = self.connector.usage(response) {
            *self.usage.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage);
            self.inner.learn(usage).await;
        }
        self.connector.classify(response).unwrap_or_else(|| status::action(self.connector.status_rules(), response.status))
    }
}

/// Why a request is sent again, in a word of the ledger.
fn reason(error: &Error) -> &'static str {
    match error.code() {
        codes::RATE_LIMITED => "rate_limited",
        codes::NETWORK => "network",
        codes::MALFORMED_ANSWER => "malformed_answer",
        _ => "source_failed",
    }
}

enum Wait {
    For(Duration),
    /// The source asks for more patience than the settings have. Not exhausted: it works later.
    TooLong(Duration),
    No,
}

fn with_asked(error: Error, asked: Option<Duration>) -> Error {
    match asked {
        Some(asked) => error.after(asked),
        None => error,
    }
}

/// What an answer that is no success leaves to do; an error when that is nothing.
fn setback(action: Action, response: &Response, clock: &dyn Clock, header: &str) -> Result<Setback> {
    let asked = retry_after::parse(response, clock.now());
    match action {
        // A header of the vendor's own stands on every answer and tells when a limit is renewed: a failure need not wait for that.
        Action::SlowDown => Ok(Setback {
            asked: asked.or_else(|| retry_after::parse_header(response, header, clock.now())),
            error: refusal::error(codes::RATE_LIMITED, response),
            whole_class: true,
            refused: true,
        }),
        Action::Retry(code) => {
            let error = refusal::error(code, response).retrying(Verdict::Temporary);
            Ok(Setback { error, asked, whole_class: false, refused: false })
        }
        Action::QuotaReached => Err(with_asked(refusal::error(codes::QUOTA_REACHED, response), asked)),
        Action::Fail(code) => Err(refusal::error(code, response)),
        Action::Accept | Action::RefreshToken => Err(refusal::error(codes::BUG, response)),
    }
}
