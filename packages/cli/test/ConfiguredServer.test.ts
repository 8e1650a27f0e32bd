/** Where a configuration says where the runs are, commands work there, unless somebody says otherwise. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "vitest"
import { defaultDb } from "../src/Globals.ts"
import { looksAtServer } from "../src/Looking.ts"
import { fixtures, Project } from "./support/Project.ts"
import { freePort, served } from "./support/Served.ts"

const config = join(fixtures, "remote.config.ts")

/** Nothing but the configuration says where the runs are. */
const silent = {
  FERMATA_DB: undefined,
  FERMATA_SERVER: undefined,
  FERMATA_TOKEN: undefined,
  FERMATA_TOKEN_FILE: undefined
}

/** A folder of the project with a configuration. A process loads each file once, so that each text has its own. */
const configured = (project: Project, name: string, text: string): string => {
  const folder = join(project.folder, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "fermata.config.mjs"), text)
  return folder
}

/** Nobody listens there. */
const nowhere = (name: string) => `http://127.0.0.1:1/${name}`

describe("the server of a configuration", () => {
  it("has the runs of commands in its folder and below, and is not repeated by the commands that they print", {
    timeout: 60_000
  }, async () => {
    const there = new Project()
    const token = (await there.fermata("token", "create", "ada", "--scope", "read", "--scope", "operate")).stdout.trim()
    const { url } = await served({ db: there.db, config, as: "ada" })
    const project = new Project()
    const folder = configured(
      project,
      "shop",
      `export default { server: { url: ${JSON.stringify(`${url}/`)}, token: { env: "RUNS_TOKEN" } } }`
    )
    mkdirSync(join(folder, "below"))
    const env = { ...silent, RUNS_TOKEN: token }
    const shop = await project.type(["run", "Shop", "--input", "{\"id\":\"1\"}"], { cwd: folder, env })
    assert.strictEqual(shop.code, 3, shop.stderr)
    assert.match(shop.stderr, /signal [0-9a-f]+ paid --data '\{"cents":1\}'$/m)
    const listed = await project.type(["runs", "ls", "--json"], { cwd: join(folder, "below"), env })
    assert.deepStrictEqual(listed.lines, (await there.fermata("runs", "ls", "--json")).lines)
    assert.deepStrictEqual(listed.lines.map(({ workflow }) => workflow), ["Shop"])

    // From another folder a contract file brings the configuration beside it, which is named from then on.
    writeFileSync(
      join(folder, "wait.json"),
      JSON.stringify({
        schemaVersion: "fermata.contract.v1",
        id: "parcel",
        version: "1.0.0",
        title: "Waits",
        entryStepId: "ask",
        steps: [{
          id: "ask",
          name: "Ask",
          kind: "approval",
          prompt: "Now?",
          approvers: ["ada"],
          nextOnApproved: null,
          nextOnDenied: null
        }]
      })
    )
    const far = await project.type(["run", "shop/wait.json"], { cwd: project.folder, env })
    assert.strictEqual(far.code, 3, far.stderr)
    assert.match(far.stderr, /approve [0-9a-f]+ --config shop\/fermata.config.mjs$/m)
    assert.strictEqual((await there.fermata("runs", "ls", "--json")).lines.length, 2)
  })

  it("comes after the command line and the environment, its token too, and a database that is named means this machine", async () => {
    const project = new Project()
    const shown: Array<string | undefined> = []
    const server = createServer(({ headers }, response) => {
      shown.push(headers.authorization)
      response.end("no server of Fermata")
    }).listen(0, "127.0.0.1")
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once("listening", resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const file = (name: string) => {
      writeFileSync(join(project.folder, name), `${name}\n`)
      return join(project.folder, name)
    }
    const inFile = configured(project, "file", `export default { server: { url: "${url}", token: { file: "token" } } }`)
    writeFileSync(join(inFile, "token"), "from-file\n")
    const inEnv = configured(
      project,
      "env",
      `export default { server: { url: "${url}", token: { env: "RUNS_TOKEN" } } }`
    )
    const showing = async (cwd: string, env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => {
      shown.length = 0
      const { code, stderr } = await project.type(["runs", "ls", ...args], { cwd, env: { ...silent, ...env } })
      assert.strictEqual(code, 2, stderr)
      return shown
    }
    const all = { RUNS_TOKEN: "from-env", FERMATA_TOKEN: "shell", FERMATA_TOKEN_FILE: file("shell-file") }
    const { FERMATA_TOKEN: _, ...files } = all
    assert.deepStrictEqual(await showing(inFile, {}), ["Bearer from-file"])
    assert.deepStrictEqual(await showing(inEnv, { RUNS_TOKEN: "from-env" }), ["Bearer from-env"])
    assert.deepStrictEqual(await showing(inEnv, files), ["Bearer shell-file"])
    assert.deepStrictEqual(await showing(inEnv, all), ["Bearer shell"])
    assert.deepStrictEqual(await showing(inEnv, all, "--token-file", file("option")), ["Bearer option"])
    // The token of the configuration is for its own server alone.
    assert.deepStrictEqual(await showing(inFile, {}, "--server", `${url}/other`), [undefined])
    assert.deepStrictEqual(await showing(inFile, { FERMATA_SERVER: `${url}/other` }), [undefined])

    const asked = async (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => {
      const { stderr } = await project.type(["runs", "ls", ...args], { cwd: folder, env: { ...silent, ...env } })
      return /http:\/\/127\.0\.0\.1:1\/\w+|no database .*\.db|No runs.*/.exec(stderr)?.[0]
    }
    const folder = configured(project, "order", `export default { server: { url: "${nowhere("configuration")}" } }`)
    assert.strictEqual(await asked({}), nowhere("configuration"))
    assert.strictEqual(await asked({ FERMATA_SERVER: nowhere("environment") }), nowhere("environment"))
    assert.strictEqual(
      await asked({ FERMATA_SERVER: nowhere("environment") }, "--server", nowhere("option")),
      nowhere("option")
    )
    assert.strictEqual(await asked({}, "--db", "own.db"), "no database own.db")
    assert.strictEqual(await asked({ FERMATA_DB: "other.db" }), "no database other.db")
    assert.strictEqual(await asked({ FERMATA_DB: "other.db" }, "--server", nowhere("option")), nowhere("option"))
  })

  it("is none of commands that work on this machine alone, such as those that serve it", async () => {
    const project = new Project()
    const folder = configured(project, "here", `export default { server: { url: "${nowhere("configuration")}" } }`)
    // What no server goes with is taken, and the database of the folder is worked on.
    const worker = await project.type(["worker", "--until-idle", "--lease", "5000"], { cwd: folder, env: silent })
    assert.strictEqual(worker.code, 0, worker.stderr)
    assert.isTrue(existsSync(join(folder, defaultDb)))
  })

  it("is refused where it is wrong, in one sentence that shows no token", async () => {
    const project = new Project()
    let number = 0
    const says = async (entry: string, sentence: string) => {
      const folder = configured(project, `wrong-${++number}`, `export default { server: ${entry} }`)
      const { code, stderr, stdout } = await project.type(["runs", "ls"], { cwd: folder, env: silent })
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      assert.include(stderr, `error: The configuration fermata.config.mjs ${sentence}`)
      assert.notInclude(stderr, "frm_")
      assert.notInclude(stderr, "hunter2")
    }
    const url = "url: \"https://runs.example.org\""
    await says(
      "\"https://runs.example.org\"",
      "must have in \"server\" its address, and where the token for it is, such as {"
    )
    await says(
      "{}",
      "cannot have that as the \"url\" of its \"server\": expected a URL that begins with http:// or https://"
    )
    await says(
      "{ url: \"runs.example.org\" }",
      "cannot have that as the \"url\" of its \"server\": expected a URL that begins"
    )
    await says(
      "{ url: \"https://ada:hunter2@runs.example.org\" }",
      "cannot have that as the \"url\" of its \"server\": a URL carries no token"
    )
    await says(`{ ${url}, tokn: {} }`, "has in \"server\" the unknown field \"tokn\"; did you mean \"token\"?")
    const plain =
      "has a token in its \"server\", where everybody reads it; say where it is instead, such as token: { env: \"RUNS_TOKEN\" }"
    await says(`{ ${url}, token: "frm_x_y" }`, plain)
    await says(`{ ${url}, token: { env: "frm_x_y" } }`, plain)
    for (const token of ["{}", "{ env: \"\" }", "{ env: \"A-B\" }", "{ file: \"a\", env: \"A\" }", "1"]) {
      await says(`{ ${url}, token: ${token} }`, "must have as the \"token\" of its \"server\" where the token is: {")
    }
  })

  it("is told where it cannot be asked: by whom it is named, and what else there is", async () => {
    const project = new Project()
    const says = async (
      name: string,
      entry: string,
      args: ReadonlyArray<string>,
      ...sentences: ReadonlyArray<string>
    ) => {
      const folder = configured(project, name, `export default { server: ${entry} }`)
      const { code, stderr, stdout } = await project.type(args, { cwd: folder, env: silent })
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      for (const sentence of sentences) assert.include(stderr, sentence)
    }
    const url = `http://127.0.0.1:${await freePort()}`
    const own = "--db FILE names a database"
    await says(
      "down",
      `{ url: "${url}" }`,
      ["runs", "ls"],
      "nothing listens there",
      `it is the server of fermata.config.mjs; ${own}`
    )
    await says(
      "as",
      `{ url: "${url}" }`,
      ["approve", "1f0c", "--as", "ada"],
      "--as goes with no server",
      `${own} in place of the server of fermata.config.mjs`
    )
    await says(
      "unset",
      `{ url: "${url}", token: { env: "RUNS_TOKEN" } }`,
      ["runs", "ls"],
      `There is no token for ${url}: fermata.config.mjs says that it is in the variable RUNS_TOKEN, which is not set`,
      "set RUNS_TOKEN, or give the token in FERMATA_TOKEN"
    )
    await says(
      "unread",
      `{ url: "${url}", token: { file: "none" } }`,
      ["runs", "ls"],
      "the \"server\" of fermata.config.mjs: the file "
    )
    // A closed door names the way to say it once and for all.
    const there = new Project()
    await there.fermata("token", "create", "ada", "--scope", "read")
    const server = await served({ db: there.db, config, as: "ada", work: false })
    await says(
      "closed",
      `{ url: "${server.url}" }`,
      ["runs", "ls"],
      "asks for a token",
      "or say in fermata.config.mjs where it is"
    )
  })

  it("stands in the file itself, so that commands that only look need load no other configuration", async () => {
    const project = new Project()
    const base = configured(project, "base", `export default { server: { url: "${nowhere("base")}" } }`)
    const spread = configured(
      project,
      "spread",
      "import base from \"../base/fermata.config.mjs\"\nexport default { ...base }"
    )
    const refused = await project.type(["run", "Echo"], { cwd: spread, env: { ...silent, FERMATA_DB: project.db } })
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, "has its \"server\" from elsewhere")
    const named = configured(
      project,
      "named",
      "import base from \"../base/fermata.config.mjs\"\nexport default { ...base, server: base.server }"
    )
    assert.include((await project.type(["runs", "ls"], { cwd: named, env: silent })).stderr, nowhere("base"))
    // One that has no server is not even read as code.
    const broken = configured(
      project,
      "broken",
      "import { McpHttp } from \"nowhere\"\nexport default { mcp: McpHttp.server({}) }"
    )
    assert.strictEqual((await project.type(["runs", "ls"], { cwd: broken, env: silent })).code, 0)

    const looks = (cwd: string, ...args: ReadonlyArray<string>) => looksAtServer(args, {}, cwd)
    assert.isTrue(looks(base, "runs", "ls"))
    assert.isTrue(looks(join(base, ".."), "runs", "ls", "--config", "base/fermata.config.mjs"))
    assert.isTrue(looks(join(base, ".."), "runs", "ls", "--config=base/fermata.config.mjs"))
    assert.isTrue(looks(base, "--complete", "bash", "fermata runs show "))
    assert.isFalse(looks(base, "runs", "ls", "--db", "x"))
    assert.isFalse(looksAtServer(["runs", "ls"], { FERMATA_DB: "x" }, base))
    assert.isFalse(looks(base, "runs", "ls", "--help"))
    assert.isFalse(looks(broken, "runs", "ls"))
    assert.isFalse(looks(project.folder, "runs", "ls"))
  })
})
