//! When a load may be written: after the one before it, whose rows and checkpoint come first.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aqueduct_schema::Result;

use crate::backfill::WindowKey;
use crate::shadow::ShadowKind;

/// Where the rows and the checkpoint of a load go.
#[derive(Clone, Debug)]
pub enum LoadInto {
    /// The live tables and the stream's state.
    Live,
    /// The stream's shadow of this kind, see [`crate::Warehouse::load_shadow`].
    Shadow {
        /// What the shadow is for.
        kind: ShadowKind,
        /// What its reading depends on.
        fingerprint: String,
    },
    /// The live tables and a window's row of the ledger of backfills, see [`crate::Backfills::load_window`].
    Window(Arc<WindowKey>),
}

/// A load's turn. A destination may do beforehand whatever does not depend on the loads before.
pub struct Turn(Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>);

impl Turn {
    /// The turn is there: nothing comes before.
    pub fn now() -> Self {
        Self(None)
    }

    /// The turn comes when `coming` ends well. When it ends with an error, nothing of the load may be written.
    pub fn when(coming: impl Future<Output = Result<()>> + Send + 'static) -> Self {
        Self(Some(Box::pin(coming)))
    }

    /// Whether it is there already.
    pub(crate) fn is_now(&self) -> bool {
        self.0.is_none()
    }

    /// Waits for it.
    ///
    /// # Errors
    /// That of what it waits for: the load has no turn.
    pub async fn come(self) -> Result<()> {
        match self.0 {
            Some(coming) => coming.await,
            None => Ok(()),
        }
    }
}
