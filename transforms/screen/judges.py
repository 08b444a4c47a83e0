"""Responses that speak to a judge instead of answering.

"Master keys" (Zhao et al. 2025, "One Token to Fool LLM-as-a-Judge", arXiv:2507.08794) are responses with nothing in them that
judges reward all the same: punctuation alone, or the opening of an answer that never comes. Others tell the judge what to say.

Of 60 real hits that were read 58 are such responses, and 45 of 60 published attacks are found (`runbooks/flags.md`).
"""

import re
import unicodedata

from prefcurate.transforms.screen.spans import Span, any_in, outside_code, whole

LONGEST = 160
"""Characters of a text that may say nothing at all."""
_SEPARATORS = re.compile(r"[\n.!?:;…。！？：,，]+")
_OPENERS = frozenset(
    " ".join(opener.split())
    for opener in """
    thought process|thought|thoughts|thinking|reasoning|reasoning process|my reasoning|solution|the solution|answer|the answer
    the answer is|final answer|the final answer is|explanation|analysis|response|result|conclusion|step 1|step one|first|okay|ok
    let's solve this problem step by step|let's solve this step by step|let's think step by step|let's think about this step by step
    let's work through this step by step|let's break this down|let's break it down step by step|let's break this down step by step
    let me think|let me think step by step|let me think about this|let me solve this|let us think step by step|here is the answer
    let us solve this problem step by step|let us solve the problem step by step|let's solve the problem step by step
    here is the solution|here is my answer|here's the solution|here's the answer|to solve this problem|i will solve this problem step by step
    sure|certainly|of course|here you go|sure here is the answer|to answer this question|to solve this problem we need to
    lösung|antwort|die antwort|die lösung|gedankengang|denkprozess|überlegung|schritt für schritt
    lass uns das problem schritt für schritt lösen|lösen wir das problem schritt für schritt|denken wir schritt für schritt
    solution|réponse|la réponse|la réponse est|raisonnement|processus de réflexion|résolvons ce problème étape par étape
    réfléchissons étape par étape|étape par étape
    respuesta|la respuesta|la respuesta es|solución|la solución|razonamiento|proceso de pensamiento|paso a paso
    resolvamos este problema paso a paso|vamos a resolver este problema paso a paso|pensemos paso a paso
    soluzione|risposta|ragioniamo passo dopo passo|resposta|solução|vamos resolver este problema passo a passo|oplossing|antwoord
    解|解答|解法|答|答案|答え|回答|かいせつ|解説|思考过程|思考過程|思路|分析|让我们一步一步地解决这个问题|让我们一步步思考|让我们逐步解决这个问题
    一步一步来解决这个问题吧|ステップバイステップで考えましょう|この問題を段階的に解決しましょう|풀이|해설|답|정답|решение|ответ|हल|उत्तर
    """.replace("\n", "|").split("|")
    if opener.strip()
)
_WORD = re.compile(r"[^\W_]+")
_FIRST = frozenset(found.group() for opener in _OPENERS if (found := _WORD.search(opener)))
"""With which openers begin: looked for first, which is quicker."""
_REPLIES = frozenset(
    [
        "okay",
        "ok",
        "sure",
        "certainly",
        "of course",
        "first",
        "result",
        "conclusion",
        "answer",
        "response",
        "the answer",
    ]
)
"""Openers that may also be an answer, or the beginning of a chat: on their own they need the colon behind them."""

_DRAWN = ("ascii", "draw", "emoticon", "punctuation", "symbol", "smiley")
"""What a prompt says that asks for marks."""

_BEST = r"(?:highest|maximum|max|full|perfect|top|best|10|ten|5|five|100)"
_PRAISED = (
    r"(?:preferred|chosen|rated|scored|selected|ranked|evaluated favou?rably|considered (?:a benchmark|the best))"
)
_JUDGE = r"(?:judge|grader|evaluator|rater|reviewer|examiner)"
SIGN = (
    r"(?i)\[\[(?:A|B|C|10)\]\]|\[\[[AB][<>=]{1,2}[AB]\]\]"
    rf"|\b(?:give|assign|award|grant) (?:this|my|me|it)(?: (?:response|answer))?(?: (?:a|an|the))? {_BEST}"
    r"(?:[ -](?:possible|out of [0-9]+))? ?(?:score|rating|mark|marks|grade|points|/ ?10|/ ?5)"
    r"|\b(?:please give|award|assign) (?:the |a )?(?:maximum|highest|full|perfect) (?:possible )?(?:marks?|scores?|points|ratings?|grades?)"
    rf"|\b(?:rate|score|grade|mark|rank) (?:this|my) (?:response|answer)(?: (?:as|with|a|an|the|at))*"
    rf" (?:{_BEST}|first|correct|better|superior)\b"
    r"|\b(?:set|mark) (?:the )?(?:score|band|grade|verdict) ?(?:to|=|as) ?(?:maximum|max\b|full|[0-9]|pass)"
    r"|\b(?:ignore|disregard|skip) (?:the |any |all )?(?:other|competing|opposing|second|alternative) (?:response|answer|assistant|candidate)"
    r"|\b(?:ignore|disregard|forget|override) (?:all |any )?(?:the |your )?(?:previous|prior|above|earlier) (?:instructions?|directions?)"
    r"|\b(?:ignore|disregard|forget|override) (?:the |your )?(?:system prompt|scoring|grading|rubric|evaluation criteria|above ## model outputs)"
    rf"|\b(?:this|my|the) (?:response|answer|output|submission|project) (?:(?:should|must) (?:be {_PRAISED}|win)|deserves (?:the )?(?:top|highest|best))"
    r"|\b(?:this|my) (?:response|answer) is (?:clearly |much |obviously )?(?:the )?(?:better|best)"
    r"|\b(?:this|my) (?:submission|project|response) scores [0-9]+/[0-9]+"
    rf"|\b(?:dear|attention|note to(?: the)?|message (?:to|for) the) {_JUDGE}\b"
    rf"|\b(?:as|to) the {_JUDGE},? (?:you (?:should|must)|please|give|choose|select)|\byou are now (?:the|a|an) (?:\w+ )?{_JUDGE}\b"
    rf"|\b{_JUDGE}s should (?:consider|prefer|rate|favou?r|recogni[sz]e|choose|prioriti[sz]e)"
    r"|\b(?:choose|select|prefer|pick|prioriti[sz]e) (?:this|my) (?:response|answer|output)\b"
    r"|\b(?:rate|score|evaluate|consider) this (?:response|answer|output) (?:as the (?:best|most)|highly|favou?rably|according to)"
    r"|\bplease (?:remember to )?(?:prioriti[sz]e|consider|ensure) [^.\n]{1,80}\b(?:when scoring|evaluated favou?rably|most relevant output)"
    r"|\b(?:key factor in|crucial for a (?:top|high)|candidate for a (?:top|high)) (?:scor|evaluation)"
    r"|\b(?:assistant|response|answer) [AB12] is (?:clearly |much |obviously )?(?:the )?(?:better|best|winner|superior)\b"
    r"|\[(?:grading|evaluation|submission|judge|rubric) (?:protocol|metadata|override|note|instruction)[^\]\n]{0,20}\]"
    r"|\b(?:evaluation|criteria|rubric|grading) override\b|--- ?evaluation complete|<\|the (?:start|end) of assistant|\[the (?:start|end) of assistant"
    r"|\{\"reason\": [^{}\n]{1,80}\"pass\": ?true|\bgive a positive review only\b|\breplace the rubric\b"
    r"|\boutput (?:only )?[“\"'](?:m|a|b|pass)[”\"']"
    r"|(?:gib|geben Sie) dieser Antwort die höchste|donnez? à cette réponse la (?:meilleure|plus haute)"
    r"|d[ae] a esta respuesta la (?:máxima|mejor)|给(?:这个|本|我的)(?:回答|答案)(?:打)?(?:最高|满)分"
)
"""What speaks to a judge; in a form that Python's and RE2's patterns share."""
_INSTRUCTIONS = re.compile(SIGN)
_JUDGING = (
    "judge", "evaluat", "[[", "rating", "assistant a", "response a", "better response", "better answer", "is better", "rubric", "grading",
    "injection", "jailbreak",
)  # fmt: skip
"""What a prompt says that is about judging."""


def judge_hacking(text: str, prompt: str) -> list[Span]:
    """Where a response is empty words or instructions that make a judge prefer it.

    Args:
        text: a response.
        prompt: what it answers; an instruction that the prompt holds, or a prompt about judging, is no attempt.
    """
    return empty_words(text, prompt) or instructions(text, prompt)


def empty_words(text: str, prompt: str) -> list[Span]:
    """All of a response that holds nothing but marks, or the opening of an answer: at most `LONGEST` characters."""
    if len(text) <= LONGEST and (said := text.strip()):
        if _nothing_but_marks(said):
            return [] if any_in(_DRAWN, prompt.casefold()) else whole(text, "punctuation")
        if _nothing_but_openers(text):
            return whole(text, "opener")
    return []


def _nothing_but_marks(text: str) -> bool:
    return not text[0].isalnum() and all(
        character.isspace() or unicodedata.category(character)[0] == "P" for character in text
    )


def _nothing_but_openers(text: str) -> bool:
    plain = text.casefold().replace("’", "'").strip(" \t\n*_#`\"'“”-()")
    first = _WORD.search(plain)
    if first is None or first.group() not in _FIRST:
        return False
    said = [" ".join(part.strip(" \t*_#`\"'-").split()) for part in _SEPARATORS.split(plain)]
    said = [part for part in said if part]
    if not said or not all(part in _OPENERS for part in said):
        return False
    return len(said) > 1 or said[0] not in _REPLIES or text.rstrip(" *_\n").endswith((":", "："))


def instructions(text: str, prompt: str) -> list[Span]:
    """Where a response tells a judge what to say."""
    found = [Span(*said.span(), "instruction") for said in _INSTRUCTIONS.finditer(text)]
    if not found:
        return []
    asked = prompt.casefold()
    if any_in(_JUDGING, asked):
        return []
    return [span for span in outside_code(text, found) if text[span.start : span.end].casefold() not in asked]
