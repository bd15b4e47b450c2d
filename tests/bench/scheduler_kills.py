"""A busy day of `aqueduct serve`, killed 50 times with SIGKILL: nothing missed, nothing run twice.

    cargo build -p aqueduct-cli --features faster-schedules
    python3 tests/bench/scheduler_kills.py target/debug/aqueduct [kills] [pace] [seed]

The schedules' time goes `pace` times as fast as the machine's. Pipelines read a CSV file into a SQLite warehouse each. What the control
store says of every occurrence is held against a list that is made here, and against the runs that the warehouses know. Exits 1 if
anything was missed or done twice; prints one JSON line.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

START = datetime(2026, 3, 29, tzinfo=timezone.utc)
DAY = timedelta(days=1)
# Minutes between two occurrences, and the minute of the first.
PIPELINES = {f"h{number}": (60, number * 4) for number in range(12)} | {f"q{number}": (30, number * 5) for number in range(6)}


def write(project: Path) -> None:
    (project / "pipelines").mkdir()
    (project / "people.csv").write_text("id,email\n" + "".join(f"{number},p{number}@example.com\n" for number in range(200)))
    for name, (every, first) in PIPELINES.items():
        minutes = ",".join(str(minute) for minute in range(first, 60, every))
        (project / "pipelines" / f"{name}.yaml").write_text(
            f'schedule: {{ cron: "{minutes} * * * *", catch_up: all, overlap: queue }}\n'
            "source: { connector: files, config: { path: people.csv, key: id, stream: people } }\n"
            f'destination: {{ url: "sqlite://{name}.db" }}\n'
        )


def expected() -> set[str]:
    every = set()
    for name, (step, first) in PIPELINES.items():
        at = START + timedelta(minutes=first)
        while at < START + DAY:
            if at > START:
                every.add(f"{name}/{at:%Y-%m-%dT%H:%M:%SZ}")
            at += timedelta(minutes=step)
    return every


def documents(project: Path, kind: str) -> dict[str, dict]:
    store = sqlite3.connect(project / ".aqueduct" / "control.db", timeout=30)
    rows = store.execute("SELECT key, content FROM control WHERE kind = ?", (kind,)).fetchall()
    store.close()
    return {key: json.loads(content) for key, content in rows}


class Server:
    def __init__(self, binary: str, project: Path, pace: int, real: datetime, number: int):
        environment = os.environ | {"AQUEDUCT_SCHEDULE_TIME": f"{START:%Y-%m-%dT%H:%M:%SZ},{real.isoformat()},{pace}"}
        self.log = open(project / f"serve-{number}.log", "wb")
        self.process = subprocess.Popen(
            [binary, "serve", "--http", "off", "--concurrency", "4"], cwd=project, env=environment, stdout=self.log, stderr=self.log
        )

    def end(self, how: int) -> int:
        if self.process.poll() is not None:
            sys.exit(f"aqueduct serve ended by itself with {self.process.returncode}")
        self.process.send_signal(how)
        return self.process.wait(120)


def main() -> None:
    binary = os.path.abspath(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    pace = int(sys.argv[3]) if len(sys.argv) > 3 else 600
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        write(project)
        # The time of schedules stands still until then, so that the first look is at its beginning.
        real = datetime.now(timezone.utc) + timedelta(seconds=5)
        begun = time.monotonic() + 5
        length = DAY.total_seconds() / pace
        moments = sorted(chance.uniform(1, length) for _ in range(kills))
        server = Server(binary, project, pace, real, 0)
        for number, moment in enumerate(moments, 1):
            time.sleep(max(0.0, moment - (time.monotonic() - begun)))
            server.end(signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.3))
            server = Server(binary, project, pace, real, number)
        wanted = expected()
        while True:
            occurrences = documents(project, "occurrence")
            over = {key for key, document in occurrences.items() if document["state"] in ("ended", "skipped")}
            if wanted <= over or time.monotonic() - begun > 10 * length:
                break
            time.sleep(1)
        code = server.end(signal.SIGTERM)
        occurrences = documents(project, "occurrence")
        ended = {key: document for key, document in occurrences.items() if document["state"] == "ended"}
        missed = sorted(wanted - ended.keys())
        failed = sorted(key for key, document in ended.items() if document["exit_code"] != 0)
        attempts = sum(document["tally"]["attempts"] for document in ended.values())
        runs: list[tuple[str, str]] = []
        for name in PIPELINES:
            warehouse = sqlite3.connect(project / f"{name}.db")
            runs += [(name, run) for (run,) in warehouse.execute("SELECT run_id FROM _runs")]
            warehouse.close()
        told = sorted((document["pipeline"], document["run_id"]) for document in ended.values())
        doubled = sorted(set(runs) - set(told)) + [key for key, document in ended.items() if document["tally"]["attempts"] != 1]
        result = {
            "kills": kills,
            "pace": pace,
            "seed": seed,
            "occurrences": len(wanted),
            "ended": len(wanted & ended.keys()),
            "missed": len(missed),
            "doubled": len(doubled),
            "failed": len(failed),
            "attempts_of_all_ended": attempts,
            "runs_in_warehouses": len(runs),
            "runs_told_by_occurrences": len(told),
            "exit_code": code,
            "wall_seconds": round(time.monotonic() - begun, 1),
        }
        print(json.dumps(result))
        if missed or doubled or failed or sorted(runs) != told:
            print(json.dumps({"missed": missed[:10], "doubled": [str(one) for one in doubled[:10]], "failed": failed[:10]}), file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    main()
