/**
 * A slow MCP server over streamable HTTP: `node mcp-http.ts COUNT PORT`. It says its origin, and `begun` with each call,
 * which is a line of the file COUNT; its calls end when it is told so by a line on its standard input.
 */
import { Effect } from "effect"
import { appendFileSync, readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { McpStub, text } from "../../parity/McpStub.ts"

const [count, port] = process.argv.slice(2) as [string, string]

const released = Promise.withResolvers<void>()
createInterface({ input: process.stdin }).once("line", () => released.resolve())

const stub = new McpStub()
const work = async () => {
  appendFileSync(count, `${process.pid}\n`)
  const nth = readFileSync(count, "utf8").trim().split("\n").length
  process.stdout.write("begun\n")
  await released.promise
  return text(`worked ${nth}`)
}
stub.tools = {
  work: { handle: work },
  twice: { annotations: { idempotentHint: true }, handle: work }
}

await Effect.runPromise(Effect.scoped(Effect.andThen(
  Effect.tap(stub.listenOn(Number(port)), (origin) => Effect.sync(() => process.stdout.write(`${origin}\n`))),
  Effect.never
)))
