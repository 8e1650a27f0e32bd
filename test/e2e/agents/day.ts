/**
 * An agent that may spend so much on a day, on Anthropic's client and SQLite:
 * `node day.ts DB URL DAILY POINT RUN…`. It says "ready", and once it is told to
 * go on stdin it starts the runs. At the point `part`, within an answer, it kills
 * itself. Else it prints how the runs stand once none of them goes on by itself
 * on this day; with the point `raise` it then raises the day, and prints how they
 * end.
 */
import { Agent, Anthropic, Models } from "@fermata/agent"
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Config, Effect, Layer, Redacted, Stream } from "effect"
import { once } from "node:events"

const [db, baseURL, daily, point, ...names] = process.argv.slice(2) as [string, string, string, string]

const clerk = Agent.make("clerk", {
  instructions: "You are the clerk.",
  dailyBudget: { tokens: Number(daily) },
  limits: { maxTokens: 2_000 },
  compaction: { strategy: "off" }
})

/** The provider, at whose first part of an answer a process may die: what the call had reserved is not settled then. */
const mortal = (provider: Models.Provider): Models.Provider => ({
  ...provider,
  find: (name) => {
    const found = provider.find(name)
    return found && Effect.map(found, (model) => ({
      ...model,
      stream: (request) =>
        Stream.tap(model.stream(request), () =>
          Effect.sync(() => {
            if (point === "part") process.kill(process.pid, "SIGKILL")
          }))
    }))
  }
})

const app = clerk.layer.pipe(
  Layer.provide(Models.layer([mortal(Anthropic.provider({ baseURL, apiKey: Config.succeed(Redacted.make("test")) }))])),
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db, leaseMs: 1_000 }))
)

const main = Effect.gen(function*() {
  const runs = yield* Runs
  console.log("ready")
  yield* Effect.promise(() => once(process.stdin, "data"))
  const ids = yield* Effect.forEach(names, (id) => clerk.start("go", { id }), { concurrency: "unbounded" })
  const tell = Effect.gen(function*() {
    const views = yield* Effect.forEach(ids, (id) => runs.show(id))
    const sums = yield* runs.spending({ workflow: "clerk" })
    console.log(JSON.stringify({ views, sums }))
  })
  const follow = (options?: Parameters<typeof runs.follow>[1]) =>
    Effect.forEach(ids, (id) => Stream.runDrain(runs.follow(id, options)), { concurrency: "unbounded", discard: true })
  // One that a process has left which is gone is taken up once its lease is over.
  yield* follow({ untilSuspended: true, farMs: 0 })
  yield* tell
  if (point !== "raise") return
  yield* runs.raiseDay("clerk", { tokens: 100_000, by: "ada" })
  yield* follow()
  yield* tell
})

await Effect.runPromise(Effect.provide(main, app))
process.exit(0)
