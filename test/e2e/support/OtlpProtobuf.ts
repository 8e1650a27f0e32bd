/**
 * Reads what is sent by OTLP as protobuf, into what the same is as JSON: ids in
 * hex, and numbers of 64 bits as texts. By the numbers and types of
 * opentelemetry-proto 1.x; a field that is none of a message, or comes in another
 * form than its type has, is refused.
 */

/** What the body of a request to a path of a collector says. */
export const read = (path: string, bytes: Uint8Array): unknown => {
  const type = requests[path]
  if (type === undefined) throw new Error(`nothing is sent to ${path}`)
  return message(type, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Scalar = "string" | "id" | "bool" | "int" | "int64" | "double" | "fixed32" | "fixed64"
/** Its name in JSON, its type, and whether there may be many. */
type Field = readonly [name: string, type: Scalar | (() => Message), many?: "many"]
type Message = Readonly<Record<number, Field>>

/** How a value of each type comes: 0 as a varint, 1 as 8 bytes, 2 with its length, 5 as 4 bytes. */
const wires: Readonly<Record<Scalar, number>> = {
  string: 2,
  id: 2,
  bool: 0,
  int: 0,
  int64: 0,
  double: 1,
  fixed32: 5,
  fixed64: 1
}

const list: Message = { 1: ["values", () => anyValue, "many"] }
const anyValue: Message = {
  1: ["stringValue", "string"],
  2: ["boolValue", "bool"],
  3: ["intValue", "int64"],
  4: ["doubleValue", "double"],
  5: ["arrayValue", () => list]
}
const keyValue: Message = { 1: ["key", "string"], 2: ["value", () => anyValue] }
const attributes: Field = ["attributes", () => keyValue, "many"]
const resource: Message = { 1: attributes, 2: ["droppedAttributesCount", "int"] }
const scope: Message = {
  1: ["name", "string"],
  2: ["version", "string"],
  3: attributes,
  4: ["droppedAttributesCount", "int"]
}

const event: Message = {
  1: ["timeUnixNano", "fixed64"],
  2: ["name", "string"],
  3: attributes,
  4: ["droppedAttributesCount", "int"]
}
const link: Message = {
  1: ["traceId", "id"],
  2: ["spanId", "id"],
  3: ["traceState", "string"],
  4: attributes,
  5: ["droppedAttributesCount", "int"],
  6: ["flags", "fixed32"]
}
const span: Message = {
  1: ["traceId", "id"],
  2: ["spanId", "id"],
  3: ["traceState", "string"],
  4: ["parentSpanId", "id"],
  5: ["name", "string"],
  6: ["kind", "int"],
  7: ["startTimeUnixNano", "fixed64"],
  8: ["endTimeUnixNano", "fixed64"],
  9: attributes,
  10: ["droppedAttributesCount", "int"],
  11: ["events", () => event, "many"],
  12: ["droppedEventsCount", "int"],
  13: ["links", () => link, "many"],
  14: ["droppedLinksCount", "int"],
  15: ["status", () => ({ 2: ["message", "string"], 3: ["code", "int"] })],
  16: ["flags", "fixed32"]
}

const number: Message = {
  2: ["startTimeUnixNano", "fixed64"],
  3: ["timeUnixNano", "fixed64"],
  4: ["asDouble", "double"],
  6: ["asInt", "fixed64"],
  7: attributes,
  8: ["flags", "int"]
}
const histogram: Message = {
  2: ["startTimeUnixNano", "fixed64"],
  3: ["timeUnixNano", "fixed64"],
  4: ["count", "fixed64"],
  5: ["sum", "double"],
  6: ["bucketCounts", "fixed64", "many"],
  7: ["explicitBounds", "double", "many"],
  9: attributes,
  10: ["flags", "int"],
  11: ["min", "double"],
  12: ["max", "double"]
}
const metric: Message = {
  1: ["name", "string"],
  2: ["description", "string"],
  3: ["unit", "string"],
  5: ["gauge", () => ({ 1: ["dataPoints", () => number, "many"] })],
  7: ["sum", () => ({
    1: ["dataPoints", () => number, "many"],
    2: ["aggregationTemporality", "int"],
    3: ["isMonotonic", "bool"]
  })],
  9: ["histogram", () => ({
    1: ["dataPoints", () => histogram, "many"],
    2: ["aggregationTemporality", "int"]
  })]
}

const record: Message = {
  1: ["timeUnixNano", "fixed64"],
  2: ["severityNumber", "int"],
  3: ["severityText", "string"],
  5: ["body", () => anyValue],
  6: attributes,
  7: ["droppedAttributesCount", "int"],
  8: ["flags", "fixed32"],
  9: ["traceId", "id"],
  10: ["spanId", "id"],
  11: ["observedTimeUnixNano", "fixed64"]
}

/** Of each signal a resource holds scopes, and a scope what is told. */
const request = (signal: "Spans" | "Metrics" | "Logs", told: string, type: Message): Message => ({
  1: [`resource${signal}`, () => ({
    1: ["resource", () => resource],
    2: [`scope${signal}`, () => ({
      1: ["scope", () => scope],
      2: [told, () => type, "many"],
      3: ["schemaUrl", "string"]
    }), "many"],
    3: ["schemaUrl", "string"]
  }), "many"]
})

const requests: Readonly<Record<string, Message>> = {
  "/v1/traces": request("Spans", "spans", span),
  "/v1/metrics": request("Metrics", "metrics", metric),
  "/v1/logs": request("Logs", "logRecords", record)
}

const message = (type: Message, view: DataView): Record<string, unknown> => {
  const found: Record<string, unknown> = {}
  for (const [name, , many] of Object.values(type)) if (many !== undefined) found[name] = []
  const cursor = { at: 0 }
  while (cursor.at < view.byteLength) {
    const tag = Number(varint(view, cursor))
    const field = type[tag >> 3]
    if (field === undefined) throw new Error(`a message of ${names(type)} has no field ${tag >> 3}`)
    const [name, of, many] = field
    const values = valuesOf(of, tag & 7, many !== undefined, view, cursor, name)
    if (many === undefined) found[name] = values[0]
    else (found[name] as Array<unknown>).push(...values)
  }
  return found
}

const valuesOf = (
  of: Field[1],
  wire: number,
  many: boolean,
  view: DataView,
  cursor: { at: number },
  name: string
): ReadonlyArray<unknown> => {
  if (typeof of !== "string") {
    if (wire !== 2) throw new Error(`${name} comes as ${wire}`)
    return [message(of(), part(view, cursor))]
  }
  if (wire === wires[of]) return [scalar(of, view, cursor)]
  // Numbers of which there may be many come one behind the other.
  if (wire !== 2 || !many) throw new Error(`${name} comes as ${wire}`)
  const packed = part(view, cursor)
  const values: Array<unknown> = []
  for (const within = { at: 0 }; within.at < packed.byteLength;) values.push(scalar(of, packed, within))
  return values
}

const scalar = (of: Scalar, view: DataView, cursor: { at: number }): unknown => {
  const { at } = cursor
  switch (of) {
    case "bool":
      return varint(view, cursor) === 1n
    case "int":
      return Number(varint(view, cursor))
    case "int64":
      return `${BigInt.asIntN(64, varint(view, cursor))}`
    case "double":
      cursor.at += 8
      return view.getFloat64(at, true)
    case "fixed32":
      cursor.at += 4
      return view.getUint32(at, true)
    case "fixed64":
      cursor.at += 8
      return `${view.getBigUint64(at, true)}`
    default: {
      const { buffer, byteLength, byteOffset } = part(view, cursor)
      const bytes = Buffer.from(buffer, byteOffset, byteLength)
      return of === "id" ? bytes.toString("hex") : new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    }
  }
}

/** What follows with its length before it. */
const part = (view: DataView, cursor: { at: number }): DataView => {
  const length = Number(varint(view, cursor))
  const { at } = cursor
  cursor.at += length
  return new DataView(view.buffer, view.byteOffset + at, length)
}

const varint = (view: DataView, cursor: { at: number }): bigint => {
  let value = 0n
  for (let shift = 0n;; shift += 7n) {
    const byte = view.getUint8(cursor.at++)
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
}

const names = (type: Message): string => Object.values(type).map(([name]) => name).join(", ")
