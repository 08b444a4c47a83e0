"""What kind of task a prompt sets, and its rough domain, by documented rules on words and structure.

Rules are read from the top; the first that fires names the task. They look at what the user asks for last, since in a
conversation that is what both responses answer. The words are English (with a few of other languages); a prompt in a
language without words here is judged by its structure alone and becomes "question" or "chat" at worst.
"""

import re
from dataclasses import dataclass

TASKS = (
    "coding",
    "math",
    "qa_with_documents",
    "summarisation",
    "translation",
    "extraction",
    "classification",
    "rewriting",
    "roleplay",
    "argument",
    "brainstorming",
    "writing",
    "advice",
    "question",
    "chat",
)


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")\b", re.IGNORECASE)


_CODE = re.compile(
    r"```|^\s*(?:def |class |import |from \w+ import|#include|public (?:static|class)|SELECT .+ FROM|function \w*\()|"
    r"\b\w+\([^()\n]*\)\s*[;{]",
    re.MULTILINE,
)
_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "translation",
        _words(r"translate\b.{0,200}\b(?:in)?to", r"translation of", "übersetze", "traduis", "traduce", "翻译"),
    ),
    (
        "summarisation",
        _words(
            r"summari[sz]e", "summary of", "tl;?dr", r"key (?:points|takeaways) (?:of|from)", "zusammenfass\\w*", "总结"
        ),
    ),
    (
        "coding",
        _words(
            r"python|javascript|typescript|java|c\+\+|golang|rust|sql|html|css|bash|regex|leetcode",
            r"(?:write|implement|create|develop|design|debug|fix|refactor|optimi[sz]e)\b.{0,60}\b(?:code|function|program|script|"
            r"class|algorithm|query|api|compiler|parser|unit tests?)",
            r"(?:this|the|my|following) code",
            "stack ?trace",
            "docker(?:file)?",
            "git (?:commit|rebase|merge)",
        ),
    ),
    (
        "math",
        _words(
            r"solve\b.{0,40}\b(?:equation|for x|problem)",
            r"(?:prove|proof|theorem|integral|derivative|polynomial|probability|matrix|triangle|equation|algebra)",
            r"how (?:many|much)\b.{0,200}\b(?:each|total|left|altogether|remain\w*|per|more|fewer)",
            r"calculate|compute|what is (?:the (?:sum|product|value|remainder|area|square root) of|\d+\s*[-+*/^x×])",
        ),
    ),
    (
        "extraction",
        _words(
            r"extract|identify (?:all|the|each)|list (?:all )?(?:the )?(?:names|entities|dates|locations|people)",
            r"named entit\w+",
            r"(?:return|output|give)\b.{0,40}\b(?:json|csv|table)\b.{0,80}\bfrom",
        ),
    ),
    (
        "classification",
        _words(
            r"classify|categori[sz]e|sentiment of|which (?:category|class|label)|is (?:this|the) (?:review|tweet|text)"
        ),
    ),
    (
        "rewriting",
        _words(
            r"rewrite|rephrase|paraphrase|proofread|edit (?:the|this|my)|correct (?:the|my|any) (?:grammar|errors|mistakes)|"
            r"improve (?:the|this|my) (?:text|writing|paragraph|email|essay|sentence)|make (?:it|this) (?:more|sound|shorter)"
        ),
    ),
    (
        "roleplay",
        _words(
            r"pretend (?:to be|you)|act as|role-?play|you are (?:now )?(?:a|an|the) (?!ai\b|assistant|helpful)\w+.{0,60}\b(?:respond|"
            r"reply|speak|answer|stay) ?(?:as|in|like)?",
            r"(?:embrace|take on) the (?:role|persona)|in character|imagine (?:yourself|you are|you're)|impersonate",
        ),
    ),
    (
        "argument",
        _words(
            r"argu(?:e|ment)s? (?:for|against|in favou?r)|debate|persua\w+|convinc(?:e|ing)|pros and cons|"
            r"should\b.{1,80}\bbe (?:banned|allowed|legal\w*|compulsory|mandatory)|which argument"
        ),
    ),
    (
        "brainstorming",
        _words(r"brainstorm|suggest(?:ions)?|ideas? for|come up with|give me (?:some|\d+|ten|five)|list of \d*"),
    ),
    (
        "writing",
        _words(
            r"(?:write|compose|draft|create|craft|generate|tell)\b.{0,80}\b(?:story|poem|essay|letter|email|blog|article|post|song|lyrics|"
            r"haiku|limerick|speech|paragraph|review|script|tagline|slogan|resume|dialogue|joke|riddle|report|proposal|scene|"
            r"headline|caption|description|announcement)s?",
            r"(?:story|poem|essay|song|haiku|limerick) about",
            r"schreibe|écris|escribe|写一",
        ),
    ),
    (
        "advice",
        _words(
            r"how (?:can|do|should|could) (?:i|we|you|one|my)|should i|what should|advice|recommend\w*|help me|tips (?:for|on)|"
            r"best way to|steps to"
        ),
    ),
)
_DOCUMENT = re.compile(
    r"(?:^|\n)\s*(?:context|passage|document|article|text|paragraph|source|reference)s?(?: \d+)?\s*[:\n]|based on the "
    r"(?:passage|text|document|article|context|following)|according to the (?:passage|text|document|article|context)",
    re.IGNORECASE,
)
_MATH = re.compile(r"\\frac|\\sum|\\int|\$[^$\n]*[=^\\][^$\n]*\$|\b\d+\s*[-+*/^=×]\s*\d+\s*[-+*/^=×]")
_ASKS = re.compile(
    r"[?？]\s*$|^\s*(?:what|who|when|where|why|which|how|is|are|does|do|did|can|could|was|were|explain|describe|define|was|wer|"
    r"wie|warum|qué|cómo|pourquoi|comment)\b",
    re.IGNORECASE | re.MULTILINE,
)

DOMAINS: dict[str, re.Pattern[str]] = {
    "computing": _words(
        r"software|programming|computer|algorithm|code|python|java|database|server|api|machine learning|data"
    ),
    "mathematics": _words(r"equation|theorem|integral|probability|geometry|algebra|polynomial|number|sum|proof"),
    "science": _words(
        r"physics|chemistry|biology|energy|cell|species|evolution|planet|atom|molecul\w+|climate|quantum|dna"
    ),
    "health": _words(r"health|disease|doctor|patient|symptom\w*|medic\w+|treatment|vaccine|diet|cancer|therapy|virus"),
    "law_and_politics": _words(
        r"law|legal|court|government|election|president|policy|rights|constitution|parliament|tax\w*"
    ),
    "business": _words(
        r"business|market\w*|company|customer\w*|sales|invest\w*|stock|bank|finance\w*|startup|econom\w+|budget"
    ),
    "history": _words(r"history|war|century|empire|ancient|revolution|king|queen|medieval|dynasty"),
    "arts": _words(r"story|poem|novel|music|song|film|movie|painting|artist|character|book|album|series|season"),
    "sport": _words(r"football|soccer|basketball|team|olympic\w*|tournament|player|league|match|championship"),
    "everyday_life": _words(
        r"recipe|cook\w*|travel\w*|family|friend\w*|home|garden\w*|school|child\w*|holiday|job|email"
    ),
}
"""A prompt's domain is the one with most different words of it; "general" when none has two."""


@dataclass(frozen=True)
class Shape:
    """What rules look at: the whole prompt, what the user asks last, and whether documents or code were seen."""

    text: str
    last_user: str
    has_documents: bool
    has_code: bool


def looks_like_code(text: str) -> bool:
    """Whether a text holds code: fences, definitions, calls that end a statement."""
    return _CODE.search(text) is not None


def looks_like_documents(text: str) -> bool:
    """Whether a text brings a passage with it that is to be used."""
    return _DOCUMENT.search(text) is not None


def task_of(shape: Shape) -> str:
    """The first rule of this module that fires, one of `TASKS`."""
    asked = shape.last_user[:2000] + "\n" + shape.last_user[-1000:]
    for name, pattern in _RULES[:2]:
        if pattern.search(asked):
            return name
    if shape.has_code:
        return "coding"
    if _MATH.search(asked):
        return "math"
    if shape.has_documents:
        return "qa_with_documents"
    for name, pattern in _RULES[2:]:
        if pattern.search(asked):
            return name
    return "question" if _ASKS.search(asked) else "chat"


def domain_of(text: str) -> str:
    """The domain whose words occur most (different ones), "general" where none has two."""
    found = {name: len({m.lower() for m in words.findall(text[:6000])}) for name, words in DOMAINS.items()}
    best = max(found, key=lambda name: (found[name], name))
    return best if found[best] >= 2 else "general"
