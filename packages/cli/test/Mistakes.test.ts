/**
 * A hundred mistakes of a new user. Each gives one clear error that says where
 * it is and what would be right: exit 2 where it was refused, and then nothing
 * is stored, and 1 where it ran. None shows a stack.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { type Outcome, Project } from "./support/Project.ts"

interface Mistake {
  readonly args: ReadonlyArray<string>
  /** What the error says, each of these. */
  readonly says: ReadonlyArray<string>
  /** 2 unless said otherwise. */
  readonly code?: 1 | 2
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly stdin?: string
}

const mistake = (args: string | ReadonlyArray<string>, ...says: ReadonlyArray<string>): Mistake => ({
  args: typeof args === "string" ? args.split(" ") : args,
  says
})

/** What is wrong with how a mistake was met. */
const faults = ({ args, code = 2, says }: Mistake, outcome: Outcome): ReadonlyArray<string> => {
  const errors = outcome.stderr.split("\n").filter((line) => line.startsWith("error:"))
  return [
    ...(outcome.code === code ? [] : [`exit ${outcome.code}, not ${code}`]),
    ...(code === 1 || errors.length === 1 ? [] : [`${errors.length} errors`]),
    ...says.filter((text) => !outcome.stderr.includes(text)).map((text) => `does not say ${JSON.stringify(text)}`),
    ...(/^\s+at .*[:(]/m.test(outcome.stderr) ? ["shows a stack"] : []),
    ...(code === 2 && outcome.stdout !== "" ? ["prints to stdout"] : [])
  ].map((fault) => `fermata ${args.join(" ")}: ${fault}\n${outcome.stderr}`)
}

const write = (folder: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

/** Makes each mistake in an empty folder of its own, which must be as it was. */
const inEmptyFolders = async (mistakes: ReadonlyArray<Mistake>): Promise<void> => {
  const project = new Project()
  const found: Array<string> = []
  for (const [index, one] of mistakes.entries()) {
    const folder = join(project.folder, String(index))
    mkdirSync(folder)
    write(folder, one.files ?? {})
    const before = readdirSync(folder, { recursive: true }).sort()
    const outcome = await project.type(one.args, {
      cwd: folder,
      env: { FERMATA_DB: undefined, ...one.env },
      stdin: one.stdin ?? ""
    })
    const after = readdirSync(folder, { recursive: true }).sort()
    const isStored = one.code !== 1 && JSON.stringify(after) !== JSON.stringify(before)
    found.push(
      ...faults(one, outcome),
      ...(isStored ? [`fermata ${one.args.join(" ")}: left ${after.join(", ")}`] : [])
    )
  }
  assert.deepStrictEqual(found, [])
}

const stored = (db: string): unknown => {
  const database = new DatabaseSync(db, { readOnly: true })
  // Processes come and go; everything else stays.
  const tables = database.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'owners' ORDER BY name"
  ).all()
  const rows = tables.map((
    { name }
  ) => [name, database.prepare(`SELECT count(*) AS rows FROM "${String(name)}"`).get()])
  const runs = database.prepare("SELECT id, status, waits FROM runs ORDER BY id").all()
  database.close()
  return JSON.stringify([rows, runs])
}

/** Makes each mistake in a project with runs, whose database must hold what it held. */
const inProject = async (
  make: (runs: { readonly shop: string; readonly expense: string; readonly echo: string }) => ReadonlyArray<Mistake>
): Promise<void> => {
  const project = new Project()
  const run = async (...args: ReadonlyArray<string>) => (await project.fermata("run", ...args, "--json")).json.runId
  const runs = {
    shop: await run("Shop", "--input", "{\"id\":\"1\"}"),
    expense: await run("approval.json", "--input", "{\"cents\":5}"),
    echo: await run("Echo", "--input", "{\"text\":\"x\"}")
  }
  const before = stored(project.db)
  const found: Array<string> = []
  for (const one of make(runs)) {
    found.push(...faults(one, await project.type(one.args, { env: one.env ?? {}, stdin: one.stdin ?? "" })))
  }
  assert.deepStrictEqual(found, [])
  assert.strictEqual(stored(project.db), before)
}

const contract = (change: object, step: object = {}): string =>
  JSON.stringify({
    schemaVersion: "fermata.contract.v1",
    id: "a",
    version: "1.0.0",
    title: "A",
    triggers: [{ type: "manual" }],
    entryStepId: "a",
    steps: [{ id: "a", name: "A", kind: "transform", set: { x: 1 }, next: null, ...step }],
    ...change
  })

const document = (text: string, ...says: ReadonlyArray<string>): Mistake => ({
  args: ["run", "c.json"],
  files: { "c.json": text },
  says: ["The contract c.json has ", "nothing was stored", ...says]
})

const config = (text: string, ...says: ReadonlyArray<string>): Mistake => ({
  args: ["run", "W"],
  files: { "fermata.config.mjs": text },
  says: ["fermata.config.mjs", ...says]
})

describe("mistakes with commands", () => {
  it("are told with what was meant", () =>
    inEmptyFolders([
      mistake("rum", "fermata has no command \"rum\"; did you mean run?", "--help"),
      mistake("rums --help", "fermata has no command \"rums\"; did you mean runs?"),
      mistake("help", "fermata has no command \"help\"", "--help"),
      mistake("list", "fermata has no command \"list\""),
      mistake("start x", "fermata has no command \"start\""),
      mistake("runs", "fermata runs needs a command after it", "runs --help"),
      mistake("runs list", "fermata runs has no command \"list\""),
      mistake("runs shw 1234", "fermata runs has no command \"shw\"; did you mean show?"),
      mistake("approvals", "fermata approvals needs a command after it"),
      mistake("approvals list -h", "fermata approvals has no command \"list\""),
      mistake("policy", "fermata policy needs a command after it", "policy --help"),
      mistake("policy list", "fermata policy has no command \"list\""),
      mistake("contracts validate c.json", "fermata contracts has no command \"validate\""),
      mistake("upgrade", "fermata upgrade needs a command after it"),
      mistake("run", "fermata run needs the argument <workflow>"),
      mistake("runs show", "fermata runs show needs the argument <run>"),
      mistake("runs diff 1234", "fermata runs diff needs the argument <b>"),
      mistake("signal 1234", "fermata signal needs the argument <name>"),
      mistake("emit", "fermata emit needs the argument <event>"),
      mistake("runs show 1234 5678", "fermata runs show takes no further argument: \"5678\""),
      mistake("doctor now", "takes no further argument: \"now\""),
      ...["", "prometheus", "localhost", "1:2:3", "::1:9464", "[::1]", "9464x", "65536", "-1", "http://127.0.0.1:9464"]
        .map((
          place
        ) =>
          mistake(
            ["worker", `--metrics=${place}`],
            "expected HOST:PORT such as 127.0.0.1:9464",
            `found ${JSON.stringify(place)}`
          )
        ),
      mistake("worker start", "takes no further argument: \"start\""),
      mistake("contracts check", "fermata contracts check needs the argument <file>")
    ]))
})

describe("mistakes with options", () => {
  it("are told with what is expected", () =>
    inEmptyFolders([
      mistake("run x.json --inptu {}", "fermata run has no option --inptu; did you mean --input?"),
      mistake("runs ls --limt 3", "fermata runs ls has no option --limt; did you mean --limit?"),
      mistake("runs ls --limit many", "--limit cannot be \"many\""),
      mistake("runs ls --limit 0", "--limit cannot be \"0\"", "from 1"),
      mistake("runs ls --limit -5", "--limit"),
      mistake("runs ls --limit 1.5", "--limit cannot be \"1.5\""),
      mistake("runs ls --status sleeping", "--status cannot be \"sleeping\"", "suspended"),
      mistake("runs ls --reason tired", "--reason cannot be \"tired\"", "approval"),
      mistake("runs ls --lease 5", "--lease cannot be \"5\"", "from 100 to 86400000"),
      mistake("runs ls --lease soon", "--lease cannot be \"soon\""),
      mistake(["runs", "ls", "--db", ""], "--db", "not empty"),
      mistake(["runs", "ls", "--config", " "], "--config", "not empty"),
      mistake(["runs", "ls", "--as", ""], "--as", "not empty"),
      mistake("runs ls --config nowhere.ts", "--config: there is no file nowhere.ts"),
      mistake("doctor --config .", "--config: there is no file ."),
      mistake("runs ls --completions tcsh", "--completions cannot be \"tcsh\"", "bash"),
      mistake("run x --new --key k", "--new and --key exclude each other", "leave one of them out"),
      mistake("run x --event-name n", "--event-name needs --event J"),
      mistake("runs settle 1234 s", "needs one of --retry, --done J and --fail TEXT"),
      mistake("runs settle 1234 s --retry --fail no", "needs only one of --retry, --done J and --fail TEXT"),
      mistake("runs raise 1234", "needs one of --usd N and --tokens N, or both"),
      ...["0", "-1", "1,5", "1e3", "0.0000001", ".5", "1.", "$", "", "99999999999", "many"].map((usd) =>
        mistake(
          ["runs", "raise", "1234", `--usd=${usd}`],
          `--usd expects an amount in dollars above 0, with at most six decimal places, such as 1 or 0.25; found "${usd}"`
        )
      ),
      mistake("runs raise 1234 --tokens 0", "--tokens cannot be \"0\"", "from 1"),
      mistake("runs raise 1234 --tokens 1.5", "--tokens cannot be \"1.5\""),
      ...["0", "-1", "1,5", "$", "", "many", "0tokens", "1.5tokens", "5 token s"].map((amount) =>
        mistake(
          ["agent", "raise", "clerk", "--", amount],
          `amount expects dollars above 0 with at most six decimal places, such as 1 or 0.25, or a whole number of tokens, such as 50000tokens; found "${amount}"`
        )
      ),
      ...["today", "2026-02-30", "2026-1-1", "20260101", ""].map((day) =>
        mistake(
          ["agent", "raise", "clerk", "1", `--day=${day}`],
          `--day expects a day of the calendar such as 2026-11-30, found "${day}"`
        )
      ),
      mistake("agent raise clerk", "needs the argument"),
      mistake("runs fork 1234", "fermata runs fork needs the option --at"),
      mistake("runs fork 1234 --at a --set b", "--set cannot be \"b\": expected STEP=J"),
      mistake("runs fork 1234 --at a --set b=1 --set b=2", "--set names step \"b\" twice"),
      mistake("runs journal 1234 --from -1", "--from"),
      mistake("upgrade check --finished x", "--finished cannot be \"x\""),
      mistake(["run", "x", "--key", ""], "--key")
    ]))
})

describe("mistakes with JSON and files", () => {
  it("are told with their place", () =>
    inEmptyFolders([
      mistake(
        ["run", "W", "--input", "{name: 1}"],
        "--input is not JSON: unexpected \"n\" at line 1, column 2 (character 1)",
        "{name: 1}"
      ),
      mistake(["run", "W", "--input", "{'a':1}"], "--input is not JSON", "line 1, column 2"),
      mistake(["run", "W", "--input", ""], "--input is not JSON"),
      mistake(["run", "W", "--input", "input.json"], "--input is not JSON", "to read the file write @input.json"),
      mistake(["run", "W", "--input", "{\"a\":1,}"], "--input is not JSON", "line 1, column 8"),
      mistake(["run", "W", "--input", "{\"id\":3544790567247868102}"], "3544790567247868102"),
      mistake(["run", "W", "--input", "{\"a\":1,\"a\":2}"], "\"a\"", "twice"),
      mistake("run W --input @", "@ must be followed by the name of a file"),
      mistake(
        "run W --input @none.json",
        "--input: the file none.json cannot be read: there is no such file or folder"
      ),
      mistake("run W --input @.", "--input: the file . cannot be read: it is a folder"),
      { ...mistake("run W --input @-", "--input", "not JSON"), stdin: "nonsense" },
      {
        ...mistake("run W --input @i.json", "--input: the file i.json is not JSON", "line 2, column 3"),
        files: { "i.json": "{\n  x\n}" }
      },
      mistake("emit e --data [", "--data is not JSON"),
      mistake("run none.json", "The contract none.json cannot be read: there is no such file or folder"),
      mistake("run ./", "The contract ./ cannot be read: it is a folder"),
      mistake("contracts graph none.json", "The contract none.json cannot be read"),
      mistake("contracts add none.json", "The contract none.json cannot be read"),
      mistake("runs show 1234", "There is no database .fermata/fermata.db in this folder", "the first run makes one"),
      mistake("runs ls --db none.db", "There is no database none.db"),
      mistake("doctor --db /dev/null/x.db --as me --config no.ts", "--config: there is no file no.ts"),
      { ...mistake("runs ls", "There is no database gone.db (from FERMATA_DB)"), env: { FERMATA_DB: "gone.db" } },
      {
        ...mistake("runs ls --db text.txt", "the file is not a SQLite database", "text.txt"),
        files: { "text.txt": "This is a text, and no database. ".repeat(40) }
      },
      {
        ...mistake("run W --db folder", "The database cannot be folder, which is a folder", "--db folder/fermata.db"),
        files: { "folder/a.txt": "" }
      },
      {
        ...mistake("run W --db file.txt/x.db", "The folder of the database file.txt/x.db cannot be made"),
        files: { "file.txt": "a" }
      }
    ]))
})

describe("mistakes in documents", () => {
  it("are told with their path, what is there and what would be right", () =>
    inEmptyFolders([
      document("", "not JSON"),
      document("{", "not JSON", "line 1, column 2"),
      document("[]", "object"),
      document("{\"a\":1,\"a\":2}", "\"a\""),
      document(contract({ titel: "A" }), "titel", "did you mean \"title\"?"),
      document(contract({ schemaVersion: "v2" }), "schemaVersion: found \"v2\", expected \"fermata.contract.v1\""),
      document(contract({ version: "1.0" }), "version: found \"1.0\", expected a semantic version such as 1.0.0"),
      document(contract({ id: "a b" }), "id: found \"a b\", expected a contract id"),
      document(contract({ title: "" }), "title: found \"\""),
      document(contract({ steps: [] }), "steps"),
      document(contract({ steps: {} }), "steps", "a list of steps"),
      document(contract({ entryStepId: "b" }), "entryStepId", "\"b\""),
      document(contract({ limits: { maxSteps: 0 } }), "limits.maxSteps: found 0"),
      document(contract({ triggers: [{ type: "evnt", event: "x" }] }), "triggers[0].type", "did you mean \"event\"?"),
      document(contract({ triggers: [{ type: "event" }] }), "triggers[0].event"),
      document(contract({}, { kind: "transfrom" }), "steps[0].kind", "did you mean \"transform\"?"),
      document(contract({}, { next: "b" }), "steps[0].next", "\"b\""),
      document(contract({}, { set: { x: "{{ 1 + }}" } }), "steps[0].set.x"),
      document(contract({}, { set: { x: "{{ stps.a.output }}" } }), "steps[0].set.x", "did you mean \"steps\"?"),
      document(
        contract({}, { set: { x: "{{ steps.b.output }}" } }),
        "steps[0].set.x: found b, expected the id of a step; did you mean \"a\"?"
      ),
      document(contract({}, { set: { x: "{{ $fetch('x') }}" } }), "steps[0].set.x", "fetch"),
      document(contract({}, { set: { x: "{{ input.a" } }), "steps[0].set.x"),
      document(contract({}, { colour: "red" }), "steps[0].colour"),
      document(
        contract({ steps: ["a", "a"].map((id) => ({ id, name: "A", kind: "transform", set: { x: 1 }, next: null })) }),
        "steps[1].id"
      ),
      document(contract({}, { kind: "emit", set: undefined, event: "a.b" }), "steps[0]", "permission"),
      document(contract({}, { kind: "wait", set: undefined, event: "no name" }), "steps[0].event"),
      document(
        contract({}, {
          kind: "approval",
          set: undefined,
          next: undefined,
          prompt: "?",
          approvers: [],
          nextOnApproved: null,
          nextOnDenied: null
        }),
        "steps[0].approvers"
      ),
      {
        ...document(contract({ permissions: [{ kind: "task:run" }] }, { kind: "task", set: undefined, task: "print" })),
        says: [
          "Nobody can run a@1.0.0: here is no handler for the task \"print\" (no fermata.config.ts was found)",
          "tasks: { \"print\": (input) => … }"
        ]
      }
    ]))
})

describe("mistakes in configurations and programs", () => {
  it("are told with the file and what it should be", () =>
    inEmptyFolders([
      config("import './none.mjs'", "cannot be loaded", "none.mjs"),
      config("throw new Error('no luck')", "cannot be loaded: Error: no luck"),
      config("export const a = 1", "has no default export; write export default defineConfig({ ... })"),
      config("export default 7", "exports a number by default"),
      config("export default []", "exports a list by default"),
      config("export default { workflow: [] }", "has the unknown field \"workflow\"; did you mean \"workflows\"?"),
      config("export default { workflows: {} }", "must have in \"workflows\" a list of layers"),
      config("export default { workflows: [() => 1] }", "must have in \"workflows\" a list of layers"),
      config("export default { contracts: 7 }", "must have in \"contracts\" a pattern of files"),
      config("export default { tasks: { a: 1 } }", "must have in \"tasks\" an object with a function for each task"),
      config("export default { llm: 'gpt' }", "must have in \"llm\" a layer of Llm"),
      mistake("run W --config fermata.config.ts", "--config: there is no file fermata.config.ts")
    ]))

  const fails = (step: object, ...says: ReadonlyArray<string>): Mistake => ({
    args: ["run", "c.json"],
    code: 1,
    files: { "c.json": contract({ limits: { maxSteps: 5 } }, step) },
    says: ["failed", ...says]
  })

  it("of contracts are told when they run, with the step, and exit code 1", () =>
    inEmptyFolders([
      fails({ set: { x: "{{ $number('abc') }}" } }, "Step \"a\" of contract \"a\" 1.0.0 failed", "$number('abc')"),
      fails({ set: { x: "{{ $error('no luck') }}" } }, "Step \"a\"", "no luck"),
      fails({ kind: "wait", set: undefined, event: "x.y", timeout: { ms: 1 } }, "no event \"x.y\" came within 1 ms"),
      fails({
        kind: "approval",
        set: undefined,
        next: undefined,
        prompt: "?",
        approvers: ["{{ 7 }}"],
        nextOnApproved: null,
        nextOnDenied: null
      }, "did not come out as texts"),
      fails({ next: "a" }, "5"),
      fails({ set: { x: "{{ $sum([1..10000000]) }}" } }, "Step \"a\"")
    ]))

  it("of two programs under one name are told with both places, and nothing runs", async () => {
    const project = new Project()
    const folder = fileURLToPath(new URL("../../../test/e2e/twice", import.meta.url))
    for (const args of [["run", "twice", "--input", "{\"id\":\"1\"}"], ["worker", "--until-idle"]]) {
      const outcome = await project.type(args, { cwd: folder })
      assert.deepStrictEqual(
        faults(
          mistake(
            args,
            "The \"workflows\" of fermata.config.ts cannot be started: twice@1 is there twice, in workflows[0] and in workflows[1]"
          ),
          outcome
        ),
        []
      )
    }
    assert.strictEqual((await project.fermata("runs", "ls")).stderr, "no runs\n")
  })

  it("are told when they run, with exit code 1", async () => {
    const project = new Project()
    const failing = await project.fermata("run", "Failing", "--input", "{\"id\":\"1\"}")
    const doctor = await project.fermata("doctor")
    assert.deepStrictEqual([failing.code, failing.stdout], [1, ""])
    assert.include(failing.stderr, "Broken: it was made to fail")
    assert.notMatch(failing.stderr, /^\s+at .*node_modules/m)
    assert.strictEqual(doctor.code, 0)
  })
})

describe("mistakes with runs", () => {
  it("are told with what there is", () =>
    inProject(({ echo, expense, shop }) => [
      mistake(["run", "Ecco"], "There is no workflow \"Ecco\"", "Echo@1"),
      mistake(["run", "Echo", "--input", "{\"text\":7}"], "The input does not fit workflow \"Echo\"", "text"),
      mistake(["run", "Echo"], "The input does not fit workflow \"Echo\""),
      mistake(["run", "Echo", "--input", "null"], "The input does not fit workflow \"Echo\""),
      mistake(["run", "Echo", "--event", "{}"], "--event is for contracts", "--input J"),
      mistake("runs show zzzz", "There is no run \"zzzz\"", "runs ls"),
      mistake(
        ["runs", "show", shop.slice(0, 3)],
        `"${shop.slice(0, 3)}" is too short for a run`,
        "at least its first 4 characters"
      ),
      mistake(["runs", "show", `${shop}x`], `There is no run "${shop}x"; the closest are ${shop}`),
      mistake(["runs", "cancel", echo], `Run ${echo} is completed and takes nothing any more`, `runs show ${echo}`),
      mistake(["signal", echo, "paid"], `Run ${echo} is completed and takes nothing any more`),
      mistake(["signal", expense, "paid"], `Run ${expense} receives no signal "paid"`),
      mistake(
        ["runs", "settle", shop, "record", "--retry"],
        "Step \"record\"",
        "no step of the run waits to be settled"
      ),
      mistake(
        ["runs", "fork", shop, "--at", "recrod"],
        `Run ${shop} has never asked for a step "recrod"; its steps are record`
      ),
      mistake(["runs", "fork", shop, "--at", "record", "--set", "nothing=1"], "nothing"),
      mistake(["runs", "diff", shop, "zzzz"], "There is no run \"zzzz\""),
      mistake(["approve", shop], `Run ${shop} has no open approval`, "approvals ls"),
      mistake(["approve", expense, "--as", "me", "--choice", "card"], "me may not answer", "finance, boss"),
      mistake(
        ["approve", expense, "--as", "boss", "--choice", "gold"],
        "\"gold\" is not among its choices: card, cash"
      ),
      mistake(["approve", `${expense}/confrim`, "--as", "boss"], "no open approval \"confrim\"", `${expense}/confirm`),
      mistake(["approve", expense, "--as", "boss", "--choice", "card", "--edit", "{bad"], "--edit is not JSON"),
      mistake("approvals ls --run zzzz", "There is no run \"zzzz\""),
      mistake(["emit", "no name"], "no name"),
      mistake("emit engine.run.completed", "engine.run.completed"),
      mistake("replay zzzz", "There is no run \"zzzz\""),
      mistake(["contracts", "add", "ten-mistakes.json"], "ten-mistakes.json has 10 problems")
    ]))
})
