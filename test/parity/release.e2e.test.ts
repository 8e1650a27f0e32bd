import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest"
import * as LoopbackRegistry from "./LoopbackRegistry.ts"
import { decide, publish, release, root, telling } from "./Workflows.ts"

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** What the command handed to the steps that follow. */
  readonly handed: string
}

/** Where a fresh project is copied from. */
let template: string
let folder: string
let project: string
let registry: LoopbackRegistry.LoopbackRegistry

/** Runs a command in the project as a step of a workflow does. */
const run = (command: string) =>
  new Promise<Outcome>((resolve) => {
    const handed = join(folder, "handed")
    writeFileSync(handed, "")
    const { host } = new URL(registry.url)
    const child = spawn("bash", ["-ec", command], {
      cwd: project,
      env: {
        PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
        HOME: folder,
        GITHUB_OUTPUT: handed,
        npm_config_registry: registry.url,
        [`npm_config_//${host}/:_authToken`]: "a-token",
        npm_config_update_notifier: "false",
        npm_config_fetch_retries: "0"
      }
    })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
    child.on("close", (code) => resolve({ code, stdout, stderr, handed: readFileSync(handed, "utf8") }))
  })

const succeeds = async (command: string): Promise<Outcome> => {
  const outcome = await run(command)
  assert.strictEqual(outcome.code, 0, outcome.stderr)
  return outcome
}

/** The command of the workflow, asking the registry of this machine. */
const dryRun = () => run(`${decide} --registry ${registry.url}`)
/** Outside of CI nobody can sign where a package comes from, so this one thing is left out. */
const publishing = () => run(publish.replace(/ -- --provenance$/, ` --registry ${registry.url}`))

const put = (file: string, text: string) => {
  mkdirSync(dirname(join(project, file)), { recursive: true })
  writeFileSync(join(project, file), text)
}
const putJson = (file: string, value: object) => put(file, JSON.stringify(value, null, 2) + "\n")

/** A project of two packages, of which `a` depends on `b`, with its tarballs, its changelog and its remote. */
beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), "fermata-release-"))
  folder = template
  project = join(folder, "project")
  registry = await LoopbackRegistry.open()
  mkdirSync(project)
  cpSync(join(root, "scripts"), join(project, "scripts"), { recursive: true })
  cpSync(join(root, ".changeset"), join(project, ".changeset"), {
    recursive: true,
    filter: (path) => path.endsWith(".changeset") || path.endsWith("config.json") || path.endsWith("README.md")
  })
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"))
  put(".gitignore", "node_modules\ndist-packages\n")
  const workspaces = ["packages/*"]
  putJson("package.json", { name: "root", version: "0.2.0", private: true, type: "module", workspaces })
  putJson("packages/a/package.json", {
    name: "@fermata/a",
    version: "0.2.0",
    dependencies: { "@fermata/b": "0.2.0" }
  })
  putJson("packages/b/package.json", { name: "@fermata/b", version: "0.2.0" })
  putJson("packages/c/package.json", { name: "@fermata-examples/c", version: "0.2.0", private: true })
  put("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-01\n\n### Added\n\n- All.\n")
  await succeeds(`
    git init -q --bare ../origin.git
    git init -q -b main && git config user.email a@example.com && git config user.name a
    git remote add origin ../origin.git && git add -A && git commit -qm all
    mkdir dist-packages && npm pack --silent --pack-destination dist-packages ./packages/a ./packages/b
  `)
  await registry.close()
})
afterAll(() => rmSync(template, { recursive: true, force: true }))

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fermata-release-"))
  project = join(folder, "project")
  cpSync(template, folder, { recursive: true, verbatimSymlinks: true })
  registry = await LoopbackRegistry.open()
})
afterEach(async () => {
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})

describe("releases", () => {
  it("M-06: with a version that the registry has, nothing is a release", async () => {
    for (const name of ["@fermata/a", "@fermata/b"]) registry.know(name, "0.2.0")
    await succeeds("git tag v0.2.0 && git push -q origin v0.2.0")
    assert.deepStrictEqual(await dryRun(), {
      code: 0,
      stdout: `Nothing to release: ${registry.url} has 0.2.0 of every package, and origin has v0.2.0\n`,
      stderr: "",
      handed: "release=false\nversion=0.2.0\n"
    })
    assert.deepInclude(await publishing(), { code: 0, handed: "release=false\nversion=0.2.0\n" })
    assert.isEmpty(registry.published)
  })

  it("M-06: with a changed version, a push to main says what it will publish, publishes it, tags it, and does so once", async () => {
    assert.deepStrictEqual(release.on, { push: { branches: ["main"] } })
    for (const name of ["@fermata/a", "@fermata/b"]) registry.know(name, "0.1.0")
    assert.deepStrictEqual(await dryRun(), {
      code: 0,
      stdout: "would publish @fermata/b@0.2.0\nwould publish @fermata/a@0.2.0\nwould tag v0.2.0\n",
      stderr: "",
      handed: "release=true\nversion=0.2.0\n"
    })
    assert.isEmpty(registry.published)
    assert.strictEqual((await succeeds("git ls-remote --tags origin")).stdout, "")

    const outcome = await publishing()
    assert.strictEqual(outcome.code, 0, outcome.stderr)
    assert.deepStrictEqual(registry.published, [
      { name: "@fermata/b", version: "0.2.0", access: "public" },
      { name: "@fermata/a", version: "0.2.0", access: "public" }
    ])
    assert.include((await succeeds("git ls-remote --tags origin")).stdout, "refs/tags/v0.2.0")
    assert.include(telling, "--generate-notes")
    assert.strictEqual((await dryRun()).handed, "release=false\nversion=0.2.0\n")
  })

  it("M-06: a release that broke off goes on with what is missing", async () => {
    registry.breaks = { name: "@fermata/a", status: 404 }
    const broken = await publishing()
    assert.strictEqual(broken.code, 1)
    assert.match(broken.stderr, /^Not released: npm publish .*fermata-a-0\.2\.0\.tgz .* ended with 1$/m)
    assert.deepStrictEqual(registry.published.map(({ name }) => name), ["@fermata/b"])
    assert.strictEqual((await succeeds("git ls-remote --tags origin")).stdout, "")

    registry.breaks = undefined
    const again = await publishing()
    assert.strictEqual(again.code, 0, again.stderr)
    assert.deepStrictEqual(registry.published.map(({ name }) => name), ["@fermata/b", "@fermata/a"])
    assert.include((await succeeds("git ls-remote --tags origin")).stdout, "refs/tags/v0.2.0")
  })

  it("M-06: a registry that does not know is not taken for one that has nothing", async () => {
    registry.breaks = { status: 500 }
    assert.deepStrictEqual(await dryRun(), {
      code: 1,
      stdout: "",
      stderr: `Not released: ${registry.url}/@fermata%2fb answered 500, neither 200 nor 404\n`,
      handed: ""
    })
    const silent = await run(`${decide} --registry http://127.0.0.1:9`)
    assert.strictEqual(silent.code, 1)
    assert.match(silent.stderr, /^Not released: http:\/\/127\.0\.0\.1:9\/@fermata%2fb does not answer: /)
  })

  it("M-06: what cannot be whole is not begun: a tarball that is missing, a package of another version", async () => {
    rmSync(join(project, "dist-packages", "fermata-a-0.2.0.tgz"))
    const missing = await publishing()
    assert.strictEqual(missing.code, 1)
    assert.match(missing.stderr, /^Not released: dist-packages\/fermata-a-0\.2\.0\.tgz is not there/)
    putJson("packages/b/package.json", { name: "@fermata/b", version: "0.1.0" })
    assert.strictEqual((await dryRun()).stderr, "Not released: @fermata/b has version 0.1.0, the root has 0.2.0\n")
    assert.isEmpty(registry.published)
  })

  it("M-06: changesets make one version of all packages, and its section of the changelog, which is then released", async () => {
    const change = (name: string, text: string) =>
      put(`.changeset/${name}.md`, `---\n"@fermata/b": minor\n---\n\n${text}\n`)
    for (const name of ["@fermata/a", "@fermata/b"]) registry.know(name, "0.2.0")
    await succeeds("git tag v0.2.0 && git push -q origin v0.2.0 && npm install --package-lock-only --offline")
    change("one", "`x` does y.")
    const refused = await run("node scripts/bump.ts")
    assert.strictEqual(refused.code, 2)
    assert.include(refused.stderr, "begins with \"`x` does y.\", wanted is one of Added, Changed,")
    assert.include(readFileSync(join(project, "packages/b/package.json"), "utf8"), "0.2.0")

    put("packages/a/src/Version.ts", `export const version = "0.2.0"\nexport const known = "0.2.0"\n`)
    change("one", "Fixed: `x` does y.")
    change("two", "Added: `z`,\nin two lines.")
    await succeeds("node scripts/bump.ts")
    const read = (file: string) => readFileSync(join(project, file), "utf8")
    for (
      const file of ["package.json", "packages/a/package.json", "packages/b/package.json", "packages/c/package.json"]
    ) {
      assert.strictEqual((JSON.parse(read(file)) as { version: string }).version, "0.3.0", file)
    }
    assert.include(read("packages/a/package.json"), `"@fermata/b": "0.3.0"`)
    // What a source says of its own version goes along, and what it says of others does not.
    assert.strictEqual(
      read("packages/a/src/Version.ts"),
      `export const version = "0.3.0"\nexport const known = "0.2.0"\n`
    )
    assert.deepStrictEqual(readdirSync(join(project, ".changeset")).sort(), ["README.md", "config.json"])
    assert.match(
      read("CHANGELOG.md"),
      /## \[Unreleased\]\n\n## \[0\.3\.0\] - \d{4}-\d\d-\d\d\n\n### Added\n\n- `z`,\n  in two lines\.\n\n### Fixed\n\n- `x` does y\.\n\n## \[0\.2\.0\] - 2026-11-01\n\n### Added\n\n- All\.\n$/
    )
    assert.include((await dryRun()).stdout, "would publish @fermata/b@0.3.0\n")
    assert.include((await run("node scripts/bump.ts")).stderr, "Nothing bumped: there is no changeset")
  })

  it("M-06: a version without a section in the changelog is not a release yet, and becomes one without another number", async () => {
    put("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- The first version.\n")
    assert.include(await dryRun(), { code: 0, handed: "release=false\nversion=0.2.0\n" })
    await succeeds("node scripts/bump.ts")
    assert.match(
      readFileSync(join(project, "CHANGELOG.md"), "utf8"),
      /^# Changelog\n\n## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n### Added\n\n- The first version\.\n$/
    )
    assert.include((await dryRun()).stdout, "would tag v0.2.0\n")
  })
})
