// The official client over each way of connecting.
import * as today from "socket.io-client";
import old from "socket.io-client-2";
import msgpack from "socket.io-msgpack-parser";

import { transports } from "../../../koio/js/transports.mjs";
import { within } from "./within.js";

const { NodeWebSocket } = today;

/** The transports of koio's own module. */
export const { EventSourceTransport, ShortPolling } = transports(today);

/** How a client can connect; "upgrade" starts polling and has to end on WebSocket. */
export const WAYS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  upgrade: { transports: ["polling", "websocket"] },
};

/** With `KOIO_PARSER=msgpack` every client and every fixture server has that parser. */
export const PACKED = process.env.KOIO_PARSER === "msgpack";

/** With `KOIO_COMPRESSED` every client and every fixture server compress every message that becomes smaller. */
export const COMPRESSED = "KOIO_COMPRESSED" in process.env;

/**
 * Ways that differ from others only in how packets begin to flow: "moving" starts with EventSource and has to end on WebSocket.
 * Left out where that decides nothing (parsers, compression, limits, options, recovery).
 */
const MOVING_AND_SHORT = {
  moving: { transports: [EventSourceTransport, NodeWebSocket] },
  short: { transports: [ShortPolling], transportOptions: { polling: { delay: 20 } } },
};

/** And by EventSource, if the server takes it. */
export const MOST_WAYS = { ...WAYS, eventsource: { transports: [EventSourceTransport] } };

export const ALL_WAYS = { ...MOST_WAYS, ...(PACKED || COMPRESSED ? {} : MOVING_AND_SHORT) };

const PARSER = PACKED ? { parser: msgpack } : {};
const DEFLATE = COMPRESSED ? { perMessageDeflate: { threshold: 0 } } : {};

/** With `KOIO_CLIENT=2` every client is of Socket.IO 2, and every fixture server lets it in. */
export const OLD = process.env.KOIO_CLIENT === "2";
const { io, Manager } = OLD ? { io: old, Manager: old.Manager } : today;

const open = new Set();

/** A client socket that is not connected yet. */
export function socket(url, way, options = {}) {
  const made = io(url, { ...ALL_WAYS[way], forceNew: true, reconnection: false, ...PARSER, ...DEFLATE, ...options });
  open.add(made);
  return made;
}

/** A connected client socket; with "upgrade" and "moving", one whose upgrade is through. */
export async function connect(url, way, options = {}) {
  const made = socket(url, way, options);
  const connected = new Promise((resolve, reject) => {
    made.once("connect", resolve);
    made.once("connect_error", reject);
  });
  await within(`a connection to ${url}`, connected);
  if (way === "upgrade" || way === "moving") await upgraded(made);
  return made;
}

/** Waits until the connection of this socket is a WebSocket. */
export async function upgraded(client) {
  const { engine } = client.io;
  if (engine.transport.name !== "websocket") await once(engine, "upgrade");
}

/** A manager, for several namespaces over one connection. */
export function manager(url, way, options = {}) {
  const made = new Manager(url, { ...ALL_WAYS[way], reconnection: false, ...PARSER, ...DEFLATE, ...options });
  open.add({ disconnect: () => (OLD ? made.close() : made._close()) });
  return made;
}

/** The arguments of the next event of this name. */
export function once(emitter, event) {
  const next = new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));
  return within(`the event ${event}`, next);
}

/** The arguments of the next `count` events of this name. */
export function many(emitter, event, count) {
  const all = new Promise((resolve) => {
    const seen = [];
    const take = (...args) => {
      seen.push(args);
      if (seen.length < count) return;
      emitter.off(event, take);
      resolve(seen);
    };
    emitter.on(event, take);
  });
  return within(`${count} events ${event}`, all, 60_000);
}

/**
 * What the server says about the end of this socket, [namespace, reason], to a watcher: a socket
 * connected to /watch. To be called while the socket is connected.
 */
export function report(watcher, client) {
  const { id } = client;
  const reported = new Promise((resolve) => {
    const take = (who, ...what) => {
      if (who !== id) return;
      watcher.off("disconnected", take);
      resolve(what);
    };
    watcher.on("disconnected", take);
  });
  return within("a disconnect handler", reported);
}

/** Asks until `condition` holds; each asking is a round trip to the server. */
export function until(what, condition) {
  const poll = async () => {
    while (!(await condition()));
  };
  return within(what, poll());
}

/** Emits and returns the arguments of the answer. */
export function ask(client, event, ...args) {
  const answered = new Promise((resolve) => {
    client.emit(event, ...args, (...answer) => resolve(answer));
  });
  return within(`the answer to ${event}`, answered);
}

/**
 * A round trip: what the server sent this socket before has arrived when it resolves, since a
 * connection keeps its order.
 */
export async function settled(...clients) {
  await Promise.all(clients.map((client) => ask(client, "echo")));
}

/** Disconnects every socket that a test has opened; for `afterEach`. */
export function closeAll() {
  for (const client of open) client.disconnect();
  open.clear();
}
