"""The jobs that databricks.yml schedules: when, with what bounds, and what is told of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from docs.generated import jobs
from docs.generated.tables import cell

FILE = Path(__file__).parents[2] / "databricks.yml"
_INTRODUCTION = """# Scheduled jobs

Made from `databricks.yml` when this site was built; variables stand as their defaults. How they are deployed is told in
[Deploy to Databricks](../how-to/databricks.md), what to do when one fails in [Operations](index.md).

"""
_VARIABLE = re.compile(r"\$\{var\.(\w+)\}")


def read() -> dict[str, Any]:
    """databricks.yml."""
    document: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return document


def page() -> str:
    """The page, as Markdown."""
    document = read()
    defaults = {name: str(one.get("default", "")) for name, one in document.get("variables", {}).items()}
    scheduled = document["resources"]["jobs"]
    parts = [_INTRODUCTION, "| job | when | tasks | limit | retries a task |", "| --- | --- | --- | --- | --- |"]
    parts += [_row(name, job, defaults) for name, job in scheduled.items()]
    parts += ["", *[_section(name, job, defaults) for name, job in scheduled.items()], _variables(document)]
    return "\n".join(parts)


def _row(name: str, job: dict[str, Any], defaults: dict[str, str]) -> str:
    tasks, schedule = job["tasks"], job.get("schedule", {}).get("quartz_cron_expression")
    retries = sorted({task.get("max_retries", 0) for task in tasks})
    when = f"`{_filled(schedule, defaults)}`" if schedule else "when it is started"
    bounds = " to ".join(str(one) for one in (retries if len(retries) < 2 else (retries[0], retries[-1])))
    return f"| [{name}](#{name}) | {when} | {len(tasks)} | {_hours(job.get('timeout_seconds'))} | {bounds} |"


def _section(name: str, job: dict[str, Any], defaults: dict[str, str]) -> str:
    tasks = []
    for task in job["tasks"]:
        entry = task.get("python_wheel_task", {}).get("entry_point", "")
        after = ", ".join(f"`{one['task_key']}`" for one in task.get("depends_on", [])) or "nothing"
        does = f"[{entry}](../reference/jobs.md#{entry})" if entry in jobs.names() else f"`{entry or 'no wheel'}`"
        tasks.append(f"| `{task['task_key']}` | {does} | {after} |")
    facts = [cell(_filled(str(job.get("description", "")), defaults)) or f"Name: {job.get('name', name)}"]
    facts += [f"Alarm when a run takes longer than {_hours(rule['value'])}." for rule in _rules(job)]
    facts += ["Failures and slow runs are told to `${var.notify}`."] if job.get("email_notifications") else []
    facts += ["One run at a time; another one waits."] if job.get("queue") else []
    given = ", ".join(f"`{one['name']}`" for one in job.get("parameters", []))
    facts += [f"Parameters: {given}."] if given else []
    head = f"## {name} {{ #{name} }}\n\n" + "\n".join(f"- {fact}" for fact in facts)
    return "\n".join([head, "", "| task | runs | after |\n| --- | --- | --- |", *tasks, ""])


def _rules(job: dict[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = job.get("health", {}).get("rules", [])
    return [rule for rule in rules if rule.get("metric") == "RUN_DURATION_SECONDS"]


def _variables(document: dict[str, Any]) -> str:
    rows = []
    for name, one in document.get("variables", {}).items():
        default = f"`{one['default']}`" if str(one.get("default", "")) else ""
        rows.append(f"| `{name}` | {default} | {cell(one.get('description', ''))} |")
    head = "## Variables { #variables }\n\n| variable | default | what it is |\n| --- | --- | --- |"
    return "\n".join([head, *rows, ""])


def _filled(text: str, defaults: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: defaults.get(found[1], found[0]), text)


def _hours(seconds: int | None) -> str:
    return "" if not seconds else f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
