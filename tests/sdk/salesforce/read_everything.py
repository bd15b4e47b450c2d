#!/usr/bin/env python3
"""Reads a whole simulated Salesforce organisation with simple-salesforce and compares its ways of reading with expected counts.

read_everything.py < request.json

The request holds base_url, access_token, since and until (RFC 3339, within the reach of replication), without_bulk (objects that only
REST can read) and expected {"Contact": {"live": N, "shown": N, "deleted": N, "fields": N}, ...}: records that are not deleted, those of
them that are not archived, and those in the recycle bin.
Prints a JSON summary; exits with 1 when anything differs, and each difference is in the summary's "differences".
"""

import csv
import datetime
import io
import json
import sys

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

COMPOUND = ("address", "location")


def from_rest(value):
    """A value of REST as a Bulk result writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.replace("+0000", "Z") if isinstance(value, str) else str(value)


class PlainSession(requests.Session):
    """The library asks for https whatever it is told; the simulator speaks plain HTTP."""

    def request(self, method, url, *arguments, **options):
        return super().request(method, url.replace("https://", "http://", 1), *arguments, **options)


class Judge:
    def __init__(self, request):
        credentials = {"instance_url": request["base_url"], "session_id": request["access_token"]}
        self.salesforce = Salesforce(**credentials, session=PlainSession(), version="62.0")
        self.request, self.differences, self.counts = request, [], {}

    def same(self, what, found, expected):
        if found != expected:
            self.differences.append(f"{what}: {found}, not {expected}")

    def by_bulk(self, name, fields, everything):
        handler = getattr(self.salesforce.bulk2, name)
        read = handler.query_all if everything else handler.query
        pages = read(f"SELECT {','.join(fields)} FROM {name}", max_records=70, wait=0.01)
        return {row["Id"]: row for page in pages for row in csv.DictReader(io.StringIO(page))}

    def object(self, name, expected):
        described = getattr(self.salesforce, name).describe()["fields"]
        self.same(f"{name}: fields", len(described), expected["fields"])
        fields = [field["name"] for field in described if field["type"] not in COMPOUND]
        query = f"SELECT {','.join(fields)} FROM {name}"
        shown = {row["Id"]: row for row in self.salesforce.query_all(query)["records"]}
        everything = {row["Id"]: row for row in self.salesforce.query_all(query, include_deleted=True)["records"]}
        deleted = {key for key, row in everything.items() if row.get("IsDeleted")}
        self.counts[name] = len(shown)
        self.same(f"{name}: shown by query", len(shown), expected["shown"])
        self.same(f"{name}: live by queryAll", len(everything) - len(deleted), expected["live"])
        self.same(f"{name}: deleted by queryAll", len(deleted), expected["deleted"])
        self.same(f"{name}: counted", self.salesforce.query(f"SELECT COUNT() FROM {name}")["totalSize"], expected["shown"])
        if name not in self.request["without_bulk"]:
            for rows, everything_too in ((shown, False), (everything, True)):
                found = self.by_bulk(name, fields, everything_too)
                self.same(f"{name}: ids by a bulk job", sorted(found), sorted(rows))
                unlike = {
                    (key, field)
                    for key, row in found.items()
                    for field in fields
                    if key in rows and row[field] != from_rest(rows[key][field])
                }
                self.same(f"{name}: values that REST and a bulk job give differently", sorted(unlike)[:5], [])
        return deleted

    def replication(self, name, deleted):
        since, until = (datetime.datetime.fromisoformat(self.request[end]) for end in ("since", "until"))
        told = getattr(self.salesforce, name).deleted(since, until)["deletedRecords"]
        self.same(f"{name}: told as deleted", sorted(record["id"] for record in told), sorted(deleted))

    def errors(self):
        for what, error, call in (
            ("a field that is not there", SalesforceMalformedRequest, lambda: self.salesforce.query("SELECT Nope__c FROM Contact")),
            ("a record that is not there", SalesforceResourceNotFound, lambda: self.salesforce.Contact.get("0035g0000000zzzAAA")),
        ):
            try:
                call()
                self.differences.append(f"{what} is no error")
            except error:
                pass
        self.same("what was used of the quota is known", self.salesforce.api_usage["api-usage"].used > 0, True)

    def run(self):
        listed = {entry["name"] for entry in self.salesforce.describe()["sobjects"]}
        self.same("objects", sorted(listed), sorted(self.request["expected"]))
        for name, expected in self.request["expected"].items():
            deleted = self.object(name, expected)
            if name in ("Account", "Contact", "Lead", "Opportunity"):
                self.replication(name, deleted)
        self.errors()
        json.dump({"counts": self.counts, "differences": self.differences}, sys.stdout)
        return 1 if self.differences else 0


if __name__ == "__main__":
    sys.exit(Judge(json.load(sys.stdin)).run())
