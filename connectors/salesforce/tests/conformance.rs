//! The rules that every connector keeps, tried against the simulator.

use aqueduct_conformance::{run, salesforce};
use aqueduct_connector_salesforce::registration;

#[tokio::test]
async fn conforms() {
    run(registration(), &salesforce::vendor()).await.assert();
}
