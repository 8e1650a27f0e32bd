import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Exit, Layer, Logger, Schema } from "effect"
import { Workflow } from "effect/workflow"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as ReadOnlyBackend from "../src/ReadOnlyBackend.ts"
import * as Replay from "../src/Replay.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, echo, exitOf, Log, untilKilled } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")
const Verdict = Schema.Struct({ verdict: Schema.Literals(["allow", "deny"]), at: Schema.Date })
const at = new Date("2026-01-02T03:04:05.678Z")

/** Decides by a policy that is configuration, waits, and acts by what was decided. */
const governed = (log: Log, policy: () => (typeof Verdict)["Type"]["verdict"]) =>
  W.toLayer(Effect.fnUntraced(function*() {
    const decided = yield* Workflows.decide("policy", Verdict, () => {
      log.entries.push(`asked ${policy()}`)
      return { verdict: policy(), at }
    })
    yield* Signal.receive(Go)
    if (decided.verdict === "allow") yield* echo(log)("x")
    yield* Signal.receive(Go)
    return [decided.verdict, decided.at.getTime()]
  }))

const verdictOf = (host: CrashHost.Host, id: string) =>
  Effect.map(host.use(Effect.provide(Replay.run(id), Runs.layer)), ({ difference, verdict }) => ({
    verdict,
    ...(difference === undefined ? {} : { key: difference.key, detail: difference.detail })
  }))

const decisionsOf = (world: CrashHost.World, id: string) =>
  Effect.map(world.journal(id), (journal) => journal.flatMap((entry) => entry._tag === "Decided" ? [entry] : []))

describe("Workflows.decide", () => {
  it.effect("S9: what was decided holds after a restart and an eviction under code that would decide otherwise", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const first = yield* world.start(governed(log, () => "allow"))
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, governed(log, () => "deny"))
      assert.deepStrictEqual(yield* verdictOf(second, id), { verdict: "fits" })
      yield* world.tell(id, "signal", go)
      yield* second.evict
      assert.deepStrictEqual(yield* verdictOf(second, id), { verdict: "fits" })
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, ["allow", at.getTime()])
      assert.deepStrictEqual(log.entries, ["asked allow", "echo x"])
      assert.deepStrictEqual(
        (yield* decisionsOf(world, id)).map(({ key, name, value }) => ({ key, name, value })),
        [{ key: "policy", name: "policy", value: { verdict: "allow", at: at.toISOString() } }]
      )
    }))

  it.effect("it costs no commit of its own, and is shown with its run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const decide = Workflows.decide("n", Schema.Int, () => 7)
      const bodyOf = (isDeciding: boolean) =>
        W.toLayer(() => Effect.andThen(isDeciding ? decide : Effect.void, Effect.andThen(echo(log)("x"), decide)))
      const writes: Array<number> = []
      for (const isDeciding of [false, true]) {
        const host = yield* world.start(bodyOf(isDeciding))
        const before = host.writes()
        const id = yield* begin(host, W, String(isDeciding))
        writes.push(host.writes() - before)
        yield* assertOutput(host, W, id, 7)
        const view = RunView.of(id, yield* world.journal(id))
        assert.deepStrictEqual(
          view.decisions.map(({ key, value }) => [key, value]),
          isDeciding ? [["n", 7], ["n~2", 7]] : [["n", 7]]
        )
        yield* host.kill
        yield* world.adjustHost(60_000)
      }
      assert.strictEqual(writes[0], writes[1])
    }))

  it.effect("S1: a crash before what follows is recorded takes a decision back, and behind that it is never made again", () =>
    Effect.gen(function*() {
      for (const when of ["before", "after"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        let asked = 0
        const layer = W.toLayer(() =>
          Effect.gen(function*() {
            const value = yield* Workflows.decide("n", Schema.Int, () => ++asked)
            return yield* Effect.as(echo(log)(`${value}`), value)
          })
        )
        // The first write starts the run, the second has the decision and the request of the step.
        const first = yield* world.start(layer, { killAt: { count: 2, when } })
        yield* Effect.raceFirst(begin(first, W), untilKilled(first))
        const second = yield* world.restart(first, layer)
        const id = yield* W.executionId({ id: "1" })
        const value = when === "before" ? 2 : 1
        yield* assertOutput(second, W, id, value)
        assert.deepStrictEqual(log.entries, [`echo ${value}`])
        assert.strictEqual(asked, value)
      }
    }))

  it.effect("decisions of one name are numbered as they are asked for, also by branches and in a loop, and names do not meet", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let count = 0
      const next = (name: string) => Workflows.decide(name, Schema.Int, () => ++count)
      const layer = W.toLayer(() =>
        Effect.gen(function*() {
          const odd = yield* next("n~2")
          const some = yield* Effect.forEach([1, 2, 3], () => Effect.andThen(Effect.yieldNow, next("n")), {
            concurrency: 2
          })
          const inside = yield* Step.within(next("n"), "each[1]/")
          yield* Signal.receive(Go)
          return [odd, ...some, inside, yield* next("n")]
        })
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      count = 100
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, [1, 2, 3, 4, 5, 101])
      assert.deepStrictEqual(
        (yield* decisionsOf(world, id)).map(({ key }) => key),
        ["n~2", "n", "~n~2", "n~3", "each[1]/n", "n~4"]
      )
    }))

  it.effect("S9: a run that has passed the place diverges where a decision was added, taken out or renamed, and one that is there does not", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const decide = (name: string) => Workflows.decide(name, Schema.Int, () => 1)
      const bodyOf = (...names: ReadonlyArray<string>) =>
        W.toLayer(() =>
          Effect.gen(function*() {
            for (const name of names) yield* decide(name)
            yield* Signal.receive(Go)
            yield* echo(log)("x")
            yield* Signal.receive(Go)
          })
        )
      const first = yield* world.start(bodyOf("a"))
      const waiting = yield* begin(first, W, "waiting")
      const passed = yield* begin(first, W, "passed")
      yield* world.tell(passed, "signal", go)
      yield* first.kill
      /** In a process that only looks. */
      const found = (...names: ReadonlyArray<string>) =>
        Effect.forEach(
          [waiting, passed],
          (id) =>
            Effect.map(Replay.run(id), ({ difference, verdict }) =>
              difference === undefined ? verdict : `${verdict} at ${difference.key}`)
        ).pipe(
          Effect.provide(
            Runs.layer.pipe(
              Layer.provideMerge(bodyOf(...names)),
              Layer.provideMerge(TestHost.layerOf(ReadOnlyBackend.make(MemoryBackend.make(world.store))))
            )
          )
        )
      // Nothing is settled behind the first wait of the run that waits there, so it takes the new decision.
      assert.deepStrictEqual(yield* found("a", "b"), ["fits", "breaks at b"])
      assert.deepStrictEqual(yield* found(), ["breaks at a", "breaks at a"])
      assert.deepStrictEqual(yield* found("b"), ["breaks at a", "breaks at b"])
      assert.deepStrictEqual(yield* found("a"), ["fits", "fits"])
    }))

  it.effect("S9: with `patched` a decision is added before a place that runs have passed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const bodyOf = (isNew: boolean) =>
        W.toLayer(() =>
          Effect.gen(function*() {
            yield* Signal.receive(Go)
            const way = isNew && (yield* Workflows.patched("ask"))
              ? yield* Workflows.decide("way", Schema.String, () => "new")
              : "old"
            yield* echo(log)("x")
            yield* Signal.receive(Go)
            return way
          })
        )
      const first = yield* world.start(bodyOf(false))
      const passed = yield* begin(first, W, "passed")
      const coming = yield* begin(first, W, "coming")
      yield* world.tell(passed, "signal", go)
      const second = yield* world.restart(first, bodyOf(true))
      yield* world.tell(coming, "signal", go)
      for (const id of [passed, coming]) yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, passed, "old")
      yield* assertOutput(second, W, coming, "new")
    }))

  it.effect("S9: a recorded value that its schema no longer reads is a divergence, and no failure of the run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bodyOf = (schema: Schema.Top) =>
        W.toLayer(() => Effect.andThen(Workflows.decide("limit", schema, () => "none"), Signal.receive(Go)))
      const first = yield* world.start(bodyOf(Schema.String))
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, bodyOf(Schema.Int))
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      const [wait] = yield* world.waits(id)
      assert.strictEqual(wait?.key, "limit")
      assert.match(wait?.detail ?? "", /the recorded value of decision "limit" does not fit its schema/)
      yield* second.kill
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S17: what is thrown is a defect of the body, and what cannot be stored is refused by name; nothing of either is recorded", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(({ id }) =>
        id === "throws"
          ? Workflows.decide("policy", Schema.Int, () => {
            throw new TypeError("no policy")
          })
          : id === "unfit"
          ? Workflows.decide("policy", Schema.Int, () => 1.5)
          : Workflows.decide("policy", Schema.Any, () => ({ limit: 10n }))
      )
      const host = yield* world.start(layer)
      const wrong = {
        throws: /TypeError: no policy/,
        unfit:
          /The value of decision "policy" in run \w+ of workflow "W" cannot be stored: its schema refuses the value: SchemaError: Expected an integer/,
        bigint: /The value of decision "policy" in run \w+ of workflow "W" cannot be stored: .*bigint/
      }
      for (const [what, message] of Object.entries(wrong)) {
        const id = yield* begin(host, W, what)
        assert.match(String(yield* exitOf(host, W, id)), message)
        assert.isEmpty(yield* decisionsOf(world, id))
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S9: one that is refused takes its number, so that a replay gives nobody the value of a later one", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let answers = 0
      const bodyOf = (policy: () => number) =>
        W.toLayer(() =>
          Effect.gen(function*() {
            const first = yield* Effect.exit(Workflows.decide("n", Schema.Int, policy))
            const second = yield* Workflows.decide("n", Schema.Int, () => ++answers)
            yield* Signal.receive(Go)
            return [Exit.isFailure(first), second]
          })
        )
      const broken = () => {
        throw new Error("broken")
      }
      const first = yield* world.start(bodyOf(broken))
      const id = yield* begin(first, W)
      yield* world.tell(yield* begin(first, W, "told"), "signal", go)
      const second = yield* world.restart(first, bodyOf(broken))
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, [true, 1])
      const mended = yield* world.restart(second, bodyOf(() => 5))
      assert.deepInclude(yield* verdictOf(mended, id), { verdict: "breaks", key: "n" })
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S9: where a policy that throws has suspended the run, it is asked again once an operator resumes it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Parking = W.annotate(Workflow.SuspendOnFailure, true)
      let broken = true
      const layer = Parking.toLayer(() =>
        Effect.andThen(
          Workflows.decide("first", Schema.String, () => "kept"),
          Workflows.decide("policy", Schema.String, () => {
            if (broken) throw new Error("broken")
            return "allow"
          })
        )
      )
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).reason, "operator")
      broken = false
      yield* world.tell(id, "resume", { by: "ada" })
      yield* assertOutput(host, W, id, "allow")
      assert.deepStrictEqual((yield* decisionsOf(world, id)).map(({ key }) => key), ["first", "policy"])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("a large value is kept in a blob, and read from there", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let letter = "x"
      const layer = W.toLayer(() =>
        Effect.gen(function*() {
          const text = yield* Workflows.decide("text", Schema.String, () => letter.repeat(100_000))
          yield* Signal.receive(Go)
          return `${text[0]}${text.length}`
        })
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      letter = "y"
      const second = yield* world.restart(first, layer)
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, "x100000")
      assert.isBelow((yield* world.rows(id)).join("").length, 2_000)
    }))

  it.effect("it is asked for in the body of a workflow, and nowhere else", () =>
    Effect.gen(function*() {
      const decide = Workflows.decide("n", Schema.Int, () => 1)
      assert.include(
        String(yield* Effect.exit(decide as Effect.Effect<number>)),
        "Decision \"n\" is made in the body of a workflow, not in a step or outside a run"
      )
      const world = yield* CrashHost.make
      const Inside = Step.make("inside", { success: Schema.Int, onCrash: "rerun", run: () => decide })
      const host = yield* world.start(Layer.mergeAll(W.toLayer(() => Inside())))
      const id = yield* begin(host, W)
      assert.include(String(yield* exitOf(host, W, id)), "not in a step or outside a run")
    }).pipe(Effect.provide(Logger.layer([]))))
})
