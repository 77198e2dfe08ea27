"""The suite in a notebook: `from linnaeus import Suite`.

suite = Suite()                                 # conf/local.yml
suite.tables.gold.content_profiles              # a DataFrame that says what its columns mean
suite.explain("bbc-sport-001")                  # why a content was scored as it was
suite.run("score_content")                      # a job, with a progress bar
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config, load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.report import Section
from linnaeus.runtime.tracking import Tracking
from linnaeus.suite import creator, embedders, explanation, models, running, sandbox, topics
from linnaeus.suite.context import NOW, Context
from linnaeus.suite.creator import Creator
from linnaeus.suite.embedders import EmbedderComparison
from linnaeus.suite.explanation import Explanation
from linnaeus.suite.models import Comparison, Models
from linnaeus.suite.plots import Plots
from linnaeus.suite.rich_html import Shown
from linnaeus.suite.rows import Rows, rows_of
from linnaeus.suite.running import Ran, Runs
from linnaeus.suite.sandbox import Votes
from linnaeus.suite.settings import as_overrides, as_time
from linnaeus.suite.table_access import Tables, When, nearest, no_such, overview
from linnaeus.suite.topics import Topics

_NAMES = {table.name: table.full_name for table in tables.ALL}


class Suite(Shown):
    """Tables, models, explanations, pictures and jobs of one environment.

    Parameters: `env` names conf/<env>.yml; what follows overlays it: `"section.key=value"` as on the command line, or
    `section__key=value` as Python. Wrong settings are said at once; Spark starts when something is read for the first
    time.
    """

    def __init__(self, env: str = "local", *overrides: str, **settings: Any) -> None:
        self._context = Context(load_config(env, [*overrides, *as_overrides(settings)]))
        self._env, self._overrides = env, (*overrides, *as_overrides(settings))
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._source: Context | None = None

    @classmethod
    def open(cls, env: str = "local", *overrides: str, **settings: Any) -> Suite:
        """The same as `Suite(env, …)`."""
        return cls(env, *overrides, **settings)

    @property
    def config(self) -> Config:
        """All settings."""
        return self._context.config

    @property
    def spark(self) -> SparkSession:
        """The Spark session."""
        return self._context.session

    @property
    def lake(self) -> Lake:
        """What reads and writes tables: for what the facade does not offer."""
        return self._context.lake

    @property
    def tracking(self) -> Tracking:
        """The model registry: for what the facade does not offer."""
        return self._context.tracking

    @property
    def tables(self) -> Tables:
        """Tables by layer and name, as DataFrames: `suite.tables.gold.content_profiles`."""
        return self._context.tables

    @property
    def plots(self) -> Plots:
        """Pictures of what is in the lake: `suite.plots.languages()`."""
        return Plots(self._context)

    def __getattr__(self, name: str) -> Any:
        # Only for names that nothing else has: a table's, without its layer.
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _NAMES:
            return self.tables[_NAMES[name]]
        own = [one for one in dir(type(self)) if not one.startswith("_")]
        found = nearest(name, [*own, *_NAMES])[0]
        if found in own:
            raise AttributeError(f"a suite has no {name!r}; did you mean suite.{found}?")
        raise no_such(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_NAMES})

    def at(self, when: int | str | datetime.date) -> Suite:
        """The suite with its tables as they were: at a time, or each at its own version of that number.

            suite.at("2026-11-01T08:00:00Z").creator("creator-017")
            suite.at(3).tables.gold.content_profiles

        Raises ConfigurationError for what is no time. What VACUUM has removed can't be read any more: it says so.
        """
        made = object.__new__(Suite)
        made.__dict__.update(self.__dict__)
        is_version = isinstance(when, int) and not isinstance(when, bool)
        asked = When(version=int(when)) if is_version else When(time=as_time(when))  # type: ignore[arg-type]
        made._context = Context(self.config, asked)
        return made

    def show(self, frame: DataFrame | str, rows: int = 10) -> Rows:
        """The first rows of a DataFrame, or of a table by its name, as a table that can be read."""
        return rows_of(self.tables[frame] if isinstance(frame, str) else frame, rows)

    def explain(self, content_id: str, **settings: Any) -> Explanation:
        """Why a content was put where it is and flagged or not: category path, risks, words, neighbours.

        `settings` are those of `explain` in conf/base.yml: n_words=20, n_neighbours=0. Raises InputError for a content
        without a row in gold.content_profiles.
        """
        return explanation.explained(self._context, content_id, settings)

    def creator(self, creator_id: str) -> Creator:
        """A creator's profile, the contents behind it, and its history. Raises InputError for one without a profile."""
        return creator.creator_of(self._context, creator_id)

    def flagged(self, area: str | None = None) -> DataFrame:
        """Creators who are flagged for a risk area (for any, where none is named), the likeliest first.

        `creator_id`, `area`, `chance` (that k of the next n posts are in it), `rate` and `n_content`.
        """
        profiles = self._context.read(tables.CREATOR_PROFILES)
        each = profiles.select(
            c.CREATOR_ID, F.explode(c.RISK_AREAS).alias("area"), c.RISK_CHANCE, c.RISK_RATE, c.N_CONTENT
        )
        wanted = each if area is None else each.where(F.col("area") == area)
        chance = F.element_at(c.RISK_CHANCE, F.col("area")).alias("chance")
        rate = F.element_at(c.RISK_RATE, F.col("area")).alias("rate")
        told = wanted.select(c.CREATOR_ID, "area", chance, rate, c.N_CONTENT)
        return told.orderBy(F.desc("chance"), F.desc(c.N_CONTENT), c.CREATOR_ID)

    def models(self) -> Models:
        """Registered model versions with their roles (champion, candidate) and main figures."""
        return models.models_of(self._context)

    def compare(self, first: str | int, second: str | int, model: str | None = None, paired: bool = True) -> Comparison:
        """Two versions of a model: figures side by side, and whether the second would be promoted over the first.

            suite.compare("linnaeus_category/1", "linnaeus_category/2")
            suite.compare("champion", "candidate", model="category")

        The paired comparison predicts the held-out contents with both; `paired=False` leaves it out. Nothing is
        written, no alias is moved. Raises ConfigurationError for a version that is not there.
        """
        return models.compare(self._context, first, second, model, paired)

    def runs(self, job: str | None = None, most: int = 20) -> Runs:
        """The newest runs of jobs, of one or of all."""
        return running.runs_of(self._context, job, most)

    def run(self, job: str, *overrides: str, **settings: Any) -> Ran:
        """Run a job as its command does, with a progress bar, and show what it did.

            suite.run("score_content", run__full=True)
            suite.run("aggregate_labels", "labels.method=auto")

        Raises ConfigurationError for a job or setting that is not known, and what the job itself raises.
        """
        if self._context.when != NOW:
            raise ConfigurationError(f"these are tables {self._context.when}; jobs are run on them as they are now")
        config = load_config(self._env, [*self._overrides, *overrides, *as_overrides(settings)])
        return running.run(self._context, job, config)

    def jobs(self) -> list[str]:
        """Names of the jobs that `run` takes."""
        return running.jobs()

    def topics(self, version: int | None = None) -> Topics:
        """The tree of topics, the version in force where none is given."""
        return topics.topics_of(self._context, version)

    def embedders(self) -> dict[str, int]:
        """Embedders whose vectors are stored, by stamp, and of how many texts."""
        return embedders.stamps(self._context)

    def compare_embedders(
        self, first: str, second: str, k: int = 10, contents: int = 2_000, facet: str = c.CATEGORY_FACET
    ) -> EmbedderComparison:
        """Neighbours by two embedders (stamps or names) on the same contents: alike in label, and shared by both."""
        return embedders.compare(self._context, first, second, k, contents, facet)

    def sandbox(
        self, contents: int = 2_000, *overrides: str, folder: str | Path | None = None, **settings: Any
    ) -> Suite:
        """A suite on a small copy of this lake, where jobs can be tried: about so many contents, whole creators.

        It has tables and models of its own, in a temporary folder that is removed with it (`close()`, or the end of a
        `with` block, or of Python): copies are nothing that an erasure looks into. On a cluster give a `folder` that
        all workers reach.
        """
        made = tempfile.TemporaryDirectory(prefix="linnaeus-sandbox-", dir=folder, ignore_cleanup_errors=True)
        own = sandbox.settings_of(Path(made.name))
        copy = Suite(self._env, *self._overrides, *own, *overrides, **settings)
        copy._folder, copy._source = made, self._context
        sandbox.fill(self._context, copy.lake, contents)
        return copy

    def take_votes(self, share: float = 1.0) -> Votes:
        """In a sandbox: know the votes on this share of the items, and no label that is not from these.

        Where the lake that was copied has no votes they are constructed from its gold labels: of five annotators, from
        a careful one to one who guesses. Raises ConfigurationError outside a sandbox.
        """
        if self._source is None:
            raise ConfigurationError("take_votes is for a sandbox alone, it throws labels away: suite.sandbox()")
        return sandbox.take_votes(self._source, self.lake, share)

    def close(self) -> None:
        """Remove a sandbox's folder; of any other suite nothing."""
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Suite:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def title(self) -> str:
        """Environment, and where its tables are."""
        config = self.config
        place = config.lake.root if config.lake.root is not None else config.lake.catalog
        what = "sandbox" if self._folder is not None else f"environment {config.env}"
        return f"linnaeus: {what}, tables in {place}, {self._context.when}"

    def sections(self) -> Sequence[Section]:
        """What there is."""
        return [overview(tables.ALL, self.lake.version)]
