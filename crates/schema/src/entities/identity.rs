//! Entities across sources and times: who is the same, and what changed.

use crate::entity::{Entity, Field};
use crate::semantic::SemanticType::{
    Category, CompanyName, Count, Country, Domain, Email, Flag, FreeText, Label, Language, PersonName, PhoneNumber, PostalCode, Ratio,
    Region, SourceId, Timestamp,
};
use crate::semantic::Sensitivity;

/// A person or a company across all sources.
pub const IDENTITY: Entity = Entity {
    name: "identity",
    description: "One person or company across all sources, with the best value of each field.",
    fields: &[
        Field::new("entity", Category, "contact or account: what its members are.").required(),
        Field::new("full_name", PersonName, "The person's whole name."),
        Field::new("first_name", PersonName, "The given name."),
        Field::new("last_name", PersonName, "The family name."),
        Field::new("name", CompanyName, "The company's name."),
        Field::new("email", Email, "The e-mail address."),
        Field::new("phone_e164", PhoneNumber, "The telephone number, E.164."),
        Field::new("domain", Domain, "The company's main domain."),
        Field::new("job_title", Label, "The position at work."),
        Field::new("language", Language, "The preferred language, BCP 47."),
        Field::new("street", Label, "Street and number.").sensitive(Sensitivity::Direct),
        Field::new("city", Label, "The city."),
        Field::new("region_code", Region, "The part of the country."),
        Field::new("postal_code", PostalCode, "The postal code."),
        Field::new("country_code", Country, "The country, ISO 3166-1 alpha-2."),
        Field::new("do_not_email", Flag, "Whether any source says that e-mail is refused."),
        Field::new("do_not_call", Flag, "Whether any source says that calls are refused."),
        Field::new("member_count", Count, "How many rows are this person or company."),
        Field::new("confidence", Ratio, "How sure it is that they are, from 0 to 1: the weakest link's probability."),
    ],
};

/// Why a row belongs to an identity.
pub const IDENTITY_LINK: Entity = Entity {
    name: "identity_link",
    description: "A row that belongs to an identity, with the reasons.",
    fields: &[
        Field::reference("identity_id", "identity", "The identity.").required(),
        Field::new("entity", Category, "The entity of the row.").required(),
        Field::reference_by("record_id", "entity", "The row: the id in the table `entity` names.").required(),
        Field::new("match_rule", Category, "The rule that decided."),
        Field::new("match_weight", Ratio, "The weight of the evidence, in bits."),
        Field::new("match_probability", Ratio, "The probability, from 0 to 1."),
        Field::new("decision", Category, "auto, reviewed, manual or split."),
        Field::new("decided_by", SourceId, "Who decided."),
        Field::new("decided_at", Timestamp, "When."),
        Field::new("model_version", Category, "The version of the rules and weights."),
        Field::new("evidence", FreeText, "The weight of each field, as JSON."),
    ],
};

/// A change of one property of a record.
pub const PROPERTY_CHANGE: Entity = Entity {
    name: "property_change",
    description: "A change of one property, as the source itself keeps it. Only ever added to.",
    fields: &[
        Field::new("entity", Category, "The entity of the row that changed.").required(),
        Field::reference_by("record_id", "entity", "The row that changed: the id in the table `entity` names.").required(),
        Field::new("property", Category, "The property, by the source's name.").required(),
        Field::new("old_value", Label, "The value before, where the source says.").sensitive(Sensitivity::Direct),
        Field::new("new_value", Label, "The value from then on.").sensitive(Sensitivity::Direct),
        Field::new("changed_at", Timestamp, "When."),
        Field::reference("changed_by_user_id", "user", "Who changed it, where the source names a user."),
        Field::new("change_source", Category, "What changed it, in the source's words: a user, an import, a workflow."),
    ],
};
