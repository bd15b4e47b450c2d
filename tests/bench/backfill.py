#!/usr/bin/env python3
"""Records a backfill as text: its plan, three kill -9s at different moments, its ledger, its memory, and what is in the warehouse then.

backfill.py [--vendors hubspot,salesforce] [--records N] [--destination sqlite|postgres] [--recordings docs/recordings] [--no-build]

The vendor is simulated on this machine, without limits, and the connector's own are lifted as far as its config allows: what is shown is
that a backfill of this size is whole and small in memory, not how fast a vendor is. HubSpot gives 2,000,000 contacts by a listing;
Salesforce 1,000,000 by bulk jobs, one a window. The warehouse is read with its own program, sqlite3 or psql.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARIES = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")
MEMORY = 150

VENDORS = {
    "hubspot": {
        "records": 2_000_000,
        "simulator": ["hubspot", "--companies", "0", "--deals", "0", "--limits", "none", "--no-gzip"],
        "arguments": "",
        "tables": ["hubspot_contacts", "contact", "contact_point"],
        # Parts of the records that are committed when the process is killed.
        "kills": [0.4, 0.7, 0.9],
    },
    "salesforce": {
        "records": 1_000_000,
        "simulator": ["salesforce", "--limits", "none", "--no-gzip", "--bulk-seconds", "3"]
        + [word for name in ("accounts", "leads", "opportunities", "tasks", "events", "campaigns", "members", "individuals", "subscriptions")
           for word in (f"--{name}", "20")],
        "arguments": " --from 2021-01-01 --window P1Y",
        "tables": ["salesforce_contacts", "contact", "contact_point"],
        # While a job is prepared, and twice between pages of results.
        "kills": ["wait", 0.4, 0.8],
    },
}


class Recording:
    """What a terminal would have shown, in a file and on standard output."""

    def __init__(self, path):
        self.path, self.lines = path, []

    def say(self, text=""):
        for line in text.rstrip("\n").split("\n"):
            self.lines.append(line.rstrip())
            print(line, flush=True)

    def command(self, text):
        self.say()
        self.say(f"$ {text}")

    def close(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")


class Warehouse:
    """The destination, asked with its own program."""

    def __init__(self, kind, folder):
        self.kind, self.server = kind, None
        if kind == "postgres":
            from run import Postgres

            self.server = Postgres()
            self.url = self.server.url
        else:
            self.file = os.path.join(folder, "warehouse.db")
            self.url = "sqlite://warehouse.db"

    def table(self, name):
        if self.kind == "sqlite":
            return name
        if name.startswith("_"):
            return f"aqueduct.{name[1:]}"
        system, _, rest = name.partition("_")
        return f"{system}.{rest}" if system in VENDORS else f"crm.{name}"

    def words(self, sql):
        """The command that asks, as a person would type it, and as it is carried out."""
        if self.kind == "sqlite":
            return f'sqlite3 warehouse.db {shlex.quote(sql)}', ["sqlite3", "-cmd", ".timeout 20000", self.file, sql]
        return f'psql -At warehouse -c {shlex.quote(sql)}', ["psql", "-XAt", "-d", self.url, "-c", sql]

    def ask(self, sql):
        answer = subprocess.run(self.words(sql)[1], capture_output=True, text=True)
        return answer.stdout.strip() if answer.returncode == 0 else ""

    def close(self):
        if self.server:
            self.server.stop()


class Process:
    """One process of the backfill, with the most memory that it had."""

    def __init__(self, arguments, folder, out):
        self.out = out
        command = [os.path.join(BINARIES, "aqueduct")] + arguments
        self.process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)

    def has_ended(self):
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if pid:
            self.process.returncode, self.memory = os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024
        return bool(pid)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        while not self.has_ended():
            time.sleep(0.01)


def pipeline(vendor, access, url):
    config = {"base_url": access["base_url"]}
    if vendor == "hubspot":
        config.update(access_token="${TOKEN}", requests_per_10_seconds=1_000_000)
    else:
        config.update({key: access[key] for key in ("client_id", "client_secret", "refresh_token")}, bulk="always", daily_requests_share=1.0)
    text = {"name": vendor, "source": {"connector": vendor, "config": config, "select": ["contacts"]}, "destination": {"url": url}}
    return json.dumps(text, indent=1).replace('"${TOKEN}"', json.dumps(access.get("access_token", "")))


def reached(warehouse, moment, records):
    """Whether the moment of a kill has come, by the ledger."""
    windows = warehouse.table("_backfill_windows")
    if moment == "wait":
        return "wait" in warehouse.ask(f"SELECT place FROM {windows} WHERE state = 'running'")
    committed = warehouse.ask(f"SELECT sum(read) FROM {windows}")
    return committed.isdigit() and int(committed) >= moment * records


def shown(text, folder):
    """Output without what differs from machine to machine."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text).replace(folder, ".")


def record(vendor, records, destination, folder, recordings):
    of = VENDORS[vendor]
    recording = Recording(os.path.join(recordings, f"backfill-{vendor}{'' if destination == 'sqlite' else '-' + destination}.txt"))
    warehouse = Warehouse(destination, folder)
    recording.say(f"A backfill of {records:,} simulated {'HubSpot' if vendor == 'hubspot' else 'Salesforce'} contacts into "
                  f"{'SQLite' if destination == 'sqlite' else 'PostgreSQL'}, killed three times.")
    recording.say(f"Made by tests/bench/backfill.py on {time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} cores; release build; "
                  "the simulator runs beside it on the same machine.")
    simulator = subprocess.Popen(
        [os.path.join(BINARIES, "aqueduct-simulator")] + of["simulator"] + ["--contacts", str(records)], stdout=subprocess.PIPE, text=True)
    peaks = []
    try:
        access = json.loads(simulator.stdout.readline())
        with open(os.path.join(folder, f"{vendor}.yaml"), "w", encoding="utf-8") as file:
            file.write(pipeline(vendor, access, warehouse.url))
        words = ["backfill", f"{vendor}.yaml", *of["arguments"].split()]
        line = "aqueduct " + " ".join(words)
        recording.command(line + " --plan")
        plan = subprocess.run([os.path.join(BINARIES, "aqueduct")] + words + ["--plan"], cwd=folder, capture_output=True, text=True)
        recording.say(shown(plan.stdout + plan.stderr, folder))
        if plan.returncode != 0:
            sys.exit("the plan failed")
        began = time.monotonic()
        for moment in of["kills"] + [None]:
            recording.command(line)
            out = tempfile.TemporaryFile("w+")
            process = Process(words, folder, out)
            while not process.has_ended():
                if moment is not None and reached(warehouse, moment, records):
                    process.kill()
                    break
                time.sleep(0.2)
            out.seek(0)
            recording.say(shown(out.read(), folder))
            peaks.append(process.memory)
            if moment is None:
                if process.process.returncode != 0:
                    sys.exit(f"the backfill ended with {process.process.returncode}")
                continue
            if process.process.returncode != -signal.SIGKILL:
                sys.exit(f"the process had ended with {process.process.returncode} before it was killed")
            when = "while a job was prepared" if moment == "wait" else f"after {int(warehouse.ask(f'SELECT sum(read) FROM ' + warehouse.table('_backfill_windows'))):,} records"
            recording.say(f"Killed                                    [kill -9 {when}; peak memory {process.memory:.0f} MB]")
        took = time.monotonic() - began
        recording.say()
        recording.say(f"[{took:.0f} s in all, the time until each kill was noticed included; peak memory of the four processes: "
                      f"{', '.join(f'{peak:.0f}' for peak in peaks)} MB; {MEMORY} MB are allowed]")
        for table in of["tables"]:
            sql = f"SELECT count(*), count(DISTINCT {'_id' if table == of['tables'][0] else 'id'}) FROM {warehouse.table(table)} WHERE NOT is_deleted"
            recording.command(warehouse.words(sql)[0])
            recording.say(warehouse.ask(sql))
        for sql in (f"SELECT state, count(*), sum(expected), sum(found), sum(read), sum(loaded), sum(unchanged) FROM {warehouse.table('_backfill_windows')} GROUP BY state",
                    f"SELECT count(*) FROM {warehouse.table('_state')}"):
            recording.command(warehouse.words(sql)[0])
            recording.say(warehouse.ask(sql))
        recording.say("[no live cursor was touched]")
    finally:
        simulator.kill()
        simulator.wait()
        warehouse.close()
    recording.close()
    return max(peaks) <= MEMORY


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--vendors", default="hubspot,salesforce")
    arguments.add_argument("--records", type=int)
    arguments.add_argument("--destination", choices=["sqlite", "postgres"], default="sqlite")
    arguments.add_argument("--recordings", default=os.path.join(ROOT, "docs", "recordings"))
    arguments.add_argument("--no-build", action="store_true")
    asked = arguments.parse_args()
    if not asked.no_build:
        packages = ["--package", "aqueduct-cli", "--package", "aqueduct-simulator"]
        subprocess.run(["cargo", "build", "--release", *packages], cwd=ROOT, check=True)
    small = True
    for vendor in asked.vendors.split(","):
        folder = tempfile.mkdtemp(prefix="aqueduct-backfill-")
        try:
            small &= record(vendor, asked.records or VENDORS[vendor]["records"], asked.destination, folder, asked.recordings)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if small else "more memory was used than is allowed")


if __name__ == "__main__":
    main()
