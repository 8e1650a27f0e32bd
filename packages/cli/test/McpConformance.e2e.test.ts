/** The official conformance suite of the protocol, against the server as a process of its own. */
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it, onTestFinished } from "vitest"

const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
const config = fileURLToPath(new URL("./support/conformance.config.ts", import.meta.url))
const suite = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js"
)

/** Why each of these is not held: the README has the same list. */
const exceptions: Readonly<Record<string, string>> = {
  "tools-call-sampling": "the server asks no model of its client: agents have their own",
  "elicitation-sep1034-defaults": "what is asked at a client is a question of a run, whose form is always the same",
  "elicitation-sep1330-enums": "what is asked at a client is a question of a run, whose form is always the same",
  "resources-read-text": "resources are runs, at fermata://, and the suite reads test://",
  "resources-read-binary": "resources are runs, at fermata://, and the suite reads test://",
  "resources-templates-read": "resources are runs, at fermata://, and the suite reads test://",
  "resources-subscribe": "resources are runs, at fermata://, and the suite subscribes to test://",
  "resources-unsubscribe": "resources are runs, at fermata://, and the suite subscribes to test://",
  "prompts-list": "the server has no prompts",
  "prompts-get-simple": "the server has no prompts",
  "prompts-get-with-args": "the server has no prompts",
  "prompts-get-embedded-resource": "the server has no prompts",
  "prompts-get-with-image": "the server has no prompts"
}

/** The address of a server that is gone with the test. */
const served = (folder: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const server = spawn(process.execPath, [bin, "mcp", "--port", "0", "--as", "tester", "--config", config], {
      env: { ...process.env, FERMATA_DB: join(folder, "fermata.db") },
      stdio: ["ignore", "ignore", "pipe"]
    })
    onTestFinished(() => void server.kill("SIGKILL"))
    let said = ""
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text
      const address = /MCP server at (\S+)/.exec(said)?.[1]
      if (address !== undefined) resolve(address)
    })
    server.on("close", () => reject(new Error(`the server has ended: ${said}`)))
  })

describe("the official conformance suite of MCP", () => {
  it("N-63: holds of the server, but for what workflows have not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fermata-conformance-"))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const address = await served(folder)
    const out = join(folder, "results")
    // It ends with 1 where anything fails, and says all in its files.
    await promisify(execFile)(process.execPath, [suite, "server", "--url", address, "--suite", "all", "-o", out]).catch(
      () => undefined
    )
    const checks = readdirSync(out).flatMap((name) => {
      const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT/.exec(name)![1]!
      const found = JSON.parse(readFileSync(join(out, name, "checks.json"), "utf8")) as ReadonlyArray<
        { readonly id: string; readonly status: string; readonly errorMessage?: string }
      >
      return found.map((check) => Object.assign({ scenario }, check))
    })
    const of = (status: string) => checks.filter((check) => check.status === status)
    const failed = [...new Set(of("FAILURE").map(({ scenario }) => scenario))]
    assert.sameMembers(failed, Object.keys(exceptions), JSON.stringify(of("FAILURE"), undefined, 2))
    const scenarios = new Set(checks.map(({ scenario }) => scenario))
    const held = new Set(of("SUCCESS").map(({ scenario }) => scenario)).difference(new Set(failed))
    assert.sameMembers([...scenarios].filter((name) => !held.has(name) && !failed.includes(name)), [
      "server-sse-polling"
    ])
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8").replaceAll(/\s+/g, " ")
    assert.include(
      readme,
      `${held.size} of ${scenarios.size} scenarios (${of("SUCCESS").length} of ${
        of("SUCCESS").length + of("FAILURE").length
      } checks)`
    )
    for (const reason of new Set(Object.values(exceptions))) assert.include(readme, reason)
  })
})
