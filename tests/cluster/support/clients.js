// Clients of the servers of a cluster, which keep what they get.
import { Manager } from "socket.io-client";

import { until, within } from "../../node/support/within.js";

const open = [];

/** A client of a server, which keeps all events that it gets, each as [name, ...arguments], and answers with `answer`. */
export async function connected(server, options = {}) {
  const { namespace = "/", name = "x", ...auth } = options;
  const manager = new Manager(server.url, {
    query: { name },
    extraHeaders: { "x-test": "seen" },
    reconnection: false,
    transports: ["websocket"],
  });
  // In a URL a `#` would end the name.
  const socket = manager.socket(namespace, { auth });
  open.push(manager);
  socket.events = [];
  socket.onAny((...event) => {
    const answer = typeof event.at(-1) === "function" ? event.pop() : null;
    socket.events.push(event);
    if (socket.answer !== undefined) answer?.(socket.answer);
  });
  const done = new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  await within(`a client of ${server.kind}`, done);
  // Its room may have a channel of its own, for which joining does not wait.
  await server.subscribed?.();
  return socket;
}

/** Ends every client; for `afterEach`. */
export function closeAll() {
  for (const manager of open.splice(0)) manager._close();
}

/** Waits until each of the sockets has got an event of this name. */
export function got(event, ...sockets) {
  const has = (socket) => socket.events.some(([name]) => name === event);
  return within(`${event}`, until(() => sockets.every(has)));
}

/** The names of the events that a socket has got, in their order. */
export const names = (socket) => socket.events.map(([name]) => name);
