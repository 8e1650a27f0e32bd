/**
 * The steps of a contract as a graph: edges, reachability, and a drawing.
 *
 * Everything here also accepts steps that are only partly right, so that a
 * broken document can be checked and drawn as far as it goes.
 */
import type { Contract } from "./Contract.ts"
import type { Path } from "./ContractProblem.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { Loose, StepShapes } from "./StepShape.ts"

const { at } = StepShape

/** A way from one step to the next. */
export interface Edge {
  readonly from: string
  /** The id of a step, or null for the end of the run. */
  readonly to: string | null
  /** When the way is taken; empty for the plain `next`. */
  readonly label: string
  /** Where the document says so. */
  readonly path: Path
}

/** The part of a contract that its graph needs. */
export interface LooseContract {
  readonly entryStepId?: unknown
  readonly steps: ReadonlyArray<Loose | StepShape.AnyStep>
}

/** The ways out of one step; `index` is its place in `steps`. Fields that hold no step id are left out. */
export const edgesOf = (
  step: Loose | StepShape.AnyStep,
  index: number,
  shapes: StepShapes = standardShapes
): ReadonlyArray<Edge> => {
  const from = at(step, "id")
  if (typeof from !== "string") return []
  const onError: StepShape.Way = {
    label: "error",
    path: typeof at(step, "onError") === "string" ? ["onError"] : ["onError", "next"]
  }
  const ways = StepShape.of(shapes, step)?.graph.ways(step as Loose) ?? [StepShape.next]
  return [...ways, onError].flatMap(({ label, path }): ReadonlyArray<Edge> => {
    const to = at(step, ...path)
    return typeof to === "string" || to === null ? [{ from, to, label, path: ["steps", index, ...path] }] : []
  })
}

/** All ways, in the order of the document. */
export const edges = (contract: LooseContract, shapes: StepShapes = standardShapes): ReadonlyArray<Edge> =>
  contract.steps.flatMap((step, index) => edgesOf(step, index, shapes))

/** The ids of the steps that a run can get to from any of `starts` (these included), over `edges`. */
export const reachableFrom = (starts: ReadonlyArray<string>, edges: ReadonlyArray<Edge>): ReadonlySet<string> => {
  const ways = new Map<string, Array<string>>()
  for (const { from, to } of edges) {
    if (to === null) continue
    const targets = ways.get(from)
    if (targets === undefined) ways.set(from, [to])
    else targets.push(to)
  }
  const seen = new Set(starts)
  for (const id of seen) for (const to of ways.get(id) ?? []) seen.add(to)
  return seen
}

/** Ids of the steps that no run can get to, in the order of the document. */
export const unreachable = (contract: Contract, shapes: StepShapes = standardShapes): ReadonlyArray<string> => {
  const seen = reachableFrom([contract.entryStepId], edges(contract, shapes))
  return contract.steps.filter((step) => !seen.has(step.id)).map((step) => step.id)
}

/** The contract as a Mermaid `flowchart TD`. Depends on the document alone; any text in it is escaped. */
export const mermaid = (contract: LooseContract, shapes: StepShapes = standardShapes): string => {
  const names = new Map<string, string>()
  contract.steps.forEach(({ id }, i) => {
    if (typeof id === "string" && !names.has(id)) names.set(id, `s${i}`)
  })
  const ways = edges(contract, shapes).filter(({ to }) => to === null || names.has(to))
  const lines = ["flowchart TD", "  start((start))"]
  for (const step of contract.steps) {
    const node = typeof step.id === "string" ? names.get(step.id) : undefined
    if (node === undefined) continue
    const [open, close] = StepShape.of(shapes, step)?.graph.brackets ?? ["[", "]"]
    const name = at(step, "name")
    lines.push(
      `  ${node}${open}"${escape(typeof name === "string" ? name : String(step.id))}<br/>${
        escape(String(step.kind))
      }"${close}`
    )
  }
  if (ways.some(({ to }) => to === null)) lines.push("  done((end))")
  const entry = typeof contract.entryStepId === "string" ? names.get(contract.entryStepId) : undefined
  if (entry !== undefined) lines.push(`  start --> ${entry}`)
  for (const { from, label, to } of ways) {
    const arrow = label === "error" || label === "timeout" ? "-.->" : "-->"
    const text = label === "" ? "" : `|"${escape(label)}"|`
    lines.push(`  ${names.get(from)} ${arrow}${text} ${to === null ? "done" : names.get(to)}`)
  }
  return `${lines.join("\n")}\n`
}

// ---------------------------------------------------------------- internal

/** At most 60 characters, as entities wherever Mermaid or HTML could read them as its own. */
const escape = (text: string): string =>
  (text.length > 60 ? `${text.slice(0, 57)}...` : text)
    .replace(/[^\p{L}\p{N} .,:_-]/gu, (character) => `#${character.codePointAt(0)};`)
