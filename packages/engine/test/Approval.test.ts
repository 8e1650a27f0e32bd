import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Approval from "../src/Approval.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { assertOutput, begin, define } from "./support/Program.ts"

describe("Approval", () => {
  it.effect("an answer with a choice that was not offered is passed over with a note", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(() =>
        Effect.map(
          Effect.orDie(Approval.ask("color", { prompt: "Which?", approvers: ["ada"], choices: ["red", "blue"] })),
          (answer) => answer.choice
        )))
      const id = yield* begin(host, W)
      yield* world.tell(id, "answer", { key: "color", decision: "approve", by: "ada", choice: "green" })
      assert.include(yield* world.run(id), { status: "suspended", reason: "approval" })
      assert.isTrue((yield* world.journal(id)).some((entry) => entry._tag === "Note" && entry.kind === "answer-refused"))
      yield* world.tell(id, "answer", { key: "color", decision: "approve", by: "ada", choice: "blue" })
      yield* assertOutput(host, W, id, "blue")
    }))
})
