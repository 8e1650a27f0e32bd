/**
 * Bundles of modules with all that they import, as packages carry them: the command, from which those start that
 * load no code of the user, and parts of packages of others.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type ChunkingContext, type OutputChunk, rolldown } from "rolldown"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The folder of the npm package that a module belongs to; undefined for one of this repository. */
const packageOf = (module: string): string | undefined =>
  /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(module)?.[0]

/** The licence that a package is published with: its file, or what its manifest says. */
const licenceOf = (path: string): string => {
  const { author, homepage, license, name } = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Record<
    string,
    unknown
  >
  const file = readdirSync(path).find((file) => /^licen[sc]e(\.|$)/i.test(file))
  if (file !== undefined) return `${String(name)}\n\n${readFileSync(join(path, file), "utf8").trim()}\n`
  if (typeof license !== "string") throw new Error(`${path} names no licence to publish beside the bundle`)
  const by = typeof author === "object" && author !== null && "name" in author ? author.name : author
  return `${String(name)}\n\nLicence: ${license}\nAuthor: ${String(by)}\n${String(homepage)}\n`
}

/** What asks or serves on the network. It is imported when it is first used, which no command does that starts from a bundle. */
const networked = [
  /^undici($|\/)/,
  /^@anthropic-ai\/sdk($|\/)/,
  /^@modelcontextprotocol\/sdk\//,
  /^@effect\/platform-node\//,
  /^@fermata\/api\//,
  /^@fermata\/server\//
]

/**
 * A chunk of all that a module imports at once. Left to itself the bundler cuts what several commands share into fifty
 * files, and half of a start is finding them.
 */
const chunk = (name: string, root: string, priority: number) => {
  const reached = new Set<string>()
  const reach = (id: string, context: ChunkingContext): void => {
    if (reached.has(id)) return
    reached.add(id)
    for (const imported of context.getModuleInfo(id)?.importedIds ?? []) reach(imported, context)
  }
  return {
    priority,
    debugName: name,
    name: (id: string, context: ChunkingContext) => {
      reach(root, context)
      return reached.has(id) ? name : null
    }
  }
}

/** What is bundled otherwise than by default. */
interface Bundling {
  /** What is left to be imported. */
  readonly external?: ReadonlyArray<RegExp>
  readonly groups?: ReadonlyArray<ReturnType<typeof chunk>>
}

/** Bundles modules, by the names of their files, with all that they import, in minified chunks, beside the licences of what is in there. */
export const bundle = async (
  input: Readonly<Record<string, string>>,
  folder: string,
  { external = [], groups }: Bundling = {}
): Promise<void> => {
  const build = await rolldown({
    input: { ...input },
    cwd: root,
    platform: "node",
    external: [/^node:/, ...external],
    onLog: (_level, log) => {
      // What the host imports at once, a command without a host imports when it needs it.
      if (log.code === "INEFFECTIVE_DYNAMIC_IMPORT") return
      throw new Error(`the bundle of ${Object.values(input).join(", ")}: ${log.message}`)
    }
  })
  const { output } = await build.write({
    dir: folder,
    format: "esm",
    minify: true,
    ...(groups === undefined ? {} : { codeSplitting: { groups: [...groups] } }),
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js"
  })
  const modules = output.filter((file): file is OutputChunk => file.type === "chunk").flatMap((chunk) =>
    chunk.moduleIds
  )
  const packages = new Set(modules.map(packageOf).filter((path) => path !== undefined))
  writeFileSync(join(folder, "LICENSES.txt"), [...packages].sort().map(licenceOf).join(`\n${"-".repeat(80)}\n\n`))
}

/** The command of the package in a folder, in two chunks: what starts, and what commands with a host need. */
export const bundleCommand = (folder: string, target: string): Promise<void> => {
  const main = join(folder, "src", "Main.ts")
  const groups = [chunk("start", main, 2), chunk("host", join(dirname(main), "Host.ts"), 1)]
  return bundle({ Main: main }, target, { external: networked, groups })
}
