/** Commands that follow a run at a server with a certificate of its own, which is killed and started again meanwhile. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project, type Running } from "./support/Fermata.ts"

const config = fileURLToPath(new URL("fixtures/counting.config.ts", import.meta.url))
const [cert, key] = ["cert", "key"].map((name) => fileURLToPath(new URL(`support/tls/${name}.pem`, import.meta.url)))
const most = 5

/** Starts a server over TLS, at this port, or at any that is free. */
const servingTls = async (project: Project, port = "0"): Promise<Running & { readonly url: string }> => {
  const server = project.start(
    ["serve", "--config", config, "--port", port, "--tls-cert", cert!, "--tls-key", key!],
    { env: { FIXTURE_GO: project.folder } }
  )
  const url = /https:\/\/127\.0\.0\.1:\d+/.exec(await server.says(" at https://127.0.0.1:"))![0]
  return { ...server, url }
}

const token = async (project: Project) => {
  const scopes = ["read", "operate"].flatMap((scope) => ["--scope", scope])
  return (await project.fermata("token", "create", "ada", ...scopes)).stdout.trim()
}

describe("a command at a server over TLS", () => {
  it("R-69: follows a run through every kill -9 of the server: each entry once, each step told once, to its end", async () => {
    const project = new Project()
    const env = { FERMATA_TOKEN: await token(project), FERMATA_DB: undefined, NODE_EXTRA_CA_CERTS: cert }
    let server = await servingTls(project)
    const { url } = server
    const at = (...args: ReadonlyArray<string>) => project.start([...args, "--server", url], { env })
    const run = at("run", "Counting", "--input", JSON.stringify({ id: "1", to: most }), "--json")
    const runId = /run ([0-9a-f]+)/.exec(await run.says("▸ counted 1"))![1]!
    const tail = at("runs", "tail", runId, "--json")
    await tail.says("\"title\":\"counted 1\"")
    for (let number = 1; number <= most; number++) {
      await server.kill()
      writeFileSync(join(project.folder, String(number)), "")
      server = await servingTls(project, new URL(url).port)
      await Promise.all([run.says(`✓ counted ${number}`), tail.says("\"_tag\":\"StepCompleted\"", number)])
    }
    const [ran, told] = await Promise.all([run.ended, tail.ended])
    assert.strictEqual(ran.code, 0, ran.stderr)
    assert.deepInclude(ran.json, { runId, status: "completed", output: most })
    const steps = [...ran.stderr.matchAll(/✓ (counted \d+)/g)].map(([, step]) => step)
    assert.deepStrictEqual(steps, Array.from({ length: most }, (_, index) => `counted ${index + 1}`))
    assert.strictEqual(told.code, 0, told.stderr)
    const journal = (await project.fermata("runs", "journal", runId, "--json")).lines
    assert.deepStrictEqual(told.lines, journal)
    assert.deepStrictEqual(told.lines.map(({ seq }) => seq), told.lines.map((_, index) => index))
  })

  it("is told in one error what to do: of a certificate that is not trusted, and of a server that takes TLS alone", async () => {
    const project = new Project()
    const env = { FERMATA_TOKEN: await token(project), FERMATA_DB: undefined, NODE_EXTRA_CA_CERTS: undefined }
    const { url } = await servingTls(project)
    const says = async (at: string, ...sentences: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await project.start(["runs", "ls", "--server", at], { env }).ended
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      assert.strictEqual(stderr.split("error:").length, 2, stderr)
      for (const sentence of sentences) assert.include(stderr, sentence)
    }
    await says(
      url,
      `error: The certificate of ${url} is not trusted: `,
      "name the file with it, or with that of its authority: NODE_EXTRA_CA_CERTS=cert.pem"
    )
    const plain = url.replace("https:", "http:")
    await says(plain, `The server at ${plain} broke off`, "if it has TLS, its URL begins with https://")
    const trusted = await project.start(["runs", "ls", "--server", url, "--json"], {
      env: { ...env, NODE_EXTRA_CA_CERTS: cert }
    }).ended
    assert.deepStrictEqual([trusted.code, trusted.stderr], [0, ""])
  })
})
