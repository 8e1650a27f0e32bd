/** Asks a service over HTTP, on the rails of whoever configured it. A request that changes something is asked about after a crash, where the service knows no keys. */
import { DocumentCrashRule } from "@fermata/core/CrashRule"
import * as HttpService from "@fermata/engine/HttpService"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Parts from "../../ContractParts.ts"
import { JsonShape } from "../../JsonShape.ts"
import * as StepShape from "../../StepShape.ts"

const decodeShape = Schema.decodeUnknownOption(JsonShape)
const isMethod = Schema.is(HttpService.Method)

/** The kind `http`: asks a service. */
export const http = StepShape.make({
  kind: "http",
  schema: {
    fields: {
      service: Parts.matching(
        /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/,
        "the name of a service: a letter, then letters, digits, _ . -"
      ),
      method: Parts.withDefault(
        HttpService.Method.annotate({ expected: `one of ${HttpService.Method.literals.join(", ")}` }),
        "GET"
      ),
      path: Parts.Text,
      query: Schema.optionalKey(Parts.Template),
      headers: Schema.optionalKey(Parts.Template),
      body: Schema.optionalKey(Parts.Template),
      output: Schema.optionalKey(JsonShape),
      onCrash: Schema.optionalKey(DocumentCrashRule),
      ...Parts.attempts,
      next: Parts.Next
    },
    words: {
      kind:
        "Asks a service over HTTP. Where it is, who asks and how far a request goes is said by whoever configured it. Its output is `status`, `headers` and `body`; a status from 400 on fails the step, with these as `data`.",
      service: "Its name, as the configuration has it.",
      method: "Default `GET`.",
      path:
        "Begins with a slash, below the address of the service. What an expression puts in goes through `$encodeUrlComponent`, where it may hold signs of paths.",
      query: "An object of texts, numbers and booleans.",
      headers: "An object of texts. Those that say who asks are left out.",
      body: "A text is sent as it is, anything else as JSON.",
      output: "The shape that the body of the answer must have.",
      onCrash:
        "What happens when the process dies in the middle. Default `rerun` for GET and HEAD, `rerun-keyed` where the service knows requests by a key, and else `ask`.",
      ...Parts.words.attempts,
      next: Parts.words.next
    }
  },
  check: {
    expressions: () => [{ path: ["path"] }, { path: ["query"] }, { path: ["headers"] }, { path: ["body"] }],
    asks: ({ method = "GET", service }) =>
      typeof service === "string" && isMethod(method)
        ? { request: { kind: "http:request", service, method }, field: "service" }
        : undefined,
    output: ({ output }) => ({
      type: "object",
      properties: {
        status: { type: "integer" },
        headers: { type: "object" },
        body: Option.getOrElse(decodeShape(output), () => ({})),
        cutAt: { type: "integer" }
      },
      additionalProperties: false
    })
  },
  needs: ({ service }) => ({ services: [service] }),
  graph: { brackets: ["[/", "/]"], ways: () => [StepShape.next] }
})
