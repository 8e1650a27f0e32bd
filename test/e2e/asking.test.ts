/**
 * What a run asks is asked where its command runs, on a terminal: one dialogue,
 * on a database of this machine and at a server that lets a token in.
 */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { serving } from "./support/Serving.ts"
import { onTerminal, type Terminal } from "./support/Terminal.ts"

const config = fileURLToPath(new URL("fixtures/remote.config.ts", import.meta.url))
const question = "approve, deny, or edit? [a/d/e, empty to leave it open]"
const which = "which? [card, cash, empty to think again]"
const word = "a note? [empty for none]"

/** Somebody at a terminal of a project. */
interface Seat {
  readonly project: Project
  readonly at: (...args: ReadonlyArray<string>) => Terminal
}

/** The same person here, and by a token at a server of another project. */
const seats: Readonly<Record<string, () => Promise<Seat>>> = {
  "on a database": async () => {
    const project = new Project()
    return {
      project,
      at: (...args) => onTerminal(project, [...args, "--config", config], { FERMATA_AS: "finance" })
    }
  },
  "at a server": async () => {
    const project = new Project()
    const tokenOf = await person(project, "finance", "read", "operate", "approve")
    const { url } = await serving(project, "--config", config)
    return { project, at: (...args) => onTerminal(project, [...args, "--server", url], tokenOf) }
  }
}

/** A token of this person, as what surrounds a command that has it; nothing else says who that is. */
const person = async (project: Project, name: string, ...scopes: ReadonlyArray<string>) => {
  const { stdout } = await project.fermata(
    "token",
    "create",
    name,
    ...scopes.flatMap((scope) => ["--scope", scope]),
    "--group",
    "boss"
  )
  return { FERMATA_AS: "somebody", FERMATA_DB: undefined, FERMATA_TOKEN: stdout.trim() }
}

/** The answers to the questions of the run that a terminal shows, as its journal has them. */
const answered = async (project: Project, shown: string) => {
  const runId = /run ([0-9a-f]{32})/.exec(shown)![1]!
  const { json } = await project.fermata("runs", "show", runId, "--json")
  return json.approvals.flatMap(({ answers }) => answers)
}

for (const [side, seat] of Object.entries(seats)) {
  describe(`a question on a terminal, ${side}`, () => {
    it("is asked until an answer fits: other arguments, a choice and a note are taken with it", async () => {
      const { at, project } = await seat()
      const run = at("run", "approval.json", "--input", "{\"cents\":5}")
      await run.answer(question, 1, "perhaps")
      await run.answer(question, 2, "e")
      await run.answer("the new arguments as JSON:", 1, "{cents")
      await run.says("that is not JSON")
      await run.answer(question, 3, "edit")
      await run.answer("the new arguments as JSON:", 2, "{\"cents\":1}")
      await run.answer(which, 1, "gold")
      await run.answer(which, 2, "cash")
      await run.answer(word, 1, "as agreed")
      const { code, stdout } = await run.ended
      assert.strictEqual(code, 0, stdout)
      assert.match(stdout, /"paid": true/)
      const [answer, ...others] = await answered(project, stdout)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(answer, {
        decision: "approve",
        by: "finance",
        choice: "cash",
        edit: { cents: 1 },
        note: "as agreed"
      })
    })

    it("is denied by a letter, and left open by nothing, with the commands that answer it", async () => {
      const { at, project } = await seat()
      const left = at("run", "approval.json", "--input", "{\"cents\":5}", "--key", "one")
      await left.answer(question, 1, "")
      const { code, stdout } = await left.ended
      assert.strictEqual(code, 3, stdout)
      assert.include(stdout, "to go on:")
      assert.notInclude(stdout, word)

      const denied = at("run", "approval.json", "--input", "{\"cents\":5}", "--key", "one")
      await denied.answer(question, 1, "n")
      await denied.answer(word, 1, "")
      const told = await denied.ended
      assert.strictEqual(told.code, 0, told.stdout)
      assert.match(told.stdout, /"paid": false/)
      assert.deepInclude((await answered(project, told.stdout))[0], { decision: "deny", by: "finance" })
    })

    it("of an agent is asked call after call, and a rule that it offers stands by its number", async () => {
      const { at, project } = await seat()
      const run = at("agent", "run", "typist", "--input", "ls ; pwd ; ls", "--id", "t-1")
      const asked = "approve, deny, or edit? [a/d/e/al1, empty to leave it open]"
      await run.answer(asked, 1, "al1")
      await run.answer(word, 1, "")
      await run.answer(asked, 2, "a")
      await run.answer(word, 2, "")
      const { code, stdout } = await run.ended
      assert.strictEqual(code, 0, stdout)
      assert.include(stdout, "Typed.")
      assert.deepStrictEqual((await answered(project, stdout)).map((answer) => "always" in answer), [true, false])
      assert.include((await project.fermata("policy", "ls")).stdout, "Bash(ls)")
    })
  })
}

describe("a question on a terminal at a server", () => {
  it("is put to nobody whose token may not answer, or whom it does not ask", async () => {
    const project = new Project()
    const operator = await person(project, "finance", "read", "operate")
    const { stdout: ada } = await project.fermata(
      "token",
      "create",
      "ada",
      ...["read", "operate", "approve"].flatMap((scope) => ["--scope", scope])
    )
    const { url } = await serving(project)
    const run = (env: Readonly<Record<string, string | undefined>>) =>
      onTerminal(project, ["run", "approval.json", "--input", "{\"cents\":5}", "--server", url], env).ended
    for (const env of [operator, { ...operator, FERMATA_TOKEN: ada.trim() }]) {
      const { code, stdout } = await run(env)
      assert.strictEqual(code, 3, stdout)
      assert.include(stdout, "waits for finance or boss to answer")
      assert.notInclude(stdout, "empty to leave it open")
    }
  })

  it("is asked again when the server was killed -9 and started again before the answer came", async () => {
    const project = new Project()
    const finance = await person(project, "finance", "read", "operate", "approve")
    const first = await serving(project)
    const run = onTerminal(
      project,
      ["run", "approval.json", "--input", "{\"cents\":5}", "--server", first.url],
      finance
    )
    await run.says(question)
    await first.kill()
    await run.answer(question, 1, "a")
    await run.answer(which, 1, "card")
    await run.answer(word, 1, "")
    await run.says(`No server answers at ${first.url}: nothing listens there`)
    await run.says("does not answer; trying again")
    const { port } = new URL(first.url)
    project.start(["serve", "--port", port])
    await run.answer(question, 2, "a")
    await run.answer(which, 2, "cash")
    await run.answer(word, 2, "")
    const { code, stdout } = await run.ended
    assert.strictEqual(code, 0, stdout)
    const answers = await answered(project, stdout)
    assert.strictEqual(answers.length, 1)
    assert.deepInclude(answers[0], { by: "finance", choice: "cash" })
  })
})
