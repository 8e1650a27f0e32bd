/**
 * The steps of a contract as a graph: edges, reachability, and a drawing.
 *
 * Everything here also accepts steps that are only partly right, so that a
 * broken document can be checked and drawn as far as it goes.
 */
import type { Contract, StepKind } from "./Contract.ts"
import type { Path } from "./ContractProblem.ts"

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

/** Any record with an id and a kind; the steps of a `Contract` are such. */
export interface LooseStep {
  readonly id?: unknown
  readonly kind?: unknown
}

/** The part of a contract that its graph needs. */
export interface LooseContract {
  readonly entryStepId?: unknown
  readonly steps: ReadonlyArray<LooseStep>
}

/** The ways out of one step; `index` is its place in `steps`. Fields that hold no step id are left out. */
export const edgesOf = (step: LooseStep, index: number): ReadonlyArray<Edge> => {
  const { id } = step
  if (typeof id !== "string") return []
  const edges: Array<Edge> = []
  const add = (label: string, ...path: Path): void => {
    const to = path.reduce<unknown>(at, step)
    if (typeof to === "string" || to === null) edges.push({ from: id, to, label, path: ["steps", index, ...path] })
  }
  if (step.kind === "branch") {
    const cases = at(step, "cases")
    if (Array.isArray(cases)) {
      cases.forEach((item: unknown, i) => {
        const when = at(item, "when")
        add(typeof when === "string" ? when : `case ${i + 1}`, "cases", i, "next")
      })
    }
    add("otherwise", "default")
  } else if (step.kind === "approval") {
    add("approved", "nextOnApproved")
    add("denied", "nextOnDenied")
    add("timeout", "onTimeout", "next")
  } else {
    add("", "next")
    if (step.kind === "wait") add("timeout", "timeout", "next")
  }
  if (typeof at(step, "onError") === "string") add("error", "onError")
  else add("error", "onError", "next")
  return edges
}

/** All ways, in the order of the document. */
export const edges = (contract: LooseContract): ReadonlyArray<Edge> => contract.steps.flatMap(edgesOf)

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
export const unreachable = (contract: Contract): ReadonlyArray<string> => {
  const seen = reachableFrom([contract.entryStepId], edges(contract))
  return contract.steps.filter((step) => !seen.has(step.id)).map((step) => step.id)
}

/** The contract as a Mermaid `flowchart TD`. Depends on the document alone; any text in it is escaped. */
export const mermaid = (contract: LooseContract): string => {
  const names = new Map<string, string>()
  contract.steps.forEach(({ id }, i) => {
    if (typeof id === "string" && !names.has(id)) names.set(id, `s${i}`)
  })
  const ways = edges(contract).filter(({ to }) => to === null || names.has(to))
  const lines = ["flowchart TD", "  start((start))"]
  for (const step of contract.steps) {
    const node = typeof step.id === "string" ? names.get(step.id) : undefined
    if (node === undefined) continue
    const kind = String(step.kind)
    const [open, close] = shapes[kind as StepKind] ?? ["[", "]"]
    const name = at(step, "name")
    lines.push(
      `  ${node}${open}"${escape(typeof name === "string" ? name : String(step.id))}<br/>${escape(kind)}"${close}`
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

const shapes: Readonly<Record<StepKind, readonly [string, string]>> = {
  task: ["[", "]"],
  llm: ["([", "])"],
  emit: [">", "]"],
  wait: ["[/", "/]"],
  branch: ["{", "}"],
  transform: ["[[", "]]"],
  approval: ["{{", "}}"]
}

const at = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined

/** At most 60 characters, as entities wherever Mermaid or HTML could read them as its own. */
const escape = (text: string): string =>
  (text.length > 60 ? `${text.slice(0, 57)}...` : text)
    .replace(/[^\p{L}\p{N} .,:_-]/gu, (character) => `#${character.codePointAt(0)};`)
