/** Why something that was asked of an endpoint or a delivery was not done. */
import * as Schema from "effect/Schema"

/** What is asked for is no endpoint, or no webhook. */
export class WebhookRefused extends Schema.TaggedError<WebhookRefused>()("WebhookRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `This webhook is refused: ${this.problem}`
  }
}

/** There is no endpoint of this name. */
export class EndpointNotFound extends Schema.TaggedError<EndpointNotFound>()("EndpointNotFound", {
  endpoint: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no webhook endpoint "${this.endpoint}"`
  }
}

/** There is no such delivery. */
export class DeliveryNotFound extends Schema.TaggedError<DeliveryNotFound>()("DeliveryNotFound", {
  delivery: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no webhook delivery "${this.delivery}"`
  }
}

/** As the delivery stands, it cannot be sent again. */
export class DeliveryOpen extends Schema.TaggedError<DeliveryOpen>()("DeliveryOpen", {
  delivery: Schema.String,
  status: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Delivery ${this.delivery} is ${this.status} already, and goes out by itself`
  }
}
