//! The rules that every connector keeps, tried against the simulated vendor.

use aqueduct_connector_brevo::registration;

#[tokio::test]
async fn conforms() {
    aqueduct_conformance::run(registration(), &aqueduct_conformance::brevo::vendor()).await.assert();
}
