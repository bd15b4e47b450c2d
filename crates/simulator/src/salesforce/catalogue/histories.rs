//! Field histories: one record for each change of a tracked field.
//!
//! The reference for `StandardObjectNameHistory` has their fields. Beside names of fields, `Field` has words for what happened
//! to the whole record.

pub(super) const OBJECTS: &[&str] = &[ACCOUNT, CONTACT, LEAD];

const ACCOUNT: &str = "AccountHistory 017 AccountHistories history(Account)
AccountId ref(Account) ro req
Field pick(created|accountCreatedFromLead|accountMerged) ro req";

const CONTACT: &str = "ContactHistory 017 ContactHistories history(Contact)
ContactId ref(Contact) ro req
Field pick(created|contactCreatedFromLead|contactMerged) ro req";

const LEAD: &str = "LeadHistory 017 LeadHistories history(Lead)
LeadId ref(Lead) ro req
Field pick(created|leadConverted|leadMerged) ro req";

pub(super) const OPPORTUNITY_FIELD_HISTORY: &str = "OpportunityFieldHistory 017 OpportunityFieldHistories history(Opportunity)
OpportunityId ref(Opportunity) ro req
Field pick(created|opportunityCreatedFromLead) ro req";
