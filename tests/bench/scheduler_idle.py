"""What `aqueduct serve` costs while nothing is due: CPU time and memory with 1,000 pipelines.

    python3 tests/bench/scheduler_idle.py target/release/aqueduct [pipelines] [seconds]

Linux only: it reads /proc. Prints one JSON line.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

ZONES = ["Europe/London", "America/New_York", "Australia/Sydney", "UTC"]


def pipelines(folder: Path, count: int) -> None:
    # Hours that are far from now in every zone that is used, whatever the time of day.
    far = datetime.now(timezone.utc) + timedelta(hours=12)
    for number in range(count):
        cron = f"{number % 60} {far.hour} * * *"
        zone = ZONES[number % len(ZONES)] if number % 10 == 0 else "UTC"
        window = f'{{ from: "{(far.hour + 11) % 24:02}:00", until: "{(far.hour + 12) % 24:02}:00" }}'
        day = "" if zone == "UTC" else f", blackout: [{window}]"
        after = "p0" if number else ""
        (folder / f"p{number}.yaml").write_text(
            f'schedule: {{ cron: "{cron}", timezone: {zone}{day}, retries: {{ attempts: 3 }}, after: [{after}] }}\n'
            "source: { connector: files, config: { path: people.csv, key: id } }\n"
            f'destination: {{ url: "sqlite://warehouse-{number}.db" }}\n'
        )


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kilobytes(process: int, name: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def main() -> None:
    binary = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    span = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0
    with tempfile.TemporaryDirectory() as project:
        folder = Path(project) / "pipelines"
        folder.mkdir()
        pipelines(folder, count)
        begun = time.monotonic()
        server = subprocess.Popen([binary, "serve", "--http", "127.0.0.1:0"], cwd=project, stderr=subprocess.DEVNULL)
        control = Path(project) / ".aqueduct" / "control.db"
        while not control.exists():
            if server.poll() is not None:
                sys.exit(f"aqueduct serve ended with {server.returncode}")
            time.sleep(0.05)
        # Until the first turn is over: it looks at every schedule.
        time.sleep(15)
        started = cpu_seconds(server.pid)
        before, at = cpu_seconds(server.pid), time.monotonic()
        time.sleep(span)
        used, passed = cpu_seconds(server.pid) - before, time.monotonic() - at
        result = {
            "pipelines": count,
            "seconds": round(passed, 1),
            "cpu_percent_of_one_core": round(100 * used / passed, 3),
            "cpu_percent_of_the_machine": round(100 * used / passed / (os.cpu_count() or 1), 3),
            "cores": os.cpu_count(),
            "rss_megabytes": round(kilobytes(server.pid, "VmRSS:") / 1024, 1),
            "peak_rss_megabytes": round(kilobytes(server.pid, "VmHWM:") / 1024, 1),
            "start_cpu_seconds": round(started, 2),
        }
        server.send_signal(signal.SIGTERM)
        result["exit_code"] = server.wait(30)
        result["wall_seconds"] = round(time.monotonic() - begun, 1)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
