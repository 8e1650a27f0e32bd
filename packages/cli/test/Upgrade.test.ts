/** Replays, upgrade checks, forks and diffs, on a database that the command of an earlier commit has written. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "vitest"
import { fixtures, Project } from "./support/Project.ts"

interface Difference {
  readonly runId: string
  readonly workflow: string
  readonly verdict: string
  readonly difference?: { readonly key: string; readonly detail: string }
}
interface Checked {
  readonly ok: boolean
  readonly open: number
  readonly finished: number
  readonly fits: number
  readonly breaks: ReadonlyArray<Difference>
  readonly unserved: ReadonlyArray<Difference>
}

/** A project with the recorded database. */
const recorded = () => {
  const project = new Project()
  writeFileSync(project.db, gunzipSync(readFileSync(join(fixtures, "recorded.db.gz"))))
  const before = readFileSync(project.db)
  const db = new DatabaseSync(project.db, { readOnly: true })
  const idOf = (workflow: string, status: string) =>
    String(db.prepare("SELECT id FROM runs WHERE workflow = ? AND status = ?").get(workflow, status)!["id"])
  const [open, paid, nap] = [idOf("Shop", "suspended"), idOf("Shop", "completed"), idOf("Nap", "completed")]
  db.close()
  const untouched = () => assert.isTrue(before.equals(readFileSync(project.db)), "the database has changed")
  return { fermata: project.fermata, project, untouched, open, paid, nap }
}

describe("fermata upgrade check", () => {
  it("N-43: replays every run of an earlier build, touches nothing, and runs no step", async () => {
    const { fermata, project, untouched } = recorded()
    const [json, text] = await Promise.all([
      fermata("upgrade", "check", "--json"),
      fermata("upgrade", "check", "--finished", "1")
    ])
    const checked = json.json as unknown as Checked
    assert.deepStrictEqual({ ...checked, code: json.code }, {
      ok: true,
      open: 5,
      finished: 4,
      fits: 9,
      breaks: [],
      unserved: [],
      unreadable: [],
      code: 0
    } as never)
    assert.deepStrictEqual([text.code, text.stdout], [0, "fits     5 open runs and 1 finished run: 6 fit\n"])
    assert.isEmpty(project.bodies)
    untouched()
    const others = readdirSync(project.folder).filter((file) =>
      file.startsWith("fermata.db") && !/-(shm|wal|configs\.json)$/.test(file)
    )
    assert.deepStrictEqual(others, ["fermata.db"])
    for (const file of readdirSync(project.folder).filter((file) => file.endsWith("-wal"))) {
      assert.lengthOf(readFileSync(join(project.folder, file)), 0)
    }
  })

  it("N-43: names the runs that an edit breaks and where, and apart from them those that are not of this code", async () => {
    const { fermata, open, paid, untouched } = recorded()
    const [json, text] = await Promise.all([
      fermata("upgrade", "check", "--config", "edited.config.ts", "--json"),
      fermata("upgrade", "check", "--config", "edited.config.ts")
    ])
    const { breaks, fits, ok, unserved } = json.json as unknown as Checked
    assert.deepStrictEqual([json.code, text.code, ok], [1, 1, false])
    assert.sameDeepMembers(breaks.map(({ difference, runId }) => [runId, difference?.key]), [[open, "store"], [
      paid,
      "store"
    ]])
    assert.strictEqual(fits, 3)
    assert.sameMembers(unserved.map(({ workflow }) => workflow), ["HeldAsk", "Failing", "Nap", "greeting-card"])
    assert.include(text.stdout, `run ${open}  Shop@1  suspended: at "store", after 2 of 5 entries`)
    assert.include(text.stdout, "the code asks for step \"store\", which the journal does not hold")
    assert.include(text.stdout, "1 run of Nap@1, which this configuration does not serve")
    untouched()
  })
})

describe("fermata replay", () => {
  it("N-43: says of one run whether the code fits, and refuses one whose code is not there", async () => {
    const { fermata, nap, open, untouched } = recorded()
    const edited = ["--config", "edited.config.ts"]
    const [fits, breaks, unserved, unknown] = await Promise.all([
      fermata("replay", open),
      fermata("replay", open, ...edited, "--json"),
      fermata("replay", nap, ...edited),
      fermata("replay", "nowhere")
    ])
    assert.deepStrictEqual([fits.code, breaks.code, unserved.code, unknown.code], [0, 1, 2, 2])
    assert.match(fits.stdout, /^ {2}✓ record {2}\d+ ms\n/)
    assert.include(fits.stdout, `\nfits     run ${open}  Shop@1  suspended: the code replays all 5 entries\n`)
    assert.deepInclude(breaks.json as unknown as Difference, { runId: open, verdict: "breaks" })
    assert.include(unserved.stderr, "is of Nap@1, which is not in")
    assert.include(unknown.stderr, "There is no run \"nowhere\"")
    untouched()
  })
})

describe("fermata runs fork", () => {
  it("N-55: forks a run of an earlier build, follows the fork, and shows where the two part", async () => {
    const { fermata, paid, project } = recorded()
    const fork = await fermata("runs", "fork", paid, "--at", "record", "--json")
    assert.strictEqual(fork.code, 3)
    const { runId, ...stands } = fork.json as unknown as {
      runId: string
      fork: object
      status: string
      reason: string
      steps: object
    }
    assert.deepInclude(stands, { status: "suspended", reason: "signal", steps: { executed: 1, replayed: 0 } })
    assert.deepInclude(stands.fork, { from: paid, step: "record", sharedEntries: 2 })
    assert.deepStrictEqual(project.bodies, ["ordered"])
    const signalled = await fermata("signal", runId, "paid", "--data", "{\"cents\":9}", "--json")
    assert.deepInclude(signalled.json, { status: "completed", output: 9 })
    const [diff, text, show] = await Promise.all([
      fermata("runs", "diff", paid, runId, "--json"),
      fermata("runs", "diff", paid, runId),
      fermata("runs", "show", runId)
    ])
    const { a, b, parting, steps } = diff.json as unknown as {
      a: string
      b: string
      parting: { a: { _tag: string; payload: object }; b: { payload: object } }
      steps: ReadonlyArray<object>
    }
    assert.deepStrictEqual([a, b, parting.a._tag, parting.a.payload, parting.b.payload], [
      paid,
      runId,
      "SignalReceived",
      { cents: 5 },
      { cents: 9 }
    ])
    assert.deepStrictEqual(steps, [{
      key: "record",
      verdict: "same",
      a: { status: "completed", output: "ordered" },
      b: { status: "completed", output: "ordered" }
    }])
    assert.match(
      text.stdout,
      /they part at\n {2}a entry 5 {2}SignalReceived .*5.*\n {2}b entry \d+ {2}SignalReceived .*9/
    )
    assert.include(show.stdout, `fork of   ${paid}, of which it shares 2 entries before step record`)
  })

  it("N-55: stores one for a worker, with another output", async () => {
    const { fermata, nap } = recorded()
    const forked = await fermata("runs", "fork", nap, "--at", "record~2", "--set", "record=\"dozing\"", "--detach")
    assert.strictEqual(forked.code, 0)
    const runId = forked.stdout.trim()
    assert.match(runId, /^[0-9a-f]{32}$/)
    await fermata("worker", "--until-idle")
    const diff = await fermata("runs", "diff", nap, runId)
    assert.include(diff.stdout, "≠ record\n      a completed  \"asleep\"\n      b completed  \"dozing\"\n  = record~2")
  })

  it("N-55: refuses what cannot be with one error and exit code 2, and stores nothing", async () => {
    const { fermata, nap, open } = recorded()
    const count = async () => (await fermata("runs", "ls", "--json")).lines.length
    const before = await count()
    const mistakes: ReadonlyArray<readonly [expected: string, ...args: ReadonlyArray<string>]> = [
      ["There is no run \"nowhere\"", "nowhere", "--at", "record"],
      ["has never asked for a step \"pay\"; its steps are record", open, "--at", "pay"],
      ["--input is not JSON", open, "--at", "record", "--input", "{"],
      ["--set cannot be \"record\"", nap, "--at", "record~2", "--set", "record"],
      ["--set names step \"record\" twice", nap, "--at", "record~2", "--set", "record=1", "--set", "record=2"],
      ["does not fit its schema", nap, "--at", "record~2", "--set", "record=1"],
      ["The input does not fit workflow \"Nap\"", nap, "--at", "record", "--input", "{\"millis\":\"long\"}"]
    ]
    await Promise.all(mistakes.map(async ([expected, ...args]) => {
      const { code, stderr, stdout } = await fermata("runs", "fork", ...args)
      assert.deepStrictEqual([code, stdout], [2, ""], `${args.join(" ")}: ${stderr}`)
      assert.include(stderr, expected)
    }))
    assert.strictEqual(await count(), before)
  })
})
