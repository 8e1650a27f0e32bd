/** A person logs in at an MCP server by the command that a run has said, and out again. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, onTestFinished } from "vitest"
import { browserIn, guarded } from "./support/Logins.ts"
import { Printing } from "./support/Printing.ts"

const folder = fileURLToPath(new URL("logins", import.meta.url))

/** A port of this machine that nobody listens at. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A project with a server that asks for OAuth, and a browser in which somebody agrees. */
const begin = async () => {
  const at = new Printing(folder)
  const { issuer, stub, url } = await guarded()
  const env: Record<string, string> = {
    LOGINS_ISSUER: issuer.origin,
    LOGINS_PORT: `${await freePort()}`,
    LOGINS_URL: url,
    BROWSER: browserIn(at.project.folder)
  }
  const start = (args: ReadonlyArray<string>, stdin = "", more: Record<string, string> = {}) =>
    at.project.start(args, { cwd: folder, env: { ...env, ...more }, stdin })
  const fermata = (...args: ReadonlyArray<string>) => start(args).ended
  const run = (id: string) => fermata("agent", "run", "clerk", "--input", "go", "--id", id, "--model", "scripted")
  const tokens = `${at.project.db}-mcp-tokens`
  return { at, env, fermata, issuer, run, start, stub, tokens, url }
}

/** The files in the folder of tokens. */
const filesOf = (tokens: string): ReadonlyArray<string> => readdirSync(tokens).map((name) => join(tokens, name))

/** What nobody may see of what was given. */
const secrets = (tokens: string): ReadonlyArray<string> =>
  Array.from(
    filesOf(tokens).map((file) => readFileSync(file, "utf8")).join("\n").matchAll(/(?:access|refresh)-[\da-f-]{36}/g),
    ([token]) => token
  )

describe("an MCP server that asks for OAuth", () => {
  it("is logged in at by the command that a run says, as it stands; what it gave is in a file of its owner, and nowhere else", async () => {
    const { at, env, fermata, issuer, run, stub, tokens, url } = await begin()
    const refused = await run("1")
    assert.strictEqual(refused.code, 1)
    const [, command] = /nobody has logged in there; to log in: (npx .*)/.exec(refused.stderr)!
    assert.strictEqual(command, "npx fermata mcp login guarded --model scripted")
    assert.deepStrictEqual(stub.calls, [])
    const before = await fermata("mcp", "ls", "--json")
    assert.deepStrictEqual(before.lines as ReadonlyArray<unknown>, [
      { name: "guarded", where: url, optional: false, agents: ["clerk"], secrets: [], loggedIn: false },
      { name: "keyed", where: "http://127.0.0.1:9/keyed", optional: false, agents: [], secrets: ["KEY"] }
    ])

    const login = await at.run(command!, { env, isForGood: true })
    assert.strictEqual(login.code, 0, login.output)
    assert.include(login.output, `to log in at MCP server "guarded", open this address and agree:\n  ${issuer.origin}/`)
    assert.include(login.output, "logged in at MCP server \"guarded\"")
    assert.deepStrictEqual(filesOf(tokens).map((file) => statSync(file).mode & 0o777), [0o600])

    const after = await run("2")
    assert.strictEqual(after.code, 0, after.stderr)
    assert.include(after.stdout, "with Bearer [secret OAuth token]")
    const listed = await fermata("mcp", "ls")
    assert.match(listed.stdout, /^guarded .*clerk +who has logged in$/m)
    const others = [await fermata("mcp", "login", url), await fermata("doctor"), await fermata("runs", "ls", "--json")]
    const shown = [refused, after, listed, ...others].map(({ stderr, stdout }) => stderr + stdout).join(login.output)
    const [access, refresh] = secrets(tokens)
    assert.isString(access)
    assert.isString(refresh)
    for (const token of secrets(tokens)) {
      assert.notInclude(shown, token)
      for (const end of ["", "-wal"]) {
        const file = `${at.project.db}${end}`
        if (existsSync(file)) assert.isFalse(readFileSync(file).includes(token), file)
      }
    }

    const logout = await fermata("mcp", "logout", "guarded")
    assert.strictEqual(logout.code, 0, logout.stderr)
    assert.include(logout.stderr, "what it gave counts no more, and is not kept")
    assert.strictEqual(issuer.access.size, 0)
    assert.deepStrictEqual(secrets(tokens), [])
    assert.include((await run("3")).stderr, "nobody has logged in there")
    const again = await fermata("mcp", "logout", "guarded", "--json")
    assert.deepStrictEqual(again.json as unknown, { server: "guarded", url, wasLoggedIn: false, revoked: false })
  })

  it("is logged in at from a machine without a browser: the address that one was sent to elsewhere is pasted", async () => {
    const { env, issuer, start } = await begin()
    const first = start(["mcp", "login", "guarded", "--no-browser"])
    await first.says("open this address and agree:")
    await first.says(`${issuer.origin}/authorize`)
    await first.kill()
    const { stderr } = await first.ended
    const address = /^ {2}(http\S+)$/m.exec(stderr)![1]!
    const back = (await fetch(address, { redirect: "manual" })).headers.get("location")!
    const other = back.replace(env["LOGINS_PORT"]!, "1")
    const pasted = await start(["mcp", "login", "guarded", "--no-browser", "--json"], `${other}\nhello\n${back}\n`)
      .ended
    assert.strictEqual(pasted.code, 0, pasted.stderr)
    assert.deepInclude(pasted.json as object, { server: "guarded", agreed: true })
  })

  it("says in one sentence why nobody is logged in, and keeps nothing", async () => {
    const { env, fermata, start, tokens } = await begin()
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
      [
        ["mcp", "login", "gaurded"],
        /^error: There is no MCP server "gaurded" in .*; there is guarded and keyed\n {2}see how each is reached: npx fermata mcp ls$/m
      ],
      [["mcp", "login", "keyed"], /^error: Nobody logs in at MCP server "keyed" .*: it is told who asks by KEY$/m],
      [
        ["mcp", "logout", "https://mcp.example.com/mcp"],
        /^error: There is no MCP server "https:\/\/mcp.example.com\/mcp"/m
      ],
      [["mcp", "login"], /^error: fermata mcp login needs the argument <server>/m],
      [["mcp", "logni", "guarded"], /^error: fermata mcp has no command "logni"; did you mean login\?/m]
    ]
    for (const [args, problem] of cases) {
      const { code, stderr } = await fermata(...args)
      assert.strictEqual(code, 2, `${args.join(" ")}\n${stderr}`)
      assert.match(stderr, problem)
    }
    const denied = await start(["mcp", "login", "guarded"], "", { LOGINS_URL: "http://127.0.0.1:9/mcp" }).ended
    assert.strictEqual(denied.code, 1)
    assert.match(denied.stderr, /^error: Nobody was logged in at MCP server http:\/\/127\.0\.0\.1:9\/mcp: /m)
    const listener = createServer().listen(Number(env["LOGINS_PORT"]), "127.0.0.1")
    onTestFinished(() => void listener.close())
    await new Promise((resolve) => listener.once("listening", resolve))
    const taken = await fermata("mcp", "login", "guarded")
    assert.strictEqual(taken.code, 1)
    assert.match(taken.stderr, /^error: .*nobody can come back to http:\/\/127\.0\.0\.1:\d+\/callback: .*EADDRINUSE/m)
    assert.deepStrictEqual(secrets(tokens), [])
  })

  it("completes", async () => {
    const { fermata } = await begin()
    const { stdout } = await fermata("--complete", "bash", "fermata mcp l")
    assert.deepStrictEqual(stdout.trim().split("\n"), ["ls", "login", "logout"])
  })
})
