//! Entities of engagement: campaigns and their members, activities and who took part, and consent.

use crate::entity::{Entity, Field};
use crate::semantic::SemanticType::{Category, Count, CurrencyCode, Flag, FreeText, Label, Language, Money, SourceId, Timestamp};
use crate::semantic::Sensitivity;

/// A marketing campaign.
pub const CAMPAIGN: Entity = Entity {
    name: "campaign",
    description: "An effort of marketing: a mailing, an event, an advertisement.",
    fields: &[
        Field::reference("parent_campaign_id", "campaign", "The campaign it is a part of."),
        Field::new("name", Label, "The campaign's name."),
        Field::new("channel", Category, "Where it takes place, in the source's words."),
        Field::new("objective", Label, "What it is for."),
        Field::new("status", Category, "How far it has got."),
        Field::new("started_at", Timestamp, "When it begins."),
        Field::new("ended_at", Timestamp, "When it ends."),
        Field::new("budget", Money, "What it may cost."),
        Field::new("actual_cost", Money, "What it has cost."),
        Field::new("currency_code", CurrencyCode, "The currency of its costs."),
        Field::new("utm_campaign", Label, "Its name in web addresses."),
        Field::new("utm_source", Label, "Its source in web addresses."),
        Field::new("utm_medium", Label, "Its medium in web addresses."),
    ],
};

/// Somebody a campaign is addressed to.
pub const CAMPAIGN_MEMBER: Entity = Entity {
    name: "campaign_member",
    description: "A contact or a lead that a campaign is addressed to, and what came of it.",
    fields: &[
        Field::reference("campaign_id", "campaign", "The campaign.").required(),
        Field::reference("contact_id", "contact", "The contact, where it is one."),
        Field::reference("lead_id", "lead", "The lead, where it is one."),
        Field::new("status", Category, "What became of it, in the source's words."),
        Field::new("has_responded", Flag, "Whether there was a response."),
        Field::new("responded_at", Timestamp, "When the first response came."),
    ],
};

/// Something that happened between the business and people.
pub const ACTIVITY: Entity = Entity {
    name: "activity",
    description: "Something that happened, or is to be done, between the business and people.",
    fields: &[
        Field::new("type", Category, "call, meeting, email, task, note, sms, chat, form or page_view."),
        Field::new("direction", Category, "inbound or outbound."),
        Field::new("subject", Label, "What it is about.").sensitive(Sensitivity::Direct),
        Field::new("body_text", FreeText, "Its text; not read unless it is selected."),
        Field::new("occurred_at", Timestamp, "When it happened or begins."),
        Field::new("ended_at", Timestamp, "When it ended."),
        Field::new("due_at", Timestamp, "When it is to be done."),
        Field::new("completed_at", Timestamp, "When it was done."),
        Field::new("status", Category, "How far it has got, in the source's words."),
        Field::new("outcome", Category, "What came of it."),
        Field::new("duration_s", Count, "How many seconds it took."),
        Field::reference("owner_user_id", "user", "The user whose activity it is."),
        Field::reference("account_id", "account", "The company it concerns."),
        Field::reference("deal_id", "deal", "The deal it concerns."),
    ],
};

/// Somebody's part in an activity.
pub const ACTIVITY_PARTICIPANT: Entity = Entity {
    name: "activity_participant",
    description: "Somebody who took part in an activity.",
    fields: &[
        Field::reference("activity_id", "activity", "The activity.").required(),
        Field::reference("contact_id", "contact", "The contact, where it is one."),
        Field::reference("lead_id", "lead", "The lead, where it is one."),
        Field::reference("user_id", "user", "The user, where it is one."),
        Field::new("role", Category, "from, to, cc or attendee."),
    ],
};

/// What somebody agreed to or refused.
pub const CONSENT_EVENT: Entity = Entity {
    name: "consent_event",
    description: "A person's word on how they may be reached or what their data may be used for, with its proof. Only ever added to.",
    fields: &[
        Field::new("identity_id", SourceId, "The person across all sources; empty until identities are resolved."),
        Field::reference("contact_id", "contact", "The contact, where the source names one."),
        Field::reference("lead_id", "lead", "The lead, where the source names one."),
        Field::new("contact_point_hash", SourceId, "A digest of the address or number it concerns."),
        Field::new("channel", Category, "email, sms, phone, post, push, ads, profiling or ai_training."),
        Field::new("purpose", Label, "What the data may be used for, in the source's words."),
        Field::new("subscription_id", SourceId, "The subscription or list at the source."),
        Field::new(
            "legal_basis",
            Category,
            "The basis in law: consent, contract, legal_obligation, vital_interests, public_task or legitimate_interests.",
        ),
        Field::new("state", Category, "granted, denied, withdrawn, pending or not_asked."),
        Field::new("event_time", Timestamp, "When the person said so."),
        Field::new("effective_from", Timestamp, "From when it holds."),
        Field::new("effective_to", Timestamp, "Until when it holds."),
        Field::new("capture_source", Label, "Where it was said: a form, a page, a call."),
        Field::new("capture_method", Category, "How it was said."),
        Field::new("double_opt_in_at", Timestamp, "When the person confirmed it."),
        Field::new("notice_id", SourceId, "The notice the person was shown."),
        Field::new("notice_version", Label, "Its version."),
        Field::new("notice_language", Language, "Its language."),
        Field::new("jurisdiction", Label, "Whose law it falls under."),
        Field::new("recipients", Label, "Who may receive the data."),
        Field::new("retention", Label, "How long the data may be kept."),
        Field::new("withdrawal_method", Label, "How it can be taken back."),
        Field::new("evidence_ref", Label, "Where the proof is kept."),
    ],
};
