/**
 * A ready-made contract: sorts support tickets with a model, asks people
 * before it spends effort on a critical one, has bugs analysed by a worker,
 * and publishes the result.
 *
 * Started by `ticket.created` with `{ id, title, body }`; publishes
 * `ticket.triaged`. Needs a model and a worker for the task `analyze-ticket`.
 */
import * as Schema from "effect/Schema"
import { type Contract, type ContractDocument, schemaOf, schemaVersion } from "./Contract.ts"
import { standardShapes } from "./StandardShapes.ts"

/** An event payload that starts the contract, for trials and tests. */
export const sampleTicket = {
  id: "T-123",
  title: "Bug in login flow",
  body: "After the last release the login page reloads without a message when the password is right."
} as const

/** The contract as a document. */
export const ticketTriageDocument = {
  schemaVersion,
  id: "fermata.ticket-triage",
  version: "1.0.0",
  title: "Ticket triage",
  description: "Sorts a new ticket, asks before acting on a critical one, and has bugs analysed.",
  triggers: [{ type: "event", event: "ticket.created", where: "$exists(trigger.id)", key: "trigger.id" }, {
    type: "manual"
  }],
  permissions: [
    { kind: "llm:invoke" },
    { kind: "task:run", pattern: "analyze-ticket" },
    { kind: "event:emit", pattern: "ticket.*" }
  ],
  limits: { maxRunMs: 7 * 24 * 60 * 60 * 1000, maxActiveMs: 10 * 60 * 1000, maxSteps: 50 },
  entryStepId: "prepare",
  steps: [
    {
      id: "prepare",
      name: "Prepare the ticket",
      kind: "transform",
      set: {
        ticket: {
          id: "{{ trigger.id }}",
          title: "{{ $trim(trigger.title) }}",
          body: "{{ $substring(trigger.body, 0, 4000) }}"
        }
      },
      next: "classify"
    },
    {
      id: "classify",
      name: "Classify the ticket",
      kind: "llm",
      system:
        "You sort support tickets. Answer with the category, the severity and one sentence that sums the ticket up.",
      prompt: "Ticket {{ state.ticket.id }}: {{ state.ticket.title }}\n\n{{ state.ticket.body }}",
      maxTokens: 1024,
      output: {
        type: "object",
        properties: {
          category: { type: "string", enum: ["bug", "feature", "question"] },
          severity: { type: "string", enum: ["low", "normal", "critical"] },
          summary: { type: "string", maxLength: 500 }
        },
        required: ["category", "severity", "summary"],
        additionalProperties: false
      },
      retry: { maxAttempts: 3, initialMs: 1000, factor: 2, maxMs: 30_000 },
      timeoutMs: 60_000,
      onError: "unsorted",
      next: "sorted"
    },
    {
      id: "sorted",
      name: "Keep the classification",
      kind: "transform",
      set: { triage: "{{ steps.classify.output }}" },
      next: "route"
    },
    {
      id: "unsorted",
      name: "Treat it as a normal question",
      kind: "transform",
      set: { triage: { category: "question", severity: "normal", summary: "{{ state.ticket.title }}" } },
      next: "route"
    },
    {
      id: "route",
      name: "What does it need?",
      kind: "branch",
      cases: [
        { when: "state.triage.severity = 'critical'", next: "confirm" },
        { when: "state.triage.category = 'bug'", next: "analyze" }
      ],
      default: "publish"
    },
    {
      id: "confirm",
      name: "Act on a critical ticket?",
      kind: "approval",
      prompt: "{{ state.ticket.id }} looks critical: {{ state.triage.summary }} Analyse it now?",
      approvers: ["support-lead", "on-call"],
      args: { ticket: "{{ state.ticket }}", triage: "{{ state.triage }}" },
      timeout: { ms: 24 * 60 * 60 * 1000 },
      onTimeout: "deny",
      nextOnApproved: "analyze",
      nextOnDenied: "publish"
    },
    {
      id: "analyze",
      name: "Analyse the ticket",
      kind: "task",
      task: "analyze-ticket",
      input: { ticket: "{{ state.ticket }}", triage: "{{ state.triage }}" },
      onCrash: "rerun-keyed",
      retry: { maxAttempts: 3, initialMs: 5000, factor: 2, maxMs: 60_000 },
      timeoutMs: 15 * 60 * 1000,
      onError: { next: "publish" },
      next: "publish"
    },
    {
      id: "publish",
      name: "Publish the result",
      kind: "emit",
      event: "ticket.triaged",
      payload: {
        id: "{{ state.ticket.id }}",
        triage: "{{ state.triage }}",
        analysis: "{{ steps.analyze.output }}",
        run: "{{ run.id }}"
      },
      next: null
    }
  ]
} as const satisfies ContractDocument

/** The contract with its defaults filled in. */
export const ticketTriageContract: Contract = Schema.decodeUnknownSync(schemaOf(standardShapes))(ticketTriageDocument)
