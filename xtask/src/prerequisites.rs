//! What the tests need beside Rust: a PostgreSQL server to start and stop, Python for a vendor's own client, and programs of others that
//! judge what Aqueduct writes for them.

use std::process::Command;

use crate::machine::{Machine, System};
use crate::say;

/// A thing that tests cannot do without. They fail where it is missing, rather than pass without having run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prerequisite {
    Postgres,
    PythonEnvironments,
    Sqlite,
    Cron,
    Systemd,
    Prometheus,
}

impl Prerequisite {
    const ALL: [Self; 6] = [Self::Postgres, Self::PythonEnvironments, Self::Sqlite, Self::Cron, Self::Systemd, Self::Prometheus];

    fn words(self) -> &'static str {
        match self {
            Self::Postgres => "the PostgreSQL server (the tests start a private one)",
            Self::PythonEnvironments => "Python with virtual environments (a test reads the simulator with the vendor's own client)",
            Self::Sqlite => "sqlite3 (warehouses are read with it)",
            Self::Cron => "cron's `crontab` (it reads exported tables)",
            Self::Systemd => "`systemd-analyze` (it reads exported units)",
            Self::Prometheus => "Prometheus' `promtool` (it reads the metrics)",
        }
    }

    fn is_on(self, machine: &Machine) -> bool {
        match self {
            Self::Postgres => machine.has_postgres(),
            Self::PythonEnvironments => machine.has_python_environments(),
            Self::Sqlite => machine.has("sqlite3"),
            Self::Cron => machine.has("crontab"),
            // Its own test says that it is missing where it does not exist; the others are worth running there.
            Self::Systemd => machine.system == System::Mac || machine.has("systemd-analyze"),
            Self::Prometheus => machine.has("promtool"),
        }
    }

    fn package(self, system: System) -> Option<&'static str> {
        match (self, system) {
            (_, System::Other) => None,
            (Self::Postgres, System::Debian) => Some("postgresql"),
            (Self::Postgres, System::Fedora) => Some("postgresql-server"),
            (Self::Postgres, System::Mac) => Some("postgresql@17"),
            (Self::PythonEnvironments, System::Debian) => Some("python3-venv"),
            (Self::PythonEnvironments, System::Fedora | System::Mac) => Some("python3"),
            (Self::Sqlite, System::Debian) => Some("sqlite3"),
            (Self::Sqlite, System::Fedora | System::Mac) => Some("sqlite"),
            (Self::Cron, System::Debian) => Some("cron"),
            (Self::Cron, System::Fedora) => Some("cronie"),
            (Self::Systemd, System::Debian | System::Fedora) => Some("systemd"),
            (Self::Prometheus, System::Debian | System::Mac) => Some("prometheus"),
            (Self::Prometheus, System::Fedora) => Some("golang-github-prometheus"),
            // The first is part of the system, the second does not exist there.
            (Self::Cron | Self::Systemd, System::Mac) => None,
        }
    }
}

/// Installs what is missing where that needs no question, else fails with the command that installs it.
pub(crate) fn ensure(machine: &Machine) -> Result<(), String> {
    let missing = missing_on(machine);
    if missing.is_empty() {
        return Ok(());
    }
    if machine.system != System::Debian || !machine.is_root {
        return Err(advice(&missing, machine.system));
    }
    for command in commands(&missing, System::Debian) {
        say(&format!("the tests need more: {}", command.join(" ")));
        install(&command)?;
    }
    match missing_on(machine).as_slice() {
        [] => Ok(()),
        still => Err(format!("the packages are installed, and still missing is {}", list(still))),
    }
}

fn missing_on(machine: &Machine) -> Vec<Prerequisite> {
    Prerequisite::ALL.into_iter().filter(|prerequisite| !prerequisite.is_on(machine)).collect()
}

fn install(command: &[&str]) -> Result<(), String> {
    let [program, arguments @ ..] = command else { return Ok(()) };
    let status = Command::new(program).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
    let status = status.map_err(|error| format!("`{program}` does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed with {status}: read its words above, then run it by hand", command.join(" ")))
    }
}

/// What installs these, in order. Empty where the system's package names are not known.
fn commands(missing: &[Prerequisite], system: System) -> Vec<Vec<&'static str>> {
    let packages: Vec<_> = missing.iter().filter_map(|prerequisite| prerequisite.package(system)).collect();
    match system {
        System::Debian => vec![
            vec!["apt-get", "update", "--quiet"],
            [&["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"], packages.as_slice()].concat(),
        ],
        System::Fedora => vec![[&["dnf", "install", "-y"], packages.as_slice()].concat()],
        System::Mac => vec![[&["brew", "install"], packages.as_slice()].concat()],
        System::Other => Vec::new(),
    }
}

fn advice(missing: &[Prerequisite], system: System) -> String {
    let commands = commands(missing, system).iter().map(|command| command.join(" ")).collect::<Vec<_>>();
    let before = if system == System::Mac { "" } else { "sudo " };
    let how = match commands.as_slice() {
        [] => "install it with your system's package manager so that `initdb`, `postgres` and `python3` are in PATH".to_owned(),
        commands => format!("run\n  {before}{}", commands.join(&format!(" && {before}"))),
    };
    format!("the tests need {}. To install: {how}\nthen `cargo xtask test` again", list(missing))
}

fn list(prerequisites: &[Prerequisite]) -> String {
    prerequisites.iter().map(|prerequisite| prerequisite.words()).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::{Prerequisite, advice, commands};
    use crate::machine::System;

    #[test]
    fn debian_installs_only_what_is_missing_after_an_update() {
        let all = commands(&Prerequisite::ALL, System::Debian);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0][..2], ["apt-get", "update"]);
        assert_eq!(all[1][5..], ["postgresql", "python3-venv", "sqlite3", "cron", "systemd", "prometheus"]);
        assert_eq!(commands(&[Prerequisite::PythonEnvironments], System::Debian)[1][5..], ["python3-venv"]);
    }

    #[test]
    fn advice_is_a_command_to_paste() {
        let words = advice(&[Prerequisite::Postgres], System::Debian);
        let line = words.lines().find(|line| line.contains("apt-get")).unwrap();
        let expected = "  sudo apt-get update --quiet && sudo apt-get install --yes --quiet --no-install-recommends postgresql";
        assert_eq!(line, expected);
        assert!(advice(&[Prerequisite::Postgres], System::Mac).contains("\n  brew install postgresql@17\n"));
        assert!(advice(&Prerequisite::ALL, System::Other).contains("`initdb`"));
    }
}
