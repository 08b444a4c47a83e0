import pytest

from prefcurate.transforms.describe.features import NAMES, features
from prefcurate.transforms.describe.language import language_of
from prefcurate.transforms.describe.task import TASKS, Shape, domain_of, task_of


def message(role: str, text: str, type: str = "text") -> dict:
    return {"role": role, "content": [{"type": type, "text": text, "uri": None, "sha256": None, "json": None}]}


def task(text: str) -> str:
    return features([message("user", text)])["task"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write a Python function that reverses a linked list.", "coding"),
        ("Why does this fail?\n```\nint main() { return x; }\n```", "coding"),
        ("Solve for x: 3x + 7 = 22", "math"),
        ("Tom has 3 boxes with 12 apples each and eats 5. How many apples are left?", "math"),
        ("Prove that the square root of two is irrational.", "math"),
        ("Translate the following sentence into German: The cat sleeps.", "translation"),
        ("Summarize the article below in two sentences.\n\nArticle: The council met on Monday.", "summarisation"),
        ("Context: The Nile is 6,650 km long.\nQuestion: How long is the Nile?", "qa_with_documents"),
        ("According to the passage, who was the first king?", "qa_with_documents"),
        ("Extract all person names from: Ann met Bob.", "extraction"),
        ("Classify the tone of the sentence as positive or negative: I love it.", "classification"),
        ("Rewrite this email so that it sounds more polite: send me the files", "rewriting"),
        ("Pretend to be a pirate and greet me.", "roleplay"),
        ("Embrace the role of Sheldon from The Big Bang Theory. What is your opinion on hand dryers?", "roleplay"),
        ("Should plastic bottles be banned? Which side convinces you?", "argument"),
        ("Give me ideas for a birthday party.", "brainstorming"),
        ("Compose an engaging travel blog post about a recent trip to Hawaii.", "writing"),
        ("How can I improve my time management skills?", "advice"),
        ("What is the capital of Peru?", "question"),
        ("hello there", "chat"),
        ("日本の首都はどこですか？", "question"),
    ],
)
def test_tasks(text, expected):
    assert task(text) == expected


def test_what_is_asked_last_decides():
    talk = [
        message("user", "Write a Python function that adds numbers."),
        message("assistant", "def add(a, b): return a + b"),
        message("user", "Thanks! Now translate your explanation into French."),
    ]
    assert features(talk)["task"] == "translation"
    assert features(talk)["n_turns"] == "2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick brown fox is in the garden with a dog.", "en"),
        ("Wie kann ich mit der Bahn nach Berlin und zurück fahren?", "de"),
        ("Comment est-ce que je peux apprendre le piano dans une école ?", "fr"),
        ("¿Cómo se hace una tortilla de patatas para los niños?", "es"),
        ("Come si fa il pane? Non è difficile per gli italiani.", "it"),
        ("今天天气怎么样？", "zh"),
        ("今日の天気はどうですか。", "ja"),
        ("오늘 날씨 어때요?", "ko"),
        ("Какая сегодня погода?", "ru"),
        ("ما هو الطقس اليوم", "ar"),
        ("```\nthe and of\n```", "unknown"),
        ("42", "unknown"),
        ("", "unknown"),
        ("Let α, β be the angles of the triangle in question, with α + β = π.", "en"),
    ],
)
def test_languages(text, expected):
    assert language_of(text) == expected


def test_every_name_has_a_value():
    values = features([message("system", "Be brief."), message("user", "Write a story in exactly 100 words.")])
    assert tuple(values) == NAMES
    assert all(isinstance(value, str) and value for value in values.values())
    assert values["has_system"] == "yes"
    assert values["has_constraints"] == "yes"
    assert int(values["n_requirements"]) >= 1
    assert values["length"] == "short"


def test_documents_come_as_parts_or_as_text():
    assert features([message("user", "Who won?"), message("user", "Ann won.", "document")])["has_documents"] == "yes"
    assert features([message("user", "Who won?")])["has_documents"] == "no"


@pytest.mark.parametrize(
    ("n", "band"), [(30, "short"), (31, "medium"), (150, "medium"), (600, "long"), (601, "very_long")]
)
def test_length_bands(n, band):
    assert features([message("user", "word " * n)])["length"] == band


def test_an_empty_prompt_is_described_too():
    assert features([])["task"] == "chat"
    assert features([message("user", "")])["language"] == "unknown"


def test_a_domain_needs_two_words_of_it():
    assert domain_of("a cell of a living species") == "science"
    assert domain_of("a cell phone") == "general"


def test_every_rule_names_a_known_task():
    from prefcurate.transforms.describe import task as module

    assert {name for name, _ in module._RULES} <= set(TASKS)
    assert task_of(Shape("", "", False, False)) in TASKS
