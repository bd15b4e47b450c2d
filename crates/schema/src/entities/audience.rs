//! Entities of audiences: what became of e-mails, and the lists that people are on.

use crate::entity::{Entity, Field};
use crate::semantic::SemanticType::{Category, Count, Flag, Label, SourceId, Timestamp, Url};
use crate::semantic::Sensitivity;

/// Something that happened to an e-mail.
pub const EMAIL_EVENT: Entity = Entity {
    name: "email_event",
    description: "Something that happened to an e-mail that was sent to one person. Only ever added to.",
    fields: &[
        Field::reference("campaign_id", "campaign", "The campaign that the e-mail belongs to."),
        Field::new("message_id", SourceId, "The message at the source."),
        Field::reference("contact_id", "contact", "The contact it was sent to, where the source names one."),
        Field::new("recipient_hash", SourceId, "A digest of the address it was sent to."),
        Field::new(
            "event_type",
            Category,
            "sent, delivered, deferred, dropped, bounced_hard, bounced_soft, opened, clicked, complained, unsubscribed or forwarded.",
        ),
        Field::new("occurred_at", Timestamp, "When."),
        Field::new("url", Url, "The link that was followed.").sensitive(Sensitivity::Direct),
        Field::new("user_agent_class", Category, "What opened it: a kind of program, never the program's own words."),
        Field::new("is_machine_open", Flag, "Whether a program opened it, and no person."),
        Field::new("bounce_code", Category, "Why it did not arrive, as the mail server's code."),
    ],
};

/// A list of people or companies.
pub const LIST: Entity = Entity {
    name: "list",
    description: "A list of people or companies that marketing addresses together.",
    fields: &[
        Field::new("name", Label, "The list's name."),
        Field::new("list_type", Category, "static or dynamic: whether somebody puts people on it, or a rule does."),
        Field::new("object_type", Category, "The entity of its members."),
        Field::new("member_count", Count, "How many members the source counts."),
        Field::new("definition", Label, "The rule of a dynamic list, in the source's words.").sensitive(Sensitivity::Direct),
    ],
};

/// Somebody's place on a list.
pub const LIST_MEMBERSHIP: Entity = Entity {
    name: "list_membership",
    description: "A contact that is or was on a list.",
    fields: &[
        Field::reference("list_id", "list", "The list.").required(),
        Field::reference("contact_id", "contact", "The contact, where it is one."),
        Field::reference("lead_id", "lead", "The lead, where it is one."),
        Field::reference("account_id", "account", "The company, where it is one."),
        Field::new("status", Category, "member or removed."),
        Field::new("added_at", Timestamp, "When it came onto the list."),
        Field::new("removed_at", Timestamp, "When it left the list."),
    ],
};
