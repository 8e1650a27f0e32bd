/** What tools work on may be large, or built to take for ever: other runs of the process go on meanwhile. They are counted, and not timed. */
import { assert, describe, it } from "@effect/vitest"
import * as FileTools from "@fermata/agent-node/FileTools"
import * as SearchTools from "@fermata/agent-node/SearchTools"
import * as WebTools from "@fermata/agent-node/WebTools"
import * as Workspace from "@fermata/agent-node/Workspace"
import * as Agent from "@fermata/agent/Agent"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { Chunks } from "@fermata/engine/Chunks"
import * as Egress from "@fermata/engine/Egress"
import { Runs } from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema, Stream } from "effect"
import { Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { page, pdf } from "./support/Documents.ts"

/** The calls, what the model is told of each, and those that end at their deadline, in ms. */
const jobs = [
  {
    name: "a page of 5 MB",
    call: ["WebFetch", { url: "https://example.com/" }],
    told: "five megabytes",
    deadline: 10_000
  },
  {
    name: "a PDF of 200 pages",
    call: ["Read", { file_path: "long.pdf", pages: "1-200" }],
    told: "[page 200 of 200]"
  },
  {
    name: "an expression without an end, over 100 kB of one letter",
    call: ["Grep", { pattern: "^(a+)+$", path: "letters.txt" }],
    told: "is not done after 30s",
    deadline: 30_000
  },
  { name: "names of 5,000 files", call: ["Glob", { pattern: "**/*.ts" }], told: "(4000 more files" },
  { name: "texts of 5,000 files", call: ["Grep", { pattern: "needle" }], told: "d7/f77.ts" }
] as const

const write = (root: string): void => {
  for (let folder = 0; folder < 50; folder++) {
    mkdirSync(join(root, "src", `d${folder}`), { recursive: true })
    for (let file = 0; file < 100; file++) {
      writeFileSync(join(root, "src", `d${folder}`, `f${file}.ts`), folder === 7 && file === 77 ? "needle\n" : "hay\n")
    }
  }
  writeFileSync(join(root, "long.pdf"), pdf(Array.from({ length: 200 }, (_, n) => page(`Page ${n}.`, "Text."))))
  writeFileSync(join(root, "letters.txt"), `${"a".repeat(100_000)}b`)
}

const Tick = Step.make("tick", {
  input: { n: Schema.Int },
  onCrash: "rerun",
  run: () => Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
})

const Other = Workflow.make("other", {
  payload: { id: Schema.String },
  success: Schema.Void,
  error: Schema.Never,
  idempotencyKey: ({ id }) => id
})

describe("tools that work on much", () => {
  it.effect(
    "other runs go on while a page, a PDF, an expression and a repository are worked on",
    () =>
      Effect.gen(function*() {
        const root = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const root = mkdtempSync(join(tmpdir(), "fermata-stalls-"))
            write(root)
            return root
          }),
          (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
        )
        let steps = 0
        const until = { isOver: false }
        const other = Other.toLayer(() =>
          Effect.gen(function*() {
            while (!until.isOver) {
              yield* Tick({ n: steps })
              steps++
            }
          })
        )
        /** Steps of the other run at each question to the model. */
        const asked: Array<number> = []
        const told: Array<string> = []
        const agent = Agent.make("agent", {
          instructions: "",
          model: "m",
          toolkit: Toolkit.merge(FileTools.toolkit, SearchTools.toolkit, WebTools.toolkit),
          policy: Policy.open
        })
        const script: Scripted.Script = (request, turn) => {
          asked.push(steps)
          if (turn > 0) told.push(Scripted.lastText(request))
          const job = jobs[turn]
          return job === undefined ? "done" : [Scripted.call(job.call[0], job.call[1])]
        }
        const long = new TextEncoder().encode("<p>five megabytes ".repeat(300_000))
        const world = Layer.mergeAll(agent.layer, other).pipe(
          Layer.provide([
            FileTools.layer,
            SearchTools.layerWith({ ripgrep: false }),
            WebTools.layer,
            Egress.layerMemory(
              { "example.com": ["93.184.216.34"] },
              () => Effect.succeed({ status: 200, headers: [["content-type", "text/html"]], body: Stream.make(long) }),
              {
                hosts: ["*"]
              }
            )
          ]),
          Layer.provide(Workspace.layer({ root })),
          Layer.provideMerge(Layer.mergeAll(
            Models.layer([Scripted.provider(script, { name: "m" })]),
            Chunks.layerMemory,
            Runs.layer
          )),
          Layer.provideMerge(TestHost.layer)
        )
        yield* Effect.gen(function*() {
          const runs = yield* Runs
          const run = yield* agent.start("go", { id: "1" })
          yield* Other.execute({ id: "1" }, { discard: true })
          const late = new Set<number>()
          while ((yield* runs.show(run)).status !== "completed") {
            yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            const turn = asked.length - 1
            const job = jobs[turn]
            // Its deadline is over when the other run has gone on for a while.
            if (job === undefined || !("deadline" in job) || late.has(turn) || steps < asked[turn]! + 50) continue
            late.add(turn)
            yield* TestClock.adjust(job.deadline)
          }
          until.isOver = true
        }).pipe(Effect.provide(world))
        for (const [index, job] of jobs.entries()) {
          assert.include(told[index], job.told, job.name)
          assert.isAbove(asked[index + 1]! - asked[index]!, 10, job.name)
        }
      }),
    300_000
  )
})
