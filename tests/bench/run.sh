#!/usr/bin/env bash
# The benchmark; see run.py for what it needs and takes.
exec python3 "$(dirname "$0")/run.py" "$@"
