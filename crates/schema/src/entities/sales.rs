//! Entities of sales: leads, and what belongs to a deal.

use crate::entity::Derivation::{Normalized, Status};
use crate::entity::{Entity, Field};
use crate::semantic::SemanticType::{
    Category, CompanyName, Count, Country, Email, Flag, Label, Language, PersonName, PhoneNumber, PostalCode, Ratio, Region, TimeZone,
    Timestamp, Url,
};
use crate::semantic::Sensitivity;

/// A person or company that sales has not taken on yet.
pub const LEAD: Entity = Entity {
    name: "lead",
    description: "Somebody who may become a customer, kept apart from contacts until sales takes them on.",
    fields: &[
        Field::reference("contact_id", "contact", "The contact the source keeps for the same person while it is a lead."),
        Field::new("account_name", CompanyName, "The company, as the lead gives it."),
        Field::reference("owner_user_id", "user", "The user who looks after it."),
        Field::new("status", Category, "How far sales has got with it."),
        Field::new("source", Category, "Where it came from."),
        Field::new("rating", Category, "How promising it is, in the source's words."),
        Field::new("score", Ratio, "How promising it is, as the source's number."),
        Field::new("is_converted", Flag, "Whether it has become a contact, a company or a deal."),
        Field::new("converted_at", Timestamp, "When it did."),
        Field::reference("converted_contact_id", "contact", "The contact it became."),
        Field::reference("converted_account_id", "account", "The company it became."),
        Field::reference("converted_deal_id", "deal", "The deal it became."),
        Field::new("full_name", PersonName, "The whole name as it is written."),
        Field::new("first_name", PersonName, "The given name."),
        Field::new("middle_name", PersonName, "Names between the first and the last."),
        Field::new("last_name", PersonName, "The family name."),
        Field::new("name_prefix", Label, "A title before the name."),
        Field::new("name_suffix", Label, "What follows the name."),
        Field::new("job_title", Label, "The position at work."),
        Field::new("department", Label, "The department at work."),
        Field::new("email", Email, "The e-mail address, as it may be written to."),
        Field::new("email_normalized", Email, "The e-mail address in lower case, to join by.").derived(Normalized("email")),
        Field::new("email_status", Category, "What the cleaner found in the e-mail address.").derived(Status("email")),
        Field::new("phone_e164", PhoneNumber, "The telephone number, E.164."),
        Field::new("mobile_e164", PhoneNumber, "The mobile telephone number, E.164."),
        Field::new("phone_status", Category, "What the cleaner found in the telephone number.").derived(Status("phone_e164")),
        Field::new("language", Language, "The preferred language, BCP 47."),
        Field::new("timezone", TimeZone, "The time zone, IANA name."),
        Field::new("website_url", Url, "The web site."),
        Field::new("industry_raw", Label, "The industry in the source's words."),
        Field::new("employee_count", Count, "How many people work at the company."),
        Field::new("street", Label, "Street and number.").sensitive(Sensitivity::Direct),
        Field::new("city", Label, "The city."),
        Field::new("region_code", Region, "The part of the country."),
        Field::new("postal_code", PostalCode, "The postal code."),
        Field::new("country_code", Country, "The country, ISO 3166-1 alpha-2."),
        Field::new("do_not_email", Flag, "Whether the person refuses e-mail."),
        Field::new("do_not_call", Flag, "Whether the person refuses calls."),
        Field::new("last_activity_at", Timestamp, "When anything last happened with the person."),
    ],
};

/// A person's part in a deal.
pub const DEAL_CONTACT: Entity = Entity {
    name: "deal_contact",
    description: "A person who has a part in a deal.",
    fields: &[
        Field::reference("deal_id", "deal", "The deal.").required(),
        Field::reference("contact_id", "contact", "The person.").required(),
        Field::new("role", Category, "The part, in the source's words."),
        Field::new("is_primary", Flag, "Whether the person is the main one."),
    ],
};

/// A step of a deal from one stage to another.
pub const DEAL_STAGE_HISTORY: Entity = Entity {
    name: "deal_stage_history",
    description: "A deal's arrival in a stage: what predictions of sales learn from.",
    fields: &[
        Field::reference("deal_id", "deal", "The deal.").required(),
        Field::reference("from_stage_id", "pipeline_stage", "The stage it left, where the source says."),
        Field::reference("to_stage_id", "pipeline_stage", "The stage it came to."),
        Field::new("changed_at", Timestamp, "When."),
        Field::reference("changed_by_user_id", "user", "Who moved it."),
        Field::new("duration_s", Count, "How many seconds it had been in the stage before, where the source says."),
    ],
};
