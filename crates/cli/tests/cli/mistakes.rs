//! Mistakes in files and on the command line: found before anything is read, named with their place and with what to do.

use crate::account::Account;
use crate::database::Database;
use crate::project::{Ended, Project};

/// A source whose config needs no account.
const SOURCE: &str = "source: { connector: hubspot, config: { access_token: canary } }\n";
const DESTINATION: &str = "destination: { url: sqlite://warehouse.db }\n";

/// What is said of a mistake: nothing on standard output, and on standard error exactly this error with its advice.
#[track_caller]
fn assert_said(ended: &Ended, error: &str, advice: &str) {
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert_eq!(ended.err, format!("error {error}\n  data: Nothing was read or written.\n  next: {advice}\n"));
    assert_eq!(ended.out, "");
}

/// Validates a file `p.yaml`, and runs it: both say the same, and nothing is written.
#[track_caller]
fn assert_refused(text: &str, error: &str, advice: &str) {
    let project = Project::new();
    project.write("p.yaml", text);
    for command in ["validate p.yaml", "run p.yaml"] {
        assert_said(&project.run(command), error, advice);
    }
    assert!(!project.path("warehouse.db").exists());
}

#[test]
fn a_variable_without_a_value_is_named_with_its_place() {
    let text = format!("source:\n  connector: hubspot\n  config:\n    access_token: ${{HUBSPOT_ACCESS_TOKEN}}\n{DESTINATION}");
    assert_refused(
        &text,
        "AQ1004 the variable `HUBSPOT_ACCESS_TOKEN` is not set (p.yaml:4:19)",
        "Set it (`export HUBSPOT_ACCESS_TOKEN=…`) or write `HUBSPOT_ACCESS_TOKEN=…` into a .env file in the folder that has pipelines/, or beside the pipeline file.",
    );
    // A .env file beside the pipeline gives it a value; the process's own comes first, and a file named on the command line before .env.
    let project = Project::new();
    project.write("p.yaml", &text);
    project.write(".env", "HUBSPOT_ACCESS_TOKEN=t\n");
    assert_eq!(project.run("validate p.yaml").with_code(0).out, "p.yaml: sound\n");
    project.write(".env", "HUBSPOT_ACCESS_TOKEN=t\nthis is not a variable\n");
    assert_said(
        &project.run("validate p.yaml"),
        "AQ1002 the file is not a list of NAME=VALUE lines (.env:2)",
        "Correct the line named above; `aqueduct validate` checks the file without running it.",
    );
    assert_said(
        &project.run("validate p.yaml --env-file secrets.env"),
        "AQ1012 `secrets.env` does not exist",
        "Check the path and its permissions.",
    );
}

#[test]
fn an_unknown_connector_is_answered_with_the_nearest() {
    assert_refused(
        &format!("source:\n  connector: hubsport\n{DESTINATION}"),
        "AQ1006 there is no connector `hubsport`, connectors brevo, files, hubspot, salesforce (p.yaml:2:14)",
        "Did you mean `hubspot`?",
    );
}

#[test]
fn unknown_keys_are_named_with_their_place() {
    assert_refused(
        &format!("{SOURCE}{DESTINATION}privcy: {{}}\n"),
        "AQ1003 unknown field `privcy`, expected one of name, schedule, source, normalise, privacy, quality, identity, destination, history, run, control (p.yaml:3:1)",
        "Did you mean `privacy`?",
    );
    assert_refused(
        &format!("source:\n  connector: hubspot\n  config:\n    acess_token: canary\n{DESTINATION}"),
        "AQ1005 the config of connector `hubspot` is wrong: unknown field `acess_token`, expected one of `access_token`, `client_id`, \
         `client_secret`, `refresh_token`, `base_url`, `api_version`, `search_lag_seconds`, `requests_per_10_seconds`, `history` (p.yaml:4:5)",
        "Correct the config; `aqueduct discover --config CONNECTOR` lists what the connector takes.",
    );
}

#[test]
fn a_broken_file_is_named_with_its_place() {
    assert_refused(
        &format!("{SOURCE}destination: {{ url: sqlite://warehouse.db\n"),
        "AQ1002 unclosed bracket '{' (p.yaml:2:14)",
        "Correct the line named above; `aqueduct validate` checks the file without running it.",
    );
    assert_refused(
        &format!("name: two words\n{SOURCE}{DESTINATION}"),
        "AQ1002 a pipeline's name has letters, digits, `-` and `_`, 63 at most (p.yaml:1:7)",
        "Correct the line named above; `aqueduct validate` checks the file without running it.",
    );
}

#[test]
fn a_destination_of_no_known_kind_is_named_with_its_place() {
    assert_refused(
        &format!("{SOURCE}destination:\n  url: mysql://user:canary@host/database\n"),
        "AQ1010 no destination of this kind, scheme mysql (p.yaml:3:8)",
        "Use sqlite://FILE, postgres://USER:PASSWORD@HOST/DATABASE or discard://.",
    );
}

#[test]
fn a_policy_that_cannot_be_used_is_named_with_its_place() {
    assert_refused(
        &format!("{SOURCE}{DESTINATION}privacy: {{ policy: no.yaml }}\n"),
        "AQ1012 `no.yaml` cannot be read (entity not found) (p.yaml:3:20)",
        "Check the path and its permissions.",
    );
    let refused = |policy: &str, pipeline: &str, error: &str, advice: &str| {
        let project = Project::new();
        project.write("policy.yaml", policy);
        project.write("p.yaml", format!("{SOURCE}{DESTINATION}{pipeline}"));
        assert_said(&project.run("validate p.yaml"), error, advice);
    };
    let tokens = "sensitivity: { direct: tokenise }\n";
    refused(
        tokens,
        "privacy: { policy: policy.yaml }\n",
        "AQ1013 the policy replaces values by tokens, but there is no key (p.yaml:3:20)",
        "Set `privacy: { token_key: ${AQUEDUCT_TOKEN_KEY} }` in the pipeline file and the variable in .env.",
    );
    refused(
        tokens,
        "privacy: { policy: policy.yaml, token_key: canary }\n",
        "AQ1013 the token key has fewer than 16 characters (p.yaml:3:44)",
        "Use a random key, for example from `openssl rand -hex 32`, and keep it: another key gives other tokens.",
    );
    refused(
        "sensitivity:\n  direct: hash\n",
        "privacy: { policy: policy.yaml }\n",
        "AQ1002 unknown variant `hash`, expected one of keep, tokenise, drop (policy.yaml:2:11)",
        "Correct the line named above; `aqueduct validate` checks the file without running it.",
    );
}

#[test]
fn mistakes_in_mappings_need_no_request() {
    let with = |lines: &str| format!("{SOURCE}{DESTINATION}normalise:\n  overrides:\n    {lines}\n");
    let text = with("contact:\n      job_titel: properties.jobtitle");
    let project = Project::new();
    project.write("p.yaml", text);
    let ended = project.run("validate p.yaml").with_code(2);
    assert!(
        ended.err.starts_with("error AQ1008 unknown field of contact `job_titel`; did you mean `job_title`?, allowed "),
        "{}",
        ended.err
    );
    assert!(ended.err.contains(" (p.yaml:6:7)\n") && ended.err.ends_with("  next: Write `job_title`.\n"), "{}", ended.err);

    assert_refused(
        &with("contact: { job_title: { jion: [properties.jobtitle] } }"),
        "AQ1003 unknown word `jion`; did you mean `join`?, allowed from, join, first_of, constant, split, function (p.yaml:5:29)",
        "Write `join`.",
    );
    assert_refused(
        &with("contct: { job_title: properties.jobtitle }"),
        "AQ1009 unknown entity `contct`; did you mean `contact`?, allowed contact, contact_point, account, lead, deal, pipeline_stage, \
         deal_contact, deal_stage_history, activity, activity_participant, email_event, campaign, campaign_member, list, list_membership, \
         consent_event, user, product, line_item, association, property_change, identity, identity_link (p.yaml:5:5)",
        "Write `contact`.",
    );
}

#[test]
fn what_the_source_does_not_have_is_told_before_anything_is_read() {
    let account = Account::of(10);
    let mut project = Project::new();
    let database = Database::sqlite(&project);
    let mut refused = |more: &str, error: &str, advice: &str| {
        account.pipeline(&mut project, &database, more);
        let select = more.strip_prefix("select: ");
        if let Some(select) = select {
            let text = project.read("p.yaml").replace(more, "");
            project.write("p.yaml", text.replace("destination:", &format!("  select:\n    - {select}destination:")));
        }
        for command in ["validate p.yaml --online", "run p.yaml"] {
            assert_said(&project.run(command), error, advice);
        }
        assert!(!project.path("warehouse.db").exists());
    };
    refused(
        "select: contacts.jobtitl\n",
        "AQ1008 `contacts.jobtitl` selects no field (p.yaml:5:7)",
        "Did you mean `jobtitle`? `aqueduct discover` lists the fields.",
    );
    refused(
        "select: dealz\n",
        "AQ1007 `dealz` selects no stream, streams contacts, companies, deals, products, line_items, contact_property_changes, \
         company_property_changes, deal_property_changes, owners, pipeline_stages, lists, list_memberships, contact_companies, deal_companies, \
         deal_contacts (p.yaml:5:7)",
        "Use one of the streams that `aqueduct discover` lists.",
    );
    refused(
        "normalise:\n  overrides:\n    contact:\n      job_title: properties.jobtitel\n",
        "AQ1008 unknown path `properties.jobtitel` mapped onto contact; did you mean `properties.jobtitle`? (p.yaml:8:18)",
        "Write `properties.jobtitle`, or discover the stream again if the field is new.",
    );
}

#[test]
fn mistakes_on_the_command_line() {
    let project = Project::new();
    project.write("p.yaml", format!("{SOURCE}{DESTINATION}"));
    assert_said(
        &project.run("run nope"),
        "AQ1012 there is no pipeline `nope`",
        "Name a pipeline file, or one in the folder pipelines/. `aqueduct init hubspot` writes one to start from.",
    );
    assert_said(
        &project.run("state clear p.yaml --stream contacts"),
        "AQ1007 no state of a stream `contacts`",
        "No stream of this pipeline has been read yet, so there is nothing to clear.",
    );
    assert_said(
        &project.run("clean email --country Atlantis"),
        "AQ1001 `Atlantis` is not a country",
        "Run the command with --help to see what it takes.",
    );
    assert_said(
        &project.run("validate"),
        "AQ1001 there is no folder pipelines/ here",
        "Name the pipeline files, or run where the folder is.",
    );
    assert!(project.run("clean emial").with_code(2).err.contains("next: Use one of: email, phone_number, "));
    for (line, words) in [
        ("run p.yaml --timeout soon", "write a time as 90s, 10m, 2h or 1d"),
        ("run p.yaml --ful-refresh", "--full-refresh"),
        ("rum p.yaml", "run"),
        ("run", "<PIPELINE>"),
    ] {
        let ended = project.run(line).with_code(2);
        assert!(ended.err.starts_with("error: ") && ended.err.contains(words), "{line}: {}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn every_file_is_validated_whatever_the_others_say() {
    let project = Project::new();
    project.write("pipelines/a.yaml", format!("{SOURCE}destination: {{ url: mysql://x }}\n"));
    project.write("pipelines/b.yaml", format!("{SOURCE}{DESTINATION}"));
    project.write("pipelines/c.yml", "nme: c\n");
    let ended = project.run("validate").with_code(2);
    assert_eq!(ended.out, "pipelines/b.yaml: sound\n");
    assert_eq!(ended.err.matches("error AQ").count(), 2, "{}", ended.err);
    let lines = project.run("validate --json").with_code(2).json_lines();
    let told: Vec<_> = lines.iter().map(|line| (line["file"].as_str().unwrap(), line["valid"].as_bool().unwrap())).collect();
    assert_eq!(told, [("pipelines/a.yaml", false), ("pipelines/b.yaml", true), ("pipelines/c.yml", false)]);
    assert_eq!((&lines[0]["error"]["code"], &lines[0]["error"]["line"]), (&"AQ1010".into(), &2.into()));
}
