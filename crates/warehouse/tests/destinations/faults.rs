//! What happens when something fails, or two do the same at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aqueduct_schema::{Mode, Retry, Secret, ValueType, codes};
use sqlx::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::destination::{Destination, flat, server};
use crate::rows::*;

pub(crate) async fn loads_of_two_streams_into_one_new_table_both_arrive(to: &Destination) {
    let fence = to.begin("run-1").await;
    let page = |from: usize, mark: &str| {
        let rows: Vec<(String, String)> = (from..from + 400).map(|index| (format!("{index:04}"), mark.to_owned())).collect();
        people(&rows.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect::<Vec<_>>())
    };
    // Half of the keys are in both loads.
    let (one, two) = tokio::join!(
        to.load(&fence, vec![stream_batch("one", vec![page(0, "a")])]),
        to.load(&fence, vec![stream_batch("two", vec![page(200, "b")])])
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.load_id, two.load_id);
    assert_eq!(one.tables[0].inserted + two.tables[0].inserted, 600);
    assert_eq!(one.loaded + two.loaded, 800);
    assert_eq!(to.one("SELECT count(*) FROM {people}").await, "600");
    assert_eq!(flat(to.ask("SELECT stream FROM {_state} ORDER BY stream").await), ["one", "two"]);
}

pub(crate) async fn a_constraint_of_somebody_else_loses_no_row(to: &Destination) {
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    to.ask("CREATE UNIQUE INDEX only_one ON {people} (name)").await;
    for rows in [[("2", "b"), ("3", "a")], [("4", "a"), ("1", "a")]] {
        let error = to.load(&fence, vec![batch(vec![people(&rows)])]).await.unwrap_err();
        assert_eq!(error.code(), codes::DESTINATION_FAILED);
        assert_eq!(flat(to.ask("SELECT _id FROM {people}").await), ["1"]);
    }
    to.load(&fence, vec![batch(vec![people(&[("1", "a"), ("2", "b")])])]).await.unwrap();
    // By now rows are looked up first.
    let error = to.load(&fence, vec![batch(vec![people(&[("1", "a"), ("4", "b")])])]).await.unwrap_err();
    assert_eq!(error.code(), codes::DESTINATION_FAILED);
    assert_eq!(flat(to.ask("SELECT _id FROM {people} ORDER BY _id").await), ["1", "2"]);
}

pub(crate) async fn a_run_that_begins_again_finds_its_place(to: &Destination) {
    let fence = to.begin("run-1").await;
    let page = |place| batch_with(vec![people(&[("1", "a")])], Vec::new(), 0, checkpoint(Mode::Backfill, place, false));
    to.load(&fence, vec![page(1), page(2)]).await.unwrap();
    let again = to.again().await;
    assert_eq!(again.states("shop").await.unwrap()["people"].bookmark.as_ref().unwrap().0, serde_json::json!(2));
    assert_eq!(again.runs(Some("shop"), 1).await.unwrap()[0].ended_at, None, "a killed run stays as running");
    // A load without batches has nothing to commit.
    assert_eq!(to.load(&fence, Vec::new()).await.unwrap(), aqueduct_warehouse::Receipt::default());
}

#[tokio::test]
async fn a_missing_folder_is_told_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let url = Secret::new(format!("sqlite://{}/missing/warehouse.db", folder.path().display()));
    let error = aqueduct_warehouse::open(&url).await.err().unwrap();
    assert_eq!((error.code(), error.retry(), error.exit_code()), (codes::DESTINATION_UNREACHABLE, Retry::Never, 5));
    assert!(error.advice().contains("folder"));
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.txt");
    let letters = "Dear Ada, ".repeat(1000);
    std::fs::write(&path, &letters).unwrap();
    let error = aqueduct_warehouse::open(&Secret::new(format!("sqlite://{}", path.display()))).await.err().unwrap();
    assert_eq!(error.code(), codes::DESTINATION_UNREACHABLE);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), letters);
}

#[tokio::test]
async fn an_unreachable_server_is_told_without_the_password() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = Secret::new(format!("postgres://ada:canary-secret@127.0.0.1:{port}/crm"));
    let error = aqueduct_warehouse::open(&url).await.err().unwrap();
    assert_eq!((error.code(), error.retry()), (codes::DESTINATION_UNREACHABLE, Retry::Temporary));
    let shown = format!("{error} {error:?} {} {}", error.advice(), error.data());
    assert!(!shown.contains("canary") && shown.contains(&port.to_string()), "{shown}");
}

#[tokio::test]
async fn a_refused_value_is_not_quoted() {
    let to = Destination::postgres().await;
    let fence = to.begin("run-1").await;
    let page = || {
        batch(vec![upsert(
            source(),
            &[("_id", ValueType::Text), ("object", ValueType::Json)],
            vec![vec![text("canary-id"), text("{canary")]],
        )])
    };
    let error = to.load(&fence, vec![page()]).await.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.advice());
    assert_eq!(error.code(), codes::DESTINATION_FAILED);
    assert!(!shown.contains("canary") && shown.contains("shop_people") && shown.contains("22P02"), "{shown}");
    // The connection goes on to work.
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
}

#[tokio::test]
async fn whoever_holds_a_lock_for_too_long_is_named() {
    let to = Destination::postgres().await;
    to.begin("run-1").await;
    let mut holder = sqlx::PgConnection::connect(to.url.expose()).await.unwrap();
    sqlx::raw_sql("SET application_name = 'somebody'; BEGIN; UPDATE aqueduct.fence SET run_id = run_id")
        .execute(&mut holder)
        .await
        .unwrap();
    let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut holder).await.unwrap();
    // What the address says of limits is kept.
    let url = Secret::new(format!("{}?options=-c%20lock_timeout=100ms", to.url.expose()));
    let warehouse = aqueduct_warehouse::open(&url).await.unwrap();
    let start = aqueduct_warehouse::RunStart {
        pipeline: "shop".into(),
        run_id: "run-2".into(),
        started_at: aqueduct_schema::Timestamp::from_seconds(2),
        allow_mass_delete: false,
    };
    let error = warehouse.begin_run(start.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.retry(), error.exit_code()), (codes::DESTINATION_FAILED, Retry::Exhausted, 5));
    let shown = format!("{error} {}", error.advice());
    for word in
        [&format!("session {process} (somebody"), "idle in transaction", "aqueduct.fence", &format!("pg_terminate_backend({process})")]
    {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    warehouse.begin_run(start).await.unwrap();
}

/// Passes bytes between clients and a server. Once armed, the next COMMIT reaches the server, but its answer is lost.
async fn proxy(server_port: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let armed = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&armed);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server_port)).await.unwrap();
            tokio::spawn(pass(client, server, Arc::clone(&shared)));
        }
    });
    (port, armed)
}

async fn pass(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicBool>) -> std::io::Result<()> {
    let (mut request, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                server.write_all(&request[..read]).await?;
                if request[..read].windows(7).any(|bytes| bytes == b"COMMIT\0") && armed.swap(false, Ordering::SeqCst) {
                    // The server has committed once it answers; then both ends close.
                    let _ = server.read(&mut answer).await?;
                    return Ok(());
                }
            }
            read = server.read(&mut answer) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                client.write_all(&answer[..read]).await?;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_commit_is_looked_up() {
    let to = Destination::postgres().await;
    let server = tokio::task::spawn_blocking(server).await.unwrap();
    let (port, armed) = proxy(server.port()).await;
    let url = Secret::new(to.url.expose().replace(&format!(":{}/", server.port()), &format!(":{port}/")));
    let warehouse = aqueduct_warehouse::open(&url).await.unwrap();
    let fence = to.begin("run-1").await;
    warehouse.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    armed.store(true, Ordering::SeqCst);
    let receipt = warehouse.load(&fence, vec![batch(vec![people(&[("2", "b"), ("1", "a")])])]).await.unwrap();
    assert!(!armed.load(Ordering::SeqCst), "the answer was not lost");
    assert_eq!((receipt.loaded, receipt.unchanged), (1, 1), "the receipt is the one of the load that was committed");
    assert_eq!(to.one("SELECT count(*) FROM {_loads}").await, "2");
    assert_eq!(flat(to.ask("SELECT _id, _load_id FROM {people} WHERE _id = '2'").await), ["2", &receipt.load_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_connections_is_tried_again() {
    let to = Destination::postgres().await;
    let fence = to.begin("run-1").await;
    to.load(&fence, vec![batch(vec![people(&[("1", "a")])])]).await.unwrap();
    to.ask("SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await;
    assert_eq!(to.load(&fence, vec![batch(vec![people(&[("2", "b")])])]).await.unwrap().loaded, 1);
}
