"""Trains the vocabularies of specs/models/text/ on the corpus there, and prints their sizes and how many bytes a token stands for.

Usage: train_tokenizers.py. Wants the Python package `tokenizers` (0.23). The same corpus gives the same files again.
"""

import gzip
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

folder = Path(__file__).resolve().parent.parent / "specs/models/text"
sizes = [4096, 16384, 32768]
end_of_text = "<|endoftext|>"
# GPT-2's, with the white space that Unicode means: \s is not the same in every language.
words = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"
    r"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"
)


def train(documents, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[end_of_text],
        # Every byte is a token, seen or not: any text can be encoded.
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def main():
    text = gzip.decompress((folder / "corpus.txt.gz").read_bytes()).decode()
    documents = text.removesuffix(end_of_text).split(end_of_text)
    for size in sizes:
        tokenizer = train(documents, size)
        if tokenizer.get_vocab_size() != size:
            raise ValueError(f"the corpus gives {tokenizer.get_vocab_size()} entries, not {size}: it needs more text")
        path = folder / f"tokenizer-{size}.json.gz"
        path.write_bytes(gzip.compress(tokenizer.to_str().encode(), 9, mtime=0))
        tokens = sum(len(encoding.ids) + 1 for encoding in tokenizer.encode_batch_fast(documents))
        bytes_per_token = len(text.encode()) / tokens
        print(f"{path.name}: {size} entries, {tokens} tokens, {bytes_per_token:.3f} bytes per token, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
