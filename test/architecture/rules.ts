/**
 * The rules of the house as functions from text to violations, so that each can be shown to fail.
 * `Repository.ts` reads the files; `architecture.test.ts` applies the rules to them.
 */
import { posix } from "node:path"
import {
  at,
  importsOf,
  isNode,
  isPackageSource,
  literalOf,
  nameOf,
  type Node,
  placeOf,
  programOf,
  resolvedBy,
  type Source,
  walk
} from "./syntax.ts"

export type { Source }

export interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly type?: string
  readonly license?: string
  readonly exports?: Readonly<Record<string, string | null>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface PackageRule {
  /** Packages of ours that it may import. */
  readonly imports: ReadonlyArray<string>
  /** The only packages of others that it may import; absent: any that its manifest declares. */
  readonly externals?: ReadonlyArray<string>
  /** May import `node:` modules. */
  readonly node?: boolean
  /** Its sources may import the test tools that its manifest has as peers. */
  readonly peers?: boolean
  /** The only modules that users import; absent: every one that is not below `internal`. */
  readonly modules?: ReadonlyArray<string>
  /** What users do not import, beside `internal`: modules, and folders as `name/*`. */
  readonly hidden?: ReadonlyArray<string>
  /** Modules of hidden folders that users import all the same. */
  readonly shown?: ReadonlyArray<string>
  /** Is a host: the one place where the time and chance of the machine come in. */
  readonly host?: boolean
}

/** The dependency tree; a package that is not listed here fails. */
export const tree: Readonly<Record<string, PackageRule>> = {
  core: { imports: [], externals: ["effect"] },
  engine: { imports: ["core"] },
  contracts: { imports: ["core", "engine"] },
  api: { imports: ["core"], externals: ["effect"] },
  agent: { imports: ["core", "engine", "contracts"] },
  operations: { imports: ["core", "engine", "contracts"] },
  server: { imports: ["agent", "api", "core", "engine", "contracts", "operations"] },
  "agent-node": { imports: ["core", "engine", "agent"], node: true },
  testing: {
    imports: ["core", "engine"],
    peers: true,
    hidden: ["backend/*", "host/*", "simulator/*", "workflow/*"],
    shown: ["backend/Fixtures", "workflow/Harness"]
  },
  "host-node": { imports: ["core", "engine"], node: true, host: true },
  cli: {
    imports: ["api", "core", "engine", "contracts", "agent", "host-node", "operations", "server"],
    node: true,
    modules: ["Config"]
  }
}

const scope = "@fermata/"

const packageOf = (specifier: string): string =>
  specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")

const fermataOf = (specifier: string): string | undefined =>
  specifier.startsWith(scope) ? packageOf(specifier).slice(scope.length) : undefined

// ---------------------------------------------------------------------------
// Rules on sources

/** Imports point along the tree, and packages of others are declared. */
export const direction = (source: Source, manifest: Manifest): ReadonlyArray<string> => {
  const { area, owner, part } = placeOf(source.file)
  if (area !== "packages" || owner === undefined) return []
  const rule = tree[owner]
  if (rule === undefined) return [`${source.file}: package "${owner}" is not in the dependency tree`]
  const declared = {
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...(rule.peers === true ? manifest.peerDependencies : {})
  }
  return importsOf(source).flatMap(({ node, specifier }) => {
    if (specifier.startsWith(".")) return []
    const fermata = fermataOf(specifier)
    if (fermata !== undefined) {
      if (fermata === owner) {
        return part === "src" ? [at(source, node, `imports its own package by name: ${specifier}`)] : []
      }
      // Every package but core, which has no runs, is tested with what tests programs.
      const isTest = part === "test" && fermata === "testing" && owner !== "core"
      return isTest || rule.imports.includes(fermata) ? [] : [at(source, node, `${owner} must not import ${specifier}`)]
    }
    if (part !== "src") return []
    if (specifier.startsWith("node:")) {
      return rule.node === true ? [] : [at(source, node, `${owner} must not import ${specifier}`)]
    }
    const external = packageOf(specifier)
    if (rule.externals !== undefined && !rule.externals.includes(external)) {
      return [at(source, node, `${owner} must not import ${specifier}`)]
    }
    return external in declared ? [] : [at(source, node, `${external} is not declared by ${owner}`)]
  })
}

/** Nobody reaches into another package: neither by path nor below `internal`. */
export const publicOnly = (source: Source): ReadonlyArray<string> => {
  const { home, owner } = placeOf(source.file)
  return importsOf(source).flatMap(({ node, specifier }) => {
    if (specifier.startsWith(".")) {
      const target = posix.join(posix.dirname(source.file), specifier)
      const away = home === "" ? /^(packages|examples)\//.test(target) : !target.startsWith(home)
      return away ? [at(source, node, `reaches into another package by path: ${specifier}`)] : []
    }
    const fermata = fermataOf(specifier)
    return fermata !== undefined && fermata !== owner && /\/(internal|src|dist)(\/|$)/.test(specifier)
      ? [at(source, node, `imports what is internal to ${fermata}: ${specifier}`)]
      : []
  })
}

/** Files of packages that import each other in a circle, types included: each circle once, as the files on it. */
export const circles = (sources: ReadonlyArray<Source>): ReadonlyArray<string> => {
  const imports = new Map(
    sources.filter(({ file }) => isPackageSource(file)).map((source) => [
      source.file,
      importsOf(source).flatMap(({ specifier }) =>
        specifier.startsWith(".") ? [posix.join(posix.dirname(source.file), specifier)] : []
      )
    ])
  )
  const done = new Set<string>()
  const found: Array<string> = []
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    const start = path.indexOf(file)
    if (start >= 0) return void found.push(`in a circle: ${[...path.slice(start), file].join(" → ")}`)
    if (done.has(file)) return
    for (const next of imports.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
  return found
}

/** What makes up a run in memory. */
const insideOfRun =
  /\/(RunExecutor|RunLoop|RunParts|RunCore|Acts|Alarms|Batch|Bodies|ChildRequests|Endings|EventRequests|Flush|Inbox|MainFiber|Pass|Port|QuestionRequests|Replayer|StepCourse|Stops|StepRequests|Waits|Writing)\.ts$/
/** What bodies call, or are given. */
const callers =
  /^packages\/engine\/src\/([A-Za-z]+|internal\/(ActivityStep|BodyServices|CallerPlace|EncodedEngine|RecordedValues|StepCall|OwnAnswers|StepWaits|process\/Patience|run\/(Ask|Happening|Ledger|RunHost|RunPort|Standing)))\.ts$/

/** A body, a step and a clock know their run as `RunPort`, so that nothing of theirs depends on how it is made. */
export const port = (source: Source): ReadonlyArray<string> =>
  callers.test(source.file)
    ? importsOf(source).flatMap(({ node, specifier }) =>
      insideOfRun.test(specifier)
        ? [at(source, node, `knows how a run is made: ${specifier}; RunPort says what may be called`)]
        : []
    )
    : []

/** What decides and does nothing: tables that are tested without an engine. */
const decides =
  /^packages\/(core\/src\/(AfterCrash|ApprovalRule|EntryRole)|engine\/src\/internal\/run\/(Answer|Decide|InboxRules|Ledger|Standing))\.ts$/

/** What decides knows no effect, no store and no run that is going on. */
export const deciding = (source: Source): ReadonlyArray<string> =>
  decides.test(source.file)
    ? importsOf(source).flatMap(({ node, specifier }) =>
      /^effect\b|\/(Store|\w*Backend|EngineRuntime|RunHost|RunPort)\.ts$/.test(specifier) ||
        (insideOfRun.test(specifier) && !specifier.endsWith("/Pass.ts"))
        ? [at(source, node, `decides, and must not know ${specifier}`)]
        : []
    )
    : []

/** The indexes of Effect; a module of a package is imported by its own path. */
const barrel = /^(effect(\/[a-z][a-z-]*)?|@effect\/[a-z-]+)$/

/** Sources of packages import concrete Effect modules (`effect/Effect`), never an index. */
export const concreteModules = (source: Source): ReadonlyArray<string> =>
  isPackageSource(source.file)
    ? importsOf(source).flatMap(({ node, specifier }) =>
      barrel.test(specifier) && specifier !== "@effect/vitest"
        ? [at(source, node, `imports the index ${specifier} instead of a module of it`)]
        : []
    )
    : []

const forbiddenMembers = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "crypto.randomUUID",
  "crypto.getRandomValues"
])
const forbiddenNames = new Set(["setTimeout", "setInterval"])

/** Time and chance come from Effect's services, except in hosts. */
export const timeAndChance = (source: Source): ReadonlyArray<string> => {
  if (!isPackageSource(source.file) || tree[placeOf(source.file).owner ?? ""]?.host === true) return []
  const violations: Array<string> = []
  walk(programOf(source), (node, parent, key) => {
    const report = (name: string) => violations.push(at(source, node, `uses ${name}`))
    switch (node.type) {
      case "NewExpression":
        if (nameOf(node["callee"]) === "Date") report("new Date")
        break
      case "CallExpression":
        if (nameOf(node["callee"]) === "Date") report("Date()")
        break
      case "MemberExpression": {
        const name = nameOf(node)
        if (name !== undefined && (forbiddenMembers.has(name) || forbiddenNames.has(name))) report(name)
        break
      }
      case "Identifier": {
        const name = node["name"] as string
        const isOwnName = key === "key" || (parent?.type === "MemberExpression" && key === "property")
        if (forbiddenNames.has(name) && !isOwnName) report(name)
      }
    }
  })
  return violations
}

/**
 * Values become text in one module of core, which says what cannot be stored, in all that stores: core, the engine
 * and hosts. `testing` plays the parts of others, and looks at stores in its own words.
 */
export const storedText = (source: Source): ReadonlyArray<string> => {
  const { owner, part } = placeOf(source.file)
  const stores = owner === "core" || owner === "engine" || owner?.startsWith("host-") === true
  const isFree = source.file === storedTextModule
  if (!source.file.startsWith("packages/") || part !== "src" || !stores || isFree) return []
  const violations: Array<string> = []
  walk(programOf(source), (node) => {
    const named = node.type === "MemberExpression" ? nameOf(node) : undefined
    const taken = node.type === "VariableDeclarator" && isNode(node["init"]) ? nameOf(node["init"]) : undefined
    if (named === "JSON.stringify") {
      violations.push(at(source, node, "uses JSON.stringify: values become text by StoredJson of core"))
    }
    if (taken === "JSON") {
      violations.push(at(source, node, "takes JSON apart: values become text by StoredJson of core"))
    }
  })
  return violations
}
const storedTextModule = "packages/core/src/StoredJson.ts"

/** A note is a word to people: whoever looks for one shows or counts it. What is decided by is an entry of its own. */
export const notes = (source: Source): ReadonlyArray<string> => {
  if (!isPackageSource(source.file) || readsNotes.has(source.file)) return []
  const violations: Array<string> = []
  const look = (node: unknown) => {
    if (isNode(node) && literalOf(node) === "Note") {
      violations.push(at(source, node, "looks for notes: what decides something is an entry of its own"))
    }
  }
  walk(programOf(source), (node) => {
    if (node.type === "SwitchCase") look(node["test"])
    if (node.type === "BinaryExpression") { for (const side of ["left", "right"]) look(node[side]) }
  })
  return violations
}
const readsNotes: ReadonlySet<string> = new Set([
  "packages/core/src/internal/RunFold.ts",
  // Those of format 1, some of which decided something.
  "packages/core/src/Upcast.ts",
  // So that a replay does not write again what its body notes.
  "packages/engine/src/internal/run/Replayer.ts",
  // As what says nothing of what the run did.
  "packages/core/src/RunDiff.ts",
  "packages/cli/src/Watch.ts",
  // Tokens that models have used.
  "packages/cli/src/Outcomes.ts",
  "packages/core/src/RunTrace.ts",
  "packages/engine/src/EngineMetrics.ts"
])

/**
 * Commands that people are to type are made in one module, which a test runs each of: nothing else takes what makes
 * them, and no text holds one, but for the examples of `--help` and the scripts of completion, which has a test of its
 * own.
 */
export const printedCommands = (source: Source): ReadonlyArray<string> => {
  const { owner, part } = placeOf(source.file)
  const isTold = owner === "cli" || owner === "engine" || owner?.startsWith("host-") === true
  if (!source.file.startsWith("packages/") || part !== "src" || !isTold || source.file === printedCommandsModule) {
    return []
  }
  const violations: Array<string> = []
  const texts = (node: Node, text: unknown) => {
    if (typeof text === "string" && /\b(fermata|npx|npm|pnpm|yarn|bunx) +[a-z<-]/.test(text)) {
      violations.push(at(source, node, `holds a command: all are made by ${printedCommandsModule}`))
    }
  }
  const isFree = source.file === "packages/cli/src/Invocation.ts" ||
    source.file === "packages/cli/src/CompletionScripts.ts"
  walk(programOf(source), (node, parent, key) => {
    if (node.type === "ImportDeclaration" && literalOf(node["source"])?.endsWith("/Invocation.ts") === true) {
      const names = (node["specifiers"] as ReadonlyArray<Node>).map((specifier) => nameOf(specifier["imported"]))
      // An import of all of it has no name.
      if (names.some((name) => name === undefined || name === "fermata")) {
        violations.push(at(source, node, `takes what makes commands: all are made by ${printedCommandsModule}`))
      }
    }
    const isExample = parent?.type === "Property" && key === "value" && nameOf(parent["key"]) === "command"
    if (isExample || isFree) return
    if (node.type === "Literal") texts(node, node["value"])
    if (node.type === "TemplateElement") texts(node, (node["value"] as { readonly cooked?: unknown }).cooked)
  })
  return violations
}
const printedCommandsModule = "packages/cli/src/Commands.ts"

/** Tests that ask git, which ends by itself. */
const asking = /^test\/architecture\//

/**
 * A test that starts processes, itself or by a module of tests that it imports, is an end-to-end test, so that
 * `npm test` is quick and depends on no machine. What a module imports only when it is the program is not counted.
 */
export const processes = (sources: ReadonlyArray<Source>): ReadonlyArray<string> => {
  const files = new Map(sources.filter(({ file }) => !isPackageSource(file)).map((source) => [source.file, source]))
  const starts = (source: Source, seen: Set<string>): string | undefined => {
    if (seen.has(source.file)) return undefined
    seen.add(source.file)
    const isTest = source.file.endsWith(".test.ts")
    for (const { node, specifier } of importsOf(source)) {
      if (node.type === "ImportExpression" && !isTest) continue
      if (/^(node:)?(child_process|cluster)$/.test(specifier)) return at(source, node, "starts processes")
      const next = specifier.startsWith(".")
        ? files.get(posix.join(posix.dirname(source.file), specifier))
        : undefined
      const found = next === undefined ? undefined : starts(next, seen)
      if (found !== undefined) return found
    }
    return undefined
  }
  return [...files.values()].flatMap((source) => {
    const isQuick = source.file.endsWith(".test.ts") && !source.file.endsWith(".e2e.test.ts") &&
      !source.file.startsWith("test/e2e/")
    const found = isQuick && !asking.test(source.file) ? starts(source, new Set()) : undefined
    return found === undefined ? [] : [`${found}, so the name of ${source.file} must end in .e2e.test.ts`]
  })
}

const kindWords = /^(utils?|helpers?|types|common|misc|managers?|services|layers|errors)$/i

/** Folders and files are named by domain, never by kind. */
export const names = (source: Source): ReadonlyArray<string> => {
  const segments = source.file.split("/")
  return segments.flatMap((segment, index) => {
    const isFile = index === segments.length - 1
    const word = isFile ? segment.replace(/\.[a-z.]+$/, "") : segment
    return kindWords.test(word) ? [`${source.file}: "${segment}" names a kind, not a domain`] : []
  })
}

/** What a package knows nothing of, by its letters in code and comments: it comes in through a seam. */
const unknownTo: Readonly<Record<string, RegExp>> = { engine: /contract/i }

/** No line of a package names what the package must know nothing of. */
export const ignorance = ({ file, text }: Source): ReadonlyArray<string> => {
  const { area, owner = "", part } = placeOf(file)
  const unknown = area === "packages" && part === "src" ? unknownTo[owner] : undefined
  if (unknown === undefined) return []
  return text.split("\n").flatMap((line, index) =>
    unknown.test(line) ? [`${file}:${index + 1}: ${owner} knows nothing of ${unknown.source}s`] : []
  )
}

/** An index only re-exports modules as namespaces. */
export const barrels = (source: Source): ReadonlyArray<string> => {
  if (!isPackageSource(source.file) || posix.basename(source.file) !== "index.ts") return []
  const body = programOf(source)["body"] as ReadonlyArray<Node>
  return body.flatMap((statement) => {
    const specifier = literalOf(statement["source"])
    const isNamespace = statement.type === "ExportAllDeclaration" && nameOf(statement["exported"]) !== undefined
    return isNamespace && specifier !== undefined && specifier.startsWith("./")
      ? []
      : [at(source, statement, "an index holds only `export * as Name from \"./Name.ts\"`")]
  })
}

// ---------------------------------------------------------------------------
// Rules on manifests

/** A manifest depends along the tree, on exact versions; packages share the version of the root. */
export const manifestOf = (owner: string, manifest: Manifest, version: string): ReadonlyArray<string> => {
  const file = `packages/${owner}/package.json`
  const rule = tree[owner]
  if (rule === undefined) return [`${file}: package "${owner}" is not in the dependency tree`]
  const violations: Array<string> = []
  const expect = (holds: boolean, message: string) => {
    if (!holds) violations.push(`${file}: ${message}`)
  }
  expect(manifest.name === scope + owner, `the name must be ${scope}${owner}`)
  expect(manifest.version === version, `the version must be ${version}, the version of all packages`)
  expect(manifest.license === "MIT", "the licence must be MIT")
  expect(manifest.type === "module", "the type must be module")
  for (const [dependency, range] of Object.entries(installedBy(manifest))) {
    const fermata = fermataOf(dependency)
    expect(/^\d+\.\d+\.\d+$/.test(range), `${dependency} must be pinned to an exact version, not ${range}`)
    if (fermata !== undefined) {
      expect(rule.imports.includes(fermata), `${owner} must not depend on ${dependency}`)
      expect(range === version, `${dependency} must be ${version}`)
    } else {
      expect(rule.externals?.includes(dependency) ?? true, `${owner} must not depend on ${dependency}`)
    }
  }
  return violations
}

/** What users get with a package. */
const installedBy = (manifest: Manifest): Readonly<Record<string, string>> => ({
  ...manifest.dependencies,
  ...manifest.optionalDependencies,
  ...manifest.peerDependencies
})

/** The packages that sources import by name, of which Node itself is none. */
const importedBy = (sources: ReadonlyArray<Source>): Set<string> =>
  new Set(
    sources.flatMap((source) => [...importsOf(source).map(({ specifier }) => specifier), ...resolvedBy(source)])
      .filter((specifier) => !specifier.startsWith(".") && !specifier.startsWith("node:")).map(packageOf)
  )

/** A package declares only what its sources import, since its users install all of it. */
export const unusedDependencies = (
  owner: string,
  manifest: Manifest,
  sources: ReadonlyArray<Source>
): ReadonlyArray<string> => {
  const imported = importedBy(sources.filter(({ file }) => file.startsWith(`packages/${owner}/src/`)))
  // `@effect/vitest` has vitest as its own peer, so whoever brings the one brings the other.
  if (imported.has("@effect/vitest")) imported.add("vitest")
  return Object.keys(installedBy(manifest)).filter((name) => !imported.has(name))
    .map((name) => `packages/${owner}/package.json: ${name} is declared, and nothing in src imports it`)
}

/**
 * An example declares what it imports, as a project of its own would, and nothing else. Its tests may also use the
 * tools that the root declares.
 */
export const exampleDependencies = (
  name: string,
  manifest: Manifest,
  tools: ReadonlyArray<string>,
  sources: ReadonlyArray<Source>
): ReadonlyArray<string> => {
  const own = sources.filter(({ file }) => file.startsWith(`examples/${name}/`))
  const isTest = ({ file }: Source) => file.startsWith(`examples/${name}/test/`)
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  const file = `examples/${name}/package.json`
  const everywhere = importedBy(own)
  const inProgram = importedBy(own.filter((source) => !isTest(source)))
  return [
    ...declared.filter((dependency) => !everywhere.has(dependency))
      .map((dependency) => `${file}: ${dependency} is declared, and nothing imports it`),
    ...[...everywhere].filter((dependency) => !declared.includes(dependency))
      .filter((dependency) => inProgram.has(dependency) || !tools.includes(dependency))
      .map((dependency) => `${file}: ${dependency} is imported, and not declared`)
  ]
}

/** The root declares what its own files import or its scripts run, and nothing else. `run` are the ones that are run. */
export const rootDependencies = (
  manifest: Manifest,
  run: ReadonlyArray<string>,
  sources: ReadonlyArray<Source>
): ReadonlyArray<string> => {
  const imported = importedBy(sources)
  return Object.keys(manifest.devDependencies ?? {}).filter((name) => !imported.has(name) && !run.includes(name))
    .map((name) => `package.json: ${name} is declared, and nothing imports or runs it`)
}

/** Whether users can import this file of a package, by the export map of its manifest. */
export const isPublic = (file: string, manifest: Manifest): boolean => {
  const [, path] = /^packages\/[^/]+\/src\/(.+)\.ts$/.exec(file) ?? []
  if (path === undefined || file.endsWith(".d.ts")) return false
  return Object.entries(manifest.exports ?? {}).some(([key, target]) => {
    if (target === null || !target.startsWith("./src/")) return false
    if (!key.endsWith("/*")) return target === `./src/${path}.ts`
    const isHidden = ([other, hidden]: readonly [string, string | null]) =>
      hidden === null &&
      (other.endsWith("/*") ? `./${path}`.startsWith(other.slice(0, -1)) : `./${path}` === other)
    return !Object.entries(manifest.exports ?? {}).some(isHidden)
  })
}

/**
 * Users can import what they are meant to use and nothing else: a public module is in the index of its package, or
 * somebody outside of the package imports it, or a page names it.
 */
export const unusedModules = (
  owner: string,
  manifest: Manifest,
  sources: ReadonlyArray<Source>,
  pages: ReadonlyArray<Source>
): ReadonlyArray<string> => {
  const folder = `packages/${owner}/`
  const imported = new Set(
    sources.filter(({ file }) => !file.startsWith(folder)).flatMap(importsOf).map(({ specifier }) => specifier)
  )
  const index = sources.find(({ file }) => file === `${folder}src/index.ts`)
  const listed = new Set(index === undefined ? [] : importsOf(index).map(({ specifier }) => specifier))
  return sources.filter(({ file }) => file !== index?.file && file.startsWith(folder) && isPublic(file, manifest))
    .flatMap(({ file }) => {
      const path = file.slice(`${folder}src/`.length, -".ts".length)
      const specifier = `${scope}${owner}/${path}`
      const isNamed = pages.some((page) =>
        page.text.includes(`"${specifier}"`) || (page.file.startsWith(folder) && page.text.includes(`\`${path}\``))
      )
      return listed.has(`./${path}.ts`) || imported.has(specifier) || isNamed
        ? []
        : [`${file}: users can import it, and nobody does or tells them to`]
    })
}

/** Files that a public module shows as its own, by `export * from`. */
export const shownFiles = (
  sources: ReadonlyArray<Source>,
  manifestFor: (file: string) => Manifest
): ReadonlySet<string> =>
  new Set(
    sources.filter(({ file }) => isPublic(file, manifestFor(file))).flatMap((source) =>
      (programOf(source)["body"] as ReadonlyArray<Node>).flatMap((statement) => {
        const isAll = statement.type === "ExportAllDeclaration" && nameOf(statement["exported"]) === undefined
        const specifier = literalOf(statement["source"])
        return isAll && specifier?.startsWith(".") === true
          ? [posix.join(posix.dirname(source.file), specifier)]
          : []
      })
    )
  )

/** What users can import says in a sentence what it is. A type and a value of one name are one thing. */
export const docstrings = (
  source: Source,
  manifest: Manifest,
  shown: ReadonlySet<string> = new Set()
): ReadonlyArray<string> => {
  if (!isPublic(source.file, manifest) && !shown.has(source.file)) return []
  const body = programOf(source)["body"] as ReadonlyArray<Node>
  const told = new Set<string>()
  const untold = new Map<string, Node>()
  for (const statement of body) {
    const declaration = statement["declaration"]
    if (statement.type !== "ExportNamedDeclaration" || !isNode(declaration)) continue
    const [variable] = (declaration["declarations"] ?? []) as ReadonlyArray<Node>
    const name = nameOf(declaration["id"]) ?? nameOf(variable?.["id"]) ?? ""
    const [, text] = /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*$/.exec(source.text.slice(0, statement.start)) ?? []
    const words = text?.replaceAll(/[\s*]+/g, " ").trim().split(" ") ?? []
    if (words.length >= 2) told.add(name)
    else if (!untold.has(name)) untold.set(name, statement)
  }
  return [...untold].filter(([name]) => !told.has(name)).map(([name, node]) =>
    at(source, node, `${name} is public and has no docstring`)
  )
}

/**
 * The export map names one file per module by pattern and hides `internal`; files are not listed by hand, but in a
 * package that users call and of which they import hardly anything.
 */
export const exportMap = (owner: string, manifest: Manifest): ReadonlyArray<string> => {
  const { hidden = [], modules, shown = [] } = tree[owner] ?? {}
  const expected: Record<string, string | null> = {
    ".": "./src/index.ts",
    ...(modules === undefined
      ? {
        "./*": "./src/*.ts",
        "./internal/*": null,
        ...Object.fromEntries(hidden.map((path) => [`./${path}`, null])),
        ...Object.fromEntries(shown.map((path) => [`./${path}`, `./src/${path}.ts`]))
      }
      : Object.fromEntries(modules.map((name) => [`./${name}`, `./src/${name}.ts`]))),
    "./package.json": "./package.json"
  }
  const found = manifest.exports ?? {}
  return [...new Set([...Object.keys(expected), ...Object.keys(found)])]
    .filter((key) => expected[key] !== found[key])
    .map((key) =>
      `packages/${owner}/package.json: exports["${key}"] is ${JSON.stringify(found[key])}, expected ${
        JSON.stringify(expected[key])
      }`
    )
}
