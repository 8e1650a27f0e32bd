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
import * as StepTree from "./StepTree.ts"

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

/** The ways out of one step, which stands at `path`. Fields that hold no step id are left out. */
export const edgesOf = (
  step: Loose | StepShape.AnyStep,
  path: Path,
  shapes: StepShapes = standardShapes
): ReadonlyArray<Edge> => {
  const from = at(step, "id")
  if (typeof from !== "string") return []
  const onError: StepShape.Way = {
    label: "error",
    path: typeof at(step, "onError") === "string" ? ["onError"] : ["onError", "next"]
  }
  const ways = StepShape.of(shapes, step)?.graph.ways(step as Loose) ?? [StepShape.next]
  return [...ways, onError].flatMap((way): ReadonlyArray<Edge> => {
    const to = at(step, ...way.path)
    return typeof to === "string" || to === null
      ? [{ from, to, label: way.label, path: [...path, ...way.path] }]
      : []
  })
}

/** The ways between the steps of one graph. */
export const edgesIn = ({ nodes }: StepTree.Graph, shapes: StepShapes): ReadonlyArray<Edge> =>
  nodes.flatMap(({ path, step }) => edgesOf(step, path, shapes))

/** All ways, in the order of the document: those of each graph, and those from a step to where the graphs inside it begin. */
export const edges = (contract: LooseContract, shapes: StepShapes = standardShapes): ReadonlyArray<Edge> =>
  StepTree.graphsOf(contract, shapes).flatMap((graph) => {
    const { entry, of, path } = graph
    const from = of?.node.step["id"]
    const own = edgesIn(graph, shapes)
    if (of === undefined || typeof from !== "string" || typeof entry !== "string") return own
    const into: Edge = { from, to: entry, label: of.inner.label, path: [...path, "entryStepId"] }
    return [into].concat(own)
  })

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
  return StepTree.stepsOf(contract, shapes).filter((step) => !seen.has(step.id)).map((step) => step.id)
}

/**
 * The contract as a Mermaid `flowchart TD`; graphs inside a step are frames of
 * their own. Depends on the document alone; any text in it is escaped.
 */
export const mermaid = (contract: LooseContract, shapes: StepShapes = standardShapes): string => {
  const graphs = StepTree.graphsOf(contract, shapes)
  const names = namesOf(graphs)
  const lines = ["flowchart TD", "  start((start))"]
  graphs.forEach((graph, number) => lines.push(...drawn(graph, number, names, shapes)))
  return `${lines.join("\n")}\n`
}

/** A contract as a graph: its steps, the ways between them, and the same as a Mermaid flowchart. */
export interface Drawing {
  readonly id: string
  readonly version: string
  readonly entryStepId: string
  readonly steps: ReadonlyArray<{ readonly id: string; readonly kind: string; readonly name: string }>
  readonly edges: ReadonlyArray<Omit<Edge, "path">>
  readonly mermaid: string
}

/** The graph of a contract, for a program. */
export const drawingOf = (contract: Contract, shapes: StepShapes = standardShapes): Drawing => ({
  id: contract.id,
  version: contract.version,
  entryStepId: contract.entryStepId,
  steps: contract.steps.map(({ id, kind, name }) => ({ id, kind, name })),
  edges: edges(contract, shapes).map(({ from, label, to }) => ({ from, to, label })),
  mermaid: mermaid(contract, shapes)
})

// ---------------------------------------------------------------- internal

/** What each step is called in the drawing, by its id: `s0`, `s1`, …, and `s1_0` for the first inside `s1`. */
const namesOf = (graphs: ReadonlyArray<StepTree.Graph>): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const { nodes, of } of graphs) {
    const outer = of === undefined ? undefined : names.get(String(of.node.step["id"]))
    let count = outer === undefined
      ? 0
      : Array.from(names.values()).filter((name) => name.startsWith(`${outer}_`)).length
    nodes.forEach(({ step: { id } }) => {
      const number = count++
      if (typeof id === "string" && !names.has(id)) {
        names.set(id, outer === undefined ? `s${number}` : `${outer}_${number}`)
      }
    })
  }
  return names
}

/** One graph, in a frame where it is inside a step. */
const drawn = (
  graph: StepTree.Graph,
  number: number,
  names: ReadonlyMap<string, string>,
  shapes: StepShapes
): ReadonlyArray<string> => {
  const { entry, nodes, of } = graph
  const outer = of === undefined ? undefined : names.get(String(of.node.step["id"]))
  if (of !== undefined && outer === undefined) return []
  const start = outer ?? "start"
  const done = of === undefined ? "done" : `done${number}`
  const ways = edgesIn(graph, shapes).filter(({ to }) => to === null || names.has(to))
  const lines: Array<string> = []
  for (const { step } of nodes) {
    const node = typeof step["id"] === "string" ? names.get(step["id"]) : undefined
    if (node === undefined) continue
    const [open, close] = StepShape.of(shapes, step)?.graph.brackets ?? ["[", "]"]
    const { name } = step
    lines.push(
      `${node}${open}"${escape(typeof name === "string" ? name : String(step["id"]))}<br/>${
        escape(String(step["kind"]))
      }"${close}`
    )
  }
  if (ways.some(({ to }) => to === null)) lines.push(`${done}((end))`)
  const first = typeof entry === "string" ? names.get(entry) : undefined
  const entering = first === undefined
    ? []
    : [of === undefined ? `${start} --> ${first}` : `${start} -->|"${escape(of.inner.label)}"| ${first}`]
  const arrows = ways.map(({ from, label, to }) => {
    const arrow = label === "error" || label === "timeout" ? "-.->" : "-->"
    const text = label === "" ? "" : `|"${escape(label)}"|`
    return `${names.get(from)} ${arrow}${text} ${to === null ? done : names.get(to)}`
  })
  return of === undefined
    ? [...lines, ...entering, ...arrows].map((line) => `  ${line}`)
    : [
      `  subgraph g${number}["${escape(`${String(of.node.step["id"])}: ${of.inner.label}`)}"]`,
      ...[...lines, ...arrows].map((line) => `    ${line}`),
      "  end",
      ...entering.map((line) => `  ${line}`)
    ]
}

/** At most 60 characters, as entities wherever Mermaid or HTML could read them as its own. */
const escape = (text: string): string =>
  (text.length > 60 ? `${text.slice(0, 57)}...` : text)
    .replace(/[^\p{L}\p{N} .,:_-]/gu, (character) => `#${character.codePointAt(0)};`)
