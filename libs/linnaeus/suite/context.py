"""What all parts of the facade work on: the settings, and session, lake and registry once they are asked for."""

from __future__ import annotations

from functools import cached_property

from pyspark.sql import DataFrame, SparkSession

from linnaeus.contracts.config import Config
from linnaeus.contracts.tables import Table
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session
from linnaeus.runtime.tracking import Tracking
from linnaeus.suite.table_access import Tables, When

NOW = When()


class Context:
    """The settings of a suite, and what is opened by them."""

    def __init__(self, config: Config, when: When = NOW) -> None:
        self.config, self.when = config, when

    @cached_property
    def session(self) -> SparkSession:
        """The running session, or a new one by the settings."""
        return build_session(self.config, "linnaeus suite")

    @cached_property
    def lake(self) -> Lake:
        """The tables."""
        return Lake(self.session, self.config)

    @property
    def tracking(self) -> Tracking:
        """The registry. Made anew each time: MLflow has one address a process, which another suite may have set."""
        return Tracking(self.config)

    @cached_property
    def tables(self) -> Tables:
        """The tables by attribute."""
        return Tables(lambda: self.lake, self.when)

    def read(self, table: Table) -> DataFrame:
        """A table's rows as of then. Raises NotMadeError for one that was never written."""
        return self.tables.read(table)

    def exists(self, table: Table) -> bool:
        """Whether the table was ever written."""
        return self.lake.exists(table)
