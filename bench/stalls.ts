/** How long the event loop stands still while tools work on much: what a process with leases must keep short. */
import { FileTools, SearchTools, WebTools, Workspace } from "@fermata/agent-node"
import { Egress } from "@fermata/engine"
import { Effect, Layer, Stream } from "effect"
import { Toolkit } from "effect/ai"
import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Case } from "./cases.ts"
import { figure } from "./measure.ts"

const kit = Toolkit.merge(FileTools.toolkit, SearchTools.toolkit, WebTools.toolkit)

/** What is worked on, by which tool. */
const jobs: ReadonlyArray<readonly [name: string, tool: "Read" | "Grep" | "Glob" | "WebFetch", params: object]> = [
  ["a page of 5 MB", "WebFetch", { url: "https://example.com/" }],
  ["a PDF of 200 pages", "Read", { file_path: "long.pdf", pages: "1-200" }],
  ["a text of 19 MB", "Read", { file_path: "long.txt" }],
  ["an endless expression over 100 kB", "Grep", { pattern: "^(a+)+$", path: "letters.txt" }],
  ["names of 20,000 files", "Glob", { pattern: "**/*.ts" }],
  ["texts of 20,000 files", "Grep", { pattern: "x99 = 150" }]
]

const write = (root: string): void => {
  for (let folder = 0; folder < 200; folder++) {
    mkdirSync(join(root, "src", `d${folder}`), { recursive: true })
    for (let file = 0; file < 100; file++) {
      writeFileSync(
        join(root, "src", `d${folder}`, `f${file}.ts`),
        `export const x${file} = ${folder}\n`.repeat(20)
      )
    }
  }
  writeFileSync(join(root, "long.txt"), "A line of a long text, and not the last one.\n".repeat(420_000))
  writeFileSync(join(root, "long.pdf"), pdf(200))
  writeFileSync(join(root, "letters.txt"), `${"a".repeat(100_000)}b`)
}

/** A PDF of so many pages of 40 lines. It has no table of its objects, so that they are looked for. */
const pdf = (pages: number): string => {
  const lines = Array.from({ length: 40 }, (_, n) => `(Line ${n} of a page as pages are.) Tj 0 -14 Td`).join(" ")
  const content = `BT /F1 12 Tf 72 720 Td ${lines} ET`
  const kids = Array.from({ length: pages }, (_, n) => 4 + 2 * n)
  return [
    "%PDF-1.7",
    "1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj",
    `2 0 obj\n<< /Type /Pages /Count ${pages} /Kids [${kids.map((id) => `${id} 0 R`).join(" ")}] >>\nendobj`,
    "3 0 obj\n<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>\nendobj",
    ...kids.flatMap((id) => [
      `${id} 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${
        id + 1
      } 0 R /Resources << /Font << /F1 3 0 R >> >> >>\nendobj`,
      `${id + 1} 0 obj\n<< /Length ${content.length} >>\nstream\n${content}\nendstream\nendobj`
    ]),
    "trailer\n<< /Root 1 0 R >>\n%%EOF"
  ].join("\n")
}

/** The longest time (ms) between two turns of the loop while this goes on. */
const longest = async (work: () => unknown): Promise<number> => {
  let most = 0
  let last = performance.now()
  let isOver = false
  const turn = (): void => {
    const now = performance.now()
    most = Math.max(most, now - last)
    last = now
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  await new Promise((resolve) => setImmediate(resolve))
  isOver = true
  return most
}

/** A digest of 64 MB, for which the loop stands still too. */
const digest = (bytes: Uint8Array) => () => createHash("sha256").update(bytes).digest()

export const stalls: Case = async ({ folder, rounds }) => {
  const root = join(folder, "workspace")
  write(root)
  const long = new TextEncoder().encode("<p>five megabytes ".repeat(300_000))
  const answer = () =>
    Effect.succeed({ status: 200, headers: [["content-type", "text/html"]] as const, body: Stream.make(long) })
  const world = Layer.mergeAll(FileTools.layer, SearchTools.layerWith({ ripgrep: false }), WebTools.layer).pipe(
    Layer.provide(Workspace.layer({ root })),
    Layer.merge(Egress.layerMemory({ "example.com": ["93.184.216.34"] }, answer, { hosts: ["*"] }))
  )
  const call = (tool: (typeof jobs)[number][1], params: object) =>
    Effect.runPromise(
      Effect.gen(function*() {
        const { handle } = yield* kit
        yield* Stream.runDrain(yield* handle(tool, params as never))
      }).pipe(Effect.catchTag("SearchFailed", () => Effect.void), Effect.provide(world))
    )
  const bytes = new Uint8Array(64e6)
  const figures = []
  for (const [name, tool, params] of jobs) {
    const ratios: Array<number> = []
    let most = Infinity
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      const control = await longest(digest(bytes))
      const stall = await longest(() => call(tool, params))
      most = Math.min(most, stall)
      ratios.push(stall / control)
    }
    const idle = await longest(() => new Promise((resolve) => setTimeout(resolve, 500)))
    figures.push(
      figure(`longest stall: ${name}`, "a digest of 64 MB", "x digest of 64 MB", ratios, {
        kind: "at most",
        value: 3
      }, { "stall ms": most, "idle ms": idle })
    )
  }
  return figures
}
