//! Exports that are recognised by their headers. An export in another language, or with renamed labels, is not.

mod hubspot;
mod mailchimp;
mod salesforce;

use crate::config::LayoutChoice;

/// A column of a known export.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayoutColumn {
    /// The name that mappings use: the path of the stream's field.
    pub(crate) path: &'static str,
    /// Other headers that the vendor gives the same column.
    pub(crate) also: &'static [&'static str],
}

/// A known export.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Whose it is.
    pub(crate) vendor: LayoutChoice,
    /// The stream.
    pub(crate) stream: &'static str,
    /// The vendor's name for a record.
    pub(crate) object: &'static str,
    /// Of each of these groups, the header has at least one.
    recognised_by: &'static [&'static [&'static str]],
    /// None of these is in the header.
    but_without: &'static [&'static str],
    /// Keys in order of preference; the first that the header has counts.
    pub(crate) keys: &'static [&'static str],
    /// The time of creation.
    pub(crate) created_at: &'static str,
    /// The time of the last change.
    pub(crate) updated_at: &'static str,
    /// The flag of deletion; empty where there is none.
    pub(crate) is_deleted: &'static str,
    /// The columns that mappings use.
    pub(crate) columns: &'static [LayoutColumn],
}

const fn column(path: &'static str) -> LayoutColumn {
    LayoutColumn { path, also: &[] }
}

const fn aliased(path: &'static str, also: &'static [&'static str]) -> LayoutColumn {
    LayoutColumn { path, also }
}

/// Every layout; the first that fits counts.
pub(crate) const LAYOUTS: &[Layout] = &[
    hubspot::DEALS,
    hubspot::COMPANIES,
    hubspot::CONTACTS,
    salesforce::OPPORTUNITIES,
    salesforce::CONTACTS,
    salesforce::ACCOUNTS,
    mailchimp::MEMBERS,
    mailchimp::UNSUBSCRIBED,
    mailchimp::CLEANED,
];

/// The layout of a header, if it is known and the config does not rule it out.
pub(crate) fn recognise(header: &[String], choice: Option<LayoutChoice>) -> Option<&'static Layout> {
    let has = |name: &str| header.iter().any(|header| same(header, name));
    LAYOUTS.iter().find(|layout| {
        choice.is_none_or(|vendor| vendor == layout.vendor)
            && layout.recognised_by.iter().all(|group| group.iter().any(|name| has(name)))
            && !layout.but_without.iter().any(|name| has(name))
    })
}

/// Whether a header is a name. Data Loader writes API names in the case of its query; labels are written in one way.
fn same(header: &str, name: &str) -> bool {
    header == name || (!name.contains(' ') && header.eq_ignore_ascii_case(name))
}

impl Layout {
    /// The names of a header's columns as mappings use them.
    pub(crate) fn paths(&self, header: &[String]) -> Vec<String> {
        let mut paths: Vec<Option<&str>> = vec![None; header.len()];
        for column in self.columns {
            let names = std::iter::once(&column.path).chain(column.also);
            let found = names.filter_map(|name| header.iter().position(|header| same(header, name))).find(|at| paths[*at].is_none());
            if let Some(at) = found
                && !header.iter().enumerate().any(|(other, name)| other != at && name == column.path)
            {
                paths[at] = Some(column.path);
            }
        }
        header.iter().zip(paths).map(|(header, path)| path.unwrap_or(header).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stream(header: &[&str]) -> Option<&'static str> {
        recognise(&header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), None).map(|layout| layout.stream)
    }

    #[test]
    fn exports_are_recognised() {
        let cases: [(&[&str], Option<&str>); 20] = [
            (&["Record ID", "First Name", "Last Name", "Email", "Contact owner", "Lead Status"], Some("hubspot_contacts")),
            (&["Contact ID", "Email", "Lifecycle Stage", "Company Name"], Some("hubspot_contacts")),
            (&["Record ID", "Company name", "Company owner", "Create Date", "Phone Number"], Some("hubspot_companies")),
            (&["Record ID", "Deal Name", "Deal Stage", "Close Date", "Amount"], Some("hubspot_deals")),
            (&["ID", "ACCOUNTID", "LASTNAME", "EMAIL", "SYSTEMMODSTAMP"], Some("salesforce_contacts")),
            (&["Contact ID", "First Name", "Last Name", "Account ID", "Mailing City"], Some("salesforce_contacts")),
            (&["Id", "Name", "BillingCity", "NumberOfEmployees"], Some("salesforce_accounts")),
            (&["Id", "Name", "StageName", "CloseDate", "Amount", "AccountId"], Some("salesforce_opportunities")),
            (&["Id", "LastName", "Email", "Company", "IsConverted", "CreatedDate"], None),
            (&["Id", "LastName", "Email", "Username", "CreatedDate"], None),
            (&["Email Address", "First Name", "MEMBER_RATING", "OPTIN_TIME", "LEID", "EUID", "TAGS"], Some("mailchimp_members")),
            (&["Email Address", "MEMBER_RATING", "UNSUB_TIME", "LEID", "EUID"], Some("mailchimp_unsubscribed_members")),
            (&["Email Address", "MEMBER_RATING", "CLEAN_TIME", "LEID", "EUID"], Some("mailchimp_cleaned_members")),
            (&["Opportunity Name", "Opportunity ID", "Stage", "Amount"], Some("salesforce_opportunities")),
            (&["Account Name", "Account ID", "Employees"], Some("salesforce_accounts")),
            (&["id", "name", "email"], None),
            (&["id", "name", "stage"], None),
            (&["ID", "Name", "Stage", "Amount"], None),
            (&["id", "name", "employees"], None),
            (&["Email Address", "First Name"], None),
        ];
        for (header, expected) in cases {
            assert_eq!(stream(header), expected, "{header:?}");
        }
    }

    #[test]
    fn columns_get_the_names_that_mappings_use() {
        let header = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let paths = salesforce::CONTACTS.paths(&header(&["CONTACT ID", "Contact ID", "EMAIL", "Mailing City", "Shoe size"]));
        assert_eq!(paths, ["CONTACT ID", "Id", "Email", "MailingCity", "Shoe size"]);
        let paths = salesforce::CONTACTS.paths(&header(&["Id", "LastModifiedDate", "SystemModstamp"]));
        assert_eq!(paths, ["Id", "LastModifiedDate", "SystemModstamp"]);
        let paths = hubspot::DEALS.paths(&header(&["Record ID", "Associated Company IDs (Primary)"]));
        assert_eq!(paths, ["Record ID", "Associated Company IDs"]);
    }
}
