"""Every check on a response that keeps it and one that does not."""

import pytest

from prefcurate.transforms.measures.requirement import Requirement
from prefcurate.transforms.measures.satisfied import CHECKS, satisfaction, satisfied
from prefcurate.transforms.measures.spoken import speaks

TWO = {"relation": "exactly", "count": 2}
KEPT_AND_BROKEN = [
    ("words", TWO, "two words", "three words here"),
    ("sentences", TWO, "One. Two.", "One."),
    ("characters", TWO, " ab ", "abc"),
    ("lines", TWO, "a\n\nb", "a\nb\nc"),
    ("paragraphs", TWO, "a\n\nb", "a\nb"),
    ("bullets", TWO, "- a\n- b", "- a\n1. b"),
    ("numbered items", TWO, "1. a\n2. b", "- a\n- b"),
    ("list items", TWO, "1. a\n2. b", "1. a"),
    ("headings", TWO, "## A\nx\n## B\ny", "## A\nx"),
    ("sections", TWO, "**A**\nx\n\n**B**\ny", "**A**\nx"),
    ("placeholders", TWO, "[a] [b]", "[a]"),
    ("highlights", TWO, "*a* **b**", "a *b*"),
    ("emojis", TWO, "🎉🎉", "🎉"),
    ("capital words", TWO, "HE did IT", "He did it"),
    ("sentences per paragraph", {"relation": "at most", "count": 1}, "One.\n\nTwo.", "One. Two.\n\nThree."),
    ("bullet marker", {"marker": "-"}, "- a\n- b", "- a\n* b"),
    ("divided paragraphs", TWO, "a\n***\nb", "a\n\nb"),
    ("divided paragraphs", TWO, "* * *\na\n* * *\nb", "a\n***\n\n***\nb"),
    (
        "nth paragraph starts with",
        {"nth": 2, "word": "It", "relation": "exactly", "count": 2},
        'One.\n\n"It is two.',
        "It.\n\nTwo.",
    ),
    ("paragraphs start with", {"phrases": ("First",)}, "First a.\n\n**First** b.", "First a.\n\nThen b."),
    ("paragraphs start with", {"phrases": ("First", "Then")}, "First a.\n\nThen b.", "Then a.\n\nFirst b."),
    ("keywords", {"keywords": ("Sun",)}, "sunny", "moon"),
    ("forbidden words", {"keywords": ("sun",)}, "sunny", "The SUN."),
    ("keyword frequency", {"keyword": "cat", **TWO}, "cat, Cats, category", "cat"),
    ("keywords:frequency", {"keyword": "cat", **TWO}, "cat category", "cat cats category"),
    ("letter frequency", {"letter": "Q", **TWO}, "q Q", "q"),
    ("starts with", {"phrase": "Dear all"}, "**dear all**, hello", "Hello, dear all"),
    ("ends with", {"phrase": "The end."}, 'x "the END."\n', "The end. Or not"),
    ("phrase", {"phrase": "a b"}, "x A B y", "ab"),
    ("named headings", {"names": ("Cause", "Effect")}, "## Cause\nx\n**Effect:** y", "cause and effect"),
    ("one of", {"options": ("My answer is yes.",)}, "So: My answer is yes.", "Yes."),
    ("title", {}, "<<A>>", "A"),
    ("json", {}, "[1]", "one"),
    ("bullet list", {}, "- a", "a"),
    ("numbered list", {}, "1. a", "a"),
    ("table", {"columns": 2}, "|a|b|\n|-|-|".replace("-", "---"), "|a|\n|---|---|---|"),
    ("table", {"columns": 0}, "a|b\n---|---", "a|b"),
    ("code block", {}, "```\nx\n```", "`x`"),
    ("bold", {}, "**x**", "*x*"),
    ("markdown headings", {"level": 2}, "x\n## y", "# y"),
    ("markdown headings", {"level": 0}, "### y", "y"),
    ("capital headings", {}, "KEY POINTS:\nx", "Key points:\nx"),
    ("divider", {}, "a\n* * *\nb", "a\n---\nb"),
    ("no commas", {}, "a b", "a, b"),
    ("no commas", {}, "日本 東京", "日本、東京"),
    ("all capitals", {}, "LOUD 1!", "Loud"),
    ("all lowercase", {}, "quiet 1!", "Quiet"),
    ("quotation", {}, ' "a" ', '"a'),
    ("postscript", {"marker": "P.S."}, "x\nP. S. hello", "ps hello"),
    ("postscript", {"marker": "P.P.S"}, "x\nP.P.S hello", "P.S. hello"),
    ("marked sections", {"marker": "SECTION", "relation": "at least", "count": 2}, "SECTION 1 a SECTION 2 b", "SECTION 1"),
    ("two responses", {}, "a\n******\nb", "a\n******\na"),
    ("repeat prompt", {"text": "Say it. "}, "say it. No.", "No. Say it."),
    ("questions and answers", {}, "Q: a?\nA: b", "Q: a?\nb"),
    ("language", {"language": "en"}, "This is a plain English sentence about weather.", "Das ist ein deutscher Satz über das Wetter."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "kept", "broken"), KEPT_AND_BROKEN)
def test_kept_and_broken(kind, arguments, kept, broken):
    requirement = Requirement.of(kind, **arguments)
    assert satisfied(requirement, kept)
    assert not satisfied(requirement, broken)


def test_every_check_is_tested():
    assert {case[0] for case in KEPT_AND_BROKEN} == set(CHECKS)


def test_of_keywords_some_may_be_there():
    assert satisfaction(Requirement.of("keywords", keywords=("sun", "moon")), "the sun") == 0.5


@pytest.mark.parametrize(("kind", "arguments", "kept", "broken"), KEPT_AND_BROKEN)
def test_an_empty_response_keeps_nothing(kind, arguments, kept, broken):
    assert satisfaction(Requirement.of(kind, **arguments), " \n") == 0.0


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ru", "Это обычное предложение о погоде в Москве, и оно написано по-русски."),
        ("hi", "यह मौसम के बारे में एक साधारण वाक्य है और यह हिंदी में लिखा गया है।"),
        ("kn", "ಇದು ಹವಾಮಾನದ ಬಗ್ಗೆ ಸರಳ ವಾಕ್ಯ."),
        ("ja", "これは天気についての文です。"),
        ("zh", "这是一个关于天气的简单句子。"),
        ("fr", "Ceci est une phrase simple sur le temps qu'il fait à Paris en hiver."),
        ("sw", "Hii ni sentensi rahisi kuhusu hali ya hewa na watu wanaoishi hapa."),
    ],
)
def test_languages(code, text):
    assert speaks(text, code)
    assert not speaks("This is a plain English sentence about the weather.", code)
    assert [speaks(text, code) for _ in range(5)] == [True] * 5, "the same every time"


def test_japanese_is_not_chinese():
    assert not speaks("これは天気についての文です。", "zh")
