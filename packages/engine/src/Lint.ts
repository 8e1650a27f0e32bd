/**
 * A lint rule for the bodies of workflows, as a plugin that oxlint and ESLint
 * load: `deterministic-body` reports what a body may not do, since a replay
 * would not repeat it. What it finds belongs into a step.
 *
 * A body is the function that is given to `Workflow.toLayer`, also through
 * `Effect.fn`. What it calls elsewhere is not looked into; the bodies of steps
 * and activities may do all of it.
 *
 * @example
 * ```json
 * // .oxlintrc.json
 * { "jsPlugins": ["@fermata/engine/Lint"], "rules": { "fermata/deterministic-body": "error" } }
 * ```
 *
 * @example
 * ```js
 * // eslint.config.js
 * import fermata from "@fermata/engine/Lint"
 *
 * export default [{ plugins: { fermata }, rules: { "fermata/deterministic-body": "error" } }]
 * ```
 */

/** A node of the syntax tree, as ESTree has it. */
export interface Node {
  readonly type: string
}

/** What a linter offers to a rule. */
export interface RuleContext {
  readonly sourceCode: { readonly visitorKeys: Readonly<Record<string, ReadonlyArray<string>>> }
  readonly report: (problem: { readonly node: Node; readonly message: string }) => void
}

/** Reports what the body of a workflow may not do. */
export const deterministicBody = {
  meta: {
    type: "problem",
    docs: { description: "Keep what a replay would not repeat out of the bodies of workflows" },
    schema: []
  },
  create: (context: RuleContext) => ({
    CallExpression: (call: Node): void => {
      if (
        part(call, "callee")?.type !== "MemberExpression" || nameOf(part(call, "callee"))?.endsWith(".toLayer") !== true
      ) return
      const [handler] = parts(call, "arguments")
      if (handler !== undefined) inspect(handler, context, new Set())
    }
  })
} as const

/** The plugin: give it to `jsPlugins` of oxlint or to `plugins` of ESLint. */
const plugin = { meta: { name: "fermata" }, rules: { "deterministic-body": deterministicBody } } as const
export default plugin

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const ownWork = "it goes on outside of the run, which then fails with ForeignWork; put it into a step"

/** What is wrong with calling these. A name without a dot is one of the global scope. */
const calls: ReadonlyMap<string, string> = new Map([
  ...["Date.now", "performance.now"].map((name) =>
    [name, "a replay sees another time; use Clock or DateTime, or put it into a step"] as const
  ),
  ...["Math.random", "crypto.randomUUID", "crypto.getRandomValues"].map((name) =>
    [name, "a replay sees another value; use Random or WebCrypto, or put it into a step"] as const
  ),
  ...["fetch", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "requestAnimationFrame"].map((name) =>
    [name, ownWork] as const
  ),
  ...["promise", "tryPromise", "callback", "runPromise", "runPromiseExit", "runFork", "runCallback"].map((name) =>
    [`Effect.${name}`, ownWork] as const
  )
])

/** Calls whose arguments are not the body's own. */
const elsewhere = /^(Step|Activity)\.make$/

/** Reports what stands in this part of a body, apart from what goes by a name that the body has given itself. */
const inspect = (node: Node, context: RuleContext, own: Set<string>): void => {
  if (node.type === "VariableDeclarator") declare(part(node, "id"), context, own)
  for (const parameter of parts(node, "params")) declare(parameter, context, own)
  const problem = problemOf(node, own)
  if (problem !== undefined) {
    context.report({ node, message: `${problem.what} in the body of a workflow: ${problem.why}` })
  }
  if (node.type === "CallExpression" && elsewhere.test(nameOf(part(node, "callee")) ?? "")) return
  for (const key of context.sourceCode.visitorKeys[node.type] ?? []) {
    for (const child of parts(node, key)) inspect(child, context, own)
  }
}

const declare = (pattern: Node | undefined, context: RuleContext, own: Set<string>): void => {
  if (pattern === undefined) return
  const name = pattern.type === "Identifier" ? text(pattern, "name") : undefined
  if (name !== undefined) own.add(name)
  for (const key of context.sourceCode.visitorKeys[pattern.type] ?? []) {
    for (const child of parts(pattern, key)) declare(child, context, own)
  }
}

const problemOf = (
  node: Node,
  own: ReadonlySet<string>
): { readonly what: string; readonly why: string } | undefined => {
  switch (node.type) {
    case "CallExpression": {
      const what = nameOf(part(node, "callee"))?.replace(/^(globalThis|window|self)\./, "")
      const why = what === undefined ? undefined : calls.get(what)
      return what === undefined || why === undefined || own.has(what.split(".")[0]!) ? undefined : { what, why }
    }
    case "NewExpression":
      return nameOf(part(node, "callee")) === "Date" && parts(node, "arguments").length === 0
        ? { what: "new Date()", why: calls.get("Date.now")! }
        : undefined
    case "AwaitExpression":
      return { what: "await", why: ownWork }
    default:
      return undefined
  }
}

/** `a.b.c` of such an expression; of another object its last names. */
const nameOf = (node: Node | undefined): string | undefined => {
  if (node === undefined) return undefined
  if (node.type === "Identifier") return text(node, "name")
  if (node.type !== "MemberExpression" || value(node, "computed") === true) return undefined
  const property = nameOf(part(node, "property"))
  return property === undefined ? undefined : `${nameOf(part(node, "object")) ?? ""}.${property}`
}

const value = (node: Node, key: string): unknown => Reflect.get(node, key)

const text = (node: Node, key: string): string | undefined => {
  const found = value(node, key)
  return typeof found === "string" ? found : undefined
}

const isNode = (found: unknown): found is Node => typeof found === "object" && found !== null && "type" in found

const part = (node: Node, key: string): Node | undefined => {
  const found = value(node, key)
  return isNode(found) ? found : undefined
}

const parts = (node: Node, key: string): ReadonlyArray<Node> => {
  const found = value(node, key)
  return Array.isArray(found) ? found.filter(isNode) : isNode(found) ? [found] : []
}
