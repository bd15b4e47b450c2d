#!/usr/bin/env python3
"""Compares what another connector extracted with what Aqueduct loaded from the same account, record by record and field by field.

compare.py MATCHING FOLDER DATABASE [--used FILE] [--last]

MATCHING   a TOML file: which of the connector's streams stand beside which tables, and every difference that is explained
FOLDER     what the connector left: see messages.py
DATABASE   Aqueduct's warehouse in SQLite, with its source tables
--used     adds to this file which explanations were needed; with --last, those that never were are a failure, too

Prints a table, the explained differences with their reasons, and those without one. Exits with 1 when there is any of the latter.

Values are equal when they mean the same: times as instants, dates as days, numbers as decimals, flags as flags, lists and objects as
JSON, a number in a column of text as the number that the text writes. Nothing is trimmed, and in a column of text an empty text is not
null; in all other columns it is, because they have no other place for it.
"""

import argparse
import collections
import datetime
import decimal
import fnmatch
import json
import pathlib
import re
import sqlite3
import sys
import tomllib

import messages

# Columns of Aqueduct's own, in every source table.
OURS = ("_*", "source_account_id", "source_id", "source_created_at", "source_updated_at", "is_deleted", "deleted_at")
EXAMPLES = 5
KINDS = ("rows only here", "rows only there", "field only here", "field only there", "different")


def snake_case(name):
    """The column of a field: `createdAt` is `created_at`, `Score__c` is `score_c`."""
    return re.sub("_+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())


def flat(value, path=""):
    """The leaves of a record by path; lists are leaves."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from flat(member, f"{path}.{name}" if path else name)
    else:
        yield path, value


def inside(record, path):
    """The member at a path, None where there is none."""
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def instant(value):
    if isinstance(value, (int, float)) or re.fullmatch(r"-?\d{9,}", value):
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return epoch + datetime.timedelta(milliseconds=int(value))
    value = datetime.datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", value.replace("Z", "+00:00")))
    return value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)


def number(value):
    return decimal.Decimal(str(value)).normalize()


def flag(value):
    return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]


def canonical(declared, value):
    """A value as something that can be compared, by the declared type of its column; ValueError and the like when it is none."""
    if value is None:
        return None
    if "CHAR" not in declared and declared != "TEXT" and value == "":
        return None
    if "TIMESTAMP" in declared:
        return instant(value)
    if "DATE" in declared:
        return datetime.date.fromisoformat(value[:10])
    if "BOOL" in declared:
        return flag(value)
    if declared in ("", "INTEGER", "REAL", "NUMERIC"):
        return number(value)
    if "JSON" in declared:
        return json.loads(value)
    return value


def same(declared, ours, theirs):
    try:
        if isinstance(theirs, (list, dict)):
            return ours is not None and json.loads(ours) == theirs
        if declared == "TEXT" and ours is not None and isinstance(theirs, (int, float)) and not isinstance(theirs, bool):
            return number(ours) == number(theirs)
        return canonical(declared, ours) == canonical(declared, theirs)
    except (ValueError, TypeError, KeyError, AttributeError, decimal.InvalidOperation):
        return False


class Stream:
    """A stream of the connector beside a table."""

    def __init__(self, table):
        self.peers = table["peer"]
        self.table = table["table"]
        self.name = table.get("name", self.peers[0])
        self.key = table["key"]
        # Records that lie in a list inside the connector's records; these have a key of their own.
        self.each, self.parent = table.get("each"), table.get("parent", "id")
        self.prefixes = table.get("prefixes", [])
        self.rename = table.get("rename", {})
        self.only = table.get("only")

    def columns(self, path):
        """The columns that a field has: one, unless the matching names several."""
        if path in self.rename:
            named = self.rename[path]
            return named if isinstance(named, list) else [named]
        for prefix in self.prefixes:
            if path.startswith(prefix):
                path = path[len(prefix):]
                break
        return [snake_case(path)]

    def by_column(self, fields):
        """The values of a record by column."""
        return {column: value for path, value in fields.items() for column in self.columns(path)}

    def expanded(self, record):
        """The records inside a record, each with the fields around it as `parent.…`; or the record itself."""
        if self.each is None:
            yield record
            return
        parent = {name: value for name, value in record.items() if not isinstance(value, (dict, list))}
        for element in inside(record, self.each) or []:
            element = element if isinstance(element, dict) else {"value": element}
            yield {**element, "parent": parent}

    def theirs(self, records):
        """The last version of each record: key -> field -> value. Fields are the connector's own names."""
        rows, last = {}, {}
        for place, (stream, record) in enumerate(records):
            if stream in self.peers:
                # What a record held before is gone when its next version no longer holds it.
                last[record[self.parent] if self.each else place] = record
        for record in last.values():
            for element in self.expanded(record):
                only = self.only
                fields = {path: value for path, value in flat(element) if only is None or not set(self.columns(path)).isdisjoint(only)}
                columns = self.by_column(fields)
                rows[tuple(str(columns.get(name)) for name in self.key)] = fields
        return rows

    def ours(self, database):
        """Types of the columns, and key -> column -> value."""
        declared = {row[1]: row[2].upper() for row in database.execute(f'PRAGMA table_info("{self.table}")')}
        if not declared:
            sys.exit(f"there is no table {self.table}")
        cursor = database.execute(f'SELECT * FROM "{self.table}"')
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, values)) for values in cursor]
        # Columns of Aqueduct's own are looked at where the matching says which field means the same.
        named = {column for path in self.rename for column in self.columns(path)}
        own = {name for name in names if name not in named and any(fnmatch.fnmatch(name, pattern) for pattern in OURS)}
        shown = {name: kind for name, kind in declared.items() if name not in own and (self.only is None or name in self.only)}
        return shown, {tuple(str(row[name]) for name in self.key): row for row in rows}


class Explanations:
    """The declared differences, and how often each was needed."""

    def __init__(self, tables):
        self.tables = tables
        self.needed = collections.Counter()
        for table in tables:
            if table["what"] not in KINDS or not table.get("reason"):
                sys.exit(f"an explanation needs `what`, one of {', '.join(KINDS)}, and a `reason`: {table}")

    def find(self, what, stream, field=None, row=None, values=(), here=None, there=None):
        """Whether a difference is explained. `row` is the row by column, `values` are all of a column's, `here` and `there` the two values."""
        for place, table in enumerate(self.tables):
            fits = table["what"] == what and stream.name in table.get("streams", [stream.name])
            fits = fits and (field is None or any(fnmatch.fnmatch(field, pattern) for pattern in table.get("fields", [])))
            fits = fits and all((row or {}).get(name) == value for name, value in table.get("when", {}).items())
            for side, value in (("here_is", here), ("there_is", there)):
                if side in table:
                    fits = fits and value == (None if table[side] == "null" else table[side])
            if fits and table.get("empty") and any(value is not None for value in values):
                fits = False
            if fits and self.needed[place] < table.get("at_most", sys.maxsize):
                self.needed[place] += 1
                return True
        return False


class Comparison:
    """One stream's figures."""

    def __init__(self, stream, explanations, records, database):
        self.stream, self.explanations = stream, explanations
        # By kind and field: the first few in words, and how many there are.
        self.unexplained = collections.defaultdict(list)
        self.counts = collections.Counter()
        declared, self.here = stream.ours(database)
        self.there = stream.theirs(records)
        self.both = [key for key in self.here if key in self.there]
        self.rows()
        self.fields(declared)

    def complain(self, what, words):
        self.unexplained[f"{self.stream.name}: {what}"].append(words)

    def rows(self):
        for key, row in self.here.items():
            if key not in self.there:
                self.counts["rows only here"] += 1
                if not self.explanations.find("rows only here", self.stream, row=row):
                    self.complain("rows only here", "/".join(key))
        for key, fields in self.there.items():
            if key not in self.here:
                self.counts["rows only there"] += 1
                row = self.stream.by_column(fields)
                if not self.explanations.find("rows only there", self.stream, row=row):
                    self.complain("rows only there", "/".join(key))

    def fields(self, declared):
        paths = {path for fields in self.there.values() for path in fields}
        columns = collections.defaultdict(list)
        for path in sorted(paths):
            for column in self.stream.columns(path):
                columns[column].append(path)
        for column in declared:
            if column not in columns:
                values = [row[column] for row in self.here.values()]
                if not self.explanations.find("field only here", self.stream, column, values=values):
                    self.complain("fields only here", column)
                self.counts["fields only here"] += 1
        for column, names in columns.items():
            for path in names:
                if column in declared:
                    self.counts["fields"] += 1
                    self.values(column, declared[column], path)
                else:
                    self.counts["fields only there"] += 1
                    if not self.explanations.find("field only there", self.stream, path):
                        self.complain("fields only there", path)

    def values(self, column, declared, path):
        for key in self.both:
            row, theirs = self.here[key], self.there[key].get(path)
            self.counts["values"] += 1
            if same(declared, row[column], theirs):
                self.counts["equal"] += 1
                continue
            self.counts["different"] += 1
            if not self.explanations.find("different", self.stream, column, row=row, here=row[column], there=theirs):
                self.complain(f"{column} differs from {path}", f"{'/'.join(key)} {row[column]!r} here, {theirs!r} there")


def table(lines):
    widths = [max(len(str(line[place])) for line in lines) for place in range(len(lines[0]))]
    for line in lines:
        cells = [str(cell).ljust(width) if place == 0 else str(cell).rjust(width) for place, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("matching", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("database", type=pathlib.Path)
    parser.add_argument("--used", type=pathlib.Path)
    parser.add_argument("--last", action="store_true")
    arguments = parser.parse_args()

    matching = tomllib.loads(arguments.matching.read_text(encoding="utf-8"))
    explanations = Explanations(matching.get("explained", []))
    records = list(messages.records(arguments.folder))
    database = sqlite3.connect(f"file:{arguments.database}?mode=ro", uri=True)
    streams = [Stream(entry) for entry in matching["stream"]]
    comparisons = [Comparison(stream, explanations, records, database) for stream in streams]
    unexplained = {what: words for comparison in comparisons for what, words in comparison.unexplained.items()}

    print(f"Aqueduct (here) beside {matching['name']} (there)\n")
    head = ["stream", "rows here", "there", "only here", "only there", "fields", "only here", "only there", "values", "equal", "different"]
    lines = [head]
    for comparison in comparisons:
        counts = comparison.counts
        lines.append([
            comparison.stream.name, len(comparison.here), len(comparison.there), counts["rows only here"], counts["rows only there"],
            counts["fields"], counts["fields only here"], counts["fields only there"], counts["values"], counts["equal"], counts["different"],
        ])
        if not comparison.both or not counts["values"]:
            unexplained[comparison.stream.name] = ["nothing was compared"]
    table(lines)
    for name in sorted({stream for stream, _ in records} - {peer for stream in streams for peer in stream.peers}):
        unexplained[name] = ["the connector's stream stands beside no table"]

    used = collections.Counter(explanations.needed)
    if arguments.used:
        if arguments.used.exists():
            used.update({int(place): count for place, count in json.loads(arguments.used.read_text()).items()})
        arguments.used.write_text(json.dumps(used))
    if explanations.needed:
        print("\nExplained:")
        for place, count in sorted(explanations.needed.items()):
            entry = explanations.tables[place]
            print(f"  {count} × {entry['what']} {', '.join(entry.get('fields', []))}: {entry['reason']}".replace(" :", ":"))
    if arguments.last:
        idle = [entry for place, entry in enumerate(explanations.tables) if not used[place]]
        if idle:
            unexplained["explanations that explain nothing"] = [f"{entry['what']} {' '.join(entry.get('fields', []))}" for entry in idle]
    if unexplained:
        print(f"\nNot explained: {sum(map(len, unexplained.values()))}")
        for what, words in unexplained.items():
            print(f"  {len(words)} × {what}: {'; '.join(words[:EXAMPLES])}")
    else:
        print("\nEvery difference is explained.")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
