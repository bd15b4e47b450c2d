"""The occurrences of schedules by croniter: a JSON line in, a JSON line of seconds since 1970 out, for each schedule."""

import json
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from croniter import croniter


def occurrences(expression, zone, begin, end):
    """What is after the beginning, up to the end and with it."""
    start = datetime.fromtimestamp(begin, timezone.utc).astimezone(ZoneInfo(zone))
    times = croniter(expression, start, second_at_beginning=True)
    found = []
    while True:
        at = int(times.get_next(datetime).timestamp())
        if at > end:
            return found
        found.append(at)


for line in sys.stdin:
    asked = json.loads(line)
    found = [occurrences(asked["expression"], asked["zone"], begin, end) for begin, end in asked["spans"]]
    print(json.dumps(sorted(at for span in found for at in span)))
