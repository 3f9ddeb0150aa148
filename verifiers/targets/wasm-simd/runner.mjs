// @ts-check
// Runs inside the sandbox as bare `node runner.mjs`: loads WASM objects, takes inputs, calls entries, gives outputs.
// Candidates have no imports: nothing of this process is in their reach but their own linear memory.
import { readFully, readRequest, writeReply } from "./runner-frames.mjs";
import { canaryPatterns, fill, findTrespass, layOut, paintCanaries } from "./runner-layout.mjs";
import { Library } from "./runner-library.mjs";

/** @typedef {{ name: string, buffers: { name: string, role: "input" | "output" }[], sizes: string[], scalars: { name: string }[] }} Signature */

/** @type {Library[]} */
const libraries = [];
/** @type {Signature[]} */
let signatures = [];
let guarded = false;

/**
 * The bound buffers. `inputs` is what the harness wrote, outside every candidate's memory: it shows whether a call changed it.
 * `lastLibrary` says, for every set, in whose memory its outputs lie.
 * @type {{ signature: Signature, byteLengths: number[], offsets: number[][], inputs: (Buffer | null)[][], lastLibrary: number[] }}
 */
let bound;

/** @param {{ entry: string, byteLengths: number[], sets: number }} request */
function bind({ entry, byteLengths, sets }) {
  const signature = signatures.find((candidate) => candidate.name === entry);
  if (signature === undefined) throw new Error(`unknown entry ${entry}`);
  if (signature.buffers.length !== byteLengths.length)
    throw new Error(`${entry} has ${signature.buffers.length} buffers, got ${byteLengths.length} lengths`);
  const layout = layOut(byteLengths, sets, guarded);
  for (const library of libraries) library.reserve(layout.byteLength);
  const inputs = layout.offsets.map(() =>
    byteLengths.map((length, index) => (signature.buffers[index]?.role === "input" ? Buffer.alloc(length) : null)),
  );
  bound = { signature, byteLengths, offsets: layout.offsets, inputs, lastLibrary: layout.offsets.map(() => 0) };
  for (const library of libraries) {
    for (const [set, offsets] of layout.offsets.entries()) {
      for (const [index, offset] of offsets.entries()) {
        if (inputs[set]?.[index])
          library.memory.fill(0, library.base + offset, library.base + offset + /** @type {number} */ (byteLengths[index]));
      }
    }
  }
}

/**
 * @param {number} set
 * @param {string} name
 */
function locate(set, name) {
  const index = bound.signature.buffers.findIndex((buffer) => buffer.name === name);
  const offset = bound.offsets[set]?.[index];
  if (offset === undefined) throw new Error(`no buffer ${name} in set ${set}`);
  return { index, offset, byteLength: /** @type {number} */ (bound.byteLengths[index]), input: bound.inputs[set]?.[index] ?? null };
}

/**
 * @param {{ set: number, buffer: string, byteOffset: number }} request
 * @param {number} byteLength
 */
function write({ set, buffer, byteOffset }, byteLength) {
  const place = locate(set, buffer);
  if (place.input === null || byteOffset + byteLength > place.byteLength) {
    readFully(new Uint8Array(byteLength)); // keep the channel in step
    throw new Error(`cannot write ${byteLength} bytes at ${byteOffset} of ${buffer}: it is no input or not that long`);
  }
  const target = place.input.subarray(byteOffset, byteOffset + byteLength);
  readFully(target);
  for (const library of libraries) library.memory.set(target, library.base + place.offset + byteOffset);
}

/**
 * Many small writes, their bytes one after the other in one payload.
 * @param {{ places: { set: number, buffer: string, byteOffset: number, byteLength: number }[] }} request
 * @param {number} payloadLength
 */
function change({ places }, payloadLength) {
  const payload = new Uint8Array(payloadLength);
  readFully(payload);
  let start = 0;
  for (const { set, buffer, byteOffset, byteLength } of places) {
    const place = locate(set, buffer);
    const bytes = payload.subarray(start, start + byteLength);
    start += byteLength;
    if (place.input === null || byteOffset + byteLength > place.byteLength || bytes.length !== byteLength)
      throw new Error(`cannot write ${byteLength} bytes at ${byteOffset} of ${buffer}: it is no input or not that long`);
    place.input.set(bytes, byteOffset);
    for (const library of libraries) library.memory.set(bytes, library.base + place.offset + byteOffset);
  }
}

/** @param {{ set: number, buffer: string, byteOffset: number, byteLength: number }} request */
function read({ set, buffer, byteOffset, byteLength }) {
  const place = locate(set, buffer);
  if (byteOffset + byteLength > place.byteLength)
    throw new Error(`cannot read ${byteLength} bytes at ${byteOffset} of ${buffer}: it is not that long`);
  const library = /** @type {Library} */ (libraries[bound.lastLibrary[set] ?? 0]);
  const start = library.base + place.offset + byteOffset;
  return library.memory.subarray(start, start + byteLength);
}

/**
 * One call of the entry: outputs poisoned before, canaries and inputs checked after.
 * @param {Library} library
 * @param {any} request
 * @param {number} canary
 */
function callOnce(library, request, canary) {
  const { signature, byteLengths } = bound;
  const offsets = /** @type {number[]} */ (bound.offsets[request.set]).map((offset) => library.base + offset);
  const extents = signature.buffers.map((buffer, index) => ({
    ...buffer,
    start: /** @type {number} */ (offsets[index]),
    byteLength: /** @type {number} */ (byteLengths[index]),
  }));
  for (const { role, start, byteLength } of extents) {
    if (role === "output" && request.poison !== 0) fill(library.memory, start, start + byteLength, request.poison);
    if (guarded) paintCanaries(library.memory, start, byteLength, canary);
  }
  const entry = library.entry(signature.name);
  const parameters = [
    ...offsets,
    ...signature.sizes.map((size) => BigInt(request.sizes[size])),
    ...signature.scalars.map(({ name }) => request.scalars[name]),
  ];
  let code;
  let durationNs;
  try {
    const before = process.hrtime.bigint();
    code = entry(...parameters);
    durationNs = Number(process.hrtime.bigint() - before);
  } catch (error) {
    return { crash: `trap: ${library.explain(error)}` };
  }
  if (typeof code !== "number") return { crash: `${signature.name} returned no status: it must return int` };
  for (const { name, start, byteLength } of guarded ? extents : []) {
    const trespass = findTrespass(library.memory, start, byteLength, canary, name);
    if (trespass !== null) return { crash: trespass };
  }
  const inputsChanged = extents.some(({ start, byteLength }, index) => {
    const written = bound.inputs[request.set]?.[index];
    return written ? written.compare(library.memory, start, start + byteLength) !== 0 : false;
  });
  return { code, durationNs, inputsChanged, extents };
}

/** @param {any} request */
function call(request) {
  const library = libraries[request.library];
  if (library === undefined || bound.offsets[request.set] === undefined)
    throw new Error(`no library ${request.library} or no set ${request.set}`);
  if (request.entry !== bound.signature.name) throw new Error(`${request.entry} is not bound, ${bound.signature.name} is: bind it first`);
  bound.lastLibrary[request.set] = request.library;
  const first = callOnce(library, request, /** @type {number} */ (canaryPatterns[0]));
  // A second call on inputs that the first one changed would be blamed for something else.
  if (!guarded || first.crash !== undefined || first.inputsChanged) return { ...first, extents: undefined };
  // Reads outside buffers leave no trace, so the same call is made with other bytes out there: outputs must not notice.
  const outputs = first.extents.filter(({ role }) => role === "output");
  const sealed = outputs.map(({ start, byteLength }) => Buffer.from(library.memory.slice(start, start + byteLength)));
  const second = callOnce(library, request, /** @type {number} */ (canaryPatterns[1]));
  if (second.crash !== undefined) return { crash: second.crash };
  const differing = outputs.find(({ start, byteLength }, index) => sealed[index]?.compare(library.memory, start, start + byteLength) !== 0);
  if (differing) return { crash: `read outside the buffers: ${differing.name} changes with the bytes around them (or from call to call)` };
  return { ...first, extents: undefined };
}

/**
 * @param {any} header
 * @param {number} payloadLength
 * @returns {{ reply: object, payload?: Uint8Array }}
 */
function answer(header, payloadLength) {
  switch (header.type) {
    case "open":
      signatures = header.entries;
      guarded = header.guarded;
      return { reply: {} };
    case "load": {
      const bytes = new Uint8Array(payloadLength);
      readFully(bytes);
      const library = new Library(bytes);
      for (const signature of signatures) library.entry(signature.name);
      libraries.push(library);
      return { reply: {} };
    }
    case "bind":
      bind(header);
      return { reply: {} };
    case "write":
      write(header, payloadLength);
      return { reply: {} };
    case "change":
      change(header, payloadLength);
      return { reply: {} };
    case "read":
      return { reply: {}, payload: read(header) };
    case "call":
      return { reply: call(header) };
    default:
      throw new Error(`unknown request ${header.type}`);
  }
}

for (;;) {
  const { header, payloadLength, arrivedNs } = readRequest();
  let result;
  try {
    result = answer(header, payloadLength);
  } catch (error) {
    result = { reply: { problem: error instanceof Error ? error.message : String(error) } };
  }
  const insideNs = Number(process.hrtime.bigint() - arrivedNs);
  writeReply({ nonce: header.nonce, insideNs, ...result.reply }, result.payload);
}
