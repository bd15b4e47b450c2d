#!/usr/bin/env python3
"""Runs the published `tap-hubspot` against a simulated account: by_singer.py FOLDER < request.json

The request holds base_url and access_token. Messages and state go to the folder; a second run goes on from the state.
Only `contacts` and `owners` are read: the other streams use paths of the first and second version that the simulator does not have.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import messages
from redirect import redirect

STREAMS = ("contacts", "owners")


def main():
    folder, request = sys.argv[1], json.load(sys.stdin)
    redirect({"https://api.hubapi.com": request["base_url"]})
    import tap_hubspot

    config = {"api_key": request["access_token"], "start_date": "2000-01-01T00:00:00Z"}
    # Discovery as a whole would ask for properties of tickets, which the account does not have.
    tap_hubspot.CONFIG.update(config)
    streams = []
    for stream in tap_hubspot.STREAMS:
        if stream.tap_stream_id in STREAMS:
            schema, metadata = tap_hubspot.load_discovered_schema(stream)
            for entry in metadata:
                entry["metadata"]["selected"] = True
            name = stream.tap_stream_id
            streams.append({"stream": name, "tap_stream_id": name, "schema": schema, "metadata": metadata})
    arguments = ["--config", messages.write(folder, "config.json", config)]
    arguments += ["--properties", messages.write(folder, "catalog.json", {"streams": streams})]
    if state := messages.state(folder):
        arguments += ["--state", state]
    sys.argv = ["tap-hubspot", *arguments]
    with messages.recorded(folder):
        tap_hubspot.main()
    messages.keep_state(folder)


if __name__ == "__main__":
    main()
