/** What stands between a command and a server is told in a sentence, with what to do, and nothing is done. */
import { writeFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it, onTestFinished } from "vitest"
import { fixtures, Project } from "./support/Project.ts"
import { freePort, served } from "./support/Served.ts"

const config = join(fixtures, "remote.config.ts")

/** Something else that listens. */
const listening = async (answer: RequestListener) => {
  const server = createServer(answer).listen(0, "127.0.0.1")
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once("listening", resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const problem: RequestListener = ({ url }, response) => {
  response.writeHead(404, { "content-type": "application/problem+json" })
  response.end(JSON.stringify({ type: "urn:fermata:problem:RouteNotFound", detail: `There is no ${url}` }))
}

describe("command lines at a server that does not answer as it should", () => {
  it("are refused with the URL and what to do: nobody there, no server of Fermata, another version, no URL", async () => {
    const { type } = new Project()
    const says = async (url: string, ...sentences: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await type(["runs", "ls", "--server", url])
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      for (const sentence of sentences) assert.include(stderr, sentence)
    }
    const nowhere = `http://127.0.0.1:${await freePort()}`
    await says(nowhere, `No server answers at ${nowhere}: nothing listens there`, "start the server on its machine")
    await says("http://nobody.invalid:4314", "there is no host nobody.invalid")
    await says(
      "http://127.0.0.1:1",
      "No server is asked at http://127.0.0.1:1: its port is one of those that no client"
    )
    const page = await listening((_, response) => void response.end("<html>Welcome</html>"))
    await says(page, `What answers at ${page} is no server of Fermata`)
    const old = await listening(problem)
    await says(old, `The server at ${old} is of another version than this command: it knows no GET /api/me`)
    await says("127.0.0.1:4314", "--server cannot be \"127.0.0.1:4314\": expected a URL that begins with http://")
    await says("http://ada:secret@127.0.0.1:1", "a URL carries no token")
  })

  it("N-64: wait and ask again where the server has enough to do, and say so where that lasts", async () => {
    const project = new Project()
    const real = await served({ db: project.db, config, as: "ada" })
    const asked: Array<string> = []
    const problem = "This server has its 9 requests in flight"
    const refusal = JSON.stringify({
      type: "urn:fermata:problem:TooManyRequests",
      title: "Too many requests",
      status: 429,
      detail: `${problem}; ask again in 0 s`,
      error: { _tag: "TooManyRequests", problem, limit: "requests", retryAfter: 0 }
    })
    /** In front of the real one: refuses so many requests first. */
    const busy = (times: number): RequestListener => async ({ method, url }, response) => {
      asked.push(`${method} ${url}`)
      if (asked.length <= times) {
        response.writeHead(429, { "content-type": "application/problem+json", "retry-after": "0" })
        return void response.end(refusal)
      }
      const answered = await fetch(`${real.url}${url}`)
      response.writeHead(answered.status, { "content-type": answered.headers.get("content-type") ?? "" })
      response.end(await answered.text())
    }
    const soon = await project.type(["runs", "ls", "--json", "--server", await listening(busy(3))])
    assert.deepStrictEqual([soon.code, soon.stdout], [0, ""], soon.stderr)
    assert.deepStrictEqual(asked.slice(0, 4), Array.from({ length: 4 }, () => "GET /api/me"))
    assert.isTrue(asked.some((line) => line.startsWith("GET /api/runs?")))

    asked.length = 0
    const url = await listening(busy(Number.POSITIVE_INFINITY))
    const late = await project.type(["runs", "ls", "--server", url])
    assert.deepStrictEqual([late.code, late.stdout], [2, ""])
    assert.include(late.stderr, `The server at ${url} has enough to do: ${problem}`)
    assert.include(late.stderr, "nothing was done of it")
    assert.include(late.stderr, "serve --max-requests")
    assert.lengthOf(asked, 4)
    const asJson = await project.type(["runs", "cancel", "1f0c", "--json", "--server", url])
    assert.deepStrictEqual([asJson.code, asJson.json.error.code], [2, "TooManyRequests"])
  })

  it("show their token, and are told which scope it lacks", { timeout: 60_000 }, async () => {
    const project = new Project()
    const { url } = await served({ db: project.db, config, as: "ada" })
    const reader = (await project.fermata("token", "create", "ada", "--scope", "read")).stdout.trim()
    const starter = (await project.fermata("token", "create", "ci", "--scope", "operate")).stdout.trim()
    const at = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
      project.type([...args, "--server", url], { env: { FERMATA_AS: "nobody", ...env } })

    const none = await at(["runs", "ls"], {})
    assert.strictEqual(none.code, 2)
    assert.include(none.stderr, `The server at ${url} asks for a token`)
    assert.include(none.stderr, "give it in FERMATA_TOKEN, or in a file")
    const wrong = await at(["runs", "ls"], { FERMATA_TOKEN: "frm_none_at_all" })
    assert.include(wrong.stderr, `The server at ${url} does not know the token`)
    const lacking = await at(["run", "Echo", "--input", "{\"text\":\"hi\"}"], { FERMATA_TOKEN: reader })
    assert.strictEqual(lacking.code, 2)
    assert.include(lacking.stderr, "This takes the scope operate, and the token has read")
    assert.strictEqual((await at(["runs", "ls"], { FERMATA_TOKEN: reader })).code, 0)

    // Who only acts need not be one who may look.
    const started = await at(["run", "Echo", "--input", "{\"text\":\"ho\"}", "--detach"], { FERMATA_TOKEN: starter })
    assert.strictEqual(started.code, 0, started.stderr)
    const file = join(project.folder, "token")
    writeFileSync(file, `${reader}\n`)
    const shown = await at(["runs", "tail", started.stdout.trim(), "--token-file", file, "--json"], {})
    assert.include(shown.stdout, "\"by\":\"ci\"")
  })

  it("go with nothing that is of this machine", async () => {
    const { type } = new Project()
    const server = ["--server", "http://127.0.0.1:1"]
    const refused = async (args: ReadonlyArray<string>, text: string, env = {}) => {
      const { code, stderr, stdout } = await type(args, { env })
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      assert.include(stderr, text)
    }
    await refused(["doctor", ...server], "fermata doctor works on this machine alone, and not at a server: it examines")
    await refused(["worker"], "FERMATA_SERVER names a server", { FERMATA_SERVER: "http://127.0.0.1:1" })
    await refused(["runs", "ls", "--db", "x.db", ...server], "--server and --db exclude each other")
    await refused(["approve", "1f0c", "--as", "ada", ...server], "who acts there is said by the token")
    await refused(["runs", "ls", "--token-file", "x"], "--token-file is for a server, and none is named")
    await refused(["runs", "ls", ...server, "--token-file", "none"], "--token-file: the file none cannot be read")
  })

  it("go on where they were when the server is started again", { timeout: 60_000 }, async () => {
    const project = new Project()
    const first = await served({ db: project.db, config, as: "ada" })
    const { json: { runId } } = await project.type(
      ["run", "Shop", "--input", "{\"id\":\"1\"}", "--json", "--server", first.url]
    )
    const tail = project.type(["runs", "tail", runId, "--json", "--server", first.url])
    // It follows by now, or will: either way nothing is lost and nothing told twice.
    await new Promise((resolve) => setTimeout(resolve, 500))
    await first.stop()
    const second = await served({ db: project.db, config, as: "ada", port: Number(new URL(first.url).port) })
    const sent = await fetch(`${second.url}/api/runs/${runId}/signals/paid`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ payload: { cents: 7 } })
    })
    assert.strictEqual(sent.status, 200)
    const { code, lines, stderr } = await tail
    assert.strictEqual(code, 0, stderr)
    const seqs = (lines as unknown as ReadonlyArray<{ readonly seq: number; readonly _tag: string }>).map(({ seq }) =>
      seq
    )
    assert.deepStrictEqual(seqs, seqs.map((_, index) => index))
    assert.include(JSON.stringify(lines.at(-1)), "RunCompleted")
  })
})
