"""From texts to near-duplicate pairs: our steps beside datasketch's MinHashLSH, on the same texts, in one run.

    python tests/benchmarks/bench_near_duplicates.py [TEXTS]     (needs datasketch: pip install datasketch)

Both use 128 permutations and threshold 0.7. datasketch gets the same shingles, which are ours and are not counted in
its time. Texts are those of examples/data, varied by hash until there are enough; a tenth are near duplicates of others.
Prints texts a second, their ratio, and how many pairs each finds of those with an exact similarity of 0.7.
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from prefcurate.transforms.screen.candidates import bucket_pairs, nodes, records, rows_of
from prefcurate.transforms.screen.minhash import SLOTS, bands, signatures, similarity
from prefcurate.transforms.screen.shingles import jaccard, shingle_sets, shingles
from tests.transforms.screen.real import answers, generations

THRESHOLD = 0.7


def corpus(count: int) -> list[str]:
    """Texts of about 1 KB made of real sentences, seeded; every tenth is another one with a sentence left out."""
    rng = random.Random(7)
    sentences = [s for text in (*answers(), *generations()) for s in text.split(". ") if 20 < len(s) < 300]
    texts: list[list[str]] = []
    for index in range(count):
        if index % 10 == 9:
            texts.append(texts[rng.randrange(len(texts))][:-1])
        else:
            texts.append([rng.choice(sentences) for _ in range(9)])
    return [". ".join(text) for text in texts]


def ours(texts: list[str]) -> set[tuple[int, int]]:
    rows = np.concatenate([signatures(shingle_sets(texts[i : i + 512])) for i in range(0, len(texts), 512)])
    pairs = bucket_pairs(records(bands(rows), nodes(0, len(texts))))
    one, other = rows_of(pairs[:, 0]), rows_of(pairs[:, 1])
    alike = similarity(rows[one], rows[other]) >= THRESHOLD
    return set(zip(one[alike].tolist(), other[alike].tolist(), strict=True))


def theirs(sets: list[np.ndarray]) -> set[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=SLOTS)
    hashed = []
    for place, hashes in enumerate(sets):
        minhash = MinHash(num_perm=SLOTS, hashfunc=int)
        minhash.update_batch((hashes >> np.uint64(32)).tolist())
        hashed.append(minhash)
        index.insert(place, minhash)
    found = {(min(i, j), max(i, j)) for i, minhash in enumerate(hashed) for j in index.query(minhash) if i != j}
    return {(i, j) for i, j in found if hashed[i].jaccard(hashed[j]) >= THRESHOLD}


def main(count: int) -> None:
    texts = corpus(count)
    sets = [shingles(text) for text in texts]
    start = time.perf_counter()
    found = ours(texts)
    middle = time.perf_counter()
    other = theirs(sets)
    end = time.perf_counter()
    true = {pair for pair in found | other if jaccard(sets[pair[0]], sets[pair[1]]) >= THRESHOLD}
    print(f"{count} texts of {sum(map(len, texts)) // count} characters; {len(true)} true pairs found by either")
    for name, pairs, seconds in (("ours", found, middle - start), ("datasketch", other, end - middle)):
        print(f"{name:12} {count / seconds:9.0f} texts/s, {len(pairs & true)} of them, {len(pairs - true)} others")
    print(f"ratio        {(end - middle) / (middle - start):9.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
