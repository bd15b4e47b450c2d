//! Salesforce as the simulator plays it: a small organisation on a clock of its own, without limits, whose records come in no
//! particular order unless one is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use aqueduct_simulator::salesforce::{Options, Simulator};
use aqueduct_simulator::{Effect, Match};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::simulated::{SimulatedClock, asked, effect, fault};
use crate::vendor::{Ability, Asked, Did, Facts, Harm, TestAccount, Vendor};

/// 2026-07-01T00:00:00Z, a day after the last record of the organisation was made.
const BEGINNING: i64 = 1_782_864_000;
/// What every session's token has behind the organisation's id.
const ACCESS_TOKEN: &str = "AR8AQ";
const REFUSED_TOKEN: &str = "5Aep861canaryOfNobody";
/// How the vendor asks to slow down. It never says for how long.
const SLOW_DOWN: &str =
    r#"[{"message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;

/// Streams and their objects; other streams are the organisation's own objects.
const STREAMS: [(&str, &str); 15] = [
    ("accounts", "Account"),
    ("campaign_members", "CampaignMember"),
    ("campaigns", "Campaign"),
    ("contact_point_consents", "ContactPointConsent"),
    ("contact_point_type_consents", "ContactPointTypeConsent"),
    ("contacts", "Contact"),
    ("events", "Event"),
    ("individuals", "Individual"),
    ("leads", "Lead"),
    ("opportunities", "Opportunity"),
    ("opportunity_contact_roles", "OpportunityContactRole"),
    ("opportunity_history", "OpportunityHistory"),
    ("opportunity_stages", "OpportunityStage"),
    ("tasks", "Task"),
    ("users", "User"),
];

/// The vendor, whose contacts are changed.
pub fn vendor() -> impl Vendor {
    vendor_changing("contacts")
}

/// The vendor, whose `contacts`, `accounts`, `opportunities` or `leads` are changed.
pub fn vendor_changing(stream: &'static str) -> impl Vendor {
    Salesforce { stream }
}

struct Salesforce {
    stream: &'static str,
}

#[async_trait]
impl Vendor for Salesforce {
    fn facts(&self) -> Facts {
        Facts {
            stream: self.stream,
            abilities: &[
                Ability::Change,
                Ability::Merge,
                Ability::FutureDates,
                Ability::Credentials,
                Ability::OAuth,
                Ability::Permissions,
                Ability::Statuses,
            ],
            no_answers: &[Harm::EmptyBody, Harm::Html, Harm::CutOff, Harm::NoRecords, Harm::ErrorBody, Harm::Dropped],
            // A query reaches everything; only OFFSET has an end.
            cap: None,
            // A transaction that runs for long commits with the time at which it began.
            late: Some(Duration::from_secs(5 * 60)),
        }
    }

    async fn open(&self) -> Did<Arc<dyn TestAccount>> {
        let options = Options {
            clock: aqueduct_simulator::Clock::manual(jiff::Timestamp::from_second(BEGINNING)?),
            seed: 4_711,
            contacts: 48,
            accounts: Some(33),
            leads: Some(35),
            opportunities: Some(34),
            tasks: Some(26),
            events: Some(14),
            campaigns: Some(13),
            campaign_members: Some(24),
            individuals: Some(12),
            subscriptions: Some(15),
            deleted_per_mille: 80,
            merged_per_mille: 20,
            bulk_update_per_mille: 300,
            // A body that is cut must reach the reader as it was cut.
            gzip: false,
            page_records: Some(10),
            bulk_page_records: Some(10),
            scrambled: true,
            ..Options::default()
        };
        Ok(Arc::new(SalesforceAccount { simulator: Simulator::start(options).await?, slowed: AtomicBool::new(false) }))
    }
}

struct SalesforceAccount {
    simulator: Simulator,
    /// Whether anybody was told to slow down in the vendor's own way, which is a 403.
    slowed: AtomicBool,
}

impl SalesforceAccount {
    fn object(&self, stream: &str) -> Did<String> {
        if let Some((_, object)) = STREAMS.iter().find(|(name, _)| *name == stream) {
            return Ok((*object).to_owned());
        }
        // An own object's stream is its name made an identifier.
        let bare = |name: &str| name.to_lowercase().replace('_', "");
        let own = self.simulator.store().objects().into_iter().find(|object| object.ends_with("__c") && bare(object) == bare(stream));
        own.ok_or_else(|| format!("there is no stream `{stream}`").into())
    }
}

/// What a record of an object must have.
fn written(object: &str, number: usize) -> Vec<(&'static str, String)> {
    let name = format!("Created {number}");
    match object {
        "Contact" | "Individual" => vec![("LastName", name)],
        "Lead" => vec![("LastName", name), ("Company", "Created".to_owned()), ("Status", "Open - Not Contacted".to_owned())],
        "Opportunity" => vec![("Name", name), ("StageName", "Prospecting".to_owned()), ("CloseDate", "2026-12-31".to_owned())],
        "Task" | "Event" => vec![("Subject", name)],
        _ => vec![("Name", name)],
    }
}

/// Salesforce says how long to wait for only where a proxy stands before it.
fn harmful(harm: Harm) -> Effect {
    match harm {
        Harm::SlowDown(None) => Effect::Answer { status: 403, body: SLOW_DOWN.to_owned() },
        harm => effect(harm, 700, "{\"totalSize\":0,\"done\":true}"),
    }
}

impl TestAccount for SalesforceAccount {
    fn config(&self) -> Value {
        self.oauth_config()
    }

    fn secrets(&self) -> Vec<String> {
        let app = self.simulator.client_credentials();
        vec![app.client_secret, app.refresh_token, app.private_key, REFUSED_TOKEN.to_owned(), ACCESS_TOKEN.to_owned()]
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimulatedClock(self.simulator.clock()))
    }

    fn advance(&self, span: Duration) {
        self.simulator.clock().advance(span);
    }

    /// Those that `query` shows. Whoever reads with `queryAll` may find archived activities besides.
    fn live_ids(&self, stream: &str) -> Option<BTreeSet<String>> {
        let object = self.object(stream).ok()?;
        Some(self.simulator.store().ids_not_archived(&object).into_iter().collect())
    }

    fn create(&self, stream: &str, count: usize) -> Did<Vec<String>> {
        let (object, store) = (self.object(stream)?, self.simulator.store());
        (0..count).map(|number| Ok(store.create(&object, written(&object, number))?)).collect()
    }

    fn update(&self, stream: &str, id: &str) -> Did {
        // Without fields a change moves the times of change alone.
        Ok(self.simulator.store().update::<&str, &str>(&self.object(stream)?, id, [])?)
    }

    fn delete(&self, stream: &str, id: &str) -> Did {
        Ok(self.simulator.store().delete(&self.object(stream)?, id)?)
    }

    fn merge(&self, stream: &str, winner: &str, loser: &str) -> Did<String> {
        self.simulator.store().merge(&self.object(stream)?, winner, loser)?;
        Ok(winner.to_owned())
    }

    fn create_dated(&self, stream: &str, at: Timestamp) -> Did<String> {
        let (object, at) = (self.object(stream)?, jiff::Timestamp::from_microsecond(at.microseconds())?);
        Ok(self.simulator.store().create_dated(&object, at, written(&object, 0))?)
    }

    fn hide_changes_for(&self, late: Duration) -> Did {
        self.simulator.set_commit_lag(late);
        Ok(())
    }

    fn harm(&self, stream: &str, harm: Harm, skip: u64, times: Option<u64>) -> Did {
        self.slowed.fetch_or(harm == Harm::SlowDown(None), Ordering::Relaxed);
        self.simulator.inject(fault(harmful(harm), Match::records_of(self.object(stream)?), skip, times));
        Ok(())
    }

    fn heal(&self) -> Did {
        self.simulator.clear_faults();
        Ok(())
    }

    fn asked(&self) -> Vec<Asked> {
        let slowed = self.slowed.load(Ordering::Relaxed);
        // The suite knows "slow down" by the number that the rest of the world has for it.
        let known = |asked: Asked| if slowed && asked.status == 403 { Asked { status: 429, ..asked } } else { asked };
        self.simulator.request_log().iter().map(asked).map(known).collect()
    }

    fn refused_config(&self) -> Value {
        let mut config = self.oauth_config();
        config["refresh_token"] = json!(REFUSED_TOKEN);
        config
    }

    fn oauth_config(&self) -> Value {
        let app = self.simulator.client_credentials();
        json!({
            "base_url": self.simulator.base_url(),
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "refresh_token": app.refresh_token,
        })
    }

    fn revoke_consent(&self) -> Did {
        self.simulator.set_consent(false);
        self.simulator.expire_tokens();
        Ok(())
    }

    fn forbid(&self) -> Did<BTreeSet<String>> {
        let forbidden = ["opportunities", "opportunity_contact_roles", "opportunity_history"];
        for stream in forbidden {
            self.simulator.store().set_object_hidden(&self.object(stream)?, true)?;
        }
        Ok(forbidden.map(str::to_owned).into())
    }
}
