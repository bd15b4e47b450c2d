//! `new-connector`: what it says and what it refuses. That what it writes builds is tested in `crates/scaffold`.

use std::path::Path;

use crate::project::Project;

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scaffold/tests/descriptions/shop.yaml");

#[test]
fn a_connector_is_written_once_and_the_next_steps_are_told() {
    let project = Project::new();
    let ended = project.run(&format!("new-connector acme --aqueduct {CHECKOUT}")).with_code(0);
    for word in ["wrote acme: ", "  cd acme && cargo test\n", "  1. src/config.rs ", "  6. src/lib.rs "] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
    assert!(!ended.out.contains("GUESSED") && ended.err.is_empty(), "{}{}", ended.out, ended.err);
    let manifest = project.read("acme/Cargo.toml");
    assert!(Path::new(manifest.split('"').find(|path| path.ends_with("/crates/cli")).unwrap()).is_absolute(), "{manifest}");
    assert!(project.read("acme/src/main.rs").contains("Registry::standard().with(acme::registration())"));
    assert!(project.path("acme/Cargo.lock").exists(), "it begins with the versions that Aqueduct is tested with");

    let again = project.run(&format!("new-connector acme --aqueduct {CHECKOUT}")).with_code(2);
    assert!(again.err.contains("exists already") && again.err.contains("Nothing was written."), "{}", again.err);
}

#[test]
fn a_description_is_proposed_from_and_every_guess_told() {
    let project = Project::new();
    let line = format!("new-connector shop --from-openapi {DESCRIPTION} --folder private/shop --aqueduct {CHECKOUT}");
    let ended = project.run(&line).with_code(0);
    for word in [
        "found 4 streams:\n",
        "  customers: 13 fields, key id, by the link `links.next`, changes, into contact\n",
        "  orders: 3 fields, key order_id, by the offset `offset`, read whole\n",
        "\nleft out 1:\n  GET /customers/{id}/orders: its path needs a record of another kind\n",
        "grep -rn GUESSED private/shop",
    ] {
        assert!(ended.out.contains(word), "{word}: {}", ended.out);
    }
    let told = project.run(&format!("{} --json", line.replace("private/shop", "other"))).with_code(0).json();
    assert_eq!(told["streams"].as_array().unwrap().len(), 4);
    let guessed = told["guessed"].as_array().unwrap().len();
    assert!(ended.out.contains(&format!("guessed {guessed} things")), "{}", ended.out);
}

#[test]
fn a_few_words_say_how_a_vendor_signs_and_pages() {
    let project = Project::new();
    project.run(&format!("new-connector acme --auth query:api_key --paging offset --aqueduct {CHECKOUT}")).with_code(0);
    assert!(project.read("acme/src/lib.rs").contains("KeyPlacement::Query(\"api_key\")"));
    assert!(project.read("acme/src/streams.rs").contains("Paging::AnchoredOffset { parameter: \"offset\" }"));
    assert!(project.read("acme/tests/vendor/mod.rs").contains("Authentication::Query(\"api_key\".to_owned())"));
}

#[test]
fn names_and_places_that_will_not_do_are_refused_in_words() {
    let project = Project::new();
    for (line, word) in [
        ("new-connector Active-Campaign", "`active_campaign` would do"),
        ("new-connector match", "`match_vendor` would do"),
        ("new-connector hubspot", "there is a connector `hubspot` already"),
        ("new-connector acme", "--aqueduct PATH"),
        ("new-connector acme --aqueduct .", "--aqueduct PATH"),
        ("new-connector acme --from-openapi gone.yaml", "gone.yaml` cannot be read"),
        ("new-connector acme --from-openapi .", "is a folder"),
        ("new-connector acme --paging cursor", "one of token, link, header, offset, page, keyset, time, single"),
        ("new-connector acme --auth header", "`header` needs the name"),
        ("new-connector acme --auth basic --from-openapi x.yaml", "cannot be used with"),
    ] {
        let ended = project.run(line).with_code(2);
        assert!(ended.err.contains(word) && ended.out.is_empty(), "{line}: {}", ended.err);
    }
    project.write("part.json", r#"{"marketing_lists": {"get": {}}}"#);
    let ended = project.run("new-connector acme --from-openapi part.json").with_code(2);
    assert!(ended.err.contains("describes no paths") && ended.err.contains("part.json:1"), "{}", ended.err);
    assert!(!project.path("acme").exists());
}
