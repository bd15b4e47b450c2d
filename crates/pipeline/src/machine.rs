//! What this process has taken from its machine, where the system tells it in files.

/// Ticks of the processor's time in a second, as Linux counts it for programs whatever it does inside (proc(5), `USER_HZ`).
const TICKS: u64 = 100;

/// The most memory this process has held at once, in bytes; nothing where the system does not tell.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Processor time of this process so far, of all its threads, in milliseconds; nothing where the system does not tell.
pub(crate) fn cpu_ms() -> Option<u64> {
    cpu(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

fn cpu(stat: &str) -> Option<u64> {
    // After the name, which may hold anything, in brackets: the state, and as the 12th and 13th field from there the two times.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) * 1_000 / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_writes_is_read() {
        let stat = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1500 0 3 0 150 25 0 0 20 0 9 0 81011 1000 200 0 0";
        assert_eq!(cpu(stat), Some(1_750));
        assert_eq!(peak("VmPeak:\t  900 kB\nVmHWM:\t   5120 kB\nVmRSS:\t 4000 kB\n"), Some(5 << 20));
        assert_eq!((cpu("nothing"), peak("VmRSS: 1 kB")), (None, None));
    }
}
