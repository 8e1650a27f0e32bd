/** Outputs of tools that are made to harm, through the real loop and onto every page of the command. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { cases, outputOf } from "./support/Hostile.ts"
import { Project } from "./support/Project.ts"

const config = fileURLToPath(new URL("./support/hostile.config.ts", import.meta.url))
const secret = "tok-5d1f0c9e77ab"

/** What no terminal may get but as an escape: controls, turns of direction, and what nobody sees. */
const raw = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_C}\p{DI}]/u

const isRaw = (text: string): string | undefined => raw.exec(text.replaceAll("\n", ""))?.[0]

interface Part {
  readonly type: string
  readonly id: string
  readonly name: string
  readonly isFailure?: boolean
  readonly result: unknown
}

describe("M-11: outputs of tools that are made to harm", () => {
  it(
    `${cases.length} of them: no terminal gets them raw, none is more than a result of its call, none decides anything, and no secret is told`,
    async () => {
      assert.lengthOf(cases, 30)
      assert.isTrue(cases.every(({ must, source }) => source !== "" && must.length > 0))
      const project = new Project()
      const asked = join(project.folder, "asked.json")
      const around = { env: { FIXTURE_ASKED: asked } }
      const type = (terminal: boolean, ...args: ReadonlyArray<string>) =>
        project.type([...args, "--config", config], { ...around, terminal })
      const run = await type(true, "agent", "run", "reader", "--input", "go", "--model", "scripted")
      assert.strictEqual(run.code, 3, run.stderr)
      const { lines } = await type(false, "runs", "ls", "--json")
      const { runId } = lines[0] as { readonly runId: string }

      // Each is the result of its call in the next question to the model, and of nothing else.
      const told = JSON.parse(readFileSync(asked, "utf8")) as ReadonlyArray<{
        readonly role: string
        readonly content: ReadonlyArray<Part> | string
      }>
      assert.deepStrictEqual(told.map(({ role }) => role), ["system", "user", "assistant", "tool"])
      const results = told[3]!.content as ReadonlyArray<Part>
      assert.deepStrictEqual(
        results.map(({ id, name, type }) => `${type} ${name} ${id}`),
        cases.map((_, n) => `tool-result Fetch id-${n}`)
      )
      for (const [n, each] of cases.entries()) {
        const { isFailure, result } = results[n]!
        const whole = outputOf(each, "[secret TOKEN]")
        const text = typeof result === "string" ? result : JSON.stringify(result)
        assert.isBelow(text.length, 101_000, each.name)
        const isBounded = each.must.includes("bounds are kept")
        if (isBounded || isFailure === true || each.must.includes("the secret is concealed")) continue
        assert.deepStrictEqual(JSON.stringify(result), JSON.stringify(whole), each.name)
      }
      assert.isUndefined(({} as { readonly polluted?: boolean }).polluted)

      // Nothing was done and nothing was answered: people are still asked.
      assert.isEmpty(project.bodies)
      const { lines: questions } = await type(false, "approvals", "ls", "--json")
      assert.lengthOf(questions, 1)
      assert.deepInclude(questions[0] as object, { runId, key: "Publish", status: "open", answers: [] })
      assert.isEmpty((await type(false, "policy", "ls", "--json")).stdout)

      const pages: ReadonlyArray<ReadonlyArray<string>> = [
        ["runs", "show", runId],
        ["runs", "journal", runId],
        ["runs", "transcript", runId],
        ["runs", "ls"],
        ["approvals", "ls"],
        ["runs", "artifact", runId]
      ]
      const outcomes = [{ page: "agent run", stdout: run.stdout, stderr: run.stderr }]
      for (const page of pages) {
        for (const json of [[], ["--json"]]) {
          // oxlint-disable-next-line no-await-in-loop
          const { stderr, stdout } = await type(true, ...page, ...json)
          outcomes.push({ page: [...page, ...json].join(" "), stdout, stderr })
        }
      }
      for (const { page, stderr, stdout } of outcomes) {
        assert.isUndefined(isRaw(stdout), `${page} on stdout`)
        assert.isUndefined(isRaw(stderr), `${page} on stderr`)
        assert.notInclude(stdout + stderr, secret, page)
        assert.notInclude(stdout + stderr, Buffer.from(`user:${secret}`).toString("base64"), page)
      }

      // As files and NDJSON they are JSON, a line each, with the value as it was.
      const transcript = await type(false, "runs", "transcript", runId)
      const read = transcript.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as { readonly type: string })
      assert.deepStrictEqual(read.map((line) => line.type), [
        "start",
        "answer",
        ...cases.map(() => "tool"),
        "answer",
        "question"
      ])
      const journal = await type(false, "runs", "journal", runId, "--json")
      for (const line of journal.stdout.trimEnd().split("\n")) assert.isObject(JSON.parse(line))
      assert.notInclude(journal.stdout + transcript.stdout + readFileSync(asked, "utf8"), secret)
    },
    120_000
  )
})
