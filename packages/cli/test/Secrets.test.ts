import { assert, describe, it } from "@effect/vitest"
import * as SecretRef from "@fermata/core/SecretRef"
import { Events } from "@fermata/engine/Events"
import * as Engine from "@fermata/engine/Secrets"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as Secrets from "@fermata/host-node/Secrets"
import { Cause, Effect, Exit, Layer, Logger, Redacted, Schema, Tracer } from "effect"
import { Workflow } from "effect/workflow"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Project } from "./support/Project.ts"

const shapes: ReadonlyArray<(n: string) => string> = [
  (n) => `sk-canary-${n}-4eC39HqLyjWDarjt`,
  (n) => `Qz${n}`,
  (n) => `p@ss/${n}+w"ö\\rd &<k>'`,
  (n) => `-----BEGIN KEY-----\nMIIcanary${n}+/abc==\n-----END KEY-----\n`,
  (n) => `https://user:canary${n}@example.com/?token=a b`
]

/** A hundred of them, of which none is part of another text by chance. */
const canaries = Array.from({ length: 100 }, (_, index) => {
  const n = (1_300 + index * 37).toString(36)
  return { name: `CANARY_${index}`, text: shapes[index % shapes.length]!(n) }
})

const base64 = (text: string) => Buffer.from(text).toString("base64")

/** All that tells a secret, as bytes may have it. */
const forms = canaries.flatMap(({ text }) => [
  text,
  JSON.stringify(text).slice(1, -1),
  JSON.stringify(JSON.stringify(text)).slice(3, -3),
  encodeURIComponent(text),
  new URLSearchParams({ a: text }).toString().slice(2),
  ...(text.length < 8 ? [base64(`user:${text}`)] : [0, 1, 2].map((at) => base64("x".repeat(at) + text).slice(4, -4)))
])

const assertNone = (where: string, text: string) => {
  const found = forms.filter((form) => text.includes(form))
  assert.deepStrictEqual(found, [], where)
}

/** Gives back whatever it is sent, in its body and its headers. */
const server = Effect.acquireRelease(
  Effect.callback<ReturnType<typeof createServer>>((resume) => {
    const server = createServer((request, response) => {
      let body = ""
      request.on("data", (chunk: Buffer) => void (body += chunk.toString()))
      request.on("end", () => {
        response.setHeader("x-echo", encodeURIComponent(body))
        response.end(JSON.stringify({ body, headers: request.headers, raw: request.rawHeaders, url: request.url }))
      })
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => void server.close())
)

class Refused extends Schema.TaggedError<Refused>()("Refused", { answer: Schema.Unknown }) {
  override get message() {
    return JSON.stringify(this.answer)
  }
}

const W = Workflow.make("canaries", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Schema.Unknown,
  idempotencyKey: ({ id }) => id
})

const steps = (port: number) => {
  const send = (ref: SecretRef.SecretRef) =>
    Effect.gen(function*() {
      const text = Redacted.value(yield* Effect.orDie(Engine.resolve(ref)))
      const answer = yield* Effect.promise(async () => {
        const response = await fetch(`http://127.0.0.1:${port}/?key=${encodeURIComponent(text)}`, {
          method: "POST",
          headers: {
            authorization: `Basic ${base64(`user:${text}`)}`,
            "x-token": `Bearer ${encodeURIComponent(text)}`
          },
          body: text
        })
        return { ...(await response.json() as object), echo: response.headers.get("x-echo") }
      })
      yield* Effect.logInfo("the server said", answer, new Error(text))
      yield* Effect.annotateCurrentSpan("answer", answer)
      yield* Workflows.note("answer", text, answer)
      yield* Effect.orDie((yield* Events).emit("answered", answer as never, { id: ref.secret }))
      return { text, answer: { ...answer, [text]: [text] } }
    })
  const input = { secret: SecretRef.SecretName }
  return {
    value: Step.make("value", {
      input,
      success: Schema.Unknown,
      onCrash: "rerun",
      run: (ref) => Effect.withSpan(Effect.map(send(ref), ({ answer }) => answer), "value")
    }),
    error: Step.make("error", {
      input,
      error: Refused,
      onCrash: "rerun",
      run: (ref) =>
        Effect.withSpan(Effect.flatMap(send(ref), ({ answer }) => Effect.fail(new Refused({ answer }))), "error")
    }),
    defect: Step.make("defect", {
      input,
      onCrash: "rerun",
      run: (ref) =>
        Effect.withSpan(
          Effect.flatMap(
            send(ref),
            ({ answer, text }) =>
              Effect.die(
                Object.assign(new Error(`${"x".repeat(3_990)}${text}`, { cause: new Error(text) }), { answer, text })
              )
          ),
          "defect"
        )
    })
  }
}

describe("S15: secrets are references until the step that uses them", () => {
  it.live(
    "a hundred canaries, which a server gives back in every way, are in no journal, file, log, span or page",
    () =>
      Effect.gen(function*() {
        const project = new Project()
        const { port } = (yield* server).address() as AddressInfo
        const lines: Array<string> = []
        const spans: Array<Tracer.NativeSpan> = []
        const file = join(project.folder, ".env")
        writeFileSync(file, canaries.slice(0, 50).map(({ name, text }) => `C_${name}=${quoted(text)}\n`).join(""))
        const inFile = new Set(canaries.slice(0, 50).filter(({ text }) => !/["'\n]/.test(text)).map(({ name }) => name))
        for (const { name, text } of canaries) if (!inFile.has(name)) process.env[`C_${name}`] = text
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const { name } of canaries) delete process.env[`C_${name}`]
          })
        )
        const { defect, error, value } = steps(port)
        const told: Array<string> = []
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          const all: Array<unknown> = []
          for (const { name } of canaries) {
            all.push(yield* value({ secret: name }))
            for (const step of [error, defect]) {
              const exit: Exit.Exit<unknown, unknown> = yield* Effect.exit(step({ secret: name }))
              told.push(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "success")
            }
          }
          told.push(JSON.stringify(all))
          return yield* Effect.fail(all)
        })).pipe(
          Layer.provide(Secrets.layerEnv({ prefix: "C_", file })),
          Layer.provide(Events.layer),
          Layer.provideMerge(NodeHost.layer({ db: project.db, synchronous: "NORMAL" }))
        )
        const files = () =>
          readdirSync(project.folder).filter((name) => name.startsWith("fermata.db"))
            .map((name) => [name, readFileSync(join(project.folder, name)).toString("utf8")] as const)
        const program = Effect.gen(function*() {
          const exit = yield* Effect.exit(W.execute({ id: "1" }))
          assert.isTrue(Exit.isFailure(exit))
          assertNone("the end of the run", JSON.stringify(exit))
          const open = files()
          assert.include(open.map(([name]) => name), "fermata.db-wal")
          for (const [name, bytes] of open) assertNone(name, bytes)
          assert.include(open.map(([, bytes]) => bytes).join(""), "[secret CANARY_99]")
        })
        yield* Effect.provide(
          program,
          layer.pipe(
            Layer.provide(Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))])),
            Layer.provide(Layer.succeed(
              Tracer.Tracer,
              Tracer.make({
                span: (options) => {
                  const span = new Tracer.NativeSpan(options)
                  spans.push(span)
                  return span
                }
              })
            ))
          )
        )
        for (const [name, bytes] of files()) assertNone(name, bytes)
        assert.strictEqual(lines.length, 300)
        assertNone("the log", lines.join("\n"))
        assert.strictEqual(told.length, 201)
        assertNone("what the workflow was told", told.join("\n"))
        const ended = spans.filter(({ name }) => ["value", "error", "defect"].includes(name)).map((span) => [
          [...span.attributes],
          span.status._tag === "Ended" ? span.status.exit : span.status,
          span.status._tag === "Ended" && Exit.isFailure(span.status.exit) ? Cause.pretty(span.status.exit.cause) : ""
        ])
        assert.strictEqual(ended.length, 300)
        assertNone("the spans", JSON.stringify(ended))

        const [id] = (yield* Effect.promise(() => project.fermata("runs", "ls", "--json"))).stdout.match(
          /[0-9a-f]{32}/
        )!
        for (
          const args of [["show", id, "--json"], ["show", id], ["tail", id, "--json"], ["show", id, "--step", "defect"]]
        ) {
          const { stderr, stdout } = yield* Effect.promise(() => project.fermata("runs", ...args))
          assertNone(args.join(" "), stdout + stderr)
          if (args.includes("--json")) assert.include(stdout, "[secret CANARY_0]")
        }
      }),
    60_000
  )
})

/** For a file of variables, where it can be there at all. */
const quoted = (text: string) => /["'\n]/.test(text) ? "" : `"${text}"`
