//! Views over common tables that answer what the tables alone only hold the facts for: `consent_current`, what people allow now, and
//! `property_history`, what properties were and when.
//!
//! A view is made with the table it stands on, and made anew when its text would be another one.

use aqueduct_schema::entities::PROVENANCE;
use aqueduct_schema::{Entity, Layer, TableName};

use crate::layout::{DELETED_AT, IS_DELETED, LOADED_AT, Stored};

/// A view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Over `consent_event`, by person where `contact` says who is the same.
    ConsentCurrent,
    /// Over `property_change`.
    PropertyHistory,
}

/// The words in which the databases differ.
pub(crate) struct Words {
    /// What a column of truth values compares to.
    pub(crate) truth: &'static str,
    /// Now, as columns of times are compared.
    pub(crate) now: &'static str,
    /// A time that is none.
    pub(crate) no_time: &'static str,
}

impl View {
    /// The view that a change of a table concerns.
    pub(crate) fn of(name: &TableName) -> Option<Self> {
        if name.layer != Layer::Common {
            return None;
        }
        match name.name.as_ref() {
            "consent_event" | "contact" => Some(Self::ConsentCurrent),
            "property_change" => Some(Self::PropertyHistory),
            _ => None,
        }
    }

    /// Its name, beside the common tables.
    pub(crate) fn name(self) -> TableName {
        TableName::common(match self {
            Self::ConsentCurrent => "consent_current",
            Self::PropertyHistory => "property_history",
        })
    }

    /// The table that it stands on; without it there is no view.
    pub(crate) fn base(self) -> TableName {
        TableName::common(match self {
            Self::ConsentCurrent => "consent_event",
            Self::PropertyHistory => "property_change",
        })
    }

    /// Whether its table has what it needs: people may have made a table of this name with other columns.
    pub(crate) fn stands_on(self, base: &Stored) -> bool {
        let fields = Entity::named(&self.base().name).map_or(&[] as &[_], |entity| entity.fields);
        base.contains_key(LOADED_AT) && PROVENANCE.iter().chain(fields).all(|field| base.contains_key(field.name))
    }

    /// A table that it looks into where that is there.
    pub(crate) fn beside(self) -> Option<TableName> {
        (self == Self::ConsentCurrent).then(|| TableName::common("contact"))
    }

    /// Whether that table has what is looked for.
    pub(crate) fn looks_into(beside: &Stored) -> bool {
        ["id", "identity_id", "email_normalized", IS_DELETED, DELETED_AT].iter().all(|column| beside.contains_key(*column))
    }

    /// What it selects. `base` and `beside` are the tables' names, quoted.
    pub(crate) fn select(self, words: &Words, base: &str, beside: Option<&str>) -> String {
        match self {
            Self::ConsentCurrent => consent_current(words, base, beside),
            Self::PropertyHistory => property_history(words, base),
        }
    }
}

/// The latest word of each record for a channel, a purpose and a subscription; of these the most restrictive of a person, whatever
/// records and subscriptions it comes from. A word that the source took back counts no more; a refusal that went with its contact does.
fn consent_current(words: &Words, event: &str, contact: Option<&str>) -> String {
    let Words { truth, now, .. } = words;
    // A deleted contact belongs to no identity any more: its refusals go to whoever has the same address.
    let (person, identity, joined, went_along) = match contact {
        Some(contact) => (
            "s.identity_id, s.id, c.identity_id, ",
            "coalesce(s.identity_id, c.identity_id, e.identity_id)",
            format!(
                " LEFT JOIN {contact} AS c ON c.id = e.contact_id LEFT JOIN {contact} AS s ON c.is_deleted = {truth} \
                 AND e.state IN ('denied', 'withdrawn') AND (s.is_deleted = {truth}) IS NOT TRUE AND s.email_normalized = c.email_normalized"
            ),
            format!(" OR (e.state IN ('denied', 'withdrawn') AND c.is_deleted = {truth} AND (e.deleted_at >= c.deleted_at) IS NOT FALSE)"),
        ),
        None => ("", "e.identity_id", String::new(), String::new()),
    };
    let record = "coalesce(e.contact_id, e.lead_id, e.evidence_ref, e.id)";
    let said = format!(
        "SELECT coalesce({person}e.identity_id, {record}) AS person_id, {identity} AS identity_id, e.contact_id, e.lead_id, {record} AS record_id, \
         e.channel, e.purpose, e.subscription_id, \
         CASE WHEN e.effective_to <= {now} THEN 'expired' ELSE coalesce(e.state, 'unknown') END AS state, \
         coalesce(e.event_time, e.effective_from, e.source_updated_at, e.source_created_at, e._loaded_at) AS since, \
         e.legal_basis, e.evidence_ref, e.source_system, e.source_account_id, e.id AS consent_event_id \
         FROM {event} AS e{joined} WHERE (e.effective_from IS NULL OR e.effective_from <= {now}) \
         AND (e.is_deleted IS NULL OR e.is_deleted <> {truth}{went_along})"
    );
    let ranked = format!(
        "SELECT s.*, CASE s.state WHEN 'denied' THEN 0 WHEN 'withdrawn' THEN 0 WHEN 'expired' THEN 1 WHEN 'pending' THEN 3 \
         WHEN 'not_asked' THEN 4 WHEN 'granted' THEN 5 ELSE 2 END AS severity FROM ({said}) AS s"
    );
    let latest = format!(
        "SELECT r.*, row_number() OVER (PARTITION BY r.person_id, r.record_id, r.channel, r.purpose, r.subscription_id \
         ORDER BY r.since DESC, r.severity, r.consent_event_id) AS back FROM ({ranked}) AS r"
    );
    let chosen = format!(
        "SELECT l.*, row_number() OVER (PARTITION BY l.person_id, l.channel, l.purpose \
         ORDER BY l.severity, l.since DESC, l.consent_event_id) AS place, \
         count(*) OVER (PARTITION BY l.person_id, l.channel, l.purpose) AS considered FROM ({latest}) AS l WHERE l.back = 1"
    );
    format!(
        "SELECT p.person_id, p.identity_id, p.channel, p.purpose, p.state, p.state = 'granted' AS is_granted, p.since, p.contact_id, \
         p.lead_id, p.subscription_id, p.legal_basis, p.evidence_ref, p.source_system, p.source_account_id, p.consent_event_id, \
         p.considered FROM ({chosen}) AS p WHERE p.place = 1"
    )
}

/// One row for each value that a property had, with the times between which it held; the value before the first change that is known
/// comes without the time at which it began.
fn property_history(words: &Words, change: &str) -> String {
    let none = words.no_time;
    let columns = "p.source_system, p.source_account_id, p.entity, p.record_id, p.property";
    let ordered = format!(
        "SELECT {columns}, p.old_value, p.new_value, p.changed_at, p.change_source, p._loaded_at, p.id, \
         lead(p.changed_at) OVER w AS next_at, row_number() OVER w AS place FROM {change} AS p WHERE p.changed_at IS NOT NULL \
         WINDOW w AS (PARTITION BY p.entity, p.record_id, p.property ORDER BY p.changed_at, p.id)"
    );
    format!(
        "SELECT {columns}, p.new_value AS value, p.changed_at AS valid_from, p.next_at AS valid_to, p._loaded_at AS recorded_from, \
         {none} AS recorded_to, p.change_source, p.id AS property_change_id FROM ({ordered}) AS p \
         UNION ALL SELECT {columns}, p.old_value, {none}, p.changed_at, p._loaded_at, {none}, p.change_source, p.id \
         FROM ({ordered}) AS p WHERE p.place = 1 AND p.old_value IS NOT NULL"
    )
}
