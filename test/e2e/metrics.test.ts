/** The metrics of workers, where Prometheus asks for them. */
import { get } from "node:http"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

/** A worker that tells its metrics, and where. */
const measured = async (project: Project, place: string) => {
  const worker = project.start(["worker", "--metrics", place])
  const [, url] = /metrics at (http:\/\/\S+)\/metrics/.exec(await worker.says("/metrics"))!
  await worker.says(" serves ")
  return { ...worker, url: url! }
}

const value = (text: string, line: string): number =>
  Number(text.split("\n").find((each) => each.startsWith(`${line} `))?.slice(line.length + 1) ?? Number.NaN)

describe("fermata worker --metrics", () => {
  it("N-52: tells what the worker does on the loopback interface, in the text of Prometheus, and serves nothing else", async () => {
    const project = new Project()
    const worker = await measured(project, "0")
    assert.strictEqual(new URL(worker.url).hostname, "127.0.0.1")
    const { json: { runId } } = await project.fermata(
      "run",
      "Echo",
      "--input",
      "{\"text\":\"hi\"}",
      "--detach",
      "--json"
    )
    await worker.says(`${runId}  Echo@1  completed`)
    const response = await fetch(`${worker.url}/metrics`)
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
    const text = await response.text()
    assert.strictEqual(value(text, "fermata_run_ends_total{workflow=\"Echo\",status=\"completed\"}"), 1)
    assert.strictEqual(value(text, "fermata_runs{status=\"completed\"}"), 1)
    assert.notInclude(text, runId)
    for (const path of ["/", "/api/metrics", "/api/runs", "/openapi.json"]) {
      assert.strictEqual((await fetch(`${worker.url}${path}`)).status, 404, path)
    }
    // A page whose name points here gets nothing.
    const status = await new Promise((resolve, reject) =>
      get(`${worker.url}/metrics`, { headers: { host: "evil.example" } }, ({ statusCode }) => resolve(statusCode))
        .on("error", reject)
    )
    assert.strictEqual(status, 403)
    const second = await project.fermata("worker", "--metrics", new URL(worker.url).host)
    assert.strictEqual(second.code, 2)
    assert.include(second.stderr, `--metrics ${new URL(worker.url).host} cannot be listened on`)
    worker.process.kill("SIGTERM")
    const ended = await worker.ended
    assert.strictEqual(ended.code, 0, ended.stderr)
  })

  it("N-31, N-52: lets others in by tokens of the scope read alone", async () => {
    const project = new Project()
    const tokenOf = async (scope: string) => {
      const { stdout } = await project.fermata("token", "create", scope, "--scope", scope)
      return { authorization: `Bearer ${stdout.trim()}` }
    }
    const refused = await project.fermata("worker", "--metrics", "0.0.0.0:0")
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, "--metrics 0.0.0.0:0: others than this machine reach it, and no token lets them in")
    const read = await tokenOf("read")
    const approve = await tokenOf("approve")
    const worker = await measured(project, "0.0.0.0:0")
    const { port } = new URL(worker.url)
    const status = async (headers: Readonly<Record<string, string>>) =>
      (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).status
    assert.deepStrictEqual([await status({}), await status(approve), await status(read)], [401, 403, 200])
    assert.include(await worker.says("can be read on the way"), "warning: without TLS")
    // Once there is a token, this machine shows one too.
    const own = await measured(project, "localhost:0")
    assert.strictEqual((await fetch(`${own.url}/metrics`)).status, 401)
    assert.strictEqual((await fetch(`${own.url}/metrics`, { headers: read })).status, 200)
  })
})
