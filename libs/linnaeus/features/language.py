"""Which language a text is in, by py3langid's own model (offline)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from linnaeus.contracts.errors import ConfigurationError

UNDETERMINED = "und"
# ISO 639-1 codes of what the model knows; it tells the two forms of Norwegian apart, we do not.
LANGUAGES = frozenset(
    "af am an ar as az ba be bg bn br bs ca cs cy da de dz el en eo es et eu fa fi fo fr fy ga gd gl gu ha he hi hr "
    "ht hu hy id ig is it ja jv ka kk km kn ko ku ky la lb lg ln lo lt lv mg mk ml mn mr ms mt my ne nl no oc om or "
    "pa pl ps pt qu ro ru rw sa se si sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz vi vo wa xh yo "
    "zh zu".split()
)
_FORMS = {"nb": "no", "nn": "no"}
# A language shows in its first lines; the detector's time grows with what it reads.
_CHARACTERS_READ = 1000
_TWO_LETTERS = re.compile(r"[^\W\d_].*?[^\W\d_]", re.DOTALL)
_OF_NO_LANGUAGE = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w.-]+|(?<!\w)@\w+")
_SIGNS_OF_NO_LANGUAGE = ("@", "://", "www.")  # a text without is not searched, which took a tenth of the time
_TEXTS_AT_ONCE = 1000
_MARGIN = 1e-3  # of probability: where a rounding error could decide, the model is asked for the text by itself


Detector = Callable[[Sequence[str]], list[str]]
Scores = npt.NDArray[np.float32]


def detector(languages: tuple[str, ...], confidence: float) -> Callable[[str], str]:
    """A function from a text to the code of its language, one of `languages`; as `batch_detector`, of one text."""
    detect = batch_detector(languages, confidence)
    return lambda text: detect([text])[0]


@functools.lru_cache(maxsize=4)
def batch_detector(languages: tuple[str, ...], confidence: float) -> Detector:
    """A function from texts to the codes of their languages, each one of `languages`.

    It gives `und` for a text without two letters, and where the probability of the likeliest lies below `confidence`.
    Links, addresses and mentions are passed over. The text is read in lower case between spaces, since the model knows
    words by how they begin and end: that alone takes texts of 10 to 20 characters from 0.81 to 0.84 told right
    (tests/benchmarks/languages.py).
    Method: Lui and Baldwin (2012), langid.py: an off-the-shelf language identification tool.
    Raises ConfigurationError for a language the model does not know.
    """
    check_languages(languages)
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([one for one in identifier.labels if _FORMS.get(one, one) in languages])
    probabilities = _Probabilities(identifier)

    def told(texts: list[str]) -> list[str]:
        rows = probabilities(texts)
        likeliest, chances = rows.argmax(axis=1), rows.max(axis=1).astype(np.float64)
        rows[np.arange(len(rows)), likeliest] = 0.0
        unsure = np.minimum(chances - rows.max(axis=1), abs(chances - confidence)) < _MARGIN
        codes = [identifier.nb_classes[place] for place in likeliest]
        for place in np.flatnonzero(unsure):
            codes[place], chances[place] = identifier.classify(texts[place])
        sure_enough = zip(codes, chances >= confidence, strict=True)
        return [_FORMS.get(code, code) if is_told else UNDETERMINED for code, is_told in sure_enough]

    def detect(texts: Sequence[str]) -> list[str]:
        readable = {place: words for place, words in enumerate(map(_readable, texts)) if words}
        found, places = [UNDETERMINED] * len(texts), list(readable)
        for start in range(0, len(places), _TEXTS_AT_ONCE):
            part = places[start : start + _TEXTS_AT_ONCE]
            for place, code in zip(part, told([readable[place] for place in part]), strict=True):
                found[place] = code
        return found

    return detect


def _readable(text: str) -> str:
    """What the model is given of a text; nothing of one without two letters."""
    words = text[:_CHARACTERS_READ]
    if any(sign in words for sign in _SIGNS_OF_NO_LANGUAGE):
        words = _OF_NO_LANGUAGE.sub(" ", words)
    return f" {words.lower()} " if _TWO_LETTERS.search(words) else ""


class _Probabilities:
    """Probabilities of all languages for many texts by one sparse product, to within rounding those of `classify`."""

    def __init__(self, identifier: Any) -> None:
        from py3langid.langid import visit_counts

        self._identifier, self._visits = identifier, visit_counts
        self._weights = identifier.nb_ptc.astype(np.float32)

    def __call__(self, texts: Sequence[str]) -> Scores:
        """Of texts (n) an array (n, languages)."""
        model = self._identifier
        encoded = [model._encode(text) for text in texts]
        visits = [self._visits(model.tk_nextmove, model._rowbase, model.tk_output, one) or {} for one in encoded]
        ends = np.cumsum([0, *map(len, visits)])
        columns = np.fromiter(chain.from_iterable(visits), np.int32, ends[-1])
        counts = np.fromiter(chain.from_iterable(one.values() for one in visits), np.float32, ends[-1])
        shape = (len(texts), len(self._weights))
        scores = sparse.csr_matrix((np.log1p(counts), columns, ends), shape) @ self._weights + model.nb_pc
        scores[np.diff(ends) == 0] = 0.0  # nothing that the model knows
        scores /= np.sqrt(np.array([len(one) for one in encoded], dtype=np.float32))[:, None]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        for first, double in model._alias_pairs:
            scores[:, first] += scores[:, double]
            scores[:, double] = 0.0
        return np.asarray(scores, dtype=np.float32)


def check_languages(languages: tuple[str, ...]) -> None:
    """Raise ConfigurationError unless the model can tell these apart."""
    unknown = sorted(set(languages) - LANGUAGES)
    if unknown:
        raise ConfigurationError(
            f"tokens.languages: {unknown[0]!r} can't be told; known: {' '.join(sorted(LANGUAGES))}"
        )
    if not languages:
        raise ConfigurationError("tokens.languages is empty; list some, or set tokens.detect_language to false")
