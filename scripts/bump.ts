/**
 * Turns the changesets into a version: `npm run bump`. Every package gets the version that the changesets lead to, and
 * CHANGELOG.md, which all packages share, a section for it. A version that has no section yet has not been released:
 * then it is that one that is released, and no number moves. `--root DIR` (default: this repository).
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: { root: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) } }
})
const root = resolve(values.root)
const changelog = join(root, "CHANGELOG.md")

/** The sections of a version, as Keep a Changelog names and orders them. */
const kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]

interface Change {
  readonly file: string
  readonly kind: string
  readonly text: string
}

/** A changeset says in its first word what kind of change it is. */
const changeOf = (file: string): Change => {
  const text = readFileSync(file, "utf8").replace(/^---\n[^]*?\n---\n/, "").trim()
  const [, kind = "", rest = ""] = /^(\w+):\s+([^]+)$/.exec(text) ?? []
  if (!kinds.includes(kind)) {
    throw new Error(`${file}: begins with "${text.slice(0, 30)}", wanted is one of ${kinds.join(", ")}, then a colon`)
  }
  return { file, kind, text: rest.replaceAll("\n", "\n  ") }
}

/** The entries of a section by kind, each with what is indented under it. */
const entriesOf = (section: string): ReadonlyMap<string, string> =>
  new Map(
    section.split(/^### /m).slice(1).map((part) => {
      const end = part.indexOf("\n")
      return [part.slice(0, end).trim(), part.slice(end + 1).trim()] as const
    })
  )

/** The changelog with what was unreleased and these changes as the section of this version. */
const withSection = (text: string, version: string, date: string, changes: ReadonlyArray<Change>): string => {
  const [, head, unreleased, tail] = /^([^]*?\n## \[Unreleased\]\n)([^]*?)(\n## \[[^]*)?$/.exec(text) ?? []
  if (head === undefined || unreleased === undefined) throw new Error("CHANGELOG.md has no section [Unreleased]")
  const known = entriesOf(unreleased)
  const sections = kinds.flatMap((kind) => {
    const entries = [
      ...(known.has(kind) ? [known.get(kind)!] : []),
      ...changes.filter((change) => change.kind === kind).map(({ text }) => `- ${text}`)
    ]
    return entries.length === 0 ? [] : [`### ${kind}\n\n${entries.join("\n")}\n`]
  })
  if (sections.length === 0) throw new Error("nothing has changed: there is no changeset, and [Unreleased] is empty")
  return `${head}\n## [${version}] - ${date}\n\n${sections.join("\n")}${tail ?? ""}`
}

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`)
}

const versionIn = (file: string): string =>
  (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version

/** The sources of all packages, some of which say their version. */
const sources = (packages: string): ReadonlyArray<string> =>
  readdirSync(packages).flatMap((name) => {
    const folder = join(packages, name, "src")
    if (!existsSync(folder)) return []
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts")).map((file) => join(folder, file))
  })

const bump = (): void => {
  const before = readFileSync(changelog, "utf8")
  const changes = readdirSync(join(root, ".changeset"))
    .filter((name) => name.endsWith(".md") && name !== "README.md").sort()
    .map((name) => changeOf(join(root, ".changeset", name)))
  const manifest = join(root, "package.json")
  const current = versionIn(manifest)
  const date = new Date().toISOString().slice(0, 10)
  if (!before.includes(`\n## [${current}]`)) {
    writeFileSync(changelog, withSection(before, current, date, changes))
    for (const { file } of changes) rmSync(file)
    return console.log(`${current} is to be released: its section is in CHANGELOG.md`)
  }
  if (changes.length === 0) throw new Error("there is no changeset; `npx changeset` writes one")
  withSection(before, current, date, changes) // refuses before anything is written
  run(process.execPath, createRequire(import.meta.url).resolve("@changesets/cli/bin.js"), "version")
  const released = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name, "package.json")).find(existsSync)
  const version = versionIn(released!)
  writeFileSync(changelog, withSection(before, version, date, changes))
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace(`"version": "${current}"`, `"version": "${version}"`))
  for (const file of sources(join(root, "packages"))) {
    const text = readFileSync(file, "utf8")
    const bumped = text.replaceAll(
      new RegExp(`\\bversion(:| =) "${RegExp.escape(current)}"`, "g"),
      `version$1 "${version}"`
    )
    if (bumped !== text) writeFileSync(file, bumped)
  }
  run("npm", "install", "--package-lock-only", "--ignore-scripts", "--offline")
  console.log(`${current} → ${version}: look at CHANGELOG.md, and commit`)
}

try {
  bump()
} catch (error) {
  console.error(`Nothing bumped: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
}
