/** What AGENTS.md and the pages of `.github` name is there. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const pages = [
  "AGENTS.md",
  "scratchpad/README.md",
  ...execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
    cwd: root,
    encoding: "utf8"
  }).split("\n").filter((file) => /^\.(github|changeset)\//.test(file) && existsSync(root + file))
]

const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { readonly scripts: object }

/** What `npm` takes in this repository. */
const commands = new Set([...Object.keys(manifest.scripts), "ci", "install", "audit"])

/** What stands between backticks outside of fences, and the targets of links. */
const namedIn = (text: string) => {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, "")
  return {
    code: Array.from(prose.matchAll(/`([^`\n]+)`/g), ([, code]) => code!),
    links: Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link!)
  }
}

/** The files and folders of the repository that a piece of code names: what looks like a path of it, with no pattern. */
const pathsIn = (code: string): ReadonlyArray<string> =>
  code.split(" ").filter((word) =>
    /^(packages|examples|test|bench|scripts|scratchpad|node_modules|\.github|\.ci)\/[\w./-]+$/.test(word) &&
    !word.includes("NAME")
  )

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s-]/gu, "").trim().replaceAll(/\s/g, "-")

const anchorsOf = (file: string): ReadonlyArray<string> =>
  Array.from(readFileSync(root + file, "utf8").matchAll(/^#+ (.+)$/gm), ([, heading]) => anchorOf(heading!))

describe.each(pages)("%s", (page) => {
  const { code, links } = namedIn(readFileSync(root + page, "utf8"))

  it("names paths that are there", () => {
    for (const path of code.flatMap(pathsIn)) assert.isTrue(existsSync(root + path), path)
  })

  it("names scripts that are there", () => {
    const named = code.flatMap((text) => Array.from(text.matchAll(/npm (?:run )?([a-z][\w:-]*)/g), ([, name]) => name!))
    for (const name of named) {
      assert.isTrue(commands.has(name), name)
    }
  })

  it("links to pages and headings that are there", () => {
    for (const link of links.filter((link) => !/^https?:/.test(link))) {
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? page : posix.join(posix.dirname(page), path)
      assert.isTrue(existsSync(root + target), `${link} of ${page}`)
      if (anchor !== undefined) assert.include(anchorsOf(target), anchor, `${link} of ${page}`)
    }
  })
})

describe("AGENTS.md", () => {
  const text = readFileSync(`${root}AGENTS.md`, "utf8")

  it("says of every package and every folder of tests what it is for", () => {
    const folders = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "packages", "test"], {
      cwd: root,
      encoding: "utf8"
    }).split("\n").filter((file) => file.split("/").length > 2 && existsSync(root + file))
      .map((file) => file.split("/").slice(0, 2).join("/"))
    for (const folder of new Set(folders)) assert.include(text, `| \`${folder}\` |`)
  })

  it("tells for at least eight changes where they begin and what proves them", () => {
    const table = text.slice(text.indexOf("## Kind of change"), text.indexOf("## Eight changes"))
    const rows = table.split("\n").filter((line) => line.startsWith("| ")).slice(1)
    assert.isAtLeast(rows.length, 8)
    for (const row of rows) {
      const [, , where = "", , command = ""] = row.split(/(?<!\\)\|/)
      assert.match(where, /`/, row)
      assert.match(command, /`(vitest|node|npm|npx) /, row)
    }
  })

  it("has eight changes that a reader finds by the names of files alone", () => {
    const table = text.slice(text.indexOf("## Eight changes"), text.indexOf("## Laws"))
    const files = Array.from(table.matchAll(/\| `(packages\/[^`]+\.ts)` \|$/gm), ([, file]) => file!)
    assert.lengthOf(new Set(files), 8)
    for (const file of files) assert.isTrue(existsSync(root + file), file)
  })
})

describe("the README", () => {
  const text = readFileSync(`${root}README.md`, "utf8")
  const rows = new Map(
    Array.from(text.matchAll(/^\| ((?:`[@\w/-]+`(?:, )?)+) \| (.+) \|$/gm)).flatMap(([, names = "", here = ""]) =>
      names.split(", ").map((name) => [name.replaceAll("`", ""), here] as const)
    )
  )
  const versionsOf = (manifest: string): Readonly<Record<string, string>> => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(root + manifest, "utf8")) as {
      readonly dependencies?: Readonly<Record<string, string>>
      readonly devDependencies?: Readonly<Record<string, string>>
    }
    return { ...dependencies, ...devDependencies }
  }
  const versions = Object.assign(
    {},
    ...["package.json", ...readdirSync(`${root}packages`).map((name) => `packages/${name}/package.json`)].map(
      versionsOf
    )
  ) as Readonly<Record<string, string>>

  it.each([
    "effect",
    "@effect/platform",
    "@effect/platform-node",
    "@effect/schema",
    "@effect/sql-sqlite-node",
    "@effect/cli",
    "@effect/vitest",
    "@anthropic-ai/sdk",
    "@modelcontextprotocol/sdk"
  ])("tells where %s is, as the manifests have it", (name) => {
    const here = rows.get(name) ?? ""
    const isInstalled = name in versions
    assert.strictEqual(here.startsWith("the same"), isInstalled, here)
    const [, version] = /^the same, (\d+\.\d+)/.exec(here) ?? []
    if (version !== undefined) assert.isTrue(versions[name]!.startsWith(`${version}.`), here)
    for (const [, module] of here.matchAll(/`(effect\/[\w-]+)`/g)) {
      const [, part = ""] = module!.split("/")
      const place = `${root}node_modules/effect/src/${part}`
      assert.isTrue(existsSync(place) || existsSync(`${place}.ts`), module)
    }
  })
})
