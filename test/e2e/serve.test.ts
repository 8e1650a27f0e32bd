/** The HTTP server as a process of its own. */
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { connect, type IncomingHttpHeaders } from "node:http2"
import { get } from "node:https"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { serving } from "./support/Serving.ts"

describe("fermata serve", () => {
  it("R-69: starts and works on runs at its port, as whoever it acts for, and ends when it is told to", async () => {
    const project = new Project()
    const server = await serving(project, "--as", "ada")
    const started = await server.post("/api/runs", { workflow: "Echo", input: { text: "hi" } })
    assert.strictEqual(started.status, 201)
    const { runId } = await started.json() as { readonly runId: string }
    const { stdout: journal } = await project.fermata("runs", "tail", runId, "--json")
    assert.include(journal, "\"by\":\"ada\"")
    const found = await (await fetch(`${server.url}/api/runs/${runId}`)).json()
    assert.deepInclude(found as object, { id: runId, status: "completed", output: "hi" })
    server.process.kill("SIGTERM")
    const { code, stderr, stdout } = await server.ended
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stdout, "")
  })

  it("with --no-work leaves runs to others, and says at once which port is taken", async () => {
    const project = new Project()
    const server = await serving(project, "--no-work")
    const started = await server.post("/api/runs", { workflow: "Echo", input: { text: "hi" } })
    const { runId } = await started.json() as { readonly runId: string }
    const status = async () =>
      (await (await fetch(`${server.url}/api/runs/${runId}`)).json() as { readonly status: string }).status
    assert.strictEqual(await status(), "queued")
    const { port } = new URL(server.url)
    const { code, stderr } = await project.fermata("serve", "--port", port)
    assert.strictEqual(code, 2)
    assert.include(stderr, `error: --port ${port} cannot be listened on`)
    await project.fermata("worker", "--until-idle")
    assert.strictEqual(await status(), "completed")
  })

  it("N-31: lets others in by tokens alone, over TLS, by the names that it was given", async () => {
    const project = new Project()
    const files = ["cert", "key"].map((name) => fileURLToPath(new URL(`support/tls/${name}.pem`, import.meta.url)))
    const others = ["serve", "--port", "0", "--host", "0.0.0.0", "--no-work"]
    const refused = await project.fermata(...others)
    assert.deepStrictEqual([refused.code, refused.stdout], [2, ""])
    assert.include(refused.stderr, "others than this machine reach it, and no token lets them in")
    const { stdout: token } = await project.fermata("token", "create", "ada", "--scope", "read")
    const bearer = { authorization: `Bearer ${token.trim()}` }

    const server = project.start([
      ...others,
      "--tls-cert",
      files[0]!,
      "--tls-key",
      files[1]!,
      "--allow-host",
      "runs.example.org"
    ])
    const port = /https:\/\/0\.0\.0\.0:(\d+)/.exec(await server.says(" at https://"))![1]
    const ca = readFileSync(files[0]!, "utf8")
    const ask = (path: string, headers: Readonly<Record<string, string>>) =>
      new Promise<number | undefined>((resolve, reject) =>
        get(
          `https://127.0.0.1:${port}${path}`,
          { ca, headers, servername: "localhost" },
          ({ statusCode }) => resolve(statusCode)
        ).on("error", reject)
      )
    assert.strictEqual(await ask("/api/runs", {}), 401)
    assert.strictEqual(await ask("/api/runs", bearer), 200)
    assert.strictEqual(await ask("/api/runs", { ...bearer, host: "runs.example.org" }), 200)
    assert.strictEqual(await ask("/api/runs", { ...bearer, host: "evil.example" }), 403)
    const session = connect(`https://127.0.0.1:${port}`, { ca })
    const stream = session.request({ ":path": "/api/runs", ...bearer })
    const [headers] = await once(stream, "response") as [IncomingHttpHeaders]
    assert.strictEqual(Number(headers[":status"]), 200)
    session.destroy()
    assert.notInclude(await server.says(" at https://"), "can be read on the way")
  })

  it("believes what a proxy forwards where it is told to, and nobody else", async () => {
    const project = new Project()
    const { stdout: token } = await project.fermata("token", "create", "ada", "--scope", "read")
    const forwarded = { "x-forwarded-for": "203.0.113.9", "x-forwarded-host": "runs.example.org" }
    const login = (url: string) =>
      fetch(`${url}/api/login`, {
        method: "POST",
        headers: { "content-type": "application/json", ...forwarded },
        body: JSON.stringify({ token: token.trim() })
      })
    const alone = await serving(project, "--no-work", "--allow-host", "runs.example.org")
    assert.notInclude((await login(alone.url)).headers.get("set-cookie"), "Secure")
    const behind = await serving(
      project,
      "--no-work",
      "--allow-host",
      "runs.example.org",
      "--trust-proxy",
      "127.0.0.0/8"
    )
    assert.include((await login(behind.url)).headers.get("set-cookie"), "Secure")
    const strange = await serving(project, "--no-work", "--trust-proxy", "127.0.0.0/8")
    assert.strictEqual((await login(strange.url)).status, 403)
  })

  it("N-64: takes no more requests at once than it is told, and answers whether it lives all the same", async () => {
    const project = new Project()
    const server = await serving(project, "--no-work", "--max-requests", "2", "--max-requests-of-caller", "1")
    const started = await server.post("/api/runs", { workflow: "Echo", input: { text: "hi" } })
    const { runId } = await started.json() as { readonly runId: string }
    const gone = new AbortController()
    const held = fetch(`${server.url}/api/runs/${runId}?wait=60s`, { signal: gone.signal }).catch(() => "gone")
    const asked = async (path: string, until: (status: number) => boolean) => {
      for (;;) {
        const response = await fetch(`${server.url}${path}`)
        if (until(response.status)) return response
      }
    }
    const refused = await asked("/api/runs", (status) => status === 429)
    assert.strictEqual(refused.headers.get("retry-after"), "1")
    assert.include(await refused.text(), "has 1 requests in flight, which is the most")
    assert.strictEqual((await fetch(`${server.url}/api/heartbeat`)).status, 200)
    gone.abort()
    assert.strictEqual(await held, "gone")
    assert.strictEqual((await asked("/api/runs", (status) => status !== 429)).status, 200)
  })

  it("refuses half a certificate, one that is none, networks that are none, and limits that let nobody in", async () => {
    const project = new Project()
    const says = async (args: ReadonlyArray<string>, text: string) => {
      const { code, stderr } = await project.fermata("serve", "--port", "0", ...args)
      assert.strictEqual(code, 2, stderr)
      assert.include(stderr, text)
    }
    const odd = join(project.folder, "odd.pem")
    writeFileSync(odd, "no certificate")
    await says(["--tls-cert", odd], "--tls-cert and --tls-key belong together")
    await says(["--tls-cert", odd, "--tls-key", odd], "--tls-cert and --tls-key are no certificate and its key")
    await says(["--tls-cert", "none.pem", "--tls-key", odd], "--tls-cert none.pem cannot be read")
    await says(["--trust-proxy", "everybody"], "expected networks such as 10.0.0.5/32, found everybody")
    await says(["--max-requests", "0"], "0 is less than 1")
    await says(["--max-requests-of-caller", "many"], "--max-requests-of-caller")
  })
})
