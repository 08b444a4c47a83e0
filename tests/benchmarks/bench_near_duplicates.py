"""Near duplicates of real texts: recall and precision against exact Jaccard of all pairs, and time beside datatrove's MinHash.

    python -m tests.benchmarks.bench_near_duplicates [TEXTS] [--data FOLDER] [--datatrove PYTHON] [--made] [--repeats 3]

Texts are different prompts and responses of `shared/data` (of `examples/data` where that is missing), as our readers read them, in blocks of 50 that stood
together, since what repeats itself stands near; 5,000 unless told otherwise. Real texts have few duplicates, so the same is told of lightly edited
copies, apart: of a thousand of the texts with up to a tenth of their words replaced, so that similarities lie on both sides of the
threshold. `--made` takes texts of `corpus.py` instead, of which there are as many as are asked for.

Ours are the steps of the stage screen for prompts, files of sketches and bands among them, up to clusters; one process. Truth is the exact Jaccard
similarity of the same shingles, of all pairs. Intervals are Wilson's (1927); pairs of one cluster hang together, so they are narrow.

datatrove needs an environment of its own, for it is no part of ours:

    python -m venv /tmp/datatrove && /tmp/datatrove/bin/pip install datatrove spacy tokenizers regex 'xxhash<4'
    python -m tests.benchmarks.bench_near_duplicates 20000 --datatrove /tmp/datatrove/bin/python

It runs on the same texts in one process too, the two taking turns, with 25 bands of 5 hashes, as ours has, and with its own 14 of 8. It compares word
5-grams and joins whatever shares a band, so that each is held against the exact similarity of its own shingles, by clusters: the share
of true pairs that are in one cluster.
"""

import argparse
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import yaml
from scipy.sparse import csr_array

from prefcurate.transforms.intervals import wilson
from prefcurate.transforms.screen.bands import load_bands, save_bands
from prefcurate.transforms.screen.candidates import bucket_pairs, rows_of
from prefcurate.transforms.screen.clusters import Edges, clusters
from prefcurate.transforms.screen.compare import compare, decide, exact_edge
from prefcurate.transforms.screen.meeting import met_by
from prefcurate.transforms.screen.near import hashed
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.screen.rows import PORTION, Row
from prefcurate.transforms.screen.shingles import ShingleSets, shingle_sets
from prefcurate.transforms.screen.sketch import load, save
from prefcurate.transforms.screen.sketching import Sketcher
from tests.benchmarks.corpus import EXAMPLES, TEXT, phrases, rows, texts_of

SHARED = Path(__file__).parents[3] / "shared" / "data"
OPTIONS = ScreenOptions()
THEIRS = ((25, 5), (14, 8))
EDITED = 1000
_MORE = (
    {"name": "hh", "format": "hf_preference", "path": "data/hh-rlhf"},
    {"name": "auto_j", "format": "auto_j", "path": "data/auto-j"},
    {"name": "wmt", "format": "wmt_mqm", "path": "data/wmt-mqm-sxs-ende"},
)
Pair = tuple[int, int]


@dataclass(frozen=True)
class Found:
    """What was found among texts, and in how many seconds by the clock and of the processor."""

    pairs: set[Pair]
    cluster: np.ndarray
    seconds: tuple[float, float]


def real_texts(data: Path, count: int) -> list[str]:
    """Different texts of the quick start's sources and some more, from a folder like `examples/data`."""
    values = yaml.safe_load(TEXT.read_text(encoding="utf-8"))
    sources = [{"licence": "", **source} for source in (*values["sources"], *_MORE)]
    told = json.dumps(sources).replace('"data/', f'"{data.resolve()}/')
    known = [source for source in json.loads(told) if all(Path(p).exists() for p in _listed(source["path"]))]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(yaml.safe_dump({"store": "store", "sources": known}), encoding="utf-8")
        texts = list(dict.fromkeys(texts_of(str(config))))
    blocks = [texts[start : start + 50] for start in range(0, len(texts), 50)]
    random.Random(7).shuffle(blocks)
    return [text for block in blocks for text in block][:count]


def _listed(path: str | list[str]) -> list[str]:
    return path if isinstance(path, list) else [path]


def made_texts(count: int) -> list[str]:
    """Different texts of the corpus for benchmarks."""
    found = (r[name] for r in rows(0, count, phrases()) for name in ("question", "answer1", "answer2") if r[name])
    return list(islice(dict.fromkeys(found), count))


def edited(texts: Sequence[str]) -> list[str]:
    """Texts with up to a tenth of their words replaced by others."""
    rng = random.Random(7)
    words = [word for text in texts for word in text.split()]
    return [_edited(text.split(" "), rng.uniform(0, 0.1), words, rng) for text in texts]


def _edited(text: list[str], share: float, words: Sequence[str], rng: random.Random) -> str:
    return " ".join(rng.choice(words) if rng.random() < share else word for word in text)


def ours(texts: Sequence[str], folder: str) -> Found:
    """The stage's steps."""
    wall, cpu = time.perf_counter(), time.process_time()
    sketcher = Sketcher(OPTIONS.shortest_response)
    for portion in _portions(texts):
        sketcher.add(portion)
    sketch = sketcher.sketch({})
    path = save(sketch, folder, "screen", 0).path
    records = islice(met_by(sketch, 0), 1)
    pairs = bucket_pairs(load_bands(band for _, band in save_bands(records, folder, "screen", 0, 1)))
    accepted, near = decide(compare("prompt", pairs, load(path), load(path), OPTIONS.similarity), OPTIONS.similarity)
    edges = np.concatenate([accepted, *_exact(near, texts)])
    joined = clusters(edges, OPTIONS.largest_cluster)
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    cluster = np.full(len(texts), -1, np.int64)
    cluster[rows_of(joined.nodes)] = rows_of(joined.roots)
    return Found(set(zip(edges["first"].tolist(), edges["second"].tolist(), strict=True)), cluster, seconds)


def _portions(texts: Sequence[str]) -> Iterator[list[Row]]:
    found: list[Row] = []
    size = 0
    for number, text in enumerate(texts):
        name = f"{number:032x}"
        found.append(Row(name, name, name, text, (), "", ""))
        size += len(text)
        if size >= PORTION:
            yield found
            found, size = [], 0
    yield found


def _exact(near: Edges, texts: Sequence[str]) -> Iterator[Edges]:
    of = {number: texts[number] for number in np.unique([near["first"], near["second"]]).astype(int).tolist()}
    shingles = hashed(of.values())
    for edge in near:
        ends = ((shingles[of[int(edge[end])]],) for end in ("first", "second"))
        for found in exact_edge(edge.tobytes(), *ends, OPTIONS.similarity):
            yield np.frombuffer(found, near.dtype)


def theirs(texts: Sequence[str], python: str, buckets: int, hashes: int) -> tuple[Found, ShingleSets]:
    """datatrove's blocks in another interpreter, and its shingles."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder, "texts.json"), Path(folder, "out.npz")
        given.write_text(json.dumps(texts), encoding="utf-8")
        script = Path(__file__).with_name("datatrove_minhash.py")
        subprocess.run([python, str(script), str(given), str(buckets), str(hashes), str(out)], check=True)
        with np.load(out) as made:
            wall, cpu = made["seconds"].tolist()
            return Found(set(), made["cluster"], (wall, cpu)), ShingleSets(made["hashes"], made["ends"])


def exact_pairs(sets: ShingleSets) -> set[Pair]:
    """All pairs of texts with a Jaccard similarity of the threshold or more, by a product of matrices."""
    hashes, columns = np.unique(sets.hashes, return_inverse=True)
    matrix = csr_array((np.ones(len(columns), np.int32), columns, sets.ends), shape=(len(sets.ends) - 1, len(hashes)))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    sizes = np.diff(matrix.indptr)
    turned = matrix.T.tocsr()
    found: set[Pair] = set()
    for start in range(0, len(sizes), 256):
        shared = (matrix[start : start + 256] @ turned).toarray()
        either = sizes[start : start + 256, None] + sizes[None, :] - shared
        first, second = np.nonzero(shared >= OPTIONS.similarity * np.maximum(either, 1))
        found |= {
            (one + start, other)
            for one, other in zip(first.tolist(), second.tolist(), strict=True)
            if one + start < other
        }
    return found


def share(found: int, of: int) -> str:
    """A share with its interval."""
    if not of:
        return "none"
    low, high = wilson(found / of, of)
    return f"{found / of:.4f} [{low:.4f}, {high:.4f}] of {of:,}"


def _clustered(cluster: np.ndarray) -> int:
    sizes = np.unique(cluster[cluster >= 0], return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


def _told(name: str, found: Found, truth: set[Pair]) -> str:
    """By clusters: true pairs that are in one, and pairs in one that are true."""
    together = sum(found.cluster[one] == found.cluster[other] >= 0 for one, other in truth)
    return f"{name:22} recall {share(together, len(truth)):38} precision {share(together, _clustered(found.cluster))}"


def quality(name: str, texts: Sequence[str], truth: set[Pair]) -> Iterator[str]:
    """Recall and precision of the edges that the stage decides on."""
    with tempfile.TemporaryDirectory() as folder:
        found = ours(texts, folder).pairs
    yield f"{name}: {len(texts):,} texts, {len(truth):,} true pairs of {len(texts) * (len(texts) - 1) // 2:,}"
    yield f"  recall    {share(len(found & truth), len(truth))}"
    yield f"  precision {share(len(found & truth), len(found))}"


def beside(texts: Sequence[str], python: str, repeats: int, truth: set[Pair]) -> Iterator[str]:
    """Time beside datatrove, turn by turn."""
    times: dict[str, list[tuple[float, float]]] = {}
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            mine = ours(texts, folder)
        times.setdefault("ours", []).append(mine.seconds)
        if not repeat:
            yield _told("ours", mine, truth)
        for buckets, hashes in THEIRS:
            name = f"datatrove, {buckets} x {hashes}"
            other, sets = theirs(texts, python, buckets, hashes)
            times.setdefault(name, []).append(other.seconds)
            if not repeat:
                yield _told(name, other, exact_pairs(sets))
    best = {name: [min(column) for column in zip(*of, strict=True)] for name, of in times.items()}
    size = sum(map(len, texts)) / len(texts)
    yield f"{len(texts):,} texts of {size:,.0f} characters, one process each, best of {repeats} turns:"
    for name, (wall, cpu) in best.items():
        ratios = (took / mine for took, mine in zip((wall, cpu), best["ours"], strict=True))
        told = ", ".join(f"{ratio:.1f}" for ratio in ratios)
        yield f"  {name:20} {wall:7.2f} s, {cpu:7.2f} s of the processor, {len(texts) / wall:7,.0f} texts/s; times ours: {told}"


def main() -> None:
    """Prints all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=int, nargs="?", default=5000)
    parser.add_argument("--data", type=Path, default=SHARED if SHARED.exists() else EXAMPLES / "data")
    parser.add_argument("--datatrove", help="an interpreter that has datatrove")
    parser.add_argument("--made", action="store_true", help="texts of corpus.py")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    texts = made_texts(given.texts) if given.made else real_texts(given.data, given.texts)
    truth = exact_pairs(shingle_sets(texts))
    _say(quality("made texts" if given.made else "real texts", texts, truth))
    copied = [text for text in texts if len(text) > 100][:EDITED]
    both = [*copied, *edited(copied)]
    _say(quality("with edited copies", both, exact_pairs(shingle_sets(both))))
    if given.datatrove:
        _say(beside(texts, given.datatrove, given.repeats, truth))


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
