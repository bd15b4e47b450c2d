//! What the server's own process takes, where the system tells it in `/proc`.

use std::path::Path;

/// Ticks of a second in `/proc/PID/stat`: 100 for every program on Linux, whatever the kernel counts in (`USER_HZ`, `man 7 time`).
const TICKS: f64 = 100.0;

/// What a process takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcessUse {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: f64,
    pub(crate) virtual_bytes: f64,
    pub(crate) open_files: Option<f64>,
}

/// What this process takes; nothing where the system does not tell.
pub(crate) fn this() -> Option<ProcessUse> {
    of(Path::new("/proc/self"))
}

fn of(folder: &Path) -> Option<ProcessUse> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    // The name in brackets may hold anything; what counts comes after the last bracket, from field 3 on.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1_024.0)
    };
    Some(ProcessUse {
        cpu_seconds: (field(14)? + field(15)?) / TICKS,
        resident_bytes: bytes("VmRSS")?,
        virtual_bytes: bytes("VmSize")?,
        open_files: std::fs::read_dir(folder.join("fd")).ok().map(|files| files.count() as f64),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 4 0 1 2 3\n";
        std::fs::write(folder.path().join("stat"), stat).unwrap();
        std::fs::write(folder.path().join("status"), "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t  1024 kB\n").unwrap();
        let expected = ProcessUse { cpu_seconds: 3.0, resident_bytes: 1_048_576.0, virtual_bytes: 2_097_152.0, open_files: None };
        assert_eq!(of(folder.path()), Some(expected));
        std::fs::write(folder.path().join("stat"), "odd").unwrap();
        assert_eq!(of(folder.path()), None);
        assert_eq!(of(&folder.path().join("no")), None);
    }
}
