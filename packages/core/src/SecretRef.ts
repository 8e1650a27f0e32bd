/**
 * References to secrets: the name of a secret in the place of what it says.
 *
 * A reference is plain data, `{ "secret": "STRIPE_KEY" }`, so that it may stand
 * in a contract, in the input of a run or a step, and in a file of settings,
 * and be stored there for ever. What the secret says, only the step that uses it
 * is told.
 */
import * as Schema from "effect/Schema"
import * as StoredJson from "./StoredJson.ts"

const expected = "the name of a secret: a letter or _, then letters, digits, _ . - and /, up to 200 characters"

/** The name of a secret: a letter or `_`, then letters, digits, `_`, `.`, `-` and `/`, up to 200 characters. */
export const SecretName = Schema.String.check(Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_./-]{0,199}$/, { expected }))

/** The secret of this name. */
export const SecretRef = Schema.Struct({ secret: SecretName })
export type SecretRef = typeof SecretRef.Type

/** The reference to the secret of this name. Throws for what is no name. */
export const make = (name: string): SecretRef => {
  const ref = { secret: name }
  if (!isRef(ref)) throw new Error(`${StoredJson.quote(name)} is not ${expected}`)
  return ref
}

/** Whether a value is a reference to a secret, and nothing else. */
export const is = (value: unknown): value is SecretRef => isRef(value) && Object.keys(value).length === 1

/** What stands in a text where what the secret says has been cut out. */
export const mark = (name: string): string => `[secret ${name}]`

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isRef = Schema.is(SecretRef)
