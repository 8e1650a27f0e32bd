/** What rules are told of a file: where it lives, and what it says. */
import { parseAst } from "vitest/node"

export interface Source {
  /** Path from the root of the repository, with `/`. */
  readonly file: string
  readonly text: string
}

export interface Place {
  readonly area: string
  /** The package or example; undefined at the top level. */
  readonly owner: string | undefined
  readonly part: string | undefined
  /** The folder that relative imports must stay in. */
  readonly home: string
}

export const placeOf = (file: string): Place => {
  const [area = "", owner = "", part] = file.split("/")
  return area === "packages" || area === "examples"
    ? { area, owner, part, home: `${area}/${owner}/` }
    : { area, owner: undefined, part: undefined, home: "" }
}

export const isPackageSource = (file: string): boolean => {
  const place = placeOf(file)
  return place.area === "packages" && place.part === "src"
}

export interface Node {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as { readonly type?: unknown }).type === "string"

export const walk = (node: Node, visit: (node: Node, parent: Node | undefined, key: string) => void): void => {
  const go = (current: Node, parent: Node | undefined, under: string): void => {
    visit(current, parent, under)
    for (const key in current) {
      const value = current[key]
      if (isNode(value)) go(value, current, key)
      else if (Array.isArray(value)) {
        for (const item of value) if (isNode(item)) go(item, current, key)
      }
    }
  }
  go(node, undefined, "")
}

/** What is found of a file, found once: many rules ask for it. */
const once = <A>(find: (source: Source) => A): (source: Source) => A => {
  const found = new WeakMap<Source, { readonly value: A }>()
  return (source) => {
    const known = found.get(source) ?? { value: find(source) }
    found.set(source, known)
    return known.value
  }
}

export const programOf = once((source): Node =>
  parseAst(source.text, { lang: source.file.endsWith("x") ? "tsx" : "ts" }) as unknown as Node
)

const lineOf = (source: Source, position: number): number => source.text.slice(0, position).split("\n").length

export const at = (source: Source, node: Node, message: string): string =>
  `${source.file}:${lineOf(source, node.start)}: ${message}`

export const literalOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === "Literal" && typeof node["value"] === "string"
    ? node["value"]
    : isNode(node) && node.type === "TSLiteralType"
    ? literalOf(node["literal"])
    : undefined

export interface Import {
  readonly specifier: string
  readonly node: Node
}

/** Every module that a file names: imports, re-exports, `import()`, and `import("x").Type`. */
export const importsOf = once((source): ReadonlyArray<Import> => {
  const imports: Array<Import> = []
  walk(programOf(source), (node) => {
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportNamedDeclaration":
      case "ExportAllDeclaration":
      case "ImportExpression":
      case "TSImportType": {
        const specifier = literalOf(node["source"]) ?? literalOf(node["argument"])
        if (specifier !== undefined) imports.push({ specifier, node })
        break
      }
      case "TSExternalModuleReference": {
        const specifier = literalOf(node["expression"])
        if (specifier !== undefined) imports.push({ specifier, node })
      }
    }
  })
  return imports
})

/** What a file finds by `import.meta.resolve`, so that it can be run. */
export const resolvedBy = (source: Source): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(programOf(source), (node) => {
    if (node.type !== "CallExpression" || !isNode(node["callee"]) || node["callee"].type !== "MemberExpression") return
    const { object, property } = node["callee"] as Node & { readonly object?: unknown; readonly property?: unknown }
    const [argument] = node["arguments"] as ReadonlyArray<unknown>
    const specifier = literalOf(argument)
    if (isNode(object) && object.type === "MetaProperty" && nameOf(property) === "resolve" && specifier !== undefined) {
      found.push(specifier)
    }
  })
  return found
}

export const nameOf = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === "Identifier") return node["name"] as string
  if (node.type !== "MemberExpression") return undefined
  const object = nameOf(node["object"])
  const property = node["computed"] === true ? literalOf(node["property"]) : nameOf(node["property"])
  if (object === undefined || property === undefined) return undefined
  return object === "globalThis" ? property : `${object}.${property}`
}
