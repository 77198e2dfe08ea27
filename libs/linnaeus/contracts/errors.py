"""What can go wrong, by whose hand it can be mended; the exit status follows from the class."""

from __future__ import annotations


class LinnaeusError(Exception):
    """A failure that is said in one line. Exit status 1."""

    exit_status = 1


class ConfigurationError(LinnaeusError):
    """A setting is unknown, missing or out of range. Exit status 2."""

    exit_status = 2


class InputError(LinnaeusError):
    """A source can't be used as a whole (bad records inside a usable source go to quarantine). Exit status 2."""

    exit_status = 2


class NoChampionError(LinnaeusError):
    """There is no champion model to score with. Exit status 2."""

    exit_status = 2


class UnfitError(LinnaeusError):
    """A model wants other features than there are. Nothing is scored with it."""


class SetupError(LinnaeusError):
    """The set-up of this machine can't be completed: no network, no space, a file that is not what it should be."""


class SchemaError(LinnaeusError):
    """A DataFrame is not of the schema that its table declares. Nothing is written."""


class TrackingError(LinnaeusError):
    """The MLflow server or registry can't be reached or refused a request."""


class ErasureError(LinnaeusError):
    """Something of a creator is still there after the erasure; it is said where, not what."""


class ConstraintError(LinnaeusError):
    """Rows of a table break what is declared of it."""


class ReadError(LinnaeusError):
    """A table can't be read as it was: VACUUM has removed files of its version, say."""
