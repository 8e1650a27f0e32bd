/** What comes in from outside: sensors, sources, bridges (features, P-58; the commands, R-58 among them, are in packages/cli/test/Sources.test.ts). */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Channel } from "@fermata/agent"
import { Contracts } from "@fermata/contracts/Contracts"
import type { SensorEvent } from "@fermata/core/SensorEvent"
import { Chunks } from "@fermata/engine/Chunks"
import { Engine } from "@fermata/engine/Engine"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { Sensors } from "@fermata/engine/Sensors"
import { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import * as NodeHost from "@fermata/host-node/NodeHost"
import type { Bridge } from "@fermata/operations/Bridge"
import { discord, github } from "@fermata/operations/Bridges"
import { readSample } from "@fermata/operations/Sources"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { answer, inTurn, said, Wire, world } from "./AgentWorld.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const fixture = (name: string) => join(root, "packages/operations/fixtures", `${name}.json`)

const GoalLoop = Workflow.make("goal-loop", {
  payload: { summary: Schema.String, objective: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ summary }) => summary
})
const workflows = GoalLoop.toLayer(({ objective }) => Effect.succeed(`done: ${objective}`))
const services = Layer.mergeAll(Sensors.layer, Runs.layer, Tasks.layer)
const app = workflows.pipe(Layer.provideMerge(services), Layer.provideMerge(TestHost.layer))

/** What a server needs. */
const served = Layer.mergeAll(
  ServerAccess.layerOpen({ person: "ada" }),
  Contracts.layerServing(),
  Runs.layer,
  Feed.layer,
  Chunks.layerMemory
).pipe(Layer.provideMerge(workflows), Layer.provideMerge(TestHost.layer))

const sample = {
  sensor_id: "discord-mentions",
  event_id: "message-123",
  source_ref: "discord://channel/message-123",
  dedupe_key: "discord:message-123",
  payload: { author: "ada", text: "@bot help" },
  proposed_workflow: {
    template: "goal-loop",
    instance_key: "discord-message-123",
    context: { summary: "Help ada", objective: "answer" }
  }
}
const ingest = (event: unknown) =>
  Effect.flatMap(Sensors, (sensors) => sensors.ingest(event as SensorEvent, { tell: true }))
const made = Effect.gen(function*() {
  yield* (yield* TestHost).settled
  return {
    tasks: (yield* (yield* Tasks).list()).map(({ kind }) => kind),
    runs: (yield* (yield* Runs).list()).map(({ workflow }) => workflow)
  }
})

describe("sensor events", () => {
  it.effect("R-25: the sample of an outside signal is stored with all of its fields", () =>
    Effect.gen(function*() {
      const { event } = yield* ingest(sample)
      const page = yield* (yield* Sensors).find(event.position)
      assert.deepInclude(page, {
        sensor: "discord-mentions",
        eventId: "message-123",
        ref: "discord://channel/message-123",
        dedupe: "discord:message-123",
        payload: { author: "ada", text: "@bot help" }
      })
      assert.deepInclude(page.outcome.run, { workflow: "goal-loop", key: "discord-message-123" })
    }).pipe(Effect.provide(app)))

  it.effect("R-26: ingested twice, it is reported as a duplicate the second time and makes nothing", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* ingest({ ...sample, proposed_task: { kind: "discord-reply" } })).duplicate, false)
      const before = yield* made
      const again = yield* ingest({ ...sample, event_id: "another", proposed_task: { kind: "other" } })
      assert.strictEqual(again.duplicate, true)
      assert.strictEqual(again.event.eventId, "message-123")
      assert.deepStrictEqual(yield* made, before)
      assert.deepStrictEqual(before, { tasks: ["discord-reply"], runs: ["goal-loop"] })
    }).pipe(Effect.provide(app)))

  it.live("R-26: of many that ingest one key at the same time, over several connections to one file, exactly one wins", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-sensors-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      )
      const hosts = yield* Effect.forEach([1, 2, 3], () =>
        Layer.build(
          services.pipe(Layer.provideMerge(NodeHost.layer({ db: join(folder, "fermata.db"), worker: false })))
        ))
      const answers = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => hosts[n % hosts.length]!),
        (host, n) =>
          Effect.provideContext(
            Effect.flatMap(Sensors, (sensors) =>
              sensors.ingest({
                sensor: `s${n}`,
                dedupe: "one",
                payload: n,
                event: { name: "came" },
                task: { kind: "k" }
              })),
            host
          ),
        { concurrency: "unbounded" }
      )
      const won = answers.filter(({ duplicate }) => !duplicate)
      assert.lengthOf(won, 1)
      for (const { event } of answers) assert.deepStrictEqual(event, won[0]!.event)
      const [host] = hosts
      yield* Context.get(host!, Engine).settled
      const { backend } = Context.get(host!, Store)
      assert.lengthOf(yield* backend.sensors({ limit: 100 }), 1)
      assert.lengthOf(yield* backend.events({ limit: 100 }), 1)
      assert.lengthOf(yield* backend.tasks({ limit: 100 }), 1)
    }).pipe(Effect.scoped))

  it.effect("R-27: one event adds a task, starts a run, or both, as it proposes", () =>
    Effect.gen(function*() {
      const { proposed_workflow, ...bare } = sample
      yield* ingest({ ...bare, dedupe_key: "task", proposed_task: { kind: "discord-reply", payload: { a: 1 } } })
      assert.deepStrictEqual(yield* made, { tasks: ["discord-reply"], runs: [] })
      yield* ingest({ ...bare, dedupe_key: "run", proposed_workflow })
      assert.deepStrictEqual(yield* made, { tasks: ["discord-reply"], runs: ["goal-loop"] })
      const both = { ...proposed_workflow, instance_key: "both" }
      yield* ingest({ ...bare, dedupe_key: "both", proposed_workflow: both, proposed_task: { kind: "note" } })
      assert.deepStrictEqual(yield* made, { tasks: ["note", "discord-reply"], runs: ["goal-loop", "goal-loop"] })
      yield* ingest({ ...bare, dedupe_key: "none" })
      assert.lengthOf((yield* made).runs, 2)
    }).pipe(Effect.provide(app)))

  it.effect("R-28: a key of an instance that is new starts one with its context, and another event of that key uses it again", () =>
    Effect.gen(function*() {
      const first = yield* ingest(sample)
      const second = yield* ingest({ ...sample, dedupe_key: "discord:message-124" })
      assert.deepStrictEqual([first.run, second.run], ["started", "reused"])
      assert.strictEqual(second.event.outcome.run?.id, first.event.outcome.run?.id)
      yield* (yield* TestHost).settled
      const [run, ...others] = yield* (yield* Runs).list()
      assert.isEmpty(others)
      const view = yield* (yield* Runs).show(run!.id)
      assert.deepInclude(view, { status: "completed", output: "done: answer" })
      assert.deepInclude(view.trigger, { event: "discord-mentions" })
    }).pipe(Effect.provide(app)))

  it.effect("R-78: the route lists sensor events, and takes one key once", () =>
    Effect.gen(function*() {
      const context = yield* Effect.context<Layer.Success<typeof served>>()
      const { handler } = yield* Effect.acquireRelease(
        Effect.sync(() => Server.toWebHandler(Layer.succeedContext(context))),
        ({ dispose }) => Effect.promise(dispose)
      )
      const ask = (method: string, body?: unknown) =>
        Effect.promise(async () => {
          const answer = await handler(
            new Request("http://localhost/api/sensors/events", {
              method,
              ...(body === undefined ? {} : {
                body: JSON.stringify(body),
                headers: { "content-type": "application/json" }
              })
            })
          )
          return { status: answer.status, body: await answer.json() as Record<string, unknown> }
        })
      for (const duplicate of [false, true]) {
        const { body, status } = yield* ask("POST", sample)
        assert.deepStrictEqual([status, body["duplicate"]], [200, duplicate])
      }
      const { body } = yield* ask("GET")
      const [listed, ...others] = body["events"] as ReadonlyArray<object>
      assert.isEmpty(others)
      assert.deepInclude(listed, { sensor: "discord-mentions", dedupe: "discord:message-123" })
    }).pipe(Effect.scoped, Effect.provide(served)))
})

describe("channels", () => {
  const Helper = Agent.make("helper", { instructions: "You help.", model: "m" })
  const SlackMessage = Channel.make({
    name: "slack-message",
    parse: Schema.Struct({ text: Schema.String }),
    agent: Helper,
    input: ({ text }) => text
  })
  const prompts = Effect.map(Wire, (asked) => asked.map((one) => said(one).at(-1)))

  it.effect("P-58: executed with an inbound event, a channel gives its agent a turn, whose model sees the prompt", () =>
    Effect.gen(function*() {
      const { output } = yield* SlackMessage.run({ text: "hi" })
      assert.strictEqual(output, "hello")
      const [prompt, ...others] = yield* prompts
      assert.isEmpty(others)
      assert.include(prompt, "\"hi\"")
      assert.strictEqual((yield* Effect.flip(SlackMessage.run({ txt: "hi" })))._tag, "ChannelRefused")
    }).pipe(Effect.provide(world(inTurn(answer("hello")), Helper.layer))))

  it.effect("P-58: served, it gives its agent a turn for what comes in from outside, once", () =>
    Effect.gen(function*() {
      const { settled } = yield* TestHost
      yield* settled
      for (const duplicate of [false, true]) {
        const event = { sensor: "slack", dedupe: "m1", payload: { text: "hi" }, event: { name: "slack-message" } }
        const ingested = yield* Effect.flatMap(Sensors, (sensors) => sensors.ingest(event))
        assert.strictEqual(ingested.duplicate, duplicate)
        yield* settled
      }
      assert.lengthOf(yield* prompts, 1)
      assert.deepStrictEqual((yield* (yield* Runs).list()).map(({ status, workflow }) => [workflow, status]), [
        ["helper", "completed"]
      ])
    }).pipe(
      Effect.provide(
        Sensors.layer.pipe(
          Layer.provideMerge(world(inTurn(answer("hello")), Helper.layer, SlackMessage.layer))
        )
      )
    ))
})

describe("bridges", () => {
  const crossed = (bridge: Bridge, name: string) =>
    Effect.gen(function*() {
      const body: unknown = JSON.parse(readFileSync(fixture(name), "utf8"))
      for (const duplicate of [false, true]) {
        const event = yield* readSample(bridge.name, bridge.mapping, { body })
        assert.strictEqual((yield* ingest(event)).duplicate, duplicate)
      }
      yield* (yield* TestHost).settled
      const tasks = yield* Tasks
      const [task, ...others] = yield* tasks.list()
      assert.isEmpty(others)
      return yield* tasks.show(task!.id)
    }).pipe(Effect.provide(app))

  it.effect("R-66, R-09: a pull request that was merged is turned into one github-story task", () =>
    Effect.gen(function*() {
      const task = yield* crossed(github, "github-pr-merged")
      assert.deepInclude(task, { kind: "github-story", source: "github", status: "queued" })
      assert.deepInclude(task.payload, { repo: "example-org/runtime" })
      assert.match((task.payload as { readonly summary: string }).summary, /^Lease tasks before they are claimed/)
    }))

  it.effect("R-67, R-09: a mention is turned into one discord-reply task", () =>
    Effect.gen(function*() {
      const task = yield* crossed(discord, "discord-mention")
      assert.deepInclude(task, { kind: "discord-reply", source: "discord", status: "queued" })
      assert.deepInclude(task.payload, { author: "ada", message: "1311740000000000123" })
    }))

  it("R-06: the words, the engine, the store and contracts import nothing of a bridge", () => {
    const below = ["core", "engine", "host-node", "contracts"]
    const sources = below.flatMap((name) => {
      const folder = join(root, "packages", name, "src")
      return readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".ts"))
        .map((file) => ({ file: join(name, file), text: readFileSync(join(folder, file), "utf8") }))
    })
    assert.isAbove(sources.length, 300)
    const imported = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/from "([^"]+)"|import\("([^"]+)"\)/g)].flatMap(([, a, b]) =>
        /@fermata\/operations|bridge|discord|github/i.test(a ?? b ?? "")
          ? [`${file}: ${a ?? b}`]
          : []
      )
    )
    assert.deepStrictEqual(imported, [])
    for (const name of below) {
      assert.notMatch(readFileSync(join(root, "packages", name, "package.json"), "utf8"), /operations|discord|octokit/i)
    }
  })
})
