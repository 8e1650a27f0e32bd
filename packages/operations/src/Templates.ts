/** Machines that agents come with. */
import * as Predicate from "effect/Predicate"
import type { Json } from "effect/Schema"
import * as Schema from "effect/Schema"
import * as Machine from "./Machine.ts"

/** How often a goal is pursued before somebody has to say how to go on. */
const mostRounds = 100

/**
 * Pursues an objective in rounds, each a task of the kind `goal-loop`, until one
 * of them says that it is met: `{ met: true }`. After a hundred rounds, and when a
 * round fails, somebody decides.
 */
export const goalLoop = Machine.make("goal-loop", {
  context: { summary: Schema.String, objective: Schema.String },
  initial: "pursue",
  states: {
    pursue: {
      to: ["pursue", "stuck", "met", "abandoned"],
      task: ({ context, results }) => ({
        kind: "goal-loop",
        source: "machine:goal-loop",
        subject: context.summary,
        payload: { ...context, round: results.length + 1, last: results.at(-1) ?? null }
      }),
      next: (result, { results }) => isMet(result) ? "met" : results.length + 1 < mostRounds ? "pursue" : "stuck"
    },
    /** Somebody says whether it goes on. */
    stuck: { to: ["pursue", "met", "abandoned"] },
    met: { to: [] },
    abandoned: { to: [] }
  }
})

/** Researches a topic for a wiki: looks into it, drafts an outline, writes, and has it looked at by somebody. */
export const communityResearch = Machine.make("community-research", {
  context: { slug: Schema.String, topic: Schema.String, output_path: Schema.String },
  initial: "research",
  states: {
    research: { to: ["draft-community-wiki-outline", "abandoned"], task: (at) => asked("research", at) },
    "draft-community-wiki-outline": {
      to: ["write", "research", "abandoned"],
      task: (at) => asked("draft-community-wiki-outline", at)
    },
    write: { to: ["review", "draft-community-wiki-outline", "abandoned"], task: (at) => asked("write", at) },
    review: { to: ["published", "write", "abandoned"] },
    published: { to: [] },
    abandoned: { to: [] }
  }
})

/** The machines that agents come with. */
export const all: ReadonlyArray<Machine.Machine> = [communityResearch, goalLoop]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isMet = (result: Json): boolean =>
  Predicate.hasProperty(result, "met")
    ? result.met === true
    : Predicate.hasProperty(result, "output") && Predicate.hasProperty(result.output, "met") &&
      result.output.met === true

const asked = (
  stage: string,
  { context, results }: Machine.At<{ readonly slug: string; readonly topic: string; readonly output_path: string }>
) => ({
  kind: "community-research",
  source: "machine:community-research",
  subject: `${context.topic}: ${stage}`,
  payload: { ...context, stage, last: results.at(-1) ?? null }
})
