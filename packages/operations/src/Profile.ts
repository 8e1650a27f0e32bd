/**
 * Profiles: what whoever does a task goes by, as texts in a folder. `NAME.md` of
 * the folder is the profile of that name, so to add a file is to have a profile.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A folder whose texts can be read, such as `Folder.at("profiles")` of `@fermata/host-node`. */
export interface Folder {
  /** Where it is, for people. */
  readonly path: string
  /** The names of the files in a folder below; `""` for the folder itself. */
  readonly files: (below: string) => Effect.Effect<ReadonlyArray<string>, unknown>
  /** The text of a file; nothing where there is none. */
  readonly read: (file: string) => Effect.Effect<string | undefined, unknown>
}

/** There is no such profile, or it cannot be read. */
export class ProfileUnknown extends Schema.TaggedError<ProfileUnknown>()("ProfileUnknown", {
  profile: Schema.String,
  known: Schema.Array(Schema.String),
  problem: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    return `There is no profile "${this.profile}"${this.problem === undefined ? "" : `: ${this.problem}`}; ${
      this.known.length === 0 ? "none is known" : `known are ${this.known.map((name) => `"${name}"`).join(", ")}`
    }`
  }
}

/** The profiles of a process. */
export interface Profiles {
  /** By name, in order. Read anew each time. */
  readonly names: Effect.Effect<ReadonlyArray<string>>
  readonly load: (name: string) => Effect.Effect<string, ProfileUnknown>
}

/** The profiles in a folder. */
export const folder = (folder: Folder): Profiles => {
  const names = Effect.orElseSucceed(
    Effect.map(folder.files(""), (files) =>
      files.flatMap((file) => {
        const name = /^(.+)\.md$/.exec(file)?.[1]
        return name !== undefined && isName(name) ? [name] : []
      }).toSorted()),
    () => []
  )
  return {
    names,
    load: Effect.fnUntraced(function*(name: string) {
      const text = isName(name)
        ? yield* Effect.result(folder.read(`${name}.md`))
        : undefined
      if (text?._tag === "Success" && text.success !== undefined) return text.success
      return yield* new ProfileUnknown({
        profile: name.slice(0, 100),
        known: yield* names,
        ...(text?._tag === "Failure" ? { problem: String(text.failure) } : {})
      })
    })
  }
}

/** No profiles: a task that names one cannot be done. */
export const none: Profiles = {
  names: Effect.succeed([]),
  load: (profile) => Effect.fail(new ProfileUnknown({ profile: profile.slice(0, 100), known: [] }))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Nothing that leads out of the folder. */
const isName = (name: string): boolean => /^[A-Za-z0-9][\w.-]{0,99}$/.test(name)
