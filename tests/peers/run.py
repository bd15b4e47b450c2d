#!/usr/bin/env python3
"""Runs another connector and Aqueduct over the same simulated account, twice, and compares what they extracted.

run.py VENDOR PEER [--contacts N] [--python PYTHON] [--folder FOLDER]

for instance `run.py hubspot airbyte --contacts 5000`. It needs the binaries: `cargo build -p aqueduct-cli -p aqueduct-simulator`.

For a vendor and a peer there are, in the vendor's folder: PEER.toml (what stands beside what); by_PEER.py (runs the connector) with
requirements-PEER.txt, or a folder PEER with by_PEER.js, package.json and package-lock.json; and for all peers of the vendor pipeline.yaml and change.py (what happens between the two runs).
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
BINARIES = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "debug"


def interpreter(python, requirements, folder):
    """The interpreter of a virtual environment that holds the pinned requirements; made once."""
    wanted, stamp = requirements.read_text(), folder / "requirements.installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        install = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"


def extraction(vendor, peer, python, folder):
    """What runs the other connector, without its arguments; whatever it needs is installed first."""
    package = vendor / peer
    if not package.is_dir():
        return [interpreter(python, vendor / f"requirements-{peer}.txt", folder), "-B", vendor / f"by_{peer}.py"]
    wanted, stamp = (package / "package-lock.json").read_text(), folder / "package-lock.installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(package / name, folder / name)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], check=True, cwd=folder)
        stamp.write_text(wanted)
    # Packages are looked for beside the script.
    return ["node", shutil.copy(package / f"by_{peer}.js", folder)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vendor")
    parser.add_argument("peer")
    parser.add_argument("--contacts", type=int, default=640)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--folder", type=pathlib.Path, help="for everything that is made; the default lies in the target folder")
    arguments = parser.parse_args()
    vendor = HERE / arguments.vendor
    folder = (arguments.folder or BINARIES.parent / "peers" / f"{arguments.vendor}-{arguments.peer}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    extract = extraction(vendor, arguments.peer, arguments.python, folder / "environment")
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()

    matching = tomllib.loads((vendor / f"{arguments.peer}.toml").read_text(encoding="utf-8"))
    command = [BINARIES / "aqueduct-simulator", arguments.vendor, "--contacts", str(arguments.contacts)]
    simulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = simulator.stdout.readline()
        request = json.loads(line)
        capital = arguments.vendor.upper()
        variables = {f"{capital}_{name.upper()}": value for name, value in request.items() if isinstance(value, str)}
        variables["WAREHOUSE_URL"] = f"sqlite://{work / 'warehouse.db'}"
        compare = [arguments.python, "-B", HERE / "compare.py", vendor / f"{arguments.peer}.toml", work / "peer", work / "warehouse.db"]
        for turn in ("first", "second"):
            print(f"\n== {turn} run\n", flush=True)
            if turn == "second":
                subprocess.run([arguments.python, "-B", vendor / "change.py"], input=line, text=True, check=True)
                # Salesforce lists what was deleted up to the last whole minute.
                time.sleep(61 if arguments.vendor == "salesforce" else 0)
            began = time.monotonic()
            flags = matching.get("second_run", []) if turn == "second" else []
            aqueduct = [BINARIES / "aqueduct", "run", vendor / "pipeline.yaml", *flags]
            subprocess.run(aqueduct, check=True, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=work)
            middle = time.monotonic()
            with open(work / "peer.log", "a", encoding="utf-8") as log:
                subprocess.run([*extract, work / "peer"], input=line, text=True, check=True, stderr=log)
            print(f"Aqueduct took {middle - began:.1f} s (debug build), the other {time.monotonic() - middle:.1f} s\n", flush=True)
            last = ["--last"] if turn == "second" else []
            result = subprocess.run([*compare, "--used", work / "used.json", *last]).returncode
            if result:
                return result
    finally:
        simulator.kill()
        simulator.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
