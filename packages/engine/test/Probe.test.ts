import { assert, describe, it } from "@effect/vitest"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Logger, Option, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log, pass, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const quiet = Effect.provide(Logger.layer([]))
const by = "ada"

/** A payment service, and a step that pays by it and dies with its process unless `works`. */
class Bank {
  readonly log = new Log()
  works = false
  /** What the bank says when it is asked. */
  answer: Effect.Effect<Option.Option<string>, unknown> = Effect.succeedNone
  readonly pay = Step.make("pay", {
    input: Schema.String,
    success: Schema.String,
    onCrash: "probe",
    probe: (what, { attempt, idempotencyKey, key }) =>
      Effect.andThen(
        this.log.add(`asked ${what} ${key} ${attempt} ${idempotencyKey.endsWith("pay")}`),
        Effect.suspend(() => this.answer)
      ),
    run: (what, { attempt }) =>
      Effect.andThen(
        this.log.add(`pays ${what} ${attempt}`),
        Effect.suspend(() => this.works ? Effect.succeed("paid") : Effect.never)
      )
  })
  readonly layer = W.toLayer(() => this.pay("rent"))
}

const asked = "asked rent pay 1 true"

/** Entries of the journal about steps, with what matters here. */
const steps = (world: CrashHost.World, id: string) =>
  Effect.map(world.journal(id), (entries) =>
    entries.flatMap((entry) => {
      switch (entry._tag) {
        case "StepRequested":
          return [
            `requested ${entry.key} ${entry.attempt}${entry.recovery === undefined ? "" : ` crash ${entry.recovery}`}${
              entry.probe ? " probe" : ""
            }`
          ]
        case "StepCompleted":
          return [
            `completed ${entry.key}${entry.probed ? " probed" : ""}${
              entry.settledBy === undefined ? "" : ` by ${entry.settledBy}`
            }`
          ]
        case "StepFailed":
          return [`failed ${entry.key}`]
        case "ProbeFailed":
          return [`probe failed ${entry.key}`]
        default:
          return []
      }
    }))

describe("onCrash: probe", () => {
  it.effect("S2: without a crash the probe is not asked, nor when an outcome is replayed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      bank.works = true
      const layer = W.toLayer(() => Effect.tap(bank.pay("rent"), () => Signal.receive(Go)))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      host = yield* world.restart(host, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(host, W, id, "paid")
      assert.deepStrictEqual(bank.log.entries, ["pays rent 1"])
      assert.deepStrictEqual(yield* steps(world, id), ["requested pay 1", "completed pay"])
    }).pipe(quiet))

  it.effect("S2: `probe`: what the probe finds done completes the step, and the journal says that it was the probe", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const first = yield* world.start(bank.layer)
      const id = yield* begin(first, W)
      bank.answer = Effect.succeedSome("paid before")
      const second = yield* world.restart(first, bank.layer)
      yield* second.settled
      yield* assertOutput(second, W, id, "paid before")
      assert.deepStrictEqual(bank.log.entries, ["pays rent 1", asked])
      assert.deepStrictEqual(yield* steps(world, id), [
        "requested pay 1",
        "requested pay 1 crash 1 probe",
        "completed pay probed"
      ])
      const view = yield* second.use(
        Effect.provide(Effect.flatMap(Runs.Runs, (runs) => runs.show(id)), Runs.Runs.layer)
      )
      assert.deepInclude(view.steps[0], {
        key: "pay",
        status: "completed",
        onCrash: "probe",
        probed: true,
        output: "paid before"
      })
    }).pipe(quiet))

  it.effect("S2: `probe`: what the probe does not find runs again, as a request of its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const first = yield* world.start(bank.layer)
      const id = yield* begin(first, W)
      bank.works = true
      const second = yield* world.restart(first, bank.layer)
      yield* second.settled
      yield* assertOutput(second, W, id, "paid")
      assert.deepStrictEqual(bank.log.entries, ["pays rent 1", asked, "pays rent 1"])
      assert.deepStrictEqual(yield* steps(world, id), [
        "requested pay 1",
        "requested pay 1 crash 1 probe",
        "requested pay 1 crash 1",
        "completed pay"
      ])
    }).pipe(quiet))

  it.effect("S2: a probe that fails, dies or answers what the schema refuses suspends the run with its error, through restarts, signals and evictions", () =>
    Effect.gen(function*() {
      const problems: ReadonlyArray<readonly [answer: Bank["answer"], told: string]> = [
        [Effect.fail(new Declined({ reason: "closed" })), `{"reason":"closed"}`],
        [Effect.fail({ code: 7n }), `{"code":"7n"}`],
        [Effect.die(new Error("no line to the bank")), "no line to the bank"],
        [Effect.succeedSome(7 as unknown as string), "its schema refuses the outcome"]
      ]
      for (const [answer, told] of problems) {
        const world = yield* CrashHost.make
        const bank = new Bank()
        bank.answer = answer
        let host = yield* world.start(bank.layer)
        const id = yield* begin(host, W)
        host = yield* world.restart(host, bank.layer)
        yield* host.settled
        const check = Effect.gen(function*() {
          assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
          const [wait] = yield* world.waits(id)
          assert.strictEqual(wait?.key, "pay")
          assert.include(wait?.detail, "its probe failed: ")
          assert.include(wait?.detail, told)
        })
        yield* check
        yield* host.evict
        yield* world.tell(id, "signal", { name: "go", payload: null })
        yield* check
        host = yield* world.restart(host, bank.layer)
        yield* host.settled
        yield* check
        assert.deepStrictEqual(bank.log.entries, ["pays rent 1", asked])
        assert.strictEqual((yield* world.journal(id)).filter((entry) => entry._tag === "ProbeFailed").length, 1)
        yield* host.kill
      }
    }).pipe(quiet))

  it.effect("S2: an operator settles what the probe could not: by a retry, which asks it again, by a value or by a failure", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const layer = W.toLayer(() => Effect.catchDefect(bank.pay("rent"), (defect) => Effect.succeed(String(defect))))
      const first = yield* world.start(layer)
      const ids = [
        yield* begin(first, W, "retry"),
        yield* begin(first, W, "complete"),
        yield* begin(first, W, "fail")
      ] as const
      bank.answer = Effect.die(new Error("no line to the bank"))
      const host = yield* world.restart(first, layer)
      yield* host.settled
      yield* world.tell(ids[0], "settle", { key: "pay", by, action: { _tag: "retry" } })
      assert.include(yield* world.run(ids[0]), { status: "suspended", reason: "outcome-unknown" })
      yield* world.tell(ids[1], "settle", { key: "pay", by, action: { _tag: "complete", output: 7 } })
      assert.include(yield* world.run(ids[1]), { status: "suspended", reason: "outcome-unknown" })
      yield* world.tell(ids[1], "settle", { key: "pay", by, action: { _tag: "complete", output: "paid by hand" } })
      yield* world.tell(ids[2], "settle", { key: "pay", by, action: { _tag: "fail", message: "the bank says no" } })
      bank.answer = Effect.succeedSome("paid before")
      yield* world.tell(ids[0], "settle", { key: "pay", by, action: { _tag: "retry" } })
      yield* assertOutput(host, W, ids[0], "paid before")
      yield* assertOutput(host, W, ids[1], "paid by hand")
      yield* assertOutput(host, W, ids[2], "SettledAsFailed: the bank says no")
      assert.strictEqual(bank.log.count("pays rent 1"), 3)
      assert.deepStrictEqual(yield* steps(world, ids[0]), [
        "requested pay 1",
        "requested pay 1 crash 1 probe",
        "probe failed pay",
        "requested pay 1 probe",
        "probe failed pay",
        "requested pay 1 probe",
        "completed pay probed"
      ])
    }).pipe(quiet))

  it.effect("S2: a step whose probe failed can be settled while another step keeps the run going", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const layer = W.toLayer(() => Effect.raceFirst(bank.pay("rent"), stuck(bank.log, "other", "rerun")()))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      bank.answer = Effect.die(new Error("no line to the bank"))
      const host = yield* world.restart(first, layer)
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "running")
      const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      assert.include(
        (yield* Effect.flip(runs.settle(id, "other", { by, action: { _tag: "retry" } }))).message,
        "these wait to be settled: pay"
      )
      yield* runs.settle(id, "pay", { by, action: { _tag: "complete", output: "paid by hand" } })
      yield* host.settled
      yield* assertOutput(host, W, id, "paid by hand")
    }).pipe(quiet))

  it.effect("S2: a body that an orderly stop interrupts may have acted, so its probe is asked, and no crash is counted", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      let host = yield* world.start(bank.layer)
      const id = yield* begin(host, W)
      for (let stop = 0; stop < 10; stop++) {
        yield* host.close
        host = yield* world.start(bank.layer)
      }
      assert.strictEqual((yield* world.run(id)).status, "running")
      assert.strictEqual(bank.log.count("pays rent 1"), 11)
      assert.strictEqual(bank.log.count(asked), 10)
      bank.answer = Effect.succeedSome("paid before")
      yield* host.close
      host = yield* world.start(bank.layer)
      yield* assertOutput(host, W, id, "paid before")
      assert.isTrue(
        (yield* world.journal(id)).every((entry) => entry._tag !== "StepRequested" || entry.recovery === undefined)
      )
    }))

  it.effect("S2: a body that was evicted while it waited for something durable may have acted, so its probe is asked", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const Child = define("child")
      const order = Step.make("order", {
        success: Schema.Unknown,
        onCrash: "probe",
        probe: () => Effect.andThen(bank.log.add("asked"), Effect.suspend(() => bank.answer)),
        run: () => Effect.andThen(bank.log.add("orders"), Effect.orDie(Child.execute({ id: "1" })))
      })
      const layer = W.toLayer(() => Effect.raceFirst(order(), Effect.andThen(Signal.receive(Go), Signal.receive(Go))))
      const host = yield* world.start(layer)
      const children = yield* world.start(Child.toLayer(() => Effect.as(Signal.receive(Go), "child")))
      const id = yield* begin(host, W)
      yield* children.settled
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* host.evict
      yield* host.settled
      bank.answer = Effect.succeedSome("ordered")
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(host, W, id, "ordered")
      assert.deepStrictEqual(bank.log.entries, ["orders", "asked"])
    }).pipe(quiet))

  it.effect("S13: crashes in the body and in the probe count together, and the run suspends as recovery", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      let host = yield* world.start(bank.layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 5; crash++) {
        bank.answer = crash % 2 === 0 ? Effect.never : Effect.succeedNone
        host = yield* world.restart(host, bank.layer)
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, "running")
      }
      host = yield* world.restart(host, bank.layer)
      yield* host.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
      assert.strictEqual(bank.log.count(asked), 5)
      bank.answer = Effect.succeedSome("paid before")
      yield* world.tell(id, "settle", { key: "pay", by, action: { _tag: "retry" } })
      yield* assertOutput(host, W, id, "paid before")
    }).pipe(quiet))

  it.effect("S8: a cancel interrupts the probe", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const first = yield* world.start(bank.layer)
      const id = yield* begin(first, W)
      bank.answer = Effect.onInterrupt(Effect.never, () => bank.log.add("interrupted"))
      const second = yield* world.restart(first, bank.layer)
      yield* second.settled
      yield* world.tell(id, "cancel", { kind: "cancel", by, reason: "enough" })
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.deepStrictEqual(bank.log.entries, ["pays rent 1", asked, "interrupted"])
    }).pipe(quiet))

  it.effect("S2: a probe that takes longer than the timeout of the step has failed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const slow = Step.make("slow", {
        onCrash: "probe",
        timeout: "10 seconds",
        probe: () => Effect.never,
        run: () => Effect.never
      })
      const layer = W.toLayer(() => slow())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* pass(second, "10 seconds")
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      assert.include((yield* world.waits(id))[0]?.detail, `Step "slow" took longer than its timeout of 10000 ms`)
    }).pipe(quiet))

  it.effect("S2: the probe is asked about the attempt that was in flight, and the policy goes on from there", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let crashes = true
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "probe",
        retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 2 })),
        probe: (_, { attempt }) => Effect.as(log.add(`asked ${attempt}`), Option.none()),
        run: (_, { attempt }) =>
          Effect.andThen(
            log.add(`runs ${attempt}`),
            Effect.suspend(() =>
              attempt === 2 && crashes ? Effect.never : Effect.fail(new Declined({ reason: `${attempt}` }))
            )
          )
      })
      const layer = W.toLayer(() => flaky())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      // A crash in the wait between attempts: the first one is recorded as failed, so there is nothing to ask.
      host = yield* world.restart(host, layer)
      yield* pass(host, "1 minute")
      crashes = false
      host = yield* world.restart(host, layer)
      yield* pass(host, "1 minute")
      assert.deepStrictEqual(log.entries, ["runs 1", "runs 2", "asked 2", "runs 2", "runs 3"])
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.fail(new Declined({ reason: "3" })))
    }).pipe(quiet))

  it.effect("S2: a step that lost a race and is asked for again is probed first", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const keyed = Step.make("keyed", {
        success: Schema.String,
        onCrash: "probe",
        key: () => "only",
        probe: () => Effect.as(log.add("asked"), Option.some("done after all")),
        run: () => Effect.andThen(log.add("runs"), Effect.never)
      })
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.timeoutOption(keyed(), "1 second")
        return yield* keyed()
      })))
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      yield* assertOutput(host, W, id, "done after all")
      assert.deepStrictEqual(log.entries, ["runs", "asked"])
    }))

  it.effect("S2: the code at hand decides: a step that has got a probe since it was requested is probed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const before = Step.make("pay", {
        input: Schema.String,
        success: Schema.String,
        onCrash: "ask",
        run: () => Effect.never
      })
      const first = yield* world.start(W.toLayer(() => before("rent")))
      const id = yield* begin(first, W)
      bank.answer = Effect.die(new Error("no line to the bank"))
      const second = yield* world.restart(first, bank.layer)
      yield* second.settled
      assert.include((yield* world.waits(id))[0]?.detail, "its probe failed")
      // And one that has lost its probe is not run without it.
      const third = yield* world.restart(second, W.toLayer(() => before("rent")))
      yield* third.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      assert.deepStrictEqual(bank.log.entries, [asked])
    }).pipe(quiet))
})

describe("onCrash: probe, in the body of a step", () => {
  it.effect("S2: a step in a step is probed when the outer one runs again and asks for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.andThen(bank.log.add("outer"), bank.pay("rent"))
      })
      const layer = W.toLayer(() => outer())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      bank.answer = Effect.succeedSome("paid before")
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* assertOutput(second, W, id, "paid before")
      assert.deepStrictEqual(bank.log.entries, ["outer", "pays rent 1", "outer", "asked rent outer/pay 1 true"])
    }).pipe(quiet))

  it.effect("S2: a probe that finds the outer step done leaves the inner one alone", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const bank = new Bank()
      const outer = Step.make("outer", {
        success: Schema.String,
        onCrash: "probe",
        probe: () => Effect.as(bank.log.add("outer asked"), Option.some("all done")),
        run: () => bank.pay("rent")
      })
      const layer = W.toLayer(() => Effect.tap(outer(), () => Signal.receive(Go)))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      host = yield* world.restart(host, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(host, W, id, "all done")
      assert.deepStrictEqual(bank.log.entries, ["pays rent 1", "outer asked"])
    }).pipe(quiet))

  it.effect("S2: the steps that a probe asks for are asked anew each time", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let ready = Deferred.makeUnsafe<void>()
      const look = echo(log, "look")
      const step = Step.make("step", {
        success: Schema.String,
        onCrash: "probe",
        probe: () =>
          Effect.as(
            Effect.andThen(look("is it there?"), Effect.suspend(() => Deferred.await(ready))),
            Option.some("there")
          ),
        run: () => Effect.andThen(look("first"), Effect.never)
      })
      const layer = W.toLayer(() => step())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      host = yield* world.restart(host, layer)
      yield* host.settled
      host = yield* world.restart(host, layer)
      yield* Deferred.succeed(ready, undefined)
      yield* host.settled
      yield* assertOutput(host, W, id, "there")
      assert.deepStrictEqual(log.entries, ["look first", "look is it there?", "look is it there?"])
    }).pipe(quiet))
})

describe("a crash at every write", () => {
  it.effect(
    "S2, S4: `probe`: what a service outside remembers is done once, whatever happens",
    () =>
      Effect.gen(function*() {
        let charges: Array<string> = []
        const charge = Step.make("charge", {
          input: Schema.String,
          success: Schema.String,
          onCrash: "probe",
          probe: (what) =>
            Effect.sync(() => charges.includes(what) ? Option.some(`receipt for ${what}`) : Option.none()),
          run: (what) =>
            Effect.sync(() => {
              charges.push(what)
              return `receipt for ${what}`
            })
        })
        const nested = Step.make("nested", { success: Schema.String, onCrash: "rerun", run: () => charge("inside") })
        const workflows = W.toLayer(Effect.fnUntraced(function*() {
          const first = yield* charge("rent")
          const both = yield* Effect.all([charge("food"), charge("heat")], { concurrency: 2 })
          yield* Effect.sleep("1 day")
          return [first, ...both, yield* nested()]
        }))
        const report = yield* CrashExplorer.explore({
          workflows,
          world: Effect.suspend(() => {
            charges = []
            return CrashHost.make
          }),
          outside: () => Effect.sync(() => charges.toSorted()),
          drive: (host) =>
            host.use(Effect.gen(function*() {
              yield* W.execute({ id: "1" }, { discard: true })
              yield* host.settled
              yield* TestClock.adjust("1 day")
              yield* host.settled
            }))
        })
        assert.isAbove(report.writes, 6)
        assert.strictEqual(report.crashes, report.writes * 2)
        assert.strictEqual(report.bodies, 5)
      })
  )
})

describe("the types of the rules", () => {
  it("S2: `probe` needs a probe, no other rule takes one, and `commit-together` has no timeout", () => {
    const run = () => Effect.void
    const probe = () => Effect.succeedNone
    Step.make("a", { onCrash: "probe", probe, run })
    // @ts-expect-error a probe is missing
    Step.make("a", { onCrash: "probe", run })
    // @ts-expect-error a probe has no use here
    Step.make("a", { onCrash: "rerun", probe, run })
    // @ts-expect-error a probe has no use here
    Step.make("a", { onCrash: "ask", probe, run })
    // @ts-expect-error a probe has no use here
    Step.make("a", { onCrash: "commit-together", probe, run })
    // @ts-expect-error a body that waits for nothing has no timeout
    Step.make("a", { onCrash: "commit-together", timeout: "1 second", run })
    Step.make("a", {
      success: Schema.String,
      onCrash: "probe",
      // @ts-expect-error the probe answers what the step does
      probe: () => Effect.succeedSome(1),
      run: () => Effect.succeed("a")
    })
    // @ts-expect-error there is no default
    Step.make("a", { run })
  })
})
