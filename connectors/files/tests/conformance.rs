//! The rules that every connector keeps, tried on a folder of compressed exports that change while they are read.

#[tokio::test]
async fn conforms() {
    let vendor = aqueduct_conformance::files::vendor();
    aqueduct_conformance::run(aqueduct_connector_files::registration(), &vendor).await.assert();
}
