/** The official conformance suite of MCP, against an agent in a process of its own. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"

const { resolve } = createRequire(new URL("../../packages/agent/package.json", import.meta.url))
const suite = join(dirname(resolve("@modelcontextprotocol/conformance/package.json")), "dist/index.js")
const agent = fileURLToPath(new URL("../e2e/agents/mcp-conformance.ts", import.meta.url))
const exceptions = (parse(readFileSync(new URL("mcp-expected-failures.yml", import.meta.url), "utf8")) as {
  readonly client: ReadonlyArray<string>
}).client
const readme = readFileSync(new URL("../../packages/agent/README.md", import.meta.url), "utf8").replaceAll(/\s+/g, " ")

const output = (command: string, args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly isWell: boolean; readonly said: string }>((resume) => {
    const child = execFile(
      command,
      args,
      { maxBuffer: 2 ** 26 },
      (error, out, problems) => resume(Effect.succeed({ isWell: error === null, said: out + problems }))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The servers of the suite listen on all interfaces: each has a network of its own, with loopback alone. */
const alone = (...command: ReadonlyArray<string>) =>
  output("unshare", ["-n", "bash", "-c", "ip link set lo up && exec \"$@\"", "bash", ...command])

interface Check {
  readonly id: string
  readonly status: string
}

/** The checks of a scenario. The suite ends with 1 where one fails, and says all in its files. */
const checksOf = (scenario: string, folder: string) =>
  Effect.gen(function*() {
    const out = join(folder, scenario.replaceAll("/", "_"))
    const client = `${process.execPath} --no-warnings ${agent}`
    const args = ["client", "--command", client, "--scenario", scenario, "--timeout", "240000", "-o", out]
    rmSync(out, { recursive: true, force: true })
    const { said } = yield* alone(process.execPath, suite, ...args)
    const [file, ...more] = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith("checks.json")
    )
    assert.isDefined(file, said)
    assert.deepStrictEqual(more, [])
    const checks = JSON.parse(readFileSync(join(out, file!), "utf8")) as ReadonlyArray<Check>
    const counted = checks.filter(({ status }) => status === "SUCCESS" || status === "FAILURE")
    return { scenario, said, checks: counted, isHeld: counted.every(({ status }) => status === "SUCCESS") }
  })

describe("the official conformance suite of MCP", () => {
  it.live("M-176: holds of the client, but for what is named", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-conformance-"))),
        (root) => Effect.sync(() => rmSync(root, { recursive: true }))
      )
      assert.isTrue((yield* alone("true")).isWell, "needs unshare and ip, of util-linux and iproute2, and to be root")
      const { said } = yield* output(process.execPath, [suite, "list", "--client"])
      const scenarios = said.split("\n").flatMap((line) => /^ {2}- (\S+)/.exec(line)?.[1] ?? [])
      assert.include(scenarios, "tools_call")
      // One of them measures how long a client waits: it has the machine for itself as far as that can be, and three tries.
      const timed = scenarios.filter((name) => name === "sse-retry")
      const others = scenarios.filter((name) => name !== "sse-retry")
      const lived = [
        ...yield* Effect.forEach(
          timed,
          (name) => Effect.repeat(checksOf(name, folder), { until: ({ isHeld }) => isHeld, times: 2 })
        ),
        ...yield* Effect.forEach(others, (name) => checksOf(name, folder), { concurrency: 2 })
      ]
      const failed = lived.filter(({ isHeld }) => !isHeld)
      assert.sameMembers(
        failed.map(({ scenario }) => scenario),
        [...exceptions],
        failed.map(({ checks, said, scenario }) => `${scenario}: ${JSON.stringify(checks)}\n${said}`).join("\n")
      )
      // How many checks there are differs from run to run: some count each request.
      assert.include(readme, `${lived.length - failed.length} of ${lived.length} scenarios`)
      for (const name of exceptions) assert.include(readme, `\`${name}\``)
    }), 900_000)
})
