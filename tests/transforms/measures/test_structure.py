"""Lists, headings, emphasis, code, tables and JSON in small texts."""

import pytest

from prefcurate.transforms.measures import structure

MARKDOWN = """# Report

## First
- one
- two
* three

## Second
1. a
2. b

| x | y |
|---|---|
| 1 | 2 |

```python
print("- not a bullet?")
```
"""


def test_lists():
    assert len(structure.bullets(MARKDOWN)) == 3
    assert len(structure.numbered_items(MARKDOWN)) == 2


@pytest.mark.parametrize("line", ["1. a", "2) b", "[3] c", "Step 4: d", "**5. e**", "6: f"])
def test_numbered_styles(line):
    assert structure.numbered_items(line)


@pytest.mark.parametrize("line", ["**bold** start", "*italic* start", "-no space", "1990 was fine", "2.5 kg"])
def test_what_is_no_list_item(line):
    assert not structure.bullets(line)
    assert line[0].isdigit() or not structure.numbered_items(line)


def test_a_year_is_no_item():
    assert not structure.numbered_items("1990. That was the year.")


def test_headings_of_the_commonest_level():
    assert structure.headings(MARKDOWN) == ["## First", "## Second"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Section 1: A\ntext\n\nSection 2: B\ntext", 2),
        ("**One**\ntext\n**Two**\ntext", 2),
        ("KEY POINTS:\nfine\n", 1),
        ("I. Start\nx\nII. End\ny", 2),
        ("Overview:\nx\nMethods:\ny\nConclusion:\nz", 3),
        ("Plain text only.", 0),
    ],
)
def test_plain_headings(text, count):
    assert len(structure.headings(text)) == count


def test_emphasis():
    assert len(structure.bold_spans("**a b** and __c__ but not ** d **")) == 2
    assert structure.highlights("*a* and **b** and ** ** and *c d*") == 3


def test_code_and_tables():
    assert structure.code_blocks(MARKDOWN) == ['print("- not a bullet?")\n']
    assert structure.tables(MARKDOWN) == [2]
    assert structure.tables("text\n---\nmore") == []


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"a": 1}', True),
        ('```json\n{"a": [1, 2]}\n```', True),
        ('Here it is: {"a": 1}', False),
        ("{'a': 1}", False),
        ("", False),
        ("[" * 100_000, False),
    ],
)
def test_json(text, valid):
    assert structure.is_json(text) is valid


def test_titles_and_placeholders():
    assert structure.titles("<<A song>> and << >>") == ["<<A song>>"]
    assert structure.placeholders("Dear [name], at [place]") == 2
    assert structure.emojis("so good 🎉🎉") == 2


def test_style_counts_formatting_outside_of_code():
    assert structure.style(MARKDOWN) == (3, 5, 0, 1)
    assert structure.style(MARKDOWN).total == 9
    assert structure.style("**bold** and __bold__\n\tStep 2: go\n  - x") == (0, 2, 2, 0)
    assert structure.style("~~~\n# a comment\n- a: list\n~~~\nplain - text # no heading") == (0, 0, 0, 1)
    assert structure.style("") == structure.style("1990 was fine\n2,500 kg\nso **") == (0, 0, 0, 0)
