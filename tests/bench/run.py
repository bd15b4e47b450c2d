#!/usr/bin/env python3
"""The benchmark: HubSpot-shaped contacts over HTTP into PostgreSQL, SQLite and nowhere, timed as whole processes.

run.py [--rows 200000] [--runs 3] [--peers] [--destinations postgres,sqlite,discard]

Pages are served by a stock nginx, so that nobody's own server is measured. They are made by the generator beside this repository
(../shared/bench) where that exists; without it the simulator serves an invented account and its work counts against the result.
Needs: a release build (made here), python3, nginx and PostgreSQL's server binaries for their parts; --peers installs dlt from PyPI.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), "shared", "bench")
WORK = os.path.join(tempfile.gettempdir(), "aqueduct-bench")
PAGES_URL = "http://127.0.0.1:18080"


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_server(name):
    for folder in os.environ["PATH"].split(":") + sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return os.path.realpath(path)
    sys.exit(f"{name} is not installed: apt-get install postgresql")


class Postgres:
    """A private server in a temporary folder, with its default settings."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="aqueduct-bench-pg-")
        self.port = 15439
        self.user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.folder, "nobody", "nogroup")
        data = os.path.join(self.folder, "data")
        self.run([find_server("initdb"), "-D", data, "-U", "bench", "--auth=trust", "-E", "UTF8", "--locale=C"])
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self.control = [find_server("pg_ctl"), "-D", data, "-w", "-l", os.path.join(self.folder, "log"), "-o", options]
        self.run(self.control + ["start"])
        self.url = f"postgres://bench@127.0.0.1:{self.port}/postgres"

    def run(self, command):
        subprocess.run(self.user + command, check=True, cwd="/", stdout=subprocess.DEVNULL)

    def clear(self):
        schemas = "DROP SCHEMA IF EXISTS crm CASCADE; DROP SCHEMA IF EXISTS hubspot CASCADE; DROP SCHEMA IF EXISTS aqueduct CASCADE; DROP SCHEMA IF EXISTS bench CASCADE; DROP SCHEMA IF EXISTS bench_staging CASCADE; CHECKPOINT;"
        for statement in schemas.split(";")[:-1]:
            self.query(statement)

    def query(self, text):
        psql = ["psql", "-qAt", "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "postgres", "-c", text]
        return subprocess.run(psql, check=True, capture_output=True, text=True).stdout.strip()

    def stop(self):
        self.run(self.control[:-2] + ["-m", "immediate", "stop"])
        shutil.rmtree(self.folder, ignore_errors=True)


class Pages:
    """nginx over static pages, or the simulator where there is no generator."""

    def __init__(self, rows):
        self.simulator = None
        self.config = None
        generator = os.path.join(SHARED, "make_pages.py")
        if not os.path.exists(generator):
            say("no page generator beside the repository: the simulator serves, and its work counts against the result")
            binary = os.path.join(target(), "release", "aqueduct-simulator")
            command = [binary, "hubspot", "--contacts", str(rows), "--companies", "0", "--deals", "0"]
            self.simulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            answer = json.loads(self.simulator.stdout.readline())
            self.url, self.token, self.source = answer["base_url"], answer["access_token"], "simulator"
            return
        if not shutil.which("nginx"):
            sys.exit("nginx is not installed: apt-get install nginx-light")
        folder = os.path.join(WORK, f"pages-{rows}")
        if not os.path.exists(os.path.join(folder, "properties.json")):
            say(f"making {rows} contacts in {folder}")
            subprocess.run([sys.executable, generator, folder, str(rows), "100"], check=True)
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        subprocess.run(["chmod", "a+rx", WORK], check=True)
        self.folder = folder
        subprocess.run(["bash", os.path.join(SHARED, "serve.sh"), folder], check=True)
        self.url, self.token, self.source = PAGES_URL, "benchmark", "nginx"
        time.sleep(0.3)

    def stop(self):
        if self.simulator:
            self.simulator.send_signal(signal.SIGKILL)
            self.simulator.wait()
        else:
            subprocess.run(["bash", os.path.join(SHARED, "serve.sh"), self.folder, "stop"], check=False)


def target():
    return os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))


def timed(command, environment):
    """Wall seconds, processor seconds and peak memory in MB of a process that must succeed."""
    log = os.path.join(WORK, "time.txt")
    started = time.monotonic()
    done = subprocess.run(["/usr/bin/time", "-v", "-o", log] + command, env=environment, capture_output=True, text=True)
    wall = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    report = open(log).read()
    memory = int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", report).group(1)) / 1024
    cpu = sum(float(value) for value in re.findall(r"(?:User|System) time \(seconds\): ([\d.]+)", report))
    return wall, cpu, memory, done.stdout


def aqueduct(pages, destination, rows, runs, postgres):
    pipeline = os.path.join(WORK, "bench.yaml")
    with open(pipeline, "w") as out:
        out.write("name: bench\nsource:\n  connector: hubspot\n  config: { access_token: \"${TOKEN}\", base_url: \"${BASE}\", requests_per_10_seconds: 1000000 }\n"
                  "  select: [contacts]\nnormalise: { defaults: { country: GB } }\ndestination: { url: \"${URL}\" }\n")
    results = []
    for _ in range(runs):
        if destination == "postgres":
            postgres.clear()
            url = postgres.url
        elif destination == "sqlite":
            for leftover in glob.glob(os.path.join(WORK, "bench.db*")):
                os.remove(leftover)
            url = "sqlite://" + os.path.join(WORK, "bench.db")
        else:
            url = "discard://"
        environment = dict(os.environ, TOKEN=pages.token, BASE=pages.url, URL=url)
        binary = os.path.join(target(), "release", "aqueduct")
        wall, cpu, memory, out = timed([binary, "run", pipeline, "--json"], environment)
        record = json.loads(out.strip().splitlines()[-1])
        read = sum(stream["read"] for stream in record["streams"])
        if pages.source == "nginx" and read != rows:
            sys.exit(f"{read} records read, not {rows}")
        results.append((wall, cpu, memory))
        say(f"  {destination}: {wall:.2f} s, {cpu:.2f} s of processor, {memory:.0f} MB")
    if destination == "postgres":
        say("  rows: " + postgres.query("SELECT (SELECT count(*) FROM hubspot.contacts) || ' source, ' || (SELECT count(*) FROM crm.contact) || ' contact, ' || (SELECT count(*) FROM crm.contact_point) || ' contact_point'"))
    return tuple(statistics.median(column) for column in zip(*results))


def dlt(destination, postgres):
    venv = os.path.join(WORK, "dlt-venv")
    if not os.path.exists(os.path.join(venv, "bin", "dlt")):
        say("installing dlt")
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([os.path.join(venv, "bin", "pip"), "install", "-q", "dlt[postgres,sqlalchemy]"], check=True)
    folder = os.path.join(WORK, "dlt-work")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    if destination == "postgres":
        postgres.clear()
    script = os.path.join(SHARED, "peers", "dlt_contacts.py")
    environment = dict(os.environ, BENCH_PG=postgres.url.replace("bench@", "bench:bench@") if postgres else "")
    wall, cpu, memory, _ = timed([os.path.join(venv, "bin", "python"), script, destination, folder], environment)
    say(f"  dlt to {destination}: {wall:.1f} s, {memory:.0f} MB")
    return wall, cpu, memory


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=200_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--peers", action="store_true")
    arguments.add_argument("--no-build", action="store_true", help="measure the release build that is there")
    arguments.add_argument("--destinations", default="postgres,sqlite,discard")
    options = arguments.parse_args()
    os.makedirs(WORK, exist_ok=True)
    if not options.no_build:
        subprocess.run(["cargo", "build", "--release", "-p", "aqueduct-cli", "-p", "aqueduct-simulator"], cwd=ROOT, check=True)
    destinations = options.destinations.split(",")
    postgres = Postgres() if "postgres" in destinations else None
    pages = Pages(options.rows)
    try:
        rows = []
        for destination in destinations:
            say(f"aqueduct to {destination}")
            wall, cpu, memory = aqueduct(pages, destination, options.rows, options.runs, postgres)
            peer = dlt(destination, postgres) if options.peers and destination != "discard" else None
            rows.append((destination, wall, cpu, memory, peer))
        print(f"| destination | wall s (median of {options.runs}) | processor s | peak MB | dlt wall s | ratio |")
        print("| --- | --- | --- | --- | --- | --- |")
        for destination, wall, cpu, memory, peer in rows:
            ratio = (f"{peer[0]:.1f}", f"{peer[0] / wall:.0f}×") if peer else ("-", "-")
            print(f"| {destination} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {ratio[0]} | {ratio[1]} |")
    finally:
        pages.stop()
        if postgres:
            postgres.stop()


main()
