// Types of page-inbox.js. Answers and queries: answers.d.ts, made from /openapi.json.

import type {
  Address,
  Comment,
  Conversation,
  Conversations,
  Customer,
  Erased,
  FetchCommentsQuery,
  FetchConversationMessagesQuery,
  FetchConversationsQuery,
  FetchLiveCommentsQuery,
  FetchLiveVideosQuery,
  FetchPostsQuery,
  FetchRepliesQuery,
  FetchVideosQuery,
  Gap,
  GraphConversation,
  GraphMessage,
  ListConversationsQuery,
  ListMessagesQuery,
  Live,
  LiveVideo,
  MarkChange,
  Marked,
  Message,
  Messages,
  NamedCustomers,
  Page,
  Post,
  PurgeEvent,
  Ready,
  Reason,
  Receipt,
  Shop,
  Video,
} from "./answers.js";

export type * from "./answers.js";

/** An error of a call: what the service answered, or that there was no answer. */
export class Problem extends Error {
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** The service's slug; without an answer `offline`, `no_answer` or `token_unavailable`. */
  readonly reason: Reason | "offline" | "no_answer" | "token_unavailable" | (string & {});
  readonly requestId: string;
  /** Seconds that the service asks to wait; 0 where it says nothing. */
  readonly retryAfter: number;
  /** Whether the same call can succeed a little later without a change. */
  readonly transient: boolean;
}

export interface Options {
  /** The service's origin, for example `https://inbox.example`. */
  url: string;
  shop: string;
  /**
   * A token, or a callback that gives one. The callback is called again with a Problem when the token has ended or is
   * refused. It returns null where there is no other token.
   */
  token: string | ((refused?: Problem) => string | null | undefined | Promise<string | null | undefined>);
  /** Milliseconds for which a read is repeated while its error is transient; 30,000 without it. */
  patience?: number;
  /** Milliseconds without a byte after which a stream counts as lost; 45,000 without it. */
  silence?: number;
  /** Is called with each answer. */
  onAnswer?: (answer: Response) => void;
  /** For tests: in place of the platform's own. */
  fetch?: typeof fetch;
  random?: () => number;
  wait?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

export interface CallOptions {
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds until the answer must begin; 0 for no limit. 20,000 without it. */
  timeout?: number;
}

interface Event<Type extends string, Data> {
  type: Type;
  /** Empty where the stream cannot resume after this event. */
  id: string;
  data: Data;
  /** Whether to read again what you show; later changes come as events. */
  reload: boolean;
}

/** An event of the stream. Later releases can have further kinds: pass over those that you do not know. */
export type StreamEvent =
  | Event<"start", Record<string, never>>
  | Event<"message" | "edited", Message>
  | Event<"erased", Erased>
  | Event<"purge", PurgeEvent>
  | Event<"marked", Marked>
  | Event<"live", Live & Record<string, unknown>>
  | Event<"gap", Gap>
  | Event<"ready", Ready>;

export type StreamState = "connecting" | "live" | "reconnecting" | "offline";

export interface StreamOptions {
  signal?: AbortSignal;
  /** Go on after this event. Without it a stream begins with `start`. */
  lastEventId?: string;
  /** `why` is a Problem, or the reason that the service gave when it ended the stream. */
  onState?: (state: StreamState, why?: Problem | string) => void;
}

export interface ListOptions<Answer> {
  signal?: AbortSignal;
  /** Is called with each page of the list: in a search `looked_at` says how many items were looked at. */
  onPage?: (page: Answer) => void;
}

type Query<Of> = Omit<Of, "cursor" | "after">;
type Items<Of> = AsyncGenerator<Of, void, undefined>;

export class PageInbox {
  constructor(options: Options);
  shop: string;

  messages(query?: Query<ListMessagesQuery>, options?: ListOptions<Messages>): Items<Message>;
  conversations(query?: Query<ListConversationsQuery>, options?: ListOptions<Conversations>): Items<Conversation>;
  message(id: string): Promise<Message>;
  attachment(id: string, n: number): Promise<Address>;
  export(): Items<{ type: string } & Record<string, unknown>>;
  stream(options?: StreamOptions): Items<StreamEvent>;

  mark(conversation: string, mark: MarkChange): Promise<Marked>;
  labels(): Promise<string[]>;
  changeLabels(labels: string[]): Promise<string[]>;

  pause(options: { page: string; until?: Date | string }): Promise<Page>;
  pause(options?: { until?: Date | string }): Promise<Shop>;
  resume(options: { page: string }): Promise<Page>;
  resume(): Promise<Shop>;

  purgeMessage(id: string): Promise<Receipt>;
  purgeConversation(id: string): Promise<Receipt>;
  purgeCustomer(psid: string): Promise<Receipt>;
  purgeEverything(): Promise<Receipt>;
  receipt(id: string): Promise<Receipt>;
  completed(receipt: Receipt, options?: { signal?: AbortSignal }): Promise<Receipt>;

  posts(page: string, query?: Query<FetchPostsQuery>): Items<Post>;
  videos(page: string, query?: Query<FetchVideosQuery>): Items<Video>;
  liveVideos(page: string, query?: Query<FetchLiveVideosQuery>): Items<LiveVideo>;
  liveComments(page: string, video: string, query?: Query<FetchLiveCommentsQuery>): Items<Comment>;
  comments(page: string, post: string, query?: Query<FetchCommentsQuery>): Items<Comment>;
  replies(page: string, comment: string, query?: Query<FetchRepliesQuery>): Items<Comment>;
  facebookConversations(page: string, query?: Query<FetchConversationsQuery>): Items<GraphConversation>;
  facebookMessages(
    page: string,
    conversation: string,
    query?: Query<FetchConversationMessagesQuery>,
  ): Items<GraphMessage>;
  customers(conversations: string[]): Promise<NamedCustomers>;
  customer(page: string, psid: string): Promise<Customer>;

  /** Any other call, under `/v1/shops/{shop}`. */
  json<Answer = unknown>(method: string, place: string, options?: CallOptions): Promise<Answer>;
  send(method: string, place: string, options?: CallOptions): Promise<Response>;
  forgetToken(): void;
}

/** A path of ids: each part encoded. */
export function path(...parts: Array<string | number>): string;

/** Milliseconds before repetition number `attempt`; `random` is from 0 to 1. */
export function backoff(attempt: number, random: number): number;
