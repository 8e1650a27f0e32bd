/** What workflows log while a command runs them: on stderr, and as much as somebody wants. */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/logs.config.ts", import.meta.url))
const typed = ["agent", "run", "looker", "--model", "scripted", "--input", "look", "--config", config]

/** What the tool logs, from the least to the most important. */
const logged = ["debug: it is looked for", "info: it is looked at", "warn: it looks odd", "error: it looks broken"]

describe("what is logged", () => {
  for (
    const [how, args, level, told] of [
      ["by itself", [], undefined, 2],
      ["with --log-level debug", ["--log-level", "debug"], undefined, 4],
      ["with --log-level info", ["--log-level", "info"], undefined, 3],
      ["with --log-level warn, which is by itself", ["--log-level", "warn"], undefined, 2],
      ["with --log-level error", ["--log-level", "error"], undefined, 1],
      ["with --log-level none", ["--log-level", "none"], undefined, 0],
      ["where FERMATA_LOG_LEVEL says info", [], "info", 3],
      ["where FERMATA_LOG_LEVEL is empty", [], "", 2],
      ["with --log-level error, whatever FERMATA_LOG_LEVEL says", ["--log-level", "error"], "loud", 1]
    ] as const
  ) {
    it(`M-26: is told on stderr from some level on, and stdout has the answer alone: ${how}`, async () => {
      const run = await new Project().type([...typed, ...args], { env: { FERMATA_LOG_LEVEL: level } })
      assert.strictEqual(run.code, 0, run.stderr)
      assert.deepStrictEqual(logged.filter((line) => run.stderr.includes(line)), logged.slice(logged.length - told))
      assert.notInclude(run.stdout, "it look")
      assert.include(run.stdout, "I have seen it.")
    })
  }

  it("M-26: is refused at a level that there is not, before anything is done", async () => {
    const project = new Project()
    const option = await project.type([...typed, "--log-level", "loud"])
    assert.strictEqual(option.code, 2)
    assert.include(option.stderr, "--log-level cannot be \"loud\": expected debug, info, warn, error or none")
    const variable = await project.type(typed, { env: { FERMATA_LOG_LEVEL: "loud" } })
    assert.strictEqual(variable.code, 2)
    assert.include(variable.stderr, "FERMATA_LOG_LEVEL is \"loud\": expected debug, info, warn, error or none")
    assert.strictEqual((await project.fermata("runs", "ls", "--json")).code, 2, "there is no database")
  })

  it("N-52: is a line of JSON each with --log-format json, with the run, the step and the trace, and what is told besides too", async () => {
    const run = await new Project().type([...typed, "--log-format", "json", "--log-level", "info"])
    assert.strictEqual(run.code, 0, run.stderr)
    const lines = run.stderr.trimEnd().split("\n").map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
    for (const { level, message, time } of lines) {
      assert.isString(message)
      assert.include(["info", "warn", "error"], level)
      assert.isNotNaN(Date.parse(time!))
    }
    const odd = lines.find(({ message }) => message === "it looks odd")!
    assert.deepInclude(odd, { level: "warn", workflow: "looker" })
    assert.match(odd["run"]!, /^[0-9a-f]{32}$/)
    assert.strictEqual(odd["traceId"], odd["run"])
    assert.isString(odd["step"])
    assert.include(run.stdout, "I have seen it.")
  })

  it("N-52: is refused in a format that there is not", async () => {
    const project = new Project()
    const option = await project.type([...typed, "--log-format", "xml"])
    assert.strictEqual(option.code, 2)
    assert.include(option.stderr, "--log-format cannot be \"xml\": expected text or json")
    const variable = await project.type(typed, { env: { FERMATA_LOG_FORMAT: "xml" } })
    assert.strictEqual(variable.code, 2)
    assert.include(variable.stderr, "FERMATA_LOG_FORMAT is \"xml\": expected text or json")
  })

  it("M-26: is told of in every help", async () => {
    const { stdout } = await new Project().fermata("agent", "run", "--help")
    assert.match(stdout, /--log-level.*default warn, or FERMATA_LOG_LEVEL/)
  })
})
