"""datatrove's MinHash on texts, for `bench_near_duplicates.py`, which runs this file with the interpreter that has datatrove.

    PYTHON datatrove_minhash.py TEXTS.json BUCKETS HASHES OUT.npz

Writes into OUT seconds by the clock and of the processor, the cluster of each text, and the hashed word 5-grams of each. Only its blocks are
timed, in one process and one after the other: no reader, no executor, no import.
"""

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.dedup import minhash
from datatrove.utils.logging import logger


def main(texts: Path, buckets: int, hashes: int, out: Path) -> None:
    """Deduplicates once."""
    logger.remove()
    logging.disable()
    minhash.tqdm = lambda found, **_: found
    config = minhash.MinhashConfig(num_buckets=buckets, hashes_per_bucket=hashes)
    documents = [Document(text, str(number)) for number, text in enumerate(json.loads(texts.read_text("utf-8")))]
    with tempfile.TemporaryDirectory() as folder:
        signing = minhash.MinhashDedupSignature(f"{folder}/signatures", config)
        signing.get_shingles("The tokenizer is loaded when it is first asked.")
        wall, cpu = time.perf_counter(), time.process_time()
        signing.run(iter(documents))
        for bucket in range(buckets):
            minhash.MinhashDedupBuckets(f"{folder}/signatures", f"{folder}/pairs", config=config).run(
                None, bucket, buckets
            )
        minhash.MinhashDedupCluster(f"{folder}/pairs", f"{folder}/clusters", config, save_cluster_id=True).run(None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        cluster = np.full(len(documents), -1, np.int64)
        for path in Path(folder, "clusters").glob("*.clusters"):
            found = np.fromfile(path, np.uint32).reshape(-1, 2)
            cluster[found[:, 0]] = found[:, 1]
    shingles = [signing.get_shingles(document.text).ravel() for document in documents]
    ends = np.cumsum([0, *map(len, shingles)])
    np.savez(out, seconds=[wall, cpu], cluster=cluster, hashes=np.concatenate(shingles), ends=ends)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
