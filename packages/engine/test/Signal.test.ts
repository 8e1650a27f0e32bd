import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Signal from "../src/Signal.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { assertOutput, begin, define } from "./support/Program.ts"

const Word = Signal.make("word", { schema: Schema.String })

describe("Signal", () => {
  it.effect("S6: a signal that comes twice under one id counts once, and its second row leaves the inbox", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => Effect.all([Signal.receive(Word), Signal.receive(Word)])))
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "word", payload: "a" }, { id: "one" })
      yield* world.tell(id, "signal", { name: "word", payload: "a" }, { id: "one" })
      assert.deepStrictEqual(yield* world.inbox(id), [])
      yield* world.tell(id, "signal", { name: "word", payload: "b" }, { id: "two" })
      yield* assertOutput(host, W, id, ["a", "b"])
    }))
})
