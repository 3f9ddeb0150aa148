// @ts-check
// One loaded object: its instance, and a region of its memory that is ours.

const pageBytes = 65536;

export class Library {
  /** Start and length in bytes of our region; the candidate's own allocator never hands it out, because we grew it. */
  #region = { base: 0, byteLength: 0 };
  /** @type {Record<string, any>} */
  #exports;
  #memory;
  /** @type {Uint8Array} */
  #view;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
    this.#exports = instance.exports;
    this.#memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    this.#view = new Uint8Array(this.#memory.buffer);
    // wasi-libc's allocator takes all memory up to its end when it is first used: that must be before we add ours.
    // A candidate's own malloc would run here too, before any input exists.
    const allocate = this.#exports.malloc;
    if (typeof allocate === "function") allocate(1);
  }

  /** Linear memory; a candidate that grew it has detached earlier views. */
  get memory() {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new Uint8Array(this.#memory.buffer);
    return this.#view;
  }

  get base() {
    return this.#region.base;
  }

  /**
   * Makes the region at least `byteLength` long. Throws RangeError where memory does not suffice.
   * @param {number} byteLength
   */
  reserve(byteLength) {
    if (byteLength <= this.#region.byteLength) return;
    const end = this.#memory.buffer.byteLength;
    const extends_ = end === this.#region.base + this.#region.byteLength;
    const base = extends_ && this.#region.byteLength > 0 ? this.#region.base : end;
    const pages = Math.ceil((base + byteLength - end) / pageBytes);
    try {
      this.#memory.grow(pages);
    } catch (cause) {
      throw new RangeError(`buffers of ${byteLength} bytes do not fit: linear memory ends at 4 GiB and ${base} bytes are taken`, { cause });
    }
    this.#region = { base, byteLength: this.#memory.buffer.byteLength - base };
  }

  /**
   * @param {string} name
   * @returns {(...parameters: (number | bigint)[]) => unknown}
   */
  entry(name) {
    const entry = this.#exports[name];
    if (typeof entry !== "function") throw new TypeError(`the object does not export a function ${name}`);
    return entry;
  }

  /**
   * What stopped a call, for people: the place that our undefined-behaviour handlers noted, or V8's words and the innermost functions.
   * @param {unknown} error
   */
  explain(error) {
    const fault = this.#exports.forge_fault;
    if (fault instanceof WebAssembly.Global) {
      const words = new DataView(this.#memory.buffer);
      const at = /** @param {number} index */ (index) => words.getUint32(fault.value + 4 * index, true);
      if (at(0) !== 0) return `undefined behaviour: ${this.#text(at(0))} at ${this.#text(at(1))}:${at(2)}:${at(3)}`;
    }
    if (!(error instanceof Error)) return String(error);
    const frames = [...(error.stack ?? "").matchAll(/at (?:object\.wasm\.)?(\S+) \(wasm:/g)].slice(0, 3).map((frame) => frame[1]);
    return frames.length === 0 ? error.message : `${error.message}, in ${frames.join(", called by ")}`;
  }

  /** @param {number} address of a C string */
  #text(address) {
    const end = this.memory.indexOf(0, address);
    return Buffer.from(this.memory.slice(address, Math.min(end, address + 400))).toString("utf8");
  }
}
