"""Which language a text is in, by py3langid's own model (offline)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

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


@functools.lru_cache(maxsize=4)
def detector(languages: tuple[str, ...], confidence: float) -> Callable[[str], str]:
    """A function from a text to the code of its language, one of `languages`.

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

    def detect(text: str) -> str:
        words = _OF_NO_LANGUAGE.sub(" ", text[:_CHARACTERS_READ])
        if _TWO_LETTERS.search(words) is None:
            return UNDETERMINED
        code, probability = identifier.classify(f" {words.lower()} ")
        return _FORMS.get(code, code) if probability >= confidence else UNDETERMINED

    return detect


def check_languages(languages: tuple[str, ...]) -> None:
    """Raise ConfigurationError unless the model can tell these apart."""
    unknown = sorted(set(languages) - LANGUAGES)
    if unknown:
        raise ConfigurationError(
            f"tokens.languages: {unknown[0]!r} can't be told; known: {' '.join(sorted(LANGUAGES))}"
        )
    if not languages:
        raise ConfigurationError("tokens.languages is empty; list some, or set tokens.detect_language to false")
