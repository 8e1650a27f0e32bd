/**
 * Publishes the version that all packages share, where CHANGELOG.md has a section for it and the registry does not
 * have it, and tags it. A release that broke off goes on with what is missing. Nothing else is a release: then it says
 * why, and ends with 0.
 *
 * Usage: `node scripts/release.ts --tarballs DIR [-- OPTIONS OF NPM PUBLISH]`, or with `--dry-run` to see what it
 * would do. `--registry URL` (default: npm's), `--root DIR` (default: this repository). Under GitHub Actions it hands
 * `release` (true or false) and `version` to the steps that follow.
 */
import { spawnSync } from "node:child_process"
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
}

const { positionals: npmOptions, values } = parseArgs({
  allowPositionals: true,
  options: {
    "dry-run": { type: "boolean", default: false },
    registry: { type: "string", default: "https://registry.npmjs.org" },
    root: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) },
    tarballs: { type: "string" }
  }
})
const root = resolve(values.root)
const registry = values.registry.replace(/\/$/, "")

const read = (file: string): Manifest => JSON.parse(readFileSync(file, "utf8")) as Manifest

/** What is published, each package behind those that it depends on. */
const inOrder = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<Manifest> => {
  const placed = new Set<Manifest>()
  const place = (manifest: Manifest): void => {
    for (const other of manifests) if (other.name in (manifest.dependencies ?? {})) place(other)
    placed.add(manifest)
  }
  manifests.forEach(place)
  return [...placed]
}

/** Whether the registry has this version; it knows nothing of a package that was never published. */
const isPublished = async ({ name, version }: Manifest): Promise<boolean> => {
  const url = `${registry}/${name.replace("/", "%2f")}`
  const response = await fetch(url, { headers: { accept: "application/vnd.npm.install-v1+json" } }).catch((error) => {
    throw new Error(`${url} does not answer: ${error instanceof Error ? String(error.cause ?? error) : String(error)}`)
  })
  if (response.status === 404) return false
  if (!response.ok) throw new Error(`${url} answered ${response.status}, neither 200 nor 404`)
  const { versions } = (await response.json()) as { readonly versions?: object }
  if (versions === undefined) throw new Error(`${url} answered without "versions"`)
  return version in versions
}

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`)
}

/** Whether the remote repository has the tag. */
const isTagged = (tag: string): boolean => {
  const { status, stderr } = spawnSync("git", ["ls-remote", "--exit-code", "--tags", "origin", `refs/tags/${tag}`], {
    cwd: root,
    encoding: "utf8"
  })
  if (status !== 0 && status !== 2) throw new Error(`git cannot ask origin for its tags: ${stderr.trim()}`)
  return status === 0
}

const release = async (): Promise<void> => {
  const { version } = read(join(root, "package.json"))
  const manifests = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name, "package.json"))
    .filter(existsSync).map(read).filter((manifest) => manifest.private !== true)
  const other = manifests.find((manifest) => manifest.version !== version)
  if (other !== undefined) throw new Error(`${other.name} has version ${other.version}, the root has ${version}`)

  const say = (isRelease: boolean, reason: string): void => {
    console.log(reason)
    const output = process.env["GITHUB_OUTPUT"]
    if (output !== undefined) appendFileSync(output, `release=${isRelease}\nversion=${version}\n`)
  }

  if (!readFileSync(join(root, "CHANGELOG.md"), "utf8").includes(`\n## [${version}]`)) {
    return say(false, `Nothing to release: CHANGELOG.md has no section for ${version} yet; \`npm run bump\` makes it`)
  }
  const missing: Array<Manifest> = []
  for (const manifest of inOrder(manifests)) if (!(await isPublished(manifest))) missing.push(manifest)
  const tag = `v${version}`
  const isToBeTagged = !isTagged(tag)
  if (missing.length === 0 && !isToBeTagged) {
    return say(false, `Nothing to release: ${registry} has ${version} of every package, and origin has ${tag}`)
  }
  const acts = missing.map(({ name }) => `publish ${name}@${version}`).concat(isToBeTagged ? [`tag ${tag}`] : [])
  if (values["dry-run"]) return say(true, acts.map((act) => `would ${act}`).join("\n"))

  const { tarballs } = values
  if (tarballs === undefined) {
    throw new Error("--tarballs DIR is wanted: where `npm run pack -- --out DIR` has put them")
  }
  const files = missing.map(({ name }) => join(tarballs, `${name.slice(1).replace("/", "-")}-${version}.tgz`))
  const absent = files.find((file) => !existsSync(file))
  if (absent !== undefined) throw new Error(`${absent} is not there, so nothing is published`)
  for (const file of files) {
    run("npm", "publish", resolve(file), "--access", "public", "--registry", registry, ...npmOptions)
  }
  if (isToBeTagged) {
    run("git", "tag", tag)
    run("git", "push", "origin", tag)
  }
  say(true, acts.map((act) => `done: ${act}`).join("\n"))
}

try {
  await release()
} catch (error) {
  console.error(`Not released: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
