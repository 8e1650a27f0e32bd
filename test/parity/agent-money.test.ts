import { assert, describe, it } from "@effect/vitest"
import { Agent, Policy } from "@fermata/agent"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Deferred, Effect } from "effect"
import { answer, call, calls, inTurn, stop, Wire, world } from "./AgentWorld.ts"

const day = 86_400_000
const options = { instructions: "Do it.", model: "m", limits: { maxTokens: 1_000 } } as const

/** Calls of it read 100 tokens and write 50, and reserve a little over 1,000. */
const limited = (dailyBudget: Agent.Budget, more: { readonly onBudget?: "finish" } = {}) =>
  Agent.make("agent", { ...options, ...more, dailyBudget })

const start = (agent: ReturnType<typeof limited>, ...ids: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const runs: Array<string> = []
    for (const id of ids) {
      runs.push(yield* agent.start("go", { id }))
      yield* (yield* TestHost).settled
    }
    return runs
  })

/** How much longer the UTC day is, in ms. */
const restOfDay = Effect.map(Clock.currentTimeMillis, (now) => day - now % day)

describe("a daily budget", () => {
  it.effect("N-50: is one for all runs of an agent; reached, a run waits as budget, says what is short and until when, and goes on by itself when the next day begins", () => {
    const agent = limited({ tokens: 1_250 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const [first, second, third] = yield* start(agent, "1", "2", "3")
      assert.deepStrictEqual([(yield* runs.find(first!)).status, (yield* runs.find(second!)).status], [
        "completed",
        "completed"
      ])
      const waiting = yield* runs.find(third!)
      assert.deepStrictEqual([waiting.status, waiting.reason], ["suspended", "budget"])
      const { detail, until } = waiting.waits[0]!
      assert.match(
        detail!,
        /^agent "agent" has spent 300 of 1250 tokens on 1970-01-01 \(UTC\), and its next call may cost \$.*, 10\d\d tokens$/
      )
      assert.strictEqual(until, day)
      assert.strictEqual((yield* Wire).length, 2)
      yield* host.adjust((yield* restOfDay) - 1)
      assert.strictEqual((yield* runs.find(third!)).status, "suspended")
      yield* host.adjust(1)
      assert.strictEqual((yield* runs.find(third!)).status, "completed")
      assert.deepStrictEqual(
        (yield* runs.spending({ workflow: "agent" })).map(({ day, reserved, spent }) => [day, spent.tokens, reserved]),
        [["1970-01-01", 300, {}], ["1970-01-02", 150, {}]]
      )
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: a raise of the run is for it alone, and makes it go on at once", () => {
    const agent = limited({ tokens: 1_250 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const [, , third, fourth] = yield* start(agent, "1", "2", "3", "4")
      yield* runs.raise(third!, { tokens: 500, by: "ada" })
      yield* (yield* TestHost).settled
      assert.deepStrictEqual([(yield* runs.find(third!)).status, (yield* runs.find(fourth!)).reason], [
        "completed",
        "budget"
      ])
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: a raise of the day is recorded with who and when, is for all runs and that day alone, and makes those that wait go on at once", () => {
    const agent = limited({ tokens: 1_250 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const started = yield* start(agent, "1", "2", "3", "4")
      const waiting = started.slice(2)
      const [wait] = (yield* runs.find(waiting[0]!)).waits
      assert.deepInclude(wait, { reason: "budget", day: "1970-01-01" })
      const at = yield* Clock.currentTimeMillis
      const raised = yield* runs.raiseDay("agent", { tokens: 300, by: "ada", note: "a release", id: "r" })
      assert.deepStrictEqual(raised, {
        workflow: "agent",
        day: "1970-01-01",
        result: "accepted",
        raised: { tokens: 300 },
        told: waiting.toSorted()
      })
      yield* host.settled
      // There is room for one of them at once, and for the other when that one has cost less than it reserved.
      const statuses = yield* Effect.forEach(waiting, (run) => runs.find(run))
      assert.deepStrictEqual(statuses.map(({ status }) => status).toSorted(), ["completed", "suspended"])
      yield* host.adjust("5 minutes")
      for (const run of waiting) assert.strictEqual((yield* runs.find(run)).status, "completed")
      assert.deepInclude(yield* runs.raiseDay("agent", { tokens: 900, by: "bob", id: "r" }), {
        result: "duplicate",
        raised: { tokens: 300 },
        told: []
      })
      assert.deepStrictEqual(yield* runs.dayRaises(), [
        { id: "r", workflow: "agent", day: "1970-01-01", raised: { tokens: 300 }, by: "ada", note: "a release", at }
      ])
      const sums = yield* runs.spending()
      assert.deepStrictEqual(sums.map(({ raised, spent }) => [spent.tokens, raised]), [[600, { tokens: 300 }]])
      // The run was told by whom, and its own budget is what it was.
      const { budget } = yield* runs.show(waiting[0]!)
      assert.deepStrictEqual(budget.raised, {})
      const told = (yield* runs.journal(waiting[0]!)).find(({ _tag }) => _tag === "SignalReceived")
      assert.deepInclude(told, { name: "engine.budget", by: "ada" })
      const [fifth] = yield* start(agent, "5")
      assert.match(
        (yield* runs.find(fifth!)).waits[0]!.detail!,
        /^agent "agent" has spent 600 of 1550 tokens on 1970-01-01 /
      )
      yield* host.adjust(yield* restOfDay)
      assert.strictEqual((yield* runs.find(fifth!)).status, "completed")
      const [, , third] = yield* start(agent, "6", "7", "8")
      assert.match(
        (yield* runs.find(third!)).waits[0]!.detail!,
        /^agent "agent" has spent 300 of 1250 tokens on 1970-01-02 /
      )
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: a call that may cost more than a whole day waits for a raise of this day, or for a later one that was raised", () => {
    const agent = limited({ tokens: 100 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      const [first, second] = yield* start(agent, "1", "2")
      yield* runs.raiseDay("agent", { tokens: 1_000, by: "ada" })
      yield* host.settled
      // The first has spent 150 of them, and the second wants a thousand more.
      const statuses = yield* Effect.forEach([first!, second!], (run) => runs.find(run))
      const left = statuses.find(({ status }) => status === "suspended")!
      assert.deepStrictEqual(statuses.map(({ status }) => status).toSorted(), ["completed", "suspended"])
      yield* host.adjust(yield* restOfDay)
      assert.isUndefined((yield* runs.find(left.id)).waits[0]!.until, "the next day has too little again")
      yield* runs.raiseDay("agent", { tokens: 1_100, by: "ada", day: "1970-01-05" })
      yield* host.settled
      assert.strictEqual((yield* runs.find(left.id)).waits[0]!.until, 4 * day)
      yield* host.adjust(3 * day)
      assert.strictEqual((yield* runs.find(left.id)).status, "completed")
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: a call that is too dear for this day waits for the next that was raised enough for it, also where nobody told the run of that", () => {
    const agent = limited({ tokens: 100 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      // Nothing is served before a run has begun.
      yield* start(agent, "0")
      yield* runs.raiseDay("agent", { tokens: 50, by: "ada", day: "1970-01-02" })
      yield* runs.raiseDay("agent", { tokens: 3_000, by: "ada", day: "1970-01-03" })
      yield* runs.raiseDay("agent", { tokens: 9_000, by: "ada", day: "1970-01-04" })
      const [run] = yield* start(agent, "1")
      assert.deepStrictEqual((yield* runs.journal(run!)).filter(({ _tag }) => _tag === "SignalReceived"), [])
      assert.strictEqual((yield* runs.find(run!)).waits[0]!.until, 2 * day)
      yield* host.adjust((yield* restOfDay) + day - 1)
      assert.strictEqual((yield* runs.find(run!)).status, "suspended")
      yield* host.adjust(1)
      assert.strictEqual((yield* runs.find(run!)).status, "completed")
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  const neighbours: ReadonlyArray<readonly [raised: string, day: string, on: string]> = [
    ["this day", "1970-01-01", "1970-01-01"],
    ["the next", "1970-01-02", "1970-01-02"],
    ["one behind it", "1970-01-04", "1970-01-04"]
  ]
  for (const when of ["before it asks", "while it waits"]) {
    for (const [raised, ofDay, on] of neighbours) {
      it.effect(`N-50: a call that is too dear is made on ${raised}, where that is raised ${when}`, () => {
        const agent = limited({ tokens: 100 })
        return Effect.gen(function*() {
          const runs = yield* Runs
          const host = yield* TestHost
          const raise = runs.raiseDay("agent", { tokens: 1_000, by: "ada", day: ofDay })
          yield* start(agent, "first")
          if (when === "before it asks") yield* raise
          yield* start(agent, "second")
          if (when === "while it waits") yield* raise
          yield* host.settled
          for (let day = 0; day < 5; day++) yield* host.adjust(yield* restOfDay)
          const rows = (yield* runs.spending()).map(({ day, spent }) => [day, spent.tokens])
          assert.deepStrictEqual(rows.filter(([, tokens]) => tokens !== undefined), [[on, 150]])
          // One of the two has it all.
          const statuses = (yield* runs.list()).map(({ status }) => status)
          assert.deepStrictEqual(statuses.toSorted(), ["completed", "suspended"])
          assert.isUndefined((yield* runs.list({ status: ["suspended"] }))[0]!.waits[0]!.until)
        }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
      })
    }
  }

  it.effect("N-50: at midnight a run goes by what the new day was raised by, and not by what the old one was", () => {
    const agent = limited({ tokens: 100 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const host = yield* TestHost
      yield* start(agent, "0")
      yield* runs.raiseDay("agent", { tokens: 1_050, by: "ada" })
      yield* host.settled
      yield* runs.raiseDay("agent", { tokens: 2_200, by: "ada", day: "1970-01-02" })
      const [second, third] = yield* start(agent, "1", "2")
      for (const run of [second!, third!]) assert.strictEqual((yield* runs.find(run)).waits[0]!.until, day)
      yield* host.adjust(yield* restOfDay)
      for (const run of [second!, third!]) assert.strictEqual((yield* runs.find(run)).status, "completed")
      assert.deepStrictEqual((yield* runs.spending()).map(({ day, spent }) => [day, spent.tokens]), [
        ["1970-01-01", 150],
        ["1970-01-02", 300]
      ])
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: what is no raise of a day is refused in one sentence, and nothing is recorded", () => {
    const agent = limited({ tokens: 1_250 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      yield* start(agent, "1")
      const refused = (given: Partial<Parameters<typeof runs.raiseDay>[1]>, workflow = "agent") =>
        Effect.map(Effect.flip(runs.raiseDay(workflow, { by: "ada", ...given })), ({ message }) => message)
      assert.deepStrictEqual(
        yield* Effect.all([
          refused({}),
          refused({ tokens: -1 }),
          refused({ micros: 0.5 }),
          refused({ tokens: 1, day: "1970-02-30" }),
          refused({ tokens: 1, day: "1969-12-31" })
        ]),
        [
          "say by how much: by money, by tokens, or by both",
          "tokens is -1, and has to be a whole number from 0 on",
          "micros is 0.5, and has to be a whole number from 0 on",
          "\"1970-02-30\" is no day; say it as 1970-01-01",
          "1969-12-31 is over: it is 1970-01-01 (UTC), and a call counts on the day on which it is made"
        ].map((problem) => `What "agent" may spend on a day is not raised: ${problem}`)
      )
      assert.include(yield* refused({ tokens: 1 }, "agend"), "agend")
      assert.deepStrictEqual(yield* runs.dayRaises(), [])
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: holds for calls that are made at once; who finds too little left beside them looks again while they are in flight, and on the same day", () => {
    const agent = limited({ tokens: 2_500 })
    return Effect.gen(function*() {
      const open = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        const runs = yield* Runs
        const host = yield* TestHost
        const started = yield* start(agent, "1", "2", "3", "4")
        assert.strictEqual((yield* Wire).length, 2, "two calls of a thousand tokens fit beside each other")
        const waiting = yield* runs.find(started[2]!)
        assert.strictEqual(waiting.reason, "budget")
        assert.include(waiting.waits[0]!.detail!, "calls in flight may spend")
        assert.isBelow(waiting.waits[0]!.until!, 60_000)
        yield* Deferred.succeed(open, undefined)
        yield* host.settled
        yield* host.adjust("5 minutes")
        for (const run of started) assert.strictEqual((yield* runs.find(run)).status, "completed")
        const [sum] = yield* runs.spending()
        assert.deepStrictEqual([sum!.spent.tokens, sum!.reserved], [600, {}])
      }).pipe(
        Effect.provide(world(() => Effect.as(Deferred.await(open), answer("done")), agent.layer))
      )
    })
  })

  it.effect("N-50: of less than one call may cost waits for nobody's tomorrow, and says so", () => {
    const agent = limited({ tokens: 100 })
    return Effect.gen(function*() {
      const [run] = yield* start(agent, "1")
      const [wait] = (yield* (yield* Runs).find(run!)).waits
      assert.isUndefined(wait!.until)
      assert.match(wait!.detail!, /may cost .*, more than a whole day may$/)
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: in money is held by prices, and one that nobody knows is counted high", () => {
    const agent = limited({ usd: 0.19 })
    return Effect.gen(function*() {
      const runs = yield* Runs
      const [run] = yield* start(agent, "1")
      const [wait] = (yield* runs.find(run!)).waits
      // A hundred and eighty dollars for a million tokens of an answer, of which there may be a thousand.
      assert.strictEqual(wait, undefined)
      const [second] = yield* start(agent, "2")
      assert.match((yield* runs.find(second!)).waits[0]!.detail!, /^agent "agent" has spent \$0.012 of \$0.19 on /)
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("M-77, N-50: may end the run with what there is instead", () => {
    const agent = limited({ tokens: 1_100 }, { onBudget: "finish" })
    return Effect.gen(function*() {
      yield* start(agent, "1")
      const { output, stopped, turns } = yield* agent.run("go")
      assert.deepStrictEqual([output, stopped, turns], ["", "budget", 0])
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("N-50: what subagents spend is theirs, in sums and against limits, and rows of runs count everything once", () => {
    const helper = limited({ tokens: 1_100 })
    const boss = Agent.make("boss", {
      ...options,
      model: "b",
      agents: [helper],
      policy: Policy.open,
      dailyBudget: { tokens: 1_700 }
    })
    return Effect.gen(function*() {
      const runs = yield* Runs
      yield* boss.run("go")
      const sums = (yield* runs.spending({ groupBy: ["workflow"] })).map((
        { spent, workflow }
      ) => [workflow, spent.tokens])
      assert.deepStrictEqual(sums, [["agent", 150], ["boss", 300]])
      assert.deepStrictEqual(
        (yield* runs.list()).map(({ spent, workflow }) => [workflow, spent?.tokens]),
        [["agent", 150], ["boss", 300]]
      )
      const again = yield* boss.start("go", { id: "again" })
      yield* (yield* TestHost).settled
      const [child] = (yield* runs.show(again)).children
      assert.strictEqual((yield* runs.find(child!.child)).reason, "budget")
    }).pipe(
      Effect.provide(
        world(
          {
            b: (_, turn) => turn === 0 ? calls(call("a", "agent", { prompt: "help" })) : answer("done"),
            m: inTurn([...answer("helped").slice(0, -1), stop()])
          },
          boss.layer,
          helper.layer
        )
      )
    )
  })
})
