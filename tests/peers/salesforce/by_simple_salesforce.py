#!/usr/bin/env python3
"""Reads a simulated organisation with `simple-salesforce`: by_simple_salesforce.py FOLDER < request.json

The request holds base_url and access_token. The library has no memory: every run reads all records, deleted ones included, by queryAll,
and writes them as messages; ids by the Bulk API 2.0 must be the same, or it fails.
"""

import csv
import io
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import messages
from account import OBJECTS, WITHOUT_JOBS, hosts
from redirect import redirect


def ids_of_job(salesforce, name):
    """The ids of the living, from a bulk job's pages of CSV."""
    pages = getattr(salesforce.bulk2, name).query(f"SELECT Id FROM {name}", wait=0.1)
    return {row["Id"] for page in pages for row in csv.DictReader(io.StringIO(page))}


def main():
    folder, request = sys.argv[1], json.load(sys.stdin)
    redirect(hosts(request))
    from simple_salesforce import Salesforce

    salesforce = Salesforce(instance_url=request["base_url"], session_id=request["access_token"])
    present = {entry["name"] for entry in salesforce.describe()["sobjects"] if entry["queryable"]}
    with messages.recorded(folder):
        for name in OBJECTS:
            if name not in present:
                continue
            fields = getattr(salesforce, name).describe()["fields"]
            # Compound fields repeat what their parts say.
            names = [field["name"] for field in fields if field["type"] not in ("address", "location")]
            living = set()
            for record in salesforce.query_all_iter(f"SELECT {', '.join(names)} FROM {name}", include_deleted=True):
                record.pop("attributes", None)
                # A plain query gives neither deleted records nor archived activities.
                if not record.get("IsDeleted") and not record.get("IsArchived"):
                    living.add(record["Id"])
                print(json.dumps({"type": "RECORD", "stream": name, "record": record}))
            if name in WITHOUT_JOBS:
                continue
            by_job = ids_of_job(salesforce, name)
            if by_job != living:
                sys.exit(f"{name}: {len(living)} records by REST, {len(by_job)} by a bulk job, {len(living ^ by_job)} not in both")


if __name__ == "__main__":
    main()
