//! Which common tables keep the earlier versions of their rows, as the pipeline file says it.

use std::sync::Arc;

use aqueduct_connector::selection::nearest;
use aqueduct_schema::{Entity, Error, Result, codes, entities};
use aqueduct_warehouse::{History, Warehouse};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::file::LoadedFile;
use crate::pipeline::Pipeline;

/// Which common tables keep the earlier versions of their rows, in a view `<table>_history`. A table that keeps them goes on, whoever
/// loads into it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySection {
    /// The tables. Where it is left out, those whose rows tell of a state: contact, account, lead, deal, deal_contact, pipeline_stage,
    /// campaign, campaign_member, list, list_membership, user, product and line_item.
    #[schemars(with = "Option<Vec<String>>")]
    pub entities: Option<Vec<Spanned<String>>>,
}

impl HistorySection {
    /// What it means for a warehouse.
    ///
    /// # Errors
    /// `AQ1003` with the place of a name that is no entity's.
    pub(crate) fn meaning(&self, file: &LoadedFile) -> Result<History> {
        let Some(named) = &self.entities else { return Ok(History::Usual) };
        if let Some(name) = named.iter().find(|name| Entity::named(&name.value).is_none()) {
            let error = Error::new(codes::UNKNOWN_KEY, format!("there is no entity `{}`", name.value));
            let near = nearest(&name.value, entities::ALL.iter().map(|entity| entity.name));
            let advice = near.map_or_else(|| "`aqueduct schema` lists them.".to_owned(), |near| format!("Did you mean `{near}`?"));
            return Err(file.at(error.advise(advice), name));
        }
        Ok(History::Of(named.iter().map(|name| name.value.clone()).collect()))
    }
}

impl Pipeline {
    /// Opens the destination as the pipeline file says.
    ///
    /// # Errors
    /// `AQ4001` when it cannot be opened.
    pub async fn warehouse(&self) -> Result<Arc<dyn Warehouse>> {
        aqueduct_warehouse::open_keeping(self.file.destination(), self.file.content.history.meaning(&self.file)?).await
    }
}
