/** A hundred secrets within reach of the tools of an agent, which does all that it can to have them told: looked for in everything that is left. */
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { formsOf } from "./agents/EchoServer.ts"

const app = fileURLToPath(new URL("agents/tool-secrets.ts", import.meta.url))

/**
 * 59 are given to commands, one is the key of the search engine, 20 are of the process
 * alone, and 20 are in files that are hidden.
 */
const canaries = Array.from({ length: 100 }, (_, n) => {
  const odd = ["", "/+=", "\"q\\", "ü€", " & <b>", "%2F"][n === 59 ? 0 : n % 6]!
  return {
    name: `CANARY_${n}`,
    text: `ct${(n * 7_919 + 10_007).toString(36)}${odd}x${(n * 104_729 + 1e12).toString(36)}Zq`
  }
})

const live = (
  folder: string,
  root: string,
  url: string
): Promise<{ readonly code: number | null; readonly out: string }> =>
  new Promise((resolve) => {
    const env = { ...process.env, ...Object.fromEntries(canaries.slice(0, 80).map(({ name, text }) => [name, text])) }
    const child = spawn(process.execPath, ["--no-warnings", app, folder, root, url], {
      env,
      stdio: ["ignore", "pipe", "pipe"]
    })
    let out = ""
    child.stdout.on("data", (data) => out += String(data))
    child.stderr.on("data", (data) => out += String(data))
    child.once("close", (code) => resolve({ code, out }))
  })

describe("tools within reach of secrets", () => {
  it("S15: of a hundred that commands, files and servers could tell, none is in the database, in streams, artifacts, logs or transcripts", async () => {
    const place = mkdtempSync(join(tmpdir(), "fermata-tool-secrets-"))
    const [folder, root] = [join(place, "left"), join(place, "space")]
    for (const each of [folder, join(root, "hidden")]) mkdirSync(each, { recursive: true })
    const hidden = (from: number) =>
      canaries.slice(from, from + 10).map(({ name, text }) => `${name}=${text}\n`).join("")
    writeFileSync(join(root, ".env"), hidden(80))
    writeFileSync(join(root, "hidden", ".env"), hidden(90))
    symlinkSync(".env", join(root, "link"))
    const keys: Array<string> = []
    const engine = createServer(({ headers }, response) => {
      const key = String(headers["x-subscription-token"])
      keys.push(key)
      const results = formsOf(key).map((form) => ({ title: form, url: `https://a.test/?${form}`, description: form }))
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ web: { results } }))
    })
    await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve))
    try {
      const { code, out } = await live(folder, root, `http://127.0.0.1:${(engine.address() as AddressInfo).port}`)
      assert.strictEqual(code, 0, out.slice(-3_000))
      assert.deepStrictEqual(keys, [canaries[59]!.text])
      const left = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]))
      left.set("output", out)
      assert.includeMembers([...left.keys()], ["a.db", "events", "transcripts", "artifacts"])
      assert.include(left.get("events"), "\"type\":\"tool-output\"")
      const found = canaries.flatMap(({ name, text }) =>
        [...left].flatMap(([where, content]) =>
          formsOf(text).some((form) => content.includes(form)) ? `${name}: ${where}` : []
        )
      )
      assert.deepStrictEqual(found, [])
      // Commands were told theirs, of which the names are left.
      const database = [...left].filter(([name]) => name.startsWith("a.db")).map(([, content]) => content).join("")
      const unnamed = canaries.slice(0, 60).filter(({ name }) => !database.includes(`[secret ${name}]`))
      assert.deepStrictEqual(unnamed, [])
    } finally {
      engine.closeAllConnections()
      engine.close()
      rmSync(place, { recursive: true, force: true })
    }
  })
})
