"""`suite.plots`: pictures of what is in the lake. Counted where the data are; a few rows come here to be drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.labels.plots import annotators_plot
from linnaeus.runtime.autologging import without_autologging
from linnaeus.runtime.report import Grid, Section
from linnaeus.suite import counts, pictures
from linnaeus.suite.context import Context
from linnaeus.suite.counts import fetched
from linnaeus.suite.embedders import vectors_by
from linnaeus.suite.models import family_of, version_named
from linnaeus.suite.pictures import Picture
from linnaeus.suite.rich_html import Shown
from linnaeus.training.plots import reliability_plot

_MOST_DOTS = 2_000
_MOST_LABELS = 12  # of a facet
_MOST_NAMED = 20  # annotators whose names fit beside their dots
_DECADE = 10
_VECTOR, _POINT = "vector", "point"


class Plots(Shown):
    """Pictures of a lake. Each is shown by a notebook; `.data` has its numbers, `.save(path)` writes it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def title(self) -> str:
        """What these are."""
        return "Pictures"

    def sections(self) -> Sequence[Section]:
        """A row a picture."""
        own = [name for name, one in vars(Plots).items() if callable(one) and not name.startswith("_")]
        rows = [
            (f"suite.plots.{name}()", (getattr(Plots, name).__doc__ or "").split("\n")[0])
            for name in own
            if name != "sections"
        ]
        return [Section("What there is", (), (Grid(("picture", "what it shows"), rows),))]

    def months(self) -> Picture:
        """Contents published a month, by kind."""
        content = self._context.read(tables.CONTENT)
        return pictures.over_time(fetched(counts.by_month(content)))  # few: months and kinds

    def lengths(self) -> Picture:
        """How long the texts are, in tokens (stop words left out)."""
        tokens = self._context.read(tables.TOKENS)
        levels = fetched(counts.by_power_of_two(tokens, F.col(c.N_TOKENS)))  # few: a row a power of two
        return pictures.histogram(levels, "How long are the texts?", "tokens (stop words left out)", "contents")

    def languages(self, most: int = 8) -> Picture:
        """What languages the texts are in (ISO 639-1; und: not told)."""
        found = fetched(counts.by_value(self._context.read(tables.TOKENS), c.LANGUAGE, most))  # few: `most`
        return pictures.ranking(found, c.LANGUAGE, "Languages of the texts (und: not told)", "contents")

    def duplicates(self, at_least: float = 0.8) -> Picture:
        """How many contents are originals, near copies and exact copies of another."""
        content, embeddings = self._context.read(tables.CONTENT), self._context.read(tables.EMBEDDINGS)
        return pictures.duplicates(fetched(counts.copies(content, embeddings, at_least)), at_least)  # few: three rows

    def label_coverage(self) -> Picture:
        """What share of the contents has a label, by facet, and whether it is gold or from votes."""
        labels = self._context.read(tables.LABELS)
        found = fetched(counts.coverage(labels))  # few: a row a facet and source
        return pictures.coverage(found, self._context.read(tables.CONTENT).count())

    def labels(self) -> Picture:
        """How many contents each label has, facet by facet."""
        found = fetched(counts.by_label(self._context.read(tables.LABELS), _MOST_LABELS))  # few: labels by facet
        return pictures.labels(found)

    def embeddings(self, facet: str = c.CATEGORY_FACET, most: int = _MOST_DOTS, embedder: str | None = None) -> Picture:
        """Labelled contents in the plane of their vectors' two main directions (PCA), a colour a label.

        Of the embedder in force, or of another one by its stamp, where its vectors are stored. Raises
        ConfigurationError where no labelled content has such a vector.
        """
        labels = self._context.read(tables.LABELS).where(F.col(c.FACET) == facet)
        labelled = labels.select(F.col(c.ITEM_ID).alias(c.CONTENT_ID), c.LABEL)
        vectors = self._context.read(tables.EMBEDDINGS) if embedder is None else vectors_by(self._context, embedder)
        with_label = vectors.join(labelled, c.CONTENT_ID).select(
            c.CONTENT_ID, c.LABEL, array_to_vector(F.col(c.EMBEDDING)).alias(_VECTOR)
        )
        shown = counts.drawn(with_label, c.CONTENT_ID, most).cache()
        try:
            if shown.isEmpty():
                raise ConfigurationError(
                    f"no content with a label of {facet} has a vector; suite.run('build_embeddings')"
                )
            with without_autologging():
                plane = PCA(k=2, inputCol=_VECTOR, outputCol=_POINT).fit(shown)
            points = plane.transform(shown).select(c.LABEL, vector_to_array(F.col(_POINT)).alias(_POINT))
            found = fetched(points)  # few: `most`
        finally:
            shown.unpersist()
        explained = float(sum(plane.explainedVariance.toArray()))
        return pictures.scattered(np.vstack(found[_POINT].tolist()), found[c.LABEL].tolist(), facet, explained)

    def creators_by_size(self) -> Picture:
        """How many contents creators have."""
        levels = fetched(counts.contents_a_creator(self._context.read(tables.CONTENT)))  # few: a row a power of two
        return pictures.histogram(levels, "How much do creators publish?", "contents a creator", "creators")

    def creators_by_share(self, most: int = _MOST_DOTS) -> Picture:
        """How large a creator's largest category is, and whether it is sure enough to be accepted."""
        profiles = self._context.read(tables.CREATOR_PROFILES).where(F.col(c.CATEGORY).isNotNull())
        share = F.element_at(c.CATEGORY_SHARES, F.col(c.CATEGORY)).alias(c.SHARE)
        accepted = F.col(c.CATEGORY_ACCEPTED).isNotNull().alias("accepted")
        rows = counts.drawn(profiles, c.CREATOR_ID, most).select(c.CATEGORY, share, accepted)
        return pictures.creators_by_share(fetched(rows))  # few: `most`

    def risks(self, most: int = 20_000) -> Picture:
        """Contents by the probability of each risk area, and where its levels begin."""
        scored = self._context.read(tables.CONTENT_PROFILES).where(F.col(c.RISK).isNotNull())
        rows = counts.drawn(scored, c.CONTENT_ID, most).select(F.explode(c.RISK).alias("area", c.PROBABILITY))
        found = fetched(rows)  # few: `most` a risk area
        chances = {str(area): of[c.PROBABILITY].to_numpy(dtype=float) for area, of in found.groupby("area")}
        scoring, levels = self._context.config.scoring, {}
        for area in self._context.config.read_risk().areas:
            if area.medium is not None or area.high is not None:  # else a model's own, which training has chosen
                levels[area.id] = (area.medium or scoring.medium_threshold, area.high or scoring.high_threshold)
        return pictures.risks(chances, levels)

    def annotators(self, facet: str = c.CATEGORY_FACET, most: int = 200) -> Picture:
        """How far each annotator agrees with the labels, by how many votes they gave."""
        rows = self._context.read(tables.ANNOTATORS).where((F.col(c.FACET) == facet) & (F.col(c.N_VOTES) > 0))
        found = fetched(rows.orderBy(F.desc(c.N_VOTES), c.ANNOTATOR_ID).limit(most))  # few: `most`
        if found.empty:
            raise ConfigurationError(f"nobody has voted on {facet}; see suite.tables.bronze.votes")
        scores = [None if np.isnan(one) else float(one) for one in found[c.SPAMMER_SCORE].astype(float)]
        votes, right, low, high = (
            found[name].tolist() for name in (c.N_VOTES, c.ACCURACY, c.ACCURACY_LOWER, c.ACCURACY_UPPER)
        )
        figure = annotators_plot(votes, right, low, high, scores)
        axes = figure.axes[0]
        pictures.entitled(axes, f"How far annotators can be trusted ({facet})", "votes", axes.get_ylabel())
        axes.margins(x=0.15)
        if max(votes) < _DECADE * min(votes):
            axes.set_xscale("linear")
        if len(found) <= _MOST_NAMED:
            for name, x, y in zip(found[c.ANNOTATOR_ID], votes, right, strict=True):
                axes.annotate(
                    pictures.short(name), (x, y), (5, 4), textcoords="offset points", fontsize=8, parse_math=False
                )
        return Picture(figure, found, f"{len(found)} annotators of {facet}, by votes and agreement with the labels")

    def reliability(self, version: str = "champion", model: str = "risk") -> Picture:
        """How far probabilities hold on held-out contents: the share that is true by what the model said.

        Predicts the held-out contents, so it takes its time on a large lake.
        """
        from jobs._models import judgement

        tracking, config = self._context.tracking, self._context.config
        found = version_named(tracking, config, version, model)
        judged = judgement(self._context.lake, config, tracking.load(found))
        figure = reliability_plot(judged.levels)
        axes = figure.axes[0]
        what = "said is true" if family_of(config, found.model) == "risk" else "category said is right"
        pictures.entitled(
            axes,
            f"Do probabilities hold? {found.name}",
            "probability that the model gives",
            f"how often what is {what}",
        )
        data = pictures.binned_levels(judged.levels)
        return Picture(figure, data, f"Reliability of {found.name} on held-out contents: on the line it holds")
