"""Personal data in a text: e-mail addresses, phone numbers, IBANs, credit cards, keys and tokens; found by form, masked by kind.

What is public is left out: addresses of example domains, toll-free numbers, numbers that films use (555-01xx). Cards must
pass Luhn's check and IBANs theirs, so a number by chance is rarely taken for one. IP addresses, names and postal addresses are not
looked for.

Of 56 texts with some that were read 52 hold what has the form and is no sample (`runbooks/flags.md`); most of it is made up or public.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from prefcurate.transforms.measures.marks import digits, marks

KINDS = ("e-mail", "phone number", "IBAN", "card number", "key")


class Personal(NamedTuple):
    """A stretch of a text, in characters, and what it is (one of `KINDS`)."""

    start: int
    end: int
    kind: str


_MAIL = re.compile(r"(?<![\w.+%-])[A-Za-z0-9_][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![\w@-])")
_NOBODY = re.compile(
    r"@(?:[\w-]+\.)*(?:example\d{0,2}|test|invalid|localhost|domain|yourdomain|yourcompany|company|website|sample|xyz|abc|school|university|college)(?:\.[a-z]{2,6}){1,2}$"
    r"|\.(?:png|jpe?g|gif|svg|webp|js|css|py|example|test|invalid)$"
    r"|^\w{1,2}@\w{1,2}\."
    r"|^(?:your|name|user|username|email|someone|firstname|first\.last|f?lastname|recipient|example|sample)[\w.]*@",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(?<![\w-])(?:sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{20,200}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}"
    r"|glpat-[\w-]{20}|hf_[A-Za-z0-9]{34}|xox[abprs]-[\w-]{10,250}|AIza[\w-]{35}|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,2000})(?![\w-])"
    r"|-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----(?:[^-]|-(?!----)){1,8000}-----END (?:[A-Z]{2,10} ){0,2}PRIVATE KEY-----"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_LONG = re.compile(r"(?<![\w+.])\d(?:[ -]?\d){12,18}(?!\w|[.,]\d)")
_PHONE = re.compile(
    r"(?<![\w.+/=-])(?:"
    r"(?P<world>\+(?!1[ .-]?\(?(?:8[0-8]{2}|88\d))\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,6})"
    r"|(?P<american>(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}(?P<gap>[ .-]))[2-9]\d{2}(?(gap)(?P=gap)|[-. ])\d{4})"
    r")(?![\w-]|[.,/]\d)"
)
_CALLED = re.compile(
    r"(?:\b(?:tel|phone|telephone|telefon|mobile|cell|handy|fax|whatsapp|hotline|call(?: me| us)?(?: at| on)|rufnummer|téléphone|teléfono|"
    r"móvil|telefone|telefono)|电话|手机)(?:\.|:|：|\s|#|no\.?|number|nummer|is|at|unter){0,4}(?P<number>\(?\+?\d[\d ()./-]{5,18}\d)(?![\w])",
    re.IGNORECASE,
)
_TOLL_FREE = re.compile(r"^\D*(?:1\D*)?8(?:00|33|44|55|66|77|88)")
_FILMS = re.compile(r"555\D*01\d\d$|(?:^|\D)(?:1\D*)?\(?555\D|\D555\D*\d{4}$")
_SAMPLE = re.compile(r"1?(?:1234567|0123456|123456789|9876543)|(\d)\1{6}")


def personal_data(text: str) -> list[Personal]:
    """Where a text holds personal data, in order and without overlaps; the kinds that are surest come first."""
    found: list[Personal] = []
    for piece in _candidates(text):
        if not any(piece.start < other.end and other.start < piece.end for other in found):
            found.append(piece)
    return sorted(found)


def masked(text: str) -> tuple[str, Counter[str]]:
    """A text with a mark such as `[e-mail]` in place of each, and how many of each kind there were."""
    found = personal_data(text)
    if not found:
        return text, Counter()
    pieces, last = [], 0
    for start, end, kind in found:
        pieces += [text[last:start], f"[{kind}]"]
        last = end
    return "".join([*pieces, text[last:]]), Counter(kind for _, _, kind in found)


def _candidates(text: str) -> Iterator[Personal]:
    seen = marks(text)
    if _may_hold_key(text, seen):
        for found in _KEY.finditer(text):
            if len(set(found.group())) > 12:
                yield Personal(*found.span(), "key")
    if b"@" in seen:
        for found in _MAIL.finditer(text):
            if not _NOBODY.search(found.group()):
                yield Personal(*found.span(), "e-mail")
    if digits(text) >= _DIGITS_OF_A_NUMBER:
        for run in _MANY_DIGITS.finditer(text):
            yield from _numbers(text, max(0, run.start() - _AROUND), run.end() + _AROUND)


SIGN = r"@|AKIA|gh[pousr]_|github_pat_|hf_|AIza|eyJ|sk-|glpat-|xox|PRIVATE KEY-----|[0-9][0-9 ().\-/]{5,}[0-9]"
"""Stands in every text that holds personal data (RE2)."""
_DIGITS_OF_A_KEY = 3
"""Digits that fifty random letters and digits hardly ever fall short of."""
_DIGITS_OF_A_NUMBER = 7
_MANY_DIGITS = re.compile(r"[0-9][0-9 ().\-/]{5,}[0-9]")
"""Stands in every number that is looked for."""
_AROUND = 40
"""Characters before and behind such a run of digits in which the whole number stands, with the word that tells what it is."""


def _may_hold_key(text: str, seen: bytes) -> bool:
    """Whether it is worth looking for keys; asked of every text, so it begins with what is seen quickest."""
    if b"_" in seen and ("gh" in text or "hf_" in text):
        return True
    if (
        b"AKIA" in seen
        or b"PRIVATEKEY" in seen
        or (b"AI" in seen and "AIza" in text)
        or (b"J" in seen and "eyJ" in text)
    ):
        return True
    return digits(text) >= _DIGITS_OF_A_KEY and ("sk-" in text or "glpat-" in text or "xox" in text)


def _numbers(text: str, first: int, last: int) -> Iterator[Personal]:
    for found in _IBAN.finditer(text, first, last):
        end = next((end for end in _ends(text, *found.span()) if _is_iban(text[found.start() : end])), None)
        if end is not None:
            yield Personal(found.start(), end, "IBAN")
    for found in _LONG.finditer(text, first, last):
        if _is_card(found.group()):
            yield Personal(*found.span(), "card number")
    for found in _PHONE.finditer(text, first, last):
        if _is_phone(found.group()):
            yield Personal(*found.span(), "phone number")
    for found in _CALLED.finditer(text, first, last):
        if _is_phone(found.group("number")):
            yield Personal(*found.span("number"), "phone number")


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """Where an IBAN may end: words in capitals may follow it."""
    for last in range(end, start + 14, -1):
        if text[last - 1] != " " and (last == len(text) or not text[last].isalnum()):
            yield last


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    digits = [int(character) for character in text if character.isdigit()]
    groups = [len(group) for group in re.split("[ -]", text)]
    shaped = groups in ([16], [4, 4, 4, 4], [15], [4, 6, 5], [13], [14], [4, 6, 4], [19])
    known = digits[0] in (4, 5, 6) or digits[:2] in ([3, 4], [3, 7], [3, 6], [3, 8], [2, 2], [2, 7])
    if not shaped or not known or len(set(digits)) < 4 - (digits[0] == 4):
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return (
        7 <= len(digits) <= 15
        and not _TOLL_FREE.match(text)
        and not _FILMS.search(text)
        and not _SAMPLE.match(digits)
        and len(set(digits)) > 3
    )
