/** How large files and classes may be. What is named as an exception is above its budget, or the exception has to go. */
import { posix } from "node:path"
import {
  at,
  importsOf,
  isNode,
  isPackageSource,
  literalOf,
  nameOf,
  type Node,
  programOf,
  type Source,
  walk
} from "./syntax.ts"

/** Lines of a file, by its place; the first that fits counts. */
export const budgets = [
  { of: "sources of packages", lines: 500, holds: isPackageSource },
  { of: "tests, scripts and examples", lines: 780, holds: () => true }
] as const

/** Sources above the budget of their folder. */
export const largeFiles: ReadonlySet<string> = new Set()

/** Lines of the sources of these packages, taken together. */
export const spread = { packages: ["core", "engine"], median: 120, ninetieth: 300 } as const

/** Members of a class, its constructor and fields included. */
export const memberBudget = 25

/** Classes with more members. */
export const largeClasses: ReadonlySet<string> = new Set()

/** Classes that extend one of ours which extends another. */
export const longChains: ReadonlySet<string> = new Set()

const isExempt = (file: string): boolean => /(^|\/)(migrations|generated)\/|\.generated\.tsx?$/.test(file)

const linesOf = ({ text }: Source): number => text.trimEnd().split("\n").length

/** A file above the budget of its folder holds several concerns; generated files and migrations are exempt. */
export const size = (source: Source, exceptions = largeFiles): ReadonlyArray<string> => {
  const { file } = source
  const lines = linesOf(source)
  const budget = budgets.find(({ holds }) => holds(file))!
  const isAbove = lines > budget.lines && !isExempt(file)
  if (isAbove === exceptions.has(file)) return []
  return [
    isAbove
      ? `${file}: ${lines} lines, the budget of ${budget.of} is ${budget.lines}`
      : `${file}: ${lines} lines, so it is no exception to the budget any more`
  ]
}

/** Half of the sources are short, and nine in ten are not long. */
export const distribution = (sources: ReadonlyArray<Source>): ReadonlyArray<string> => {
  const lines = sources
    .filter(({ file }) => isPackageSource(file) && spread.packages.some((name) => file.startsWith(`packages/${name}/`)))
    .map(linesOf).sort((a, b) => a - b)
  return ([[0.5, spread.median], [0.9, spread.ninetieth]] as const).flatMap(([share, budget]) => {
    const found = lines[Math.max(0, Math.ceil(lines.length * share) - 1)] ?? 0
    return found > budget
      ? [
        `${share * 100} of 100 sources of ${
          spread.packages.join(" and ")
        } have up to ${found} lines, the budget is ${budget}`
      ]
      : []
  })
}

/** A class with many members is several, and their state is everybody's. */
export const members = (source: Source, exceptions = largeClasses): ReadonlyArray<string> =>
  classesOf(source).flatMap(({ name, node }) => {
    const count = ((node["body"] as Node)["body"] as ReadonlyArray<unknown>).length
    const isAbove = count > memberBudget
    if (isAbove === exceptions.has(name)) return []
    return [at(
      source,
      node,
      isAbove
        ? `${name} has ${count} members, the budget is ${memberBudget}`
        : `${name} has ${count} members, so it is no exception to the budget any more`
    )]
  })

/** A class of ours may extend another of ours, which extends none: what is cut in pieces by `extends` is still one object. */
export const chains = (sources: ReadonlyArray<Source>, exceptions = longChains): ReadonlyArray<string> => {
  const all = sources.flatMap(classesOf)
  const ours = new Map(all.map((one) => [`${one.source.file} ${one.name}`, one]))
  const baseOf = ({ base, source }: Class): Class | undefined => {
    if (base === undefined) return undefined
    const imported = importsOf(source).find(({ node }) => importedAs(node, base) !== undefined)
    return imported === undefined
      ? ours.get(`${source.file} ${base}`)
      : ours.get(`${posix.join(posix.dirname(source.file), imported.specifier)} ${importedAs(imported.node, base)}`)
  }
  return all.flatMap((one) => {
    const base = baseOf(one)
    const above = base && baseOf(base)
    if ((above !== undefined) === exceptions.has(one.name)) return []
    return [at(
      one.source,
      one.node,
      above === undefined
        ? `${one.name} has no long chain of \`extends\`, so it is no exception any more`
        : `${one.name} extends ${base!.name}, which extends ${above.name}: compose them`
    )]
  })
}

/** Exceptions that name what is not there. */
export const stale = (sources: ReadonlyArray<Source>): ReadonlyArray<string> => {
  const known = new Set([...sources.map(({ file }) => file), ...sources.flatMap(classesOf).map(({ name }) => name)])
  return [...largeFiles, ...largeClasses, ...longChains].filter((name) => !known.has(name))
    .map((name) => `${name} is an exception, and is not there`)
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

interface Class {
  readonly source: Source
  readonly node: Node
  readonly name: string
  /** The name of the class that it extends, as the file calls it. */
  readonly base: string | undefined
}

const classesOf = (source: Source): ReadonlyArray<Class> => {
  if (!isPackageSource(source.file)) return []
  const found: Array<Class> = []
  walk(programOf(source), (node) => {
    if (node.type !== "ClassDeclaration" && node.type !== "ClassExpression") return
    found.push({ source, node, name: nameOf(node["id"]) ?? "a class", base: nameOf(node["superClass"]) })
  })
  return found
}

/** What an import calls, in its own module, that which this file knows as `local`. */
const importedAs = (node: Node, local: string): string | undefined => {
  if (node.type !== "ImportDeclaration" || literalOf(node["source"])?.startsWith(".") !== true) return undefined
  const specifier = (node["specifiers"] as ReadonlyArray<Node>).find((each) => nameOf(each["local"]) === local)
  return isNode(specifier) ? nameOf(specifier["imported"]) : undefined
}
