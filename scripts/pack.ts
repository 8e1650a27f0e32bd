/**
 * Packs every package as it is published: compiled, since Node strips no types under `node_modules`,
 * with a manifest that points at `dist`. A package with a command also gets its `Main` as a bundle, from which
 * the command starts where it loads no code of the user. Usage: `npm run pack -- [--out DIR]`, default `dist-packages`.
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { bundle, bundleCommand } from "./bundle.ts"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | null>>
  readonly bin?: Readonly<Record<string, string>>
  readonly sideEffects?: boolean | ReadonlyArray<string>
  readonly dependencies?: Readonly<Record<string, string>>
}

const root = fileURLToPath(new URL("..", import.meta.url))
const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "dist-packages") } } })
const out = resolve(values.out)

const read = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest

const folders = readdirSync(join(root, "packages"))
  .map((name) => join(root, "packages", name))
  .filter((folder) => existsSync(join(folder, "package.json")))

const versions = new Map(folders.map((folder) => {
  const { name, version } = read(join(folder, "package.json"))
  return [name, version] as const
}))

const compiled = (path: string): string => path.replace(/^\.\/src\//, "./dist/").replace(/\.ts$/, ".js")

const mapValues = <A, B>(record: Readonly<Record<string, A>>, map: (value: A, key: string) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]))

/**
 * What a path of the export map becomes. There is one build, of ES modules: Node loads it for `import` and for
 * `require` alike, so a program never holds two copies of a module, and effect is published so too.
 */
const exported = (path: string | null) =>
  path === null || !path.endsWith(".ts")
    ? path
    : { types: compiled(path).replace(/\.js$/, ".d.ts"), default: compiled(path) }

/** Where a package comes from, which its provenance must say too; known where GitHub builds it. */
const repositoryOf = (folder: string) => {
  const repository = process.env["GITHUB_REPOSITORY"]
  if (repository === undefined) return {}
  const url = `git+https://github.com/${repository}.git`
  return { repository: { type: "git", url, directory: relative(root, folder) } }
}

const published = (manifest: Manifest, folder: string) => ({
  ...manifest,
  exports: mapValues(manifest.exports, exported),
  ...(manifest.bin === undefined ? {} : { bin: mapValues(manifest.bin, compiled) }),
  ...repositoryOf(folder),
  ...(Array.isArray(manifest.sideEffects) ? { sideEffects: manifest.sideEffects.map(compiled) } : {}),
  files: ["dist", "src", "templates", "!dist/.tsbuildinfo", "README.md", "LICENSE"],
  engines: { node: ">=24" },
  dependencies: mapValues(
    Object.fromEntries(Object.entries(manifest.dependencies ?? {}).filter(([name]) => !carried.includes(name))),
    (range, name) => versions.get(name) ?? range
  ),
  ...optional(join(folder, "dist"))
})

/** The compiler rewrites `.ts` in imports; this does it where a module is named by URL (a worker's file). */
const rewriteUrls = (dist: string): void => {
  for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".js")) continue
    const file = join(dist, name)
    const text = readFileSync(file, "utf8")
    const rewritten = text.replace(/(new URL\(|import\.meta\.resolve\()"(\.[^"]+)\.ts"/g, "$1\"$2.js\"")
    if (rewritten !== text) writeFileSync(file, rewritten)
  }
}

/**
 * Packages of others of which each of ours carries the parts that it imports: they bring more than ninety packages, of
 * which nothing here uses more than a few files. Whoever has them finds their types.
 */
const carried = ["@modelcontextprotocol/sdk", "@effect/platform-node"]

/** Where the types that ours are made of come from a carried package, it is wanted by whoever uses them, and by nobody else. */
const optional = (dist: string) => {
  const types = readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".d.ts"))
    .map((file) => readFileSync(join(dist, file), "utf8"))
  const wanted = carried.filter((name) => types.some((text) => text.includes(`"${name}/`)))
  return wanted.length === 0 ? {} : {
    peerDependencies: Object.fromEntries(wanted.map((name) => [name, `^${installed(name)}`])),
    peerDependenciesMeta: Object.fromEntries(wanted.map((name) => [name, { optional: true }]))
  }
}

const installed = (name: string): string => read(join(root, "node_modules", name, "package.json")).version

const carriedIn = (name: string) => new RegExp(`(\\bfrom |\\bimport\\()"(${name}/[^"]+)"`, "g")

/** Has types that are made of those of a carried package be such as anything fits where that is not installed. */
const ease = (name: string, dist: string): void => {
  for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue
    const text = readFileSync(join(dist, file), "utf8")
    const eased = text.split("\n").map((line) => line.includes(`"${name}/`) ? `// @ts-ignore\n${line}` : line).join(
      "\n"
    )
    if (eased !== text) writeFileSync(join(dist, file), eased)
  }
}

/** Puts what the modules of a package import of a carried one beside them, and has them import that. */
const carry = async (name: string, dist: string): Promise<void> => {
  ease(name, dist)
  const modules = readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js") && !file.startsWith("bundle"))
    .map((file) => ({ file: join(dist, file), text: readFileSync(join(dist, file), "utf8") }))
    .filter(({ text }) => text.includes(`"${name}/`))
  const specifiers = new Set(modules.flatMap(({ text }) => [...text.matchAll(carriedIn(name))].map(([, , of]) => of!)))
  if (specifiers.size === 0) return
  const folder = join(dist, "internal", "carried", name.replace("@", ""))
  const entryOf = (specifier: string): string =>
    specifier.slice(name.length + 1).replace(/\.js$/, "").replaceAll("/", "-")
  // Of effect there is one copy, which is the user's.
  await bundle(Object.fromEntries([...specifiers].map((specifier) => [entryOf(specifier), specifier])), folder, {
    external: [/^effect($|\/)/]
  })
  for (const { file, text } of modules) {
    const near = relative(dirname(file), folder)
    const path = near.startsWith(".") ? near : `./${near}`
    writeFileSync(
      file,
      text.replace(carriedIn(name), (_, before: string, of: string) => `${before}"${path}/${entryOf(of)}.js"`)
    )
  }
}

/** Lays a package out as it is published, in a folder of its own. */
const stage = async (folder: string, staging: string): Promise<string> => {
  const manifest = read(join(folder, "package.json"))
  const target = join(staging, manifest.name.replace("@", "").replace("/", "-"))
  mkdirSync(target)
  cpSync(join(folder, "src"), join(target, "src"), { recursive: true })
  cpSync(join(folder, "dist"), join(target, "dist"), { recursive: true })
  cpSync(join(folder, "src"), join(target, "dist"), { recursive: true, filter: (path) => !/\.tsx?$/.test(path) })
  if (existsSync(join(folder, "templates"))) {
    cpSync(join(folder, "templates"), join(target, "templates"), { recursive: true })
  }
  rewriteUrls(join(target, "dist"))
  if (manifest.bin !== undefined) await bundleCommand(folder, join(target, "dist", "bundle"))
  for (const name of carried) await carry(name, join(target, "dist"))
  for (const file of ["README.md", "CONTRACT.md", "LICENSE"]) {
    const source = [join(folder, file), join(root, file)].find(existsSync)
    if (source !== undefined) cpSync(source, join(target, file))
  }
  writeFileSync(join(target, "package.json"), JSON.stringify(published(manifest, folder), null, 2) + "\n")
  return target
}

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${args[0] ?? command} ended with ${status}`)
}

const staging = mkdtempSync(join(tmpdir(), "fermata-pack-"))
try {
  for (const folder of folders) rmSync(join(folder, "dist"), { recursive: true, force: true })
  run(process.execPath, "node_modules/typescript/bin/tsc", "-b", ...folders)
  mkdirSync(out, { recursive: true })
  for (const name of readdirSync(out)) if (/^fermata-.*\.tgz$/.test(name)) rmSync(join(out, name))
  const targets: Array<string> = []
  for (const folder of folders) targets.push(await stage(folder, staging))
  run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", out, ...targets)
} catch (error) {
  console.error(`Not packed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  rmSync(staging, { recursive: true, force: true })
}
