/** Reads the repository as the rules see it. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Manifest, Source } from "./rules.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const skipped = new Set(["node_modules", "dist", "dist-packages", "scratchpad", "coverage"])

const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`
    if (entry.name.startsWith(".") || skipped.has(entry.name)) return []
    return entry.isDirectory() ? filesIn(path) : [path]
  })

const json = (file: string): unknown => JSON.parse(readFileSync(root + file, "utf8"))

export const manifest = (file: string): Manifest => json(file) as Manifest

/** All TypeScript of the repository. */
export const sources: ReadonlyArray<Source> = filesIn("")
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => ({ file, text: readFileSync(root + file, "utf8") }))

/** All pages for people. */
export const pages: ReadonlyArray<Source> = filesIn("")
  .filter((file) => file.endsWith(".md"))
  .map((file) => ({ file, text: readFileSync(root + file, "utf8") }))

/** The packages by folder name, each with its manifest. */
export const packages: ReadonlyMap<string, Manifest> = new Map(
  readdirSync(root + "packages")
    .filter((name) => existsSync(`${root}packages/${name}/package.json`))
    .map((name) => [name, manifest(`packages/${name}/package.json`)])
)

/** The examples by folder name, each with its manifest. */
export const examples: ReadonlyMap<string, Manifest> = new Map(
  readdirSync(root + "examples")
    .filter((name) => existsSync(`${root}examples/${name}/package.json`))
    .map((name) => [name, manifest(`examples/${name}/package.json`)])
)

/** The projects that `tsc -b` builds from the root. */
export const projects: ReadonlyArray<string> =
  (json("tsconfig.json") as { readonly references: ReadonlyArray<{ readonly path: string }> }).references
    .map(({ path }) => path)
