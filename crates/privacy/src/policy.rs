//! The policy file: what happens to values by their sensitivity, kind or column.

use std::collections::BTreeMap;

use aqueduct_schema::{Column, Error, Result, SemanticType, Sensitivity, TableName, codes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens to a value before it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// It is stored as it is.
    Keep,
    /// A token is stored in its place: the same for the same value everywhere, so that rows still join; not to be turned back without
    /// the key.
    Tokenise,
    /// It is not stored.
    Drop,
}

/// A policy. A column's own rule comes before the rule of its kind of value, and that before the rule of its sensitivity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// By sensitivity: `none`, `indirect`, `direct`, `sensitive`. What is not named follows the default policy.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Treatment>")]
    pub sensitivity: BTreeMap<Sensitivity, Treatment>,
    /// By kind of value, for example `email: tokenise`.
    #[serde(default)]
    pub semantic_types: BTreeMap<String, Treatment>,
    /// By column: `contact.email` for one table, `email` for every table that has such a column.
    #[serde(default)]
    pub columns: BTreeMap<String, Treatment>,
}

impl Default for Policy {
    /// The default policy keeps what identifies a person directly, since sales and marketing cannot work without it, and drops special
    /// categories. Fields that a pipeline does not select are not stored under any policy.
    fn default() -> Self {
        Self { sensitivity: BTreeMap::new(), semantic_types: BTreeMap::new(), columns: BTreeMap::new() }
    }
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// `AQ1003` or `AQ1002` with line and column, `AQ1013` for a kind of value that does not exist.
    pub fn read(file: &str, text: &str) -> Result<Self> {
        let policy: Self = aqueduct_schema::yaml::read(file, text)?;
        for name in policy.semantic_types.keys() {
            if SemanticType::from_name(name).is_none() {
                let line = text.lines().position(|line| line.trim_start().starts_with(name.as_str())).map_or(1, |at| at as u64 + 1);
                let names: Vec<&str> = SemanticType::ALL.iter().map(|semantic| semantic.name()).collect();
                return Err(Error::new(codes::BAD_POLICY, format!("there is no semantic type `{name}`"))
                    .with("known", names.join(", "))
                    .at(file, line, 0));
            }
        }
        Ok(policy)
    }

    /// What happens to a column of a table.
    pub fn treatment(&self, table: &TableName, column: &Column) -> Treatment {
        let qualified = format!("{table}.{}", column.name);
        self.columns
            .get(&qualified)
            .or_else(|| self.columns.get(column.name.as_ref()))
            .or_else(|| column.semantic.and_then(|semantic| self.semantic_types.get(semantic.name())))
            .copied()
            .unwrap_or_else(|| self.of_sensitivity(column.sensitivity))
    }

    /// What happens to values of a sensitivity that no closer rule names.
    pub fn of_sensitivity(&self, sensitivity: Sensitivity) -> Treatment {
        self.sensitivity.get(&sensitivity).copied().unwrap_or(match sensitivity {
            Sensitivity::None | Sensitivity::Indirect | Sensitivity::Direct => Treatment::Keep,
            Sensitivity::Sensitive => Treatment::Drop,
        })
    }

    /// Whether any rule makes tokens, so that a key is needed.
    pub fn needs_key(&self) -> bool {
        self.sensitivity.values().chain(self.semantic_types.values()).chain(self.columns.values()).any(|rule| *rule == Treatment::Tokenise)
    }

    /// The policy in sentences, for the closing summary.
    pub fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (sensitivity, words) in [
            (Sensitivity::Direct, "Direct identifiers (names, e-mail addresses, telephone numbers, free text)"),
            (Sensitivity::Indirect, "Indirect facts (city, job title)"),
            (Sensitivity::Sensitive, "Special categories (date of birth, gender)"),
        ] {
            let verb = match self.of_sensitivity(sensitivity) {
                Treatment::Keep => "are stored as they are",
                Treatment::Tokenise => "are replaced by tokens",
                Treatment::Drop => "are not stored",
            };
            lines.push(format!("{words} {verb}."));
        }
        for (name, treatment) in self.semantic_types.iter().chain(&self.columns) {
            let verb = match treatment {
                Treatment::Keep => "stored as it is",
                Treatment::Tokenise => "replaced by a token",
                Treatment::Drop => "not stored",
            };
            lines.push(format!("`{name}` is {verb}."));
        }
        lines.push("Fields that are not selected are not stored.".to_owned());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aqueduct_schema::ValueType;

    fn column(name: &str, semantic: SemanticType) -> Column {
        Column {
            name: name.into(),
            value_type: ValueType::Text,
            semantic: Some(semantic),
            sensitivity: semantic.sensitivity(),
            required: false,
        }
    }

    #[test]
    fn the_closest_rule_wins() {
        let text = "sensitivity: {direct: drop}\nsemantic_types: {email: tokenise}\ncolumns: {user.email: keep, phone: keep}\n";
        let policy = Policy::read("p.yaml", text).unwrap();
        let contact = TableName::common("contact");
        let user = TableName::common("user");
        assert_eq!(policy.treatment(&contact, &column("email", SemanticType::Email)), Treatment::Tokenise);
        assert_eq!(policy.treatment(&user, &column("email", SemanticType::Email)), Treatment::Keep);
        assert_eq!(policy.treatment(&user, &column("phone", SemanticType::PhoneNumber)), Treatment::Keep);
        assert_eq!(policy.treatment(&user, &column("full_name", SemanticType::PersonName)), Treatment::Drop);
        assert_eq!(policy.treatment(&user, &column("city", SemanticType::Label)), Treatment::Keep);
        assert!(policy.needs_key() && !Policy::default().needs_key());
    }

    #[test]
    fn mistakes_are_placed() {
        let error = Policy::read("p.yaml", "semantic_types:\n  emial: drop\n").unwrap_err();
        assert_eq!((error.code(), error.location().unwrap().line), (codes::BAD_POLICY, 2));
        assert_eq!(Policy::read("p.yaml", "sensitivty: {}\n").unwrap_err().code(), codes::UNKNOWN_KEY);
        assert_eq!(Policy::read("p.yaml", "sensitivity: {direct: hide}\n").unwrap_err().code(), codes::BAD_YAML);
    }
}
