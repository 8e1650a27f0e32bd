/** Written by `npm run prices` from `@pydantic/genai-prices` 0.1.8 (MIT). */
export interface Listed {
  readonly provider: string
  readonly id: string
  /** Matches the names of the model. */
  readonly match: string
  /** Tokens of question and answer. */
  readonly window?: number
  /** The latest last. Dollars for a million tokens: input, output, cache read, cache write, cache write for an hour. */
  readonly prices: ReadonlyArray<{
    readonly from?: string
    readonly rates: ReadonlyArray<number>
    /** For questions of more input tokens than this, all of it by `long`. */
    readonly above?: number
    readonly long?: ReadonlyArray<number>
  }>
}

/** The version of the data. */
export const version = "0.1.8"

/** What models cost. */
export const models: ReadonlyArray<Listed> = [
  {
    "provider": "anthropic",
    "id": "claude-2",
    "match": "^claude-2|claude-v2",
    "window": 200000,
    "prices": [{ "rates": [8, 24, 8, 8, 8] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-3-5-haiku-latest",
    "match": "^claude-3-5-haiku|^claude-3\\.5-haiku",
    "window": 200000,
    "prices": [{ "rates": [0.8, 4, 0.08, 1, 1.6] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-3-5-sonnet",
    "match": "^claude-3-5-sonnet|^claude-3\\.5-sonnet",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 6] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-3-7-sonnet-latest",
    "match": "^claude-3-7-sonnet|^claude-3\\.7-sonnet|^claude-sonnet-3\\.7|^claude-sonnet-3-7",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 6] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-3-haiku",
    "match": "^claude-3-haiku",
    "window": 200000,
    "prices": [{ "rates": [0.25, 1.25, 0.03, 0.3, 0.5] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-3-opus-latest",
    "match": "^claude-3-opus",
    "window": 200000,
    "prices": [{ "rates": [15, 75, 1.5, 18.75, 30] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-3-sonnet",
    "match": "^claude-3-sonnet",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 6] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-fable-5",
    "match": "^claude-fable-5$|^claude-fable-5-\\d{8}$",
    "window": 1000000,
    "prices": [{ "rates": [10, 50, 1, 12.5, 20] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-fable-5-1",
    "match": "^claude-fable-5-1$|^claude-fable-5-1-\\d{8}$",
    "window": 1000000,
    "prices": [{ "rates": [10, 50, 0.25, 12.5, 20] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-haiku-4-5",
    "match": "^claude-haiku-4-5|^claude-haiku-4\\.5|^claude-4-5-haiku|^claude-4\\.5-haiku",
    "window": 200000,
    "prices": [{ "rates": [1, 5, 0.1, 1.25, 2] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-4-0",
    "match": "^claude-opus-4-0|^claude-4-opus|^claude-opus-4$|^claude-opus-4-20250514$",
    "window": 200000,
    "prices": [{ "rates": [15, 75, 1.5, 18.75, 30] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-4-1",
    "match": "^claude-opus-4-1|^claude-opus-4\\.1",
    "window": 200000,
    "prices": [{ "rates": [15, 75, 1.5, 18.75, 30] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-4-5",
    "match": "^claude-opus-4-5|^claude-opus-4\\.5|^claude-4-5-opus|^claude-4\\.5-opus",
    "window": 200000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 10] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-4-6",
    "match": "^claude-opus-4-6|^claude-opus-4\\.6|^claude-4-6-opus|^claude-4\\.6-opus",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 10], "above": 200000, "long": [10, 37.5, 1, 12.5, 20] }, {
      "from": "2026-03-13",
      "rates": [5, 25, 0.5, 6.25, 10]
    }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-4-7",
    "match": "^claude-opus-4-7|^claude-opus-4\\.7|^claude-4-7-opus|^claude-4\\.7-opus",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 10] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-4-8",
    "match": "^claude-opus-4-8|^claude-opus-4\\.8|^claude-4-8-opus|^claude-4\\.8-opus",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 10] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-5",
    "match": "^claude-opus-5$|^claude-opus-5-\\d{8}$|^claude-opus-5\\.0|^claude-5-opus|^claude-5\\.0-opus",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 10] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-opus-5-5",
    "match": "^claude-opus-5-5$|^claude-opus-5-5-\\d{8}$|^claude-opus-5\\.5|^claude-5-5-opus|^claude-5\\.5-opus",
    "window": 1000000,
    "prices": [{ "rates": [4, 20, 0.2, 5, 8] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-sonnet-4-0",
    "match": "^claude-sonnet-4-2025|^claude-sonnet-4-0|^claude-sonnet-4@|^claude-sonnet-4$|^claude-4-sonnet",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 6] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-sonnet-4-5",
    "match": "^claude-sonnet-4-5|^claude-sonnet-4\\.5",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 6], "above": 200000, "long": [6, 22.5, 0.6, 7.5, 12] }]
  },
  {
    "provider": "anthropic",
    "id": "claude-sonnet-4-6",
    "match": "^claude-sonnet-4-6|^claude-sonnet-4\\.6",
    "window": 1000000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 6], "above": 200000, "long": [6, 22.5, 0.6, 7.5, 12] }, {
      "from": "2026-03-13",
      "rates": [3, 15, 0.3, 3.75, 6]
    }]
  },
  {
    "provider": "anthropic",
    "id": "claude-sonnet-5",
    "match": "^claude-sonnet-5|^claude-sonnet-5\\.0|^claude-5-sonnet|^claude-5\\.0-sonnet",
    "window": 1000000,
    "prices": [{ "rates": [2, 10, 0.2, 2.5, 4] }]
  },
  { "provider": "anthropic", "id": "claude-v1", "match": "^claude-v1$", "prices": [{ "rates": [8, 24, 8, 8, 8] }] },
  {
    "provider": "openai",
    "id": "ada",
    "match": "^ada$|^text-ada-001$",
    "prices": [{ "rates": [0.4, 0.4, 0.4, 0.4, 0.4] }]
  },
  { "provider": "openai", "id": "babbage", "match": "^babbage$", "prices": [{ "rates": [0.5, 0.5, 0.5, 0.5, 0.5] }] },
  {
    "provider": "openai",
    "id": "chatgpt-4o-latest",
    "match": "^chatgpt-4o-latest$",
    "window": 128000,
    "prices": [{ "rates": [5, 15, 5, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "codex-mini",
    "match": "^codex-mini$|^codex-mini-latest$",
    "window": 200000,
    "prices": [{ "rates": [1.5, 6, 0.375, 1.5, 1.5] }]
  },
  {
    "provider": "openai",
    "id": "computer-use",
    "match": "^computer-use",
    "window": 8192,
    "prices": [{ "rates": [3, 12, 3, 3, 3] }]
  },
  {
    "provider": "openai",
    "id": "curie",
    "match": "^curie$|^text-curie-001$",
    "prices": [{ "rates": [2, 2, 2, 2, 2] }]
  },
  {
    "provider": "openai",
    "id": "davinci",
    "match": "^davinci$|^text-davinci-001$",
    "prices": [{ "rates": [20, 20, 20, 20, 20] }]
  },
  {
    "provider": "openai",
    "id": "ft:gpt-3.5-turbo-",
    "match": "^ft:gpt-3\\.5-turbo",
    "prices": [{ "rates": [3, 6, 3, 3, 3] }]
  },
  {
    "provider": "openai",
    "id": "ft:gpt-4o",
    "match": "^ft:gpt-4o-2024-",
    "prices": [{ "rates": [3.75, 15, 3.75, 3.75, 3.75] }]
  },
  {
    "provider": "openai",
    "id": "ft:gpt-4o-mini",
    "match": "^ft:gpt-4o-mini-2024-",
    "prices": [{ "rates": [0.3, 1.2, 0.3, 0.3, 0.3] }]
  },
  {
    "provider": "openai",
    "id": "gpt-3.5-0301",
    "match": "^gpt-3\\.5-turbo-0301$|^gpt-3\\.5-0301$",
    "prices": [{ "rates": [1.5, 2, 1.5, 1.5, 1.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-3.5-turbo",
    "match": "^gpt-3\\.5-turbo$|^gpt-35-turbo$|^gpt-3\\.5-turbo-0125$",
    "window": 16385,
    "prices": [{ "rates": [0.5, 1.5, 0.5, 0.5, 0.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-3.5-turbo-0613",
    "match": "^gpt-3\\.5-turbo-0613$",
    "window": 16385,
    "prices": [{ "rates": [1.5, 2, 1.5, 1.5, 1.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-3.5-turbo-1106",
    "match": "^gpt-3\\.5-turbo-1106$",
    "window": 16385,
    "prices": [{ "rates": [1, 2, 1, 1, 1] }]
  },
  {
    "provider": "openai",
    "id": "gpt-3.5-turbo-16k",
    "match": "^gpt-3\\.5-turbo-16k$|^gpt-3\\.5-turbo-16k-0613$|^gpt-35-turbo-16k-0613$|^gpt-35-turbo-16k$",
    "window": 16385,
    "prices": [{ "rates": [3, 4, 3, 3, 3] }]
  },
  {
    "provider": "openai",
    "id": "gpt-3.5-turbo-instruct",
    "match": "^gpt-3\\.5-turbo-instruct|^gpt-3\\.5-turbo-instruct-0914$",
    "window": 16385,
    "prices": [{ "rates": [1.5, 2, 1.5, 1.5, 1.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4",
    "match": "^gpt-4$|^gpt-4-0314$|^gpt-4-0613$|^ft:gpt-4-0",
    "window": 8192,
    "prices": [{ "rates": [30, 60, 30, 30, 30] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4-32k",
    "match": "^gpt-4-32k$|^gpt-4-32k-0314$|^gpt-4-32k-0613$",
    "window": 32000,
    "prices": [{ "rates": [60, 120, 60, 60, 60] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4-turbo",
    "match":
      "^gpt-4-turbo$|^gpt-4-turbo-2024-04-09$|^gpt-4-turbo-0125-preview$|^gpt-4-0125-preview$|^gpt-4-1106-preview$|^gpt-4-turbo-preview$",
    "window": 128000,
    "prices": [{ "rates": [10, 30, 10, 10, 10] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4-vision-preview",
    "match": "^gpt-4-vision-preview$|^gpt-4-1106-vision-preview$",
    "window": 128000,
    "prices": [{ "rates": [10, 30, 10, 10, 10] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4.1",
    "match": "^gpt-4\\.1$|^gpt-4\\.1-2025-04-14$",
    "window": 1000000,
    "prices": [{ "rates": [2, 8, 0.5, 2, 2] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4.1-mini",
    "match": "^gpt-4\\.1-mini$|^gpt-4\\.1-mini-2025-04-14$",
    "window": 1000000,
    "prices": [{ "rates": [0.4, 1.6, 0.1, 0.4, 0.4] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4.1-nano",
    "match": "^gpt-4\\.1-nano$|^gpt-4\\.1-nano-2025-04-14$",
    "window": 1000000,
    "prices": [{ "rates": [0.1, 0.4, 0.025, 0.1, 0.1] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4.5-preview",
    "match": "^gpt-4\\.5-preview",
    "prices": [{ "rates": [75, 150, 37.5, 75, 75] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o",
    "match": "^gpt-4o$|^gpt-4o-2024-08-06$|^gpt-4o-2024-11-20$",
    "window": 128000,
    "prices": [{ "rates": [2.5, 10, 1.25, 2.5, 2.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-2024-05-13",
    "match": "^gpt-4o-2024-05-13$",
    "window": 128000,
    "prices": [{ "rates": [5, 15, 5, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-audio-preview",
    "match": "^gpt-4o-audio-preview",
    "window": 128000,
    "prices": [{ "rates": [2.5, 10, 2.5, 2.5, 2.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-mini",
    "match":
      "^gpt-4o-mini$|^gpt-4o-mini-2024-07-18$|^gpt-4o-mini-search-preview$|^gpt-4o-mini-search-preview-2025-03-11$",
    "window": 128000,
    "prices": [{ "rates": [0.15, 0.6, 0.075, 0.15, 0.15] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-mini-2024-07-18.ft-",
    "match": "^gpt-4o-mini-2024-07-18\\.ft-",
    "prices": [{ "rates": [0.3, 1.2, 0.3, 0.3, 0.3] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-mini-audio-preview",
    "match": "^gpt-4o-mini-audio",
    "window": 128000,
    "prices": [{ "rates": [0.15, 0.6, 0.15, 0.15, 0.15] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-mini-realtime-preview",
    "match": "^gpt-4o-mini-realtime",
    "window": 16000,
    "prices": [{ "rates": [0.6, 2.4, 0.3, 0.6, 0.6] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-mini-transcribe",
    "match": "^gpt-4o-mini-transcribe$",
    "window": 16000,
    "prices": [{ "rates": [1.25, 5, 1.25, 1.25, 1.25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-mini-tts",
    "match": "^gpt-4o-mini-tts$",
    "prices": [{ "rates": [0.6, 12, 0.6, 0.6, 0.6] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-realtime-preview",
    "match": "^gpt-4o-realtime",
    "window": 32000,
    "prices": [{ "rates": [5, 20, 2.5, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-search-preview",
    "match": "^gpt-4o-search-preview$|^gpt-4o-search-preview-2025-03-11$",
    "window": 128000,
    "prices": [{ "rates": [2.5, 10, 2.5, 2.5, 2.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o-transcribe",
    "match": "^gpt-4o-transcribe$|^gpt-4o-transcribe-diarize$",
    "window": 16000,
    "prices": [{ "rates": [2.5, 10, 2.5, 2.5, 2.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-4o:extended",
    "match": "^gpt-4o:extended$",
    "prices": [{ "rates": [6, 18, 6, 6, 6] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5",
    "match": "^gpt-5$|^gpt-5-2025-08-07$|^gpt-5-chat$|^gpt-5-chat-latest$|^gpt-5-codex$",
    "window": 400000,
    "prices": [{ "rates": [1.25, 10, 0.125, 1.25, 1.25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5-image",
    "match": "^gpt-5-image$",
    "prices": [{ "rates": [10, 10, 1.25, 10, 10] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5-image-mini",
    "match": "^gpt-5-image-mini$",
    "prices": [{ "rates": [2.5, 2, 0.25, 2.5, 2.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5-mini",
    "match": "^gpt-5-mini$|^gpt-5-mini-2025-08-07$",
    "window": 400000,
    "prices": [{ "rates": [0.25, 2, 0.025, 0.25, 0.25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5-nano",
    "match": "^gpt-5-nano$|^gpt-5-nano-",
    "window": 400000,
    "prices": [{ "rates": [0.05, 0.4, 0.005, 0.05, 0.05] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5-pro",
    "match": "^gpt-5-pro$|^gpt-5-pro-2025-10-06$",
    "window": 400000,
    "prices": [{ "rates": [15, 120, 15, 15, 15] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.1",
    "match":
      "^gpt-5\\.1$|^gpt-5\\.1-2025-11-13$|^gpt-5\\.1-codex$|^gpt-5\\.1-codex-max$|^gpt-5\\.1-chat$|^gpt-5\\.1-chat-latest$|^gpt-5-1$|^gpt-5-1-2025-11-13$|^gpt-5-1-codex$|^gpt-5-1-codex-max$|^gpt-5-1-chat$|^gpt-5-1-chat-latest$",
    "window": 400000,
    "prices": [{ "rates": [1.25, 10, 0.125, 1.25, 1.25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.1-codex-mini",
    "match": "^gpt-5\\.1-codex-mini$|^gpt-5\\.1-mini$|^gpt-5-1-codex-mini$|^gpt-5-1-mini$",
    "window": 400000,
    "prices": [{ "rates": [0.25, 2, 0.025, 0.25, 0.25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.2",
    "match":
      "^gpt-5\\.2$|^gpt-5\\.2-2025-12-11$|^gpt-5-2$|^gpt-5-2-2025-12-11$|^gpt-5\\.2-chat$|^gpt-5\\.2-chat-latest$|^gpt-5-2-chat$|^gpt-5-2-chat-latest$|^gpt-5\\.2-codex$|^gpt-5-2-codex$",
    "window": 400000,
    "prices": [{ "rates": [1.75, 14, 0.175, 1.75, 1.75] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.2-pro",
    "match": "^gpt-5\\.2-pro$|^gpt-5\\.2-pro-2025-12-11$|^gpt-5-2-pro-2025-12-11$",
    "window": 400000,
    "prices": [{ "rates": [21, 168, 21, 21, 21] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.3",
    "match": "^gpt-5\\.3$|^gpt-5-3$|^gpt-5\\.3-chat$|^gpt-5\\.3-chat-latest$|^gpt-5-3-chat$|^gpt-5-3-chat-latest$",
    "window": 128000,
    "prices": [{ "rates": [1.75, 14, 0.175, 1.75, 1.75] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.3-codex",
    "match": "^gpt-5\\.3-codex$|^gpt-5-3-codex$",
    "window": 400000,
    "prices": [{ "rates": [1.75, 14, 0.175, 1.75, 1.75] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.4",
    "match": "^gpt-5\\.4$|^gpt-5\\.4-2026-03-05$|^gpt-5-4$|^gpt-5-4-2026-03-05$",
    "window": 1050000,
    "prices": [{ "rates": [2.5, 15, 0.25, 2.5, 2.5], "above": 271999, "long": [5, 22.5, 0.5, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.4-image-2",
    "match": "^gpt-5\\.4-image-2$",
    "prices": [{ "rates": [8, 15, 2, 8, 8] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.4-mini",
    "match": "^gpt-5\\.4-mini$|^gpt-5\\.4-mini-2026-03-17$|^gpt-5-4-mini$|^gpt-5-4-mini-2026-03-17$",
    "window": 400000,
    "prices": [{ "rates": [0.75, 4.5, 0.075, 0.75, 0.75] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.4-nano",
    "match": "^gpt-5\\.4-nano$|^gpt-5\\.4-nano-2026-03-17$|^gpt-5-4-nano$|^gpt-5-4-nano-2026-03-17$",
    "window": 400000,
    "prices": [{ "rates": [0.2, 1.25, 0.02, 0.2, 0.2] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.4-pro",
    "match": "^gpt-5\\.4-pro$|^gpt-5\\.4-pro-2026-03-05$|^gpt-5-4-pro$|^gpt-5-4-pro-2026-03-05$",
    "window": 1050000,
    "prices": [{ "rates": [30, 180, 30, 30, 30], "above": 271999, "long": [60, 270, 60, 60, 60] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.5",
    "match":
      "^gpt-5\\.5$|^gpt-5\\.5-2026-04-23$|^gpt-5\\.5-2026-04-24$|^gpt-5-5$|^gpt-5-5-2026-04-23$|^gpt-5-5-2026-04-24$|^gpt-5\\.5-chat$|^gpt-5\\.5-chat-latest$|^gpt-5-5-chat$|^gpt-5-5-chat-latest$|^gpt-5\\.5-codex$|^gpt-5-5-codex$",
    "window": 1000000,
    "prices": [{ "rates": [5, 30, 0.5, 5, 5], "above": 271999, "long": [10, 45, 1, 10, 10] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.5-pro",
    "match": "^gpt-5\\.5-pro$|^gpt-5\\.5-pro-2026-04-23$|^gpt-5-5-pro$|^gpt-5-5-pro-2026-04-23$",
    "window": 1000000,
    "prices": [{ "rates": [30, 180, 30, 30, 30], "above": 271999, "long": [60, 270, 60, 60, 60] }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.6-luna",
    "match":
      "^gpt-5\\.6-luna$|^gpt-5-6-luna$|^gpt-5\\.6-luna-\\d{4}-\\d{2}-\\d{2}$|^gpt-5-6-luna-\\d{4}-\\d{2}-\\d{2}$",
    "window": 1050000,
    "prices": [{ "rates": [1, 6, 0.1, 1.25, 1.25], "above": 271999, "long": [2, 9, 0.2, 2.5, 2.5] }, {
      "from": "2026-07-30",
      "rates": [0.2, 1.2, 0.02, 0.25, 0.25],
      "above": 271999,
      "long": [0.4, 1.8, 0.04, 0.5, 0.5]
    }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.6-sol",
    "match":
      "^gpt-5\\.6-sol$|^gpt-5-6-sol$|^gpt-5\\.6$|^gpt-5-6$|^gpt-5\\.6-sol-\\d{4}-\\d{2}-\\d{2}$|^gpt-5-6-sol-\\d{4}-\\d{2}-\\d{2}$",
    "window": 1050000,
    "prices": [{ "rates": [5, 30, 0.5, 6.25, 6.25], "above": 271999, "long": [10, 45, 1, 12.5, 12.5] }, {
      "from": "2026-08-21",
      "rates": [4, 20, 0.4, 5, 5],
      "above": 271999,
      "long": [8, 30, 0.8, 10, 10]
    }]
  },
  {
    "provider": "openai",
    "id": "gpt-5.6-terra",
    "match":
      "^gpt-5\\.6-terra$|^gpt-5-6-terra$|^gpt-5\\.6-terra-\\d{4}-\\d{2}-\\d{2}$|^gpt-5-6-terra-\\d{4}-\\d{2}-\\d{2}$",
    "window": 1050000,
    "prices": [{ "rates": [2.5, 15, 0.25, 3.125, 3.125], "above": 271999, "long": [5, 22.5, 0.5, 6.25, 6.25] }, {
      "from": "2026-07-30",
      "rates": [2, 12, 0.2, 2.5, 2.5],
      "above": 271999,
      "long": [4, 18, 0.4, 5, 5]
    }]
  },
  {
    "provider": "openai",
    "id": "gpt-6-astra",
    "match": "^gpt-6-astra$|^gpt-6-astra-\\d{4}-\\d{2}-\\d{2}$",
    "window": 1050000,
    "prices": [{ "rates": [10, 50, 1, 12.5, 12.5], "above": 271999, "long": [20, 75, 2, 25, 25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-6-luna",
    "match": "^gpt-6-luna$|^gpt-6-luna-\\d{4}-\\d{2}-\\d{2}$",
    "window": 1050000,
    "prices": [{ "rates": [0.1, 0.5, 0.01, 0.125, 0.125], "above": 272000, "long": [0.2, 0.75, 0.02, 0.25, 0.25] }]
  },
  {
    "provider": "openai",
    "id": "gpt-6-sol",
    "match": "^gpt-6-sol$|^gpt-6-sol-\\d{4}-\\d{2}-\\d{2}$",
    "window": 1050000,
    "prices": [{ "rates": [2, 10, 0.2, 2.5, 2.5], "above": 272000, "long": [4, 15, 0.4, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-audio",
    "match": "^gpt-audio$|^gpt-audio-2025-08-28$|^gpt-audio-1\\.5$",
    "window": 128000,
    "prices": [{ "rates": [2.5, 10, 2.5, 2.5, 2.5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-audio-mini",
    "match": "^gpt-audio-mini$|^gpt-audio-mini-2025-10-06$|^gpt-audio-mini-2025-12-15$",
    "window": 128000,
    "prices": [{ "rates": [0.6, 2.4, 0.6, 0.6, 0.6] }]
  },
  {
    "provider": "openai",
    "id": "gpt-chat-latest",
    "match": "^gpt-chat-latest$",
    "prices": [{ "rates": [5, 30, 0.5, 5, 5] }]
  },
  { "provider": "openai", "id": "gpt-image-1", "match": "^gpt-image-1$", "prices": [{ "rates": [5, 40, 1.25, 5, 5] }] },
  {
    "provider": "openai",
    "id": "gpt-image-1-mini",
    "match": "^gpt-image-1-mini$",
    "prices": [{ "rates": [2, 8, 0.2, 2, 2] }]
  },
  {
    "provider": "openai",
    "id": "gpt-image-1.5",
    "match": "^gpt-image-1\\.5$|^gpt-image-1\\.5-2025-12-16$",
    "prices": [{ "rates": [5, 10, 1.25, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-image-2",
    "match": "^gpt-image-2$|^gpt-image-2-2026-04-21$",
    "prices": [{ "rates": [5, 30, 1.25, 5, 5] }]
  },
  {
    "provider": "openai",
    "id": "gpt-oss-120b",
    "match": "^gpt-oss-120b$",
    "window": 131072,
    "prices": [{ "rates": [0.039, 0.18, 0.039, 0.039, 0.039] }]
  },
  {
    "provider": "openai",
    "id": "gpt-oss-20b",
    "match": "^gpt-oss-20b$",
    "window": 131072,
    "prices": [{ "rates": [0.029, 0.14, 0.029, 0.029, 0.029] }]
  },
  {
    "provider": "openai",
    "id": "gpt-oss-safeguard-20b",
    "match": "^gpt-oss-safeguard-20b$",
    "window": 131072,
    "prices": [{ "rates": [0.075, 0.3, 0.037, 0.075, 0.075] }]
  },
  {
    "provider": "openai",
    "id": "gpt-realtime",
    "match": "^gpt-realtime$|^gpt-realtime-2025-08-28$|^gpt-realtime-1\\.5$",
    "window": 32000,
    "prices": [{ "rates": [4, 16, 0.4, 4, 4] }]
  },
  {
    "provider": "openai",
    "id": "gpt-realtime-2",
    "match": "^gpt-realtime-2$|^gpt-realtime-2\\.1$",
    "window": 128000,
    "prices": [{ "rates": [4, 24, 0.4, 4, 4] }]
  },
  {
    "provider": "openai",
    "id": "gpt-realtime-mini",
    "match":
      "^gpt-realtime-mini$|^gpt-realtime-2\\.1-mini$|^gpt-realtime-mini-2025-12-15$|^gpt-realtime-mini-2025-10-06$",
    "prices": [{ "rates": [0.6, 2.4, 0.06, 0.6, 0.6] }]
  },
  {
    "provider": "openai",
    "id": "o1",
    "match": "^o1$|^o1-2024-12-17$",
    "window": 200000,
    "prices": [{ "rates": [15, 60, 7.5, 15, 15] }]
  },
  {
    "provider": "openai",
    "id": "o1-mini",
    "match": "^o1-mini$|^o1-mini-2024-09-12$",
    "window": 128000,
    "prices": [{ "rates": [1.1, 4.4, 0.55, 1.1, 1.1] }]
  },
  {
    "provider": "openai",
    "id": "o1-preview",
    "match": "^o1-preview$|^o1-preview-2024-09-12$",
    "window": 128000,
    "prices": [{ "rates": [15, 60, 7.5, 15, 15] }]
  },
  {
    "provider": "openai",
    "id": "o1-pro",
    "match": "^o1-pro$|^o1-pro-2025-03-19$",
    "window": 200000,
    "prices": [{ "rates": [150, 600, 150, 150, 150] }]
  },
  {
    "provider": "openai",
    "id": "o3",
    "match": "^o3$|^o3-2025-04-16$",
    "window": 200000,
    "prices": [{ "rates": [10, 40, 0.5, 10, 10] }, { "from": "2025-06-10", "rates": [2, 8, 0.5, 2, 2] }]
  },
  {
    "provider": "openai",
    "id": "o3-deep-research",
    "match": "^o3-deep-research$|^o3-deep-research-2025-06-26$",
    "window": 200000,
    "prices": [{ "rates": [10, 40, 2.5, 10, 10] }]
  },
  {
    "provider": "openai",
    "id": "o3-mini",
    "match": "^o3-mini$|^o3-mini-2025-01-31$|^o3-mini-high$",
    "window": 200000,
    "prices": [{ "rates": [1.1, 4.4, 0.55, 1.1, 1.1] }]
  },
  {
    "provider": "openai",
    "id": "o3-pro",
    "match": "^o3-pro$|^o3-pro-2025-06-10$",
    "window": 200000,
    "prices": [{ "rates": [20, 80, 20, 20, 20] }]
  },
  {
    "provider": "openai",
    "id": "o4-mini",
    "match": "^o4-mini-2025-04-16$|^o4-mini-high$|^o4-mini$",
    "window": 200000,
    "prices": [{ "rates": [1.1, 4.4, 0.275, 1.1, 1.1] }]
  },
  {
    "provider": "openai",
    "id": "o4-mini-deep-research",
    "match": "^o4-mini-deep-research$|^o4-mini-deep-research-2025-06-26$",
    "window": 200000,
    "prices": [{ "rates": [2, 8, 0.5, 2, 2] }]
  },
  {
    "provider": "openai",
    "id": "text-davinci-002",
    "match": "^text-davinci-002$",
    "prices": [{ "rates": [20, 20, 20, 20, 20] }]
  },
  {
    "provider": "openai",
    "id": "text-davinci-003",
    "match": "^text-davinci-003$",
    "prices": [{ "rates": [20, 20, 20, 20, 20] }]
  },
  {
    "provider": "google",
    "id": "claude-3-5-haiku",
    "match": "claude-3-5-haiku",
    "window": 200000,
    "prices": [{ "rates": [0.8, 4, 0.08, 1, 1] }]
  },
  {
    "provider": "google",
    "id": "claude-3-5-sonnet",
    "match": "claude-3-5-sonnet",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 3.75] }]
  },
  {
    "provider": "google",
    "id": "claude-3-7-sonnet",
    "match": "claude-3-7-sonnet",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 3.75] }]
  },
  {
    "provider": "google",
    "id": "claude-3-haiku",
    "match": "claude-3-haiku",
    "window": 200000,
    "prices": [{ "rates": [0.25, 1.25, 0.03, 0.3, 0.3] }]
  },
  {
    "provider": "google",
    "id": "claude-3-opus",
    "match": "claude-3-opus",
    "window": 200000,
    "prices": [{ "rates": [15, 75, 1.5, 18.75, 18.75] }]
  },
  {
    "provider": "google",
    "id": "claude-4-opus",
    "match": "claude-4-opus|claude-opus-4@|claude-opus-4-0|claude-opus-4-1|^claude-opus-4$",
    "window": 200000,
    "prices": [{ "rates": [15, 75, 1.5, 18.75, 18.75] }]
  },
  {
    "provider": "google",
    "id": "claude-4-sonnet",
    "match":
      "claude-4-sonnet|claude-sonnet-4-0|claude-sonnet-4@|claude-sonnet-4-2025|^claude-sonnet-4$|^anthropic\\/claude-sonnet-4$",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 3.75] }]
  },
  {
    "provider": "google",
    "id": "claude-fable-5",
    "match": "claude-fable-5$|claude-fable-5@",
    "window": 1000000,
    "prices": [{ "rates": [10, 50, 1, 12.5, 12.5] }]
  },
  {
    "provider": "google",
    "id": "claude-fable-5-1",
    "match": "claude-fable-5-1$|claude-fable-5-1@",
    "window": 1000000,
    "prices": [{ "rates": [10, 50, 0.25, 12.5, 12.5] }]
  },
  {
    "provider": "google",
    "id": "claude-opus-4-6",
    "match": "claude-4-6-opus|claude-opus-4-6|claude-4\\.6-opus|claude-opus-4\\.6",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 6.25], "above": 200000, "long": [10, 37.5, 1, 12.5, 12.5] }]
  },
  {
    "provider": "google",
    "id": "claude-opus-4-7",
    "match": "claude-4-7-opus|claude-opus-4-7|claude-4\\.7-opus|claude-opus-4\\.7",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 6.25] }]
  },
  {
    "provider": "google",
    "id": "claude-opus-4-8",
    "match": "claude-4-8-opus|claude-opus-4-8|claude-4\\.8-opus|claude-opus-4\\.8",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 6.25] }]
  },
  {
    "provider": "google",
    "id": "claude-opus-5",
    "match": "claude-5-opus|claude-opus-5$|claude-opus-5@|claude-5\\.0-opus|claude-opus-5\\.0",
    "window": 1000000,
    "prices": [{ "rates": [5, 25, 0.5, 6.25, 6.25] }]
  },
  {
    "provider": "google",
    "id": "claude-opus-5-5",
    "match": "claude-5-5-opus|claude-opus-5-5$|claude-opus-5-5@|claude-5\\.5-opus|claude-opus-5\\.5",
    "window": 1000000,
    "prices": [{ "rates": [4, 20, 0.2, 5, 5] }]
  },
  {
    "provider": "google",
    "id": "claude-sonnet-4-5",
    "match": "claude-sonnet-4-5|claude-sonnet-4\\.5",
    "window": 200000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 3.75], "above": 200000, "long": [6, 22.5, 0.6, 7.5, 7.5] }]
  },
  {
    "provider": "google",
    "id": "claude-sonnet-4-6",
    "match": "claude-sonnet-4-6|claude-sonnet-4\\.6",
    "window": 1000000,
    "prices": [{ "rates": [3, 15, 0.3, 3.75, 3.75] }]
  },
  {
    "provider": "google",
    "id": "gemini-1.0-pro-vision-001",
    "match": "^gemini-1\\.0-pro-vision-001$",
    "window": 32768,
    "prices": [{ "rates": [0.125, 0.375, 0.125, 0.125, 0.125] }]
  },
  {
    "provider": "google",
    "id": "gemini-1.5-flash",
    "match": "gemini-1\\.5-flash",
    "window": 1000000,
    "prices": [{
      "rates": [0.075, 0.3, 0.01875, 0.075, 0.075],
      "above": 128000,
      "long": [0.15, 0.6, 0.0375, 0.15, 0.15]
    }]
  },
  {
    "provider": "google",
    "id": "gemini-1.5-pro",
    "match": "gemini-1\\.5-pro",
    "window": 1000000,
    "prices": [{ "rates": [1.25, 5, 1.25, 1.25, 1.25], "above": 128000, "long": [2.5, 10, 2.5, 2.5, 2.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.0-flash",
    "match":
      "gemini-2\\.0-flash$|gemini-2\\.0-flash-0|gemini-2\\.0-flash-exp|gemini-2\\.0-flash-thinking|gemini-2\\.0-flash-latest",
    "window": 1000000,
    "prices": [{ "rates": [0.1, 0.4, 0.025, 0.1, 0.1] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.0-flash-lite",
    "match": "gemini-2\\.0-flash-lite",
    "window": 1000000,
    "prices": [{ "rates": [0.075, 0.3, 0.075, 0.075, 0.075] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-flash",
    "match": "^gemini-2\\.5-flash$|^gemini-2\\.5-flash-latest$|^gemini-2\\.5-flash-preview-09-2025$",
    "window": 1048576,
    "prices": [{ "rates": [0.3, 2.5, 0.03, 0.3, 0.3] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-flash-image",
    "match": "^gemini-2\\.5-flash-image$|^gemini-2\\.5-flash-image-preview$",
    "window": 1000000,
    "prices": [{ "rates": [0.3, 2.5, 0.3, 0.3, 0.3] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-flash-lite",
    "match": "^gemini-2\\.5-flash-lite$|^(?=^gemini-2\\.5-flash-lite-preview)(?=^(?!.*-[tT][tT][sS](?:$|-)))",
    "window": 1000000,
    "prices": [{ "rates": [0.1, 0.4, 0.01, 0.1, 0.1] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-flash-lite-preview-tts",
    "match": "^gemini-2\\.5-flash-lite-preview-tts$",
    "window": 8192,
    "prices": [{ "rates": [0.5, 10, 0.5, 0.5, 0.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-flash-preview",
    "match":
      "gemini-2\\.5-flash-preview-05-20|gemini-2\\.5-flash-preview-04-17|^gemini-2\\.5-flash-preview-05-20:thinking$|^gemini-2\\.5-flash-preview$|^gemini-2\\.5-flash-preview:thinking$",
    "prices": [{ "rates": [0.15, 0.6, 0.15, 0.15, 0.15] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-flash-tts",
    "match": "^gemini-2\\.5-flash-tts$|^gemini-2\\.5-flash-preview-tts$",
    "window": 8192,
    "prices": [{ "rates": [0.5, 10, 0.5, 0.5, 0.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-pro",
    "match": "^(?=^gemini-2\\.5-pro)(?=^(?!.*-[tT][tT][sS](?:$|-)))",
    "prices": [{ "rates": [1.25, 10, 0.125, 1.25, 1.25], "above": 200000, "long": [2.5, 15, 0.25, 2.5, 2.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-2.5-pro-tts",
    "match": "^gemini-2\\.5-pro-tts$|^gemini-2\\.5-pro-preview-tts$",
    "window": 8192,
    "prices": [{ "rates": [1, 20, 1, 1, 1] }]
  },
  {
    "provider": "google",
    "id": "gemini-3-flash-preview",
    "match": "^gemini-3-flash-preview$|^gemini-3-flash-preview-",
    "window": 1000000,
    "prices": [{ "rates": [0.5, 3, 0.05, 0.5, 0.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-3-pro-image-preview",
    "match": "^gemini-3-pro-image$|^gemini-3-pro-image-preview",
    "window": 1000000,
    "prices": [{ "rates": [2, 12, 2, 2, 2] }]
  },
  {
    "provider": "google",
    "id": "gemini-3-pro-preview",
    "match": "^gemini-3-pro-preview|^gemini-3-pro-text-preview$",
    "prices": [{ "rates": [2, 12, 0.2, 2, 2], "above": 200000, "long": [4, 18, 0.4, 4, 4] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.1-flash-image-preview",
    "match": "^gemini-3\\.1-flash-image$|^gemini-3\\.1-flash-image-preview",
    "window": 1000000,
    "prices": [{ "rates": [0.5, 3, 0.5, 0.5, 0.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.1-flash-lite",
    "match": "^gemini-3\\.1-flash-lite$|^gemini-3\\.1-flash-lite-preview",
    "window": 1000000,
    "prices": [{ "rates": [0.25, 1.5, 0.025, 0.25, 0.25] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.1-flash-lite-image",
    "match": "^gemini-3\\.1-flash-lite-image",
    "prices": [{ "rates": [0.25, 1.5, 0.25, 0.25, 0.25] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.1-flash-live-preview",
    "match": "^gemini-3\\.1-flash-live-preview",
    "prices": [{ "rates": [0.75, 4.5, 0.75, 0.75, 0.75] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.1-pro-preview",
    "match": "^gemini-3\\.1-pro-preview",
    "prices": [{ "rates": [2, 12, 0.2, 2, 2], "above": 200000, "long": [4, 18, 0.4, 4, 4] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.5-flash",
    "match": "^gemini-3\\.5-flash$|^gemini-3\\.5-flash-preview|^gemini-3\\.5-flash-\\d",
    "window": 1000000,
    "prices": [{ "rates": [1.5, 9, 0.15, 1.5, 1.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.5-flash-lite",
    "match": "^gemini-3\\.5-flash-lite",
    "window": 1000000,
    "prices": [{ "rates": [0.3, 2.5, 0.03, 0.3, 0.3] }]
  },
  {
    "provider": "google",
    "id": "gemini-3.6-flash",
    "match": "^gemini-3\\.6-flash",
    "window": 1000000,
    "prices": [{ "rates": [0.75, 3.75, 0.075, 0.75, 0.75] }, {
      "from": "2027-01-01",
      "rates": [1.5, 7.5, 0.15, 1.5, 1.5]
    }]
  },
  {
    "provider": "google",
    "id": "gemini-3.7-flash",
    "match": "^gemini-3\\.7-flash",
    "window": 1000000,
    "prices": [{ "rates": [0.75, 3.75, 0.075, 0.75, 0.75] }, {
      "from": "2027-01-01",
      "rates": [1.5, 7.5, 0.15, 1.5, 1.5]
    }]
  },
  {
    "provider": "google",
    "id": "gemini-3.8-flash",
    "match": "^gemini-3\\.8-flash",
    "window": 1000000,
    "prices": [{ "rates": [0.75, 3.75, 0.075, 0.75, 0.75] }, {
      "from": "2027-01-01",
      "rates": [1.5, 7.5, 0.15, 1.5, 1.5]
    }]
  },
  {
    "provider": "google",
    "id": "gemini-flash-1.5",
    "match": "^gemini-flash-1\\.5$",
    "prices": [{
      "rates": [0.075, 0.3, 0.01875, 0.075, 0.075],
      "above": 128000,
      "long": [0.15, 0.6, 0.0375, 0.15, 0.15]
    }]
  },
  {
    "provider": "google",
    "id": "gemini-flash-1.5-8b",
    "match": "^gemini-flash-1\\.5-8b$",
    "window": 1000000,
    "prices": [{
      "rates": [0.0375, 0.15, 0.01, 0.0375, 0.0375],
      "above": 128000,
      "long": [0.075, 0.3, 0.02, 0.075, 0.075]
    }]
  },
  {
    "provider": "google",
    "id": "gemini-live-2.5-flash",
    "match":
      "^gemini-live-2\\.5-flash|^gemini-2\\.5-flash-native-audio-preview|^gemini-2\\.5-flash-native-audio-latest$",
    "prices": [{ "rates": [0.5, 2, 0.5, 0.5, 0.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-omni-flash-preview",
    "match": "^gemini-omni-flash-preview",
    "prices": [{ "rates": [1.5, 9, 1.5, 1.5, 1.5] }]
  },
  {
    "provider": "google",
    "id": "gemini-pro",
    "match": "^gemini-pro$|^gemini-1\\.0-pro$",
    "window": 32768,
    "prices": [{ "rates": [0.125, 0.375, 0.125, 0.125, 0.125] }]
  },
  {
    "provider": "google",
    "id": "gemini-pro-1.5",
    "match": "^gemini-pro-1\\.5$",
    "window": 2000000,
    "prices": [{ "rates": [1.25, 5, 0.3125, 1.25, 1.25], "above": 128000, "long": [2.5, 10, 0.625, 2.5, 2.5] }]
  },
  {
    "provider": "google",
    "id": "gemma-2-27b-it",
    "match": "^gemma-2-27b-it$",
    "prices": [{ "rates": [0.65, 0.65, 0.65, 0.65, 0.65] }]
  },
  {
    "provider": "google",
    "id": "gemma-4-26b-a4b-it-maas",
    "match": "^gemma-4-26b-a4b-it-maas$",
    "window": 262144,
    "prices": [{ "rates": [0.15, 0.6, 0.015, 0.15, 0.15] }]
  }
]
