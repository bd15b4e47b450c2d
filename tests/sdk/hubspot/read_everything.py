#!/usr/bin/env python3
"""Reads a whole HubSpot account with HubSpot's own SDK and compares endpoints with each other and with expected counts.

read_everything.py < request.json

The request holds base_url and access_token; optionally oauth {client_id, client_secret, refresh_token}; optionally
expected {"contacts": N, "contacts_archived": N, ..., "owners": N, "owners_archived": N, "pipelines": N, "properties_contacts": N,
"associations_contacts_companies": N, "lists": N, "memberships": N,
"changes_deals_dealstage": N, ...}, where associations count every type of every pair.
Prints a JSON summary; exits with 1 when anything differs, and each difference is in the summary's "differences".
"""

import json
import sys

import hubspot
from hubspot.crm import companies, contacts, deals, line_items, lists, products
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts.exceptions import ApiException as ContactsError
from hubspot.crm.deals.exceptions import ApiException as DealsError

OBJECTS = {"contacts": contacts, "companies": companies, "deals": deals, "products": products, "line_items": line_items}
MODIFIED = {name: "lastmodifieddate" if name == "contacts" else "hs_lastmodifieddate" for name in OBJECTS}
# Properties whose past is read.
PAST = {
    "contacts": ["lifecyclestage", "hubspot_owner_id"],
    "companies": ["lifecyclestage"],
    "deals": ["dealstage", "pipeline"],
    "products": ["price"],
    "line_items": ["quantity"],
}
PAIRS = [(a, b) for a in OBJECTS for b in OBJECTS if a != b]


def connect(base_url, access_token=None):
    """A client whose every call stays with base_url: the SDK has one setting for its classes and another for its open door."""
    return hubspot.HubSpot(access_token=access_token, host=base_url, base_url=base_url)


class Report:
    """Counts that were read, and differences that were found."""

    def __init__(self):
        self.counts = {}
        self.differences = []

    def count(self, name, number):
        self.counts[name] = number

    def same(self, what, left, right):
        if left != right:
            self.differences.append(f"{what}: {shorten(left)} is not {shorten(right)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "..."


def pages(fetch):
    """All rows of an endpoint that pages with `after`."""
    rows, after = [], None
    while True:
        page = fetch(after)
        rows.extend(page.results)
        if page.paging is None or page.paging.next is None:
            return rows
        after = page.paging.next.after


def by_id(rows):
    return {row.id: row for row in rows}


def read_object(client, name, report):
    """Lists, search and batch reads of one object must agree. Returns the live records."""
    api = getattr(client.crm, name)
    definitions = client.crm.properties.core_api.get_all(name).results
    report.count(f"properties_{name}", len(definitions))
    names = [definition.name for definition in definitions]
    for definition in definitions:
        one = client.crm.properties.core_api.get_by_name(name, definition.name)
        report.same(f"definition of {name}.{definition.name}", one.to_dict(), definition.to_dict())

    live = pages(lambda after: api.basic_api.get_page(limit=100, after=after, properties=names, archived=False))
    report.count(name, len(live))
    ids = [int(row.id) for row in live]
    report.same(f"{name}: ids ascend and do not repeat", ids, sorted(set(ids)))
    report.same(f"{name}: get_all", [row.id for row in api.get_all()], [row.id for row in live])
    archived = api.get_all(archived=True)
    report.count(f"{name}_archived", len(archived))
    report.same(f"{name}: archived rows say so", all(row.archived and row.archived_at for row in archived), True)
    report.same(f"{name}: live and archived ids in common", set(by_id(live)) & set(by_id(archived)), set())

    for row in live:
        report.same(f"{name} {row.id}: properties", sorted(row.properties), sorted(names))
        wrong = [key for key, value in row.properties.items() if not (value is None or isinstance(value, str))]
        report.same(f"{name} {row.id}: values that are no text", wrong, [])

    found = pages(lambda after: api.search_api.do_search(search(OBJECTS[name], MODIFIED[name], names, after)))
    report.same(f"{name}: search", {row.id: row.properties for row in found}, {row.id: row.properties for row in live})
    total = api.search_api.do_search(search(OBJECTS[name], MODIFIED[name], [], None)).total
    report.same(f"{name}: total of the search", total, len(live))
    stamps = [row.properties[MODIFIED[name]] for row in found]
    report.same(f"{name}: the search is sorted", stamps, sorted(stamps))

    batched = {}
    for start in range(0, len(live), 100):
        wanted = [{"id": row.id} for row in live[start : start + 100]]
        reply = api.batch_api.read(batch(OBJECTS[name], wanted, names))
        batched.update({row.id: row.properties for row in reply.results})
    report.same(f"{name}: batch read", batched, {row.id: row.properties for row in live})
    partial = api.batch_api.read(batch(OBJECTS[name], [{"id": "1"}, {"id": live[0].id}], names))
    report.same(f"{name}: errors of a batch with a missing id", (partial.num_errors, partial.errors[0].category), (1, "OBJECT_NOT_FOUND"))

    one = api.basic_api.get_by_id(live[0].id, properties=names, properties_with_history=[MODIFIED[name], "hs_object_id"])
    report.same(f"{name}: one record", one.properties, live[0].properties)
    history = one.properties_with_history[MODIFIED[name]]
    report.same(f"{name}: the latest of the history", history[0].value, one.properties[MODIFIED[name]])
    read_past(api, name, live, report)
    return live


def read_past(api, name, live, report):
    """The values that properties had, by the list and by batches, each of which gives half of what it gives without them."""
    past = PAST[name]
    listed = pages(lambda after: api.basic_api.get_page(limit=50, after=after, properties_with_history=past, archived=False))
    batched = {}
    for start in range(0, len(live), 50):
        wanted = [{"id": row.id} for row in live[start : start + 50]]
        reply = api.batch_api.read(batch(OBJECTS[name], wanted, [], past))
        batched.update({row.id: row.properties_with_history for row in reply.results})
    plain = lambda histories: {key: [entry.to_dict() for entry in entries] for key, entries in histories.items()}
    report.same(
        f"{name}: history by list and by batch",
        {row.id: plain(row.properties_with_history) for row in listed},
        {key: plain(value) for key, value in batched.items()},
    )
    for key in past:
        report.count(f"changes_{name}_{key}", sum(len(histories[key]) for histories in batched.values()))
    for row in live:
        for key in past:
            entries = batched[row.id][key]
            times = [entry.timestamp for entry in entries]
            report.same(f"{name} {row.id}: history of {key} has the latest first", times, sorted(times, reverse=True))
            latest = entries[0].value if entries else None
            report.same(f"{name} {row.id}: the latest {key}", latest, row.properties[key])


def search(module, modified, properties, after):
    everything = {"propertyName": modified, "operator": "GTE", "value": "1000"}
    return module.PublicObjectSearchRequest(
        filter_groups=[{"filters": [everything]}],
        sorts=[{"propertyName": modified, "direction": "ASCENDING"}],
        properties=properties,
        limit=200,
        after=after,
    )


def batch(module, inputs, properties, past=()):
    return module.BatchReadInputSimplePublicObjectId(properties=properties, properties_with_history=list(past), inputs=inputs)


def read_associations(client, records, report):
    """Batch reads of all sources, single reads of some, and the associations inside records must agree."""
    api = client.crm.associations.v4
    for source, target in PAIRS:
        edges, alone = {}, set()
        pending = [{"id": row.id} for row in records[source]]
        while pending:
            now, pending = pending[:1000], pending[1000:]
            reply = api.batch_api.get_page(source, target, BatchInputPublicFetchAssociationsBatchRequest(inputs=now))
            for result in reply.results:
                edges.setdefault(result._from.id, []).extend(result.to)
                if result.paging is not None:
                    pending.append({"id": result._from.id, "after": result.paging.next.after})
            for error in getattr(reply, "errors", None) or []:
                report.same(f"{source} to {target}: kind of error", error.sub_category, "crm.associations.NO_ASSOCIATIONS_FOUND")
                alone.update(error.context["fromObjectId"])
        report.count(f"associations_{source}_{target}", sum(len(to.association_types) for found in edges.values() for to in found))
        report.same(f"{source} to {target}: every source is answered", set(edges) | alone, set(by_id(records[source])))
        unknown = {to.to_object_id for found in edges.values() for to in found} - set(by_id(records[target]))
        report.same(f"{source} to {target}: targets that are not live", unknown, set())

        for row in records[source][:20]:
            single = pages(lambda after: api.basic_api.get_page(source, row.id, target, after=after, limit=500))
            left = [(to.to_object_id, [(kind.category, kind.type_id, kind.label) for kind in to.association_types]) for to in single]
            right = [(to.to_object_id, [(kind.category, kind.type_id, kind.label) for kind in to.association_types]) for to in edges.get(row.id, [])]
            report.same(f"{source} {row.id} to {target}", left, right)
            inside = getattr(client.crm, source).basic_api.get_by_id(row.id, associations=[target]).associations or {}
            listed = [entry.id for entry in inside[target].results] if target in inside else []
            if target not in inside or inside[target].paging is None:
                expected = [to.to_object_id for to in edges.get(row.id, []) for _ in to.association_types]
                report.same(f"{source} {row.id} to {target} inside the record", listed, expected)

        known = {(kind.category, kind.type_id) for kind in api.schema.definitions_api.get_all(source, target).results}
        used = {(kind.category, kind.type_id) for found in edges.values() for to in found for kind in to.association_types}
        report.same(f"{source} to {target}: types without a definition", used - known, set())


def read_lists(client, records, report):
    """Lists by search, by name of id and one by one; their members in both orders, all of them records that there are."""
    api, members_api = client.crm.lists.lists_api, client.crm.lists.memberships_api
    more = ["hs_list_size", "hs_lastmodifieddate"]
    found, offset = [], 0
    while True:
        page = api.do_search(lists.ListSearchRequest(offset=offset, count=2, sort="HS_LIST_ID", additional_properties=more))
        found.extend(page.lists)
        if not page.has_more:
            break
        offset = page.offset
    ids = [int(one.list_id) for one in found]
    report.count("lists", len(found))
    report.same("lists: ids ascend and do not repeat", ids, sorted(set(ids)))
    report.same("lists: total", page.total, len(found))
    named = api.get_all(list_ids=[one.list_id for one in found]).lists
    report.same("lists by id", [one.name for one in named], [one.name for one in found])
    kinds = {"0-1": "contacts", "0-2": "companies"}
    total = 0
    for one in found:
        fetched = api.get_by_id(one.list_id).list
        report.same(f"list {one.list_id}", (fetched.name, fetched.processing_type), (one.name, one.processing_type))
        by_record = pages(lambda after: members_api.get_page(one.list_id, after=after, limit=3))
        by_time = pages(lambda after: members_api.get_page_ordered_by_added_to_list_date(one.list_id, after=after, limit=3))
        report.same(f"members of list {one.list_id}", sorted(row.record_id for row in by_record), sorted(row.record_id for row in by_time))
        order = [int(row.record_id) for row in by_record]
        report.same(f"members of list {one.list_id}: order", order, sorted(set(order)))
        joined = [row.membership_timestamp for row in by_time]
        report.same(f"members of list {one.list_id}: latest first", joined, sorted(joined, reverse=True))
        report.same(f"size of list {one.list_id}", one.additional_properties["hs_list_size"], str(len(by_record)))
        there = set(by_id(records[kinds[one.object_type_id]]))
        report.same(f"members of list {one.list_id} that are not there", {row.record_id for row in by_record} - there, set())
        total += len(by_record)
    report.count("memberships", total)


def read_reference(client, records, report):
    """Owners, pipelines and the account; deals must refer to stages that exist."""
    owners = client.crm.owners.get_all()
    archived = client.crm.owners.get_all(archived=True)
    report.count("owners", len(owners))
    report.count("owners_archived", len(archived))
    for owner in owners:
        report.same(f"owner {owner.id}", client.crm.owners.owners_api.get_by_id(int(owner.id), id_property="id", archived=False).to_dict(), owner.to_dict())
    report.same("archived owners have no user", [owner.user_id for owner in archived], [None] * len(archived))

    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results
    report.count("pipelines", len(pipelines))
    stages = {}
    for pipeline in pipelines:
        report.same(f"pipeline {pipeline.id}", client.crm.pipelines.pipelines_api.get_by_id("deals", pipeline.id).to_dict(), pipeline.to_dict())
        listed = client.crm.pipelines.pipeline_stages_api.get_all("deals", pipeline.id).results
        report.same(f"stages of {pipeline.id}", [stage.to_dict() for stage in listed], [stage.to_dict() for stage in pipeline.stages])
        stages[pipeline.id] = {stage.id for stage in pipeline.stages}
    strays = [row.id for row in records["deals"] if row.properties["dealstage"] not in stages.get(row.properties["pipeline"], set())]
    report.same("deals in stages that do not exist", strays, [])

    # The SDK has no class for account details, but a door for what it lacks.
    account = client.api_request({"path": "/account-info/v3/details"}).json()
    report.same("account details", isinstance(account["portalId"], int) and bool(account["timeZone"]), True)


def read_errors(base_url, client, report):
    """What is refused must arrive as the SDK's exceptions."""
    try:
        connect(base_url, "wrong").crm.contacts.basic_api.get_page()
        report.differences.append("a wrong token was accepted")
    except ContactsError as error:
        report.same("status of a wrong token", (error.status, json.loads(error.body)["category"]), (401, "INVALID_AUTHENTICATION"))
    try:
        client.crm.deals.search_api.do_search(deals.PublicObjectSearchRequest(filter_groups=[], limit=200, after="10000"))
        report.differences.append("a search beyond 10,000 results was answered")
    except DealsError as error:
        report.same("status of a search beyond the cap", error.status, 400)
    try:
        client.crm.deals.basic_api.get_by_id("1")
        report.differences.append("a deal was found that does not exist")
    except DealsError as error:
        report.same("status of a missing deal", error.status, 404)


def read_oauth(base_url, oauth, report):
    """A refreshed token must open the account."""
    client = connect(base_url)
    token = client.oauth.tokens_api.create(grant_type="refresh_token", **oauth)
    report.same("refresh token", token.refresh_token, oauth["refresh_token"])
    info = client.oauth.access_tokens_api.get(token.access_token)
    report.same("token in its details", info.token, token.access_token)
    report.same("the scope of owners", "crm.objects.owners.read" in info.scopes, True)
    opened = connect(base_url, token.access_token)
    report.count("owners_with_oauth", len(opened.crm.owners.get_all()))
    report.same("owners with OAuth", report.counts["owners_with_oauth"], report.counts["owners"])


def main():
    request = json.load(sys.stdin)
    base_url = request["base_url"]
    client = connect(base_url, request["access_token"])
    report = Report()
    records = {name: read_object(client, name, report) for name in OBJECTS}
    read_associations(client, records, report)
    read_lists(client, records, report)
    read_reference(client, records, report)
    read_errors(base_url, client, report)
    if "oauth" in request:
        read_oauth(base_url, request["oauth"], report)
    for name, number in request.get("expected", {}).items():
        report.same(f"expected {name}", report.counts.get(name), number)
    json.dump({"counts": report.counts, "differences": report.differences}, sys.stdout, indent=1)
    print()
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
