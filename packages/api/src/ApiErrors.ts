/**
 * Why a request is refused before any verb of the engine is asked, or failed
 * for no fault of its own.
 */
import { QueueFull } from "@fermata/core/TaskErrors"
import { QuotaReached } from "@fermata/core/Tenant"
import * as Schema from "effect/Schema"

export { QueueFull, QuotaReached }

/** The request is not as its route wants it. Nothing was done. */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", {
  problem: Schema.String,
  /** Each mistake, with its place, such as `body.labels.team` or `query.limit`. */
  issues: Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String }))
}, { httpApiStatus: 400 }) {
  override get message(): string {
    return this.problem
  }
}

/** The request shows no token, or none that is known, or one that has run out. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  /** What is wrong with the token: none was shown, none like it is known, or it has run out. */
  reason: Schema.Literals(["missing", "unknown", "expired"]),
  problem: Schema.String
}, { httpApiStatus: 401 }) {
  override get message(): string {
    return this.problem
  }
}

/** The caller is known and may not do this. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  problem: Schema.String,
  /** The scope that the route asks for, where that is what is missing. */
  scope: Schema.optionalKey(Schema.String)
}, { httpApiStatus: 403 }) {
  override get message(): string {
    return this.problem
  }
}

/** There is no such route. */
export class RouteNotFound extends Schema.TaggedError<RouteNotFound>()("RouteNotFound", {
  method: Schema.String,
  path: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no ${this.path}`
  }
}

/** The route is there, for other methods. */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  method: Schema.String,
  path: Schema.String,
  allowed: Schema.Array(Schema.String)
}, { httpApiStatus: 405 }) {
  override get message(): string {
    return `${this.path} takes no ${this.method}, but ${this.allowed.join(" and ")}`
  }
}

/** The body is in a form that the route does not read. */
export class UnsupportedMediaType extends Schema.TaggedError<UnsupportedMediaType>()("UnsupportedMediaType", {
  contentType: Schema.String
}, { httpApiStatus: 415 }) {
  override get message(): string {
    return `A body of type ${this.contentType} is not read here; send JSON, as application/json`
  }
}

/** The body is longer than the server reads. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {
  /** The most (bytes) that is read. */
  most: Schema.Int
}, { httpApiStatus: 413 }) {
  override get message(): string {
    return `The body is longer than ${this.most} bytes`
  }
}

/** The `Idempotency-Key` was used before by the same caller, for something else. */
export class KeyReused extends Schema.TaggedError<KeyReused>()("KeyReused", {
  key: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `The Idempotency-Key ${this.key} was used before for another request; give a new one`
  }
}

/** What this `Idempotency-Key` asked for was done, and the answer held what is told only once. */
export class AnswerToldOnce extends Schema.TaggedError<AnswerToldOnce>()("AnswerToldOnce", {
  key: Schema.String,
  /** When it was done, ms since the epoch. */
  at: Schema.Finite
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `What the Idempotency-Key ${this.key} asked for is done, and what it was answered is secret and told only once; take it back, and ask under another key`
  }
}

/** The store has no large value of this hash, or not as it was. */
export class BlobNotFound extends Schema.TaggedError<BlobNotFound>()("BlobNotFound", {
  hash: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There are no bytes ${this.hash}`
  }
}

/** The header `Range` names bytes that are not there. */
export class RangeNotSatisfiable extends Schema.TaggedError<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  range: Schema.String,
  /** How many bytes there are. */
  bytes: Schema.Int
}, { httpApiStatus: 416 }) {
  override get message(): string {
    return `There are ${this.bytes} bytes, and none of them in the range ${this.range}`
  }
}

/** The caller asks for more than it may at a time, or the server has enough to do. Nothing was done. */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  problem: Schema.String,
  /** Which limit was met, such as `requests` or `streams of a caller`. */
  limit: Schema.optionalKey(Schema.String),
  /** When to ask again, in s; the header `Retry-After` says the same. */
  retryAfter: Schema.Int
}, { httpApiStatus: 429 }) {
  override get message(): string {
    return `${this.problem}; ask again in ${this.retryAfter} s`
  }
}

/** Something went wrong in the server. What it was stands in its log under this id. */
export class ServerFailed extends Schema.TaggedError<ServerFailed>()("ServerFailed", {
  id: Schema.String
}, { httpApiStatus: 500 }) {
  override get message(): string {
    return `The server failed; its log says why, under ${this.id}`
  }
}
