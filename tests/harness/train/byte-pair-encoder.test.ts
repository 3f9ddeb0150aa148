import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import { BytePairEncoder } from "../../../harness/train/byte-pair-encoder.js";
import { readCorpus, readTokenizer, textFolder, type Vocabulary, vocabularies } from "../../../harness/train/token-stream.js";
import { temporaryFolder } from "../temporary-folder.js";

const python = process.env.FORGE_PYTHON || ".venv/bin/python";
const probe = await execa(python, ["-c", "import tokenizers"], { reject: false });
const available = probe.exitCode === 0;
const reason = `no Python with tokenizers at ${python}: set FORGE_PYTHON, or create .venv and install tokenizers there`;

/** What engines of regular expressions, of UTF-8 and of BPE disagree about. */
const samples = [
  "",
  " ",
  "\n\n\n  indented\ttext \r\n",
  "It's we'll I'D 'tis they've''s",
  "aaaaaaaaa abababab 1234567 3.14e-10 x=1;;;---",
  "na\u00efve \u4f60\u597d \ud83d\ude00\ud83c\udffd e\u0301 \u0663\u0664 \u00bd\u00b2 \u01c5",
  "a\u00a0b\u2003c\u0085d\ufeffe\u200bf\u3000\u3000g",
  "one<|endoftext|>two <|endoftext|><|endoftext|> <|endoftext <|endoftext|",
  "\u0000\u0001\u007f\u0100\u0120\u00ad",
];

let corpus: string;
const encoders = new Map<Vocabulary, BytePairEncoder>();
const encoded = new Map<Vocabulary, Uint16Array>();
beforeAll(async () => {
  corpus = await readCorpus();
  for (const vocabulary of vocabularies) {
    const encoder = await readTokenizer(vocabulary);
    encoders.set(vocabulary, encoder);
    encoded.set(vocabulary, encoder.encode(corpus));
  }
});

describe.each(vocabularies)("the vocabulary of %i", (vocabulary) => {
  it("has exactly so many entries, and nearly all of them occur", () => {
    expect(encoders.get(vocabulary)!.size).toBe(vocabulary);
    const counts = new Uint32Array(0x10000);
    for (const token of encoded.get(vocabulary)!) counts[token]!++;
    expect(counts.subarray(vocabulary).every((count) => count === 0)).toBe(true);
    expect(counts.subarray(0, vocabulary).filter((count) => count > 0).length).toBeGreaterThan(0.9 * vocabulary);
  });

  it("gives back the whole text, and any other", () => {
    const encoder = encoders.get(vocabulary)!;
    expect(encoder.decode(encoded.get(vocabulary)!) === corpus).toBe(true);
    for (const sample of samples) expect(encoder.decode(encoder.encode(sample))).toBe(sample);
  });
});

it("has tokenizers to compare with", (context) => {
  if (!available && !process.env.CI) context.skip(reason);
  expect(available, reason).toBe(true);
});

it.runIf(available)("ids are those of Hugging Face's tokenizers, for the whole text and for what is hard", async () => {
  // All vocabularies cut words alike, which the first one shows on the whole text; for the others each word of it is enough.
  const patterns = new Set(vocabularies.map((vocabulary) => encoders.get(vocabulary)!.words.source));
  expect(patterns.size).toBe(1);
  const words = new Set(corpus.match(encoders.get(vocabularies[0])!.words));
  expect(words.size).toBeGreaterThan(50_000);
  const pieces = [...samples, ...words];
  const ids = join(temporaryFolder(), "corpus.u16");
  const input = JSON.stringify({ folder: textFolder(), vocabularies, samples: pieces, corpus: ids });
  const { stdout } = await execa(python, [join(import.meta.dirname, "encode_with_tokenizers.py")], { input });
  expect(Buffer.from(encoded.get(vocabularies[0])!.buffer).equals(readFileSync(ids))).toBe(true);
  for (const [index, line] of stdout.split("\n").entries()) {
    const encoder = encoders.get(vocabularies[index]!)!;
    const theirs = JSON.parse(line) as number[][];
    const otherwise = pieces.filter((piece, place) => `${encoder.encode(piece)}` !== `${theirs[place]}`);
    expect(otherwise, `${vocabularies[index]}`).toEqual([]);
  }
});

describe("a tokenizer that would give other ids", () => {
  const valid = (): Record<string, unknown> & { model: Record<string, unknown> } => ({
    normalizer: null,
    post_processor: null,
    added_tokens: [{ id: 1, content: "<end>", single_word: false, lstrip: false, rstrip: false }],
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: ".+" }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, use_regex: false },
      ],
    },
    model: { type: "BPE", dropout: null, ignore_merges: false, vocab: { a: 0, "<end>": 1 }, merges: [] },
  });
  const reading = (file: unknown) => () => new BytePairEncoder(JSON.stringify(file), "t.json");

  it("is refused", () => {
    expect(reading({ ...valid(), normalizer: { type: "NFC" } })).toThrow(/t\.json: .*normalizer/);
    expect(reading({ ...valid(), added_tokens: [] })).toThrow(/added_tokens/);
    const { model, ...rest } = valid();
    expect(reading({ ...rest, model: { ...model, dropout: 0.1 } })).toThrow(/dropout/);
    expect(reading({ ...rest, model: { ...model, vocab: { a: 0, "<end>": 2 } } })).toThrow("the ids are not 0 to 1, each once");
    expect(reading(valid())).toThrow(/there is no token/);
  });
});
