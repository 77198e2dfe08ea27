"""Which language a text is in, by py3langid's own model (offline), in Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

UNDETERMINED = "und"
# A language shows in its first lines; the detector's time grows with what it reads.
_CHARACTERS_READ = 1000


def language(text: Column) -> Column:
    """ISO 639-1 code of each text's language; `und` for a text without two letters.

    Method: Lui and Baldwin (2012), langid.py: an off-the-shelf language identification tool.
    """
    return F.coalesce(_detect(F.substring(text, 1, _CHARACTERS_READ)), F.lit(UNDETERMINED))


# A type by its name would be parsed by the session, and there is none yet when this module is imported.
@F.pandas_udf(StringType())  # type: ignore[attr-defined,call-overload,untyped-decorator]
def _detect(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
    from py3langid.langid import classify  # the model is read at import: once a Python worker

    for texts in batches:
        has_letters = texts.str.contains(r"(?s)[^\W\d_].*[^\W\d_]", regex=True, na=False)
        found = [classify(text)[0] if has else None for text, has in zip(texts, has_letters, strict=True)]
        # Of no text with letters pandas would make a series of numbers, which is no column of strings.
        yield pd.Series(found, dtype=object)
