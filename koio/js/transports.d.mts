import type { Fetch } from "socket.io-client";

/** Packets down as server-sent events, and up with POSTs. */
export interface EventSourceTransport extends Fetch {
  get name(): "eventsource";
}

/** Polls that the server answers at once, each a while after the last. */
export interface ShortPolling extends Fetch {
  get name(): "polling";
}

/** What the client takes in `transports`. */
type TransportClass<T> = new (...args: ConstructorParameters<typeof Fetch>) => T;

/**
 * The classes, made of those of a client: its module (`import * as client from "socket.io-client"`), or any object with its
 * `Fetch`.
 *
 * Options of theirs stand in `transportOptions`: `{ polling: { delay } }` are the milliseconds from an answer of the server
 * to the next short poll (1,000); with `{ eventsource: { fetchEvents: true } }` streams are read by `fetch` where there is an
 * `EventSource` too.
 */
export function transports(client: { Fetch: typeof Fetch }): {
  EventSourceTransport: TransportClass<EventSourceTransport>;
  ShortPolling: TransportClass<ShortPolling>;
};
