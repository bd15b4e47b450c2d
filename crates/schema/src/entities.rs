//! The entities of the common schema. Meanings follow Microsoft's Common Data Model; names are those people know from
//! HubSpot and Salesforce.

mod audience;
mod engagement;
mod identity;
mod products;
mod sales;

pub use audience::{EMAIL_EVENT, LIST, LIST_MEMBERSHIP};
pub use engagement::{ACTIVITY, ACTIVITY_PARTICIPANT, CAMPAIGN, CAMPAIGN_MEMBER, CONSENT_EVENT};
pub use identity::{IDENTITY, IDENTITY_LINK, PROPERTY_CHANGE};
pub use products::{LINE_ITEM, PRODUCT};
pub use sales::{DEAL_CONTACT, DEAL_STAGE_HISTORY, LEAD};

use crate::entity::Derivation::{Normalized, Status};
use crate::entity::{Entity, Field};
use crate::semantic::SemanticType::{
    Category, CompanyName, Count, Country, CurrencyCode, Date, Domain, Email, Flag, Label, Language, Money, PersonName, PhoneNumber,
    PostalCode, Ratio, Region, SourceId, TimeZone, Timestamp, Url,
};
use crate::semantic::Sensitivity;

/// Fields that every common table has before its own: the row's identity and where it comes from. `id`, `source_system`,
/// `source_account_id` and `source_object` are filled by the mapping engine, the others by mappings.
pub const PROVENANCE: &[Field] = &[
    Field::new("id", SourceId, "The row's id: 128 bits of BLAKE3 over tenant, source, entity and source id, in hexadecimal."),
    Field::new("source_system", Category, "The connector the row came through."),
    Field::new("source_account_id", SourceId, "The account at the vendor."),
    Field::new("source_object", Category, "The vendor's object or stream."),
    Field::new("source_id", SourceId, "The record's id at the source.").required(),
    Field::new("source_created_at", Timestamp, "When the record was created at the source."),
    Field::new("source_updated_at", Timestamp, "When the record last changed at the source."),
    Field::new("is_deleted", Flag, "Whether the record is deleted, archived or merged away at the source."),
    Field::new("deleted_at", Timestamp, "When it was deleted, or found to be."),
    Field::new("merged_into_id", SourceId, "The row this one was merged into."),
];

/// Those of [`PROVENANCE`] that tables have whose rows are made here ([`is_made_here`]).
pub const PROVENANCE_MADE_HERE: [&str; 3] = ["id", "is_deleted", "deleted_at"];

/// Whether an entity's rows are made in the warehouse, out of other rows: they come from no source and bear no flags of cleaners.
pub fn is_made_here(entity: &Entity) -> bool {
    [IDENTITY.name, IDENTITY_LINK.name].contains(&entity.name)
}

/// The column of a common table that tells, as a JSON object of field to code, what the cleaners found; null when all is well.
pub const FLAGS_COLUMN: &str = "_flags";

/// Columns the warehouse adds to every row: the load that wrote it and the digest by which unchanged rows are told.
pub const LOAD_COLUMNS: [&str; 3] = ["_load_id", "_loaded_at", "_row_hash"];

/// A person.
pub const CONTACT: Entity = Entity {
    name: "contact",
    description: "A person known to sales or marketing.",
    fields: &[
        Field::reference("account_id", "account", "The company the person belongs to."),
        Field::reference("owner_user_id", "user", "The user who looks after the person."),
        Field::new("identity_id", SourceId, "The person across all sources; empty until identities are resolved."),
        Field::new("full_name", PersonName, "The whole name as it is written."),
        Field::new("first_name", PersonName, "The given name."),
        Field::new("middle_name", PersonName, "Names between the first and the last."),
        Field::new("last_name", PersonName, "The family name."),
        Field::new("name_prefix", Label, "A title before the name."),
        Field::new("name_suffix", Label, "What follows the name."),
        Field::new("job_title", Label, "The position at work."),
        Field::new("department", Label, "The department at work."),
        Field::new("seniority", Category, "The level at work."),
        Field::new("email", Email, "The main e-mail address, as it may be written to."),
        Field::new("email_normalized", Email, "The e-mail address in lower case, to join by.").derived(Normalized("email")),
        Field::new("email_status", Category, "What the cleaner found in the e-mail address.").derived(Status("email")),
        Field::new("phone_e164", PhoneNumber, "The main telephone number, E.164."),
        Field::new("mobile_e164", PhoneNumber, "The mobile telephone number, E.164."),
        Field::new("phone_status", Category, "What the cleaner found in the main telephone number.").derived(Status("phone_e164")),
        Field::new("language", Language, "The preferred language, BCP 47."),
        Field::new("timezone", TimeZone, "The time zone, IANA name."),
        Field::new("birth_date", Date, "The date of birth.").sensitive(Sensitivity::Sensitive),
        Field::new("gender", Category, "The gender as given.").sensitive(Sensitivity::Sensitive),
        Field::new("street", Label, "Street and number.").sensitive(Sensitivity::Direct),
        Field::new("city", Label, "The city."),
        Field::new("region_code", Region, "The part of the country."),
        Field::new("postal_code", PostalCode, "The postal code."),
        Field::new("country_code", Country, "The country, ISO 3166-1 alpha-2."),
        Field::new("lifecycle_stage", Category, "subscriber, lead, mql, sql, opportunity, customer, evangelist or other."),
        Field::new("lead_status", Category, "How far sales has got with the person."),
        Field::new("lead_source", Category, "Where the person came from."),
        Field::new("first_touch_source", Category, "The channel of the first contact."),
        Field::new("do_not_email", Flag, "Whether the person refuses e-mail."),
        Field::new("do_not_call", Flag, "Whether the person refuses calls."),
        Field::new("last_activity_at", Timestamp, "When anything last happened with the person."),
    ],
};

/// A way to reach a contact.
pub const CONTACT_POINT: Entity = Entity {
    name: "contact_point",
    description: "One way to reach a contact: an e-mail address, a telephone number, a web address.",
    fields: &[
        Field::reference("contact_id", "contact", "The contact it reaches.").required(),
        Field::new("kind", Category, "email, phone, address, social or url: says which cleaner the value has.").required(),
        Field::new("value", Label, "The value as it is written to.").sensitive(Sensitivity::Direct),
        Field::new("value_normalized", Label, "The value in the form it is joined by.")
            .sensitive(Sensitivity::Direct)
            .derived(Normalized("value")),
        Field::new("label", Category, "Which one it is: email, phone, mobile, website."),
        Field::new("is_primary", Flag, "Whether it is the main one of its kind."),
        Field::new("is_verified", Flag, "Whether the source has verified it."),
        Field::new("status", Category, "What the cleaner found in the value.").derived(Status("value")),
    ],
};

/// A company.
pub const ACCOUNT: Entity = Entity {
    name: "account",
    description: "A company or organisation.",
    fields: &[
        Field::reference("parent_account_id", "account", "The company it belongs to."),
        Field::reference("owner_user_id", "user", "The user who looks after it."),
        Field::new("identity_id", SourceId, "The company across all sources; empty until identities are resolved."),
        Field::new("name", CompanyName, "The name it trades under."),
        Field::new("legal_name", CompanyName, "The registered name."),
        Field::new("domain", Domain, "The main domain, reduced to the part that can be registered."),
        Field::new("website_url", Url, "The web site."),
        Field::new("industry_raw", Label, "The industry in the source's words."),
        Field::new("industry_code", Category, "The industry as a NAICS or NACE code."),
        Field::new("employee_count", Count, "How many people work there."),
        Field::new("annual_revenue", Money, "The revenue of a year."),
        Field::new("currency_code", CurrencyCode, "The currency of the revenue."),
        Field::new("account_type", Category, "prospect, customer, partner and so on."),
        Field::new("account_status", Category, "Whether it is active."),
        Field::new("phone_e164", PhoneNumber, "The main telephone number, E.164.").sensitive(Sensitivity::Indirect),
        Field::new("street", Label, "Street and number."),
        Field::new("city", Label, "The city."),
        Field::new("region_code", Region, "The part of the country."),
        Field::new("postal_code", PostalCode, "The postal code."),
        Field::new("country_code", Country, "The country, ISO 3166-1 alpha-2."),
        Field::new("vat_number", SourceId, "The VAT registration."),
        Field::new("registration_number", SourceId, "The company register's number."),
    ],
};

/// A sale under way or ended.
pub const DEAL: Entity = Entity {
    name: "deal",
    description: "A sale that may be won or lost.",
    fields: &[
        Field::reference("account_id", "account", "The company that buys."),
        Field::reference("primary_contact_id", "contact", "The person it is discussed with."),
        Field::reference("owner_user_id", "user", "The user who sells."),
        Field::reference("campaign_id", "campaign", "The campaign it came from."),
        Field::new("name", Label, "The deal's name."),
        Field::reference("pipeline_stage_id", "pipeline_stage", "The stage it stands in."),
        Field::new("amount", Money, "What it is worth, in its currency."),
        Field::new("currency_code", CurrencyCode, "The currency of the amount."),
        Field::new("amount_base", Money, "The amount in the company's currency."),
        Field::new("fx_rate", Ratio, "The rate between the two."),
        Field::new("fx_date", Date, "The day of the rate."),
        Field::new("probability", Ratio, "The chance of winning, from 0 to 1."),
        Field::new("forecast_category", Category, "How sure the forecast is."),
        Field::new("expected_close_date", Date, "The day it is expected to be decided."),
        Field::new("closed_at", Timestamp, "When it was decided."),
        Field::new("status", Category, "open, won or lost."),
        Field::new("is_won", Flag, "Whether it was won."),
        Field::new("loss_reason", Label, "Why it was lost."),
        Field::new("deal_type", Category, "New business, renewal and so on."),
        Field::new("next_step", Label, "What happens next."),
    ],
};

/// A stage of a sales pipeline.
pub const PIPELINE_STAGE: Entity = Entity {
    name: "pipeline_stage",
    description: "A stage that deals pass through.",
    fields: &[
        Field::new("pipeline_id", SourceId, "The pipeline's id at the source."),
        Field::new("pipeline_name", Label, "The pipeline's name."),
        Field::new("stage_id", SourceId, "The stage's id at the source."),
        Field::new("stage_name", Label, "The stage's name."),
        Field::new("display_order", Count, "Its place among the stages."),
        Field::new("default_probability", Ratio, "The chance of winning that the source gives to deals in it, from 0 to 1."),
        Field::new("is_closed", Flag, "Whether deals in it are decided."),
        Field::new("is_won", Flag, "Whether deals in it are won."),
    ],
};

/// A member of the customer's own staff.
pub const USER: Entity = Entity {
    name: "user",
    description: "A person who works with the source system.",
    fields: &[
        Field::new("full_name", PersonName, "The whole name."),
        Field::new("first_name", PersonName, "The given name."),
        Field::new("last_name", PersonName, "The family name."),
        Field::new("email", Email, "The e-mail address."),
        Field::new("email_normalized", Email, "The e-mail address in lower case, to join by.").derived(Normalized("email")),
        Field::new("is_active", Flag, "Whether the user may still log in."),
        Field::new("team", Label, "The team."),
        Field::reference("manager_user_id", "user", "The user's manager."),
    ],
};

/// A link between two rows.
pub const ASSOCIATION: Entity = Entity {
    name: "association",
    description: "A link that the source keeps between two records.",
    fields: &[
        Field::new("from_entity", Category, "The entity of the row it starts at.").required(),
        Field::reference_by("from_id", "from_entity", "The row it starts at: the id in the table `from_entity` names.").required(),
        Field::new("to_entity", Category, "The entity of the row it ends at.").required(),
        Field::reference_by("to_id", "to_entity", "The row it ends at: the id in the table `to_entity` names.").required(),
        Field::new("association_type", Category, "The source's type of link."),
        Field::new("label", Label, "The label that people gave it."),
        Field::new("is_primary", Flag, "Whether it is the main link of its kind."),
    ],
};

/// Every entity, in the order of the documentation.
pub const ALL: &[&Entity] = &[
    &CONTACT,
    &CONTACT_POINT,
    &ACCOUNT,
    &LEAD,
    &DEAL,
    &PIPELINE_STAGE,
    &DEAL_CONTACT,
    &DEAL_STAGE_HISTORY,
    &ACTIVITY,
    &ACTIVITY_PARTICIPANT,
    &EMAIL_EVENT,
    &CAMPAIGN,
    &CAMPAIGN_MEMBER,
    &LIST,
    &LIST_MEMBERSHIP,
    &CONSENT_EVENT,
    &USER,
    &PRODUCT,
    &LINE_ITEM,
    &ASSOCIATION,
    &PROPERTY_CHANGE,
    &IDENTITY,
    &IDENTITY_LINK,
];

/// The entities whose earlier versions are kept unless a pipeline says otherwise: those whose rows tell of a state, which people ask
/// the past of. Rows that tell of an event, or follow from another row (contact points, links), have no past of their own.
pub const WITH_HISTORY: &[&str] = &[
    "contact",
    "account",
    "lead",
    "deal",
    "pipeline_stage",
    "campaign",
    "campaign_member",
    "list",
    "list_membership",
    "user",
    "product",
    "line_item",
    "deal_contact",
];

/// For entities whose field has the kind of value that another field names (a contact point's `value` by its `kind`): the
/// semantic type of `field` when `selector` holds the word. `None` where the field's own semantic type stands.
pub fn semantic_by_kind(entity: &str, field: &str, word: &str) -> Option<crate::SemanticType> {
    if entity != CONTACT_POINT.name || !matches!(field, "value" | "value_normalized") {
        return None;
    }
    match word {
        "email" => Some(Email),
        "phone" => Some(PhoneNumber),
        "url" | "social" => Some(Url),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unique_and_derivations_point_at_fields_before_them() {
        for entity in ALL {
            for (index, field) in entity.fields.iter().enumerate() {
                assert!(PROVENANCE.iter().all(|other| other.name != field.name), "{}.{}", entity.name, field.name);
                assert!(entity.fields[..index].iter().all(|other| other.name != field.name), "{}.{}", entity.name, field.name);
                if let Some(Normalized(of) | Status(of)) = field.derivation {
                    assert!(entity.fields[..index].iter().any(|other| other.name == of), "{}.{}", entity.name, field.name);
                }
                assert!(field.description.ends_with('.'), "{}.{}", entity.name, field.name);
            }
        }
    }

    #[test]
    fn entities_are_unique_and_history_is_of_entities() {
        let names: std::collections::BTreeSet<&str> = ALL.iter().map(|entity| entity.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(WITH_HISTORY.iter().all(|name| names.contains(name)));
    }
}
