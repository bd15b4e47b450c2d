//! HubSpot as the simulator plays it: a small account on a clock of its own, without limits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use aqueduct_simulator::Match;
use aqueduct_simulator::hubspot::{ListView, ObjectKind, Options, Simulator, Store};
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::simulated::{SimulatedClock, asked, effect, fault};
use crate::vendor::{Ability, Asked, Did, Facts, Harm, TestAccount, Vendor};

/// 2026-07-01T00:00:00Z, a day after the last record of the account was made.
const BEGINNING: i64 = 1_782_864_000;
/// Access tokens of the simulator begin so.
const ACCESS_TOKEN: &str = "CSIM";
const REFUSED_TOKEN: &str = "pat-na1-canary-of-nobody";

/// The vendor, whose contacts are changed.
pub fn vendor() -> impl Vendor {
    vendor_changing("contacts")
}

/// The vendor, whose `contacts`, `companies`, `deals`, `products` or `line_items` are changed.
pub fn vendor_changing(stream: &'static str) -> impl Vendor {
    HubSpot { stream }
}

struct HubSpot {
    stream: &'static str,
}

#[async_trait]
impl Vendor for HubSpot {
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
            // A search gives no more than 10,000 records.
            cap: Some(10_000),
            // The search index trails; production connectors stay an hour behind it.
            late: Some(Duration::from_secs(30 * 60)),
        }
    }

    async fn open(&self) -> Did<Arc<dyn TestAccount>> {
        let options = Options {
            clock: aqueduct_simulator::Clock::manual(jiff::Timestamp::from_second(BEGINNING)?),
            seed: 4_711,
            contacts: 48,
            companies: Some(33),
            deals: Some(35),
            products: Some(31),
            line_items: Some(33),
            lists: Some(4),
            owners: 12,
            archived_per_mille: 80,
            merged_per_mille: 20,
            bulk_update_per_mille: 300,
            // A body that is cut must reach the reader as it was cut.
            gzip: false,
            ..Options::default()
        };
        Ok(Arc::new(HubSpotAccount { simulator: Simulator::start(options).await? }))
    }
}

struct HubSpotAccount {
    simulator: Simulator,
}

/// The changes of properties of all records that there are, those in the recycle bin included.
fn changes(store: &Store, kind: ObjectKind, properties: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for id in store.ids(kind).into_iter().chain(store.archived_ids(kind)) {
        for property in properties {
            let mut before = None;
            for version in store.versions(kind, id) {
                let value = version.properties.get(*property).cloned();
                if value.is_some() && value != before {
                    found.insert(format!("{id}:{property}:{}", version.at.as_microsecond()));
                    before = value;
                }
            }
        }
    }
    found
}

fn kind(stream: &str) -> Did<ObjectKind> {
    let found = ObjectKind::ALL.into_iter().find(|kind| kind.name() == stream);
    found.ok_or_else(|| format!("stream `{stream}` cannot be changed").into())
}

/// A property that every kind has and people write.
fn written(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Contacts => "firstname",
        ObjectKind::Companies | ObjectKind::Products | ObjectKind::LineItems => "name",
        ObjectKind::Deals => "dealname",
    }
}

/// The requests that carry a stream's records.
fn requests_of(stream: &str) -> Match {
    Match::path(match stream {
        "owners" => "/owners".to_owned(),
        "pipeline_stages" => "/pipelines/".to_owned(),
        "lists" => "/lists/search".to_owned(),
        "list_memberships" => "/memberships".to_owned(),
        object => format!("/objects/{object}"),
    })
}

impl TestAccount for HubSpotAccount {
    fn config(&self) -> Value {
        json!({"base_url": self.simulator.base_url(), "access_token": self.simulator.access_token()})
    }

    fn secrets(&self) -> Vec<String> {
        let app = self.simulator.client_credentials();
        vec![self.simulator.access_token(), app.client_secret, app.refresh_token, REFUSED_TOKEN.to_owned(), ACCESS_TOKEN.to_owned()]
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimulatedClock(self.simulator.clock()))
    }

    fn advance(&self, span: Duration) {
        self.simulator.clock().advance(span);
    }

    fn live_ids(&self, stream: &str) -> Option<BTreeSet<String>> {
        let store = self.simulator.store();
        let links = |from, to| {
            let link =
                |link: aqueduct_simulator::hubspot::Association| format!("{}:{}:{}:{}", link.from, link.to, link.category, link.type_id);
            store.associations(from, to).into_iter().map(link).collect()
        };
        let text = |id: u64| id.to_string();
        Some(match stream {
            "owners" => store.owners().into_iter().chain(store.archived_owners()).map(|(id, _)| text(id)).collect(),
            "pipeline_stages" => {
                let stages = |(pipeline, stages): (String, Vec<String>)| stages.into_iter().map(move |stage| format!("{pipeline}:{stage}"));
                store.pipelines().into_iter().flat_map(stages).collect()
            }
            "contact_companies" => links(ObjectKind::Contacts, ObjectKind::Companies),
            "deal_companies" => links(ObjectKind::Deals, ObjectKind::Companies),
            "deal_contacts" => links(ObjectKind::Deals, ObjectKind::Contacts),
            "lists" => store.lists().into_iter().map(|list| text(list.id)).collect(),
            "list_memberships" => {
                let members = |list: ListView| list.members.into_iter().map(move |(record, _)| format!("{}:{record}", list.id));
                store.lists().into_iter().flat_map(members).collect()
            }
            "contact_property_changes" => changes(&store, ObjectKind::Contacts, &["lifecyclestage", "hs_lead_status", "hubspot_owner_id"]),
            "company_property_changes" => changes(&store, ObjectKind::Companies, &["lifecyclestage", "hubspot_owner_id"]),
            "deal_property_changes" => {
                changes(&store, ObjectKind::Deals, &["dealstage", "pipeline", "amount", "closedate", "hubspot_owner_id"])
            }
            object => store.ids(kind(object).ok()?).into_iter().map(text).collect(),
        })
    }

    fn create(&self, stream: &str, count: usize) -> Did<Vec<String>> {
        let (kind, store) = (kind(stream)?, self.simulator.store());
        let create = |number: usize| Ok(store.create(kind, [(written(kind), format!("Created {number}"))])?.to_string());
        (0..count).map(create).collect()
    }

    fn update(&self, stream: &str, id: &str) -> Did {
        // Without properties a change moves the time of change alone.
        Ok(self.simulator.store().update::<&str, &str>(kind(stream)?, id.parse()?, [])?)
    }

    fn delete(&self, stream: &str, id: &str) -> Did {
        Ok(self.simulator.store().archive(kind(stream)?, id.parse()?)?)
    }

    fn merge(&self, stream: &str, winner: &str, loser: &str) -> Did<String> {
        Ok(self.simulator.store().merge(kind(stream)?, winner.parse()?, loser.parse()?)?.to_string())
    }

    fn create_dated(&self, stream: &str, at: Timestamp) -> Did<String> {
        let clock = self.simulator.clock();
        let now = clock.now();
        clock.set(jiff::Timestamp::from_microsecond(at.microseconds())?);
        let created = self.create(stream, 1);
        clock.set(now);
        created?.pop().ok_or_else(|| "nothing was created".into())
    }

    fn hide_changes_for(&self, late: Duration) -> Did {
        self.simulator.set_index_lag(late);
        Ok(())
    }

    fn harm(&self, stream: &str, harm: Harm, skip: u64, times: Option<u64>) -> Did {
        self.simulator.inject(fault(effect(harm, 700, "{\"total\":0}"), requests_of(stream), skip, times));
        Ok(())
    }

    fn heal(&self) -> Did {
        self.simulator.clear_faults();
        Ok(())
    }

    fn asked(&self) -> Vec<Asked> {
        self.simulator.request_log().iter().map(asked).collect()
    }

    fn refused_config(&self) -> Value {
        json!({"base_url": self.simulator.base_url(), "access_token": REFUSED_TOKEN})
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
        self.simulator.set_refresh_token_valid(false);
        self.simulator.expire_tokens();
        Ok(())
    }

    fn forbid(&self) -> Did<BTreeSet<String>> {
        self.simulator.revoke_scope("crm.objects.deals.read");
        Ok(["deals", "deal_companies", "deal_contacts", "deal_property_changes"].map(str::to_owned).into())
    }
}
