/** From a message of Discord that mentions somebody to a task that answers it. */
import * as Bridge from "../../Bridge.ts"

/**
 * One `discord-reply` task for each message that mentions somebody and is not by
 * a bot: the message itself, or the `MESSAGE_CREATE` of a gateway in which it
 * comes.
 */
export const discord: Bridge.Bridge = Bridge.make({
  name: "discord",
  description: "A message that mentions somebody becomes a discord-reply task",
  mapping: {
    when: "($m := $exists(body.d) ? body.d : body; $count($m.mentions) > 0 and $not($m.author.bot = true))",
    dedupe: "message-{{ ($exists(body.d) ? body.d : body).id }}",
    eventId: "{{ ($exists(body.d) ? body.d : body).id }}",
    ref: "{{ ($m := $exists(body.d) ? body.d : body; 'discord://' & $m.channel_id & '/message-' & $m.id) }}",
    payload: "{{ $exists(body.d) ? body.d : body }}",
    task: {
      kind: "discord-reply",
      source: "discord",
      subject:
        "Reply to {{ ($m := $exists(body.d) ? body.d : body; $exists($m.author.global_name[$ != null]) ? $m.author.global_name : $m.author.username) }}",
      payload: {
        channel: "{{ ($exists(body.d) ? body.d : body).channel_id }}",
        message: "{{ ($exists(body.d) ? body.d : body).id }}",
        author: "{{ ($exists(body.d) ? body.d : body).author.username }}",
        text: "{{ ($exists(body.d) ? body.d : body).content }}"
      }
    }
  }
})
