/**
 * A contract as a page shows it, and how its steps stand in one of its runs.
 * Plain data: what a page draws it folds from here and from a `RunView`.
 */
import { isFinal } from "@fermata/core/RunStatus"
import type * as RunView from "@fermata/core/RunView"
import type { Contract } from "./Contract.ts"
import * as ContractGraph from "./ContractGraph.ts"
import * as CalledRun from "./internal/CalledRun.ts"
import type { JsonShape } from "./JsonShape.ts"
import { standardShapes } from "./StandardShapes.ts"
import type { StepShapes } from "./StepShape.ts"
import * as StepShape from "./StepShape.ts"
import * as StepTree from "./StepTree.ts"

/** A step on a page. */
export interface StepNode {
  readonly id: string
  readonly kind: string
  /** What its author calls it. */
  readonly title: string
  readonly description?: string
  /** What steps of its kind do, in a sentence. */
  readonly does: string
  /** The ways out of it; `to` is the id of a step beside it, or null for the end of the graph that it is in. */
  readonly ways: ReadonlyArray<{ readonly label: string; readonly to: string | null }>
  /** The workflows that it runs; there where it runs one. */
  readonly calls?: ReadonlyArray<StepShape.Call>
  /** The graphs inside it, each with what stands for it in keys, `each` for the items of a `map`. */
  readonly inside: ReadonlyArray<GraphNode & { readonly label: string }>
}

/** A graph of steps on a page. */
export interface GraphNode {
  /** The id of the step at which it begins. */
  readonly entry: string
  readonly steps: ReadonlyArray<StepNode>
}

/** A contract on a page. */
export interface ContractView extends GraphNode {
  readonly id: string
  readonly version: string
  readonly title: string
  readonly description?: string
  /** What a completed run comes to, where the contract says so. */
  readonly outputSchema?: JsonShape
  /** The drawing, as Mermaid. */
  readonly mermaid: string
}

/** The contract for a page, with the kinds that it may use. */
export const of = (contract: Contract, shapes: StepShapes = standardShapes): ContractView => {
  const graphs = StepTree.graphsOf(contract, shapes)
  const graphNode = (graph: StepTree.Graph): GraphNode => ({
    entry: String(graph.entry),
    steps: graph.nodes.map((node) => stepNode(node))
  })
  const stepNode = (node: StepTree.Node): StepNode => {
    const step = node.step as object as StepShape.AnyStep
    const { description, id, kind, name } = step
    const { calls } = StepShape.needsOf(shapes, step)
    return {
      id,
      kind,
      title: name,
      ...(description === undefined ? {} : { description }),
      does: StepShape.of(shapes, node.step)?.schema.words["kind"] ?? "",
      ways: ContractGraph.edgesOf(node.step, node.path, shapes).map(({ label, to }) => ({ label, to })),
      ...(calls === undefined ? {} : { calls }),
      inside: graphs
        .filter(({ of }) => of?.node === node)
        .map((graph) => Object.assign(graphNode(graph), { label: graph.of!.inner.label }))
    }
  }
  const { description, id, outputSchema, title, version } = contract
  return {
    id,
    version,
    title,
    ...(description === undefined ? {} : { description }),
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...graphNode(graphs[0]!),
    mermaid: ContractGraph.mermaid(contract, shapes)
  }
}

/** One part of a step: the time that the run has come to the step, and what stands for the part, such as the place of an item. */
export interface Part {
  readonly id: string
  /** 1 for the first. */
  readonly time: number
  readonly label: string
}

/** Where a step of a run stands in the contract. */
export interface Place {
  readonly id: string
  /** 1 for the first time that the run comes to it there. */
  readonly time: number
  /** The parts of steps that it is in, outermost first. */
  readonly inside: ReadonlyArray<Part>
}

/** The place that a key stands for: `each[3]/charge~2` is the second `charge` of the item 3 of `each`. */
export const placeOf = (key: string): Place => {
  const names = key.split("/")
  const last = timed(names.at(-1)!)
  return {
    ...last,
    inside: names.slice(0, -1).map((name): Part => {
      const open = name.indexOf("[")
      const { id, time } = timed(open < 0 ? name : name.slice(0, open))
      return { id, time, label: open < 0 ? "" : name.slice(open + 1, -1) }
    })
  }
}

/** How a step stands; `abandoned` when nobody waits for it any more, as in a branch that was not the first. */
export type State = "running" | "waiting" | "completed" | "failed" | "abandoned"

/** How a step of the contract stands in a run, and each time that the run has come to it, by its key. */
export interface Standing {
  /** `running` while any time is, then `waiting`, then as the last of them ended. */
  readonly state: State
  readonly times: Readonly<Record<string, State>>
  /** The ids of the runs that it has started, by the same keys; there where it has started one. */
  readonly runs?: Readonly<Record<string, string>>
}

/**
 * How the steps of a contract stand in a run, by their ids; those that it has not
 * come to are left out. A step with steps inside runs from the first of these on,
 * waits while all that goes on in it does, and is abandoned when what it is in is
 * over, or the run. A run that waits for an event does not say at which place, so
 * that time stands under the id of the step.
 */
export const standings = (
  contract: Contract,
  view: Pick<RunView.RunView, "steps" | "waits"> & Partial<Pick<RunView.RunView, "status">>,
  shapes: StepShapes = standardShapes
): ReadonlyMap<string, Standing> => {
  const states = new Map<string, State>()
  for (const { key, status } of view.steps) {
    states.set(key, status === "requested" || status === "backoff" ? "running" : status)
  }
  const steps = StepTree.stepsOf(contract, shapes)
  const runs = calledIn(view, steps.filter((step) => StepShape.needsOf(shapes, step).calls !== undefined))
  for (const { key, reason } of view.waits) {
    if (reason === "child") {
      for (const [call, run] of runs) if (run === key) states.set(call, "waiting")
    } else if (key.startsWith("event:")) {
      for (const step of steps) {
        const { events = [] } = StepShape.needsOf(shapes, step)
        if (!states.has(step.id) && events.some(({ event }) => key === `event:${event}`)) states.set(step.id, "waiting")
      }
      // Work that was handed over is done in the journal, and waited for.
    } else states.set(key.replace(/^step:/, ""), "waiting")
  }
  const isOver = view.status !== undefined && isFinal(view.status)
  for (const [outer, inner] of openIn(states)) {
    const isLeft = isOver || around(outer).some((key) => isEnd(states.get(key)))
    states.set(outer, isLeft ? "abandoned" : inner.has("running") || !inner.has("waiting") ? "running" : "waiting")
  }
  const ids = new Set(steps.map(({ id }) => id))
  const found = new Map<string, Record<string, State>>()
  for (const [key, state] of states) {
    const { id } = placeOf(key)
    if (ids.has(id)) found.set(id, Object.assign(found.get(id) ?? {}, { [key]: state }))
  }
  return new Map(Array.from(found, ([id, times]) => {
    const started = Object.keys(times).flatMap((key) => runs.has(key) ? [[key, runs.get(key)!] as const] : [])
    return [id, {
      state: stateOf(Object.values(times)),
      times,
      ...(started.length === 0 ? {} : { runs: Object.fromEntries(started) })
    }]
  }))
}

// ---------------------------------------------------------------- internal

/** The runs that steps have started, by the keys of these steps. */
const calledIn = (
  { steps }: Pick<RunView.RunView, "steps">,
  calling: ReadonlyArray<StepShape.AnyStep>
): ReadonlyMap<string, string> => {
  const ids = new Set(calling.map(({ id }) => id))
  return new Map(steps.flatMap(({ key, output }) => {
    const call = CalledRun.callOf(key)
    const run = call !== undefined && ids.has(placeOf(call).id) ? CalledRun.idOf(output) : undefined
    return run === undefined ? [] : [[call!, run] as const]
  }))
}

/** The steps that have no state of their own yet, each with the states of what is inside it. */
const openIn = (states: ReadonlyMap<string, State>): ReadonlyMap<string, ReadonlySet<State>> => {
  const open = new Map<string, Set<State>>()
  for (const [key, state] of states) {
    for (const outer of around(key)) {
      if (!states.has(outer)) open.set(outer, (open.get(outer) ?? new Set()).add(state))
    }
  }
  return open
}

const isEnd = (state: State | undefined): boolean =>
  state === "completed" || state === "failed" || state === "abandoned"

const stateOf = (states: ReadonlyArray<State>): State =>
  states.includes("running") ? "running" : states.includes("waiting") ? "waiting" : states.at(-1)!

const timed = (name: string): { readonly id: string; readonly time: number } => {
  const sign = name.lastIndexOf("~")
  return sign < 1 ? { id: name, time: 1 } : { id: name.slice(0, sign), time: Number(name.slice(sign + 1)) }
}

/** The keys of the steps that a key is inside of, innermost first. */
const around = (key: string): ReadonlyArray<string> => {
  const end = key.lastIndexOf("/")
  if (end < 0) return []
  const part = key.slice(0, end)
  const open = part.lastIndexOf("[")
  const outer = open < 0 ? part : part.slice(0, open)
  return [outer, ...around(outer)]
}
