//! A vendor's account that answers on this machine, and how it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aqueduct_engine::Clock;
use aqueduct_schema::Timestamp;
use aqueduct_simulator::hubspot::{self, ObjectKind};
use aqueduct_simulator::salesforce::RefreshRotation;
use aqueduct_simulator::{Counters, Fault, salesforce};
use async_trait::async_trait;

use crate::random::Random;

/// The vendors that trials read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Hubspot,
    Salesforce,
}

enum Simulator {
    Hubspot(hubspot::Simulator),
    Salesforce(salesforce::Simulator),
}

/// An account.
pub(crate) struct Source {
    simulator: Simulator,
    /// The time at the vendor.
    pub(crate) clock: aqueduct_simulator::Clock,
}

/// How an account begins.
pub(crate) struct Size {
    pub(crate) contacts: usize,
    pub(crate) deals: usize,
    /// Whether records lie in the recycle bin from the beginning.
    pub(crate) archived: bool,
}

/// The lag the pipelines of the battery declare.
pub(crate) const LAG: Duration = Duration::from_secs(600);

/// The common tables that are held against the account, and the vendor's names of what is in them.
const HUBSPOT: [(&str, ObjectKind, &str); 2] = [("contact", ObjectKind::Contacts, "lastname"), ("deal", ObjectKind::Deals, "dealname")];
const SALESFORCE: [(&str, &str, &str); 2] = [("contact", "Contact", "LastName"), ("deal", "Opportunity", "Name")];

/// 2026-07-10T12:00:00Z, after everything that is invented.
pub(crate) fn noon() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_783_684_800).expect("the instant exists")
}

impl Source {
    /// An account whose clock stands still but for the waits of whoever reads it.
    pub(crate) async fn start(vendor: Vendor, seed: u64, size: &Size) -> Self {
        let clock = aqueduct_simulator::Clock::manual(noon());
        let per_mille = if size.archived { 30 } else { 0 };
        let simulator = match vendor {
            Vendor::Hubspot => {
                let options = hubspot::Options {
                    clock: clock.clone(),
                    seed,
                    contacts: size.contacts,
                    companies: Some(0),
                    deals: Some(size.deals),
                    archived_per_mille: per_mille,
                    merged_per_mille: 0,
                    ..hubspot::Options::default()
                };
                Simulator::Hubspot(hubspot::Simulator::start(options).await.expect("the simulator starts"))
            }
            Vendor::Salesforce => {
                let simulator = salesforce::Simulator::start(organisation(&clock, seed, size)).await;
                Simulator::Salesforce(simulator.expect("the simulator starts"))
            }
        };
        Self { simulator, clock }
    }

    /// Any HubSpot account, in the time of this machine where the options say nothing else.
    pub(crate) async fn of_hubspot(options: hubspot::Options) -> Self {
        let clock = options.clock.clone();
        Self { simulator: Simulator::Hubspot(hubspot::Simulator::start(options).await.expect("the simulator starts")), clock }
    }

    /// A Salesforce organisation that gives a new refresh token with every use of one, which is then good no more.
    pub(crate) async fn rotating(seed: u64, size: &Size) -> Self {
        let clock = aqueduct_simulator::Clock::manual(noon());
        let options = salesforce::Options { refresh_rotation: RefreshRotation::Strict, ..organisation(&clock, seed, size) };
        let simulator = salesforce::Simulator::start(options).await.expect("the simulator starts");
        Self { simulator: Simulator::Salesforce(simulator), clock }
    }

    /// The Salesforce organisation.
    pub(crate) fn salesforce(&self) -> &salesforce::Simulator {
        match &self.simulator {
            Simulator::Salesforce(simulator) => simulator,
            Simulator::Hubspot(_) => panic!("the trial is for Salesforce"),
        }
    }

    /// The sections `name` and `source` with the newest refresh token of a user.
    pub(crate) fn section_of_a_user(&self) -> String {
        let credentials = self.salesforce().client_credentials();
        format!(
            "name: battery\nsource:\n  connector: salesforce\n  config: {{ client_id: '{}', client_secret: '{}', refresh_token: '{}', base_url: '{}', \
             lag_seconds: {} }}\n  select: [contacts, opportunities]\n",
            credentials.client_id,
            credentials.client_secret,
            credentials.refresh_token,
            self.salesforce().base_url(),
            LAG.as_secs()
        )
    }

    /// The HubSpot account.
    pub(crate) fn hubspot(&self) -> &hubspot::Simulator {
        match &self.simulator {
            Simulator::Hubspot(simulator) => simulator,
            Simulator::Salesforce(_) => panic!("the trial is for HubSpot"),
        }
    }

    /// The pipeline file's sections `name` and `source`.
    pub(crate) fn section(&self) -> String {
        let lag = LAG.as_secs();
        match &self.simulator {
            Simulator::Hubspot(simulator) => format!(
                "name: battery\nsource:\n  connector: hubspot\n  config: {{ access_token: {}, base_url: '{}', requests_per_10_seconds: 10000, \
                 search_lag_seconds: {lag} }}\n  select: [contacts, deals]\n",
                simulator.access_token(),
                simulator.base_url()
            ),
            Simulator::Salesforce(simulator) => {
                let credentials = simulator.client_credentials();
                format!(
                    "name: battery\nsource:\n  connector: salesforce\n  config: {{ client_id: '{}', client_secret: '{}', base_url: '{}', \
                     lag_seconds: {lag} }}\n  select: [contacts, opportunities]\n",
                    credentials.client_id,
                    credentials.client_secret,
                    simulator.base_url()
                )
            }
        }
    }

    /// The sections `name` and `source` with the refresh token of an installed HubSpot app, which stays good.
    pub(crate) fn section_of_an_app(&self) -> String {
        let credentials = self.hubspot().client_credentials();
        format!(
            "name: battery\nsource:\n  connector: hubspot\n  config: {{ client_id: '{}', client_secret: '{}', refresh_token: '{}', base_url: '{}', \
             requests_per_10_seconds: 10000, search_lag_seconds: {} }}\n  select: [contacts, deals]\n",
            credentials.client_id,
            credentials.client_secret,
            credentials.refresh_token,
            self.hubspot().base_url(),
            LAG.as_secs()
        )
    }

    /// What must never be seen in output or state.
    pub(crate) fn canaries(&self) -> Vec<String> {
        match &self.simulator {
            Simulator::Hubspot(simulator) => {
                let store = simulator.store();
                let ids = store.ids(ObjectKind::Contacts);
                let emails = ids.iter().take(40).filter_map(|id| store.record(ObjectKind::Contacts, *id)?.properties.get("email").cloned());
                let mut canaries: Vec<String> = emails.filter(|email| email.contains('@')).collect();
                canaries.push(simulator.access_token());
                canaries.push(simulator.client_credentials().client_secret);
                canaries
            }
            Simulator::Salesforce(simulator) => {
                let store = simulator.store();
                let ids = store.ids("Contact");
                let emails = ids.iter().take(40).filter_map(|id| store.record("Contact", id)?.values.get("Email").cloned());
                let mut canaries: Vec<String> = emails.filter(|email| email.contains('@')).collect();
                canaries.push(simulator.access_token());
                canaries.push(simulator.client_credentials().client_secret);
                canaries
            }
        }
    }

    /// Every live record: for each common table the ids at the source with the value of a field that changes.
    pub(crate) fn live(&self) -> BTreeMap<&'static str, BTreeMap<String, String>> {
        let mut tables = BTreeMap::new();
        match &self.simulator {
            Simulator::Hubspot(simulator) => {
                for (table, kind, field) in HUBSPOT {
                    let store = simulator.store();
                    let value = |id: u64| store.record(kind, id).and_then(|record| record.properties.get(field).cloned());
                    let records = store.ids(kind).into_iter().map(|id| (id.to_string(), value(id).unwrap_or_default()));
                    tables.insert(table, records.collect());
                }
            }
            Simulator::Salesforce(simulator) => {
                for (table, object, field) in SALESFORCE {
                    let store = simulator.store();
                    let value = |id: &str| store.record(object, id).and_then(|record| record.values.get(field).cloned());
                    let records = store.ids(object).into_iter().map(|id| (id.clone(), value(&id).unwrap_or_default()));
                    tables.insert(table, records.collect());
                }
            }
        }
        tables
    }

    /// The ids of live records that were last changed before an instant, by common table.
    pub(crate) fn changed_before(&self, table: &str, instant: jiff::Timestamp) -> BTreeSet<String> {
        match &self.simulator {
            Simulator::Hubspot(simulator) => {
                let store = simulator.store();
                let Some((_, kind, _)) = HUBSPOT.iter().find(|(name, ..)| *name == table) else { return BTreeSet::new() };
                let old = |id: &u64| store.record(*kind, *id).is_some_and(|record| record.modified_at < instant);
                store.ids(*kind).into_iter().filter(old).map(|id| id.to_string()).collect()
            }
            Simulator::Salesforce(simulator) => {
                let store = simulator.store();
                let Some((_, object, _)) = SALESFORCE.iter().find(|(name, ..)| *name == table) else { return BTreeSet::new() };
                let old = |id: &String| store.record(object, id).is_some_and(|record| record.stamp < instant);
                store.ids(object).into_iter().filter(old).collect()
            }
        }
    }

    /// The vendor's stream behind a common table.
    pub(crate) fn stream(&self, table: &str) -> &'static str {
        match (&self.simulator, table) {
            (Simulator::Hubspot(_), "contact") => "contacts",
            (Simulator::Hubspot(_), _) => "deals",
            (Simulator::Salesforce(_), "contact") => "contacts",
            (Simulator::Salesforce(_), _) => "opportunities",
        }
    }

    /// Changes `count` records by chance: most are updated, some made, some put into the recycle bin or taken out of it.
    pub(crate) fn change(&self, random: &mut Random, count: u64) {
        for _ in 0..count {
            let word = format!("Changed{:x}", random.next() >> 40);
            let (deal, what) = (random.one_in(3), random.between(0, 10));
            match &self.simulator {
                Simulator::Hubspot(simulator) => change_hubspot(&simulator.store(), deal, what, &word, random),
                Simulator::Salesforce(simulator) => change_salesforce(&simulator.store(), deal, what, &word, random),
            }
        }
    }

    /// Adds a fault.
    pub(crate) fn inject(&self, fault: Fault) {
        match &self.simulator {
            Simulator::Hubspot(simulator) => simulator.inject(fault),
            Simulator::Salesforce(simulator) => simulator.inject(fault),
        }
    }

    /// Removes all faults.
    pub(crate) fn clear_faults(&self) {
        match &self.simulator {
            Simulator::Hubspot(simulator) => simulator.clear_faults(),
            Simulator::Salesforce(simulator) => simulator.clear_faults(),
        }
    }

    /// What the vendor counted.
    pub(crate) fn counters(&self) -> Counters {
        match &self.simulator {
            Simulator::Hubspot(simulator) => simulator.counters(),
            Simulator::Salesforce(simulator) => simulator.counters(),
        }
    }

    /// A machine's clock that differs from the vendor's by `skew` and whose waits move both.
    pub(crate) fn machine_clock(&self, skew_seconds: i64) -> Arc<dyn Clock> {
        Arc::new(MachineClock { vendor: self.clock.clone(), skew_seconds })
    }
}

fn organisation(clock: &aqueduct_simulator::Clock, seed: u64, size: &Size) -> salesforce::Options {
    salesforce::Options {
        clock: clock.clone(),
        seed,
        contacts: size.contacts,
        opportunities: Some(size.deals),
        accounts: Some(4),
        leads: Some(0),
        tasks: Some(0),
        events: Some(0),
        campaigns: Some(0),
        campaign_members: Some(0),
        individuals: Some(0),
        subscriptions: Some(0),
        deleted_per_mille: if size.archived { 30 } else { 0 },
        merged_per_mille: 0,
        page_records: Some(100),
        ..salesforce::Options::default()
    }
}

fn change_hubspot(store: &hubspot::Store, deal: bool, what: u64, word: &str, random: &mut Random) {
    let (kind, field) = if deal { (ObjectKind::Deals, "dealname") } else { (ObjectKind::Contacts, "lastname") };
    let (live, archived) = (store.ids(kind), store.archived_ids(kind));
    let one = |ids: &[u64], random: &mut Random| ids.get(random.between(0, ids.len().max(1) as u64) as usize).copied();
    let done = match (what, one(&live, random), one(&archived, random)) {
        (0, ..) | (_, None, _) => store.create(kind, [(field, word)]).map(drop),
        (1, Some(id), _) => store.archive(kind, id),
        (2, _, Some(id)) => store.restore(kind, id),
        (_, Some(id), _) => store.update(kind, id, [(field, word)]),
    };
    // What cannot be done to this record, such as a second restoring, is no change.
    drop(done);
}

fn change_salesforce(store: &salesforce::Store, deal: bool, what: u64, word: &str, random: &mut Random) {
    let (object, field) = if deal { ("Opportunity", "Name") } else { ("Contact", "LastName") };
    let (live, deleted) = (store.ids(object), store.deleted_ids(object));
    let one = |ids: &[String], random: &mut Random| ids.get(random.between(0, ids.len().max(1) as u64) as usize).cloned();
    let done = match (what, one(&live, random), one(&deleted, random)) {
        (0, ..) | (_, None, _) if deal => {
            store.create(object, [(field, word), ("StageName", "Prospecting"), ("CloseDate", "2026-12-01")]).map(drop)
        }
        (0, ..) | (_, None, _) => store.create(object, [(field, word)]).map(drop),
        (1, Some(id), _) => store.delete(object, &id),
        (2, _, Some(id)) => store.undelete(object, &id),
        (_, Some(id), _) => store.update(object, &id, [(field, word)]),
    };
    drop(done);
}

/// A machine's clock in the time of the account.
struct MachineClock {
    vendor: aqueduct_simulator::Clock,
    skew_seconds: i64,
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microseconds(self.vendor.now().as_microsecond() + self.skew_seconds * 1_000_000)
    }

    async fn sleep(&self, span: Duration) {
        // The vendor's clock counts whole milliseconds; a wait must move it.
        self.vendor.advance(span.max(Duration::from_millis(1)));
        tokio::task::yield_now().await;
    }
}
