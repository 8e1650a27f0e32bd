/**
 * Where a Node process has its secrets: in environment variables, and in a file
 * of such variables.
 */
import * as Secrets from "@fermata/engine/Secrets"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import { parseEnv } from "node:util"

/** Which variables are secrets, and what else there is to read. */
export interface EnvOptions {
  /**
   * What the names of the variables begin with and those of the secrets do not:
   * with `"APP_"` the secret `KEY` is the variable `APP_KEY`, and a run can be
   * told of no other variable. None by default.
   */
  readonly prefix?: string
  /** A file with a line `NAME=value` for each, as `node --env-file` takes it. The environment comes before it. */
  readonly file?: string
}

/**
 * Secrets from the environment of the process, and from a file. Both are read
 * each time that a step asks, so that what is exchanged there holds from then
 * on. A variable that is empty is none.
 */
export const layerEnv = ({ file, prefix = "" }: EnvOptions = {}): Layer.Layer<never> =>
  Secrets.layer({
    find: (name) =>
      Effect.gen(function*() {
        const variable = prefix + name
        const missing = `the environment variable ${variable} is not set`
        const found = valueOf(process.env, variable)
        if (found !== undefined) return Redacted.make(found)
        if (file === undefined) return yield* Effect.fail(missing)
        const lines = yield* Effect.tryPromise({
          try: () => readFile(file, "utf8"),
          catch: (error) => `${missing}, and the file ${file} cannot be read: ${said(error)}`
        })
        const inFile = valueOf(parseEnv(lines), variable)
        return inFile === undefined
          ? yield* Effect.fail(`${missing}, nor is it in the file ${file}`)
          : Redacted.make(inFile)
      })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const valueOf = (variables: Readonly<Record<string, string | undefined>>, name: string): string | undefined =>
  Object.hasOwn(variables, name) && variables[name] !== "" ? variables[name] : undefined

const said = (error: unknown): string => error instanceof Error ? error.message : String(error)
