import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { type Duration, Effect, Fiber, Layer, Stream } from "effect"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import { begin, define } from "./support/Program.ts"

const Go = Signal.make("go")
const Child = define("Child")
const W = define("W")

const signal = Effect.asVoid(Signal.receive(Go))
const within = (time: Duration.Input) => <E, R>(body: Effect.Effect<void, E, R>) =>
  Effect.asVoid(Effect.timeoutOption(body, time))
const child = Effect.asVoid(Child.execute({ id: "c" }))
type Body = Effect.Effect<
  void,
  Effect.Error<typeof child>,
  Effect.Services<typeof signal> | Effect.Services<typeof child>
>

describe("Runs.follow with farMs", () => {
  it.effect("leaves a run that waits for somebody when time ends the wait only after that, and waits for time alone however far it is (S7)", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [title: string, body: Body, childBody: Body, isLeft: boolean]> = [
        ["a signal, at most a day", within("1 day")(signal), signal, true],
        ["a signal, at most ten seconds", within("10 seconds")(signal), signal, false],
        [
          "two signals, one for a day, one for ten seconds",
          Effect.asVoid(
            Effect.all([within("1 day")(signal), within("10 seconds")(Signal.receive(Signal.make("other")))], {
              concurrency: 2
            })
          ),
          signal,
          false
        ],
        ["a day", Effect.sleep("1 day"), signal, false],
        [
          "a day and two days",
          Effect.asVoid(Effect.all([Effect.sleep("1 day"), Effect.sleep("2 days")], { concurrency: 2 })),
          signal,
          false
        ],
        ["a child that waits for a signal, at most a day", child, within("1 day")(signal), true],
        [
          "a child that waits for a signal, for at most a day, itself at most two",
          within("2 days")(child),
          within("1 day")(signal),
          true
        ],
        ["a child that waits for a signal, for at most ten seconds", within("10 seconds")(child), signal, false],
        ["a child that waits a day", child, Effect.sleep("1 day"), false]
      ]
      for (const [title, body, childBody, isLeft] of cases) {
        const world = yield* CrashHost.make
        const host = yield* world.start(Layer.mergeAll(W.toLayer(() => body), Child.toLayer(() => childBody)))
        const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
        const id = yield* begin(host, W)
        const follower = yield* Effect.forkChild(
          Stream.runLast(runs.follow(id, { untilSuspended: true, farMs: 60_000 })),
          { startImmediately: true }
        )
        yield* host.settled
        assert.strictEqual(follower.pollUnsafe() !== undefined, isLeft, title)
        yield* Fiber.interrupt(follower)
      }
    }))
})
