//! Exports, held against the programs that they are for: Debian's cron, systemd, the schemas of Kubernetes, the arguments of Airflow.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use aqueduct_schedule::Schedule;
use aqueduct_schedule::export::{Exported, Format, Job, Options, Part, export};
use aqueduct_schema::Error;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::python::{beside, interpreter, succeed, words};
use crate::schedule;

pub(crate) fn options() -> Options {
    Options {
        command: "/usr/local/bin/aqueduct".to_owned(),
        folder: "/srv/crm".to_owned(),
        user: None,
        cron_zone: "UTC".to_owned(),
        knows_cron_tz: false,
        image: Some("registry.example/crm:7".to_owned()),
        namespace: None,
        secret: None,
        leave_out: Vec::new(),
        from: "2026-11-22T12:00:00Z".parse().unwrap(),
    }
}

fn exported(format: Format, yaml: &str, options: &Options) -> Result<Vec<Exported>, Vec<Error>> {
    let schedule = schedule(yaml);
    export(format, &[Job { pipeline: "hub_spot", file: "pipelines/hub_spot.yaml", schedule: &schedule }], options)
}

#[track_caller]
fn text(format: Format, yaml: &str, options: &Options, name: &str) -> String {
    let files = exported(format, yaml, options).unwrap_or_else(|errors| panic!("{yaml}: {errors:?}"));
    files.into_iter().find(|file| file.name == name).unwrap().text
}

/// The lines of a crontab that are not comments, settings or empty.
pub(crate) fn entries(crontab: &str) -> Vec<String> {
    crontab.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.contains("SHELL=")).map(str::to_owned).collect()
}

/// Holds a table against Debian's cron.
#[track_caller]
fn assert_cron_takes(crontab: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crontab");
    std::fs::write(&path, crontab).unwrap();
    let checked = Command::new("crontab").arg("-n").arg(&path).output();
    let checked = checked.expect("this test needs cron: on Debian and Ubuntu `apt-get install cron`");
    assert!(checked.status.success(), "{crontab}\n{}", words(&checked));
}

#[test]
fn a_crontab_is_one_that_cron_takes() {
    let yaml = "cron: '*/15 * * * *'\ntimezone: Europe/London\njitter: 1m30s\ntimeout: 2h\noverlap: queue\n";
    let table = text(Format::Crontab, yaml, &options(), "aqueduct.crontab");
    assert_cron_takes(&table);
    assert_eq!(
        entries(&table),
        ["*/15 * * * * cd /srv/crm && /usr/local/bin/aqueduct --quiet run pipelines/hub_spot.yaml --scheduled >/dev/null"]
    );
    assert!(table.contains("\n# hub_spot: every 15 minutes\n"), "{table}");
    // A user makes it a table for /etc/cron.d; signs that mean something to a shell or to cron are kept from them.
    let mine = Options { user: Some("crm".into()), folder: "/srv/100% it's".into(), ..options() };
    let table = text(Format::Crontab, "every: 90m", &mine, "aqueduct");
    assert_cron_takes(&table);
    assert_eq!(
        entries(&table),
        [
            "0 0,3,6,9,12,15,18,21 * * * crm cd '/srv/100\\% it'\\''s' && /usr/local/bin/aqueduct --quiet run pipelines/hub_spot.yaml --scheduled >/dev/null",
            "30 1,4,7,10,13,16,19,22 * * * crm cd '/srv/100\\% it'\\''s' && /usr/local/bin/aqueduct --quiet run pipelines/hub_spot.yaml --scheduled >/dev/null",
        ]
    );
    let fields = |yaml: &str, options: &Options| -> Vec<String> {
        let table = text(Format::Crontab, yaml, options, "aqueduct.crontab");
        assert_cron_takes(&table);
        entries(&table).iter().map(|line| line.split(" cd ").next().unwrap().to_owned()).collect()
    };
    // Every `*` at the beginning of a field of days would be no condition to Vixie cron.
    assert_eq!(fields("cron: '0 6 */2 * MON'", &options()), ["0 6 1-31/2 * 1"]);
    assert_eq!(fields("cron: '@weekly'", &options()), ["0 0 * * 0"]);
    assert_eq!(fields("cron: '0 6 * JAN-MAR FRI-SUN'", &options()), ["0 6 * 1-3 0,5,6"]);
    assert_eq!(fields("every: 6h", &options()), ["0 */6 * * *"]);
    assert_eq!(fields("every: 1h\ntimezone: Asia/Kolkata", &options()), ["30 * * * *"]);
    let in_london = Options { cron_zone: "Europe/London".into(), ..options() };
    assert_eq!(fields("cron: '30 1 * * *'\ntimezone: Europe/London", &in_london), ["30 1 * * *"]);
    let cronie = Options { knows_cron_tz: true, ..options() };
    assert_eq!(fields("cron: '30 1 * * *'\ntimezone: Europe/London", &cronie), ["CRON_TZ=Europe/London", "30 1 * * *"]);
    assert_eq!(fields("every: 1d\ntimezone: America/New_York", &cronie), ["CRON_TZ=America/New_York", "0 0 * * *"]);
}

/// What `systemd-analyze calendar` says of the next occurrences of an event after an instant.
fn elapses(event: &str, after: Timestamp, count: usize) -> Vec<Timestamp> {
    let base = after.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let mut command = Command::new("systemd-analyze");
    command.args(["calendar", &format!("--base-time={base}"), &format!("--iterations={count}"), event]);
    let told = command.env("TZ", "UTC").env("SYSTEMD_COLORS", "0").env("LC_ALL", "C").output();
    let told = told.expect("this test needs systemd-analyze: on Debian and Ubuntu `apt-get install systemd`");
    assert!(told.status.success(), "{event}: {}", words(&told));
    let told = String::from_utf8(told.stdout).unwrap();
    let times = told.lines().filter(|line| line.contains("Next elapse:") || line.contains("Iter. #"));
    // "Iter. #2: Tue 2026-04-14 05:30:00 UTC"
    let read = |line: &str| -> Timestamp {
        let parts: Vec<&str> = line.split_whitespace().rev().take(3).collect();
        assert_eq!(parts[0], "UTC", "{line}");
        format!("{}T{}Z", parts[2], parts[1]).parse().unwrap()
    };
    times.filter(|line| !line.contains("never")).map(read).collect()
}

#[test]
fn systemd_means_what_the_schedule_means() {
    // Both changes of the clock lie within the occurrences that are compared, wherever there are any.
    for yaml in [
        "cron: '30 6 * * 1-5'\ntimezone: Europe/London",
        "cron: '*/15 * * * *'\ntimezone: America/New_York",
        "cron: '0 */6 * * *'\ntimezone: America/New_York",
        "cron: '15 30 6 1,15 * *'\ntimezone: Australia/Lord_Howe",
        "cron: '0 7 L * *'",
        "cron: '0 7 * * TUE#2'\ntimezone: Europe/London",
        "cron: '0 7 * MAR-MAY FRIL'",
        "cron: '0 7 * * MON#5'",
        "cron: '0 7 13 * FRI'",
        "cron: '0 7 13 * +FRI'",
        "cron: '0 7 1,L * *'",
        "cron: '*/20 9-17 * * MON-FRI'\ntimezone: Europe/London",
        "cron: '0 12 */10 */4 *'",
        "cron: '*/10 * * * * *'",
        "every: 90m\ntimezone: Europe/London",
        "every: 6h\ntimezone: America/New_York",
        "every: 1d\ntimezone: Europe/London",
        "every: 1w",
    ] {
        let timer = text(Format::Systemd, yaml, &options(), "aqueduct-hub_spot.timer");
        let events: Vec<&str> = timer.lines().filter_map(|line| line.strip_prefix("OnCalendar=")).collect();
        for after in ["2026-03-07T00:00:00Z", "2026-10-24T00:00:00Z"] {
            let after: Timestamp = after.parse().unwrap();
            let meant: Vec<Timestamp> = schedule(yaml).after(after).take(40).collect();
            let last = *meant.last().unwrap();
            let found: BTreeSet<Timestamp> = events.iter().flat_map(|event| elapses(event, after, 40)).filter(|at| *at <= last).collect();
            assert_eq!(found.into_iter().collect::<Vec<_>>(), meant, "{yaml}: {events:?}");
        }
    }
    // A time that systemd leaves out is refused, and what it does is what it is said to do.
    let night = "cron: '30 2 * * *'\ntimezone: America/New_York";
    let refused = exported(Format::Systemd, night, &options()).unwrap_err();
    let said = "AQ1022 pipeline `hub_spot`: systemd does not run it as meant when clocks change, first around 2027-03-14 03:00:00 in \
                America/New_York";
    assert_eq!(refused[0].to_string(), said);
    let without = Options { leave_out: vec![Part::DaylightSaving], ..options() };
    let timer = text(Format::Systemd, night, &without, "aqueduct-hub_spot.timer");
    let event = timer.lines().find_map(|line| line.strip_prefix("OnCalendar=")).unwrap();
    let around: Timestamp = "2027-03-13T00:00:00Z".parse().unwrap();
    let meant: Vec<Timestamp> = schedule(night).after(around).take(2).collect();
    assert_eq!(elapses(event, around, 1)[0], meant[0]);
    assert!(!elapses(event, around, 3).contains(&meant[1]));
}

#[test]
fn units_are_what_systemd_takes() {
    let folder = tempfile::tempdir().unwrap();
    // The colon at the end leaves systemd its own units as well.
    let search = format!("{}:", folder.path().display());
    let verify = |yaml: &str, options: &Options| {
        let files = exported(Format::Systemd, yaml, options).unwrap();
        let paths: Vec<_> = files.iter().map(|file| folder.path().join(&file.name)).collect();
        paths.iter().zip(&files).for_each(|(path, file)| std::fs::write(path, &file.text).unwrap());
        let verified = Command::new("systemd-analyze").arg("verify").args(&paths).env("SYSTEMD_UNIT_PATH", &search).output();
        let verified = verified.expect("this test needs systemd-analyze: on Debian and Ubuntu `apt-get install systemd`");
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        (verified.status.success(), said, files)
    };
    // The command has to be there to be verified.
    let there = Options { command: "/bin/true".into(), folder: "/tmp".into(), user: Some("root".into()), ..options() };
    let (sound, said, files) = verify("cron: '30 6 * * 1-5'\ntimezone: Europe/London\ntimeout: 90m\ncatch_up: none\nafter: [crm]", &there);
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("hub_spot")).collect();
    assert!(sound && complaints.is_empty(), "{said}");
    let service = &files[0].text;
    assert!(service.contains("\nExecStart=/bin/true run pipelines/hub_spot.yaml --scheduled\n"), "{service}");
    assert!(service.contains("\nUser=root\n") && service.contains("\nWorkingDirectory=/tmp\n"), "{service}");
    let timer = &files[1].text;
    assert!(
        timer.contains("\nOnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 06:30:00 Europe/London\n") && timer.contains("\nPersistent=false\n"),
        "{timer}"
    );
    // The check finds what is wrong.
    let (sound, said, _) = verify("every: 1h", &Options { command: "/no/such/aqueduct".into(), ..there });
    assert!(!sound && said.contains("/no/such/aqueduct"), "{said}");
}

/// Validates manifests with the schemas of Kubernetes.
fn kubernetes_takes(path: &Path) -> (bool, String) {
    let python = interpreter("kubernetes");
    let checked = Command::new(python.with_file_name("kubernetes-validate")).args(["--strict", "-k", "1.31"]).arg(path).output().unwrap();
    (checked.status.success(), words(&checked))
}

#[test]
fn manifests_are_what_kubernetes_takes() {
    let folder = tempfile::tempdir().unwrap();
    let all = Options { namespace: Some("crm".into()), secret: Some("crm-tokens".into()), ..options() };
    let path = folder.path().join("manifest.yaml");
    for (yaml, lines) in [
        (
            "cron: '30 6 * * 1-5'\ntimezone: Europe/London\njitter: 5m\ntimeout: 2h\n",
            vec![
                "  name: aqueduct-hub-spot",
                "  schedule: \"30 6 * * 1-5\"",
                "  timeZone: \"Europe/London\"",
                "  concurrencyPolicy: Forbid",
                "      activeDeadlineSeconds: 7620",
                "              args: [\"run\", \"pipelines/hub_spot.yaml\", \"--scheduled\"]",
                "                    name: \"crm-tokens\"",
            ],
        ),
        (
            "every: 20m\noverlap: cancel\npaused: true\n",
            vec!["  schedule: \"*/20 * * * *\"", "  timeZone: \"UTC\"", "  concurrencyPolicy: Replace", "  suspend: true"],
        ),
        (
            "every: 1h\noverlap: queue\ntimeout: 30m\nretries: { attempts: 2, backoff: 10m }",
            // Three runs of half an hour with two minutes each to stop, waits of 10 and 20 minutes, an hour in which another run may end.
            vec!["      activeDeadlineSeconds: 11160"],
        ),
        ("every: 1d\noverlap: queue\ncatch_up: none\n", vec!["  concurrencyPolicy: Allow", "  startingDeadlineSeconds: 60"]),
        // What every clock shows alike is by the clock of UTC, which is never put back.
        ("cron: '*/15 * * * *'\ntimezone: America/New_York\n", vec!["  timeZone: \"UTC\""]),
    ] {
        let manifest = text(Format::Kubernetes, yaml, &all, "aqueduct-hub-spot.yaml");
        for line in lines {
            assert!(manifest.lines().any(|found| found == line), "no {line:?} in\n{manifest}");
        }
        std::fs::write(&path, &manifest).unwrap();
        let (sound, said) = kubernetes_takes(&path);
        assert!(sound, "{said}\n{manifest}");
    }
    // Nobody can say how long a run waits for another pipeline, or for the end of a black-out.
    for waits in ["after: [crm]", "blackout: [{ from: '08:00', until: '09:30' }]"] {
        let manifest = text(Format::Kubernetes, &format!("every: 1h\ntimeout: 10m\n{waits}"), &all, "aqueduct-hub-spot.yaml");
        assert!(!manifest.contains("activeDeadlineSeconds"), "{manifest}");
        std::fs::write(&path, &manifest).unwrap();
        assert!(kubernetes_takes(&path).0, "{manifest}");
    }
    // The check finds what is wrong.
    let manifest = text(Format::Kubernetes, "every: 1h", &all, "aqueduct-hub-spot.yaml");
    for (right, wrong) in [("timeZone", "timezone"), ("backoffLimit: 0", "backoffLimit: none"), ("  schedule:", "  cron:")] {
        std::fs::write(&path, manifest.replace(right, wrong)).unwrap();
        assert!(!kubernetes_takes(&path).0, "{wrong} is taken");
    }
    // Kubernetes meets a time twice when the clock is put back.
    let refused = exported(Format::Kubernetes, "cron: '30 1 * * *'\ntimezone: America/New_York", &options()).unwrap_err();
    assert!(refused[0].to_string().contains("first around 2027-11-07 01:30:00 in America/New_York"), "{}", refused[0]);
    let error = exported(Format::Kubernetes, "every: 1h", &Options { image: None, ..options() }).unwrap_err().remove(0);
    assert!(error.to_string().starts_with("AQ1001") && error.advice().contains("--image"), "{error}");
}

/// What a DAG file makes, as a version of Airflow carries it out.
fn dag(yaml: &str, options: &Options, version: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aqueduct_hub_spot.py");
    std::fs::write(&path, text(Format::Airflow, yaml, options, "aqueduct_hub_spot.py")).unwrap();
    let made = succeed("the DAG", Command::new("python3").arg("-B").arg(beside("check_dag.py")).arg(&path).arg(version), "");
    serde_json::from_slice(&made.stdout).unwrap()
}

#[test]
fn dags_take_the_arguments_that_airflow_has() {
    let yaml = "cron: '30 6 * * FRIL'\ntimezone: Europe/London\ntimeout: 2h\nretries: { attempts: 3, backoff: 2m, most: 30m }\n";
    for version in ["3", "2"] {
        let made = dag(yaml, &options(), version);
        let (dag, task) = (&made["dags"][0], &made["tasks"][0]);
        assert_eq!((&dag["cron"], &dag["timezone"]), (&"30 6 * * l5".into(), &"Europe/London".into()));
        assert_eq!(
            (&dag["dag_id"], &dag["catchup"], &dag["start"]),
            (&"aqueduct_hub_spot".into(), &false.into(), &"2026-11-22T00:00:00+00:00".into())
        );
        assert_eq!(task["command"], "/usr/local/bin/aqueduct run pipelines/hub_spot.yaml --scheduled");
        // The run tries again itself.
        assert_eq!((&task["cwd"], &task["skip"], &task["retries"]), (&"/srv/crm".into(), &9.into(), &0.into()));
    }
    let odd = Options { command: "/opt/my \"aqueduct\" {{ x }}".into(), ..options() };
    let made = dag("every: 30m\noverlap: queue\ncatch_up: all\npaused: true\n", &odd, "3");
    let dag = &made["dags"][0];
    assert_eq!((&dag["cron"], &dag["timezone"], &dag["catchup"]), (&"*/30 * * * *".into(), &"UTC".into(), &true.into()));
    assert_eq!((&dag["max_active_runs"], &dag["paused"]), (&1.into(), &true.into()));
    assert_eq!(made["tasks"][0]["command"], "'/opt/my \"aqueduct\" {{ '{{' }} x }}' run pipelines/hub_spot.yaml --scheduled");
}

#[test]
fn what_a_format_cannot_say_is_refused_by_name() {
    use Format::{Airflow, Crontab, Kubernetes, Systemd};
    for (formats, yaml, said, advice) in [
        (vec![Crontab, Systemd, Airflow], "every: 1h\noverlap: cancel", "", "--leave-out overlap"),
        (vec![Systemd], "every: 1h\noverlap: queue", "", "--leave-out overlap"),
        (vec![Crontab, Kubernetes, Systemd], "every: 1h\ncatch_up: all", "", "--leave-out catch-up"),
        (vec![Airflow], "every: 1h\ncatch_up: none", "", "--leave-out catch-up"),
        (vec![Crontab, Kubernetes, Airflow], "cron: '30 0 6 * * *'", "knows no seconds", "full minutes"),
        (vec![Crontab, Kubernetes, Airflow], "every: 90s", "has no way to say every 1 minute 30 seconds|knows no seconds", ""),
        (vec![Crontab, Kubernetes, Systemd, Airflow], "every: 7h", "has no way to say every 7 hours", "goes into a day"),
        (vec![Kubernetes, Airflow], "every: 90m", "takes one expression", ""),
        (vec![Crontab, Kubernetes], "cron: '0 6 L * *'", "`L`", ""),
        (vec![Crontab, Kubernetes, Systemd, Airflow], "cron: '0 6 15W * *'", "", ""),
        (
            vec![Crontab],
            "cron: '30 6 * * *'\ntimezone: Europe/London",
            "its times are those of Europe/London, and cron goes by those of UTC",
            "--cron-tz",
        ),
        (vec![Crontab], "every: 1d\ntimezone: Europe/London", "its times are those of Europe/London", "--cron-timezone Europe/London"),
    ] {
        for format in formats {
            let refused = exported(format, yaml, &options()).expect_err(yaml).remove(0);
            assert_eq!(refused.code().id, "AQ1022", "{refused}");
            let message = refused.to_string();
            assert!(said.split('|').any(|said| message.contains(said)), "{format}: {yaml}: {message}");
            assert!(refused.advice().contains(advice), "{format}: {yaml}: {}", refused.advice());
        }
    }
    // All that is refused is said at once, and what may be left out is.
    let yaml = "every: 1h\ncatch_up: all\noverlap: cancel\n";
    assert_eq!(exported(Crontab, yaml, &options()).unwrap_err().len(), 2);
    exported(Crontab, yaml, &Options { leave_out: Part::ALL.to_vec(), ..options() }).unwrap();
}

#[test]
fn what_the_run_keeps_itself_is_in_every_export() {
    let yaml = "every: 1h\njitter: 5m\ntimeout: 30m\nafter: [crm]\nretries: { attempts: 2 }\nblackout:\n- { from: '22:00', until: '06:00', then: skip }";
    for (format, command) in [
        (Format::Crontab, "--quiet run pipelines/hub_spot.yaml --scheduled >/dev/null\n"),
        (Format::Systemd, "aqueduct run pipelines/hub_spot.yaml --scheduled\n"),
        (Format::Kubernetes, "args: [\"run\", \"pipelines/hub_spot.yaml\", \"--scheduled\"]\n"),
        (Format::Airflow, "aqueduct run pipelines/hub_spot.yaml --scheduled\",\n"),
    ] {
        let files = exported(format, yaml, &options()).unwrap();
        assert!(files[0].text.contains(command), "{}", files[0].text);
    }
}

#[test]
fn a_table_has_every_pipeline_under_its_zone() {
    let schedules: Vec<(String, Schedule)> = ["Europe/London", "America/New_York", "Europe/London"]
        .into_iter()
        .enumerate()
        .map(|(number, zone)| (format!("p{number}"), schedule(&format!("cron: '30 6 * * *'\ntimezone: {zone}\npaused: {}", number == 2))))
        .collect();
    let jobs: Vec<Job<'_>> = schedules.iter().map(|(name, schedule)| Job { pipeline: name, file: name, schedule }).collect();
    let options = Options { knows_cron_tz: true, ..options() };
    let table = &export(Format::Crontab, &jobs, &options).unwrap()[0].text;
    assert_cron_takes(table);
    let shown: Vec<&str> =
        table.lines().filter(|line| line.contains("_TZ=") || line.contains("&&")).map(|line| line.split(" cd").next().unwrap()).collect();
    assert_eq!(shown, ["CRON_TZ=Europe/London", "30 6 * * *", "# paused: 30 6 * * *", "CRON_TZ=America/New_York", "30 6 * * *"]);
}

#[test]
fn an_export_says_the_same_from_any_instant_of_a_day() {
    // Half an hour later, or after midnight, the files differ in nothing but the day a DAG begins.
    let later = Options { from: options().from + SignedDuration::from_mins(30), ..options() };
    for format in [Format::Crontab, Format::Systemd, Format::Kubernetes, Format::Airflow] {
        assert_eq!(exported(format, "every: 15m", &options()).unwrap(), exported(format, "every: 15m", &later).unwrap());
    }
}
