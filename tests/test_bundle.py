"""databricks.yml without a workspace: every resource as Databricks' own package reads it, and what refers to what."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from databricks.bundles.core import Resource
from databricks.bundles.jobs import Job
from databricks.bundles.registered_models import RegisteredModel
from databricks.bundles.schemas import Schema
from databricks.bundles.volumes import Volume

from jobs.flow import BUNDLE_JOBS
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.runtime.command import parser
from linnaeus.runtime.spark import SPARK_NLP
from tests import document

KINDS: dict[str, type[Resource]] = {
    "jobs": Job,
    "schemas": Schema,
    "volumes": Volume,
    "registered_models": RegisteredModel,
}
RESOURCES = [(kind, key) for kind, found in document.read()["resources"].items() for key in found]
JOBS = [key for kind, key in RESOURCES if kind == "jobs"]
TASKS = [pytest.param(job, task, id=f"{job}-{task['task_key']}") for job, task in document.tasks()]
PRODUCTION = [name for name in document.TARGETS if name != "dev"]
# Commands that are no task: what runs the graph, what is for one machine or for one person, and the read API.
NO_TASKS = {"flow", "make_sample", "search_parameters", "explain", "convert_taxonomy", "serve_profiles"}
# What people give when they start a job.
GIVEN = {
    "model": "linnaeus_dev.models.category",
    "version": "3",
    "by": "Jane Doe <jane.doe@example.com>",
    "curation": "/Volumes/linnaeus_dev/ops/review/tree.yml",
    "take_back": "2",
    "creator_id": '"012"',
}
_PARAMETER = re.compile(r"\{\{job\.parameters\.(\w+)\}\}")
_DAYS = "SUN MON TUE WED THU FRI SAT".split()


def arguments(target: str, job: str, task_key: str, given: dict[str, str]) -> list[str]:
    """What a task's command finds in sys.argv after its name."""
    tasks = document.deployed(target)["resources"]["jobs"][job]["tasks"]
    task = next(one for one in tasks if one["task_key"] == task_key)
    return [_PARAMETER.sub(lambda found: given[found[1]], one) for one in task["python_wheel_task"]["parameters"]]


def config_of(target: str, job: str, task_key: str, given: dict[str, str]) -> Config:
    return _config_of(tuple(arguments(target, job, task_key, given)))


@functools.cache
def _config_of(given: tuple[str, ...]) -> Config:
    options = parser("job", __name__).parse_args(given)
    return load_config(options.env, options.set)


def defaults_of(job: str) -> dict[str, str]:
    return {one["name"]: one["default"] for one in document.read()["resources"]["jobs"][job].get("parameters", [])}


@pytest.mark.parametrize(("kind", "key"), RESOURCES)
def test_every_resource_is_one_that_databricks_knows(kind: str, key: str) -> None:
    """As it is written, with variables, and as each target deploys it; an unknown field or value is refused."""
    KINDS[kind].from_dict(document.read()["resources"][kind][key])
    for target in document.TARGETS:
        found = KINDS[kind].from_dict(document.deployed(target)["resources"][kind][key])
        assert found.as_dict()["name"]


def test_a_field_that_databricks_does_not_know_is_found() -> None:
    job = document.read()["resources"]["jobs"]["nightly"]
    with pytest.raises(Exception, match="max_concurent_runs"):
        Job.from_dict(job | {"max_concurent_runs": 1})


def test_nothing_stands_where_the_cli_would_only_warn() -> None:
    """An unknown key at the top, or of a target, is a warning there and then without effect."""
    found = document.read()
    assert set(found) == {"bundle", "variables", "artifacts", "resources", "targets"}
    known = {"mode", "default", "git", "workspace", "run_as", "variables", "permissions", "resources"}
    for target in found["targets"].values():
        assert set(target) <= known
        assert set(target["variables"]) <= set(found["variables"])
        for kind, resources in target.get("resources", {}).items():
            assert set(resources) <= set(found["resources"][kind])
    assert all(set(one) == {"description", "default"} for one in found["variables"].values())


def test_every_variable_is_declared_and_every_declared_one_is_used() -> None:
    used = {name.partition(".")[2] for name in document.references(document.read()) if name.startswith("var.")}
    assert used == set(document.read()["variables"])


@pytest.mark.parametrize("target", document.TARGETS)
def test_every_reference_is_to_something(target: str) -> None:
    assert not list(document.references(document.deployed(target)))


@pytest.mark.parametrize("key", JOBS)
def test_a_job_does_not_run_on_for_ever_or_beside_itself_and_says_that_it_failed(key: str) -> None:
    job = document.deployed("prod")["resources"]["jobs"][key]
    assert job["max_concurrent_runs"] == 1 and job["queue"] == {"enabled": True}
    rules = {rule["metric"]: rule["value"] for rule in job["health"]["rules"] if rule["op"] == "GREATER_THAN"}
    assert 0 < rules["RUN_DURATION_SECONDS"] < job["timeout_seconds"] <= 24 * 3600
    told = job["email_notifications"]
    assert told["on_failure"] and told["on_duration_warning_threshold_exceeded"] == told["on_failure"]
    assert job["tags"]["project"] == "linnaeus" and job["tags"]["part"] and job["description"]


@pytest.mark.parametrize("key", JOBS)
def test_tasks_depend_on_tasks_and_run_on_clusters_that_are_there(key: str) -> None:
    job = document.read()["resources"]["jobs"][key]
    keys = [task["task_key"] for task in job["tasks"]]
    clusters = [cluster["job_cluster_key"] for cluster in job["job_clusters"]]
    assert len(set(keys)) == len(keys)
    assert {task["job_cluster_key"] for task in job["tasks"]} == set(clusters) and len(set(clusters)) == len(clusters)
    for place, task in enumerate(job["tasks"]):
        assert {one["task_key"] for one in task.get("depends_on", [])} <= set(keys[:place])


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_what_people_start_is_not_tried_again_by_itself(job: str, task: dict[str, Any]) -> None:
    if "schedule" in document.read()["resources"]["jobs"][job]:
        assert 1 <= task["max_retries"] <= 3 and task["min_retry_interval_millis"] >= 60_000
    else:
        assert task["max_retries"] == 0
    assert task["retry_on_timeout"] is False


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_a_task_is_an_entry_point_of_the_wheel(job: str, task: dict[str, Any]) -> None:
    assert task["python_wheel_task"]["package_name"] == document.read()["bundle"]["name"]
    entry = task["python_wheel_task"]["entry_point"]
    assert entry == task["task_key"] and entry in document.entry_points()


def test_every_entry_point_is_a_task_or_known_to_be_none() -> None:
    entries = document.entry_points()
    assert len(set(entries)) == len(entries)
    keys = [task["task_key"] for _, task in document.tasks()]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(entries) - NO_TASKS and set(entries) >= NO_TASKS


@pytest.mark.parametrize("entry", document.entry_points())
def test_every_entry_point_is_a_job(entry: str) -> None:
    module = importlib.import_module(f"jobs.{entry}")
    assert callable(module.main) and callable(module.command) and module.__doc__
    if entry != "flow":
        assert list(module.main.__annotations__.items()) == [("config", Config.__name__), ("return", "JobResult")]


def test_every_job_is_an_entry_point() -> None:
    """Modules of jobs/ that have a command of their own."""
    with_command = set()
    for path in (document.ROOT / "jobs").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "command" for node in tree.body):
            with_command.add(path.stem)
    assert with_command == set(document.entry_points())


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_a_tasks_parameters_are_settings_that_there_are(job: str, task: dict[str, Any]) -> None:
    """In every target, with what people give and with nothing given; where tables are all tasks are told alike."""
    asked = {name for one in task["python_wheel_task"]["parameters"] for name in _PARAMETER.findall(one)}
    assert asked == set(defaults_of(job))
    for target in document.TARGETS:
        for given in (GIVEN, defaults_of(job)):
            config = config_of(target, job, task["task_key"], given)
            first = config_of(target, "nightly", "ingest_bronze", {})
            assert (config.lake, config.registry) == (first.lake, first.registry)
        assert config.env == target and config.lake.catalog == load_config(target).lake.catalog


def test_what_people_give_arrives() -> None:
    approved = config_of("prod", "approve", "approve_model", GIVEN).decision
    assert (approved.model, approved.version, approved.by) == (GIVEN["model"], "3", GIVEN["by"])
    assert config_of("prod", "roll_back", "roll_back_model", GIVEN).decision == approved
    assert config_of("prod", "erasure", "erase_creator", GIVEN).erase.creator_id == "012"
    curated = config_of("prod", "curate_taxonomy", "curate_taxonomy", GIVEN).taxonomy
    assert (curated.curation, curated.take_back) == (GIVEN["curation"], 2)
    nobody = config_of("prod", "erasure", "erase_creator", {"creator_id": ""})
    assert nobody.erase.creator_id is None, "then the job refuses"
    typed = config_of("prod", "erasure", "erase_creator", {"creator_id": "012 #b"})
    assert typed.erase.creator_id == "012 #b", "as it is typed, not what YAML makes of it"


@pytest.mark.parametrize("target", document.TARGETS)
def test_the_jobs_write_to_the_schemas_models_and_volumes_that_are_deployed(target: str) -> None:
    resources = document.deployed(target)["resources"]
    config = config_of(target, "nightly", "ingest_bronze", {})
    schemas = {one["name"]: one for one in resources["schemas"].values()}
    assert {one["catalog_name"] for one in schemas.values()} == {config.lake.catalog}
    prefix = config.lake.schema_prefix or ""
    assert set(schemas) == {prefix + layer for layer in {table.layer for table in tables.ALL} | {"models"}}
    place = itemgetter("catalog_name", "schema_name", "name")
    models = {".".join(place(one)) for one in resources["registered_models"].values()}
    assert models == {config.registry.category_model, config.registry.risk_model}
    volumes = {Path("/Volumes", *place(one)) for one in resources["volumes"].values()}
    assert volumes == {config.reports_folder, config.review_folder, config.checkpoint_folder}


@pytest.mark.parametrize("target", document.TARGETS)
def test_conf_alone_names_what_a_plain_deployment_makes(target: str) -> None:
    """A notebook that reads conf/<env>.yml finds the same tables, files and models (in dev those that all share)."""
    config, deployed = load_config(target), config_of(target, "nightly", "ingest_bronze", {})
    if target == "dev":
        assert deployed.lake.schema_prefix == "dev_jane_doe_" and config.lake.schema_prefix is None
    else:
        assert (config.lake, config.registry) == (deployed.lake, deployed.registry)


def fits(field: str, least: int, most: int, names: list[str]) -> bool:
    """Whether a field of a Quartz expression is in form and in range: *, ?, n, n-m, n,m, n/m, names."""
    for part in field.split(","):
        found = re.fullmatch(r"(\*|\w+(?:-\w+)?)(?:/(\d+))?", part)
        if part in ("?", "*"):
            continue
        if found is None:
            return False
        for end in [] if found[1] == "*" else found[1].split("-"):
            if end not in names and not (end.isdigit() and least <= int(end) <= most):
                return False
    return True


def is_quartz(expression: str) -> bool:
    """Six fields or seven: second, minute, hour, day of the month, month, day of the week, year."""
    fields = expression.split()
    if len(fields) not in (6, 7) or (fields[3] == "?") == (fields[5] == "?") or "?" in fields[:3] + fields[4:5]:
        return False
    months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
    bounds = [(0, 59, []), (0, 59, []), (0, 23, []), (1, 31, []), (1, 12, months), (1, 7, _DAYS), (1970, 2099, [])]
    return all(fits(field, *bound) for field, bound in zip(fields, bounds, strict=False))


@pytest.mark.parametrize(
    ("expression", "is_one"),
    [
        ("0 0 2 * * ?", True),
        ("0 30 8 ? * SUN", True),
        ("0 0/15 8-18 ? * MON-FRI 2027", True),
        ("0 2 * * *", False),  # a cron of Unix
        ("0 0 2 * * *", False),
        ("0 0 2 ? * ?", False),
        ("0 60 2 * * ?", False),
        ("0 0 24 * * ?", False),
        ("0 0 2 ? * 0", False),
        ("0 0 2 ? * SUNDAY", False),
    ],
)
def test_what_a_quartz_expression_is(expression: str, is_one: bool) -> None:
    assert is_quartz(expression) == is_one


def test_schedules_are_quartz_expressions_and_no_two_jobs_start_together() -> None:
    jobs = document.deployed("prod")["resources"]["jobs"]
    schedules = {key: job["schedule"]["quartz_cron_expression"] for key, job in jobs.items() if "schedule" in job}
    assert set(schedules) == {*BUNDLE_JOBS, "taxonomy", "maintenance"}
    assert all(is_quartz(one) for one in schedules.values())
    assert len(set(schedules.values())) == len(schedules)
    assert all("pause_status" not in job.get("schedule", {}) for job in jobs.values()), "or development would not pause"


@pytest.mark.parametrize("key", JOBS)
def test_clusters_are_those_that_the_suite_was_made_for(key: str) -> None:
    for cluster in document.deployed("prod")["resources"]["jobs"][key]["job_clusters"]:
        made = cluster["new_cluster"]
        assert re.fullmatch(r"15\.4\.x-cpu-ml-scala2\.12", made["spark_version"]), "others are untested"
        assert made["data_security_mode"] == "SINGLE_USER" and "single_user_name" not in made
        assert {name: made["spark_conf"].get(name) for name in SPARK_NLP} == SPARK_NLP
        assert made["spark_conf"]["spark.sql.session.timeZone"] == "UTC"
        assert set(made["spark_env_vars"]) == {load_config("prod").erase.secret_variable}
        assert ("autoscale" in made) != ("num_workers" in made)
        if "autoscale" in made:
            assert 1 <= made["autoscale"]["min_workers"] <= made["autoscale"]["max_workers"]
        assert key != "training" or "num_workers" in made, "workers of XGBoost start together"


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_a_task_brings_the_wheel_and_the_jars_that_a_session_of_ours_has(job: str, task: dict[str, Any]) -> None:
    spark = load_config("local").spark
    assert [one["whl"] for one in task["libraries"] if "whl" in one] == ["./dist/*.whl"]
    jars = [one["maven"] for one in task["libraries"] if "maven" in one]
    brought = {package for package in spark.packages if not package.startswith("io.delta:")}  # the cluster's own
    assert {jar["coordinates"] for jar in jars} == brought and len(jars) == len(brought)
    assert {one for jar in jars for one in jar.get("exclusions", [])} == set(spark.excludes)
    version = next(jar["coordinates"] for jar in jars if "spark-nlp" in jar["coordinates"]).rpartition(":")[2]
    assert f'"spark-nlp=={version}"' in (document.ROOT / "setup.py").read_text(encoding="utf-8")


def test_the_wheel_is_built_of_this_checkout_and_is_never_stale() -> None:
    wheel = document.read()["artifacts"]["wheel"]
    assert wheel["type"] == "whl" and wheel["dynamic_version"] is True
    assert (document.ROOT / wheel["path"] / "setup.py").is_file() and "--wheel-dir dist" in wheel["build"]


def test_development_is_the_default_and_anybodys_own() -> None:
    dev = document.read()["targets"]["dev"]
    assert dev["mode"] == "development" and dev["default"] is True
    assert not {"run_as", "permissions", "resources"} & set(dev)
    jobs = document.deployed("dev")["resources"]["jobs"]
    assert all(job["email_notifications"]["on_failure"] == [document.USER] for job in jobs.values())


@pytest.mark.parametrize("target", PRODUCTION)
def test_production_runs_as_a_service_principal_and_tells_a_team(target: str) -> None:
    settings, deployed = document.read()["targets"][target], document.deployed(target)
    assert settings["mode"] == "production"
    principal = deployed["run_as"]["service_principal_name"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", principal)
    assert deployed["workspace"]["root_path"] == f"/Workspace/Users/{principal}/.bundle/linnaeus/{target}"
    assert {"level": "CAN_MANAGE", "service_principal_name": principal} in deployed["permissions"]
    for job in deployed["resources"]["jobs"].values():
        assert all("@" in one and one != document.USER for one in job["email_notifications"]["on_failure"])
    assert target != "prod" or settings["git"] == {"branch": "main"}


@pytest.mark.parametrize("target", PRODUCTION)
def test_who_may_do_what(target: str) -> None:
    """Who starts jobs, who approves models and who erases are groups of their own; nobody but jobs reads raw texts."""
    resources = document.deployed(target)["resources"]
    groups = {key: [one["group_name"] for one in job["permissions"]] for key, job in resources["jobs"].items()}
    by_hand = {"approve": "linnaeus-approvers", "roll_back": "linnaeus-approvers", "erasure": "linnaeus-privacy"}
    by_hand |= {"curate_taxonomy": "linnaeus-approvers"}
    assert groups == {key: [by_hand.get(key, "linnaeus-operators")] for key in JOBS}
    assert all(job["permissions"][0]["level"] == "CAN_MANAGE_RUN" for job in resources["jobs"].values())
    schemas = resources["schemas"]
    assert all(one["lifecycle"] == {"prevent_destroy": True} for one in schemas.values())
    assert all(one["lifecycle"] == {"prevent_destroy": True} for one in resources["registered_models"].values())
    granted = {
        (kind, key, grant["principal"], privilege)
        for kind in ("schemas", "volumes", "registered_models")
        for key, one in resources[kind].items()
        for grant in one.get("grants", [])
        for privilege in grant["privileges"]
    }
    assert not any(key == "bronze" for _, key, _, _ in granted)
    reading = {key for kind, key, _, privilege in granted if (kind, privilege) == ("schemas", "SELECT")}
    assert reading == {"silver", "gold"}
    assert {privilege for _, _, _, privilege in granted} == {"USE_SCHEMA", "SELECT", "EXECUTE", "READ_VOLUME"}
    for kind, key, principal, privilege in granted:  # a volume can't be read without its schema
        assert privilege != "READ_VOLUME" or ("schemas", "ops", principal, "USE_SCHEMA") in granted, (kind, key)


def test_what_passed_the_gate_waits_in_production_for_a_person() -> None:
    assert load_config("prod").promotion.approval == "by_hand"
    assert load_config("staging").promotion.approval == "automatic"


def test_there_is_no_secret_in_the_file() -> None:
    text = document.PATH.read_text(encoding="utf-8")
    assert not re.search(r"dapi[0-9a-f]{32}|AKIA[0-9A-Z]{16}|-----BEGIN|(?i:password|token)\s*[:=]", text)
    for target in document.TARGETS:
        for job in document.deployed(target)["resources"]["jobs"].values():
            for cluster in job["job_clusters"]:
                secret = cluster["new_cluster"]["spark_env_vars"]["LINNAEUS_ERASURE_SECRET"]
                assert secret == "" if target == "dev" else re.fullmatch(r"\{\{secrets/[\w-]+/[\w-]+\}\}", secret)
