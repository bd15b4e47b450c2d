//! Access tokens and refresh tokens, sealed, and the turns in which one process at a time renews them.

use std::time::Duration;

use aqueduct_schema::{Error, Result, Secret, Timestamp, codes};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::holder::Holder;
use crate::key::Key;

/// How long a turn lasts after its holder was last heard of. Who renews says so every quarter of it, however long the request takes, so
/// that a process that was stopped in the middle holds nobody up for longer.
const TURN: Duration = Duration::from_secs(60);
/// How long somebody who waits for a renewal waits before asking again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// What requests are signed with.
    pub access_token: Secret,
    /// What the next access token is asked for with, where the vendor gave one.
    pub refresh_token: Option<Secret>,
    /// The address of the account's own host, where the vendor names one.
    pub instance: Option<String>,
    /// When it should be renewed.
    pub renew_at: Option<Timestamp>,
    /// When it serves no more.
    pub expires_at: Option<Timestamp>,
}

/// What a process that needs an access token does.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Use what another process has fetched.
    Use {
        /// Numbers the tokens of a grant.
        serial: u64,
        /// The tokens.
        tokens: Tokens,
    },
    /// Wait so long and ask again: another process renews them.
    Wait(Duration),
    /// Renew them, and give back what came with this ticket.
    Renew {
        /// Proves the turn.
        ticket: u64,
        /// How often [`Control::extend`](crate::Control::extend) is to be called while the vendor's answer is waited for.
        extend_every: Duration,
        /// The newest refresh token, where one was stored; otherwise the configured one is the newest.
        refresh_token: Option<Secret>,
        /// Whether a process ended, or was not heard of again, in the middle of a renewal: what it was given may be lost.
        interrupted: bool,
    },
}

/// The stored document of one grant.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Kept {
    serial: u64,
    /// The name of the key it is sealed with.
    key: String,
    sealed: Option<String>,
    renew_at: Option<Timestamp>,
    turn: Option<Taken>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    ticket: u64,
    holder: Holder,
    until: Timestamp,
}

/// What is sealed.
#[derive(Serialize)]
struct Content<'c> {
    access_token: &'c str,
    refresh_token: Option<&'c str>,
    instance: Option<&'c str>,
    expires_at: Option<Timestamp>,
}

impl Kept {
    /// Whose turn it is. `stale` is the serial of a token that the vendor no longer takes.
    ///
    /// # Errors
    /// `AQ2004` when the tokens were sealed with another key.
    pub(crate) fn turn(
        &mut self,
        grant: &str,
        key: &Key,
        stale: Option<u64>,
        holder: &Holder,
        ticket: u64,
        now: Timestamp,
    ) -> Result<Turn> {
        let stored = self.open(grant, key)?;
        if let Some(tokens) = &stored
            && stale != Some(self.serial)
            && self.renew_at.is_none_or(|at| now < at)
        {
            return Ok(Turn::Use { serial: self.serial, tokens: tokens.clone() });
        }
        if let Some(taken) = &self.turn
            && now < taken.until
            && taken.until <= now.plus(TURN)
            && !taken.holder.is_gone()
        {
            return Ok(Turn::Wait(PAUSE));
        }
        let interrupted = self.turn.is_some();
        self.turn = Some(Taken { ticket, holder: holder.clone(), until: now.plus(TURN) });
        let refresh_token = stored.and_then(|tokens| tokens.refresh_token);
        Ok(Turn::Renew { ticket, extend_every: TURN / 4, refresh_token, interrupted })
    }

    /// Keeps what a renewal brought, if the turn is still that of the ticket: the serial.
    pub(crate) fn keep(&mut self, grant: &str, key: &Key, ticket: u64, tokens: &Tokens) -> Result<Option<u64>> {
        if self.turn.as_ref().is_none_or(|taken| taken.ticket != ticket) {
            return Ok(None);
        }
        // A vendor that does not replace refresh tokens sends none: the one there is goes on.
        let before = self.open(grant, key)?.and_then(|tokens| tokens.refresh_token);
        let refresh_token = tokens.refresh_token.as_ref().or(before.as_ref());
        let serial = self.serial + 1;
        let content = Content {
            access_token: tokens.access_token.expose(),
            refresh_token: refresh_token.map(Secret::expose),
            instance: tokens.instance.as_deref(),
            expires_at: tokens.expires_at,
        };
        let text = serde_json::to_string(&content).map_err(|_| Error::new(codes::BUG, "tokens cannot be written"))?;
        let sealed = key.seal(&Zeroizing::new(text), &label(grant, serial))?;
        *self = Self { serial, key: key.name.clone(), sealed: Some(sealed), renew_at: tokens.renew_at, turn: None };
        Ok(Some(serial))
    }

    /// Lets a turn go on, if it is still that of the ticket.
    pub(crate) fn extend(&mut self, ticket: u64, now: Timestamp) -> bool {
        let turn = self.turn.as_mut().filter(|taken| taken.ticket == ticket);
        turn.map(|taken| taken.until = now.plus(TURN)).is_some()
    }

    /// Ends a turn that brought nothing.
    pub(crate) fn abandon(&mut self, ticket: u64) -> bool {
        self.turn.take_if(|taken| taken.ticket == ticket).is_some()
    }

    fn open(&self, grant: &str, key: &Key) -> Result<Option<Tokens>> {
        let Some(sealed) = &self.sealed else { return Ok(None) };
        let text = key.open(sealed, &label(grant, self.serial)).ok_or_else(|| {
            Error::new(
                codes::TOKENS_SEALED,
                if self.key == key.name { "the stored tokens were damaged" } else { "the stored tokens were sealed with another key" },
            )
        })?;
        let damaged = |_| Error::new(codes::TOKENS_SEALED, "the stored tokens were damaged");
        let content: Owned = serde_json::from_str(&text).map_err(damaged)?;
        Ok(Some(Tokens {
            access_token: content.access_token,
            refresh_token: content.refresh_token,
            instance: content.instance,
            renew_at: self.renew_at,
            expires_at: content.expires_at,
        }))
    }
}

/// [`Content`] as it is read: texts with escapes cannot be borrowed.
#[derive(Deserialize)]
struct Owned {
    access_token: Secret,
    refresh_token: Option<Secret>,
    instance: Option<String>,
    expires_at: Option<Timestamp>,
}

fn label(grant: &str, serial: u64) -> String {
    format!("{grant}/{serial}")
}
