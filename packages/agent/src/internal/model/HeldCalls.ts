/**
 * A tool call is whole or it is text. Its arguments count as whole when they are
 * strict JSON and the answer ended in order to call tools; until that is known the
 * calls of an answer are held back, with all that comes behind them, so that the
 * order stays the model's. A call that is not whole has `params` of the type
 * string, the text as it came: nobody can carry it out by mistake.
 */
import type * as Response from "effect/ai/Response"

type Part = Response.StreamPartEncoded

/** The parts of one answer, with calls whose `params` are the text of their arguments. */
export interface HeldCalls {
  /** What can be told now: all until the first call, then what shows arguments as they come. */
  readonly pass: (parts: ReadonlyArray<Part>) => ReadonlyArray<Part>
  /** What was held back. `whole`: the answer ended in order to call tools. */
  readonly release: (whole: boolean) => ReadonlyArray<Part>
}

const isCall = (part: Part): part is Response.ToolCallPartEncoded =>
  part.type === "tool-call" && part.providerExecuted !== true

export const make = (): HeldCalls => {
  let held: Array<Part> | undefined
  return {
    pass: (parts) => {
      const now: Array<Part> = []
      for (const part of parts) {
        if (isCall(part)) held ??= []
        if (held === undefined || part.type.startsWith("tool-params-")) now.push(part)
        else held.push(part)
      }
      return now
    },
    release: (whole) => {
      const parts = held ?? []
      held = undefined
      return whole ? parts.map((part) => isCall(part) ? withParams(part) : part) : parts
    }
  }
}

const withParams = (part: Response.ToolCallPartEncoded): Part => ({ ...part, params: parsed(String(part.params)) })

/** Arguments that are whole JSON, or the text of those that are not. A tool without any is called with none. */
export const parsed = (json: string): unknown => {
  if (json === "") return {}
  try {
    return JSON.parse(json) as unknown
  } catch {
    return json
  }
}
