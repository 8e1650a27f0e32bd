/** Looks for an order that explains every answer, object by object, and says where there is none. */
import type { Part, Target } from "./History.ts"
import { check as search, type Model, type Operation } from "./Linearizability.ts"
import { dayRaise } from "./models/DayRaise.ts"
import { eventById } from "./models/EventById.ts"
import { question, type QuestionSettings } from "./models/Question.ts"
import { quota } from "./models/Quota.ts"
import { requestKey } from "./models/RequestKey.ts"
import { signalById } from "./models/SignalById.ts"
import { startByKey } from "./models/StartByKey.ts"
import { task } from "./models/Task.ts"

/** What was looked at, and each object for whose answers there is no order. */
export interface Report {
  readonly objects: number
  readonly operations: number
  /** Operations of which nobody knows what became of them. */
  readonly unknown: number
  /** How many operations there were of each kind of object. */
  readonly kinds: Readonly<Record<string, number>>
  /** Each with its whole history in the order of time, to be read. */
  readonly problems: ReadonlyArray<string>
}

/** The models by the kinds of objects that they are of. */
export const models = {
  start: () => startByKey,
  question: (settings: unknown) => question(settings as QuestionSettings),
  signal: () => signalById,
  raise: () => dayRaise,
  quota: () => quota,
  request: () => requestKey,
  event: (settings: unknown) => eventById(settings === undefined || (settings as { readonly starts: boolean }).starts),
  task: () => task
} as const

/** Checks a history that is parted by object. `most` are the states that the search of one object may look at. */
export const check = (parts: ReadonlyArray<Part>, most?: number): Report => {
  const kinds: Record<string, number> = {}
  const problems: Array<string> = []
  for (const { operations, target } of parts) {
    kinds[target.kind] = (kinds[target.kind] ?? 0) + operations.length
    const verdict = search(modelOf(target), operations, most)
    switch (verdict._tag) {
      case "Explained":
        break
      case "Undecided":
        problems.push(
          `${nameOf(target)}: not decided within ${verdict.states} states, of ${operations.length} operations`
        )
        break
      case "Unexplained":
        problems.push(
          `${nameOf(target)}: no order explains all answers; none has a place for\n  ${
            told(operations[verdict.stuck]!, operations)
          }\nof\n${pageOf(operations, verdict.order, verdict.stuck)}`
        )
    }
  }
  const all = parts.flatMap(({ operations }) => operations)
  return {
    objects: parts.length,
    operations: all.length,
    unknown: all.filter(({ answer }) => answer === undefined).length,
    kinds,
    problems
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const nameOf = ({ kind, object }: Target): string => `${kind} ${object}`

const modelOf = ({ kind, settings }: Target): Model<unknown, unknown, unknown> => {
  if (!Object.hasOwn(models, kind)) {
    throw new Error(`There is no model of "${kind}"; there is one of ${Object.keys(models).join(", ")}`)
  }
  return models[kind as keyof typeof models](settings) as Model<unknown, unknown, unknown>
}

/** What was asked and answered, with times in ms behind the first call of the object. */
const told = (
  { answer, call, client, input }: Operation<unknown, unknown>,
  all: ReadonlyArray<Operation<unknown, unknown>>
): string => {
  const first = Math.min(...all.map(({ call }) => call))
  const time = (at: number) => ((at - first) / 1e6).toFixed(3)
  return `${time(call)}–${answer === undefined ? "?" : time(answer.at)} ${client} ${JSON.stringify(input)} → ${
    answer === undefined ? "nobody knows" : JSON.stringify(answer.output)
  }`
}

/** Every operation, with its place in the order that explains the most. */
const pageOf = (
  operations: ReadonlyArray<Operation<unknown, unknown>>,
  order: ReadonlyArray<number>,
  stuck: number
): string =>
  operations.map((operation, index) => {
    const place = order.indexOf(index)
    return `  ${(index === stuck ? "!" : place === -1 ? "-" : String(place + 1)).padStart(4)}  ${
      told(operation, operations)
    }`
  }).join("\n")
