/**
 * The entries of a row of the journal as one text, a line for each. What every entry begins with is said shortly:
 * `1767225600000 S ~a,~rerun,"input":1` is
 * `{"at":1767225600000,"_tag":"StepRequested","key":"a","onCrash":"rerun","input":1}`.
 *
 * - An epoch follows the time behind a colon. A time is left out where it is that of the line before, and `+3` is 3 ms
 *   later in the same epoch.
 * - The kinds of entries that most runs have are one letter each.
 * - A tilde stands for what goes without saying: the names of the fields `key` and `onCrash`, the workflow of the run,
 *   which its row names, and the names around the one thing that a suspended run waits for: `W ~signal~go`.
 * - Any other text stands as it is, as all do in rows of an older build; one that would be taken for a short line has a
 *   mark before it. Rows of older builds may name kinds and fields in full where this one does not.
 */
import type { Tag } from "@fermata/core/JournalEntry"

/** How the first entry of a run names its workflow; undefined for names that JSON would write otherwise. */
export const workflowOf = (run: { readonly workflow: string; readonly version: string }): string | undefined =>
  plain.test(run.workflow) && plain.test(run.version)
    ? `"workflow":"${run.workflow}","version":"${run.version}"`
    : undefined

/** The text of a row. `workflow` is as `workflowOf` gives it, where a first entry is among them. */
export const encode = (entries: ReadonlyArray<string>, workflow?: string): string => {
  let before = ""
  let millis = 0
  let epochBefore: string | undefined
  let text = ""
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]!
    if (index > 0) text += "\n"
    const head = entry.endsWith("}") ? headOf.exec(entry) : null
    if (head === null || (head[3] === suspended && head[4] !== undefined)) {
      text += looksShort.test(entry) ? mark + entry : entry
      before = ""
      continue
    }
    const at = head[1]!
    const epoch = head[2]
    const tag = head[3]!
    const key = head[4]
    const rule = head[5]
    const letter = letters.get(tag) ?? tag
    const time = epoch === undefined ? at : `${at}:${epoch}`
    const now = Number(at)
    text += time === before
      ? ` ${letter}`
      : before !== "" && epoch === epochBefore && now > millis && String(now) === at
      ? `+${now - millis} ${letter}`
      : `${time} ${letter}`
    before = time
    millis = now
    epochBefore = epoch
    const rest = entry.slice(head[0].length, -1)
    if (key !== undefined) text += rule === undefined ? ` ~${key}${rest}` : ` ~${key},~${rule}${rest}`
    else if (rest !== "") text += ` ${shortened(tag, rest, workflow)}`
  }
  return text
}

/** The entries of a row of the journal of a run. `workflow` is as `workflowOf` gives it; without it a first entry names none. */
export const decode = (text: string, workflow?: string): Array<string> => {
  const lines = text.split("\n")
  let before = ""
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (!isShort.test(line)) {
      if (line.startsWith(mark)) lines[index] = line.slice(mark.length)
      before = ""
      continue
    }
    const space = line.indexOf(" ")
    if (line.startsWith("+")) before = later(before, Number(line.slice(1, space)))
    else if (space > 0) before = line.slice(0, space)
    const end = line.indexOf(" ", space + 1)
    const named = end < 0 ? line.slice(space + 1) : line.slice(space + 1, end)
    const tag = named.length === 1 ? tags.get(named) ?? named : named
    const head = `{"at":${before.replace(":", epochIs)},"_tag":"${tag}"`
    lines[index] = end < 0 ? `${head}}` : `${head},${lengthened(tag, line.slice(end + 1), workflow)}}`
  }
  return lines
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** What stands for these kinds of entries in the text of a row. A letter that was given to one is never another's. */
const letters: ReadonlyMap<string, string> = new Map(Object.entries(
  {
    RunRequested: "R",
    RunStarted: "B",
    RunSuspended: "W",
    RunResumed: "G",
    RunCompleted: "E",
    StepRequested: "S",
    StepCompleted: "D",
    SignalReceived: "I",
    TimerSet: "T",
    TimerFired: "A",
    ChildStarted: "C",
    ChildFinished: "F",
    ApprovalRequested: "Q",
    ApprovalAnswered: "Y",
    Decided: "K"
  } satisfies { readonly [T in Tag]?: string }
))
const tags: ReadonlyMap<string, string> = new Map(Array.from(letters, ([tag, letter]) => [letter, tag]))

/** Before a line that is no short one and looks like one. */
const mark = "="

/** Short lines, and only they, begin with a time, with what is added to that of the line before, or with the space behind one that is left out. */
const isShort = /^[\d +]/
const looksShort = /^[\d +=]/

/** A time and its epoch, so many ms later. */
const later = (time: string, millis: number): string => {
  const colon = time.indexOf(":")
  return colon < 0 ? String(Number(time) + millis) : Number(time.slice(0, colon)) + millis + time.slice(colon)
}

const plain = /^[\w.@ -]*$/

/**
 * The time of an entry, its epoch where it names one, and its tag, of more than a letter; its key and rule for crashes
 * where they come next and can be said without quotes. Behind it the entry ends, or has a comma and a further field.
 */
const headOf =
  /^\{"at":(\d+)(?:,"epoch":(\d+))?,"_tag":"([A-Za-z]{2,})"(?:,"key":"([^"\\,]+)"(?:,"onCrash":"([^"\\,]+)")?)?(?=,"|\}$)/

const epochIs = `,"epoch":`
const keyIs = `"key":"`
const onCrashIs = `,"onCrash":"`
const suspended = "RunSuspended"
const waits = `"waits":[{"reason":`

/** That a run waits for one thing, whose reason and key can be said without quotes. */
const oneWait = /^,"waits":\[\{"reason":"([\w-]+)","key":"([^"\\,]+)"((?:,"[^{}]*)?)\}\]$/

/** The fields of an entry without a key, as they stand in a row; each begins with a comma. */
const shortened = (tag: string, fields: string, workflow: string | undefined): string => {
  if (tag === suspended) {
    const wait = oneWait.exec(fields)
    return wait === null ? fields.slice(1) : `~${wait[1]}~${wait[2]}${wait[3]}`
  }
  return workflow !== undefined && fields.startsWith(`${workflow},"`, 1)
    ? `~${fields.slice(workflow.length + 2)}`
    : fields.slice(1)
}

/** The fields of an entry, out of how they stand in a row. */
const lengthened = (tag: string, fields: string, workflow: string | undefined): string => {
  if (!fields.startsWith("~")) return fields
  if (fields.startsWith("\"", 1)) {
    const rest = fields.slice(1)
    return tag === suspended ? `${waits}${rest}}]` : workflow === undefined ? rest : `${workflow},${rest}`
  }
  if (tag === suspended) {
    const key = fields.indexOf("~", 1) + 1
    const end = endOfShort(fields, key)
    return `${waits}"${fields.slice(1, key - 1)}",${keyIs}${fields.slice(key, end)}"${fields.slice(end)}}]`
  }
  const end = endOfShort(fields, 1)
  const key = `${keyIs}${fields.slice(1, end)}"`
  if (!fields.startsWith(",~", end)) return key + fields.slice(end)
  const ruleEnd = endOfShort(fields, end + 2)
  return `${key}${onCrashIs}${fields.slice(end + 2, ruleEnd)}"${fields.slice(ruleEnd)}`
}

/** Where a text without quotes ends. */
const endOfShort = (fields: string, from: number): number => {
  const comma = fields.indexOf(",", from)
  return comma < 0 ? fields.length : comma
}
