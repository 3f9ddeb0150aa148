import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";

/** What byte-level BPE is made of in a tokenizer.json of Hugging Face. What would change ids and is not known here is refused. */
const TokenizerFile = Type.Object({
  normalizer: Type.Null(),
  post_processor: Type.Null(),
  added_tokens: Type.Tuple([
    Type.Object({
      id: Type.Integer(),
      content: Type.String({ minLength: 1, description: "The end-of-text token; in a text it stands for itself." }),
      single_word: Type.Literal(false),
      lstrip: Type.Literal(false),
      rstrip: Type.Literal(false),
    }),
  ]),
  pre_tokenizer: Type.Object({
    type: Type.Literal("Sequence"),
    pretokenizers: Type.Tuple([
      Type.Object({
        type: Type.Literal("Split"),
        pattern: Type.Object({ Regex: Type.String({ description: "Matches any text, word by word." }) }),
        behavior: Type.Literal("Isolated"),
        invert: Type.Literal(false),
      }),
      Type.Object({ type: Type.Literal("ByteLevel"), add_prefix_space: Type.Literal(false), use_regex: Type.Literal(false) }),
    ]),
  }),
  model: Type.Object({
    type: Type.Literal("BPE"),
    dropout: Type.Null(),
    ignore_merges: Type.Literal(false),
    vocab: Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: 0xffff })),
    merges: Type.Array(Type.Tuple([Type.String(), Type.String()]), { description: "In the order in which they are made." }),
  }),
});
const validate = new Ajv().compile<Static<typeof TokenizerFile>>(TokenizerFile);

/** GPT-2's alphabet: printable bytes stand for themselves, the others in their order for the characters from U+0100 on. */
const byteOfCharacter = new Map<string, number>();
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  byteOfCharacter.set(String.fromCharCode(printable ? byte : next++), byte);
}

const pairKey = (left: number, right: number): number => left * 0x10000 + right;

/** Byte-level byte pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909; over bytes as in GPT-2). */
export class BytePairEncoder {
  /** Token ids are 0 to size - 1. */
  readonly size: number;
  readonly endOfText: { id: number; text: string };
  /** What a text is cut into before anything is merged; merges never cross its edges. */
  readonly words: RegExp;
  private readonly bytesOfToken: Buffer[] = [];
  private readonly tokenOfByte = new Uint16Array(256);
  private readonly rankOfPair = new Map<number, number>();
  private readonly tokenOfRank: Uint16Array;
  private readonly knownWords = new Map<string, Uint16Array>();

  /** `path` is for messages only. */
  constructor(json: string, path: string) {
    const file: unknown = JSON.parse(json);
    if (!validate(file)) throw new Error(`${path}: no byte-level BPE that is known here: ${new Ajv().errorsText(validate.errors)}`);
    const { vocab, merges } = file.model;
    const tokenOf = (text: string): number => {
      const token = vocab[text];
      if (token === undefined) throw new Error(`${path}: there is no token ${JSON.stringify(text)}`);
      return token;
    };
    this.size = Object.keys(vocab).length;
    for (const [text, token] of Object.entries(vocab)) {
      if (token >= this.size || this.bytesOfToken[token]) throw new Error(`${path}: the ids are not 0 to ${this.size - 1}, each once`);
      this.bytesOfToken[token] = Buffer.from(Array.from(text, (character) => byteOfCharacter.get(character)!));
    }
    for (const [character, byte] of byteOfCharacter) this.tokenOfByte[byte] = tokenOf(character);
    this.tokenOfRank = Uint16Array.from(merges, ([left, right]) => tokenOf(left + right));
    for (const [rank, [left, right]] of merges.entries()) this.rankOfPair.set(pairKey(tokenOf(left), tokenOf(right)), rank);
    this.words = new RegExp(file.pre_tokenizer.pretokenizers[0].pattern.Regex, "gu");
    const [{ id, content }] = file.added_tokens;
    this.endOfText = { id, text: content };
  }

  encode(text: string): Uint16Array {
    const tokens = new Uint16Array(Buffer.byteLength(text));
    let length = 0;
    for (const [index, document] of text.split(this.endOfText.text).entries()) {
      if (index > 0) tokens[length++] = this.endOfText.id;
      for (const word of document.match(this.words) ?? []) for (const token of this.encodeWord(word)) tokens[length++] = token;
    }
    return tokens.slice(0, length);
  }

  decode(tokens: Iterable<number>): string {
    return Buffer.concat(Array.from(tokens, (token) => this.bytesOfToken[token]!)).toString("utf8");
  }

  private encodeWord(word: string): Uint16Array {
    const known = this.knownWords.get(word);
    if (known) return known;
    const tokens = Array.from(Buffer.from(word, "utf8"), (byte) => this.tokenOfByte[byte]!);
    for (let place = this.firstMerge(tokens); place; place = this.firstMerge(tokens)) {
      tokens.splice(place.index, 2, this.tokenOfRank[place.rank]!);
    }
    const encoded = Uint16Array.from(tokens);
    this.knownWords.set(word, encoded);
    return encoded;
  }

  /** The merge that was learnt first among those that can be made, at its leftmost place. */
  private firstMerge(tokens: readonly number[]): { index: number; rank: number } | null {
    let first: { index: number; rank: number } | null = null;
    for (let index = 0; index + 1 < tokens.length; index++) {
      const rank = this.rankOfPair.get(pairKey(tokens[index]!, tokens[index + 1]!));
      if (rank !== undefined && rank < (first?.rank ?? Number.POSITIVE_INFINITY)) first = { index, rank };
    }
    return first;
  }
}
