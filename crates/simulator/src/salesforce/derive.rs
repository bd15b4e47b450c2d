//! What the vendor works out itself: names from their parts, stages, formulas and roll-ups.

use super::data::{Data, Moves, When};
use super::record::Record;
use crate::store::State;

/// A stage of an opportunity: name, probability, closed, won, forecast category and its label.
pub(crate) type Stage = (&'static str, u8, bool, bool, &'static str, &'static str);

/// The stages of a fresh organisation.
pub(crate) const STAGES: [Stage; 10] = [
    ("Prospecting", 10, false, false, "Pipeline", "Pipeline"),
    ("Qualification", 10, false, false, "Pipeline", "Pipeline"),
    ("Needs Analysis", 20, false, false, "Pipeline", "Pipeline"),
    ("Value Proposition", 50, false, false, "Pipeline", "Pipeline"),
    ("Id. Decision Makers", 60, false, false, "Pipeline", "Pipeline"),
    ("Perception Analysis", 70, false, false, "Pipeline", "Pipeline"),
    ("Proposal/Price Quote", 75, false, false, "Pipeline", "Pipeline"),
    ("Negotiation/Review", 90, false, false, "Pipeline", "Pipeline"),
    ("Closed Won", 100, true, true, "Closed", "Closed"),
    ("Closed Lost", 0, true, false, "Omitted", "Omitted"),
];

/// The band of a number of employees, as the organisation's formula has it.
pub(crate) fn size_band(employees: &str) -> &'static str {
    match employees.parse::<u64>() {
        Err(_) => "",
        Ok(0..50) => "Small",
        Ok(50..1000) => "Medium",
        Ok(_) => "Large",
    }
}

/// A full name from its parts.
pub(crate) fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}

/// An amount as the vendor writes it.
pub(crate) fn amount(value: f64) -> String {
    // An empty sum is minus zero.
    let text = format!("{:.2}", value + 0.0);
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}

impl Data {
    /// Works out what follows from a record's latest version. Its own values change with it; those of others change without
    /// moving any time, as formulas and roll-ups do.
    pub(crate) fn derive(&mut self, object: usize, number: u64, when: When) {
        match self.object(object).schema.name.as_str() {
            "Contact" => {
                self.derive_name(object, number, when);
                self.derive_contact(object, number, when);
            }
            "Lead" | "User" | "Individual" => self.derive_name(object, number, when),
            "Account" => self.derive_account(object, number, when),
            "Opportunity" => self.derive_opportunity(object, number, when),
            "CampaignMember" => self.derive_campaign(object, number, when),
            _ => {}
        }
    }

    /// A value of a record's latest version.
    pub(crate) fn value(&self, object: usize, number: u64, field: &str) -> String {
        let own = self.object(object);
        let value = own.schema.place(field).zip(own.rows.get(&number));
        value.map(|(place, row)| row.current().value.values.get(place).to_owned()).unwrap_or_default()
    }

    /// Sets values where they differ, in the state that the record is in and without moving a time.
    fn set_quietly(&mut self, object: usize, number: u64, when: When, values: &[(&str, String)]) {
        let own = self.object(object);
        let Some(row) = own.rows.get(&number) else { return };
        let current = row.current();
        if current.state != State::Live {
            return;
        }
        let differs = |(name, value): &(&str, String)| {
            own.schema.place(name).filter(|place| current.value.values.get(*place) != value).map(|place| (place, value.clone()))
        };
        let changes: Vec<(usize, String)> = values.iter().filter_map(differs).collect();
        if !changes.is_empty() {
            self.write(object, number, when, Moves::Nothing, State::Live, &changes);
        }
    }

    fn derive_name(&mut self, object: usize, number: u64, when: When) {
        let name = full_name(&self.value(object, number, "FirstName"), &self.value(object, number, "LastName"));
        self.set_quietly(object, number, when, &[("Name", name)]);
    }

    fn derive_contact(&mut self, object: usize, number: u64, when: When) {
        let account = self.find(&self.value(object, number, "AccountId"));
        let industry = account.map(|(account, number)| self.value(account, number, "Industry")).unwrap_or_default();
        let bounced = !self.value(object, number, "EmailBouncedReason").is_empty();
        self.set_quietly(object, number, when, &[("Account_Industry__c", industry), ("IsEmailBounced", bounced.to_string())]);
    }

    fn derive_account(&mut self, object: usize, number: u64, when: When) {
        let band = size_band(&self.value(object, number, "NumberOfEmployees")).to_owned();
        self.set_quietly(object, number, when, &[("Size_Band__c", band)]);
        let industry = self.value(object, number, "Industry");
        let id = self.object(object).schema.id(number);
        let Some(contacts) = self.place("Contact") else { return };
        for contact in self.children(contacts, "AccountId", &id) {
            self.set_quietly(contacts, contact, when, &[("Account_Industry__c", industry.clone())]);
        }
    }

    fn derive_opportunity(&mut self, object: usize, number: u64, when: When) {
        let stage_name = self.value(object, number, "StageName");
        if let Some(stage) = STAGES.iter().find(|stage| stage.0 == stage_name) {
            let worth: f64 = self.value(object, number, "Amount").parse().unwrap_or(0.0);
            let expected = if worth == 0.0 { String::new() } else { amount(worth * f64::from(stage.1) / 100.0) };
            let values = [
                ("Probability", format!("{}.0", stage.1)),
                ("IsClosed", stage.2.to_string()),
                ("IsWon", stage.3.to_string()),
                ("ForecastCategory", stage.4.to_owned()),
                ("ForecastCategoryName", stage.5.to_owned()),
                ("ExpectedRevenue", expected),
            ];
            self.set_quietly(object, number, when, &values);
        }
        self.note_stage(object, number, when);
        if let Some((account, owner)) = self.find(&self.value(object, number, "AccountId")) {
            let id = self.object(account).schema.id(owner);
            let open: f64 = self
                .children(object, "AccountId", &id)
                .into_iter()
                .filter(|number| self.value(object, *number, "IsClosed") != "true")
                .filter_map(|number| self.value(object, number, "Amount").parse::<f64>().ok())
                .sum();
            self.set_quietly(account, owner, when, &[("Open_Amount__c", amount(open))]);
        }
    }

    /// Adds a row of history when stage, amount or close date are new.
    fn note_stage(&mut self, object: usize, number: u64, when: When) {
        const NOTED: [&str; 6] = ["StageName", "Amount", "ExpectedRevenue", "CloseDate", "Probability", "ForecastCategory"];
        let Some(history) = self.place("OpportunityHistory") else { return };
        let own = self.object(object);
        let Some(row) = own.rows.get(&number).filter(|row| row.is_live()) else { return };
        let places: Vec<Option<usize>> = NOTED[..4].iter().map(|name| own.schema.place(name)).collect();
        let noted = |record: &Record| places.iter().flatten().map(|place| record.values.get(*place).to_owned()).collect::<Vec<_>>();
        let latest = noted(&row.current().value);
        let stamp = row.current().value.stamp;
        if row.versions().rev().find(|version| version.value.stamp < stamp).is_some_and(|before| noted(&before.value) == latest) {
            return;
        }
        let own_id = own.schema.id(number);
        let mut values: Vec<(String, String)> = NOTED.iter().map(|name| ((*name).to_owned(), self.value(object, number, name))).collect();
        values.push(("OpportunityId".to_owned(), own_id));
        values.push(("CreatedById".to_owned(), self.acting_user()));
        // The fields are the object's own, so this is not refused.
        let _ = self.create(history, when, &values);
    }

    fn derive_campaign(&mut self, object: usize, number: u64, when: When) {
        let Some((campaign, of)) = self.find(&self.value(object, number, "CampaignId")) else { return };
        let id = self.object(campaign).schema.id(of);
        let members = self.children(object, "CampaignId", &id);
        let count =
            |field: &str, empty: bool| members.iter().filter(|member| self.value(object, **member, field).is_empty() == empty).count();
        let responses = members.iter().filter(|member| self.value(object, **member, "HasResponded") == "true").count();
        let values = [
            ("NumberOfContacts", count("ContactId", false).to_string()),
            ("NumberOfLeads", count("ContactId", true).to_string()),
            ("NumberOfResponses", responses.to_string()),
        ];
        self.set_quietly(campaign, of, when, &values);
    }

    /// The live records of an object whose field holds an id.
    fn children(&self, object: usize, field: &str, id: &str) -> Vec<u64> {
        let own = self.object(object);
        let Some(place) = own.schema.place(field) else { return Vec::new() };
        own.rows.live(..).filter(|(_, row)| row.current().value.values.get(place) == id).map(|(number, _)| *number).collect()
    }

    /// Turns a lead into a contact at an account, with an opportunity if one is named. The ids of account, contact and
    /// opportunity.
    pub(crate) fn convert(
        &mut self,
        lead: &str,
        opportunity: Option<&str>,
        when: When,
    ) -> Result<(String, String, Option<String>), super::data::StoreError> {
        use super::data::StoreError;
        let leads = self.named("Lead")?;
        let not_found = || StoreError::NotFound(lead.to_owned());
        let number = self.object(leads).schema.number(lead).ok_or_else(not_found)?;
        let is_live = self.object(leads).rows.get(&number).is_some_and(|row| row.is_live());
        if !is_live || self.value(leads, number, "IsConverted") == "true" {
            return Err(not_found());
        }
        let value = |name: &str| self.value(leads, number, name);
        let pair = |name: &str, value: String| (name.to_owned(), value);
        let account = [pair("Name", value("Company")), pair("OwnerId", value("OwnerId")), pair("Industry", value("Industry"))];
        let same = ["FirstName", "LastName", "Salutation", "Email", "Phone", "MobilePhone", "Title", "LeadSource", "HasOptedOutOfEmail"];
        let mut contact: Vec<(String, String)> = same.iter().map(|name| pair(name, value(name))).collect();
        let account = self.create_as("accountCreatedFromLead", self.named("Account")?, when, &account)?;
        contact.push(pair("AccountId", account.clone()));
        let contact = self.create_as("contactCreatedFromLead", self.named("Contact")?, when, &contact)?;
        let mut made = None;
        if let Some(name) = opportunity {
            let close = crate::clock::iso(when.stamp + 30 * 86_400_000)[..10].to_owned();
            let values = [
                pair("Name", name.to_owned()),
                pair("AccountId", account.clone()),
                pair("StageName", STAGES[0].0.to_owned()),
                pair("CloseDate", close),
            ];
            made = Some(self.create_as("opportunityCreatedFromLead", self.named("Opportunity")?, when, &values)?);
        }
        let values = [
            pair("IsConverted", "true".to_owned()),
            pair("Status", "Closed - Converted".to_owned()),
            pair("ConvertedDate", crate::clock::iso(when.stamp)[..10].to_owned()),
            pair("ConvertedAccountId", account.clone()),
            pair("ConvertedContactId", contact.clone()),
            pair("ConvertedOpportunityId", made.clone().unwrap_or_default()),
        ];
        self.update(leads, lead, when, Moves::Both, &values)?;
        self.note_word(leads, number, when, "leadConverted");
        Ok((account, contact, made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_a_decimal_at_least() {
        assert_eq!((amount(1500.0), amount(0.25), amount(12.5)), ("1500.0".to_owned(), "0.25".to_owned(), "12.5".to_owned()));
    }
}
