#!/usr/bin/env python3
"""Runs the published `tap-salesforce` against a simulated organisation: by_singer.py FOLDER < request.json

The request holds base_url, client_id, client_secret and refresh_token. Records are read by REST: the connector's other way is the first
version of the Bulk API. Messages and state go to the folder; a second run goes on from the state.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import messages
from account import OBJECTS, hosts
from redirect import redirect

CATALOG = "catalog.json"


def selected(catalog):
    """The catalogue of discovery with our objects chosen, every field of them that the connector can read."""
    streams = [stream for stream in catalog["streams"] if stream["tap_stream_id"] in OBJECTS]
    for stream in streams:
        for entry in stream["metadata"]:
            if entry["metadata"].get("inclusion") != "unsupported":
                entry["metadata"]["selected"] = True
            if keys := entry["metadata"].get("valid-replication-keys"):
                entry["metadata"] |= {"replication-method": "INCREMENTAL", "replication-key": keys[0]}
    return {"streams": streams}


def main():
    folder, request = pathlib.Path(sys.argv[1]), json.load(sys.stdin)
    redirect(hosts(request))
    import tap_salesforce

    config = {name: request[name] for name in ("client_id", "client_secret", "refresh_token")}
    config |= {"api_type": "REST", "select_fields_by_default": "true", "start_date": "2000-01-01T00:00:00Z"}
    settings = ["--config", messages.write(folder, "config.json", config)]
    (folder / CATALOG).unlink(missing_ok=True)
    sys.argv = ["tap-salesforce", *settings, "--discover"]
    with messages.recorded(folder, CATALOG):
        tap_salesforce.main()
    catalog = selected(json.loads((folder / CATALOG).read_text(encoding="utf-8")))
    arguments = [*settings, "--properties", messages.write(folder, CATALOG, catalog)]
    if state := messages.state(folder):
        arguments += ["--state", state]
    sys.argv = ["tap-salesforce", *arguments]
    with messages.recorded(folder):
        tap_salesforce.main()
    messages.keep_state(folder)


if __name__ == "__main__":
    main()
