/**
 * All steps of a contract, those inside other steps included. Everything here
 * also accepts documents that are only partly right.
 */
import type { Path } from "./ContractProblem.ts"
import type { AnyStep, InnerGraph, Loose, StepShapes } from "./StepShape.ts"
import * as StepShape from "./StepShape.ts"

/** One graph of steps: that of the contract, or one inside a step. */
export interface Graph {
  /** Where the object that holds `steps` is. */
  readonly path: Path
  /** The id of its first step, as the document says; undefined where it does not. */
  readonly entry: unknown
  readonly nodes: ReadonlyArray<Node>
  /** The step that it is in, and what it is of it; undefined for the contract's own. */
  readonly of: { readonly node: Node; readonly inner: InnerGraph } | undefined
}

/** A step where it stands. */
export interface Node {
  readonly step: Loose
  readonly path: Path
  readonly graph: Graph
}

/** The graphs of a document, each before those inside it. */
export const graphsOf = (document: object, shapes: StepShapes): ReadonlyArray<Graph> => {
  const graphs: Array<Graph> = []
  const visit = (holder: unknown, path: Path, of: Graph["of"]): void => {
    const nodes: Array<Node> = []
    const graph: Graph = { path, entry: entryOf(holder, of !== undefined), nodes, of }
    graphs.push(graph)
    for (const [index, item] of listOf(holder).entries()) {
      const step: Loose = isRecord(item) ? item : {}
      nodes.push({ step, path: [...path, "steps", index], graph })
    }
    for (const node of nodes) {
      for (const inner of StepShape.insideOf(shapes, node.step)) {
        visit(StepShape.at(node.step, ...inner.path), [...node.path, ...inner.path], { node, inner })
      }
    }
  }
  visit(document, [], undefined)
  return graphs
}

/** The kinds of steps of a document that are none of these, each once. What is inside such a step is not looked at. */
export const foreignKinds = (document: unknown, shapes: StepShapes): ReadonlyArray<string> =>
  !isRecord(document) ? [] : [
    ...new Set(
      graphsOf(document, shapes).flatMap(({ nodes }) => nodes).flatMap(({ step }) =>
        typeof step["kind"] === "string" && StepShape.of(shapes, step) === undefined ? [step["kind"]] : []
      )
    )
  ]

/** The steps of a contract, each before those inside it. */
export const stepsOf = (
  { steps }: { readonly steps: ReadonlyArray<AnyStep> },
  shapes: StepShapes
): ReadonlyArray<AnyStep> =>
  steps.flatMap((step) => [
    step,
    ...StepShape.insideOf(shapes, step).flatMap(({ path }) => stepsOf(StepShape.at(step, ...path) as Inside, shapes))
  ])

/** The graphs that a graph is in, from itself to that of the contract. */
export const around = (graph: Graph): ReadonlyArray<Graph> =>
  graph.of === undefined ? [graph] : [graph, ...around(graph.of.node.graph)]

// ---------------------------------------------------------------- internal

interface Inside {
  readonly steps: ReadonlyArray<AnyStep>
}

/** Most steps of one list that are looked at. */
const most = 1000

const listOf = (holder: unknown): ReadonlyArray<unknown> => {
  const steps = StepShape.at(holder, "steps")
  return Array.isArray(steps) ? steps.slice(0, most) : []
}

/** Where an inner graph does not say, it begins at its first step. */
const entryOf = (holder: unknown, isInner: boolean): unknown => {
  const entry = StepShape.at(holder, "entryStepId")
  return entry === undefined && isInner ? StepShape.at(listOf(holder)[0], "id") : entry
}

const isRecord = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value)
