import { type EndpointSettings, WebhookProfile } from "@fermata/core/Webhook"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CommandFailed, refused } from "../../CommandFailed.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks put` */
export const commandWebhooksPut = Command.make("put", {
  name: Endpoint.endpoint,
  url: Flag.String("url").pipe(Flag.withMetavar("URL"), Flag.withDescription("Where it is")),
  event: Flag.String("event").pipe(
    Flag.withMetavar("PATTERN"),
    Flag.withDescription("An event that it is told of, such as ticket.* or engine.run.failed; may be repeated"),
    Flag.atLeast(1)
  ),
  workflow: Arguments.text("workflow", "NAME", "Only events about runs of this workflow"),
  secret: Arguments.text("secret", "NAME", "The name of the secret by which requests are signed"),
  profile: Flag.Literals("profile", WebhookProfile.literals).pipe(
    Flag.withDescription("Which headers tell what is sent: standard when absent"),
    Flag.optional
  ),
  header: Flag.String("header").pipe(
    Flag.withMetavar("NAME=TEXT"),
    Flag.withDescription("A header that goes along; may be repeated"),
    Flag.atLeast(0)
  ),
  headerSecret: Flag.String("header-secret").pipe(
    Flag.withMetavar("NAME=SECRET"),
    Flag.withDescription("A header whose text is that of a secret; may be repeated"),
    Flag.atLeast(0)
  ),
  retry: Arguments.text("retry", "SECONDS", "How long to wait before each attempt, such as 0,10,60; the first too"),
  timeout: Flag.Int("timeout").pipe(
    Flag.withMetavar("SECONDS"),
    Flag.withDescription("How long an answer may take; 15 when absent"),
    Flag.optional
  )
}, ({ event, header, headerSecret, name, profile, retry, secret, timeout, url, workflow }) =>
  Effect.gen(function*() {
    const headers: Record<string, string | { readonly secret: string }> = {}
    for (const text of header) {
      const [key, value] = yield* pairOf("--header", "NAME=TEXT", text)
      headers[key] = value
    }
    for (const text of headerSecret) {
      const [key, value] = yield* pairOf("--header-secret", "NAME=SECRET", text)
      headers[key] = { secret: value }
    }
    const settings: EndpointSettings = {
      url,
      events: event,
      ...Arguments.given({ workflow, profile }),
      ...(Option.isSome(secret) ? { secret: { secret: secret.value } } : {}),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
      ...(Option.isSome(retry) ? { retryMs: yield* millisOf(retry.value) } : {}),
      ...(Option.isSome(timeout) ? { timeoutMs: timeout.value * 1_000 } : {})
    }
    yield* Endpoint.steer(
      "put",
      (operator, by) => operator.refine(operator.webhooks.put(name, settings, { by })),
      ({ events, name, secrets }) =>
        `endpoint ${name} is told of ${events.join(" ")}${
          secrets.length === 0 ? ", unsigned" : `, signed by ${secrets[0]!.secret}`
        }`
    )
  })).pipe(
    Command.withDescription(
      "Set an endpoint, in place of one of its name; hosts that it names must be allowed by the egress of the configuration"
    ),
    Sides.either,
    Command.withExamples([
      {
        command: "fermata webhooks put ops --url https://hooks.example.com/f --event engine.run.failed --secret HOOK",
        description: "Tell somebody of runs that fail"
      },
      {
        command: "fermata webhooks put crm --url https://crm.example.com/in --event ticket.* --header x-tenant=acme",
        description: "And somebody else of all that is told of tickets"
      }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pairOf = (
  option: string,
  form: string,
  text: string
): Effect.Effect<readonly [name: string, value: string], CommandFailed> => {
  const at = text.indexOf("=")
  return at > 0
    ? Effect.succeed([text.slice(0, at), text.slice(at + 1)])
    : Effect.fail(refused("InvalidValue", `${option} expects ${form}, found "${text}"`))
}

const millisOf = (text: string): Effect.Effect<ReadonlyArray<number>, CommandFailed> =>
  /^\d+(\.\d+)?(,\d+(\.\d+)?)*$/.test(text)
    ? Effect.succeed(text.split(",").map((seconds) => Math.round(Number(seconds) * 1_000)))
    : Effect.fail(refused("InvalidValue", `--retry expects seconds such as 0,10,60, found "${text}"`))
