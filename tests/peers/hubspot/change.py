#!/usr/bin/env python3
"""What happens in the account between two runs, over HubSpot's own API: change.py < request.json (base_url and access_token)."""

import json
import sys
import urllib.request


class Account:
    def __init__(self, request):
        self.base_url, self.token = request["base_url"], request["access_token"]
        # Whatever proxy the machine has, the simulator is on it.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        with self.opener.open(request) as response:
            text = response.read()
        return json.loads(text) if text else None

    def ids(self, kind):
        return [row["id"] for row in self.call("GET", f"/crm/v3/objects/{kind}?limit=100")["results"]]

    def update(self, kind, record, **properties):
        self.call("PATCH", f"/crm/v3/objects/{kind}/{record}", {"properties": properties})

    def create(self, kind, **properties):
        return self.call("POST", f"/crm/v3/objects/{kind}", {"properties": properties})["id"]


def change(account):
    contacts, companies, deals = (account.ids(kind) for kind in ("contacts", "companies", "deals"))
    # Values set, changed and cleared, of every type.
    account.update("contacts", contacts[0], email="new.address@example.com", city="", hs_email_optout="true", loyalty_points="12.50")
    account.update("contacts", contacts[1], firstname="Łukasz 🎈", loyalty_points="", member_since="2024-02-29", phone=" +49 30 901820 ")
    account.update("companies", companies[0], name="Über & Söhne", annualrevenue="1234567.89", numberofemployees="")
    account.update("deals", deals[0], amount="0.10", closedate="2026-12-31T23:59:59.999Z", description='"quoted"\nlines')
    account.create("contacts", email="born.later@example.org", lastname="O'Neil")
    deal = account.create("deals", dealname="Signed between two runs", amount="100", pipeline="default", dealstage="closedwon")
    account.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/default/contacts/{contacts[0]}")
    account.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/default/companies/{companies[0]}")
    # Records go: into the recycle bin, into another record, for good.
    account.call("DELETE", f"/crm/v3/objects/contacts/{contacts[2]}")
    account.call("DELETE", f"/crm/v3/objects/companies/{companies[1]}")
    account.call("DELETE", f"/crm/v3/objects/deals/{deals[1]}")
    # The one that vanishes had a link that the other one inherits, while the company itself does not change.
    account.call("PUT", f"/crm/v4/objects/contacts/{contacts[4]}/associations/default/companies/{companies[2]}")
    account.call("POST", "/crm/v3/objects/contacts/merge", {"primaryObjectId": contacts[3], "objectIdToMerge": contacts[4]})
    account.call("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": contacts[5]})


if __name__ == "__main__":
    change(Account(json.load(sys.stdin)))
