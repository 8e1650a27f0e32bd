import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import { StepFailure } from "../src/StepFailure.ts"

const of = (cause: Cause.Cause<unknown>) => {
  const { message, reason, retryable } = StepFailure.ofCause(cause)
  return { reason, message, retryable }
}

describe("the failure that a cause amounts to", () => {
  it("is the one that the step failed with", () => {
    const failure = new StepFailure({ reason: "task", message: "full", retryable: true, data: { left: 0 } })
    assert.strictEqual(StepFailure.ofCause(Cause.fail(failure)), failure)
  })

  it("is unexpected, and not to be repeated, for whatever else was thrown", () => {
    const unexpected = (message: string) => ({ reason: "unexpected", message, retryable: false })
    assert.deepStrictEqual(of(Cause.die(new Error("broken"))), unexpected("broken"))
    assert.deepStrictEqual(of(Cause.fail({ _tag: "Other", message: "odd" })), unexpected("odd"))
    assert.deepStrictEqual(of(Cause.die("text")), unexpected("text"))
    assert.deepStrictEqual(of(Cause.die(null)), unexpected("null"))
    assert.deepStrictEqual(of(Cause.die({ message: 7, toString: () => "seven" })), unexpected("seven"))
  })

  it("is a timeout when the step ran out of time, told by its tag or its name", () => {
    assert.strictEqual(of(Cause.die({ _tag: "StepTimedOut", message: "late" })).reason, "timeout")
    assert.strictEqual(of(Cause.die({ name: "StepTimedOut", message: "late" })).reason, "timeout")
    assert.strictEqual(of(Cause.die({ _tag: "Other", name: "StepTimedOut", message: "late" })).reason, "unexpected")
  })

  it("shows expressions its data only when there is any", () => {
    const failure = { reason: "task", message: "full", retryable: true } as const
    assert.deepStrictEqual(new StepFailure(failure).json, { reason: "task", message: "full" })
    assert.deepStrictEqual(new StepFailure({ ...failure, data: null }).json, {
      reason: "task",
      message: "full",
      data: null
    })
  })
})
