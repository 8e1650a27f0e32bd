/**
 * The error of those who publish what is no event.
 */
import * as Schema from "effect/Schema"
import * as StoredJson from "./StoredJson.ts"

/** An event cannot be published: its name is none, belongs to the engine, or its payload is no JSON or too long. */
export class EventRefused extends Schema.TaggedError<EventRefused>()("EventRefused", {
  event: Schema.String,
  reason: Schema.Literals(["name", "reserved", "payload"]),
  detail: Schema.String
}, { httpApiStatus: 400 }) {
  override get message(): string {
    return `The event ${StoredJson.quote(this.event)} cannot be published: ${this.detail}`
  }
}
