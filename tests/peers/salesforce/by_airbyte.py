#!/usr/bin/env python3
"""Runs the published `airbyte-source-salesforce` against a simulated organisation: by_airbyte.py FOLDER < request.json

The request holds base_url, client_id, client_secret and refresh_token. The connector reads by jobs of the Bulk API 2.0 wherever it can.
Messages and state go to the folder; a second run goes on from the state.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import messages
from account import OBJECTS, hosts
from redirect import redirect

CATALOG = "catalog.json"
DISCOVERED = "discovered.jsonl"


def configured(folder):
    """The streams of discovery that are ours, with changes where the connector offers them."""
    lines = (folder / DISCOVERED).read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    streams = next(message["catalog"]["streams"] for message in found if message.get("type") == "CATALOG")
    chosen = []
    for stream in streams:
        if stream["name"] in OBJECTS:
            mode = "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh"
            entry = {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}
            chosen.append(entry | {"cursor_field": stream.get("default_cursor_field") or []})
    return {"streams": chosen}


def main():
    folder, request = pathlib.Path(sys.argv[1]), json.load(sys.stdin)
    redirect(hosts(request))
    config = {name: request[name] for name in ("client_id", "client_secret", "refresh_token")}
    # One window for all of the past: an account of years in windows of a month would be jobs by the hundred.
    config |= {"auth_type": "Client", "start_date": "2015-01-01T00:00:00Z", "stream_slice_step": "P7300D"}
    settings = ["--config", messages.write(folder, "config.json", config)]
    # Its settings are looked at while it is imported.
    from source_salesforce.run import run

    (folder / DISCOVERED).unlink(missing_ok=True)
    sys.argv = ["source-salesforce", "discover", *settings]
    with messages.recorded(folder, DISCOVERED):
        run()
    arguments = ["read", *settings, "--catalog", messages.write(folder, CATALOG, configured(folder))]
    if state := messages.state(folder):
        arguments += ["--state", state]
    sys.argv = ["source-salesforce", *arguments]
    with messages.recorded(folder):
        run()
    if failures := messages.failures(folder):
        sys.exit("\n".join(failures))
    messages.keep_state(folder)


if __name__ == "__main__":
    main()
