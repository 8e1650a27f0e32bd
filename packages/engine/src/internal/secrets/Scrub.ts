/**
 * What an attempt of a step was told of secrets, and how that is cut out of what
 * the attempt leaves.
 */
import * as ErrorJson from "@fermata/core/ErrorJson"
import * as SecretRef from "@fermata/core/SecretRef"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Base64 from "effect/encoding/Base64"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as SecretForms from "./SecretForms.ts"

/** A part of a text that tells a secret. */
export interface Found {
  readonly start: number
  readonly end: number
  readonly name: string
}

/** Who is told secrets: an attempt of a step. */
export interface Confidant {
  /** What is cut out of all that it leaves; undefined as long as it was told nothing. */
  readonly scrub: Scrub | undefined
  /** It is told what the secret of this name says. */
  readonly tell: (name: string, text: string) => void
}

/** So much of the beginning of a secret is cut at the end of a text, which somebody may have shortened. */
const brokenOff = 8

export class Scrub {
  private readonly names = new Map<string, string>()
  private readonly beginnings: Array<{ readonly name: string; readonly form: string }> = []
  private readonly hasShort = () => Array.from(this.names.keys()).some(SecretForms.isShortInBase64)
  /** The longest first: one may begin with another. */
  private longestFirst: ReadonlyArray<string> = []
  private found: RegExp | undefined

  /** What is cut out from now on. Texts of less than 4 characters are not. */
  add(name: string, text: string): void {
    if (text.length < SecretForms.shortest || this.names.has(text)) return
    this.names.set(text, name)
    for (const form of SecretForms.writtenOut(text)) this.beginnings.push({ name, form })
    this.longestFirst = Array.from(this.names.keys()).sort((a, b) => b.length - a.length)
    this.found = undefined
  }

  /** Where the text tells one, in order. */
  places(text: string): ReadonlyArray<Found> {
    if (this.names.size === 0) return []
    return Array.from(text.matchAll(this.pattern())).flatMap((match) => {
      const secret = this.longestFirst.find((_, index) => match[index + 1] !== undefined)
      return secret === undefined
        ? []
        : [{ start: match.index, end: match.index + match[0].length, name: this.names.get(secret)! }]
    })
  }

  /** The longest beginning of one, of a character or more, with which the text ends. */
  beginningOf(text: string): { readonly name: string; readonly text: string } | undefined {
    let longest: { readonly name: string; readonly text: string } | undefined
    for (const { form, name } of this.beginnings) {
      const last = text.slice(-(form.length - 1))
      for (let at = last.indexOf(form[0]!); at >= 0; at = last.indexOf(form[0]!, at + 1)) {
        if (!form.startsWith(last.slice(at))) continue
        if (last.length - at > (longest?.text.length ?? 0)) longest = { name, text: last.slice(at) }
        break
      }
    }
    return longest
  }

  /** The same text where nothing is cut out of it. */
  readonly text = (text: string): string => {
    if (text.length < SecretForms.shortest || this.names.size === 0) return text
    const whole = text.replaceAll(this.pattern(), (match, ...groups) => {
      const secret = this.longestFirst.find((_, index) => groups[index] !== undefined)
      return secret === undefined ? match : SecretRef.mark(this.names.get(secret)!)
    })
    return this.withoutBeginnings(/basic/i.test(whole) && this.hasShort() ? this.withoutLogins(whole) : whole)
  }

  /** JSON without them, in texts and names of members at any depth: the same value where there are none. */
  readonly json = (value: unknown): unknown => {
    if (typeof value === "string") return this.text(value)
    if (typeof value === "number") return this.number(value)
    if (typeof value !== "object" || value === null) return value
    if (value instanceof StoredJson.StoredJson) return this.stored(value)
    if (Array.isArray(value)) {
      const items = value.map(this.json)
      return items.some((item, index) => item !== value[index]) ? items : value
    }
    if (!isPlain(value)) return value
    const members = Object.entries(value)
    const cut = members.map(([key, member]) => [this.text(key), this.json(member)] as const)
    return cut.some(([key, member], index) => key !== members[index]![0] || member !== members[index]![1])
      ? Object.fromEntries(cut)
      : value
  }

  /** As `json`, of what is text already. */
  readonly stored = (stored: StoredJson.StoredJson): StoredJson.StoredJson => {
    const value = stored.toJSON()
    const cut = this.json(value)
    return cut === value ? stored : Result.getOrElse(StoredJson.of(cut), () => StoredJson.nothing)
  }

  /** As `json`, of text that is JSON. */
  readonly jsonText = (text: string): string => {
    const value: unknown = JSON.parse(text)
    const cut = this.json(value)
    return cut === value ? text : StoredJson.textOf(cut)
  }

  /** Whatever somebody logs or traces: plain data stays so, errors stay errors, and other things become what a journal has of them. */
  readonly value = (value: unknown): unknown => this.shown(value, new Set())

  /** As `value`, of all that a cause holds. */
  readonly cause = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
    const reasons = cause.reasons.map((reason) => {
      if (Cause.isInterruptReason(reason)) return reason
      const given = Cause.isFailReason(reason) ? reason.error : reason.defect
      const cut = this.value(given)
      return cut === given ? reason : Cause.isFailReason(reason) ? Cause.makeFailReason(cut) : Cause.makeDieReason(cut)
    })
    return reasons.every((reason, index) => reason === cause.reasons[index]) ? cause : Cause.fromReasons(reasons)
  }

  /** As `value`, of all that an exit holds. */
  readonly exit = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
    Exit.isSuccess(exit) ? Exit.succeed(this.value(exit.value)) : Exit.failCause(this.cause(exit.cause))

  private shown(value: unknown, around: Set<object>): unknown {
    if (typeof value === "string") return this.text(value)
    if (typeof value === "number") return this.number(value)
    if (typeof value !== "object" || value === null || Redacted.isRedacted(value)) return value
    if (Cause.isCause(value)) return this.cause(value)
    if (ErrorJson.isError(value)) {
      const json = ErrorJson.encode(value)
      const cut = this.json(json)
      // The parts of an error that no journal has may have been told as well.
      return cut === json && !this.isIn(value) ? value : ErrorJson.decode(cut)
    }
    if (around.has(value)) return "(the same again)"
    const inside = new Set(around).add(value)
    if (Array.isArray(value)) {
      const items = value.map((item) => this.shown(item, inside))
      return items.some((item, index) => item !== value[index]) ? items : value
    }
    if (!isPlain(value)) {
      const json = ErrorJson.encode(value)
      const cut = this.json(json)
      return cut === json ? value : cut
    }
    const members = Object.entries(value)
    const cut = members.map(([key, member]) => [this.text(key), this.shown(member, inside)] as const)
    return cut.some(([key, member], index) => key !== members[index]![0] || member !== members[index]![1])
      ? Object.fromEntries(cut)
      : value
  }

  /** A secret that is a number may come back as one. */
  private number(value: number): unknown {
    const name = this.names.get(String(value))
    return name === undefined ? value : SecretRef.mark(name)
  }

  private isIn(error: Error): boolean {
    const text = `${error.message}\n${error.stack ?? ""}`
    return this.text(text) !== text
  }

  /** What was put in the place of a secret is left alone, also where it is a secret's text itself. */
  private pattern(): RegExp {
    return this.found ??= new RegExp(
      ["\\[secret [A-Za-z0-9_./-]+\\]", ...this.longestFirst.map((text) => `(${SecretForms.sourceOf(text)})`)].join(
        "|"
      ),
      "gs"
    )
  }

  /** `Basic` and a name and a password in base64, where the password is too short to be told from other base64. */
  private withoutLogins(text: string): string {
    return text.replaceAll(/(basic\s+)([A-Za-z0-9+/_-]{4,}={0,2})/gi, (match, word: string, base64: string) => {
      const read = Base64.decodeString(base64.replaceAll("-", "+").replaceAll("_", "/"))
      if (Result.isFailure(read)) return match
      for (const [secret, name] of this.names) if (read.success.includes(secret)) return word + SecretRef.mark(name)
      return match
    })
  }

  /** A text that was shortened may end with the beginning of a secret: of 4 characters where it says that it was, of 8 at its end. */
  private withoutBeginnings(text: string): string {
    let cut = this.withoutBeginning(text, text.length, brokenOff)
    for (const sign of ["…", "..."]) {
      for (let at = cut.indexOf(sign); at >= 0; at = cut.indexOf(sign, at + sign.length)) {
        const next = this.withoutBeginning(cut, at, SecretForms.shortest)
        at += next.length - cut.length
        cut = next
      }
    }
    return cut
  }

  private withoutBeginning(text: string, end: number, least: number): string {
    for (const { form, name } of this.beginnings) {
      const start = Math.max(0, end - form.length + 1)
      const last = text.slice(start, end)
      const head = form.slice(0, least)
      for (let at = last.indexOf(head); at >= 0; at = last.indexOf(head, at + 1)) {
        if (form.startsWith(last.slice(at))) return text.slice(0, start + at) + SecretRef.mark(name) + text.slice(end)
      }
    }
    return text
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}
