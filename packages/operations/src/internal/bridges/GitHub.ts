/** From a pull request that GitHub says was merged to a task that tells of it. */
import * as Bridge from "../../Bridge.ts"

/**
 * One `github-story` task for each pull request that was merged, with the
 * repository and a summary. The key is made of what is signed, so that nobody
 * sends a merge twice under another delivery.
 */
export const github: Bridge.Bridge = Bridge.make({
  name: "github",
  description: "A pull request that was merged becomes a github-story task",
  scheme: { type: "github" },
  mapping: {
    when: "body.action = 'closed' and body.pull_request.merged = true",
    dedupe: "merged-{{ body.repository.full_name }}#{{ body.pull_request.number }}",
    eventId: "{{ headers.`x-github-delivery` }}",
    ref: "{{ body.pull_request.html_url }}",
    payload: {
      repo: "{{ body.repository.full_name }}",
      number: "{{ body.pull_request.number }}",
      title: "{{ body.pull_request.title }}",
      author: "{{ body.pull_request.user.login }}",
      mergedBy: "{{ body.pull_request.merged_by.login }}",
      mergedAt: "{{ body.pull_request.merged_at }}",
      commit: "{{ body.pull_request.merge_commit_sha }}",
      url: "{{ body.pull_request.html_url }}"
    },
    task: {
      kind: "github-story",
      source: "github",
      subject:
        "{{ $substring(body.repository.full_name & '#' & body.pull_request.number & ': ' & body.pull_request.title, 0, 500) }}",
      payload: {
        repo: "{{ body.repository.full_name }}",
        summary:
          "{{ $substring($join([body.pull_request.title, body.pull_request.body[$ != null]], '\n\n'), 0, 4000) }}",
        url: "{{ body.pull_request.html_url }}"
      }
    }
  }
})
