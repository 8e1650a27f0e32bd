/** The MCP server in this process, on a database that is gone with the test, and clients of it in memory. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import {
  type CallToolResult,
  ElicitRequestSchema,
  type ElicitResult,
  LoggingMessageNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema
} from "@modelcontextprotocol/sdk/types.js"
import { Deferred, Effect, Schema } from "effect"
import type { Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Config from "../../src/Config.ts"
import type { Globals } from "../../src/Globals.ts"
import * as Host from "../../src/Host.ts"
import * as Changes from "../../src/mcp/Changes.ts"
import * as Offers from "../../src/mcp/Offers.ts"
import * as RunTools from "../../src/mcp/RunTools.ts"
import * as Session from "../../src/mcp/Session.ts"

const config = fileURLToPath(new URL("./offered.config.ts", import.meta.url))

/** A folder that is gone with the scope. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-offered-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The server, for callers who act under this name. */
export const server = Effect.fnUntraced(function*(by: string, place?: string) {
  const db = join(place ?? (yield* folder), "fermata.db")
  const globals: Globals = {
    db,
    dbFrom: "option",
    config,
    json: false,
    server: undefined,
    tenant: undefined,
    roles: [by],
    as: by,
    asFrom: "option",
    usually: by,
    model: "scripted",
    leaseMs: undefined
  }
  const loaded = yield* Config.load(config, [])
  const host = yield* Host.open(globals, { command: "mcp", worker: true, config: loaded })
  yield* host.serve()
  const waitMs = 60_000
  const offers = yield* Offers.of(host, globals, loaded, waitMs)
  const shared: Session.Shared = {
    host,
    tools: [...offers, ...RunTools.of(host, waitMs)],
    changes: yield* Changes.watch(host),
    by,
    version: "1.2.3"
  }
  return shared
})

/** What a result of a call may have. */
export const Given = Schema.Struct({
  runId: Schema.String,
  status: Schema.String,
  says: Schema.String,
  joined: Schema.optionalKey(Schema.Boolean),
  otherInput: Schema.optionalKey(Schema.Boolean),
  output: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.String),
  resource: Schema.String,
  questions: Schema.optionalKey(
    Schema.Array(Schema.Struct({ approval: Schema.String, prompt: Schema.String, hash: Schema.String }))
  ),
  next: Schema.optionalKey(Schema.Array(Schema.Struct({
    tool: Schema.optionalKey(Schema.String),
    arguments: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
    command: Schema.optionalKey(Schema.String)
  })))
})
const decodeGiven = Schema.decodeUnknownSync(Given)

/** A client, with what it was told. */
export interface Connected {
  readonly client: Client
  readonly progress: Array<string>
  readonly logged: Array<string>
  readonly changed: Array<string>
  /** Waits until so much was told of changes. */
  readonly changes: (count: number) => Effect.Effect<void>
  readonly raw: (name: string, args?: object) => Effect.Effect<CallToolResult>
  readonly call: (name: string, args?: object) => Effect.Effect<typeof Given.Type>
}

/** Connects a client, which answers forms by `says` where it is given. */
export const connect = (
  shared: Session.Shared,
  says?: (form: { readonly message: string; readonly requestedSchema?: object }) => ElicitResult | Promise<ElicitResult>
): Effect.Effect<Connected, never, Scope.Scope> =>
  Effect.gen(function*() {
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    yield* Session.connect(shared, theirs)
    return yield* around(ours, says)
  })

/** A client on any transport. */
export const around = (
  transport: Parameters<Client["connect"]>[0],
  says?: (form: { readonly message: string; readonly requestedSchema?: object }) => ElicitResult | Promise<ElicitResult>
): Effect.Effect<Connected, never, Scope.Scope> =>
  Effect.gen(function*() {
    const progress: Array<string> = []
    const logged: Array<string> = []
    const changed: Array<string> = []
    const waiting: Array<{ readonly count: number; readonly done: Deferred.Deferred<void> }> = []
    const take = (what: string) => {
      changed.push(what)
      for (const { count, done } of waiting) if (changed.length >= count) Deferred.doneUnsafe(done, Effect.void)
    }
    const client = new Client({ name: "probe", version: "9" }, {
      capabilities: says === undefined ? {} : { elicitation: {} }
    })
    if (says !== undefined) client.setRequestHandler(ElicitRequestSchema, ({ params }) => says(params))
    client.setNotificationHandler(
      LoggingMessageNotificationSchema,
      ({ params }) => void logged.push(String(params.data))
    )
    client.setNotificationHandler(ResourceListChangedNotificationSchema, () => take("list"))
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => take(params.uri))
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(transport)),
      () => Effect.promise(() => client.close())
    )
    const raw: Connected["raw"] = (name, args = {}) =>
      Effect.promise(async (signal) =>
        await client.callTool({ name, arguments: { ...args } }, undefined, {
          onprogress: ({ message, progress: at }) => void progress.push(`${at} ${message}`),
          signal
        }) as CallToolResult
      )
    return {
      client,
      progress,
      logged,
      changed,
      changes: (count) =>
        Effect.suspend(() => {
          if (changed.length >= count) return Effect.void
          const done = Deferred.makeUnsafe<void>()
          waiting.push({ count, done })
          return Deferred.await(done)
        }),
      raw,
      call: (name, args) => Effect.map(raw(name, args), ({ structuredContent }) => decodeGiven(structuredContent))
    }
  })

/** The text of a result, which people and models read. */
export const textOf = ({ content }: CallToolResult): string =>
  content.flatMap((one) => one.type === "text" ? [one.text] : []).join("\n")
