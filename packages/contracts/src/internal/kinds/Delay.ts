/** Waits for some time, or until a time. Its output is the time at which it went on. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import type { ContractProblem, Path } from "../../ContractProblem.ts"
import * as Problem from "../../ContractProblem.ts"
import * as StepShape from "../../StepShape.ts"
import * as Moment from "../Moment.ts"

const Time = Schema.Union([Schema.String, Schema.Finite]).annotate({ expected: "a text or a number" })

/** The kind `delay`: waits for some time, or until a time. */
export const delay = StepShape.make({
  kind: "delay",
  schema: {
    fields: {
      for: Schema.optionalKey(Time),
      until: Schema.optionalKey(Time),
      next: Parts.Next
    },
    words: {
      kind:
        "Waits for some time, or until a time; one of `for` and `until` says which. Its output is the time, in RFC 3339, at which it was over.",
      for: `How long: ${Moment.durations}, or an expression for one.`,
      until: `When it is over: ${Moment.times}, or an expression for one. A time that has passed is over at once.`,
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["for"] }, { path: ["until"] }],
    output: () => ({ type: "string" }),
    waits: (step) => {
      const millis = typeof step["for"] === "string" || typeof step["for"] === "number"
        ? Moment.millisOf(step["for"])
        : undefined
      return millis === undefined ? [] : [{ path: ["for"], millis }]
    },
    problems: (step, path) => {
      const given = ["for", "until"].filter((field) => Object.hasOwn(step, field))
      if (given.length === 0) return [one([...path, "for"], undefined)]
      if (given.length === 2) return [one([...path, "until"], "both")]
      return [
        ...fixed(step["for"], [...path, "for"], Moment.millisOf, Moment.durations),
        ...fixed(step["until"], [...path, "until"], Moment.timeOf, Moment.times)
      ]
    }
  },
  needs: () => ({}),
  graph: { brackets: ["[/", "\\\\]"], ways: () => [StepShape.next] }
})

// ---------------------------------------------------------------- internal

const one = (path: Path, found: string | undefined): ContractProblem =>
  Problem.make({
    path,
    code: found === undefined ? "missing" : "wrong-value",
    found,
    expected: "one of \"for\" and \"until\""
  })

/** A mistake in a value that no expression makes. */
const fixed = (
  value: unknown,
  path: Path,
  read: (value: Schema.Json) => number | undefined,
  expected: string
): ReadonlyArray<ContractProblem> =>
  (typeof value === "string" ? value.includes("{{") : typeof value !== "number") ||
    read(value as Schema.Json) !== undefined
    ? []
    : [Problem.make({ path, code: "wrong-value", found: StoredJson.show(value), expected })]
