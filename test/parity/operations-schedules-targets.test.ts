/** Agents and contracts that work at times. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentSchedule } from "@fermata/agent"
import { ContractValidation, StandardShapes } from "@fermata/contracts"
import { Contracts } from "@fermata/contracts/Contracts"
import { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { answer, inTurn, said, Wire, world } from "./AgentWorld.ts"

const minute = 60_000

const Digest = Agent.make("daily-digest", {
  instructions: "You write digests.",
  model: "m",
  input: Schema.Struct({ topic: Schema.String }),
  prompt: ({ topic }) => `Sum up the day: ${topic}`
})
const digest = AgentSchedule.make("digest", {
  agent: Digest,
  input: { topic: "payments" },
  spec: { cron: "0 6 * * *", zone: "Europe/Berlin" }
})

const contract = (version: string, triggers: ReadonlyArray<object>, steps: ReadonlyArray<object> = []) => ({
  schemaVersion: "fermata.contract.v1",
  id: "night",
  version,
  title: "Night",
  triggers,
  permissions: [{ kind: "workflow:call" }],
  entryStepId: "begin",
  steps: [
    {
      id: "begin",
      name: "Begin",
      kind: "transform",
      next: steps.length === 0 ? null : "digest",
      set: { slot: "{{ trigger.slot }}" }
    },
    ...steps
  ],
  output: "{{ trigger }}"
})

const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const listed = Effect.flatMap(Runs, (runs) => runs.list({ limit: 50 }))

describe("what works at times", () => {
  it.effect("P-59: a schedule turns a tick of the clock into a turn of an agent, with the prompt that is made of its input", () =>
    Effect.gen(function*() {
      const host = yield* TestHost
      yield* host.adjust(6 * 60 * minute)
      const [run, ...others] = yield* listed
      assert.isEmpty(others)
      assert.deepInclude(run, { workflow: "daily-digest", status: "completed" })
      const [asked] = yield* Wire
      assert.include(said(asked!).join(), "Sum up the day: payments")
      const view = yield* Effect.flatMap(Runs, (runs) => runs.show(run!.id))
      assert.deepInclude(view.trigger?.schedule, { name: "digest", slot: 5 * 60 * minute })
      // Said once more, as when its process starts anew, it is the same schedule.
      yield* Effect.provide(Effect.void, digest)
      yield* host.adjust(24 * 60 * minute)
      assert.lengthOf(yield* listed, 2)
    }).pipe(Effect.provide(world(inTurn(answer("All paid.")), Layer.merge(Digest.layer, Layer.orDie(digest))))))

  it.effect("P-59: a contract says in its document when an agent takes a turn", () =>
    Effect.gen(function*() {
      const contracts = yield* Contracts
      yield* contracts.add(contract("1.0.0", [{ type: "schedule", everyMs: 10 * minute }], [
        {
          id: "digest",
          name: "Digest",
          kind: "llm",
          agent: "daily-digest",
          input: { topic: "{{ trigger.schedule }}" },
          next: null
        }
      ]))
      yield* adjust(10 * minute)
      const runs = yield* listed
      assert.deepStrictEqual(runs.map(({ status, workflow }) => `${workflow} ${status}`).toSorted(), [
        "daily-digest completed",
        "night completed"
      ])
      assert.include(said((yield* Wire)[0]!).join(), "Sum up the day: contract:night")
    }).pipe(
      Effect.provide(Contracts.layerServing()),
      Effect.provide(world(inTurn(answer("Done.")), Digest.layer))
    ))

  it.effect("the schedules of a contract are those of its newest version, and go with it", () =>
    Effect.gen(function*() {
      const contracts = yield* Contracts
      const schedules = yield* Schedules
      const names = Effect.map(
        schedules.list(),
        (all) => all.map(({ name, sentence }) => `${name}: ${sentence.split(";")[0]}`)
      )
      yield* contracts.add(contract("1.0.0", [
        { type: "schedule", cron: "@daily", zone: "Europe/Berlin", input: { of: "sales" } },
        { type: "schedule", everyMs: 3_600_000, overlap: "allow-all" }
      ]))
      assert.deepStrictEqual(yield* names, [
        "contract:night: at 00:00 every day (Europe/Berlin)",
        "contract:night:2: every 1 h"
      ])
      yield* schedules.pause("contract:night", { by: "ann" })
      yield* contracts.add(contract("1.1.0", [{ type: "schedule", cron: "@hourly", zone: "Europe/Berlin" }]))
      assert.deepStrictEqual(yield* names, ["contract:night: every hour at minute 0 every day (Europe/Berlin)"])
      assert.isTrue((yield* schedules.show("contract:night")).paused)
      yield* schedules.resume("contract:night", { by: "ann" })
      yield* adjust(60 * minute)
      const [run] = yield* listed
      const view = yield* Effect.flatMap(Runs, (runs) => runs.show(run!.id))
      assert.deepInclude(view, { status: "completed", version: "1.1.0" })
      assert.deepStrictEqual(view.output, { schedule: "contract:night", slot: 60 * minute, missed: 0 })
      yield* contracts.add(contract("2.0.0", []))
      assert.isEmpty(yield* schedules.list())
    }).pipe(Effect.provide(
      Layer.merge(Contracts.layerServing(), Schedules.layer).pipe(
        Layer.provideMerge(TestHost.layer)
      )
    )))

  it("a trigger that can have no times is named with its place", () => {
    const problems = (trigger: object) =>
      ContractValidation.check(contract("1.0.0", [{ type: "schedule", ...trigger }]), StandardShapes.standardShapes)
        .problems
    const cases: ReadonlyArray<readonly [object, RegExp]> = [
      [{}, /exactly one of everyMs and cron/],
      [{ everyMs: 60_000, cron: "@daily" }, /exactly one of everyMs and cron/],
      [{ everyMs: 60_000, zone: "UTC" }, /a zone beside cron alone/],
      [{ cron: "0 0 31 2 *" }, /has no date on which it comes/],
      [{ cron: "0 0 L * *" }, /another kind of cron/],
      [{ cron: "@daily", zone: "Mars/Base" }, /no time zone/],
      [{ everyMs: 0 }, /everyMs|1000/],
      [{ everyMs: 60_000, overlap: "maybe" }, /overlap|skip/]
    ]
    for (const [trigger, expected] of cases) {
      const found = problems(trigger)
      assert.isAbove(found.length, 0, JSON.stringify(trigger))
      assert.match(JSON.stringify(found), expected)
      assert.include(JSON.stringify(found), "triggers")
    }
    assert.isEmpty(problems({ cron: "@daily", zone: "Europe/Berlin", overlap: "buffer-one", jitterMs: 5_000 }))
  })
})
