/** Carries out a search, in a thread. */
import { relative, sep } from "node:path"
import { anchored, exactly, guarding, matcher } from "../NamePatterns.ts"
import * as Content from "./Content.ts"
import { compile } from "./Expression.ts"
import type { Found, Job, Listing, Place, Searching } from "./Job.ts"
import * as Lines from "./Lines.ts"
import * as Ripgrep from "./Ripgrep.ts"
import { mostFiles, walk } from "./Walk.ts"

/** What a job finds. */
export const search = async (job: Job): Promise<Found> => job.kind === "glob" ? list(job) : await look(job)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const partly = `only the first ${mostFiles} files were looked at: name a folder in path`

const list = (job: Listing): Found => {
  const { isPart, names } = walk(job.root, job.start, leftOut(job))
  const fits = exactly(patternOf(job))
  const all = names.filter((name) => fits(below(job.start, name)))
  return {
    lines: all.slice(0, job.most),
    notes: [
      ...(all.length > job.most ? [`${all.length - job.most} more files: take a pattern that fits fewer`] : []),
      ...(isPart ? [partly] : [])
    ]
  }
}

const leftOut = ({ hidden, unreadable = [] }: Place): (name: string) => boolean => {
  const isHidden = guarding(hidden)
  const isUnreadable = anchored(unreadable)
  return (name) => isHidden(name) || isUnreadable(name)
}

/** A pattern may begin at the root, or at the folder that it is for. */
const patternOf = ({ pattern, root, start }: Listing): string => {
  const folder = start === "" ? root : `${root}/${start}`
  return pattern.startsWith("/")
    ? relative(folder, pattern).split(sep).join("/")
    : pattern.replace(/^(\.\/)+/, "")
}

/** A name from the folder on that is looked at; the last part of it where that is a file. */
const below = (start: string, name: string): string =>
  start === "" ? name : name === start ? name.slice(name.lastIndexOf("/") + 1) : name.slice(start.length + 1)

const look = async (job: Searching): Promise<Found> => {
  const expression = compile(job.pattern, job)
  const { isPart, names } = walk(job.root, job.start, leftOut(job))
  const isMeant = job.glob === undefined ? () => true : filter(job.glob)
  const files = names.filter((name) => isMeant(below(job.start, name)))
  const maybe = job.ripgrep !== false
    ? await Ripgrep.candidates(
      job.ripgrep === true ? await Ripgrep.found() : job.ripgrep,
      job.root,
      files,
      expression,
      job.multiline
    )
    : files
  const lines: Array<string> = []
  for (const name of maybe) {
    // One more than are shown says that there are more.
    if (lines.length > job.most) break
    const text = Content.read(job.root, name, job.maxBytes)
    if (text === undefined) continue
    const matches = Lines.matches(text, expression, job.multiline)
    if (matches.hits.length > 0) lines.push(...entries(job, name, matches, lines.length > 0))
  }
  return {
    lines: lines.slice(0, job.most),
    notes: [
      ...(lines.length > job.most ? [`more than these ${job.most}: set head_limit, or look for less`] : []),
      ...(isPart ? [partly] : [])
    ]
  }
}

const filter = (glob: string): (name: string) => boolean => {
  if (!glob.startsWith("!")) return matcher([glob])
  const isOut = matcher([glob.slice(1)])
  return (name) => !isOut(name)
}

const entries = (job: Searching, name: string, matches: Lines.Matches, isNext: boolean): ReadonlyArray<string> => {
  switch (job.mode) {
    case "files_with_matches":
      return [name]
    case "count":
      return [`${name}:${matches.hits.length}`]
    case "content":
      return content(job, name, matches, isNext)
  }
}

const content = (job: Searching, name: string, { hits, lines }: Lines.Matches, isNext: boolean) => {
  const isHit = new Set(hits)
  const hasContext = job.before + job.after > 0
  const out: Array<string> = []
  let last = 0
  for (const hit of hits) {
    const from = Math.max(last + 1, hit - job.before)
    if (hasContext && (last === 0 ? isNext : from > last + 1)) out.push("--")
    for (let line = from; line <= Math.min(lines.length, hit + job.after); line++) {
      const mark = isHit.has(line) ? ":" : "-"
      out.push(`${name}${mark}${job.numbers ? `${line}${mark}` : ""}${cut(lines[line - 1]!)}`)
      last = line
    }
    if (out.length > job.most) break
  }
  return out
}

const longest = 1_000

const cut = (line: string): string =>
  line.length <= longest ? line : `${line.slice(0, longest)} (${line.length} characters)`
