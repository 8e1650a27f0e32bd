/**
 * Objects that do what their models say, each a few lines of its own, and the lies
 * that a checker must find: for the tests of the checker.
 */
import * as fc from "fast-check"
import type { RaiseInput, RaiseOutput } from "./models/DayRaise.ts"
import type { EventInput, EventOutput } from "./models/EventById.ts"
import type { QuestionInput, QuestionOutput, Stands } from "./models/Question.ts"
import type { QuotaInput, QuotaOutput } from "./models/Quota.ts"
import type { RequestInput, RequestOutput } from "./models/RequestKey.ts"
import type { SignalInput, SignalOutput } from "./models/SignalById.ts"
import type { StartInput, StartOutput } from "./models/StartByKey.ts"
import type { TaskInput, TaskOutput } from "./models/Task.ts"

/** An object that is asked one thing at a time, and what is asked of it. */
export interface Truth {
  readonly kind: string
  readonly settings?: unknown
  readonly inputs: fc.Arbitrary<unknown>
  /** Undefined where there is nobody who would ask this now. */
  readonly fresh: () => (input: never) => unknown
  /** Whether its answer may get lost: what ends something may then end it at any later time, and would explain lies. */
  readonly mayBeLost: (input: never) => boolean
  /** Each asks for what it needs, and tells the lie that follows; undefined where there is nothing to lie about. */
  readonly lies: Readonly<Record<string, (ask: (input: unknown) => unknown) => readonly [unknown, unknown] | undefined>>
}

const truth = <Input, Output>(truth: {
  readonly kind: string
  readonly settings?: unknown
  readonly inputs: fc.Arbitrary<Input>
  readonly fresh: () => (input: Input) => Output | undefined
  readonly mayBeLost?: (input: Input) => boolean
  readonly lies: Readonly<Record<string, (ask: (input: Input) => Output) => readonly [Input, Output] | undefined>>
}): Truth => ({ mayBeLost: () => true, ...truth }) as Truth

const oneOf = fc.constantFrom

export const truths: ReadonlyArray<Truth> = [
  truth<StartInput, StartOutput>({
    kind: "start",
    inputs: fc.oneof(
      fc.record({ do: oneOf("start"), input: oneOf("a", "b", "c") }),
      fc.record({ do: oneOf("look"), run: oneOf("run", "none") })
    ),
    fresh: () => {
      let first: string | undefined
      return (asked) => {
        if (asked.do === "look") return { input: asked.run === "run" ? first ?? null : null }
        const joined = first !== undefined
        first ??= asked.input
        return { run: "run", joined, otherInput: first !== asked.input }
      }
    },
    lies: {
      "an acknowledged start is lost": (ask) => {
        ask({ do: "start", input: "a" })
        return [{ do: "look", run: "run" }, { input: null }]
      },
      "two starts of one key win": (ask) => {
        ask({ do: "start", input: "a" })
        return [{ do: "start", input: "a" }, { run: "run", joined: false, otherInput: false }]
      },
      "one key has two runs": (ask) => {
        ask({ do: "start", input: "a" })
        return [{ do: "start", input: "a" }, { run: "other", joined: true, otherInput: false }]
      },
      "who joins is told of a wrong input": (ask) => {
        const { input } = (ask({ do: "start", input: "a" }), ask({ do: "look", run: "run" })) as { input: string }
        return [{ do: "start", input }, { run: "run", joined: true, otherInput: true }]
      }
    }
  }),
  truth<QuestionInput, QuestionOutput>({
    kind: "question",
    settings: { approvers: ["ann", "bob", "cy"], quorum: 2 },
    inputs: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: oneOf("answer"),
          by: oneOf("ann", "bob", "cy", "eve"),
          decision: oneOf("approve", "approve", "deny")
        })
      },
      { weight: 1, arbitrary: fc.record({ do: oneOf("look") }) }
    ) as fc.Arbitrary<QuestionInput>,
    fresh: () => {
      const given: Array<string> = []
      const stands = (): Stands => {
        const yes = given.filter((text) => text.includes("approve")).length
        return {
          status: given.some((text) => text.includes("deny")) ? "denied" : yes > 1 ? "granted" : "open",
          answers: [...given]
        }
      }
      return (asked) => {
        if (asked.do !== "answer") return { said: "stands", stands: stands() }
        if (stands().status !== "open") return { said: "answered" }
        if (asked.by === "eve") return { said: "stranger" }
        const text = `${asked.by} ${asked.decision}`
        if (given.includes(text)) return { said: "again" }
        given.push(text)
        return { said: "taken", stands: stands() }
      }
    },
    lies: {
      "an acknowledged answer is lost": (ask) => {
        const before = ask({ do: "look" })
        const said = ask({ do: "answer", by: "ann", decision: "approve" })
        return said.said === "taken" ? [{ do: "look" }, before] : undefined
      },
      "two answers decide": (ask) => {
        ask({ do: "answer", by: "ann", decision: "deny" })
        const { stands } = ask({ do: "look" }) as { stands: Stands }
        return [{ do: "answer", by: "cy", decision: "deny" }, {
          said: "taken",
          stands: { status: "denied", answers: [...stands.answers, "cy deny"] }
        }]
      },
      "a stranger decides": (ask) => {
        const { stands } = ask({ do: "look" }) as { stands: Stands }
        return [{ do: "answer", by: "eve", decision: "deny" }, {
          said: "taken",
          stands: { status: "denied", answers: [...stands.answers, "eve deny"] }
        }]
      },
      "a run goes on from what nobody has decided": (ask) =>
        (ask({ do: "look" }) as { stands: Stands }).stands.status === "open"
          ? [{ do: "verdict" }, ask({ do: "look" })]
          : undefined,
      "a run goes on with what was not decided": (ask) => {
        ask({ do: "answer", by: "bob", decision: "deny" })
        const { stands } = ask({ do: "look" }) as { stands: Stands }
        const status = stands.status === "denied" ? "granted" : "denied"
        return [{ do: "verdict" }, { said: "stands", stands: { ...stands, status } }]
      }
    }
  }),
  truth<SignalInput, SignalOutput>({
    kind: "signal",
    inputs: fc.record({ do: oneOf("send"), payload: oneOf("one", "two") }),
    fresh: () => {
      const taken: Array<string> = []
      return (asked) => {
        if (asked.do === "read") return { said: "journal", payloads: taken }
        if (taken.length > 0) return { said: "duplicate" }
        taken.push(asked.payload)
        return { said: "accepted" }
      }
    },
    lies: {
      "an acknowledged signal is lost": (ask) => {
        ask({ do: "send", payload: "one" })
        return [{ do: "read" }, { said: "journal", payloads: [] }]
      },
      "a signal is accepted twice": (ask) => {
        ask({ do: "send", payload: "one" })
        return [{ do: "send", payload: "one" }, { said: "accepted" }]
      },
      "a signal is in the journal twice": (ask) => {
        ask({ do: "send", payload: "one" })
        return [{ do: "read" }, { said: "journal", payloads: ["one", "one"] }]
      }
    }
  }),
  truth<RaiseInput, RaiseOutput>({
    kind: "raise",
    inputs: fc.oneof(
      fc.record({ do: oneOf("raise"), id: oneOf("p", "q", "r", "s"), micros: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ do: oneOf("look") })
    ) as fc.Arbitrary<RaiseInput>,
    fresh: () => {
      const raises = new Map<string, number>()
      return (asked) => {
        if (asked.do === "look") return { said: "raises", raises: Object.fromEntries(raises) }
        const isKnown = raises.has(asked.id)
        if (!isKnown) raises.set(asked.id, asked.micros)
        let sum = 0
        for (const micros of raises.values()) sum += micros
        return { said: isKnown ? "duplicate" : "accepted", sum }
      }
    },
    lies: {
      "an acknowledged raise is lost": (ask) => {
        const before = ask({ do: "look" })
        ask({ do: "raise", id: "mine", micros: 5 })
        return [{ do: "look" }, before]
      },
      "a raise counts twice": (ask) => {
        const { sum } = ask({ do: "raise", id: "mine", micros: 5 }) as { sum: number }
        return [{ do: "raise", id: "mine", micros: 5 }, { said: "accepted", sum: sum + 5 }]
      },
      "a sum is without what was raised before": (ask) => {
        ask({ do: "raise", id: "mine", micros: 500 })
        return [{ do: "raise", id: "other", micros: 7 }, { said: "accepted", sum: 7 }]
      }
    }
  }),
  truth<QuotaInput, QuotaOutput>({
    kind: "quota",
    inputs: fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: oneOf("start"), key: oneOf("k", "l", "m", "n", "o") }) },
      { weight: 1, arbitrary: fc.record({ do: oneOf("limit"), most: fc.integer({ min: 1, max: 3 }) }) },
      { weight: 2, arbitrary: fc.record({ do: oneOf("look") }) }
    ) as fc.Arbitrary<QuotaInput>,
    mayBeLost: (asked) => asked.do === "start" || asked.do === "look",
    fresh: () => {
      const runs = new Map<string, "open" | "ended">()
      let most = Infinity
      const open = () => [...runs.values()].filter((status) => status === "open").length
      return (asked) => {
        switch (asked.do) {
          case "limit":
            most = asked.most
            return { said: "done" }
          case "look":
            return { said: "has", open: open(), runs: runs.size }
          case "end":
            runs.set(asked.key, "ended")
            return { said: "done" }
          case "start": {
            if (runs.has(asked.key)) return { said: "joined" }
            if (open() >= most) return { said: "full" }
            runs.set(asked.key, "open")
            return { said: "started" }
          }
        }
      }
    },
    lies: {
      "an acknowledged start is lost": (ask) => {
        ask({ do: "limit", most: 100 })
        ask({ do: "start", key: "mine" })
        return [{ do: "look" }, { said: "has", open: 0, runs: 0 }]
      },
      "a start goes above the quota": (ask) => {
        ask({ do: "limit", most: 1 })
        ask({ do: "start", key: "k" })
        return [{ do: "start", key: "mine" }, { said: "started" }]
      },
      "a start is refused that there is room for": (ask) => {
        ask({ do: "limit", most: 100 })
        return [{ do: "start", key: "mine" }, { said: "full" }]
      },
      "a run that has ended is counted": (ask) => {
        ask({ do: "limit", most: 100 })
        ask({ do: "start", key: "mine" })
        ask({ do: "end", key: "mine" })
        const { open, runs } = ask({ do: "look" }) as { open: number; runs: number }
        return [{ do: "look" }, { said: "has", open: open + 100, runs }]
      }
    }
  }),
  truth<RequestInput, RequestOutput>({
    kind: "request",
    inputs: fc.record({ body: oneOf("x", "x", "y") }),
    fresh: () => {
      let known: string | undefined
      return ({ body }) => {
        if (known !== undefined && known !== body) return { said: "reused" }
        const replayed = known !== undefined
        known = body
        return { said: "answer", answer: `answer to ${body}`, replayed }
      }
    },
    lies: {
      "one key is done twice": (ask) => {
        const said = ask({ body: "x" })
        return said.said === "answer" ? [{ body: "x" }, { ...said, replayed: false }] : undefined
      },
      "one key has two answers": (ask) =>
        ask({ body: "x" }).said === "answer"
          ? [{ body: "x" }, { said: "answer", answer: "another", replayed: true }]
          : undefined,
      "a key is taken for two requests": (ask) =>
        ask({ body: "x" }).said === "answer"
          ? [{ body: "z" }, { said: "answer", answer: "answer to z", replayed: false }]
          : undefined
    }
  }),
  truth<EventInput, EventOutput>({
    kind: "event",
    inputs: fc.record({ do: oneOf("emit", "emit", "read") }),
    fresh: () => {
      let runs = 0
      return (asked) => {
        if (asked.do === "read") return { said: "read", runs }
        runs = 1
        return { said: "published" }
      }
    },
    lies: {
      "an acknowledged event is lost": (ask) => {
        ask({ do: "emit" })
        return [{ do: "read" }, { said: "read", runs: 0 }]
      },
      "one event starts two runs": (ask) => {
        ask({ do: "emit" })
        return [{ do: "read" }, { said: "read", runs: 2 }]
      }
    }
  }),
  truth<TaskInput, TaskOutput>({
    kind: "task",
    inputs: fc.oneof(
      fc.record({ do: oneOf("enqueue") }),
      fc.record({ do: oneOf("lease"), attempt: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: oneOf("settle"), attempt: fc.integer({ min: 1, max: 3 }), as: oneOf("completed", "failed") }),
      fc.record({ do: oneOf("look") })
    ) as fc.Arbitrary<TaskInput>,
    mayBeLost: (asked) => asked.do === "enqueue" || asked.do === "look",
    fresh: () => {
      let status: "none" | "queued" | "running" | "completed" | "failed" = "none"
      let attempt = 0
      const isOpen = () => status === "queued" || status === "running"
      return (asked) => {
        switch (asked.do) {
          case "enqueue": {
            const said = status === "none" ? "added" : "joined"
            if (status === "none") status = "queued"
            return { said }
          }
          case "look":
            return { said: "stands", status }
          case "lease":
            // Nobody is given it: a worker hears of nothing.
            if (!isOpen() || asked.attempt <= attempt) return undefined
            status = "running"
            attempt = asked.attempt
            return { said: "leased" }
          case "settle": {
            // Nobody settles what was never given out.
            if (asked.attempt > attempt) return undefined
            if (status !== "running" || asked.attempt !== attempt) return { said: "lost" }
            status = asked.as
            return { said: "settled" }
          }
        }
      }
    },
    lies: {
      "an acknowledged task is lost": (ask) => {
        ask({ do: "enqueue" })
        return [{ do: "look" }, { said: "stands", status: "none" }]
      },
      "a task is there twice": (ask) => {
        ask({ do: "enqueue" })
        return [{ do: "enqueue" }, { said: "added" }]
      },
      "a task is settled twice": (ask) => {
        ask({ do: "enqueue" })
        ask({ do: "lease", attempt: 4 })
        ask({ do: "settle", attempt: 4, as: "completed" })
        return [{ do: "settle", attempt: 4, as: "failed" }, { said: "settled" }]
      },
      "a task is given out that is settled": (ask) => {
        ask({ do: "enqueue" })
        ask({ do: "lease", attempt: 4 })
        ask({ do: "settle", attempt: 4, as: "completed" })
        return [{ do: "lease", attempt: 5 }, { said: "leased" }]
      },
      "an attempt is given out twice": (ask) => {
        ask({ do: "enqueue" })
        ask({ do: "lease", attempt: 4 })
        return [{ do: "lease", attempt: 4 }, { said: "leased" }]
      }
    }
  })
]
