/**
 * How well the tests hold the engine: faults are put into a copy of the tree,
 * one at a time, and the tests must fail. Stryker does not know vitest 5 nor
 * TypeScript 7 that runs by stripping types, so this is a small one of our own.
 *
 *   npm run mutate -- [--files GLOB] [--sample N] [--seed S] [--at-least PERCENT] [--json]
 *
 * Exits with 1 when fewer mutants are killed than `--at-least` says. Progress
 * goes to stderr. Types are not checked: the tests alone must find the fault.
 */
import { spawn } from "node:child_process"
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { setPriority, tmpdir } from "node:os"
import { basename, dirname, join, matchesGlob, posix } from "node:path"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { apply, compiles, type Mutant, mutantsOf } from "./mutants.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

// ---------------------------------------------------------------------------
// What is asked for

const usage = (problem: string): never => {
  process.stderr.write(
    `${problem}\n  npm run mutate -- [--files GLOB] [--sample N] [--seed S] [--at-least PERCENT] [--json]\n`
  )
  process.exit(2)
}
const whole = (name: string, text: string): number =>
  /^\d{1,9}$/.test(text) ? Number(text) : usage(`--${name} is "${text}"; it must be a whole number`)
const options = (() => {
  try {
    return parseArgs({
      options: {
        files: { type: "string", default: "packages/{core,engine,contracts}/src/**/*.ts" },
        sample: { type: "string", default: "100" },
        seed: { type: "string", default: "4314" },
        "at-least": { type: "string", default: "0" },
        json: { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
})()
const sample = whole("sample", options.sample)
const seed = whole("seed", options.seed)
const atLeast = whole("at-least", options["at-least"])

// ---------------------------------------------------------------------------
// The sample

interface Subject {
  readonly file: string
  readonly mutant: Mutant
}

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
const chance = (() => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
})()

const shuffled = <A>(items: ReadonlyArray<A>): Array<A> =>
  items.map((item) => ({ item, place: chance() })).sort((a, b) => a.place - b.place).map(({ item }) => item)

/** What the tests are made of, and the sample document, prove nothing about themselves. By default, core and engine. */
const files = globSync("packages/*/src/**/*.ts", { cwd: root }).sort()
  .filter((file) => matchesGlob(file, options.files) && !/\/testing\/|\/TicketTriage\.ts$|\.d\.ts$/.test(file))
if (files.length === 0) usage(`--files is "${options.files}"; no source of a package matches`)

/** One mutant of each file in turn, so that small files are heard too. */
const sampled = (): ReadonlyArray<Subject> => {
  const queues = shuffled(files).map((file) =>
    shuffled(mutantsOf(readFileSync(join(root, file), "utf8"))).map((mutant): Subject => ({ file, mutant }))
  )
  const subjects: Array<Subject> = []
  for (let round = 0; queues.some((queue) => queue.length > round); round++) {
    for (const queue of queues) if (round < queue.length && subjects.length < sample) subjects.push(queue[round]!)
  }
  return subjects
}

// ---------------------------------------------------------------------------
// The copy, whose workspaces resolve into itself

const copy = mkdtempSync(join(tmpdir(), "fermata-mutate-"))
/** Ends the tests that run, if any do. */
let interrupt = (): void => undefined
process.on("exit", () => {
  interrupt()
  rmSync(copy, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130))

const elsewhere = /^(\..*|node_modules|dist|dist-packages|scratchpad|coverage)$/
for (const entry of readdirSync(root).filter((entry) => !elsewhere.test(entry))) {
  cpSync(join(root, entry), join(copy, entry), {
    recursive: true,
    filter: (path) => path === root || !elsewhere.test(basename(path))
  })
}
mkdirSync(join(copy, "node_modules"))
for (const entry of readdirSync(join(root, "node_modules")).filter((entry) => !entry.startsWith("."))) {
  const [from, to] = [join(root, "node_modules", entry), join(copy, "node_modules", entry)]
  if (entry.startsWith("@fermata")) cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  else symlinkSync(from, to)
}

// ---------------------------------------------------------------------------
// The tests, likely killers first

/** Load measures the machine; the slow ones are thorough, and are asked last. */
const excluded = /\.(e2e|integration|live)\.test\.ts$|\/Load\.test\.ts$/
const slow = /\/(Law|Simulator|WorkflowConformance\S*|MemoryBackend|HostConformance|CrashExplorer)\.test\.ts$|^test\//
const asked = new Set(files.map((file) => file.split("/src/")[0]!))
/** What core and engine do, the tests of both show; another package has its own. */
const folders = new Set([
  ...(asked.has("packages/core") || asked.has("packages/engine")
    ? ["packages/core/test", "packages/engine/test", "test/parity"]
    : []),
  ...Array.from(asked, (folder) => `${folder}/test`)
])
const suites = Array.from(folders)
  .flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: root }).sort())
  .filter((file) => !excluded.test(file))
const texts = new Map(suites.map((suite) => [suite, readFileSync(join(root, suite), "utf8")]))

/** How often a suite has killed mutants of a file. */
const kills = new Map<string, number>()

const nameOf = (file: string): string => basename(file).split(".")[0]!
const folderOf = (file: string): string => dirname(file).replace(/\/(src|test)\b/, "").replace(/\/internal\b/, "")

/** How close a suite is to a source: named like it, speaks of it, lives beside it or in its package. */
const nearness = (suite: string, file: string): number =>
  (nameOf(suite) === nameOf(file) ? 8 : 0) +
  (new RegExp(`\\b${nameOf(file)}\\b`).test(texts.get(suite)!) ? 4 : 0) +
  (folderOf(suite) === folderOf(file) ? 2 : 0) +
  (suite.startsWith(file.split("/src/")[0]!) ? 1 : 0)

/** All suites, the likely killers first; a long one kills more. */
const inOrder = (file: string): ReadonlyArray<string> =>
  [...suites].sort((a, b) =>
    (kills.get(`${b} ${file}`) ?? 0) - (kills.get(`${a} ${file}`) ?? 0) ||
    nearness(b, file) - nearness(a, file) ||
    texts.get(b)!.length - texts.get(a)!.length
  )

const isQuick = (suite: string): boolean => !slow.test(suite)
/** A slow suite of the source's own name is near all the same. */
const nearTo = (file: string): ReadonlyArray<string> =>
  inOrder(file).filter((suite) => isQuick(suite) || nearness(suite, file) > 8).slice(0, 6)

/** Which suites are asked about a mutant of a file, one stage after the other, and which must pass before. */
const stages = [
  { before: suites.filter(isQuick), of: nearTo },
  {
    before: [],
    of: (file: string) => inOrder(file).filter((suite) => isQuick(suite) && !nearTo(file).includes(suite))
  },
  {
    before: suites.filter((suite) => !isQuick(suite)),
    of: (file: string) => inOrder(file).filter((suite) => !isQuick(suite))
  }
]

interface Report {
  readonly testResults: ReadonlyArray<{ readonly name: string; readonly status: string }>
}

/** One process, one worker, one module graph; the first failure ends it. */
const config = (stage: ReadonlyArray<string>): string => `
const include = ${JSON.stringify(stage)}
const place = (file) => include.findIndex((suite) => file.moduleId.endsWith("/" + suite))
class Sequencer {
  shard(files) { return files }
  sort(files) { return [...files].sort((a, b) => place(a) - place(b)) }
}
export default {
  test: { include, isolate: false, fileParallelism: false, bail: 1, testTimeout: 30_000, sequence: { sequencer: Sequencer } }
}
`

type Outcome = { readonly _tag: "passed" } | { readonly _tag: "killed"; readonly by: string }

const test = (stage: ReadonlyArray<string>, limit: number): Promise<Outcome> => {
  writeFileSync(join(copy, "mutate.config.mjs"), config(stage))
  rmSync(join(copy, "report.json"), { force: true })
  const vitest = spawn(
    process.execPath,
    [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--config",
      "mutate.config.mjs",
      "--reporter",
      "json",
      "--outputFile",
      "report.json"
    ],
    {
      cwd: copy,
      detached: true,
      stdio: "ignore",
      env: { ...process.env, FERMATA_LAW_RUNS: "40", NODE_COMPILE_CACHE: join(copy, "node_modules/.compiled") }
    }
  )
  return new Promise((resolve, reject) => {
    interrupt = () => void process.kill(-vitest.pid!, "SIGKILL")
    let late = false
    const timer = setTimeout(() => {
      late = true
      interrupt()
    }, limit)
    vitest.on("error", reject)
    vitest.on("exit", (code) => {
      clearTimeout(timer)
      interrupt = () => undefined
      if (late) return resolve({ _tag: "killed", by: "the time limit" })
      try {
        const { testResults } = JSON.parse(readFileSync(join(copy, "report.json"), "utf8")) as Report
        if (code === 0 && testResults.length !== stage.length) {
          return reject(new Error(`${testResults.length} of ${stage.length} suites ran`))
        }
        const failed = testResults.find(({ status }) => status === "failed")?.name
        resolve(
          code === 0
            ? { _tag: "passed" }
            : { _tag: "killed", by: failed === undefined ? "an error" : posix.relative(copy, failed) }
        )
      } catch {
        resolve({ _tag: "killed", by: "a crash" })
      }
    })
  })
}

const seconds = async <A>(work: Promise<A>): Promise<[A, number]> => {
  const started = performance.now()
  return [await work, performance.now() - started]
}

// ---------------------------------------------------------------------------
// The run

setPriority(10)
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** The tests that run one after the other must pass on the code as it is; says how long a mutant may take for them. */
const limitOf = async (stage: ReadonlyArray<string>): Promise<number> => {
  say(`${stage.length} suites on the code as it is, in ${copy}`)
  const [outcome, ms] = await seconds(test(stage, 3_600_000))
  if (outcome._tag === "killed") usage(`${outcome.by} fails without any mutant`)
  return 30_000 + 4 * ms
}

const judge = async (subject: Subject, stage: ReadonlyArray<string>, limit: number): Promise<Outcome> => {
  if (stage.length === 0) return { _tag: "passed" }
  const path = join(copy, subject.file)
  const text = readFileSync(path, "utf8")
  writeFileSync(path, apply(text, subject.mutant))
  const outcome = await test(stage, limit)
  writeFileSync(path, text)
  return outcome
}

const subjects = sampled().filter((subject) =>
  compiles(apply(readFileSync(join(root, subject.file), "utf8"), subject.mutant))
)
let survivors: ReadonlyArray<Subject> = subjects
let limit = 0
for (const { before, of } of stages) {
  if (survivors.length === 0) break
  if (before.length > 0) limit = await limitOf(before)
  const left: Array<Subject> = []
  for (const [index, subject] of survivors.entries()) {
    const { file, mutant: { at, change } } = subject
    const [outcome, ms] = await seconds(judge(subject, of(file), limit))
    if (outcome._tag === "passed") left.push(subject)
    else kills.set(`${outcome.by} ${file}`, (kills.get(`${outcome.by} ${file}`) ?? 0) + 1)
    const verdict = outcome._tag === "killed" ? `killed by ${outcome.by}` : "survives"
    say(`${index + 1}/${survivors.length} ${file}:${at} ${change}: ${verdict} (${(ms / 1000).toFixed(1)} s)`)
  }
  survivors = left
}

const killed = subjects.length - survivors.length
const share = subjects.length === 0 ? 100 : Math.floor((killed / subjects.length) * 1000) / 10
const perFile = files.map((file) => {
  const mutants = subjects.filter((subject) => subject.file === file).length
  const survived = survivors.filter((subject) => subject.file === file).map(({ mutant: { at, change } }) => ({
    at,
    change
  }))
  return { file, mutants, killed: mutants - survived.length, survived }
}).filter(({ mutants }) => mutants > 0)

if (options.json) console.log(JSON.stringify({ seed, mutants: subjects.length, killed, share, files: perFile }))
else {
  for (const { file, killed, mutants, survived } of perFile) {
    console.log(`${file}: ${mutants} mutants, ${killed} killed, ${survived.length} survived`)
    for (const { at, change } of survived) console.log(`  ${file}:${at}: ${change}`)
  }
  console.log(`${killed} of ${subjects.length} mutants killed: ${share} % (seed ${seed})`)
}
process.exit(share >= atLeast ? 0 : 1)
