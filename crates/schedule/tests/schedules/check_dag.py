"""Carries out a DAG file with stand-ins that take exactly the arguments that Airflow takes, as Airflow 3 or 2, and prints what it made as JSON.

The arguments are those of Airflow 3.3 and 2.10 (airflow/sdk/definitions/dag.py, providers/standard/operators/bash.py, timetables/trigger.py,
models/baseoperator.py), as far as the export may use them.
"""

import ast
import json
import sys
import types
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

made = {"dags": [], "tasks": []}


class CronTriggerTimetable:
    def __init__(self, cron, *, timezone, interval=timedelta()):
        self.cron, self.timezone = cron, str(ZoneInfo(timezone))


class DAG:
    def __init__(self, dag_id, *, schedule, start_date, catchup, is_paused_upon_creation=None, max_active_runs=16, tags=None):
        made["dags"].append({
            "dag_id": dag_id, "cron": schedule.cron, "timezone": schedule.timezone, "start": start_date.isoformat(), "catchup": catchup,
            "paused": is_paused_upon_creation, "max_active_runs": max_active_runs, "tags": tags,
        })

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


class BashOperator:
    def __init__(self, *, task_id, bash_command, cwd=None, append_env=False, skip_on_exit_code=99, retries=0):
        made["tasks"].append({
            "task_id": task_id, "command": bash_command, "cwd": cwd, "append_env": append_env, "skip": skip_on_exit_code, "retries": retries,
        })


def module(name, **members):
    made_up = types.ModuleType(name)
    vars(made_up).update(members)
    sys.modules[name] = made_up


path, version = sys.argv[1:]
module("pendulum", datetime=lambda year, month, day, tz: datetime(year, month, day, tzinfo={"UTC": timezone.utc}[tz]))
module("airflow.timetables.trigger", CronTriggerTimetable=CronTriggerTimetable)
module("airflow.timetables")
if version == "3":
    module("airflow")
    module("airflow.sdk", DAG=DAG)
    for name in ["airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators"]:
        module(name)
    module("airflow.providers.standard.operators.bash", BashOperator=BashOperator)
else:
    module("airflow", DAG=DAG)
    module("airflow.operators")
    module("airflow.operators.bash", BashOperator=BashOperator)

with open(path, encoding="utf-8") as file:
    tree = ast.parse(file.read(), path)
exec(compile(tree, path, "exec"), {"__name__": "dag"})
print(json.dumps({**made, "words": ast.get_docstring(tree)}))
