/** Contracts are of the whole store; their runs, and the events that start and wake those, are of a tenant. */
import { assert, describe, it } from "@effect/vitest"
import * as Tenant from "@fermata/core/Tenant"
import * as CurrentTenant from "@fermata/engine/CurrentTenant"
import { Events } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import { Tenants } from "@fermata/engine/Tenants"
import { Effect, Layer } from "effect"
import { Contracts } from "../src/Contracts.ts"
import { TaskRuntime } from "../src/TaskRuntime.ts"
import { document, layer, settled, step } from "./support/Agency.ts"

const acme = CurrentTenant.within("acme")
const beta = CurrentTenant.within("beta")

const triggered = document([step("wait", "hold", null, { event: "order.paid", where: "event.id = input.id" })], {
  triggers: [{ type: "event", event: "order.placed" }]
})

const runsOf = (tenant?: string) => Effect.flatMap(Runs, (runs) => runs.list(tenant === undefined ? {} : { tenant }))

const test = (title: string, body: Effect.Effect<void, unknown, Layer.Success<typeof app>>) =>
  it.effect(title, () => Effect.provide(body, app))
const tasks = Layer.succeed(TaskRuntime, {
  tasks: ["there"],
  submit: () => Effect.succeed({ _tag: "Submitted" } as const)
})
const app = Tenants.layer.pipe(Layer.provideMerge(layer({ tasks })))

describe("events of tenants, to contracts", () => {
  test(
    "N-17: start runs in the tenant in which they are published, one for each id there, and wake those alone",
    Effect.gen(function*() {
      const events = yield* Events
      const contracts = yield* Contracts
      yield* contracts.add(triggered)
      const placed = events.publish("order.placed", { id: 7 }, { id: "o-7" })
      const first = yield* acme(placed)
      assert.deepStrictEqual(first.runs.map(({ runId, started }) => [Tenant.of(runId), started]), [["acme", true]])
      yield* acme(placed)
      yield* beta(placed)
      yield* placed
      yield* settled
      assert.deepStrictEqual((yield* runsOf()).map(({ id }) => Tenant.of(id)), [undefined, "beta", "acme"])

      const paid = yield* beta(events.publish("order.paid", { id: 7 }, { id: "p-7" }))
      assert.deepStrictEqual(paid.runs.map(({ runId }) => Tenant.of(runId)), ["beta"])
      yield* settled
      const stands = (yield* runsOf()).map(({ id, status }) => `${Tenant.of(id)} ${status}`)
      assert.deepStrictEqual(stands, ["undefined suspended", "beta completed", "acme suspended"])

      yield* events.publish("order.paid", { id: 7 }, { id: "p-7" })
      yield* settled
      assert.strictEqual((yield* runsOf("acme"))[0]?.status, "suspended")
      yield* acme(events.emit("order.paid", { id: 7 }, { id: "p-7" }))
      yield* settled
      assert.strictEqual((yield* runsOf("acme"))[0]?.status, "completed")
    })
  )

  test(
    "an event that comes before its run asks for it is there for the runs of its tenant alone, also for a fork",
    Effect.gen(function*() {
      const runs = yield* Runs
      const events = yield* Events
      const contracts = yield* Contracts
      const input = { id: 1 }
      const a = yield* acme(contracts.start({ contract: triggered, input }))
      const b = yield* beta(contracts.start({ contract: "sample", input }))
      yield* acme(events.emit("order.paid", input))
      yield* settled
      assert.strictEqual((yield* runs.find(a.runId)).status, "completed")
      assert.strictEqual((yield* runs.find(b.runId)).status, "suspended")
      const fork = yield* runs.fork(a.runId, { at: "hold" })
      yield* settled
      yield* beta(events.emit("order.paid", input))
      yield* settled
      assert.strictEqual((yield* runs.find(fork.runId)).status, "suspended")
      yield* acme(events.emit("order.paid", input))
      yield* settled
      assert.strictEqual((yield* runs.find(fork.runId)).status, "completed")
    })
  )

  test(
    "N-64: a start by hand is within the quota, and what an event starts is counted and not lost",
    Effect.gen(function*() {
      const contracts = yield* Contracts
      yield* Effect.flatMap(Tenants, (tenants) => tenants.limit("acme", { openRuns: 1 }, { by: "ops" }))
      yield* acme(contracts.start({ contract: triggered, input: { id: 1 } }))
      const refused = yield* Effect.flip(acme(contracts.start({ contract: "sample", input: { id: 2 } })))
      assert.strictEqual(refused._tag, "QuotaReached")
      yield* acme(Effect.flatMap(Events, (events) => events.emit("order.placed", { id: 3 })))
      yield* settled
      assert.lengthOf(yield* runsOf("acme"), 2)
    })
  )

  test(
    "an outcome that is told as an event reaches no step of another tenant",
    Effect.gen(function*() {
      const runs = yield* Runs
      const events = yield* Events
      const contracts = yield* Contracts
      const work = document([step("task", "work", null, { task: "there" })], { id: "work" })
      const { runId } = yield* acme(contracts.start({ contract: work, input: {} }))
      yield* settled
      const before = yield* runs.journal(runId)
      yield* beta(events.emit("engine.step.completed", { runId, stepId: "work", output: 1 }))
      yield* settled
      assert.deepStrictEqual(yield* runs.journal(runId), before)
      const named = Tenant.local(runId)
      yield* events.emit("engine.step.completed", { runId: named, stepId: "work", output: 1 })
      yield* settled
      assert.deepStrictEqual(yield* runs.journal(runId), before)
      yield* acme(events.emit("engine.step.completed", { runId: named, stepId: "work", output: 1 }))
      yield* settled
      assert.strictEqual((yield* runs.find(runId)).status, "completed")
    })
  )
})
