"""A corpus of any size out of real text, with the duplicates, leaks, ties and errors of real sources.

    python tests/benchmarks/corpus.py 1000000 FOLDER [--first 0] [--format jsonl] [--text examples/quickstart.yaml]

Files of ten thousand rows, written by two processes, each a function of its number alone: a corpus of a million begins with the
corpus of ten thousand, and what is added later (`--first`) repeats rows that are there. Comparisons of about 3 KB; every text is
put together from phrases of five to nine words of real prompts and responses, so that words, spelling and lengths are real, two texts
share no more by chance than real ones do, and no text comes twice unless it should. They make no sense, and need not.

Any configuration gives the phrases: `--text` names one, and what its sources' readers read is cut up.
"""

import argparse
import gzip
import json
import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefcurate.pipelines.config import load_config
from prefcurate.schemas.records import Pairs, render
from prefcurate.transforms.ingest.sources import open_source_file, plan_source

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = EXAMPLES / "quickstart.yaml"
GSM8K = EXAMPLES / "data" / "benchmarks" / "gsm8k" / "test.jsonl.gz"
ROWS_OF_A_FILE = 10_000
FORMATS = ("jsonl", "parquet")


@dataclass(frozen=True)
class Rates:
    """Shares of rows, measured with our own screen on twelve sources (15,962 rows of pairs, and judges' logs) of real data.

    Attributes:
        repeats: rows whose comparison an earlier row gave (7.1%; from none in hh-rlhf to 55% in vicuna80's votes).
        near: near duplicates of another comparison (4.1%; from none to 19%).
        leaks: prompts that hold a question of a benchmark (0.7%, without the sources that are the benchmark).
        same: both responses equal (0.2%).
        empty: a response is empty (0.03%).
        refusals: a response declines (0.8%).
        unreadable: rows that cannot be used. Real sources had none or, where a file was missing, 70%: a guess between them.
        unparsed: verdicts of judges that no parser reads (0.4%).
        crowd: pairs with five named workers (39%).
        judged: pairs with two people and five judges in both orders (5%). All others have one person's label.
        gold: pairs that an expert labelled too (5%).
        person_ties, judge_ties: 16.6% and 8.9% of labels.
    """

    repeats: float = 0.071
    near: float = 0.041
    leaks: float = 0.007
    same: float = 0.002
    empty: float = 0.0003
    refusals: float = 0.008
    unreadable: float = 0.005
    unparsed: float = 0.004
    crowd: float = 0.39
    judged: float = 0.05
    gold: float = 0.05
    person_ties: float = 0.166
    judge_ties: float = 0.089


RATES = Rates()
GROUP = 10
"""Rows of one prompt where several annotators looked at it; a row with one label has a prompt of its own."""
CHARACTERS = {"prompt": (550, 0.7), "response": (1250, 0.645)}
"""Mean length and spread (of a log-normal): one response in eight is four times as long as the other, as in real sources."""
LONGEST = 20_000
CREW = 1000
"""Rows that share twenty crowd workers, who so give about a hundred votes each."""
RIGHT = {"expert": 0.95, "worker": 0.75, "person": 0.78, "judge": 0.8}
REFUSAL = "I'm sorry, but I cannot help with that. "
FIELDS = {
    "prompt": "question",
    "response_a": "answer1",
    "response_b": "answer2",
    "row_id": "id",
    "label": {
        "each": "votes",
        "path": "vote",
        "values": {"1": "a", "2": "b", "0": "tie"},
        "annotator": "who",
        "kind": "kind",
        "order": "order",
    },
}
"""How the reader `mapping` is told what the rows mean."""
_VOTE = pa.struct([(name, pa.string()) for name in ("who", "kind", "order", "vote")])
_TEXTS = ("question", "answer1", "answer2")
SCHEMA = pa.schema([*((name, pa.string()) for name in _TEXTS), ("id", pa.int64()), ("votes", pa.list_(_VOTE))])


@dataclass(frozen=True)
class Phrases:
    """What texts are made of: phrases of real texts, and questions of a benchmark."""

    phrases: tuple[str, ...]
    questions: tuple[str, ...]


@lru_cache(maxsize=1)
def phrases(config: str = str(TEXT)) -> Phrases:
    """The phrases of all that a configuration's sources hold."""
    texts = dict.fromkeys(texts_of(config))
    rng = random.Random(1)
    found: dict[str, None] = {}
    for text in texts:
        words = text.split()
        place = 0
        while place < len(words):
            end = place + rng.randint(5, 9)
            found[" ".join(words[place:end])] = None
            place = end
    with gzip.open(GSM8K, "rt", encoding="utf-8") as stream:
        questions = tuple(json.loads(line)["question"] for line in stream)
    return Phrases(tuple(found), questions)


def texts_of(config: str) -> Iterator[str]:
    """Prompts and responses of all sources of a configuration, as they are read."""
    for source in load_config(config).sources:
        for intake in plan_source(source):
            for row in source.reader.read(intake.unit, open_source_file):
                if isinstance(row.outcome, Pairs):
                    for pair in row.outcome.pairs:
                        yield from (render(messages) for messages in (pair.prompt, pair.first, pair.second))


def rows(first: int, last: int, made_of: Phrases) -> Iterator[dict[str, Any]]:
    """Rows by their numbers."""
    return (row(number, made_of) for number in range(first, last))


def row(number: int, made_of: Phrases) -> dict[str, Any]:
    """One row, a function of its number alone."""
    texts, repeated = _content(number, made_of)
    rng = random.Random(number * 2 + 1)
    found: dict[str, Any] = {**texts, "id": number, "votes": _votes(number, texts, repeated, rng)}
    if rng.random() < RATES.unreadable:
        found["answer2"] = None
    return found


def _content(number: int, made_of: Phrases) -> tuple[dict[str, str], bool]:
    """The texts of a row, and whether an earlier row gave the same comparison."""
    rng = random.Random(number * 2)
    chance = rng.random()
    if number >= GROUP and chance < RATES.repeats:
        return _content(rng.randrange(number), made_of)[0], True
    if number >= GROUP and chance < RATES.repeats + RATES.near:
        return _nearly(_content(rng.randrange(number), made_of)[0], rng), False
    texts = {
        "question": _question(number, made_of, rng),
        "answer1": _text("response", made_of, rng),
        "answer2": _text("response", made_of, rng),
    }
    chance = rng.random()
    if chance < RATES.same:
        texts["answer2"] = texts["answer1"]
    elif chance < RATES.same + RATES.empty:
        texts["answer2"] = " "
    elif chance < RATES.same + RATES.empty + RATES.refusals:
        texts["answer1"] = REFUSAL + texts["answer1"]
    return texts, False


def _question(number: int, made_of: Phrases, rng: random.Random) -> str:
    # Some texts have no prompt but that of their group, so that groups of several annotators are groups of one prompt.
    shared = rng if _annotated(number) == "single" else random.Random(-1 - number // GROUP)
    if shared.random() < RATES.leaks:
        return shared.choice(made_of.questions)
    return _text("prompt", made_of, shared) + "?"


def _annotated(number: int) -> str:
    chance = random.Random(f"group {number // GROUP}").random()
    return "crowd" if chance < RATES.crowd else "judged" if chance < RATES.crowd + RATES.judged else "single"


def _text(what: str, made_of: Phrases, rng: random.Random) -> str:
    mean, spread = CHARACTERS[what]
    length = min(LONGEST, rng.lognormvariate(math.log(mean) - spread**2 / 2, spread))
    count = max(1, round(length / 41))
    found = rng.choices(made_of.phrases, k=count)
    for place in range(6, count, 7):
        found[place - 1] += ".\n" if place % 5 == 0 else "."
    return " ".join(found)


def _nearly(texts: dict[str, str], rng: random.Random) -> dict[str, str]:
    """The same with one word in a hundred left out of each response."""
    return texts | {side: _shortened(texts[side], rng) for side in ("answer1", "answer2")}


def _shortened(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    for _ in range(1 + len(words) // 100):
        if len(words) > 1:
            del words[rng.randrange(len(words))]
    return " ".join(words)


def _votes(number: int, texts: dict[str, str], repeated: bool, rng: random.Random) -> list[dict[str, str]]:
    # The longer answer is the better one, but for noise: whoever learns has something to learn.
    better = 1 if len(texts["answer1"]) > len(texts["answer2"]) else 2
    said = [_vote(who, better, rng) for who in _who(number, repeated, rng)]
    if rng.random() < RATES.gold:
        said.append(_vote(("expert", f"expert-{rng.randrange(5)}", "unknown"), better, rng))
    return said


def _who(number: int, repeated: bool, rng: random.Random) -> list[tuple[str, str, str]]:
    kind = _annotated(number)
    if repeated or kind == "single":
        return [("person", "a-person", "unknown")]
    if kind == "crowd":
        crew = rng.sample(range(20), 5)
        return [("worker", f"worker-{number // CREW * 20 + one}", rng.choice(("ab", "ba"))) for one in crew]
    people = [("person", "a-person", "ab"), ("person", "b-person", "ba")]
    return people + [("judge", f"judge-{judge}", order) for judge in range(5) for order in ("ab", "ba")]


def _vote(who: tuple[str, str, str], better: int, rng: random.Random) -> dict[str, str]:
    part, name, order = who
    judge = part == "judge"
    chance = rng.random()
    if judge and chance < RATES.unparsed:
        vote = "[[?]]"
    elif chance < (RATES.judge_ties if judge else RATES.person_ties):
        vote = "0"
    else:
        vote = str(better if rng.random() < RIGHT[part] else 3 - better)
    return {"who": name, "kind": "llm_judge" if judge else "person", "order": order, "vote": vote}


def write_corpus(
    folder: Path, count: int, first: int = 0, form: str = "jsonl", text: str = str(TEXT), processes: int = 2
) -> None:
    """Rows from ``first`` up to ``count`` as files of a folder; memory holds one file's rows."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(first, count, ROWS_OF_A_FILE)
    work = partial(_write_file, folder, count, form, text)
    if processes == 1 or len(starts) == 1:
        for start in starts:
            work(start)
        return
    phrases(text)
    with get_context("fork").Pool(processes) as pool:
        for _ in pool.imap_unordered(work, starts):
            pass


def _write_file(folder: Path, count: int, form: str, text: str, start: int) -> None:
    made = rows(start, min(start + ROWS_OF_A_FILE, count), phrases(text))
    path = folder / f"{start:09}.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(list(made), schema=SCHEMA), path, compression="zstd")
        return
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in made)


def main(arguments: Sequence[str]) -> None:
    """Writes a corpus."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0, help="number of the first row; those before it lie elsewhere")
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    parser.add_argument("--text", default=str(TEXT), help="the configuration whose sources give the phrases")
    given = parser.parse_args(arguments)
    write_corpus(given.folder, given.count, given.first, given.format, given.text)


if __name__ == "__main__":
    main(sys.argv[1:])
