/** A hundred secrets that agents are told, and servers say back in every form: looked for in everything that is left of them. */
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import { EchoServer, formsOf } from "./agents/EchoServer.ts"

const app = fileURLToPath(new URL("agents/secrets.ts", import.meta.url))

/** Some of them are written otherwise in JSON, in addresses and in pages; one is a header, and the last two are keys of providers. */
const canaries = Array.from({ length: 100 }, (_, n) => {
  const odd = ["", "/+=", "\"q\\", "ü€", " & <b>", "%2F"][n === 90 || n >= 98 ? 0 : n % 6]!
  return {
    name: n === 98 ? "ANTHROPIC_API_KEY" : `CANARY_${n}`,
    text: `cn${(n * 7_919 + 10_007).toString(36)}${odd}x${(n * 104_729 + 1e12).toString(36)}Zq`
  }
})

let folder: string
let server: EchoServer
let url: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fermata-secrets-"))
  server = new EchoServer()
  url = await server.listen()
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

const live = (): Promise<{ readonly code: number | null; readonly out: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, ...Object.fromEntries(canaries.map(({ name, text }) => [name, text])) }
    const child = spawn(process.execPath, ["--no-warnings", app, folder, url], {
      env,
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    child.stdout.on("data", (data) => out += String(data))
    child.stderr.on("data", (data) => out += String(data))
    child.once("close", (code) => resolve({ code, out }))
  })

/** What a follower has read who puts the pieces of each text together. */
const joined = (events: string): string => {
  const texts = new Map<string, string>()
  for (const line of events.trim().split("\n")) {
    const event = JSON.parse(line) as {
      run: string
      step?: string
      part?: { type: string; id: string; delta?: string }
    }
    if (event.part?.delta === undefined) continue
    const place = JSON.stringify([event.run, event.step, event.part.type, event.part.id])
    texts.set(place, (texts.get(place) ?? "") + event.part.delta)
  }
  return [...texts.values()].join("\n")
}

/** The same of a recording, which holds the events of providers. */
const recorded = (cassette: string): string => {
  const { exchanges } = JSON.parse(cassette) as {
    exchanges: ReadonlyArray<{ response: { body: { text: string } } }>
  }
  const texts = exchanges.flatMap(({ response }) => {
    const pieces = new Map<string, string>()
    for (const [, data] of response.body.text.matchAll(/^data: (\{.*\})$/gm)) {
      const { choices, delta } = JSON.parse(data!) as { delta?: object; choices?: ReadonlyArray<{ delta: object }> }
      for (const [key, value] of Object.entries(delta ?? choices?.[0]?.delta ?? {})) {
        if (typeof value === "string") pieces.set(key, (pieces.get(key) ?? "") + value)
      }
    }
    return Array.from(pieces.values())
  })
  return texts.join("\n")
}

describe("agents that are told secrets", () => {
  it("S15: of a hundred that servers say back, none is in the database, in logs, spans, streams, transcripts or recordings, in any form", async () => {
    const { code, out } = await live()
    assert.strictEqual(code, 0, out.slice(-3_000))
    assert.deepStrictEqual(canaries.filter(({ text }) => !server.told.has(text)), [], "all were used")

    const left = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]))
    left.set("output", out)
    left.set("what a follower heard, put together", joined(left.get("events")!))
    left.set("what was recorded, put together", recorded(left.get("cassette")!))
    assert.includeMembers([...left.keys()], ["a.db", "events", "transcripts", "cassette"])
    const found = canaries.flatMap(({ name, text }) =>
      [...left].flatMap(([place, content]) =>
        formsOf(text).some((form) => content.includes(form)) ? `${name}: ${place}` : []
      )
    )
    assert.deepStrictEqual(found, [])
    // Where each of them was, its name is.
    const database = [...left].filter(([name]) => name.startsWith("a.db")).map(([, content]) => content).join("")
    const unnamed = canaries.filter(({ name }) => !database.includes(`[secret ${name}]`)).map(({ name }) => name)
    assert.deepStrictEqual(unnamed, [])
  })
})
