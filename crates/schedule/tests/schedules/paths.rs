//! Exports whose paths mean something to the programs that read them: nothing is carried out that the pipeline file does not say.

use std::process::Command;

use aqueduct_schedule::export::{Exported, Format, Job, export};
use aqueduct_schema::Error;

use crate::exports::{entries, options};
use crate::schedule;

fn exported(format: Format, folder: &str, file: &str) -> Result<Vec<Exported>, Vec<Error>> {
    let schedule = schedule("every: 1h");
    let options = aqueduct_schedule::export::Options { folder: folder.to_owned(), ..options() };
    export(format, &[Job { pipeline: "crm", file, schedule: &schedule }], &options)
}

fn line<'t>(text: &'t str, start: &str) -> &'t str {
    text.lines().find_map(|line| line.trim_start().strip_prefix(start)).unwrap_or_else(|| panic!("no {start} in {text}"))
}

const HOSTILE: [&str; 4] = ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", "a & touch pwned \"#%{{ x }}{% x %}{# x #}"];

#[test]
fn a_shell_takes_paths_for_words() {
    for name in HOSTILE {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let file = format!("pipelines/{name}.yaml");
        let table = exported(Format::Crontab, &folder.display().to_string(), &file).unwrap().remove(0).text;
        let [entry] = entries(&table).try_into().unwrap();
        // As cron hands it to the shell: the five fields gone, and what guards a `%`.
        let command = entry.splitn(6, ' ').last().unwrap().replace("\\%", "%").replace("/usr/local/bin/aqueduct", "printf '%s\\n'");
        let said = Command::new("/bin/sh").arg("-c").arg(command.replace(">/dev/null", "")).current_dir(home.path()).output().unwrap();
        let words: Vec<String> = String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(words, ["--quiet", "run", &file, "--scheduled"], "{table}");
        assert!(!home.path().join("pwned").exists() && !folder.join("pwned").exists(), "{table}");
    }
}

#[test]
fn airflow_and_kubernetes_put_nothing_into_paths() {
    for name in HOSTILE {
        let file = format!("pipelines/{name}.yaml");
        let manifest = exported(Format::Kubernetes, "/srv", &file).unwrap().remove(0).text;
        let words: Vec<String> = serde_json::from_str(line(&manifest, "args: ")).unwrap();
        // A container's variables are put in where a `$` is not doubled.
        assert_eq!(words[1].replace("$$", ""), file.replace('$', ""), "{manifest}");
        let dag = exported(Format::Airflow, "/srv", &file).unwrap().remove(0).text;
        let command: String = serde_json::from_str(line(&dag, "bash_command=").trim_end_matches(',')).unwrap();
        let signs = ["{{", "{%", "{#"];
        let unguarded = signs.iter().fold(command, |command, sign| command.replace(&format!("{{{{ '{sign}' }}}}"), ""));
        assert!(signs.iter().all(|sign| !unguarded.contains(sign)), "{dag}");
    }
}

#[test]
fn what_programs_read_differently_is_refused() {
    use Format::{Airflow, Crontab, Kubernetes, Systemd};
    let all = [Crontab, Systemd, Kubernetes, Airflow];
    for (formats, folder) in [
        (&all[..], "/srv/a\nb"),
        (&all[..], "/srv/a\u{2028}b"),
        (&all[..2], "/srv/a\\"),
        (&all[..2], "/srv/a\\%b"),
        (&all[1..2], "/srv/a "),
        (&all[3..], "/srv/{{ x }}"),
        (&all[3..], "/srv/{# x"),
    ] {
        for format in all {
            let refused = exported(format, folder, "pipelines/crm.yaml").err();
            assert_eq!(refused.is_some(), formats.contains(&format), "{format}: {folder:?}");
            assert!(refused.is_none_or(|errors| errors[0].code().id == "AQ1001"));
        }
    }
}
