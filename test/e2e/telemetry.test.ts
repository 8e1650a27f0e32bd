/** What processes of the command tell a collector of OpenTelemetry. */
import * as Sampler from "@fermata/engine/Sampler"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { type Collector, collector, type Told } from "./support/Collector.ts"
import { Project } from "./support/Fermata.ts"

const canary = "c4n4ry-0f-a-secret"
const folder = join(import.meta.dirname, "telemetry")

type Protocol = "http/json" | "http/protobuf"

const environment = ({ url }: Collector, protocol: Protocol = "http/json") => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  OTEL_EXPORTER_OTLP_HEADERS: "x-key=of%20ours",
  OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
  TRIP_KEY: canary
})

/** One id, no span twice, every parent and link of it there, and each inside its root. */
const assertWhole = (spans: ReadonlyArray<Told>) => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  assert.strictEqual(ids.size, spans.length, "a span was told twice")
  const [root, ...others] = spans.filter(({ parentSpanId }) => parentSpanId === undefined)
  assert.isEmpty(others)
  for (const span of spans) {
    assert.isTrue(span.parentSpanId === undefined || ids.has(span.parentSpanId), `${span.name} has no parent`)
    assert.isTrue(BigInt(span.startTimeUnixNano) >= BigInt(root!.startTimeUnixNano), span.name)
    assert.isTrue(BigInt(span.endTimeUnixNano) <= BigInt(root!.endTimeUnixNano), span.name)
  }
}

describe("telemetry", () => {
  it("N-52: processes that have one sampler tell whole traces of the same runs, and nothing of the others", async () => {
    const project = new Project()
    const told = await collector()
    const env = {
      ...environment(told),
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.5"
    }
    const options = { cwd: folder, env }
    // Of these two one is told of.
    const ids = ["1", "2"]
    const runs: Array<string> = []
    for (const id of ids) {
      const trip = await project.start(["run", "Trip", "--input", JSON.stringify({ id }), "--json"], options).ended
      assert.strictEqual(trip.code, 3, trip.stderr)
      runs.push(trip.json.runId)
    }
    for (const run of runs) await project.start(["approve", run, "--no-wait"], options).ended
    const worker = await project.start(["worker", "--until-idle"], {
      cwd: folder,
      env: { ...env, FIXTURE_GO: "1" }
    }).ended
    assert.strictEqual(worker.code, 0, worker.stderr)
    // A process that a busy machine cuts off as it ends has what it was telling told again, under the same ids.
    const once = new Map(told.spans().map((span) => [span.spanId, span])).values()
    const traces = Map.groupBy(once, ({ traceId }) => traceId)
    const isTaken = (run: string) =>
      Sampler.takesRun({ parentBased: true, ratio: 0.5 }, { id: run, root: run, caller: undefined })
    assert.isTrue(runs.some(isTaken) && !runs.every(isTaken), "there are to be runs of both kinds")
    for (const run of runs) {
      const spans = traces.get(run.slice(0, 32)) ?? []
      if (!isTaken(run)) {
        assert.isEmpty(spans)
        continue
      }
      assertWhole(spans)
      assert.includeMembers(spans.map(({ name }) => name), [
        "step book",
        "the whole way",
        "step hold",
        "invoke_workflow Trip"
      ])
    }
    // Each with the run that it has started, and nobody else.
    assert.strictEqual(traces.size, 2 * runs.filter(isTaken).length)
  })

  it.for<Protocol>(["http/json", "http/protobuf"])(
    "N-52, S15: a run that slept, asked, moved through three processes and was killed -9 is one trace, whole, with no span twice and no secret, and its logs are told beside, over %s",
    async (protocol) => {
      const project = new Project()
      const told = await collector()
      const env = environment(told, protocol)
      const options = { cwd: folder, env }
      const first = await project.start(["run", "Trip", "--input", "{\"id\":\"1\"}", "--json"], options).ended
      assert.strictEqual(first.code, 3, first.stderr)
      const { runId } = first.json
      const second = project.start(["approve", runId, "--json"], options)
      await second.says("hold begins")
      await second.kill()
      const third = await project.start(["worker", "--until-idle"], { cwd: folder, env: { ...env, FIXTURE_GO: "1" } })
        .ended
      assert.strictEqual(third.code, 0, third.stderr)

      const spans = told.spans().filter(({ traceId }) => traceId === runId.slice(0, 32))
      assertWhole(spans)
      const ends = (name: string) =>
        spans.filter((span) => span.name === name).map(({ attributes }) => attributes["fermata.step.end"])
      assert.deepStrictEqual(ends("step book"), ["completed"])
      assert.deepStrictEqual(ends("step hold"), ["lost", "completed"])
      const names = spans.map(({ name }) => name)
      // What the code told by itself: in the body, over all three processes, and in a step.
      for (
        const name of ["invoke_workflow Trip", "the whole way", "with [secret TRIP_KEY]", "wait timer", "wait approval"]
      ) {
        assert.include(names, name)
      }
      assert.isTrue(
        told.spans().some(({ links, name }) => name === "invoke_workflow Leg" && links[0]?.traceId === runId)
      )
      const root = spans.find(({ name }) => name === "invoke_workflow Trip")!
      assert.deepInclude(root.attributes, {
        "fermata.run.id": runId,
        "fermata.run.attempts": 3,
        "fermata.run.status": "completed"
      })
      assert.deepStrictEqual([root.kind, root.status.code], [1, 0])

      const logs = told.logs().filter(({ attributes }) => attributes["fermata.run.id"] === runId)
      assert.deepStrictEqual(logs.map(({ body }) => body), ["sets out", "books with [secret TRIP_KEY]"])
      const [setsOut, books] = logs
      assert.deepInclude(setsOut!, { traceId: runId.slice(0, 32), severityNumber: 13, severityText: "Warn", flags: 1 })
      assert.deepStrictEqual(books!.attributes, {
        "fermata.run.id": runId,
        "fermata.workflow": "Trip",
        "fermata.step.key": "book",
        seats: 2
      })
      assert.strictEqual(books!.spanId, spans.find(({ name }) => name === "with [secret TRIP_KEY]")!.spanId)

      const completed = { workflow: "Trip", status: "completed" }
      assert.strictEqual(told.metric("fermata.run.ends", completed), 1)
      assert.strictEqual(told.metric("fermata.run.duration", completed), 1)

      const paths = new Set(told.bodies.map(({ path }) => path))
      assert.deepStrictEqual(paths, new Set(["/v1/traces", "/v1/metrics", "/v1/logs"]))
      const type = protocol === "http/json" ? "application/json" : "application/x-protobuf"
      assert.isTrue(told.bodies.every(({ headers }) => headers["content-type"] === type))
      assert.isTrue(told.bodies.every(({ headers }) => headers["x-key"] === "of ours"))
      assert.isFalse(told.bodies.some(({ text }) => text.includes(canary) || text.includes("private words")))
    }
  )

  it("N-52: a collector that is down or silent neither fails a run nor loses its trace, which is told once it is there again", async () => {
    const project = new Project()
    const told = await collector()
    const options = { cwd: folder, env: environment(told) }
    const runs: Array<string> = []
    for (const [id, answer] of [["1", 503], ["2", "silence"]] as const) {
      told.answer = answer
      const run = await project.start(["run", "Leg", "--input", JSON.stringify({ id }), "--json"], options).ended
      assert.strictEqual(run.code, 0, run.stderr)
      runs.push(run.json.runId)
    }
    assert.isEmpty(told.bodies)
    told.answer = 200
    const worker = await project.start(["worker", "--until-idle"], options).ended
    assert.strictEqual(worker.code, 0, worker.stderr)
    for (const runId of runs) {
      const spans = told.spans().filter(({ traceId }) => traceId === runId)
      assertWhole(spans)
      assert.deepStrictEqual(spans.map(({ name }) => name), ["wake 1", "invoke_workflow Leg"])
    }
  })

  it("N-52: a process of which nobody wants to be told tells nobody, and says what cannot be", async () => {
    const project = new Project()
    const told = await collector()
    const run = (env: Readonly<Record<string, string>>) =>
      project.start(["run", "Leg", "--input", "{\"id\":\"1\"}", "--json"], {
        cwd: folder,
        env: { ...environment(told), ...env }
      }).ended
    assert.strictEqual((await run({ OTEL_SDK_DISABLED: "true" })).code, 0)
    assert.isEmpty(told.bodies)
    const wrong = await run({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })
    assert.notStrictEqual(wrong.code, 0)
    assert.include(wrong.stderr, "OTEL_EXPORTER_OTLP_PROTOCOL")
    const odd = await run({ OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "many" })
    assert.notStrictEqual(odd.code, 0)
    assert.include(odd.stderr, "OTEL_TRACES_SAMPLER_ARG is \"many\"")
  })
})
