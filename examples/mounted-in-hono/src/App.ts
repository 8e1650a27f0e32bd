/** A web app of one's own, which has the routes of Fermata beside its own. */
import { Hono } from "hono"

/** The app around what answers below `/api`. */
export const app = (fermata: (request: Request) => Promise<Response>): Hono =>
  new Hono()
    .get("/", (context) => context.text("the shop"))
    // The whole request goes through: what is read of it, and what is refused, is for Fermata to say.
    .all("/api/*", (context) => fermata(context.req.raw))
