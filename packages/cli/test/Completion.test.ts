import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { fixtures, Project } from "./support/Project.ts"
import { served } from "./support/Served.ts"

const remote = join(fixtures, "remote.config.ts")

/** What is offered behind a line, as the script of bash asks for it. */
const offered = async (project: Project, line: string): Promise<ReadonlyArray<string>> => {
  const { code, stderr, stdout } = await project.fermata("--complete", "bash", line)
  assert.deepStrictEqual([code, stderr], [0, ""], line)
  return stdout.split("\n").filter((text) => text !== "")
}

describe("completion", () => {
  it("offers commands, options, values, files, workflows, runs, steps, signals and events, and makes no database", async () => {
    const project = new Project()
    assert.deepStrictEqual(await offered(project, "fermata ru"), ["run", "runs", "run-once"])
    assert.deepStrictEqual(await offered(project, "fermata runs show "), [])
    assert.deepStrictEqual(await offered(project, "fermata run a"), ["approval.json"])
    assert.isFalse(existsSync(project.db))

    const { json: { runId } } = await project.fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json")
    const asked = await project.fermata("run", "approval.json", "--input", "{\"cents\":5}", "--json")
    const lines: ReadonlyArray<readonly [line: string, expected: ReadonlyArray<string>]> = [
      ["fermata runs ls --status s", ["suspended"]],
      ["fermata runs ls --status=s", ["suspended"]],
      ["fermata runs ls --lim", ["--limit"]],
      ["fermata run Sh", ["Shop"]],
      [`fermata --db ${project.db} runs show ${runId.slice(0, 4)}`, [runId]],
      [`fermata signal ${runId} `, ["paid"]],
      [`fermata runs fork ${runId} --at `, ["record"]],
      [`fermata approve ${asked.json.runId.slice(0, 6)}`, [asked.json.runId]],
      [`fermata approve ${asked.json.runId} --as f`, ["finance"]],
      [`fermata approve ${asked.json.runId} --choice `, ["card", "cash"]],
      ["fermata emit expense.", ["expense.filed"]],
      ["fermata run Echo --input @app", ["@approval.json"]],
      ["fermata contracts check ten", ["ten-mistakes.json"]],
      ["fermata runs nothing ", []]
    ]
    for (const [line, expected] of lines) assert.deepStrictEqual(await offered(project, line), expected, line)
  })

  it(
    "offers at a server what it offers on a database: by the line, by the environment, and as far as the token lets look",
    { timeout: 60_000 },
    async () => {
      const project = new Project()
      const { json: { runId } } = await project.fermata("run", "Shop", "--input", "{\"id\":\"1\"}", "--json")
      const { json: keeping } = await project.fermata("run", "Keeping", "--input", "{\"id\":\"1\"}", "--json")
      const asked = await project.fermata("run", "approval.json", "--input", "{\"cents\":5}", "--json")
      const typed = await project.fermata(
        "agent",
        "run",
        "typist",
        "--input",
        "ls",
        "--config",
        remote,
        "--model",
        "scripted"
      )
      assert.strictEqual(typed.code, 3, typed.stderr)
      await project.fermata("run", "wait.json", "--event", "{\"id\":\"p-1\"}", "--event-name", "parcel.sent", "--json")
      const token = await project.fermata("token", "create", "ada", "--scope", "read", "--scope", "admin")
      const narrow = await project.fermata("token", "create", "ci", "--scope", "operate")
      const ofTenant = await project.fermata(
        "run",
        "approval.json",
        "--input",
        "{\"cents\":5}",
        "--tenant",
        "acme",
        "--json"
      )
      const { stop, url } = await served({ db: project.db, config: remote, as: "ada", work: false })
      const agent = (await project.fermata("approvals", "ls", "--json")).lines.find(({ workflow }) =>
        workflow === "typist"
      )
      const lines = [
        ...["show", "cancel", "fork"].map((verb) => `fermata runs ${verb} `),
        `fermata runs show ${runId.slice(0, 4)}`,
        "fermata run ",
        `fermata signal ${runId} `,
        `fermata runs fork ${keeping.runId} --at `,
        `fermata runs artifact ${keeping.runId} `,
        "fermata approve ",
        `fermata approve ${asked.json.runId} --choice `,
        `fermata approve ${agent!.runId} --always `,
        "fermata emit ",
        "fermata token rm ",
        "fermata runs ls --workflow S",
        "fermata --tenant acme runs show ",
        "fermata --tenant acme approve ",
        `fermata --tenant acme approve ${ofTenant.json.runId} --choice `,
        "fermata --tenant nobody runs show ",
        "fermata --tenant acme policy rm ",
        "fermata --tenant acme token rm ",
        "fermata runs nothing "
      ]
      const at = async (env: Readonly<Record<string, string | undefined>>, lines: ReadonlyArray<string>) => {
        const all: Array<readonly [line: string, stdout: string]> = []
        for (const line of lines) {
          const { code, stderr, stdout } = await project.type(["--complete", "zsh", ...line.split(" ").slice(1)], {
            env
          })
          assert.deepStrictEqual([code, stderr], [0, ""], line)
          all.push([line, stdout])
        }
        return all
      }
      const bearer = token.stdout.trim()
      const there = { FERMATA_DB: undefined, FERMATA_AS: "somebody", FERMATA_SERVER: url, FERMATA_TOKEN: bearer }
      const here = await at({}, lines)
      assert.deepStrictEqual(await at(there, lines), here)
      assert.deepStrictEqual(here.filter(([, offered]) => offered === "").map(([line]) => line), [
        "fermata --tenant nobody runs show ",
        "fermata --tenant acme policy rm ",
        "fermata --tenant acme token rm ",
        "fermata runs nothing "
      ])
      for (const line of ["fermata --tenant acme runs show ", "fermata --tenant acme approve "]) {
        const [offered, ...others] = here.find(([typed]) => typed === line)![1].trimEnd().split("\n")
        assert.deepStrictEqual([offered!.split("\t")[0], others], [ofTenant.json.runId, []])
      }

      const [show] = here
      const named = (...options: ReadonlyArray<string>) =>
        at({ FERMATA_DB: undefined, FERMATA_TOKEN: bearer }, options.map((option) => `fermata ${option} runs show `))
      assert.deepStrictEqual((await named(`--server ${url}`, `--server=${url}`)).map(([, offered]) => offered), [
        show![1],
        show![1]
      ])
      const folder = join(project.folder, "configured")
      mkdirSync(folder)
      writeFileSync(join(folder, "fermata.config.mjs"), `export default { server: { url: "${url}" } }`)
      const configured = await project.type(["--complete", "zsh", "runs", "show", ""], {
        cwd: folder,
        env: { ...there, FERMATA_SERVER: undefined }
      })
      assert.strictEqual(configured.stdout, show![1])

      // Nothing is offered, nor told, where nothing is to be had.
      const nothing = async (env: Readonly<Record<string, string | undefined>>, line = "fermata runs show ") =>
        assert.deepStrictEqual(await at({ ...there, ...env }, [line]), [[line, ""]])
      await nothing({ FERMATA_TOKEN: narrow.stdout.trim() })
      await nothing({ FERMATA_TOKEN: undefined })
      await nothing({ FERMATA_SERVER: "no URL" })
      // Who acts there is said by the token, and what works on this machine alone asks no server.
      await nothing({}, `fermata approve ${asked.json.runId} --as `)
      await nothing({}, "fermata replay ")
      await stop()
      await nothing({})
      const silent = createServer(() => {}).listen(0, "127.0.0.1")
      onTestFinished(() => silent.closeAllConnections())
      onTestFinished(() => void silent.close())
      await new Promise((resolve) => silent.once("listening", resolve))
      await nothing({ FERMATA_SERVER: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` })
    }
  )

  it("is printed to stdout for every shell, and offers the same there with a word about each", async () => {
    const { fermata } = new Project()
    const scripts = await Promise.all(["bash", "zsh", "fish"].map((shell) => fermata("--completions", shell)))
    for (const [index, shell] of ["bash", "zsh", "fish"].entries()) {
      assert.deepInclude(scripts[index]!, { code: 0, stderr: "" })
      assert.include(scripts[index]!.stdout, `--complete ${shell} `)
    }
    for (const shell of ["zsh", "fish"]) {
      assert.strictEqual(
        (await fermata("--complete", shell, "runs", "pa")).stdout,
        "pause\tLet no further step of a run start until it is resumed\n"
      )
    }
  })
})
