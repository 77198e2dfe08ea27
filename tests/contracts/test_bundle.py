"""A model bundle as files and back, without pickles."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, softmax

from linnaeus.contracts.bundle import Calibration, FeatureManifest, Head, LinearModel, LocalPart, ModelBundle
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.lexical import term_counts, unit_tf_idf
from linnaeus.contracts.logistic import LogisticModel
from linnaeus.contracts.schemas import STATISTICS

MANIFEST = FeatureManifest("mini@12ab", "tok@34cd", dimension=4, statistics=("a", "b", "c"), buckets=16, bigrams=True)

GOLDEN_VERSION = "fc7926495bbf27e5"


def linear(n_scores: int) -> LinearModel:
    rng = np.random.default_rng(n_scores)
    shapes = ((16,), (n_scores, 16), (n_scores, 5), (max(2, n_scores), 16))
    return LinearModel(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


@pytest.fixture
def bundle() -> ModelBundle:
    heads = {
        "spam": Head(
            ("no", "yes"), b"\x00\xffbooster", linear(1), Calibration(1.25, -0.1), {"medium": 0.2, "high": 0.75}
        ),
        "hate-speech": Head(("no", "yes"), b"", linear(1)),
        "toxic": Head(("no", "yes"), b"x", linear(1), Calibration(1.0, 0.0, ((-2.5, -3.0), (0.1, 0.0), (2.0, 1.5)))),
        "category": Head(("cinéma", "спорт", "a/b"), b"{}", linear(3)),
    }
    return ModelBundle("risk", MANIFEST, heads)


def test_round_trip(bundle: ModelBundle) -> None:
    back = ModelBundle.from_files(bundle.to_files())
    assert (back.family, back.manifest) == (bundle.family, bundle.manifest)
    assert list(back.heads) == sorted(bundle.heads), "the document's keys are sorted"
    for name, head in bundle.heads.items():
        read = back.heads[name]
        assert (read.classes, read.booster, read.calibration) == (head.classes, head.booster, head.calibration)
        assert read.thresholds == head.thresholds
        for field, array in vars(head.linear).items():
            other = getattr(read.linear, field)
            assert other.dtype == np.float32
            np.testing.assert_array_equal(other, array)


def test_a_logistic_regression_goes_round(bundle: ModelBundle) -> None:
    terms, idf = np.array([3, 2**30 - 1], np.int32), np.array([1.0, 2.5], np.float32)
    made = LogisticModel(terms, idf, np.arange(9, dtype=np.float32).reshape(3, 3), 2**30)
    files = bundle.with_head("category", logistic=made, logistic_share=0.25).to_files()
    assert set(files) - set(bundle.to_files()) == {"category.logistic.npz"}
    with np.load(io.BytesIO(files["category.logistic.npz"]), allow_pickle=False) as arrays:
        assert set(arrays.files) == {field.name for field in dataclasses.fields(LogisticModel)}
    read = ModelBundle.from_files(files)
    assert {name: head.logistic_share for name, head in read.heads.items() if head.logistic_share} == {"category": 0.25}
    assert [name for name, head in read.heads.items() if head.logistic is not None] == ["category"]
    found = read.heads["category"].logistic
    assert found is not None and found.space == made.space
    for name in ("terms", "idf", "coefficients"):
        assert getattr(found, name).dtype == getattr(made, name).dtype
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert read.to_files() == files


def test_local_parts_go_round_in_files_whose_names_are_safe_whatever_the_nodes(bundle: ModelBundle) -> None:
    parts = (
        LocalPart(None, ((0, 2), (1,)), b"top"),
        LocalPart("../../a: b\n'\"é", ((0,), (2,)), b"\x00\xff"),
    )
    local = bundle.with_head("category", booster=b"", parts=parts)
    files = local.to_files()
    assert set(files) - set(bundle.to_files()) == {"category.0.ubj", "category.1.ubj"}
    assert "category.ubj" not in files
    read = ModelBundle.from_files(files).heads["category"]
    assert read.booster == b"" and read.classes == bundle.heads["category"].classes
    assert [vars(part) for part in read.parts] == [vars(part) for part in parts]
    assert ModelBundle.from_files(files).to_files() == files
    assert all(head.parts == () for head in ModelBundle.from_files(bundle.to_files()).heads.values())


def test_files_are_the_same_for_the_same_bundle_whatever_the_order_of_its_heads(bundle: ModelBundle) -> None:
    turned = ModelBundle(bundle.family, bundle.manifest, dict(reversed(bundle.heads.items())))
    assert turned.to_files() == bundle.to_files()


def test_files_are_plain(bundle: ModelBundle) -> None:
    files = bundle.to_files()
    assert set(files) == {"bundle.json"} | {f"{name}.{kind}" for name in bundle.heads for kind in ("ubj", "npz")}
    json.loads(files["bundle.json"])
    for name in bundle.heads:
        with np.load(io.BytesIO(files[f"{name}.npz"]), allow_pickle=False) as arrays:
            assert set(arrays.files) == {field.name for field in dataclasses.fields(LinearModel)}


def test_groups_cover_the_vector(bundle: ModelBundle) -> None:
    document = json.loads(bundle.to_files()["bundle.json"])
    shared = [("embedding", 0, 4), ("statistics", 4, 3)]
    for head, n_scores, n_classes in (("category", 3, 3), ("spam", 1, 2)):
        groups = document["heads"][head]["groups"]
        end = 7 + 2 * n_scores
        scores = [("term_scores", 7, n_scores), ("vector_scores", 7 + n_scores, n_scores)]
        expected = [*shared, *scores, ("class_similarities", end, n_classes)]
        assert [(group["name"], group["offset"], group["width"]) for group in groups] == expected
        assert bundle.heads[head].linear.n_features == 2 * n_scores + n_classes
    assert [(group.name, group.offset, group.width) for group in MANIFEST.shared_groups()] == shared
    assert document["manifest"]["version"] == MANIFEST.version


def test_a_manifests_version_changes_with_all_that_decides_the_vector() -> None:
    """Rows are stamped with it: the golden value says that no other code scores them anew."""
    assert MANIFEST.version == GOLDEN_VERSION
    others: list[dict[str, object]] = [
        {"embedder": "mini@12ac"},
        {"tokenizer": "tok@34ce"},
        {"dimension": 5},
        {"statistics": ("a", "c", "b")},
        {"buckets": 32},
        {"bigrams": False},
    ]
    assert {name for other in others for name in other} == {field.name for field in dataclasses.fields(MANIFEST)}
    found = [dataclasses.replace(MANIFEST, **other).version for other in others]  # type: ignore[arg-type]
    assert len({MANIFEST.version, *found}) == 1 + len(others)


def test_a_bundle_of_the_first_format_is_read(bundle: ModelBundle) -> None:
    """It said how many statistics there are, not which; nothing of a version; and had no similarities to classes."""
    files = bundle.to_files()
    document = json.loads(files["bundle.json"]) | {"format": 1}
    del document["manifest"]["statistics"], document["manifest"]["version"]
    document["manifest"]["n_statistics"] = len(STATISTICS.names)
    buffer = io.BytesIO()
    spam = bundle.heads["spam"].linear
    np.savez(buffer, **{name: array for name, array in vars(spam).items() if name != "centroids"})
    document_and_arrays = {"bundle.json": json.dumps(document).encode(), "spam.npz": buffer.getvalue()}
    read = ModelBundle.from_files(files | document_and_arrays)
    found = read.heads["spam"].linear
    np.testing.assert_array_equal(found.vector_coefficients, spam.vector_coefficients)
    assert found.centroids.shape == (0, 16) and found.n_features == 2
    assert read.manifest == dataclasses.replace(MANIFEST, statistics=tuple(STATISTICS.names))
    assert read.heads["spam"].booster == bundle.heads["spam"].booster


def test_a_bundle_of_the_third_format_is_read(bundle: ModelBundle) -> None:
    """Its heads had no local parts, and calibrations no knots."""
    document = json.loads(bundle.to_files()["bundle.json"]) | {"format": 3}
    for head in document["heads"].values():
        del head["parts"]
        if head["calibration"]:
            del head["calibration"]["knots"]
    read = ModelBundle.from_files(bundle.to_files() | {"bundle.json": json.dumps(document).encode()})
    assert read.heads["spam"].parts == ()
    assert read.heads["spam"].calibration == Calibration(1.25, -0.1)
    assert read.heads["category"].calibration is None


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_logistic_regression_of_the_fourth_format_predicts_as_before(bundle: ModelBundle, n_classes: int) -> None:
    """It had a coefficient a bucket, zero where no training text had the bucket's terms, beside the linear models."""
    name, rng = ("spam" if n_classes == 2 else "category"), np.random.default_rng(n_classes)
    files = bundle.with_head(name, logistic_share=0.5).to_files()
    given = rng.normal(size=(1 if n_classes == 2 else 3, 17)).astype(np.float32)
    given[:, [2, 11]] = 0.0
    given[0, 5] = 0.0  # of one class alone, where there are several
    buffer, none = io.BytesIO(), io.BytesIO()
    linear = dataclasses.replace(bundle.heads[name].linear, idf=rng.uniform(1, 4, 16).astype(np.float32))
    np.savez_compressed(buffer, **vars(linear), logistic=given)
    np.savez_compressed(none, **vars(bundle.heads["toxic"].linear), logistic=np.zeros((0, 0), np.float32))
    document = json.dumps(json.loads(files["bundle.json"]) | {"format": 4}).encode()
    old = {"bundle.json": document, f"{name}.npz": buffer.getvalue(), "toxic.npz": none.getvalue()}
    read = ModelBundle.from_files(files | old)
    assert read.heads["toxic"].logistic is None and read.heads[name].logistic_share == 0.5
    assert read.heads[name].linear.scores(unit_tf_idf(_counts([[2, 3]]), linear.idf), np.zeros((1, 4), np.float32)).size
    model = read.heads[name].logistic
    assert model is not None
    rows = [rng.integers(0, 16, n).tolist() for n in (0, 1, 4, 9, 30)] + [[2, 11, 11]]
    numbers = [[bucket + 16 * int(rng.integers(0, 1 << 20)) for bucket in row] for row in rows]  # as they are made now
    unit = unit_tf_idf(_counts(rows), linear.idf).toarray()
    known = np.any(given[:, :-1] != 0, axis=0)
    norms = np.linalg.norm(unit * known, axis=1, keepdims=True)
    scores = unit @ given[:, :-1].T / np.where(norms > 0, norms, 1.0) + given[:, -1]
    expected = np.hstack([1 - expit(scores), expit(scores)]) if n_classes == 2 else softmax(scores, axis=1)
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    for terms in (rows, numbers):
        flat = np.array([term for row in terms for term in row], np.int32)
        np.testing.assert_allclose(model.chances(flat, offsets), expected, atol=1e-6)
    again = ModelBundle.from_files(read.to_files()).heads[name].logistic
    assert again is not None
    np.testing.assert_array_equal(again.chances(flat, offsets), model.chances(flat, offsets))


def _counts(rows: list[list[int]]) -> sparse.csr_matrix:
    flat = np.array([term for row in rows for term in row], np.int32)
    return term_counts(flat, np.cumsum([0, *map(len, rows)]).astype(np.int64), 16)


def test_a_calibration_by_hand() -> None:
    """Logits go through the knots, beyond them on parallel to the identity, and then through slope and intercept."""
    logits = np.array([-5.0, -2.0, -1.0, 0.0, 1.0, 4.0])
    chances = 1 / (1 + np.exp(-logits))
    through = np.array([-6.0, -3.0, -2.0, -1.0, 0.5, 3.5])  # (-2, -3), (0, -1), (1, 0.5)
    found = Calibration(2.0, 0.5, ((-2.0, -3.0), (0.0, -1.0), (1.0, 0.5))).apply(chances)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-(2 * through + 0.5))), rtol=1e-9)
    np.testing.assert_allclose(Calibration(2.0, 0.5).apply(chances), 1 / (1 + np.exp(-(2 * logits + 0.5))), rtol=1e-9)
    np.testing.assert_allclose(
        Calibration(1.0, 0.0, ((0.0, 1.0),)).apply(chances), 1 / (1 + np.exp(-(logits + 1))), rtol=1e-9
    )
    certain = Calibration(1.0, 0.0).apply(np.array([0.0, 1.0], dtype=np.float32))
    assert certain.dtype == np.float64 and certain.tolist() == pytest.approx([1e-7, 1 - 1e-7], rel=1e-6)


class _Trap:
    """Raises if it is ever unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was loaded",))


def test_pickled_arrays_are_refused(bundle: ModelBundle) -> None:
    buffer = io.BytesIO()
    trap = np.array([_Trap()], dtype=object)
    np.savez(buffer, idf=trap, term_coefficients=trap, vector_coefficients=trap)
    with pytest.raises(ValueError, match="allow_pickle"):
        ModelBundle.from_files(bundle.to_files() | {"spam.npz": buffer.getvalue()})
    with pytest.raises(ValueError, match="pickle"):
        ModelBundle.from_files(bundle.to_files() | {"spam.npz": pickle.dumps(_Trap())})


@pytest.mark.parametrize("other", [0, 6, "1", None])
def test_another_format_is_refused(bundle: ModelBundle, other: object) -> None:
    files = bundle.to_files()
    document = json.loads(files["bundle.json"]) | {"format": other}
    with pytest.raises(ConfigurationError, match=f"has format {other}; this code reads 1, 2, 3, 4, 5"):
        ModelBundle.from_files(files | {"bundle.json": json.dumps(document).encode()})


def test_with_head_changes_one_head_alone(bundle: ModelBundle) -> None:
    other = bundle.with_head("hate-speech", calibration=Calibration(2.0, 0.5), thresholds={"high": 0.5})
    found = {name: head.calibration for name, head in other.heads.items()}
    assert found.pop("toxic") == bundle.heads["toxic"].calibration
    assert found == {"spam": Calibration(1.25, -0.1), "hate-speech": Calibration(2.0, 0.5), "category": None}
    assert other.heads["hate-speech"].thresholds == {"high": 0.5}
    assert other.heads["hate-speech"].linear is bundle.heads["hate-speech"].linear
    assert bundle.heads["hate-speech"].calibration is None
