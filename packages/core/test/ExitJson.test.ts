import { assert, describe, it } from "@effect/vitest"
import { Cause, Exit } from "effect"
import * as ExitJson from "../src/ExitJson.ts"
import * as FailureText from "../src/FailureText.ts"

const throughText = (exit: Exit.Exit<unknown, unknown>, encoded?: boolean) =>
  ExitJson.fromJson(JSON.parse(JSON.stringify(ExitJson.toJson(exit))), encoded)

const defectOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect)[0] : undefined

describe("an exit as JSON", () => {
  it("comes back as it was: a value, no value, errors, interruption, and all of them together", () => {
    for (
      const exit of [
        Exit.succeed({ a: [1, null] }),
        Exit.succeed(null),
        Exit.succeed(undefined),
        Exit.fail({ _tag: "CardDeclined" }),
        Exit.failCause(
          Cause.fromReasons([Cause.makeFailReason(1), Cause.makeInterruptReason(), Cause.makeDieReason("gone")])
        )
      ]
    ) assert.deepStrictEqual(throughText(exit), exit)
  })

  it("keeps the name and the message of a defect", () => {
    const defect = defectOf(throughText(Exit.die(new TypeError("no such thing"))))
    assert.instanceOf(defect, Error)
    assert.strictEqual((defect as Error).name, "TypeError")
    assert.strictEqual((defect as Error).message, "no such thing")
  })

  it("leaves a defect that is JSON already as it is", () => {
    const defect = { name: "TypeError", message: "no such thing", stack: "at a", cause: { message: "b" }, more: [1] }
    assert.deepStrictEqual(ExitJson.toJson(Exit.die(defect)), { _tag: "Failure", cause: [{ _tag: "Die", defect }] })
    assert.deepStrictEqual(defectOf(throughText(Exit.die(defect), true)), defect)
    assert.isNull(defectOf(throughText(Exit.die(undefined), true)))
  })

  it("turns shapes that it never writes into a defect", () => {
    for (const reason of [1, null, {}, { _tag: "Fail" }, { _tag: "Die" }, { _tag: "Other", error: 1 }]) {
      assert.deepStrictEqual(defectOf(Exit.failCause(ExitJson.causeFromJson([reason]))), reason)
    }
    assert.deepStrictEqual(defectOf(Exit.failCause(ExitJson.causeFromJson("text"))), "text")
  })
})

describe("the sentence about a cause", () => {
  it("is the message of its first reason, with the tag of the error", () => {
    const sentences: ReadonlyArray<readonly [json: unknown, sentence: string]> = [
      [[], "failed without a reason"],
      [[{ _tag: "Interrupt" }, { _tag: "Fail", error: "later" }], "interrupted"],
      [[{ _tag: "Fail", error: "no funds" }], "no funds"],
      [[{ _tag: "Fail", error: { _tag: "CardDeclined", message: "no funds" } }], "CardDeclined: no funds"],
      [[{ _tag: "Die", defect: { name: "TypeError", message: "no such thing" } }], "no such thing"],
      [[{ _tag: "Fail", error: { message: "" } }], "{\"message\":\"\"}"],
      [[{ _tag: "Fail", error: { message: 7 } }], "{\"message\":7}"],
      [[{ _tag: "Fail", error: 7 }], "7"],
      ["text", "text"],
      [undefined, "failed without a reason"]
    ]
    for (const [json, sentence] of sentences) assert.strictEqual(FailureText.ofCause(json), sentence)
  })
})
