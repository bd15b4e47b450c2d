//! The rules that every connector keeps, tried against the simulator.

use aqueduct_conformance::{hubspot, run, run_only};
use aqueduct_connector_hubspot::registration;

#[tokio::test]
async fn conforms() {
    run(registration(), &hubspot::vendor()).await.assert();
}

/// Contacts have another property for the time of change than every other object.
#[tokio::test]
async fn companies_and_deals_conform() {
    for stream in ["companies", "deals"] {
        let rules = ["CURSOR-BY-VALUE", "COMPOSITE", "NEVER-PAST-LAG", "FUTURE-CLAMP", "COVERS-ITS-ROWS", "DELETIONS"];
        run_only(registration(), &hubspot::vendor_changing(stream), &rules).await.assert();
    }
}
