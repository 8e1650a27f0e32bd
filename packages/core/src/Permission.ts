/**
 * What a contract is allowed to do, as data, and the decision over it.
 *
 * A contract may do exactly what its `permissions` list grants: emit the
 * events that some pattern matches, call models, run tasks and other workflows, ask services.
 * Everything else is denied, with a reason that says which permission is missing.
 */
import * as Schema from "effect/Schema"
import * as EventName from "./EventName.ts"
import * as Glob from "./Glob.ts"

const NamePattern = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_./:@*-]{1,200}$/, {
    expected: "a name, in which * stands for any characters"
  })
)

/** Allows `emit` steps to publish the events that `pattern` matches. The engine's own `engine.*` events are never covered. */
export const EmitPermission = Schema.Struct({
  kind: Schema.Literal("event:emit"),
  pattern: EventName.EventPattern
})

/** Allows `llm` steps, all of them or those whose model matches `model`. */
export const LlmPermission = Schema.Struct({
  kind: Schema.Literal("llm:invoke"),
  model: Schema.optionalKey(NamePattern)
})

/** Allows `task` steps, all of them or those whose task name matches `pattern`. */
export const TaskPermission = Schema.Struct({
  kind: Schema.Literal("task:run"),
  pattern: Schema.optionalKey(NamePattern)
})

/** Allows `call` steps, all of them or those whose workflow matches `pattern`. What is called has permissions of its own. */
export const CallPermission = Schema.Struct({
  kind: Schema.Literal("workflow:call"),
  pattern: Schema.optionalKey(NamePattern)
})

/** Allows `http` steps, all of them or those whose service matches `pattern`, by all methods or by these. */
export const HttpPermission = Schema.Struct({
  kind: Schema.Literal("http:request"),
  pattern: Schema.optionalKey(NamePattern),
  methods: Schema.optionalKey(Schema.Array(Schema.Literals(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])))
})

/** The permissions by kind. */
export const permissionKinds = {
  "event:emit": EmitPermission,
  "llm:invoke": LlmPermission,
  "task:run": TaskPermission,
  "workflow:call": CallPermission,
  "http:request": HttpPermission
} as const

/** One thing that a contract is allowed to do. */
export const Permission = Schema.Union([EmitPermission, LlmPermission, TaskPermission, CallPermission, HttpPermission])
export type Permission = typeof Permission.Type

/** Something that a step is about to do. `model` is absent when the step leaves the choice to the host. */
export type Request =
  | { readonly kind: "event:emit"; readonly event: string }
  | { readonly kind: "llm:invoke"; readonly model?: string | undefined }
  | { readonly kind: "task:run"; readonly task: string }
  | { readonly kind: "workflow:call"; readonly workflow: string }
  | { readonly kind: "http:request"; readonly service: string; readonly method: HttpMethod }

type HttpMethod = NonNullable<(typeof HttpPermission.Type)["methods"]>[number]

/** The answer to a request. `reason` is a sentence for people. */
export type Decision =
  | { readonly decision: "allow" }
  | { readonly decision: "deny"; readonly reason: string }

const allow: Decision = { decision: "allow" }
const deny = (reason: string): Decision => ({ decision: "deny", reason })

/** Whether the permissions cover the request. Depends on its arguments alone. */
export const decide = (permissions: ReadonlyArray<Permission>, request: Request): Decision => {
  switch (request.kind) {
    case "event:emit": {
      if (EventName.isReserved(request.event)) {
        return deny(`the event "${request.event}" belongs to the engine and cannot be emitted by a contract`)
      }
      return permissions.some((p) => p.kind === "event:emit" && EventName.matches(p.pattern, request.event))
        ? allow
        : deny(`no event:emit permission matches the event "${request.event}"`)
    }
    case "llm:invoke": {
      const { model } = request
      const covers = (pattern: string | undefined): boolean =>
        pattern === undefined || (model !== undefined && Glob.matches(pattern, model))
      return permissions.some((p) => p.kind === "llm:invoke" && covers(p.model))
        ? allow
        : deny(
          model === undefined
            ? "no llm:invoke permission without a model pattern, and the step names no model"
            : `no llm:invoke permission covers the model "${model}"`
        )
    }
    case "task:run":
      return permissions.some((p) =>
          p.kind === "task:run" && (p.pattern === undefined || Glob.matches(p.pattern, request.task))
        )
        ? allow
        : deny(`no task:run permission covers the task "${request.task}"`)
    case "workflow:call":
      return permissions.some((p) =>
          p.kind === "workflow:call" && (p.pattern === undefined || Glob.matches(p.pattern, request.workflow))
        )
        ? allow
        : deny(`no workflow:call permission covers the workflow "${request.workflow}"`)
    case "http:request":
      return permissions.some((p) =>
          p.kind === "http:request" && (p.pattern === undefined || Glob.matches(p.pattern, request.service)) &&
          (p.methods === undefined || p.methods.includes(request.method))
        )
        ? allow
        : deny(`no http:request permission covers ${request.method} of the service "${request.service}"`)
  }
}

/** The permission that would allow the request, for messages that say how to mend a denial. */
export const grantFor = (request: Request): Permission => {
  switch (request.kind) {
    case "event:emit":
      return { kind: "event:emit", pattern: request.event }
    case "llm:invoke":
      return { kind: "llm:invoke" }
    case "task:run":
      return { kind: "task:run", pattern: request.task }
    case "workflow:call":
      return { kind: "workflow:call", pattern: request.workflow }
    case "http:request":
      return { kind: "http:request", pattern: request.service, methods: [request.method] }
  }
}
