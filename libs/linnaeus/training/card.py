"""A model's card: what it is for, what it was made of, how good it is and where it is not.

After Mitchell et al. (2019), Model cards for model reporting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from linnaeus.contracts.bundle import Head, ModelBundle
from linnaeus.contracts.columns import OVERALL
from linnaeus.training.evaluation import NODE, Figure
from linnaeus.training.figures import is_of_curve
from linnaeus.training.split import CALIBRATION, HELD_OUT, TRAIN

_USE = {
    "category": (
        "Says which node of the taxonomy a content belongs to, for discovery, search and recommendations. `category` "
        "is always the most probable node; `category_accepted` the deepest that is sure enough."
    ),
    "risk": (
        "Says how probable it is that a content is of a risk area, so that people look at what is most in need of it. "
        "A level is a reason to look, not a verdict: it is made to rank contents, and no measure against a creator "
        "should follow from it alone."
    ),
}
_WORST = 8


def model_card(
    model: str,
    bundle: ModelBundle,
    figures: Mapping[str, Sequence[Figure]],
    counts: Mapping[str, Mapping[str, int]],
    tags: Mapping[str, str],
    notes: Sequence[str],
    metric: str,
) -> str:
    """The card in Markdown.

    `counts` are labels by facet and part, `notes` what training had to say, `metric` the figure that slices are
    compared by.
    """
    lines = [f"# {model}", "", _USE[bundle.family], "", "## Made of", ""]
    lines += [
        "| facet | " + " | ".join(_parts(counts)) + " | classes |",
        "| --- |" + " --- |" * (len(_parts(counts)) + 1),
    ]
    for one, facet in zip(bundle.heads.values(), counts, strict=True):
        numbers = " | ".join(f"{counts[facet].get(part, 0):,}" for part in _parts(counts))
        lines.append(f"| {facet} | {numbers} | {_shortened(one.classes)} |")
    lines += ["", *[_boosters(head, one) for head, one in bundle.heads.items()]]
    lines += ["", "Creators of one part are in no other, and texts like ones of another part are not trained on."]
    lines += ["", *[f"- left out: {note}" for note in notes]] if notes else []
    lines += ["", "| | |", "| --- | --- |", *[f"| {name} | `{value}` |" for name, value in sorted(tags.items())]]
    lines += ["", "## How good it is", "", "On held-out creators; intervals of 95% by a bootstrap over creators."]
    for facet, found in figures.items():
        lines += ["", f"### {facet}", "", "| figure | value | interval | contents |", "| --- | --- | --- | --- |"]
        lines += [f"| {f.metric} | {_cells(f)} |" for f in found if f.slice == OVERALL and not is_of_curve(f.metric)]
        lines += _weak_slices(metric, found)
    lines += ["", "## Thresholds", ""]
    for head, one in bundle.heads.items():
        said = ", ".join(f"{name} {value:.3f}" for name, value in sorted(one.thresholds.items())[:40])
        lines.append(f"- {head}: {said or 'those of the configuration'}")
    lines += [
        "",
        "## Limits",
        "",
        "- It knows the languages, kinds and subjects of its labels; what is rare among them it knows badly.",
        "- It reads text: of an image, a sound or a video it knows title and description.",
        "- Labels of the crowd are opinions; how far people agree is in the report on labels.",
    ]
    return "\n".join(lines) + "\n"


def _boosters(name: str, head: Head) -> str:
    """Whether a head is flat or local, and where its local classifiers stand."""
    if not head.parts:
        return f"- {name}: one booster over all classes"
    nodes = _shortened([part.node or "the top" for part in head.parts])
    return f"- {name}: local boosters, one at each node where classes part ({nodes}), probabilities multiplied"


def _parts(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    known = {part for one in counts.values() for part in one}
    return [part for part in (TRAIN, CALIBRATION, HELD_OUT) if part in known]


def _shortened(classes: Sequence[str]) -> str:
    return ", ".join(classes) if len(classes) <= 12 else f"{len(classes)}: {', '.join(classes[:10])}, …"


def _cells(figure: Figure) -> str:
    interval = figure.interval
    said = f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
    return f"{figure.value:.4f} | {said} | {figure.n:,}"


def _weak_slices(metric: str, figures: Sequence[Figure]) -> list[str]:
    """The slices in which the main figure is least."""
    of_nodes = [f for f in figures if f.slice.startswith(f"{NODE}=") and f.metric == "f1" and f.n]
    whole = max((f.n for f in figures if f.slice == OVERALL), default=0)
    others = [f for f in figures if f.slice != OVERALL and f.metric == metric and f.n < whole]  # a part, not all
    lines = []
    for title, found in (("slices", others), ("nodes", of_nodes)):
        worst = sorted(found, key=lambda f: (f.value, f.slice))[:_WORST]
        if worst:
            lines += ["", f"The weakest {title}:", "", "| slice | figure | value | interval | contents |"]
            lines += ["| --- | --- | --- | --- | --- |", *[f"| {f.slice} | {f.metric} | {_cells(f)} |" for f in worst]]
    return lines
