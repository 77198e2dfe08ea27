"""Settings: overlays, what is refused, and what the refusal teaches."""

from __future__ import annotations

import datetime
import re

import pytest

from linnaeus.contracts.config import RiskAreas, Taxonomy, conf_folder, load_config
from linnaeus.contracts.errors import ConfigurationError

# Each is something else in YAML, or cut off there, or nothing that it can read.
STRINGS = r"""
a #b
#b
a # b # c
a#b
123
012
1e5
1_000
0x1f
1:30
1.50
.5
+1
yes
No
on
true
2024-01-01
2024-01-01T00:00:00Z
a: b
a:
- a
[a]
{a: b}
*a
&a b
!!str 012
| a
> a
%a
@a
? a
---
c:\a
it's
'a
a'
'a' #b
"a" b
"a": b
'a', 'b'
"\q"
=a
a=b
""".strip().splitlines()


def test_the_environment_overlays_base_and_set_overlays_both() -> None:
    config = load_config("local", ["training.booster.rounds=7", "sources.content=data/*.jsonl"])
    assert config.training.booster.rounds == 7
    assert config.training.booster.max_depth == 4
    assert config.spark.master == "local[*]"
    assert config.sources.content == "data/*.jsonl"


def test_the_samples_texts_are_read_by_fewer_windows_and_no_others() -> None:
    def most_windows(*overrides: str) -> int | None:
        return load_config("local", overrides).embedder.most_windows

    assert most_windows() == load_config("local").sample.most_windows is not None
    assert most_windows("sources.content=data/*.jsonl") is None
    assert most_windows("sources.content=null") is None
    assert most_windows("sample.folder=elsewhere") is None
    assert most_windows("embedder.most_windows=null") is None
    assert most_windows("embedder.most_windows=5") == 5
    assert most_windows("sample.most_windows=1") == 1
    assert load_config("prod").embedder.most_windows is None


def test_every_environment_loads() -> None:
    for path in conf_folder().glob("*.yml"):
        if path.stem not in {"base", "taxonomy", "risk"}:
            config = load_config(path.stem)
            assert config.env == path.stem
            assert config.read_taxonomy().ids
            assert config.read_risk().ids


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sources.contnt=x", "nearest known one is 'sources.content'"),
        ("lake.catalog=main", "either lake.root"),
        ("training.split.held_out_share=1.5", "training.split.held_out_share"),
        ("training.max_rows=0", "training.max_rows"),
        ("training.external_memory=disk", "training.external_memory"),
        ("training.split.held_out_after=2024", "training.split.held_out_after: give a date or a time, as 2024-06-01"),
        ("training.as_of=2024", "training.as_of: give a date or a time, as 2024-06-01"),
        ("explain.as_of=2024", "explain.as_of: give a date or a time, as 2024-06-01"),
        ("training.split.held_out_after=soon", "training.split.held_out_after"),
        ("training.calibration=beta", "training.calibration"),
        ("training.labels=fuzzy", "training.labels"),
        ("embedder.annotator=Word2Vec", "embedder.annotator"),
        ("tokens.ngrams=[1, 2]", "features.bigrams pairs what tokens.ngrams has joined"),
        ("tokens.ngrams=[]", "tokens.ngrams"),
        ("tokens.normal_form=root", "tokens.normal_form"),
        ("tokens.exceptions=[phone]", "tokens.exceptions"),
        ('tokens.lemma_key_delimiter=""', "tokens.lemma_key_delimiter"),
        ("creators.half_life_days=0", "creators.half_life_days"),
        ("creators.risk.at_least=11", "creators.risk: at least 11 of the next 10 posts can't be"),
        ("creators.risk.at_least_in={scam: 12}", "creators.risk: at least 12 of the next 10 posts can't be"),
        ("creators.modality.kinds={text: prose}", "creators.modality.kinds.text"),
        (
            "explain={content_id: 012}",
            "explain.content_id: give an id that YAML takes for a number or a date in quotes",
        ),
        ("explain.n_words=0", "explain.n_words"),
        *(
            (f"decision.version={one}", "is no version. Write its number alone, as in 3")
            for one in (
                "0",
                "01",
                "007",
                "+1",
                "-1",
                "1.0",
                "1e0",
                "0x1",
                "1_0",
                "1 0",
                "\u0661",
                "\uff11",
                "\u00b2",
                "1" * 10,
                "v1",
            )
        ),
        ("decision={version: 1.0}", "decision.version"),
        ("decision={version: true}", "decision.version"),
        ("nothing", "section.key=value"),
        ("=3", "section.key=value"),
        ("scoring.rows_a_run=5 # few", "--set scoring.rows_a_run: what stands after # is a comment in YAML"),
        ("scoring.rows_a_run=#5", "--set scoring.rows_a_run: what stands after # is a comment in YAML"),
        ("discovery.method=lda #1", "--set discovery.method: what stands after # is a comment in YAML"),
        ("tokens.stop_words=[en] # or: [de]", "--set tokens.stop_words: what stands after # is a comment in YAML"),
        ("erase={creator_id: a #b\n}", "--set erase: what stands after # is a comment in YAML"),
        ("erase={creator_id: a #b}", "erase: "),
        ("erase.creator_id.x=a #b", "--set erase.creator_id.x: what stands after # is a comment in YAML"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(override: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        load_config("local", [override])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("given", [*STRINGS, "a\n b", "\u00a0a", "é\u2028", "\x00"])
def test_a_string_is_what_was_typed(given: str) -> None:
    """Where it may be null, where blanks stand around it, and where it may not be null."""
    config = load_config(
        "local", [f"erase.creator_id={given}", f"explain.content_id= \t{given} ", f"tracking.experiment={given}"]
    )
    assert config.erase.creator_id == config.explain.content_id == given
    assert config.tracking.experiment == given.strip()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        *((one, None) for one in ("", " ", "null", " null ", "~", "NULL", "Null")),
        *(('"012"', "012"), ("'012'", "012"), ("'null'", "null"), ('""a""', '""a""'), ("'it''s'", "it's")),
        *(('" a "', " a "), ("'a #b'", "a #b"), (r'"\u00e9\t"', "é\t"), (" 'a' ", "a"), ("'\"a\"'", '"a"')),
    ],
)
def test_null_and_quotes_mean_in_a_string_what_they_do_in_yaml(given: str, meant: str | None) -> None:
    assert load_config("local", [f"erase.creator_id={given}"]).erase.creator_id == meant


@pytest.mark.parametrize("given", ["3", " 3", "3\t", '"3"', "' 3 '"])
def test_a_version_is_its_number_without_blanks(given: str) -> None:
    assert load_config("local", [f"decision.version={given}"]).decision.version == "3"
    assert load_config("local", ["decision={version: 3, by: ' ann '}"]).decision.by == "ann"


def test_other_types_are_read_as_yaml() -> None:
    given = ["tokens.stop_words=[en, '#', \"a #b\"]", "labels.methods={risk.a#b: mace}", "scoring.rows_a_run=null"]
    config = load_config("local", [*given, "scoring.shadow=yes", "training.split.held_out_share=1e-1"])
    assert config.tokens.stop_words == ("en", "#", "a #b")
    assert config.labels.methods == {"risk.a#b": "mace"}
    assert config.scoring.rows_a_run is None and config.scoring.shadow
    assert config.training.split.held_out_share == 0.1


def test_a_time_is_an_instant_in_whichever_zone_it_is_written() -> None:
    written = ("2024-06-01", "2024-06-01T00:00:00", "2024-06-01T00:00:00Z", "2024-06-01T02:00:00+02:00")
    found = [load_config("local", [f"training.split.held_out_after={one}"]).training for one in written]
    june = datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)
    assert [one.split.held_out_after for one in found] == [june] * len(written)
    assert all(one.settings == found[0].settings for one in found)
    assert load_config("local").training.settings["split"]["held_out_after"] is None


def test_where_a_training_reads_decides_nothing_else() -> None:
    """Neither the time nor the versions are part of what a model was made by, nor where workers keep rows."""
    plain = load_config("local").training
    assert plain.as_of is None and plain.versions == {}
    asked = load_config(
        "local", ["training.as_of=2024-02-03T04:05:06Z", "training.versions={silver.labels: 3, bronze.content: '7'}"]
    ).training
    assert asked.as_of == datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
    assert asked.versions == {"silver.labels": 3, "bronze.content": 7}
    assert asked.settings == plain.settings
    on_disk, fewer = (
        load_config("local", [one]).training for one in ("training.external_memory=true", "training.max_rows=5")
    )
    assert on_disk.external_memory and on_disk.settings == plain.settings
    assert fewer.settings != plain.settings
    assert asked.settings["booster"]["rounds"] == 120 and "as_of" not in asked.settings
    for wrong in ("training.as_of=yesterday", "training.versions={silver.labels: newest}", "training.versions={a: -1}"):
        with pytest.raises(ConfigurationError, match=wrong.partition("=")[0]):
            load_config("local", [wrong])


@pytest.mark.parametrize("env", ["nowhere", "base", "../conf/local", "taxonomy"])
def test_an_unknown_environment_names_the_known_ones(env: str) -> None:
    with pytest.raises(ConfigurationError, match=r"known: .*local"):
        load_config(env)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([{"id": "a", "name": "A"}, {"id": "a", "name": "B"}], "stands twice"),
        ([{"id": "a", "name": "A", "parent": "b"}], "which is no node"),
        ([{"id": "a", "name": "A", "parent": "b"}, {"id": "b", "name": "B", "parent": "a"}], "its own ancestor"),
        ([{"id": "a", "name": "A", "colour": "red"}], "unknown key"),
    ],
)
def test_a_taxonomy_that_is_no_forest_is_refused(nodes: list[dict[str, str]], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Taxonomy.model_validate_or_teach({"nodes": nodes}, "taxonomy.yml")


def test_a_path_goes_from_the_root_down_and_the_version_follows_the_tree() -> None:
    nodes = [{"id": "a", "name": "A"}, {"id": "b", "name": "B", "parent": "a"}, {"id": "c", "name": "C", "parent": "b"}]
    tree = Taxonomy.model_validate({"nodes": nodes})
    assert tree.path("c") == ("a", "b", "c")
    renamed = Taxonomy.model_validate({"nodes": [*nodes[:2], nodes[2] | {"name": "other"}]})
    moved = Taxonomy.model_validate({"nodes": [*nodes[:2], nodes[2] | {"parent": "a"}]})
    assert renamed.version == tree.version != moved.version


def test_a_risk_area_stands_once() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        RiskAreas.model_validate_or_teach({"areas": [{"id": "x", "name": "X"}, {"id": "x", "name": "Y"}]}, "risk.yml")
