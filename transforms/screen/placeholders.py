"""Responses that nobody wrote: "Hello World!", "N/A", "TODO", and marks of a template that were never filled in.

Of 75 real hits that were read 71 are placeholders (`runbooks/flags.md`).
"""

import re

from prefcurate.transforms.screen.spans import Span, any_in, outside_code, whole

_WHOLE = frozenset(
    """hello world|n/a|n.a|nan|null|undefined|todo|to do|tbd|tba|to be done|to be determined|fixme|placeholder|
    lorem ipsum|sample response|sample answer|test response|dummy|dummy response|example response|no response|no answer|
    no output|nooutput|noinput|no input|not available|not applicable|deleted|removed|redacted|your answer here|answer here|
    insert answer here|response here|response|answer|asdf|foo|foobar|xxx|none provided|keine antwort|k. a|
    platzhalter|sans réponse|sin respuesta|无|暂无|占位符""".replace("\n    ", "").split("|")
)
"""What a text says that says nothing, in lower case and without what stands around it."""
LONGEST = 40
"""Characters of a text that may be a placeholder as a whole."""
_AROUND = " \t\n.!?…。！*_`\"'“”‘’()[]{}<>#:-"

_WHAT = r"(?:answer|response|reply|output|text|content|completion|summary|essay|story|explanation|solution|translation)"
_TEMPLATE = re.compile(
    r"(?<![\w\\${}])\{\{ ?[A-Za-z_][\w. ]{0,40}\}\}(?![}\w])"
    r"|(?<![\w\\$])\$\{[A-Za-z_][\w.]{1,40}\}(?!\$)"
    rf"|[\[<](?:please )?(?:insert|enter|add|put|write|your|the)(?: (?:your|the|an?))?(?: \w+)? {_WHAT}(?: (?:goes )?here)?[\]>]"
    r"|\[(?:please )?insert [^\[\]\n]{2,80}\](?!\()|[<(]insert [^<>()\n]{2,80}[>)]|<no ?(?:in|out)put>"
    r"|\[(?!click|see|read|press|look|found|over|from)[A-Za-z][\w' ,/]{1,40} (?:goes )?here\](?!\()"
    rf"|\[{_WHAT} (?:goes )?here\]"
    r"|\blorem ipsum dolor\b",
    re.IGNORECASE,
)
SIGN = (
    r"(?i)\{\{ ?[a-z_]|\$\{[a-z_]|[\[<(](?:please )?insert |[\[<](?:please )?(?:enter|add|put|write|your|the) "
    r"|here[\]>]|<no ?(?:in|out)put>|lorem ipsum dolor"
)
"""Stands in every text that holds the mark of a template (RE2)."""
_IN_CODE = (
    "</",
    "/>",
    "const ",
    "echo ",
    "();",
    "#!/",
    "import ",
    'resource "',
    "\\begin",
    "-Name $",
    "def ",
    "function",
)
"""Signs that a text is code although it says so nowhere: there the marks of templates are part of the language."""
_ASKED = ("template", "placeholder", "lorem", "dummy", "vorlage", "modèle", "plantilla", "模板")


def placeholders(text: str, prompt: str) -> list[Span]:
    """Where a response is, or holds, a placeholder; none that the prompt itself holds or asks for, and none in code."""
    return whole_placeholder(text, prompt) or templates(text, prompt)


def whole_placeholder(text: str, prompt: str) -> list[Span]:
    """All of a response that says nothing: at most `LONGEST` characters."""
    if not text or len(text) > LONGEST or (said := text.strip(_AROUND).casefold().replace(",", "")) not in _WHOLE:
        return []
    return [] if said in prompt.casefold().replace(",", "") else whole(text, "whole")


def templates(text: str, prompt: str) -> list[Span]:
    """Where a response holds the mark of a template that was not filled in."""
    found = [Span(*mark.span(), "template") for mark in _TEMPLATE.finditer(text)]
    if found and any_in(_IN_CODE, text):
        found = [span for span in found if text[span.start] not in "${" and text[span.start] != "L"]
    asked = prompt.casefold() if found else ""
    if not found or any_in(_ASKED, asked):
        return []
    return [span for span in outside_code(text, found) if text[span.start : span.end].casefold() not in asked]
