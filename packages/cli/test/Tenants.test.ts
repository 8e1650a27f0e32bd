/** Tenants at the command: what is of one is found in it alone, and its quota holds. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const contract = JSON.stringify({
  schemaVersion: "fermata.contract.v1",
  id: "hold",
  version: "1.0.0",
  title: "Hold",
  entryStepId: "ask",
  steps: [{
    id: "ask",
    name: "Ask",
    kind: "approval",
    prompt: "May it?",
    approvers: ["ada"],
    nextOnApproved: null,
    nextOnDenied: null
  }]
})

describe("tenants, at the command", () => {
  it("N-17, N-64: keep their runs, questions and tokens to themselves, within their quotas", async () => {
    const { fermata, folder } = new Project()
    const file = join(folder, "hold.json")
    writeFileSync(file, contract)
    const limited = await fermata("tenants", "limit", "acme", "--open-runs", "1")
    assert.strictEqual(limited.code, 0, limited.stderr)
    assert.include(limited.stderr, "tenant acme may have 1 open runs; it has 0 open runs")
    const started = await fermata("run", file, "--key", "1", "--detach", "--json", "--tenant", "acme")
    const { runId } = started.lines[0] as { readonly runId: string }
    assert.match(runId, /^acme~[0-9a-f]{32}$/)
    const full = await fermata("run", file, "--key", "2", "--detach", "--tenant", "acme")
    assert.strictEqual(full.code, 2)
    assert.include(full.stderr, "Tenant acme has 1 open runs, as many as it may have")
    const other = await fermata("run", file, "--key", "1", "--tenant", "beta")
    assert.strictEqual(other.code, 3, other.stderr)
    assert.match(other.stderr, /--tenant beta/)

    const listed = await fermata("runs", "ls", "--tenant", "acme", "--json")
    assert.deepStrictEqual(listed.lines.map(({ runId }) => runId), [runId])
    const row = new RegExp(`^${runId.slice(0, "acme~".length + 8)} `, "m")
    assert.match((await fermata("runs", "ls")).stdout, row)
    const all = await fermata("runs", "ls", "--json")
    assert.lengthOf(all.lines, 2)
    const short = runId.slice("acme~".length, "acme~".length + 8)
    const shown = await fermata("runs", "show", short, "--tenant", "acme")
    assert.strictEqual(shown.code, 0, shown.stderr)
    const missed = await fermata("runs", "show", runId, "--tenant", "beta")
    assert.strictEqual(missed.code, 2)
    assert.include(missed.stderr, `There is no run "${runId}"`)

    const token = await fermata("token", "create", "ada", "--scope", "read", "--tenant", "acme", "--json")
    assert.deepInclude(token.lines[0] as object, { name: "ada", tenant: "acme" })
    assert.include((await fermata("token", "ls", "--tenant", "beta")).stderr, "no tokens")
    const tenants = await fermata("tenants", "ls")
    assert.match(tenants.stdout, /^acme +1 +1 +1 +any$/m)
    assert.match(tenants.stdout, /^beta +1 +1 +any +any$/m)
  })

  it("are refused where they can be none, and where nothing is said of what they may have", async () => {
    const { fermata } = new Project()
    const says = async (args: ReadonlyArray<string>, text: string) => {
      const { code, stderr, stdout } = await fermata(...args)
      assert.deepStrictEqual([code, stdout], [2, ""], args.join(" "))
      assert.include(stderr, text)
    }
    await says(["runs", "ls", "--tenant", "Acme!"], "--tenant cannot be \"Acme!\": a tenant is 1 to 63 lower-case")
    await says(["tenants", "limit", "A b", "--none"], "\"A b\" is no tenant")
    await says(["tenants", "limit", "acme"], "give --open-runs N, --streams N or both, or --none")
    await says(["tenants", "limit", "acme", "--none", "--streams", "1"], "--none takes all limits away")
    await says(["tenants", "limit", "acme", "--open-runs", "-1"], "below 0")
  })
})
