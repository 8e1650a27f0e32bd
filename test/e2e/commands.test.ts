/**
 * All commands that the command prints: each has a test here which has it
 * printed in its sentence, runs it by a shell as it stands, and looks whether it
 * does what the sentence says. What is not in the list cannot be printed.
 */
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import type { Outcome } from "./support/Fermata.ts"
import { browserIn, guarded } from "./support/Logins.ts"
import { folder, Printing, type Ran, type RunOptions } from "./support/Printing.ts"

/** What commands are printed for: each has one export of the module that makes them all. */
const purposes = Array.from(
  readFileSync(new URL("../../packages/cli/src/Commands.ts", import.meta.url), "utf8").matchAll(
    /^export const (\w+)/gm
  ),
  ([, name]) => name!
)

/** The commands of which a test below has told. */
const tested = new Set<string>()

/** How the command of a purpose was printed, and what is expected of it. */
interface Expected extends RunOptions {
  readonly exit?: number
  /** What stands for a value that only people know. */
  readonly j?: string
}

type Check = (purpose: string, printed: Outcome | string, sentence: RegExp, expected?: Expected) => Promise<Ran>

/** A test of the commands for these purposes. Each must be checked in it: found in its sentence, whose group is the command, and run. */
const prints = (
  title: string,
  told: ReadonlyArray<string>,
  body: (at: Printing, check: Check) => Promise<void>
) => {
  for (const purpose of told) tested.add(purpose)
  it(`${title}: ${told.join(", ")}`, async () => {
    const at = new Printing()
    const left = new Set(told)
    await body(at, async (purpose, printed, sentence, { exit = 0, j, ...options } = {}) => {
      left.delete(purpose)
      const text = typeof printed === "string" ? printed : `${printed.stderr}\n${printed.stdout}`
      const command = sentence.exec(text)?.[1]
      if (command === undefined) return assert.fail(`${purpose} is not printed as ${sentence} in:\n${text}`)
      assert.match(command, /^npx fermata /)
      const ran = await at.run(j === undefined ? command : command.replace(/\bJ(?=tokens\b|$)/, j), options)
      assert.strictEqual(ran.code, exit, `${command}\n${ran.output}`)
      assert.notMatch(ran.output, /^error:/m, command)
      return ran
    })
    assert.deepStrictEqual([...left], [])
  })
}

const id = (id: string) => ["--input", JSON.stringify({ id })]

describe("commands that end what a run waits for", () => {
  const paid = "'{\"cents\":6,\"at\":\"2026-01-31T12:00:00.000Z\",\"by\":\"card\",\"note\":null}'"

  prints("signals are taken", ["signal", "signalWith"], async (at, check) => {
    for (const name of ["declared", "dashed"]) {
      const run = await at.fermata("run", name, ...id("1"), "--json")
      const ran = await check("signal", run, /to go on:\n +(npx .*)/)
      assert.deepInclude(await ran.show(run.json.runId), { status: "completed" })
    }
    const { json: { runId } } = await at.fermata("run", "undeclared", ...id("1"), "--json")
    const shown = await at.fermata("runs", "show", runId)
    const ran = await check("signalWith", shown, /# with what the signal carries: (npx .*)/, { j: paid })
    assert.deepInclude(await ran.show(runId), { status: "completed", output: 6 })
  })

  prints("a budget is raised", ["raise"], async (at, check) => {
    const run = await at.fermata("run", "paying", ...id("1"), "--json")
    assert.include(run.stderr, "waits for a larger budget: spent $0.00 of $2.50")
    const ran = await check("raise", run, /# with what it may spend more: (npx .*)/, { j: "0.25" })
    assert.include(ran.output, "budget raised by $0.25")
    assert.deepInclude(await ran.show(run.json.runId), { status: "completed", output: { micros: 250_000 } })
  })

  prints("what an agent may spend on a day is raised", ["raiseDay", "workOnWhatWasRaised"], async (at, check) => {
    const run = await at.fermata("agent", "run", "thrifty", "--input", "go", "--id", "1", "--json")
    assert.include(run.stderr, "waits for a larger budget: agent \"thrifty\" has spent 0 of 100 tokens on ")
    const sentence = /# with what all runs of "thrifty" may spend more on this day: (npx .*)/
    const ran = await check("raiseDay", run, sentence, { j: "90000" })
    assert.include(ran.output, "is raised by 90000 tokens, and is 90100 tokens now")
    const raised = await at.fermata("agent", "raise", "thrifty", "90000tokens")
    const worked = await check(
      "workOnWhatWasRaised",
      raised,
      /no worker is running, so that they go on once one is: (npx .*)/,
      { until: /completed/ }
    )
    assert.deepInclude(await worked.show(run.json.runId), { status: "completed" })
  })

  prints("an event is taken", ["emit"], async (at, check) => {
    const run = await at.fermata("run", "order.json", ...id("1"), "--json")
    const ran = await check("emit", run, /to go on:\n +(npx .*)/)
    assert.deepInclude(await ran.show(run.json.runId), { status: "completed" })
  })

  prints("answers count", ["approve", "deny", "answerAsEdited"], async (at, check) => {
    const run = await at.fermata("run", "asking", ...id("1"), "--json")
    const yes = await check("approve", run, /to go on:\n +(npx fermata approve .*)/, { exit: 3 })
    assert.lengthOf((await yes.show(run.json.runId)).approvals[0]!.answers, 1)
    const no = await check("deny", run, /(npx fermata deny .*)/, { exit: 1 })
    assert.deepInclude(await no.show(run.json.runId), { status: "failed" })

    const { json: { runId } } = await at.fermata("run", "editing", ...id("1"), "--json")
    await at.fermata("approve", runId, "--as", "ann", "--edit", "{\"cents\":2}")
    const refused = await at.fermata("approve", runId, "--as=-bob")
    assert.strictEqual(refused.code, 2)
    const edited = await check("answerAsEdited", refused, /to answer it as it is now: (.*)/)
    assert.deepInclude(await edited.show(runId), { status: "completed", output: { cents: 2 } })
  })

  prints("a rule that was let stand is taken back", ["takeBack", "seeWhatStands"], async (at, check) => {
    const { json: { runId } } = await at.fermata("run", "ruled", ...id("1"), "--json")
    const yes = await at.fermata("approve", runId, "--as", "ann", "--always", "2")
    const back = await check("takeBack", yes, /Bash\(it's fine:\*\) stands for agent .*; to take it back: (npx .*)/)
    assert.include(back.output, "Bash(it's fine:*) stands no more")
    const again = await at.fermata("policy", "rm", "beef")
    assert.strictEqual(again.code, 2)
    const listed = await check("seeWhatStands", again, /see what stands: (npx .*)/)
    assert.include(listed.output, "Bash(it's fine:*)")
  })

  prints("somebody logs in", ["logIn", "seeServers"], async (at, check) => {
    const { issuer, url } = await guarded()
    const env = { PRINTED_ISSUER: issuer.origin, PRINTED_MCP: url, BROWSER: browserIn(at.project.folder) }
    const type = (...args: ReadonlyArray<string>) => at.project.start(args, { cwd: folder, env }).ended
    const sentence = /nobody has logged in there; to log in: (npx .*)/
    const runs = await check("logIn", await type("agent", "run", "filing", "--input", "go"), sentence, { env })
    assert.include(runs.output, "logged in at MCP server \"guarded\"")
    const doctor = await check("logIn", await type("doctor"), sentence, { env })
    assert.include(doctor.output, "logged in at MCP server \"guarded\"")
    const servers = await check(
      "seeServers",
      await type("mcp", "login", "gaurded"),
      /see how each is reached: (npx .*)/,
      { env }
    )
    assert.match(servers.output, /^guarded .* filing +nobody has logged in$/m)
  })

  prints("what waits for ever is cancelled", ["cancelForever"], async (at, check) => {
    const run = await at.fermata("run", "forever", ...id("1"), "--json")
    const ran = await check("cancelForever", run, /to go on:\n +(npx .*)/)
    assert.deepInclude(await ran.show(run.json.runId), { status: "cancelled" })
  })

  prints("what is held goes on", ["resumeHeld", "resumeMended"], async (at, check) => {
    const slow = await at.fermata("run", "slow", ...id("1"), "--json")
    const paused = await at.fermata("runs", "pause", slow.json.runId)
    const resumed = await check("resumeHeld", paused, /to go on:\n +(npx .*)/, { exit: 3 })
    assert.deepInclude(await resumed.show(slow.json.runId), { status: "suspended", reason: "signal" })

    const { json: { runId } } = await at.fermata("run", "drifting", ...id("1"), "--json")
    const changed = at.project.start(["signal", runId, "--", "-go"], { cwd: folder, env: { PRINTED_CHANGED: "1" } })
    const mended = await check("resumeMended", await changed.ended, /to go on:\n +(npx .*)/)
    assert.deepInclude(await mended.show(runId), { status: "completed", output: "xone" })
  })

  prints("S13: what recovery has stopped as a whole goes on", ["resumeAfterCrashes"], async (at, check) => {
    const die = () => at.fermata("run", "dying", ...id("1"), "--lease", "100")
    let run = await die()
    while (run.code === 1) run = await die()
    const [, runId] = /run (\S+) suspended/.exec(run.stderr)!
    const ran = await check("resumeAfterCrashes", run, /to go on:\n +(npx .*)/)
    assert.deepInclude(await ran.show(runId!), { status: "completed" })
  })

  prints(
    "S2: a step whose outcome is unknown is settled",
    ["settleRetry", "settleDone", "settleDoneWith", "settleFail"],
    async (at, check) => {
      const running = at.start("run", "acting", ...id("1"))
      await running.says("act begins")
      await running.kill()
      const run = await at.fermata("run", "acting", ...id("1"), "--json")
      const { runId } = run.json
      const shown = await at.fermata("runs", "show", runId)
      const [retried, done, doneWith, failed] = await Promise.all([
        check("settleRetry", run, /to go on:\n +(npx .* --retry)/),
        check("settleDone", run, /(npx .* --done '\{.*)/),
        check("settleDoneWith", shown, /# or, with the output that it had: (npx .*)/, {
          j: "'{\"receipt\":\"mine\"}'"
        }),
        check("settleFail", run, /(npx .* --fail .*)/, { exit: 1 })
      ])
      assert.deepInclude(await retried.show(runId), { status: "completed", output: "r" })
      assert.deepInclude(await done.show(runId), { status: "completed" })
      assert.deepInclude(await doneWith.show(runId), { status: "completed", output: "mine" })
      assert.deepInclude(await failed.show(runId), { status: "failed" })
    }
  )

  prints("S2: a run that is in doubt is listed and confirmed", ["confirmRestored", "seeInDoubt"], async (at, check) => {
    await at.fermata("run", "acting", ...id("1"), "--detach")
    const told = await at.fermata("doctor", "--restored")
    const run = await at.fermata("run", "acting", ...id("1"), "--json")
    const { runId } = run.json
    assert.include((await check("seeInDoubt", told, /(npx .* --restored)/)).output, runId.slice(0, 8))
    const confirmed = await check("confirmRestored", run, /(npx .* runs confirm .*)/)
    assert.deepInclude(await confirmed.show(runId), { status: "completed", output: "r" })
  })

  prints("S2: a database that is older than it was is said to be put back", ["sayRestored"], async (at, check) => {
    await at.fermata("run", "acting", ...id("1"), "--detach")
    const copy = readFileSync(at.project.db)
    await at.fermata("run", "acting", ...id("2"), "--detach")
    writeFileSync(at.project.db, copy)
    const told = await at.fermata("doctor")
    assert.include((await check("sayRestored", told, /(npx .* doctor --restored)/)).output, "1 open run in doubt")
  })

  prints("a child is shown", ["seeChild"], async (at, check) => {
    const run = await at.fermata("run", "parent", ...id("1"), "--json")
    const shown = await at.fermata("runs", "show", run.json.runId)
    assert.match((await check("seeChild", shown, /to go on:\n +(npx .*)/)).output, /^run \S+ {2}asking@1$/m)
  })
})

describe("commands that work on runs", () => {
  /** The time that is there when a clock is set ahead. */
  const later = (at: Printing, millis: number) => {
    const file = join(at.project.folder, `offset-${millis}`)
    writeFileSync(file, String(millis))
    return { CLOCK_OFFSET: file, NODE_OPTIONS: `--import ${join(import.meta.dirname, "clock/SetClock.ts")}` }
  }
  const day = 86_400_000

  prints("goes on when its time has come", ["workUntilThen", "workInstead"], async (at, check) => {
    const slow = await at.fermata("run", "slow", ...id("1"), "--json")
    const then = await check("workUntilThen", slow, /without that, it goes on in .*, while a worker runs: (npx .*)/, {
      env: later(at, 4 * day),
      until: /slow@1 {2}completed/
    })
    assert.deepInclude(await then.show(slow.json.runId), { status: "completed" })

    const napping = at.start("run", "napping", ...id("1"))
    await napping.says("Ctrl-C is safe")
    napping.process.kill("SIGKILL")
    const instead = await check(
      "workInstead",
      await napping.ended,
      /Ctrl-C is safe: the run stays as it is, and goes on with (npx .*)/,
      { env: later(at, day), until: /napping@1 {2}completed/ }
    )
    assert.match(instead.output, /napping@1 {2}completed/)
  })

  prints("takes up what was let go", ["workAfterwards"], async (at, check) => {
    const building = at.start("run", "building", ...id("1"))
    await building.says("build begins")
    building.process.kill("SIGINT")
    await check("workAfterwards", await building.ended, /is let go; it goes on when a worker takes it up: (npx .*)/, {
      until: /building@1 {2}completed/
    })
  })

  prints("stops what a server goes on with", ["cancelThere"], async (at, check) => {
    const server = at.start("serve", "--port", "0")
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await server.says(" at http://127.0.0.1:"))![0]
    const building = at.start("run", "building", ...id("1"), "--server", url)
    await building.says("▸ build")
    building.process.kill("SIGINT")
    const left = await building.ended
    assert.strictEqual(left.code, 130)
    assert.match(left.stderr, /run \w+ is left to http:/)
    assert.match((await check("cancelThere", left, /to stop it: (npx .*)/)).output, /cancelled/)
  })

  prints("takes up what was recorded", [
    "workAsNobodyDoes",
    "workAsNobodyServes",
    "followRecorded"
  ], async (at, check) => {
    const until = /undeclared@1 {2}waits for signal/
    const nobody = await at.fermata("run", "undeclared", ...id("1"), "--detach")
    await check("workAsNobodyDoes", nobody, /no worker is running, so it waits until one is: (npx .*)/, { until })
    await check("followRecorded", nobody, /to follow it: (npx .*)/, { exit: 130 })

    const elsewhere = mkdtempSync(join(at.project.folder, "elsewhere-"))
    writeFileSync(join(elsewhere, "fermata.config.mjs"), "export default {}")
    const other = at.project.start(["worker", "--config", "fermata.config.mjs"], { cwd: elsewhere })
    await other.says("serves contracts")
    const unserved = await at.fermata("run", "undeclared", ...id("2"), "--detach")
    await check(
      "workAsNobodyServes",
      unserved,
      /no worker that runs serves undeclared@1, so it waits until one does: (npx .*)/,
      { until }
    )
  })

  prints("asks another model", ["workWithModel"], async (at, check) => {
    const refused = await at.fermata("run", "undeclared", ...id("1"), "--detach", "--model", "scripted")
    assert.strictEqual(refused.code, 2)
    await check("workWithModel", refused, /give it to the worker: (npx .*)/, { until: /serves / })
  })

  prints("S4: takes up what the dead have left", ["workForTheDead", "workOnWhatIsLeft"], async (at, check) => {
    const building = at.start("run", "building", ...id("1"), "--json")
    await building.says("build begins")
    await building.kill()
    const { lines: [run] } = await at.fermata("runs", "ls", "--json")
    const shown = await at.fermata("runs", "show", run!.runId)
    await check("workForTheDead", shown, /process +.* is gone; a worker goes on with it: (npx .*)/, {
      until: /building@1 {2}completed/
    })
    const left = await check(
      "workOnWhatIsLeft",
      await at.fermata("doctor"),
      /dead processes: .*left 1 run; a worker takes up what they left\n +(npx .*)/
    )
    assert.deepInclude(await left.show(run!.runId), { status: "completed" })
  })

  prints("takes up what nobody has", ["workOnWhatIsDue", "workOnWhatIsStuck"], async (at, check) => {
    const detached = await at.fermata("run", "chain", ...id("1"), "--detach")
    at.sql("UPDATE runs SET created_at = created_at - 60000, updated_at = updated_at - 60000")
    const due = await check(
      "workOnWhatIsDue",
      await at.fermata("doctor"),
      /runs that nobody serves: 1 queued run of chain@1 .*; no worker is running\n +(npx .*)/,
      { until: /chain@1 {2}completed/ }
    )
    assert.deepInclude(await due.show(detached.stdout.trim()), { status: "completed" })

    const slow = await at.fermata("run", "slow", ...id("1"), "--json")
    at.sql(
      `UPDATE runs SET due_at = NULL, updated_at = updated_at - 60000 WHERE id = '${slow.json.runId}'`
    )
    await check(
      "workOnWhatIsStuck",
      await at.fermata("doctor"),
      /watchdog: run \S+ of slow@1 does not go on by itself: .*; a worker makes it due again within a minute\n +(npx .*)/,
      { env: later(at, 4 * day), until: /slow@1 {2}completed/ }
    )
  })
})

describe("commands that do something once more, and compare", () => {
  prints("a fork leaves nothing stale", ["forkBefore", "compare"], async (at, check) => {
    const { json: { runId } } = await at.fermata("run", "chain", ...id("1"), "--json")
    const fork = await at.fermata("runs", "fork", runId, "--at", "c", "--set", "a=\"it's new\"")
    const before = await check("forkBefore", fork, /may have used the old output of "a"; to do it again: (npx .*)/)
    assert.include(before.output, `of run ${runId}, before step -b`)
    assert.notInclude(before.output, "may have used")
    const compared = await check("compare", fork, /to compare the two: (npx .*)/)
    assert.include(compared.output, `a run ${runId}`)
    const detached = await at.fermata("runs", "fork", runId, "--at", "c", "--detach")
    await check("compare", detached, /to compare the two: (npx .*)/)
  })
})

describe("commands that show something", () => {
  prints("help of the command that was meant", ["seeHelp"], async (at, check) => {
    for (
      const [args, usage] of [
        [["rnu"], "fermata <subcommand>"],
        [["runs"], "fermata runs <subcommand>"],
        [["run", "slow", "--inptu", "{}"], "fermata run "],
        [["run", "slow", "--event-name", "x"], "fermata run "],
        [["runs", "settle", "x", "y"], "fermata runs settle "]
      ] as const
    ) {
      const { output } = await check("seeHelp", await at.fermata(...args), /see: (npx .*)/)
      assert.include(output, usage)
      assert.include(output, "EXIT CODES")
    }
  })

  prints("what a run keeps", ["seeWhatIsKept"], async (at, check) => {
    const { json: { runId } } = await at.fermata("run", "keeping", ...id("1"), "--json")
    for (const artifact of ["none", "twice"]) {
      const refused = await at.fermata("runs", "artifact", runId, artifact)
      assert.strictEqual(refused.code, 2)
      const { output } = await check("seeWhatIsKept", refused, /see what it keeps: (npx .*)/)
      assert.match(output, /^twice +keep +text\/plain +3 +[0-9a-f]{12}$/m)
    }
  })

  prints("what there is in place of what is not", ["seeRuns", "seeItsSteps", "seeContracts"], async (at, check) => {
    const { json: { runId } } = await at.fermata("run", "order.json", ...id("1"), "--json")
    const runs = await check("seeRuns", await at.fermata("runs", "show", "none"), /see the runs that there are: (.*)/)
    assert.include(runs.output, runId.slice(0, 8))
    const fork = await at.fermata("runs", "fork", runId, "--at", "none")
    assert.match((await check("seeItsSteps", fork, /see its steps: (.*)/)).output, /^steps:\n +✓ note/m)
    const contracts = await check(
      "seeContracts",
      await at.fermata("run", "none"),
      /workflows written as programs come from fermata\.config\.ts; see the contracts that are registered: (.*)/
    )
    assert.match(contracts.output, /^order +1\.0\.0/m)
  })

  prints("ids that begin alike", ["seeWholeIds"], async (at, check) => {
    const [one, other] = alike("forever")
    const runs = [await at.fermata("run", "forever", ...id(one)), await at.fermata("run", "forever", ...id(other))]
    const [first, second] = runs.map(({ stderr }) => /run (\S+) {2}forever/.exec(stderr)![1]!)
    assert.strictEqual(first!.slice(0, 4), second!.slice(0, 4))
    const shown = await at.fermata("runs", "show", first!.slice(0, 4))
    const { output } = await check("seeWholeIds", shown, /see whole ids: (.*)/)
    for (const runId of [first!, second!]) assert.include(output, `"${runId}"`)
  })

  prints("how runs have ended", ["seeHowItEnded", "seeWhatHappened"], async (at, check) => {
    const { json: { runId } } = await at.fermata("run", "chain", ...id("1"), "--json")
    const ended = await check("seeHowItEnded", await at.fermata("signal", runId, "x"), /see how it ended: (.*)/)
    assert.match(ended.output, /status +completed/)
    const failed = await at.fermata("run", "failing", ...id("1"))
    assert.include((await check("seeWhatHappened", failed, /see: (.*)/)).output, "it was made to fail")
  })

  prints("what people are asked", ["seeWhatCanBeAnswered", "seeWhatIsAsked"], async (at, check) => {
    await at.fermata("run", "asking", ...id("1"))
    const { json: { runId } } = await at.fermata("run", "forever", ...id("1"), "--json")
    const asked = [
      await check("seeWhatCanBeAnswered", await at.fermata("approve", runId), /see what can be answered: (.*)/),
      await check(
        "seeWhatIsAsked",
        await at.fermata("doctor"),
        /suspended \(approval\): 1 run; to see what is asked: (.*)/
      )
    ]
    for (const { output } of asked) assert.include(output, "Buy it?")
  })

  prints(
    "what needs an operator",
    ["seeWhatIsStuck", "seeSuspended", "seeAllSuspended"],
    async (at, check) => {
      const { json: { runId } } = await at.fermata("run", "parent", ...id("1"), "--json")
      at.sql(
        `UPDATE runs SET waits = '[{"reason":"child","key":"gone"}]', due_at = NULL, updated_at = updated_at - 60000 WHERE id = '${runId}'`
      )
      const stuck = await check(
        "seeWhatIsStuck",
        await at.fermata("doctor"),
        /watchdog: .*it waits for the run gone, and there is none; it needs an operator\n +(npx .*)/
      )
      assert.include(stuck.output, `run ${runId}  parent@1`)

      await at.fermata("run", "crowd", ...id("1"), "--detach")
      await at.fermata("worker", "--until-idle")
      const doctor = await at.fermata("doctor")
      const one = await check("seeSuspended", doctor, /suspended \(operator\): run \S+ of forever@1.*\n +(npx .*)/)
      assert.match(one.output, /^waits:\n +for ever/m)
      const all = await check(
        "seeAllSuspended",
        doctor,
        /suspended \(operator\): 21 runs in all; the newest 20 are shown\n +(npx .*)/
      )
      assert.lengthOf(all.output.match(/forever@1/g)!, 21)
    }
  )
})

describe("commands that let somebody in", () => {
  prints("others are let in by tokens", ["makeToken", "seeTokens"], async (at, check) => {
    const refused = await at.fermata("serve", "--host", "0.0.0.0", "--port", "0")
    assert.strictEqual(refused.code, 2)
    const made = await check("makeToken", refused, /make one first: (npx .*)/)
    assert.match(made.output, /^frm_[0-9a-f]{12}_[\w-]{43}$/m)
    const { json: { id } } = await at.fermata("token", "create", "ada", "--scope", "read", "--json")
    const listed = await check("seeTokens", await at.fermata("token", "rm", "none"), /see what there is: (npx .*)/)
    assert.match(listed.output, new RegExp(`^${id} +ada +read`, "m"))
  })
})

describe("the list", () => {
  it("has all commands that can be printed", () => assert.sameMembers([...tested], purposes))
})

/** Two inputs of a workflow whose runs have ids with the same first four characters. */
const alike = (workflow: string): readonly [string, string] => {
  const known = new Map<string, string>()
  for (let number = 0;; number++) {
    const start = createHash("sha256").update(`${workflow.length}:${workflow}:${number}`).digest("hex").slice(0, 4)
    const before = known.get(start)
    if (before !== undefined) return [before, `${number}`]
    known.set(start, `${number}`)
  }
}
