/**
 * The small faults that `mutate.ts` puts into a source, one at a time: each
 * is a place in the text and what stands there instead.
 *
 * Left alone is what no test should hold on to: types, imports, the wording
 * of errors and logs, and the step of a `for`, whose faults only hang.
 */
import { parseAst } from "vitest/node"

export interface Mutant {
  readonly start: number
  readonly end: number
  readonly replacement: string
  /** Line and column, counted from 1: `12:5`. */
  readonly at: string
  /** What it does, as one line of text. */
  readonly change: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { readonly type?: unknown }).type === "string"

const program = (text: string): Node => parseAst(text, { lang: "ts" }) as unknown as Node

/** Whether a text can be parsed at all. */
export const compiles = (text: string): boolean => {
  try {
    program(text)
    return true
  } catch {
    return false
  }
}

export const apply = (text: string, mutant: Mutant): string =>
  text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end)

/** Every mutant of a source, in the order of the text. */
export const mutantsOf = (text: string): ReadonlyArray<Mutant> => {
  const mutants: Array<Mutant> = []
  const replace = (start: number, end: number, replacement: string): void => {
    const lines = text.slice(0, start).split("\n")
    mutants.push({
      start,
      end,
      replacement,
      at: `${lines.length}:${lines.at(-1)!.length + 1}`,
      change: `${oneLine(text.slice(start, end))} → ${oneLine(replacement) || "nothing"}`
    })
  }
  const visit = (node: Node): void => {
    if (isLeftAlone(node, text)) return
    mutate(node, text, replace)
    for (const child of childrenOf(node)) visit(child)
  }
  visit(program(text))
  return mutants
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ").trim()
  return line.length > 100 ? `${line.slice(0, 97)}...` : line
}

const childrenOf = (node: Node): ReadonlyArray<Node> =>
  Object.entries(node).flatMap(([key, value]) => {
    // Of `x as T` and its kind only `x` runs.
    if (node.type.startsWith("TS") && key !== "expression") return []
    if (node.type === "ForStatement" && key === "update") return []
    if ((node.type === "Property" || node.type === "PropertyDefinition") && key === "key") return []
    return Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []
  })

/** Calls that only make the sentence of an error or a log. */
const wording = /^(Effect\.log\w*|console\.\w+|corrupt|deny|problem|String)$/

const isLeftAlone = (node: Node, text: string): boolean => {
  const source = (part: unknown): string => isNode(part) ? text.slice(part.start, part.end) : ""
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "TemplateLiteral":
    case "ThrowStatement":
      return true
    case "NewExpression":
      return /(Error|Corrupt|Failed|Invalid|Refused|Problem)$/.test(source(node["callee"]))
    case "CallExpression":
      return wording.test(source(node["callee"]))
    case "ExpressionStatement":
      return /^(yield\* )?(\w+\.fork\()?Effect\.log/.test(source(node["expression"]))
    case "MethodDefinition":
      return source(node["key"]) === "message"
    default:
      return /^TS(Type|Interface)/.test(node.type)
  }
}

const operators: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "&&": "||",
  "||": "&&",
  "++": "--",
  "--": "++"
}

const quantifiers = new Map([["some", "every"], ["every", "some"]])

const returns = (node: unknown): boolean => {
  if (!isNode(node)) return false
  if (node.type !== "BlockStatement") return node.type === "ReturnStatement"
  const body = node["body"] as ReadonlyArray<Node>
  return body.length === 1 && returns(body[0])
}

/** A call, awaited or yielded or not, but not one that builds the parent. */
const isCall = (node: unknown): boolean => {
  if (!isNode(node)) return false
  if (node.type === "CallExpression") return (node["callee"] as Node).type !== "Super"
  if (node.type === "ChainExpression") return isCall(node["expression"])
  return (node.type === "AwaitExpression" || node.type === "YieldExpression") && isCall(node["argument"])
}

/** Tests that another mutator changes already. */
const ownMutator = /^(BinaryExpression|LogicalExpression|UnaryExpression|Literal)$/

const mutate = (node: Node, text: string, replace: (start: number, end: number, replacement: string) => void): void => {
  const part = (key: string): Node => node[key] as Node
  const source = (part: Node): string => text.slice(part.start, part.end)
  const operatorBetween = (from: number, to: number): void => {
    const operator = node["operator"] as string
    const other = operators[operator]
    const at = text.indexOf(operator, from)
    if (other !== undefined && at >= 0 && at < to) replace(at, at + operator.length, other)
  }
  const negated = (test: Node): void => {
    if (!ownMutator.test(test.type)) replace(test.start, test.end, `!(${source(test)})`)
  }
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression":
      return operatorBetween(part("left").end, part("right").start)
    case "UpdateExpression":
      return operatorBetween(node.start, node.end)
    case "UnaryExpression":
      return node["operator"] === "!" ? replace(node.start, node.end, `(${source(part("argument"))})`) : undefined
    case "ConditionalExpression":
      return negated(part("test"))
    case "IfStatement": {
      const alternate = node["alternate"]
      if (returns(node["consequent"])) replace(node.start, node.end, isNode(alternate) ? source(alternate) : ";")
      return negated(part("test"))
    }
    case "ExpressionStatement":
      return isCall(node["expression"]) ? replace(node.start, node.end, ";") : undefined
    case "ArrayExpression":
      return (node["elements"] as ReadonlyArray<unknown>).length > 0 ? replace(node.start, node.end, "[]") : undefined
    case "Literal": {
      const value = node["value"]
      if (typeof value === "boolean") replace(node.start, node.end, String(!value))
      if (typeof value === "number") {
        replace(node.start, node.end, String(value + 1))
        replace(node.start, node.end, value === 0 ? "(-1)" : String(value - 1))
      }
      return
    }
    case "MemberExpression": {
      const property = part("property")
      const other = node["computed"] === true ? undefined : quantifiers.get(source(property))
      return other === undefined ? undefined : replace(property.start, property.end, other)
    }
  }
}
