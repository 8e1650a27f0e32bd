/** MCP servers as processes of their own: those that the protocol's authors publish, and what becomes of a run when one dies. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, McpServers, Policy } from "@fermata/agent"
import { McpStdio } from "@fermata/agent-node"
import { Effect, Fiber, Layer } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"
import { McpStub, type StubTool, text } from "./McpStub.ts"

const binOf = (name: string) => {
  const require = createRequire(new URL("../../packages/agent-node/package.json", import.meta.url))
  return join(dirname(require.resolve(`@modelcontextprotocol/${name}/package.json`)), "dist/index.js")
}

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-mcp-"))),
  (root) => Effect.sync(() => rmSync(root, { recursive: true }))
)

const agent = Agent.make("clerk", { instructions: "Do it.", model: "m", mcp: ["files"], policy: Policy.open })

describe("MCP servers over stdio", () => {
  it.effect(
    "M-176, M-177: the tools of the filesystem server join those of an agent, and one that only reads is called without asking",
    () =>
      Effect.gen(function*() {
        const root = yield* folder
        writeFileSync(join(root, "a.txt"), "what is in a")
        const script = inTurn(
          calls(call("1", "mcp__files__read_text_file", { path: join(root, "a.txt") })),
          answer("done")
        )
        const servers = McpServers.layer({
          files: McpStdio.server({ command: process.execPath, args: [binOf("server-filesystem"), root] })
        })
        yield* Effect.gen(function*() {
          const { text } = yield* agent.run("go")
          assert.strictEqual(text, "done")
          const [first, second] = yield* Wire
          const names = first!.tools.map(({ name }) => name)
          assert.include(names, "mcp__files__write_file")
          assert.include(said(second!).at(-1), "what is in a")
        }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, servers))))
      }),
    30_000
  )

  it.effect(
    "a server that is killed in a call fails the call, the next call starts it again, and its tools stay",
    () =>
      Effect.gen(function*() {
        const root = yield* folder
        const count = join(root, "count")
        process.env["SECRET_OF_OTHERS"] = "s"
        const script = inTurn(
          calls(call("1", "mcp__files__die", {})),
          calls(call("2", "mcp__files__env", {})),
          answer("done")
        )
        const server = fileURLToPath(new URL("../e2e/agents/mcp-server.ts", import.meta.url))
        const servers = McpServers.layer({
          files: McpStdio.server({
            command: process.execPath,
            args: ["--no-warnings", server, count],
            env: { TEAM: "red" }
          })
        })
        yield* Effect.gen(function*() {
          yield* agent.run("go")
          const [, second, third] = yield* Wire
          assert.include(said(second!).at(-1), "Connection closed; it may have done what it was asked to")
          assert.deepStrictEqual(third!.tools.map(({ name }) => name), ["mcp__files__die", "mcp__files__env"])
          // Of our environment it has what every process needs, and what it was given.
          assert.include(said(third!).at(-1), "red undefined")
          const [died, lived, ...more] = readFileSync(count, "utf8").trim().split("\n").map((line) => line.split(" "))
          assert.deepStrictEqual([died![0], lived![0], more], ["die", "env", []])
          assert.notStrictEqual(died![1], lived![1])
        }).pipe(
          Effect.provide(world(script, Layer.provide(agent.layer, servers))),
          Effect.ensuring(Effect.sync(() => delete process.env["SECRET_OF_OTHERS"]))
        )
      }),
    30_000
  )

  it.effect("one that cannot start says why, in its own words", () =>
    Effect.gen(function*() {
      const servers = McpServers.layer({
        files: McpStdio.server({
          command: process.execPath,
          args: ["-e", "console.error('no licence'); process.exit(3)"]
        })
      })
      const exit = yield* Effect.exit(agent.run("go")).pipe(
        Effect.provide(world(inTurn(answer("done")), Layer.provide(agent.layer, servers)))
      )
      assert.include(String(exit), "it said: no licence")
    }), 60_000)

  it.effect("M-176, M-125, M-126: the server that has everything", () =>
    Effect.gen(function*() {
      const script = inTurn(
        calls(
          call("1", "mcp__files__echo", { message: "hello" }),
          call("2", "mcp__files__get-structured-content", { location: "New York" }),
          call("3", "mcp__files__get-tiny-image", {}),
          call("4", "ListMcpResources", { server: "files" })
        ),
        answer("done")
      )
      const servers = McpServers.layer({
        files: McpStdio.server({ command: process.execPath, args: [binOf("server-everything"), "stdio"] })
      })
      yield* Effect.gen(function*() {
        yield* agent.run("go")
        const [first, second] = yield* Wire
        assert.include(said(first!)[0], "What MCP server \\\"files\\\" says of itself")
        const last = said(second!).at(-1)!
        assert.include(last, "Echo: hello")
        assert.include(last, "\"temperature\":")
        // The model of the script takes no pictures, and is told so.
        assert.include(last, "image-2 (image/png) is not shown")
        assert.include(last, "\"uri\":")
      }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, servers))))
    }), 60_000)
})

describe("a process that is killed in a call of an MCP server", () => {
  /** Starts the agent; ends with what it says last, or kills it when both are true: it has said that the call is kept, where that is waited for, and the tool has begun. */
  const processOf = (
    db: string,
    url: string,
    transport: string,
    tool: string,
    killed?: { readonly begun: Promise<void>; readonly kept: boolean }
  ) =>
    Effect.callback<string>((resume) => {
      const app = fileURLToPath(new URL("../e2e/agents/mcp.ts", import.meta.url))
      const child = spawn(process.execPath, ["--no-warnings", app, db, url, transport, tool], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      let out = ""
      const kept = new Promise<void>((keep) => {
        child.stdout.on("data", (data) => {
          out += String(data)
          if (out.includes("kept")) keep()
        })
      })
      if (killed !== undefined) {
        void Promise.all([killed.begun, killed.kept ? kept : undefined]).then(() => child.kill("SIGKILL"))
      }
      child.once("close", (_, signal) => resume(Effect.succeed(signal ?? out.trim().split("\n").at(-1)!)))
    })

  const dies = Effect.fnUntraced(
    function*(transport: "http" | "sse", annotations: StubTool["annotations"], kept: boolean) {
      const root = yield* folder
      const db = join(root, "a.db")
      const stub = new McpStub()
      const begun = Promise.withResolvers<void>()
      const lived = Promise.withResolvers<void>()
      stub.tools = {
        work: {
          ...(annotations === undefined ? {} : { annotations }),
          handle: async () => {
            const nth = stub.calls.length
            begun.resolve()
            // The first call goes on at the server whatever becomes of who has made it.
            if (nth === 1) await lived.promise
            return text(`worked ${nth}`)
          }
        }
      }
      const url = `${yield* stub.listen}/${transport === "http" ? "mcp" : "sse"}`
      assert.strictEqual(yield* processOf(db, url, transport, "work", { begun: begun.promise, kept }), "SIGKILL")
      const before = stub.seen.length
      const again = yield* Effect.forkChild(processOf(db, url, transport, "work"), { startImmediately: true })
      lived.resolve()
      const told = JSON.parse(yield* Fiber.join(again)) as {
        readonly status: string
        readonly output: unknown
        readonly waits: ReadonlyArray<{ readonly reason: string }>
      }
      return {
        told,
        calls: stub.calls.length,
        resumed: stub.seen.slice(before).filter(({ headers }) => "last-event-id" in headers).length
      }
    }
  )

  it.live("goes on with the call by its token, and the tool has run once", () =>
    Effect.gen(function*() {
      const { calls, resumed, told } = yield* dies("http", { idempotentHint: true }, true)
      assert.strictEqual(told.status, "completed")
      assert.include(JSON.stringify(told.output), "worked 1")
      assert.deepStrictEqual([calls, resumed], [1, 1])
    }), 120_000)

  /** A server in a process of its own, that is slow. */
  const slow = Effect.fnUntraced(function*(count: string, port = 0) {
    const script = fileURLToPath(new URL("../e2e/agents/mcp-http.ts", import.meta.url))
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--no-warnings", script, count, String(port)], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const origin = Promise.withResolvers<string>()
    const begun = Promise.withResolvers<void>()
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    createInterface({ input: child.stdout }).on(
      "line",
      (line) => line === "begun" ? begun.resolve() : origin.resolve(line)
    )
    return {
      url: `${yield* Effect.promise(() => origin.promise)}/mcp`,
      begun: begun.promise,
      release: Effect.sync(() => child.stdin.write("go\n")),
      kill: Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      }),
      calls: Effect.sync(() => readFileSync(count, "utf8").trim().split("\n").length)
    }
  })

  interface Stood {
    readonly status: string
    readonly output: unknown
    readonly waits: ReadonlyArray<{ readonly reason: string; readonly detail?: string }>
  }

  it.live(
    "goes on with a long call of which its server says nothing, and by the count of the server the tool has run once",
    () =>
      Effect.gen(function*() {
        const root = yield* folder
        const server = yield* slow(join(root, "count"))
        const run = (killed?: { readonly begun: Promise<void>; readonly kept: boolean }) =>
          processOf(join(root, "a.db"), server.url, "http", "work", killed)
        assert.strictEqual(yield* run({ begun: server.begun, kept: true }), "SIGKILL")
        const again = yield* Effect.forkChild(run(), { startImmediately: true })
        yield* server.release
        const told = JSON.parse(yield* Fiber.join(again)) as Stood
        assert.strictEqual(told.status, "completed")
        assert.include(JSON.stringify(told.output), "worked 1")
        assert.strictEqual(yield* server.calls, 1)
      }),
    120_000
  )

  it.live(
    "where the session is lost with the server, people are asked about the call, or it is made again where that does no harm",
    () =>
      Effect.gen(function*() {
        for (const tool of ["work", "twice"] as const) {
          const root = yield* folder
          const count = join(root, "count")
          const first = yield* slow(count)
          const db = join(root, "a.db")
          const killed = { begun: first.begun, kept: true }
          assert.strictEqual(yield* processOf(db, first.url, "http", tool, killed), "SIGKILL")
          yield* first.kill
          const second = yield* slow(count, Number(new URL(first.url).port))
          yield* second.release
          const told = JSON.parse(yield* processOf(db, second.url, "http", tool)) as Stood
          if (tool === "work") {
            assert.deepStrictEqual([told.status, told.waits[0]?.reason], ["suspended", "approval"])
            assert.strictEqual(yield* second.calls, 1)
          } else {
            assert.include(JSON.stringify(told.output), "worked 2")
            assert.strictEqual(yield* second.calls, 2)
          }
        }
      }),
    120_000
  )

  it.live(
    "a server over HTTP that is killed in a call fails the call at once, and not when its time is over",
    () =>
      Effect.gen(function*() {
        const root = yield* folder
        const server = yield* slow(join(root, "count"))
        const run = yield* Effect.forkChild(processOf(join(root, "a.db"), server.url, "http", "work"), {
          startImmediately: true
        })
        yield* Effect.promise(() => server.begun)
        yield* server.kill
        const told = JSON.parse(yield* Fiber.join(run)) as Stood
        assert.strictEqual(told.status, "completed")
        assert.match(
          JSON.stringify(told.output),
          /(cannot be reached any more|other side closed); it may have done what it was asked to/
        )
      }),
    50_000
  )

  it.live(
    "makes the call again where the server says that this does no harm, and cannot tell the rest of it",
    () =>
      Effect.gen(function*() {
        const { calls, told } = yield* dies("sse", { idempotentHint: true }, false)
        assert.include(JSON.stringify(told.output), "worked 2")
        assert.strictEqual(calls, 2)
      }),
    60_000
  )

  it.live(
    "asks people about a call of which the server says nothing, and does not make it again",
    () =>
      Effect.gen(function*() {
        const { calls, told } = yield* dies("sse", undefined, false)
        assert.deepStrictEqual([told.status, told.waits[0]?.reason], ["suspended", "outcome-unknown"])
        assert.strictEqual(calls, 1)
      }),
    60_000
  )
})
