"""What connectors print: Singer's messages and Airbyte's, one a line, in the file `messages.jsonl` of a folder.

Each run appends to the file, so that it holds what was extracted so far; `state.json` beside it is what the next run begins with.
"""

import contextlib
import json
import os
import pathlib
import sys

MESSAGES = "messages.jsonl"
STATE = "state.json"


@contextlib.contextmanager
def recorded(folder, name=MESSAGES):
    """What is printed goes to the end of a file of the folder; the descriptor itself, because Airbyte's kit keeps a hold on `sys.stdout`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    before = os.dup(1)
    with open(folder / name, "ab") as out:
        os.dup2(out.fileno(), 1)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(before, 1)
            os.close(before)


def read(folder):
    """The messages of all runs, in order."""
    with open(pathlib.Path(folder) / MESSAGES, encoding="utf-8") as lines:
        for line in lines:
            # Connectors' own words may stand between the messages.
            if line.startswith("{"):
                yield json.loads(line)


def records(folder):
    """(stream, record) of each record of all runs, in order."""
    for message in read(folder):
        if message.get("type") != "RECORD":
            continue
        record = message["record"]
        if "stream" in message:
            yield message["stream"], record
        else:
            yield record["stream"], record["data"]


def keep_state(folder):
    """Writes what the next run begins with: Singer's last state whole, Airbyte's last of each stream."""
    whole, streams = None, {}
    for message in read(folder):
        if message.get("type") != "STATE":
            continue
        if "value" in message:
            whole = message["value"]
        else:
            streams[json.dumps(message["state"]["stream"]["stream_descriptor"], sort_keys=True)] = message["state"]
    state = list(streams.values()) if streams else whole
    if state is None:
        raise RuntimeError("the connector told no state: it did not come to its end")
    (pathlib.Path(folder) / STATE).write_text(json.dumps(state), encoding="utf-8")


def failures(folder):
    """What Airbyte reports as an error of the last run; its exit code alone does not tell of single streams."""
    return [m["trace"]["error"]["message"] for m in read(folder) if m.get("type") == "TRACE" and m["trace"].get("type") == "ERROR"]


def write(folder, name, value):
    """Writes a file of the connector's settings and gives its path."""
    path = pathlib.Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def state(folder):
    """The path of the state, None before the first run."""
    path = pathlib.Path(folder) / STATE
    return str(path) if path.exists() else None
