"""The language of a text."""

from __future__ import annotations

import pytest

from linnaeus.contracts.config import load_config
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.features.language import (
    _TEXTS_AT_ONCE,
    LANGUAGES,
    UNDETERMINED,
    _readable,
    batch_detector,
    detector,
)

SETTINGS = load_config("local").tokens
CASES = {
    "The committee will publish its report on the future of public transport next week.": "en",
    "Le comité publiera son rapport sur l'avenir des transports publics la semaine prochaine.": "fr",
    "El comité publicará la próxima semana su informe sobre el futuro del transporte público.": "es",
    "Der Ausschuss wird nächste Woche seinen Bericht über die Zukunft des Nahverkehrs veröffentlichen.": "de",
    "Komiteen vil offentliggjøre sin rapport om fremtiden for kollektivtransport neste uke.": "no",
    "Комитет опубликует свой доклад о будущем общественного транспорта на следующей неделе.": "ru",
    "委員会は来週、公共交通の将来に関する報告書を公表する予定です。": "ja",
    "ستنشر اللجنة تقريرها عن مستقبل النقل العام الأسبوع المقبل.": "ar",
    "הוועדה תפרסם את הדוח שלה על עתיד התחבורה הציבורית בשבוע הבא.": "he",
    "समिति अगले सप्ताह सार्वजनिक परिवहन के भविष्य पर अपनी रिपोर्ट प्रकाशित करेगी।": "hi",
    "SEE YOU TOMORROW MORNING AT THE STATION": "en",
    "": UNDETERMINED,
    " \n ": UNDETERMINED,
    "12345 67.89 %": UNDETERMINED,
    "!!! 😀 ???": UNDETERMINED,
    "a": UNDETERMINED,
    "7 x 7": UNDETERMINED,
    "https://example.com/hello joe@example.org @somebody": UNDETERMINED,
}


def detect(text: str, languages: tuple[str, ...] = SETTINGS.languages, confidence: float = 0.2) -> str:
    return detector(languages, confidence)(text)


@pytest.mark.parametrize("text", CASES)
def test_languages(text: str) -> None:
    assert detect(text) == CASES[text]


def test_two_letters_on_two_lines_are_letters_enough() -> None:
    assert detect("a\nb", confidence=0.0) != UNDETERMINED


def test_what_is_told_too_unsurely_is_not_told() -> None:
    assert detect("ok", confidence=0.0) != UNDETERMINED
    assert detect("ok") == UNDETERMINED
    assert detect("The committee will publish its report next week.", confidence=1.0) == UNDETERMINED


def test_only_the_languages_asked_for_are_told() -> None:
    german = next(text for text, code in CASES.items() if code == "de")
    assert detect(german, ("en", "nl"), 0.0) in ("en", "nl")
    assert detect("委員会は来週、報告書を公表する。", ("no", "sv"), 0.0) in ("no", "sv", UNDETERMINED)


def test_the_first_lines_decide() -> None:
    english = next(text for text, code in CASES.items() if code == "en")
    german = next(text for text, code in CASES.items() if code == "de")
    assert detect(english * 15 + german * 20_000) == "en"


def test_the_languages_are_the_models_own() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    known = {str(label) for label in LanguageIdentifier.from_model_file(MODEL_FILE).labels if len(label) == 2}
    assert known - {"nn"} == LANGUAGES - {"nb"} == LANGUAGES
    assert set(SETTINGS.languages) <= LANGUAGES


@pytest.mark.parametrize(("languages", "said"), [(("en", "xx"), "'xx' can't be told; known: af am"), ((), "is empty")])
def test_unknown_languages_are_refused(languages: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        detect("text", languages)
    assert "\n" not in str(raised.value)


def test_texts_told_together_are_told_as_the_model_tells_each() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages([one for one in identifier.labels if {"nb": "no", "nn": "no"}.get(one, one) in LANGUAGES])
    texts = [*CASES, *(text[:n] for text in CASES for n in (5, 12, 30)), "zz ok \x00"] * 15
    together = batch_detector(tuple(sorted(LANGUAGES)), 0.3)(texts)
    assert len(texts) > _TEXTS_AT_ONCE
    for text, code in zip(texts[: len(texts) // 15], together, strict=False):
        words = _readable(text)
        told, probability = identifier.classify(words) if words else ("", 0.0)
        assert code == ({"nb": "no", "nn": "no"}.get(told, told) if probability >= 0.3 else UNDETERMINED)
    assert together == together[: len(texts) // 15] * 15


def test_rounding_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text is asked for by itself, and the answers are the same."""
    languages = tuple(sorted(SETTINGS.languages))
    quick = batch_detector(languages, 0.25)(list(CASES))
    monkeypatch.setattr("linnaeus.features.language._MARGIN", 2.0)
    batch_detector.cache_clear()
    assert batch_detector(languages, 0.25)(list(CASES)) == quick
    batch_detector.cache_clear()
