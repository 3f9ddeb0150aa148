"""Encodes with Hugging Face's tokenizers.

Reads from standard input {"folder", "vocabularies", "samples", "corpus"}. Writes the ids of the corpus by the first vocabulary to the file
CORPUS, as 16-bit numbers, and prints those of the samples, one line of JSON for each vocabulary.
"""

import array
import gzip
import itertools
import json
import re
import sys
from pathlib import Path

from tokenizers import Tokenizer


def flat(encodings):
    return itertools.chain.from_iterable(encoding.ids for encoding in encodings)


task = json.load(sys.stdin)
folder = Path(task["folder"])
for index, vocabulary in enumerate(task["vocabularies"]):
    tokenizer = Tokenizer.from_str(gzip.decompress((folder / f"tokenizer-{vocabulary}.json.gz").read_bytes()).decode())
    if index == 0:
        corpus = gzip.decompress((folder / "corpus.txt.gz").read_bytes()).decode()
        # Document by document, each with the token that ends it: the same ids as those of the whole, in half the time.
        documents = re.findall(r".*?<\|endoftext\|>", corpus, re.DOTALL)
        Path(task["corpus"]).write_bytes(array.array("H", flat(tokenizer.encode_batch_fast(documents))).tobytes())
    print(json.dumps([encoding.ids for encoding in tokenizer.encode_batch_fast(task["samples"])]))
