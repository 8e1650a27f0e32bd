/**
 * What clients write down of what they ask, a line each: the call before it goes
 * out, and the answer once it is there. What has a call and no answer died on its way.
 */
import type { Operation } from "./Linearizability.ts"

/** Which object an operation is of: its kind names the model, its settings what that is to know. */
export interface Target {
  readonly kind: string
  readonly object: string
  readonly settings?: unknown
}

/** A line of a history. `op` is unique in its file; times are ns of the machine's monotonic clock. */
export type Line =
  | {
    readonly op: number
    readonly at: number
    readonly client: string
    readonly target: Target
    readonly call: unknown
  }
  | { readonly op: number; readonly at: number; readonly answer: unknown }
  /** It was refused before anything was done: it is no operation at all. */
  | { readonly op: number; readonly at: number; readonly nothing: string }
  /** Nobody knows what became of it; for people. */
  | { readonly op: number; readonly at: number; readonly unknown: string }

/** All that was asked of one object. */
export interface Part {
  readonly target: Target
  readonly operations: ReadonlyArray<Operation<unknown, unknown>>
}

/** The histories of several files as one, parted by object. The last line of a file may be cut short: its writer was killed. */
export const read = (files: ReadonlyArray<{ readonly name: string; readonly text: string }>): ReadonlyArray<Part> => {
  const parts = new Map<string, { readonly target: Target; readonly operations: Array<Operation<unknown, unknown>> }>()
  for (const { name, text } of files) {
    const calls = new Map<number, Extract<Line, { readonly call: unknown }>>()
    const ends = new Map<number, Exclude<Line, { readonly call: unknown }>>()
    const lines = text.split("\n")
    // Behind the last newline is nothing, or what a kill has cut off.
    lines.pop()
    for (const [index, line] of lines.entries()) {
      const said = parsed(line, `${name}:${index + 1}`)
      if ("call" in said) calls.set(said.op, said)
      else if (calls.has(said.op)) ends.set(said.op, said)
      else throw new Error(`${name}:${index + 1}: an answer to nothing: ${line}`)
    }
    for (const { at, call, client, op, target } of calls.values()) {
      const end = ends.get(op)
      if (end !== undefined && "nothing" in end) continue
      const key = `${target.kind} ${target.object}`
      const part = parts.get(key) ?? { target, operations: [] }
      parts.set(key, part)
      part.operations.push({
        client,
        call: at,
        input: call,
        ...(end === undefined || !("answer" in end) ? {} : { answer: { at: end.at, output: end.answer } })
      })
    }
  }
  for (const { operations } of parts.values()) operations.sort((one, other) => one.call - other.call)
  return [...parts.values()]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const parsed = (line: string, place: string): Line => {
  try {
    return JSON.parse(line) as Line
  } catch (cause) {
    throw new Error(`${place}: no line of a history: ${line.slice(0, 200)}`, { cause })
  }
}
