// Writes ONNX models: the few messages of onnx.proto that a graph of constants needs, in protobuf's wire format.
// (Field numbers: github.com/onnx/onnx, onnx/onnx.proto.)

const encoder = new TextEncoder();

/** ONNX's numbers for element types. */
export const elementTypes = { f32: 1, i32: 6, i64: 7 };

/** Opset 13 is the first with SoftmaxCrossEntropyLoss on every type; all operations used here are in it. */
const opset = 13;

/**
 * @typedef {{ name: string, type: keyof typeof elementTypes, shape: number[], bytes: Uint8Array }} Constant
 * @typedef {{ operation: string, inputs: string[], outputs: string[], attributes?: Record<string, number | string>, domain?: string }} OnnxNode
 * @typedef {{ name: string, type: keyof typeof elementTypes, shape: number[] }} GraphOutput
 */

/** @param {number} value */
function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** @param {number} field @param {number} value */
const integer = (field, value) => join([varint(field << 3), varint(value)]);
/** @param {number} field @param {Uint8Array} value */
const bytes = (field, value) => join([varint((field << 3) | 2), varint(value.length), value]);
/** @param {number} field @param {string} value */
const text = (field, value) => bytes(field, encoder.encode(value));
/** @param {number} field @param {...Uint8Array} parts */
const message = (field, ...parts) => bytes(field, join(parts));
/** @param {number} field @param {number} value */
const float = (field, value) => join([varint((field << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)]);

/** AttributeProto: whole numbers are INT, others FLOAT, texts STRING. @param {string} name @param {number | string} value */
function attribute(name, value) {
  if (typeof value === "string") return message(5, text(1, name), text(4, value), integer(20, 3));
  return Number.isInteger(value)
    ? message(5, text(1, name), integer(3, value), integer(20, 2))
    : message(5, text(1, name), float(2, value), integer(20, 1));
}

/** NodeProto. @param {OnnxNode} node */
function encodeNode({ operation, inputs, outputs, attributes = {}, domain = "" }) {
  return message(
    1,
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, operation),
    ...Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    text(7, domain),
  );
}

/** Constants of at least this many bytes lie beside the model: protobuf ends at 2 GB. Shape inference wants to see the small ones. */
const externalBytes = 1 << 16;
/** @param {Constant} constant */
export const isExternal = (constant) => constant.bytes.length >= externalBytes;

/** TensorProto, its data inside or in a file of the constant's name. @param {Constant} constant */
function encodeConstant(constant) {
  const { name, type, shape } = constant;
  const data = isExternal(constant) ? [message(13, text(1, "location"), text(2, name)), integer(14, 1)] : [bytes(9, constant.bytes)];
  return message(5, ...shape.map((extent) => integer(1, extent)), integer(2, elementTypes[type]), text(8, name), ...data);
}

/** ValueInfoProto. @param {GraphOutput} output */
function encodeOutput({ name, type, shape }) {
  const dimensions = message(2, ...shape.map((extent) => message(1, integer(1, extent))));
  return message(12, text(1, name), message(2, message(1, integer(1, elementTypes[type]), dimensions)));
}

/**
 * A model without inputs: its constants are data beside it, so that running it copies nothing in.
 * @param {{ nodes: OnnxNode[], constants: Constant[], outputs: GraphOutput[] }} graph
 */
export function encodeModel({ nodes, constants, outputs }) {
  const graph = [...nodes.map(encodeNode), text(2, "forge"), ...constants.map(encodeConstant), ...outputs.map(encodeOutput)];
  return join([integer(1, 8), message(7, ...graph), message(8, text(1, ""), integer(2, opset))]);
}
