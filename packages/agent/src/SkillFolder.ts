/**
 * Skills as a folder of files: `NAME/SKILL.md`, which begins with `name` and
 * `description` between two lines `---`, and `NAME/pages/PAGE.md`. Which there are
 * is read from the beginnings of the files; the rest is read when it is asked for.
 *
 * @example
 * ```ts
 * const agent = Agent.make("writer", { instructions: "You write.", skills: SkillFolder.source(Folder.at("skills")) })
 * ```
 */
import * as Effect from "effect/Effect"
import type { Listed, Source } from "./Skill.ts"

/** A folder whose texts can be read, such as `Folder.at("skills")` of `@fermata/host-node`. */
export interface Folder {
  /** Where it is, for people. */
  readonly path: string
  /** The names of the folders in it. */
  readonly folders: Effect.Effect<ReadonlyArray<string>, unknown>
  /** The names of the files in a folder below; none where there is no such folder. */
  readonly files: (below: string) => Effect.Effect<ReadonlyArray<string>, unknown>
  /** The text of a file below, or so many bytes of its beginning; nothing where there is no such file. */
  readonly read: (file: string, bytes?: number) => Effect.Effect<string | undefined, unknown>
}

/** The skills in a folder. One that is no skill is left out, with a warning that says why. */
export const source = (folder: Folder): Source => ({
  list: Effect.gen(function*() {
    const listed: Array<Listed> = []
    for (const name of [...yield* folder.folders].toSorted()) {
      const found = yield* look(folder, name)
      if (typeof found === "string") yield* Effect.logWarning(`skill "${name}" of ${folder.path} is left out: ${found}`)
      else listed.push(found)
    }
    return listed
  }),
  load: (name, page) =>
    Effect.gen(function*() {
      if (!isName(name) || (page !== undefined && !isName(page))) return yield* Effect.fail(`there is no such skill`)
      const file = page === undefined ? `${name}/SKILL.md` : `${name}/pages/${page}.md`
      const text = yield* folder.read(file)
      if (text === undefined) return yield* Effect.fail(`there is no ${file} in ${folder.path} any more`)
      return page === undefined ? (parts(text)?.content ?? text).trim() : text
    })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Where a skill has to have said what it is. */
const headBytes = 16_384

/** A skill as it is listed, or why it is none. */
const look = Effect.fnUntraced(function*(folder: Folder, name: string) {
  const text = yield* folder.read(`${name}/SKILL.md`, headBytes)
  if (text === undefined) return "it has no SKILL.md"
  const found = parts(text)
  if (found === undefined) return "its SKILL.md does not begin with name and description between two lines ---"
  const { parse } = yield* Effect.promise(() => import("yaml"))
  const front = yield* Effect.try({
    try: (): unknown => parse(found.front, { maxAliasCount: 0 }),
    catch: String
  }).pipe(Effect.catch(() => Effect.succeed(undefined)))
  const { description, name: own } = typeof front === "object" && front !== null
    ? front as { readonly [key: string]: unknown }
    : {}
  if (own !== name) return `its SKILL.md has to say "name: ${name}", as its folder is named`
  if (!isName(name)) return "a name has letters, digits, dots, - and _, and begins with one of the first two"
  if (typeof description !== "string" || description.trim() === "") return "its SKILL.md has no description"
  if (found.content.trim() === "" && text.length < headBytes) return "its SKILL.md says nothing below its description"
  const pages = (yield* folder.files(`${name}/pages`)).flatMap((file) => {
    const page = /^(.+)\.md$/.exec(file)?.[1]
    return page !== undefined && isName(page) ? [page] : []
  }).toSorted()
  return { name, description: description.trim(), ...(pages.length === 0 ? {} : { pages }) } satisfies Listed
})

/** What stands between the lines, and what comes behind. */
const parts = (text: string): { readonly front: string; readonly content: string } | undefined => {
  const found = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(text)
  return found === null ? undefined : { front: found[1]!, content: found[2]! }
}

/** No way leads out of the folder by a name. */
const isName = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && !name.includes("..")
