#!/usr/bin/env python3
"""How many records a second each main object gives, read, mapped and cleaned from a simulated vendor without limits, nothing stored.

throughput.py [--records 200000] [--runs 3] [--no-build] [--vendors hubspot,salesforce]

Each figure is a whole process of its own, from its start to its end, discovery included. The simulator runs beside it on the same
machine, and its work counts against the result.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARIES = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")

# Object, the number the simulator is asked for, what it is read by, and the target in records a second.
SALESFORCE = [
    ("accounts", "--accounts", "never", 20_000),
    ("contacts", "--contacts", "never", 20_000),
    ("leads", "--leads", "never", 20_000),
    ("opportunities", "--opportunities", "never", 20_000),
    ("tasks", "--tasks", "never", 20_000),
    ("campaign_members", "--members", "never", 20_000),
    ("accounts", "--accounts", "always", 60_000),
    ("contacts", "--contacts", "always", 60_000),
    ("leads", "--leads", "always", 60_000),
    ("opportunities", "--opportunities", "always", 60_000),
    ("tasks", "--tasks", "always", 60_000),
]
HUBSPOT = [("contacts", "--contacts", None, 20_000), ("companies", "--companies", None, 20_000), ("deals", "--deals", None, 20_000)]


class Simulator:
    def __init__(self, vendor, options):
        command = [os.path.join(BINARIES, "aqueduct-simulator"), vendor, "--limits", "none", "--no-gzip"] + options
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.access = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def pipeline(vendor, access, stream, bulk):
    config = {"base_url": access["base_url"]}
    if vendor == "hubspot":
        config.update(access_token=access["access_token"], requests_per_10_seconds=1_000_000)
    else:
        config.update({key: access[key] for key in ("client_id", "client_secret", "refresh_token")}, bulk=bulk, daily_requests_share=1.0)
    return json.dumps({
        "name": "throughput",
        "source": {"connector": vendor, "config": config, "select": [stream]},
        "destination": {"url": "discard://"},
    })


def run(folder, text):
    path = os.path.join(folder, "throughput.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    began = time.monotonic()
    ended = subprocess.run([os.path.join(BINARIES, "aqueduct"), "run", path, "--json"], capture_output=True, text=True, cwd=folder)
    wall = time.monotonic() - began
    if ended.returncode != 0:
        sys.exit(ended.stdout + ended.stderr)
    return sum(stream["read"] for stream in json.loads(ended.stdout)["streams"]), wall


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=200_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--vendors", default="hubspot,salesforce")
    arguments.add_argument("--no-build", action="store_true")
    asked = arguments.parse_args()
    if not asked.no_build:
        packages = ["--package", "aqueduct-cli", "--package", "aqueduct-simulator"]
        subprocess.run(["cargo", "build", "--release", *packages], cwd=ROOT, check=True)
    missed = 0
    print(f"{'vendor':<11}{'stream':<18}{'by':<9}{'records':>9}{'seconds':>9}{'a second':>10}{'target':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for vendor in asked.vendors.split(","):
            for stream, option, bulk, target in {"hubspot": HUBSPOT, "salesforce": SALESFORCE}[vendor]:
                few = [] if option == "--contacts" else ["--contacts", "200"]
                with Simulator(vendor, few + [option, str(asked.records)]) as simulator:
                    text = pipeline(vendor, simulator.access, stream, bulk)
                    runs = [run(folder, text) for _ in range(asked.runs)]
                read, wall = runs[0][0], statistics.median(wall for _, wall in runs)
                by = {"always": "jobs", "never": "queries", None: "lists"}[bulk]
                rate = read / wall
                missed += rate < target
                print(f"{vendor:<11}{stream:<18}{by:<9}{read:>9}{wall:>9.2f}{rate:>10,.0f}{target:>9,}{'' if rate >= target else '  missed'}", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
