//! How much of the day's quota of each account is used, for who looks at the figures.

use std::collections::BTreeMap;

use aqueduct_schema::Result;
use serde::{Deserialize, Serialize};

use crate::budget::Account;
use crate::control::Control;
use crate::documents::Place;

const KIND: &str = "account";
/// Accounts that are told of at most.
const MOST: usize = 1_000;
/// The last of all keys.
const LAST_KEY: &str = "\u{10ffff}";

/// What an account is, in words that people know: its key in the store is a digest of its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountName {
    /// The connector.
    pub connector: String,
    /// The name that pipeline files give it, or the beginning of the digest.
    pub account: String,
    /// How many requests may be sent in a day, where pipeline files say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u64>,
    /// The time zone whose midnight begins a day.
    pub time_zone: String,
}

/// How much of a day's quota is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// The connector.
    pub connector: String,
    /// The account.
    pub account: String,
    /// Requests used today: as the vendor told it last, or as they were counted here.
    pub used: u64,
    /// Requests that may be used in a day; absent where neither the vendor nor a pipeline file says it.
    pub allowed: Option<u64>,
}

impl Control {
    /// Says what an account is, unless that is known.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn name_account(&self, account: &str, name: &AccountName) -> Result<()> {
        let place = Place { kind: KIND, key: account, durable: false };
        self.change(place, |stored: Option<AccountName>, _| {
            let known = stored.as_ref() == Some(name);
            Ok(((!known).then(|| Some(name.clone())), ()))
        })
        .await
    }

    /// How much of its quota each named account has used, ordered by connector and account.
    ///
    /// # Errors
    /// `AQ4004`.
    pub async fn quotas(&self) -> Result<Vec<QuotaUse>> {
        let names: Vec<(String, AccountName)> = self.list(KIND, "", LAST_KEY, MOST, false).await?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let budgets: Vec<(String, Account)> = self.list("budget", "", LAST_KEY, MOST, false).await?;
        let budgets: BTreeMap<String, Account> = budgets.into_iter().collect();
        let now = self.now().await?;
        let mut uses = Vec::with_capacity(names.len());
        for (key, AccountName { connector, account, daily, time_zone }) in names {
            let Some(budget) = budgets.get(&key) else { continue };
            let (used, allowed) = budget.used_today(daily, &time_zone, now)?;
            uses.push(QuotaUse { connector, account, used, allowed });
        }
        // Two grants of one vendor may begin alike or bear one name; their sums are what the labels can tell.
        uses.sort_by(|one, other| (&one.connector, &one.account).cmp(&(&other.connector, &other.account)));
        uses.dedup_by(|next, kept| {
            let same = (&next.connector, &next.account) == (&kept.connector, &kept.account);
            if same {
                kept.used += next.used;
                kept.allowed = kept.allowed.zip(next.allowed).map(|(one, other)| one + other);
            }
            same
        });
        Ok(uses)
    }
}
