/**
 * Counts, for each command of the installed package, how many copies of
 * `effect` and of the engine its process loads, and whether it loads the
 * configuration of the project.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

export interface Place {
  /** A folder in which the packages are installed. */
  readonly project: string
  readonly env: NodeJS.ProcessEnv
}

const recorder = `
import { writeFileSync } from "node:fs"
import { registerHooks } from "node:module"
const loaded = []
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
process.on("exit", () => writeFileSync(process.env.FERMATA_LOADED, loaded.join("\\n")))
`

const contract = {
  schemaVersion: "fermata.contract.v1",
  id: "copies",
  version: "1.0.0",
  title: "One step",
  entryStepId: "one",
  steps: [{ id: "one", name: "One", kind: "transform", set: { one: "1" }, next: null }]
}

const config = `
import { Effect, Schema } from "effect"
import * as Step from "@fermata/engine/Step"
import { Workflow } from "effect/workflow"
const one = Step.make("one", { onCrash: "rerun", run: () => Effect.void })
const Once = Workflow.make("once", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
export default { workflows: [Once.toLayer(() => one())], contracts: "contract.json" }
`

/** Each command of the tree with arguments that bring it as far as it goes; RUN is a run that is there. */
const commandLines: Readonly<Record<"looks" | "works", ReadonlyArray<ReadonlyArray<string>>>> = {
  looks: [
    [],
    ["--help"],
    ["run", "--help"],
    ["--version"],
    ["runs", "ls"],
    ["--db", "copies.db", "runs", "ls", "--json"],
    ["runs", "show", "RUN"],
    ["runs", "journal", "RUN"],
    ["runs", "tail", "RUN"],
    ["runs", "diff", "RUN", "RUN"],
    ["approvals", "ls"],
    ["contracts", "ls"]
  ],
  works: [
    ["run", "once", "--input", `{"id":"2"}`],
    ["run", "contract.json"],
    ["runs", "cancel", "RUN"],
    ["runs", "pause", "RUN"],
    ["runs", "resume", "RUN"],
    ["runs", "settle", "RUN", "--step", "one", "--done", "null"],
    ["runs", "fork", "RUN", "--at", "one"],
    ["approve", "RUN"],
    ["deny", "RUN"],
    ["signal", "RUN", "go"],
    ["emit", "order.paid"],
    ["worker", "--until-idle"],
    ["replay", "RUN"],
    ["upgrade", "check"],
    ["contracts", "check", "contract.json"],
    ["contracts", "graph", "contract.json"],
    ["contracts", "add", "contract.json"],
    ["doctor"]
  ]
}

/** Throws for the first command that loads more than it should. */
export const copies = ({ env, project }: Place): void => {
  const folder = join(project, "copies")
  const modules = pathToFileURL(join(project, "node_modules")).href
  mkdirSync(folder)
  writeFileSync(join(folder, "recorder.mjs"), recorder)
  writeFileSync(join(folder, "contract.json"), JSON.stringify(contract))
  writeFileSync(join(folder, "fermata.config.ts"), config)
  const loadedFile = join(folder, "loaded.txt")
  const bin = join(project, "node_modules", "@fermata", "cli", "dist", "bin.js")
  const run = (args: ReadonlyArray<string>) => {
    rmSync(loadedFile, { force: true })
    const { stderr, stdout } = spawnSync(process.execPath, [
      "--import",
      pathToFileURL(join(folder, "recorder.mjs")).href,
      bin,
      ...args
    ], {
      cwd: folder,
      env: { ...env, FERMATA_DB: join(folder, "copies.db"), FERMATA_LOADED: loadedFile },
      encoding: "utf8",
      timeout: 60_000
    })
    const loaded = readFileSync(loadedFile, "utf8").split("\n")
    const bundled = loaded.some((url) => url.includes("/@fermata/cli/dist/bundle/"))
    const count = (name: string) =>
      Number(bundled) + Number(loaded.some((url) => url.startsWith(`${modules}/${name}/`)))
    return {
      stdout,
      stderr,
      bundled,
      configured: loaded.some((url) => url.endsWith("/fermata.config.ts")),
      effect: count("effect"),
      engine: count("@fermata/engine")
    }
  }
  const first = run(["run", "once", "--input", `{"id":"1"}`, "--json"])
  const { runId } = JSON.parse(first.stdout) as { readonly runId: string }
  for (const kind of ["looks", "works"] as const) {
    for (const args of commandLines[kind]) {
      const { bundled, configured, effect, engine, stderr, stdout } = run(
        args.map((arg) => arg === "RUN" ? runId : arg)
      )
      const told = `fermata ${args.join(" ")}:\n${stdout}${stderr}`
      if (effect > 1 || engine > 1) {
        throw new Error(`${effect} copies of effect and ${engine} of the engine are loaded by ${told}`)
      }
      if (kind === "looks" && configured) throw new Error(`the configuration is loaded by ${told}`)
      if (bundled !== (kind === "looks")) throw new Error(`the bundle is ${bundled ? "" : "not "}loaded by ${told}`)
    }
  }
}
