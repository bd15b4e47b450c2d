//! Who holds something, in a way that lets others tell whether that process is still there.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The machine's name, for people.
    pub host: String,
    /// Where its process id means something: this start of this machine, and the container on it. Empty when that is not known.
    pub place: String,
    /// The process id.
    pub process: u32,
    /// When the process began, in the system's own words, so that a number that was given out again is told apart.
    pub born: String,
    /// The run it is at.
    pub run_id: String,
}

impl Holder {
    /// This process, at a run.
    pub fn this(run_id: &str) -> Self {
        let process = std::process::id();
        Self { host: host(), place: place(), process, born: born(process).unwrap_or_default(), run_id: run_id.to_owned() }
    }

    /// Whether the process ran where this one runs, so that its number means something here.
    pub fn is_here(&self) -> bool {
        !self.place.is_empty() && !self.born.is_empty() && self.place == place()
    }

    /// Whether the process is certainly gone: it ran where this one runs, and no process there has its number and its beginning.
    pub fn is_gone(&self) -> bool {
        self.is_here() && born(self.process).is_none_or(|born| born != self.born)
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| said("hostname", &[]));
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "this machine".to_owned())
}

/// What makes process ids comparable: the machine's current start, and on Linux the container's own counting of processes.
fn place() -> String {
    if let (Ok(start), Ok(counting)) = (std::fs::read_to_string("/proc/sys/kernel/random/boot_id"), std::fs::read_link("/proc/self/ns/pid"))
    {
        return format!("{} {}", start.trim(), counting.display());
    }
    said("sysctl", &["-n", "kern.bootsessionuuid"]).map(|start| start.trim().to_owned()).unwrap_or_default()
}

/// When a process began; nothing when there is none, or only what its parent has not fetched yet.
fn born(process: u32) -> Option<String> {
    if std::path::Path::new("/proc/self/stat").exists() {
        // After the name, which may hold anything, in brackets: the state, and as the 20th field from there the beginning (proc(5)).
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        return if matches!(state, "Z" | "X") { None } else { fields.nth(18).map(str::to_owned) };
    }
    said("ps", &["-o", "lstart=", "-p", &process.to_string()]).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_process_is_here_and_a_dead_one_is_not() {
        let this = Holder::this("r");
        assert!(!this.is_gone() && !this.host.is_empty() && !this.born.is_empty());
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let other = Holder { process: child.id(), born: born(child.id()).unwrap(), ..this.clone() };
        assert!(!other.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone());
        // The same number given to another process, and a process of another container, of which nothing is known here.
        assert!(Holder { born: "0".to_owned(), ..this.clone() }.is_gone());
        assert!(!Holder { place: "elsewhere".to_owned(), ..other }.is_gone());
    }
}
