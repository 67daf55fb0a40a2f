// Servers of one cluster with the same methods, whichever they are made of: each method is one call of the server's own API.
import { once } from "node:events";
import { createServer } from "node:http";

import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Server } from "socket.io";
import { Adapter } from "socket.io-adapter";

import { ask, connect } from "../../node/support/client.js";
import { start } from "../../node/support/server.js";
import { until, within } from "../../node/support/within.js";
import { redisClients } from "./redis.js";

/** The namespaces of all servers. */
export const NAMESPACES = ["/", "/chat", "/ä b#c", "/a[1]*#b", "/a", "/a#b"];
/** A family of more. */
const VISITORS = /^\/visitors\/[^/]+$/;

/**
 * A server of Node's with the stock adapter: `client` is the package that it speaks to Redis with, `sharded` the subscription
 * mode of the adapter's sharded form, the rest are options of the adapter.
 */
export async function nodeServer(url, { client, sharded, ...options } = {}) {
  const http = createServer();
  const io = new Server(http, { perMessageDeflate: true });
  const [pub, sub] = await redisClients(url, client);
  io.adapter(
    sharded
      ? createShardedAdapter(pub, sub, { channelPrefix: options.key ?? "socket.io", subscriptionMode: sharded })
      : createAdapter(pub, sub, options),
  );
  for (const name of [...NAMESPACES, VISITORS]) {
    io.of(name).on("connection", (socket) => {
      const { room, data } = socket.handshake.auth;
      if (room) socket.join(room);
      if (data) socket.data = data;
      socket.on("tell others", (rooms, event, values) => {
        rooms.reduce((emit, room) => emit.to(room), socket.broadcast).emit(event, ...values);
      });
    });
  }
  http.listen(0, "127.0.0.1");
  await once(http, "listening");

  const meant = (whom) => {
    let { timeout, namespace = "/", to = [], except = [], local, volatile, uncompressed } = whom;
    let emit = io.of(namespace);
    if (timeout) emit = emit.timeout(timeout);
    for (const room of to) emit = emit.to(room);
    for (const room of except) emit = emit.except(room);
    if (local) emit = emit.local;
    if (volatile) emit = emit.volatile;
    if (uncompressed) emit = emit.compress(false);
    return emit;
  };
  const servers = () => Promise.all(NAMESPACES.map((name) => io.of(name).adapter.serverCount()));
  return {
    kind: "node",
    io,
    ...(sharded && {
      // Redis takes them in order.
      subscribed: () => (sub.sSubscribe ? sub.sSubscribe("last", () => {}) : sub.ssubscribe("last")),
    }),
    url: `http://127.0.0.1:${http.address().port}`,
    emit: async (whom, event, value) => void meant(whom).emit(event, value),
    async emitBinary(whom, event, value) {
      meant(whom).emit(event, value, { deep: [value, Buffer.from([0, 255])] }, "text");
    },
    join: async (whom, room) => void meant(whom).socketsJoin(room),
    leave: async (whom, room) => void meant(whom).socketsLeave(room),
    disconnect: async (whom, close) => void meant(whom).disconnectSockets(close),
    async fetch(whom) {
      const sockets = await meant(whom).fetchSockets();
      return sockets.map(({ id, rooms, data, handshake }) => ({
        id,
        rooms: [...rooms].filter((room) => room !== id),
        data,
        query: handshake.query.name,
        header: handshake.headers["x-test"],
        auth: handshake.auth,
      }));
    },
    ask(whom, event, value) {
      return new Promise((resolve) => {
        const answered = (error, values) => resolve({ values, failed: error !== null });
        meant({ timeout: 5_000, ...whom }).emit(event, value, answered);
      });
    },
    askBinary: (whom, event, value) => meant(whom).emitWithAck(event, value),
    async askOne(whom, event, value) {
      const [socket] = await meant(whom).fetchSockets();
      return socket.timeout(5_000).emitWithAck(event, value);
    },
    /** How many requests of its own wait for answers. */
    waiting: () => io.of("/").adapter.requests.size,
    /** How many servers it counts, in each namespace. */
    servers,
    /** Waits until it counts so many, in each namespace. */
    counted(expected) {
      const complete = async () => (await servers()).every((count) => count === expected);
      return within(`${expected} servers to be counted`, until(complete));
    },
    /** From here on it answers no request for its sockets. */
    hang() {
      Adapter.prototype.fetchSockets = () => new Promise(() => {});
    },
    async stop() {
      await io.close();
      await Promise.allSettled([pub.quit(), sub.quit()]);
    },
  };
}

/** A server of koio's (src/bin/koio-cluster). */
export async function koioServer(url, { key, alone, sharded } = {}) {
  const options = { KEY: key, START_ALONE: alone && "1", SHARDED: sharded };
  const given = Object.entries(options).filter(([, value]) => value);
  const env = { REDIS_URL: url, ...Object.fromEntries(given) };
  const process = await start("koio-cluster", [], /^listening on (http:.*)$/, env);
  const address = process.match[1];
  const control = await connect(`${address}/control`, "websocket", { lasting: true });
  const call = async (event, ...args) => {
    const [answer] = await ask(control, event, ...args);
    if (answer?.error) throw new Error(`${event}: ${answer.error.code}: ${answer.error.message}`);
    return answer;
  };
  return {
    kind: "koio",
    url: address,
    // Without Redis there is nothing to wait for.
    ...(sharded && { subscribed: async () => (await call("alone")) || call("subscribed") }),
    process,
    call,
    emit: (...args) => call("emit", ...args),
    emitBinary: (...args) => call("emit binary", ...args),
    join: (...args) => call("join", ...args),
    leave: (...args) => call("leave", ...args),
    disconnect: (...args) => call("disconnect sockets", ...args),
    async fetch(whom) {
      const { sockets, missing } = await call("fetch", whom);
      if (missing.length > 0) throw new Error(`missing: ${missing}`);
      return sockets;
    },
    async ask(whom, event, value) {
      const { values, failed, missing } = await call("ask", whom, event, value);
      return { values, failed: failed + missing.length > 0, missing };
    },
    askBinary: (...args) => call("ask binary", ...args),
    askOne: (...args) => call("ask one", ...args),
    async stop(signal = "SIGTERM") {
      control.disconnect();
      await process.stop(signal);
    },
  };
}
