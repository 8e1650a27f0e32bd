/** Fermata as an MCP server: what `fermata mcp` does. */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import {
  CancelledNotificationSchema,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type RequestId
} from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { Writable } from "node:stream"
import { type CommandFailed, exitCodes } from "../CommandFailed.ts"
import * as Config from "../Config.ts"
import { fileLabel } from "../ContractFile.ts"
import type { Globals } from "../Globals.ts"
import * as Host from "../Host.ts"
import { exitWith, note } from "../Output.ts"
import * as Words from "../Words.ts"
import * as Changes from "./Changes.ts"
import * as Http from "./Http.ts"
import * as Offers from "./Offers.ts"
import * as RunTools from "./RunTools.ts"
import * as Session from "./Session.ts"

/** How the server is reached, and how long calls wait. */
export interface Options {
  /** Over HTTP on this port; over stdio without one. */
  readonly port: number | undefined
  /** What a caller over HTTP must show. */
  readonly token: string | undefined
  /** How long (ms) a call waits that says no other. */
  readonly waitMs: number
}

/**
 * Serves until the client has gone, over HTTP until it is interrupted. The process is a worker too, so that what a
 * call has begun goes on, and what a killed server has left is taken up.
 */
export const serve = (
  globals: Globals,
  { port, token, waitMs }: Options
): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    // Before any code of the user is loaded, which may write to stdout: there stands the protocol, and nothing else.
    const stdout = port === undefined ? ownStdout() : undefined
    const loaded = yield* Config.loadOrRecall(globals, [process.cwd()])
    const host = yield* Host.open(globals, { command: "mcp", worker: true, config: loaded })
    yield* host.serve()
    const by = globals.asFrom === "option" ? globals.as : noPerson
    const offers = yield* Offers.of(host, globals, loaded, waitMs)
    const shared: Session.Shared = {
      host,
      tools: [...offers, ...RunTools.of(host, waitMs)],
      changes: yield* Changes.watch(host),
      by,
      version: manifest(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version
    }
    const names = offers.map(({ name }) => name)
    const place = loaded.file === undefined ? "no fermata.config.ts" : fileLabel(loaded.file)
    const offered = `${names.length === 0 ? "no workflow" : Words.list(names)} of ${place} on ${globals.db}, as ${by}`
    // Who is told to stop has done what it was asked for.
    yield* exitWith(exitCodes.completed)
    if (port !== undefined) {
      yield* note(`MCP server at ${yield* Http.serve(shared, { port, token })} serves ${offered}`)
      return yield* Effect.never
    }
    const transport = new StdioServerTransport(process.stdin, stdout)
    const gone = left(transport, process.stdin)
    yield* Session.connect(shared, transport)
    yield* note(`MCP server ${process.pid} serves ${offered}`)
    yield* gone
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Who calls where nobody said: a client is a model more often than a person, and answers nothing in the name of whoever started it. */
const noPerson = "mcp"

const manifest = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))

/** Takes stdout for the protocol: whatever else is written there from now on goes to stderr. */
const ownStdout = (): Writable => {
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write
  return new Writable({ write: (chunk: Uint8Array, _, done) => void write(chunk, (error) => done(error)) })
}

/** Ends when the client has closed its side, and all that it has asked is answered. To be called before anything is read. */
const left = (transport: StdioServerTransport, stdin: NodeJS.ReadableStream): Effect.Effect<void> => {
  const open = new Set<RequestId>()
  const latch = Latch.makeUnsafe()
  let isClosed = false
  const done = (id?: RequestId) => {
    if (id !== undefined) open.delete(id)
    if (isClosed && open.size === 0) latch.openUnsafe()
  }
  const closed = () => {
    isClosed = true
    done()
  }
  stdin.once("end", closed).once("close", closed)
  const send = transport.send.bind(transport)
  Object.assign(transport, {
    onmessage: (message: JSONRPCMessage) => {
      if (isJSONRPCRequest(message)) open.add(message.id)
      const cancelled = CancelledNotificationSchema.safeParse(message)
      // Nothing is answered to what was cancelled.
      if (cancelled.success) done(cancelled.data.params.requestId)
    },
    send: async (message: JSONRPCMessage) => {
      await send(message)
      if (!("method" in message)) done(message.id)
    }
  })
  return latch.await
}
