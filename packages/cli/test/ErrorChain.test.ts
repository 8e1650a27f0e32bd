import { assert, describe, it } from "@effect/vitest"
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import { Cause, Schema } from "effect"
import * as ErrorChain from "../src/ErrorChain.ts"

const at = (file: string, error: Error) =>
  Object.assign(error, { stack: `${error.name}: ${error.message}\n    at load (${file}:1:2)` })

const refused = at(
  "src/bank.ts",
  Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED", port: 1 })
)
const all = at("src/pool.ts", new AggregateError([refused, at("src/bank.ts", new RangeError("no"))], "nobody answers"))
const failed = at("src/load.ts", new TypeError("fetch failed", { cause: all }))

class Declined extends Schema.TaggedError<Declined>()("Declined", { cents: Schema.Int }) {}

const chain = [
  "TypeError: fetch failed",
  "  at load (src/load.ts:1:2)",
  "caused by AggregateError: nobody answers",
  "  at load (src/pool.ts:1:2)",
  "  one of them: Error: connect ECONNREFUSED 127.0.0.1:1  (code ECONNREFUSED, port 1)",
  "    at load (src/bank.ts:1:2)",
  "  one of them: RangeError: no",
  "    at load (src/bank.ts:1:2)"
]

describe("the lines about a failure", () => {
  it("tell a defect with its places, causes, errors of an aggregate and fields, and pass over what only wraps it", () => {
    assert.deepStrictEqual(ErrorChain.linesOf(ExitJson.causeToJson(Cause.die(failed))), chain)
    const wrapped = new Cause.UnknownError(failed, "An error occurred in Effect.tryPromise")
    assert.deepStrictEqual(ErrorChain.linesOf(ExitJson.causeToJson(Cause.die(wrapped))), chain)
    assert.deepStrictEqual(ErrorChain.linesOfError(wrapped), chain)
  })

  it("tell of a typed failure what its schema does not say, and of one of a contract what was thrown", () => {
    const error = at("src/pay.ts", new Declined({ cents: 5 }))
    error.cause = failed
    const cause = ExitJson.causeToJson(ExitJson.failure({ _tag: "Declined", cents: 5 }, error))
    assert.deepStrictEqual(ErrorChain.linesOf(cause).slice(0, 3), [
      "  at load (src/pay.ts:1:2)",
      "caused by TypeError: fetch failed",
      "  at load (src/load.ts:1:2)"
    ])
    const thrown = (ExitJson.causeToJson(Cause.die(failed))[0] as { readonly defect: unknown }).defect
    assert.deepStrictEqual(
      ErrorChain.linesOf([{ _tag: "Fail", error: { _tag: "StepFailure", message: "no", trace: thrown } }]),
      chain
    )
  })

  it("tell nothing where the sentence says all, and do not fall over what they do not know", () => {
    for (
      const cause of [[{ _tag: "Fail", error: "no" }], [{ _tag: "Interrupt" }], [], undefined, null, 7, [null], [{
        _tag: "Die",
        defect: "text"
      }], [{ _tag: "Fail", error: null, trace: 7 }]]
    ) {
      assert.deepStrictEqual(ErrorChain.linesOf(cause), [], JSON.stringify(cause))
    }
  })

  it("name the step that ended the run", () => {
    const entry = (seq: number, body: JournalEntry.EntryBody) =>
      ({ seq, at: seq, epoch: 1, ...body }) as JournalEntry.JournalEntry
    const cause = [{ _tag: "Die", defect: { name: "Error", message: "broken" } }]
    const view = (end: unknown) =>
      RunView.of("r", [
        entry(0, { _tag: "RunRequested", workflow: "W", version: "1", payload: null }),
        entry(1, { _tag: "StepRequested", key: "a", name: "a", attempt: 1, onCrash: "rerun" }),
        entry(2, { _tag: "StepFailed", key: "a", attempt: 1, cause }),
        entry(3, { _tag: "RunFailed", cause: end })
      ])
    assert.strictEqual(ErrorChain.failedStep(view(cause))?.key, "a")
    assert.isUndefined(
      ErrorChain.failedStep(view([{ _tag: "Die", defect: { name: "Error", message: "of the body" } }]))
    )
  })
})
