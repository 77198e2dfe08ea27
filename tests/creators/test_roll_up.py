"""Creator profiles from tables that can be checked by hand, and against a slow oracle."""

from __future__ import annotations

import datetime
import random
from collections import defaultdict
from typing import Any

import pytest
from pyspark.sql import SparkSession

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.contracts.config import Creators
from tests.creators import slow
from tests.creators.frames import TREE, by_creator, rolled, settings
from tests.creators.slow import One

NEW_YEAR = datetime.datetime(2025, 1, 1, 12)


def day(n: int) -> datetime.datetime:
    return NEW_YEAR + datetime.timedelta(days=n)


HAND = [
    One("1", "ann", {"tech": 0.75}, {"spam": 0.1, "hate": 0.5}),
    One("2", "ann", {"tech": 0.75}, {"spam": 0.3, "hate": 0.0}),
    One("3", "ann", {"tennis": 0.5}, {"spam": 0.2, "hate": 0.25}),
    One("4", "bob", {"tennis": 0.5}, kind="audio"),
    One("5", "cid", None, {"spam": 0.9}, kind="hologram"),
    One("6", "new", {"tech": 0.25}, {"spam": 0.52}),
    One("7", "tie", {"tech": 0.5}, {}),
    One("8", "tie", {"tennis": 0.5}, {}),
    # Two half-lives apart, the older seen by e^10 - 1 people, the newer by none: 0.25 · 2 to 1 · 1.
    One("9", "old", {"tech": 1.0}, {"spam": 0.0}, published_at=day(0), views=22025),
    One("10", "old", {"tennis": 1.0}, {"spam": 1.0}, published_at=day(360), views=0, kind="video"),
    # Sure of two nodes of one branch: neither is accepted, what is above them is.
    *[One(f"t{i}", "fan", {"tennis": 0.5, "football": 0.45}) for i in range(12)],
    *[One(f"m{i}", "mix", {"tech": 0.6, "football": 0.4}) for i in range(12)],
]


def test_by_hand(spark: SparkSession) -> None:
    found = rolled(spark, HAND, ["ann", "bob", "cid", "silent"])
    expected = [name for name in schemas.CREATOR_PROFILES.names if name != c.AS_OF]
    assert found.columns == expected
    assert [field.dataType.simpleString() for field in found.schema] == [
        schemas.CREATOR_PROFILES[name].dataType.simpleString() for name in expected
    ]
    rows = by_creator(found)
    assert sorted(rows) == ["ann", "bob", "cid", "fan", "mix", "new", "old", "silent", "tie"]
    ann = rows["ann"]
    assert (ann[c.CATEGORY], ann[c.N_CONTENT], ann[c.N_EFFECTIVE]) == ("tech", 3, 3.0)
    assert ann[c.CATEGORY_SHARES] == pytest.approx({"tech": 0.75, "tennis": 0.25})
    assert ann[c.CATEGORY_UNALLOCATED] == pytest.approx(1 / 3)
    # Wilson's interval of 1.5 of 2 contents.
    assert ann[c.CATEGORY_LOWER]["tech"] == pytest.approx(0.1979, abs=1e-4)
    assert ann[c.CATEGORY_UPPER]["tech"] == pytest.approx(0.9733, abs=1e-4)
    assert (ann[c.CATEGORY_ACCEPTED], ann[c.ABSTAINED]) == (None, "no_node_large_enough")
    assert ann[c.RISK] == pytest.approx({"spam": 0.2, "hate": 0.25}, abs=1e-6)
    assert (ann[c.MODALITY], ann[c.MODALITY_SHARES]) == ("writing", {"writing": 1.0})
    assert (ann[c.MODELS], ann[c.TAXONOMY_VERSIONS]) == (["category/1", "risk/1"], ["t"])
    # Of few creators no prior is fitted: ten posts of the four's mean spam, 0.53, count beside one's own.
    new = rows["new"]
    assert new[c.RISK_RATE]["spam"] == pytest.approx((5.3 + 0.52) / 11)
    assert 0.95 < new[c.RISK_CHANCE]["spam"] < 0.99 and new[c.RISK_AREAS] == ["spam"]
    bob, cid, silent = rows["bob"], rows["cid"], rows["silent"]
    assert (bob[c.CATEGORY], bob[c.CATEGORY_SHARES], bob[c.RISK]) == ("tennis", {"tennis": 1.0}, None)
    assert (bob[c.MODALITY], bob[c.ABSTAINED], bob[c.RISK_AREAS]) == ("podcast", "few_contents", None)
    assert (cid[c.CATEGORY], cid[c.CATEGORY_SHARES], cid[c.RISK]) == (None, None, pytest.approx({"spam": 0.9}))
    assert (cid[c.MODALITY], cid[c.ABSTAINED], cid[c.N_CONTENT]) == (None, "no_scored_content", 1)
    told = {name for name, value in silent.items() if value is not None}
    assert told == {c.N_CONTENT, c.N_EFFECTIVE, c.ABSTAINED, c.SETTINGS}
    assert (silent[c.N_CONTENT], silent[c.N_EFFECTIVE], silent[c.ABSTAINED]) == (0, 0.0, "no_scored_content")
    assert (rows["new"][c.CATEGORY], rows["new"][c.N_CONTENT]) == ("tech", 1)
    assert rows["tie"][c.CATEGORY_SHARES] == {"tennis": 0.5, "tech": 0.5}
    assert rows["tie"][c.RISK] is None
    old = rows["old"]
    assert old[c.CATEGORY_SHARES] == pytest.approx({"tech": 1 / 3, "tennis": 2 / 3}, abs=1e-5)
    assert old[c.MODALITY_SHARES] == pytest.approx({"writing": 1 / 3, "video": 2 / 3}, abs=1e-5)
    assert old[c.N_EFFECTIVE] == pytest.approx(1.5**2 / (0.5**2 + 1), abs=1e-4)
    assert old[c.RISK] == {"spam": 0.5}
    # Reach has no say in risk: 0.8 of 1.25² / (1 + 0.25²) contents, beside 0.53 of 10.
    assert old[c.RISK_RATE]["spam"] == pytest.approx((5.3 + 0.8 * 25 / 17) / (10 + 25 / 17), abs=1e-6)
    assert (rows["fan"][c.CATEGORY], rows["fan"][c.CATEGORY_ACCEPTED]) == ("tennis", "sport")
    assert rows["fan"][c.ABSTAINED] is None
    assert (rows["mix"][c.CATEGORY], rows["mix"][c.CATEGORY_ACCEPTED]) == ("tech", None)


def random_contents(seed: int, n: int = 400) -> list[One]:
    """Some creators with many contents, some with one, each with a bent of their own."""
    rng = random.Random(seed)
    nodes = ["tech", "football", "tennis", "jazz", "arts", "gone"]  # the last is no node of the tree
    found = []
    for place in range(n):
        creator = int(rng.random() ** 3 * 40)
        bent = nodes[creator % len(nodes)]
        drawn = {node: rng.random() + (3.0 if node == bent else 0.0) for node in [*rng.sample(nodes, 3), bent]}
        total = sum(drawn.values()) * rng.choice([1.0, 1.1])
        rate = (creator * 7 % 40) / 40
        risk = {"spam": rng.betavariate(0.2 + 4 * rate, 0.2 + 4 * (1 - rate)), "hate": rng.random() * 0.1}
        found.append(
            One(
                f"c{place}",
                f"k{creator}",
                None if rng.random() < 0.05 else {node: value / total for node, value in drawn.items()},
                None if rng.random() < 0.1 else risk,
                rng.choice(["text", "text", "audio", "video", "image"]),
                None if rng.random() < 0.2 else day(-rng.randrange(900)),
                None if rng.random() < 0.3 else int(10 ** rng.uniform(0, 6)),
                rng.random() < 0.8,
            )
        )
    return found


_MAPS = (c.CATEGORY_SHARES, c.CATEGORY_LOWER, c.CATEGORY_UPPER, c.MODALITY_SHARES)


def check(rows: dict[str, dict[str, Any]], contents: list[One], by: Creators) -> None:
    own: dict[str, list[One]] = defaultdict(list)
    for one in contents:
        own[one.creator_id].append(one)
    assert set(rows) == set(own)
    for creator, row in rows.items():
        expected = slow.profile(own[creator], by, TREE)
        for name in _MAPS:
            assert (row[name] or {}) == pytest.approx(expected.get(name) or {}, abs=1e-5), (creator, name)
        for name in (c.N_CONTENT, c.N_EFFECTIVE, c.CATEGORY_UNALLOCATED):
            assert row[name] == pytest.approx(expected.get(name), abs=1e-5, rel=1e-5), (creator, name)
        for name in (c.CATEGORY, c.CATEGORY_ACCEPTED):
            assert row[name] == expected.get(name), (creator, name)
        assert row[c.ABSTAINED] == expected.get(c.ABSTAINED, "no_scored_content")
    for area in ("spam", "hate"):
        chances = {name: [o.risk[area] for o in ones if o.risk] for name, ones in own.items()}
        fitted = slow.prior(chances, by)
        for creator, row in rows.items():
            found = slow.risk(own[creator], area, fitted, by)
            names = (c.RISK, c.RISK_RATE, c.RISK_CHANCE)
            told = None if row[c.RISK] is None else tuple(row[name][area] for name in names)
            assert told == (None if found is None else pytest.approx(found, abs=2e-5)), (creator, area)
            if found is not None and abs(found[2] - by.risk.flag_from) > 1e-4:
                assert (area in row[c.RISK_AREAS]) == (found[2] >= by.risk.flag_from)


VARIANTS = [
    (),
    (
        "half_life_days=null",
        "reach_weight=1.0",
        "accept_share=0.3",
        "interval=0.8",
        "modality.nodes={audio: {music: music}, text: {jazz: music, arts: art}}",
        "risk={next_posts: 25, at_least: 4, at_least_in: {hate: 1}, flag_from: 0.9, least_creators: 500}",
    ),
]


@pytest.mark.parametrize("overrides", VARIANTS)
def test_against_one_creator_at_a_time_in_python(spark: SparkSession, overrides: tuple[str, ...]) -> None:
    by, contents = settings(*overrides), random_contents(seed=8)
    rows = by_creator(rolled(spark, contents, by=by))
    check(rows, contents, by)
    accepted = {row[c.CATEGORY_ACCEPTED] for row in rows.values()}
    assert None in accepted and len(accepted) > 2  # the draw has both
    assert len({tuple(row[c.RISK_AREAS] or ()) for row in rows.values()}) > 1


def test_the_order_and_partitioning_of_contents_do_not_matter(spark: SparkSession) -> None:
    contents = random_contents(seed=9)
    first = by_creator(rolled(spark, contents, ["silent"], partitions=1))
    random.Random(1).shuffle(contents)
    assert by_creator(rolled(spark, contents, ["silent"], partitions=5)) == first  # to the last bit


def test_what_others_publish_later_does_not_age_a_creator(spark: SparkSession) -> None:
    contents = random_contents(seed=10, n=60)
    later = [One(f"late{i}", "late", {"tech": 1.0}, None, "text", day(5000 + i)) for i in range(3)]
    # One is dated long after it was ingested: it counts as published then, and does not outweigh all others.
    first, second = (
        by_creator(rolled(spark, found, by=settings("reach_weight=0"))) for found in (contents, contents + later)
    )
    assert {name: row for name, row in second.items() if name != "late"} == first
    assert second["late"][c.N_EFFECTIVE] == 3.0


def test_nobody(spark: SparkSession) -> None:
    assert by_creator(rolled(spark, [])) == {}
