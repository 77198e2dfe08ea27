"""Every job: what it does, what it may be told, and how it ends; from the modules of jobs/."""

from __future__ import annotations

import ast
from pathlib import Path

from docs.generated import messages
from docs.generated.tables import cell

JOBS = Path(__file__).parents[2] / "jobs"
_INTRODUCTION = """# Jobs

Made from the modules of `jobs/` when this site was built. Each is run by `python -m jobs.<job> --env local`, in the
checkout with `.venv/bin/python`, and is an entry point of the wheel by the same name. All take

- `--env NAME`: `conf/NAME.yml` overlays `conf/base.yml` (local where it is not given);
- `--set section.key=value`: overlays both, and may stand more than once ([settings](settings.md)).

**Exit status**, of every job: 0 done (that there was nothing to do is done, and so is a refusal to promote); 1 failed;
2 wrong configuration or unusable input. An error of ours is one line on standard error. **The last line** on standard
output is one JSON object with `job`, `seconds`, `rows_read`, `rows_written`, `rows_quarantined` and `table_versions`;
the same goes to `ops.job_runs`. What a job says besides stands in the lines before it, one a detail.

"""


def names() -> tuple[str, ...]:
    """Jobs that can be run: modules with a command."""
    return tuple(file.stem for file in sorted(JOBS.glob("*.py")) if _command(file))


def page() -> str:
    """The page, as Markdown."""
    index = [f"| [{name}](#{name}) | {cell(_first(JOBS / f'{name}.py'))} |" for name in names()]
    sections = [_section(JOBS / f"{name}.py") for name in names()]
    return "\n".join([_INTRODUCTION + "| job | what it does |\n| --- | --- |", *index, "", *sections])


def _section(file: Path) -> str:
    module = ast.parse(file.read_text(encoding="utf-8"))
    main = next((ast.get_docstring(one) for one in module.body if _is_function(one, "main")), None)
    parts = [f"## {file.stem} {{ #{file.stem} }}\n\n{ast.get_docstring(module)}\n", f"{main}\n" if main else ""]
    parts.append(f"```bash\npython -m jobs.{file.stem} --env local\n```\n")
    own = [one for name in _files(file, module) for one in messages.of_file(JOBS / name)]
    kinds = messages.classes()
    rows = [(kinds[one.error].exit_status, one) for one in own]
    if rows:
        parts.append("Ends, besides what every job may end with, by\n\n| exit | error | message |\n| --- | --- | --- |")
        parts += [f"| {status} | {one.error} | {cell(one.text)} |" for status, one in sorted(rows, key=lambda r: -r[0])]
    return "\n".join([*parts, ""])


def _files(file: Path, module: ast.Module) -> list[str]:
    """The job's own module and those with a `_` that it imports."""
    inner = [one.module for one in ast.walk(module) if isinstance(one, ast.ImportFrom) and one.module]
    private = [f"{name.partition('.')[2]}.py" for name in inner if name.startswith("jobs._")]
    return [file.name, *sorted(set(private))]


def _first(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n\n")[0]


def _command(file: Path) -> bool:
    return any(_is_function(one, "command") for one in ast.parse(file.read_text(encoding="utf-8")).body)


def _is_function(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == name
