import { assert, describe, it } from "@effect/vitest"
import { Signal, Step } from "@fermata/engine"
import { CrashHost } from "@fermata/testing"
import { Effect, Exit, Option, Ref, Schema } from "effect"
import { Activity, DurableDeferred } from "effect/workflow"
import { assertOutput, begin, define, echo, exitOf, Log, only, pass, verbs } from "./support.ts"

const W = define("W")

describe("suspense", () => {
  it.effect("P-31: the engine suspends and resumes a program of effect/workflow alone, with nothing about agents in it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Answer = DurableDeferred.make("answer", { success: Schema.Int })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const half = yield* Activity.make({
          name: "half",
          success: Schema.Int,
          execute: Effect.as(log.add("half"), 21)
        })
        return half + (yield* DurableDeferred.await(Answer))
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      const second = yield* world.restart(first, layer)
      const token = DurableDeferred.tokenFromExecutionId(Answer, { workflow: W, executionId: id })
      yield* second.use(DurableDeferred.succeed(Answer, { token, value: 21 }))
      yield* second.settled
      yield* assertOutput(second, W, id, 42)
      assert.deepStrictEqual(log.entries, ["half"])
    }))

  it.effect("P-32: memoised steps, outside answers, the task's key, the run's id and the steps' numbers each work alone", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const keyed = Step.make("keyed", {
        input: Schema.String,
        success: Schema.String,
        onCrash: "rerun",
        key: (text) => text,
        run: (text) => Effect.as(log.add(`keyed ${text}`), text)
      })
      const Memoised = define("Memoised")
      const Suspended = define("Suspended")
      const Keyed = define("Keyed")
      const layer = {
        memoised: Memoised.toLayer(() => Effect.andThen(echo(log)("x"), Effect.as(Effect.sleep("1 day"), "memoised"))),
        suspended: Suspended.toLayer(() => Signal.receive(Signal.make("answer", { schema: Schema.String }))),
        keyed: Keyed.toLayer((_, runId) =>
          Effect.map(Effect.all([keyed("a"), keyed("b"), keyed("a"), echo(log)("y"), echo(log)("z")]), () => runId)
        )
      }

      const first = yield* world.start(layer.memoised)
      const memoised = yield* begin(first, Memoised)
      const second = yield* world.restart(first, layer.memoised)
      yield* pass(second, "1 day")
      yield* assertOutput(second, Memoised, memoised, "memoised")
      assert.deepStrictEqual(log.entries, ["echo x"])

      const third = yield* world.start(layer.suspended)
      const suspended = yield* begin(third, Suspended)
      assert.deepStrictEqual(only(yield* world.journal(suspended), "StepRequested"), [])
      yield* world.tell(suspended, "signal", { name: "answer", payload: "from outside" })
      yield* assertOutput(third, Suspended, suspended, "from outside")

      const fourth = yield* world.start(layer.keyed)
      const one = yield* begin(fourth, Keyed, "task-1")
      assert.strictEqual(yield* begin(fourth, Keyed, "task-1"), one, "one task, one run")
      assert.notStrictEqual(yield* begin(fourth, Keyed, "task-2"), one)
      yield* assertOutput(fourth, Keyed, one, one)
      assert.deepStrictEqual(only(yield* world.journal(one), "StepRequested").map(({ key }) => key), [
        "keyed/a",
        "keyed/b",
        "echo",
        "echo~2"
      ])
    }))

  it.effect("P-33: the first execution of a suspended step records the wait and answers Suspended, and nothing behind it runs", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Ack = DurableDeferred.make("ack")
      const host = yield* world.start(W.toLayer(() => Effect.andThen(DurableDeferred.await(Ack), echo(log)("after"))))
      const id = yield* begin(host, W)
      const polled = yield* host.use(W.poll(id))
      assert.isTrue(Option.isSome(polled))
      assert.strictEqual(Option.getOrThrow(polled)._tag, "Suspended")
      const last = (yield* world.journal(id)).at(-1)
      assert.deepInclude(last, { _tag: "RunSuspended", waits: [{ reason: "signal", key: "ack" }] })
      assert.deepStrictEqual(log.entries, [])
    }))

  it.effect("P-34: a resolver writes the value to the journal, and the replay returns it and goes on once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Ack = DurableDeferred.make("ack", { success: Schema.String })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("before")
        const value = yield* DurableDeferred.await(Ack)
        yield* echo(log)(value)
        yield* Signal.receive(Signal.make("hold"))
        return value
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      const token = DurableDeferred.tokenFromExecutionId(Ack, { workflow: W, executionId: id })
      yield* second.use(DurableDeferred.succeed(Ack, { token, value: "acknowledged" }))
      yield* second.settled
      const [resolved] = only(yield* world.journal(id), "DeferredCompleted")
      assert.deepInclude(resolved, { name: "ack", inside: false, exit: { _tag: "Success", value: "acknowledged" } })
      const third = yield* world.restart(second, layer)
      yield* world.tell(id, "signal", { name: "hold", payload: null })
      yield* assertOutput(third, W, id, "acknowledged")
      assert.deepStrictEqual(log.entries, ["echo before", "echo acknowledged"])
    }))

  it.effect("P-35: a remote commit, a peer that has to catch up and an acknowledgement from outside are waited for across a restart", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Commit = define("Commit")
      const Peer = define("Peer")
      const Acknowledged = define("Acknowledged")
      const Committed = DurableDeferred.make("committed", { success: Schema.String })
      const Ack = Signal.make("ack", { schema: Schema.Struct({ by: Schema.String }) })
      const revision = yield* Ref.make(1)
      const look = Step.make("look", { success: Schema.Int, onCrash: "rerun", run: () => Ref.get(revision) })

      const commit = Commit.toLayer(Effect.fnUntraced(function*() {
        const token = yield* DurableDeferred.token(Committed)
        yield* Step.make("push", { onCrash: "rerun", run: () => log.add(`push ${token}`) })()
        return yield* DurableDeferred.await(Committed)
      }))
      const peer = Peer.toLayer(Effect.fnUntraced(function*() {
        let looks = 1
        for (; (yield* look()) < 3; looks++) yield* Effect.sleep("1 minute")
        return looks
      }))
      const acknowledged = Acknowledged.toLayer(() => Effect.map(Signal.receive(Ack), ({ by }) => by))

      const one = yield* world.start(commit)
      const committing = yield* begin(one, Commit)
      const two = yield* world.restart(one, commit)
      const token = DurableDeferred.Token.make(log.entries[0]!.slice("push ".length))
      yield* two.use(DurableDeferred.succeed(Committed, { token, value: "abc123" }))
      yield* two.settled
      yield* assertOutput(two, Commit, committing, "abc123")
      assert.lengthOf(log.entries, 1)

      const three = yield* world.start(peer)
      const following = yield* begin(three, Peer)
      yield* pass(three, "1 minute")
      yield* Ref.set(revision, 3)
      const four = yield* world.restart(three, peer)
      yield* pass(four, "59 seconds")
      assert.isUndefined(yield* exitOf(four, Peer, following))
      yield* pass(four, "1 second")
      yield* assertOutput(four, Peer, following, 3)

      const five = yield* world.start(acknowledged)
      const asking = yield* begin(five, Acknowledged)
      const six = yield* world.restart(five, acknowledged)
      const runs = yield* verbs(six)
      yield* runs.signal(asking, "ack", { by: "warehouse" })
      yield* six.settled
      yield* assertOutput(six, Acknowledged, asking, "warehouse")
    }))

  it.effect("P-36: two hosts with stores of their own know nothing of each other", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = W.toLayer(({ id }) =>
        Effect.andThen(echo(log)(id), Signal.receive(Signal.make("answer", { schema: Schema.String })))
      )
      const worlds = [yield* CrashHost.make, yield* CrashHost.make] as const
      const hosts = [yield* worlds[0].start(layer), yield* worlds[1].start(layer)] as const
      const id = yield* begin(hosts[0], W)
      assert.isNull(yield* Effect.orDie(worlds[1].backend.run(id)))
      assert.strictEqual(yield* begin(hosts[1], W), id)
      assert.deepStrictEqual(log.entries, ["echo 1", "echo 1"])
      yield* worlds[0].tell(id, "signal", { name: "answer", payload: "left" })
      yield* hosts[1].settled
      assert.deepStrictEqual(yield* exitOf(hosts[0], W, id), Exit.succeed("left"))
      assert.isUndefined(yield* exitOf(hosts[1], W, id))
      yield* worlds[1].tell(id, "signal", { name: "answer", payload: "right" })
      assert.deepStrictEqual(yield* exitOf(hosts[0], W, id), Exit.succeed("left"))
      assert.deepStrictEqual(yield* exitOf(hosts[1], W, id), Exit.succeed("right"))
    }))
})
