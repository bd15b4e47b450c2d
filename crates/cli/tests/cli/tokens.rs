//! Refresh tokens that may be used once: no process loses one, and one at a time renews.

use aqueduct_simulator::hubspot;
use aqueduct_simulator::salesforce::{Effect, Fault, Match, Options, RefreshRotation, RequestClass, Simulator};

use crate::account::{Account, runtime};
use crate::database::Database;
use crate::project::{Project, wait_until};

fn organisation() -> Simulator {
    let options = Options { contacts: 40, refresh_rotation: RefreshRotation::Strict, ..Options::default() };
    runtime().block_on(Simulator::start(options)).unwrap()
}

fn prepared(organisation: &Simulator) -> Project {
    let mut project = Project::new();
    let credentials = organisation.client_credentials();
    project.set("SECRET", credentials.client_secret);
    project.set("REFRESH", credentials.refresh_token);
    project.set("ADDRESS", organisation.base_url());
    for name in ["p", "q"] {
        project.write(
            &format!("{name}.yaml"),
            format!(
                "source:\n  connector: salesforce\n  config:\n    client_id: {}\n    client_secret: ${{SECRET}}\n    refresh_token: ${{REFRESH}}\n    \
                 base_url: ${{ADDRESS}}\n  select: [contacts]\ndestination: {{ url: sqlite://{name}.db }}\n",
                credentials.client_id
            ),
        );
    }
    project
}

fn renewals(organisation: &Simulator) -> u64 {
    organisation.counters().of(RequestClass::Token)
}

#[test]
fn a_refresh_token_that_is_replaced_goes_from_run_to_run() {
    let organisation = organisation();
    let project = prepared(&organisation);
    let configured = organisation.client_credentials().refresh_token;
    project.run("check p.yaml").with_code(0);
    project.run("run p.yaml --select contacts").with_code(0);
    project.run("run q.yaml --select contacts").with_code(0);
    assert_eq!(renewals(&organisation), 1, "an access token that is good serves every process");
    assert_ne!(organisation.client_credentials().refresh_token, configured);
    for expected in 2..4 {
        // The access token is refused, so it is renewed with the newest refresh token, which no file has.
        organisation.expire_tokens();
        project.run("run p.yaml --select contacts").with_code(0);
        assert_eq!(renewals(&organisation), expected);
    }
    let stored = std::fs::read(project.path(".aqueduct/control.db")).unwrap();
    let newest = organisation.client_credentials().refresh_token;
    for secret in [newest.as_bytes(), configured.as_bytes()] {
        assert!(!stored.windows(secret.len()).any(|window| window == secret));
    }
    // The key is all that opens it.
    std::fs::remove_file(project.path(".aqueduct/control.key")).unwrap();
    let ended = project.run("run p.yaml --select contacts").with_code(3);
    assert!(ended.err.contains("AQ2004"), "{}", ended.err);
}

#[test]
fn a_process_that_dies_between_renewal_and_use_loses_nothing() {
    let organisation = organisation();
    let project = prepared(&organisation);
    project.run("check p.yaml").with_code(0);
    for expected in 2..5 {
        organisation.expire_tokens();
        // The first request with the new token never gets its answer: the renewal is done, and nothing was made of it.
        let before = organisation.request_log().len();
        organisation.inject(Fault::always(Effect::Stall { at: 0 }).when(Match::path("/services/data/").after(1)));
        let run = project.start("run p.yaml --select contacts");
        let renewed = || {
            let log = organisation.request_log();
            let token = log.iter().skip(before).position(|request| request.class == RequestClass::Token);
            token.is_some_and(|at| log.len() > before + at + 1)
        };
        wait_until("the new token is used for the first time", renewed);
        run.kill();
        organisation.clear_faults();
        assert_eq!(renewals(&organisation), expected);
        project.run("run p.yaml --select contacts").with_code(0);
        assert_eq!(renewals(&organisation), expected, "what the dead process was given serves the next one");
    }
}

#[test]
fn processes_that_start_at_once_renew_once() {
    let organisation = organisation();
    let project = prepared(&organisation);
    project.run("check p.yaml").with_code(0);
    organisation.expire_tokens();
    let before = renewals(&organisation);
    let runs = ["p", "q"].map(|name| project.start(&format!("run {name}.yaml --select contacts")));
    let checks = ["check p.yaml", "check q.yaml"].map(|line| project.start(line));
    for ended in runs.into_iter().chain(checks) {
        ended.end().with_code(0);
    }
    assert_eq!(renewals(&organisation), before + 1);
    assert_eq!(organisation.counters().peak_token_in_flight, 1);
}

#[test]
fn a_new_refresh_token_in_the_file_replaces_what_is_stored() {
    let organisation = organisation();
    let mut project = prepared(&organisation);
    project.run("check p.yaml").with_code(0);
    // Whoever reconnects the account has a refresh token that the store knows nothing of.
    project.set("REFRESH", organisation.client_credentials().refresh_token);
    project.run("check p.yaml").with_code(0);
    assert_eq!(renewals(&organisation), 2);
    // A wrong secret is not covered up by a token that is still good.
    project.set("SECRET", "wrong-canary");
    let ended = project.run("check p.yaml").with_code(3);
    assert!(ended.err.contains("AQ2001") && !ended.err.contains("canary"), "{}", ended.err);
}

#[test]
fn hubspots_tokens_serve_every_process_too() {
    let account = Account::of(20);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    account.pipeline(&mut project, &database, "");
    let credentials = account.client_credentials();
    project.set("SECRET", credentials.client_secret);
    project.set("REFRESH", credentials.refresh_token);
    let oauth = format!("client_id: \"{}\", client_secret: \"${{SECRET}}\", refresh_token: \"${{REFRESH}}\"", credentials.client_id);
    project.write("p.yaml", project.read("p.yaml").replace("access_token: \"${TOKEN}\"", &oauth));
    let renewals = || account.counters().of(hubspot::RequestClass::Token);
    project.run("check p.yaml").with_code(0);
    project.run("run p.yaml").with_code(0);
    assert_eq!(renewals(), 1);
    account.expire_tokens();
    project.run("run p.yaml").with_code(0);
    assert_eq!(renewals(), 2);
}
