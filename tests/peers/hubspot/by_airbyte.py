#!/usr/bin/env python3
"""Runs the published `airbyte-source-hubspot` against a simulated account: by_airbyte.py FOLDER < request.json

The request holds base_url and access_token. Messages and state go to the folder; a second run goes on from the state.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import messages
from redirect import redirect

INCREMENTAL = ("contacts", "companies", "deals", "deals_archived", "owners", "owners_archived")
WHOLE = ("deal_pipelines",)


def main():
    folder, request = sys.argv[1], json.load(sys.stdin)
    redirect({"https://api.hubapi.com": request["base_url"]})
    credentials = {"credentials_title": "Private App Credentials", "access_token": request["access_token"]}
    config = {"credentials": credentials, "start_date": "2000-01-01T00:00:00Z"}

    def configured(name, mode):
        stream = {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
        return {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}

    streams = [configured(name, "incremental") for name in INCREMENTAL] + [configured(name, "full_refresh") for name in WHOLE]
    arguments = ["read", "--config", messages.write(folder, "config.json", config)]
    arguments += ["--catalog", messages.write(folder, "catalog.json", {"streams": streams})]
    if state := messages.state(folder):
        arguments += ["--state", state]
    sys.argv = ["source-hubspot", *arguments]
    with messages.recorded(folder):
        # Its settings are looked at while it is imported.
        from source_hubspot.run import run

        run()
    if failures := messages.failures(folder):
        sys.exit("\n".join(failures))
    messages.keep_state(folder)


if __name__ == "__main__":
    main()
