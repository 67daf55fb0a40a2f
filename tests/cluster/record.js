// Records what the adapters and the emitter of Node publish: `npm run record` writes recorded.txt in
// koio/src/adapter/cluster/node_wire/tests. One line for each message: what it is, its channel, its bytes in hex.
//
// A stand-in for the Redis client writes down what it is asked to publish. Ids are drawn from a counter, so that each run
// writes the same.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

// Before the adapters ask for them: the ids of the classic adapter, and those of ClusterAdapter.
let drawn = 0;
require("uid2");
require.cache[require.resolve("uid2")].exports = () => "id" + String(drawn++).padStart(4, "0");
const crypto = require("node:crypto");
crypto.randomBytes = (bytes) => Buffer.alloc(bytes, drawn++);

const { Server } = require("socket.io");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const { Emitter } = require("@socket.io/redis-emitter");
const notepack = require("notepack.io");

const recorded = [];
let said = "";

const record = (channel, payload) => {
  recorded.push([said, channel, Buffer.from(payload).toString("hex")].join("\t"));
};

// Two servers are subscribed, so that requests are published.
class Redis {
  isSharded = false;
  on() {}
  off() {}
  listenerCount() { return 2; }
  subscribe() {}
  psubscribe() {}
  ssubscribe() {}
  sunsubscribe() {}
  publish(channel, payload) { record(channel, payload); }
  async spublish(channel, payload) { record(channel, payload); }
  send_command(_name, [_what, channel], done) {
    done(null, [channel, 2]);
    return Promise.resolve([channel, 2]);
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

const say = async (what, act) => {
  said = what;
  await act();
  await settled();
};

const bytes = (...values) => Buffer.from(values);

const HANDSHAKE = {
  headers: { host: "localhost:3000", "user-agent": "node", "set-cookie": ["a=1", "b=2"] },
  time: "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)",
  address: "::ffff:127.0.0.1",
  xdomain: false,
  secure: false,
  issued: 1700000000000,
  url: "/socket.io/?EIO=4&transport=websocket&x=1",
  query: { EIO: "4", transport: "websocket", x: "1" },
  auth: { token: "abc" },
};

// A socket of this server, which answers each event that asks.
const join = (namespace, id, data, answer) => {
  const acks = new Map();
  const client = {
    writeToEngine() {
      for (const ack of acks.values()) ack(...answer);
      acks.clear();
    },
  };
  const rooms = new Set([id, "room1"]);
  namespace.sockets.set(id, { id, handshake: HANDSHAKE, rooms, data, acks, client });
  namespace.adapter.addAll(id, rooms);
};

const ID = "abcdefghijklmnopqrst";

// Everything a server says by itself.
const statements = async (name, namespace, adapter) => {
  const emit = (what, operator, ...args) => say(`${name} ${what}`, () => operator.emit(...args));
  await emit("broadcast to all", namespace, "hello", 1);
  await emit("broadcast to a room", namespace.to("room1"), "hello", { a: [null, true, false] });
  await emit("broadcast to two rooms", namespace.to(["room1", "room2"]), "hello");
  await emit("broadcast with exceptions", namespace.to("room1").except(["x", "y"]), "hello", "a");
  await emit("broadcast to a socket", namespace.to(ID), "hello");
  await emit("volatile broadcast", namespace.volatile, "hello");
  await emit("broadcast to a room with a mark", namespace.to("a#b#"), "hello");
  await emit("broadcast to a room of a number", namespace.to(123), "hello");
  await emit("broadcast to an undefined room", namespace.to(undefined), "hello");
  await emit("broadcast to an undefined room and another", namespace.to([undefined, "a"]), "hello");
  await emit("broadcast with binary data", namespace, "hello", bytes(1, 2, 3), { b: bytes() });
  await emit("broadcast with numbers", namespace, "n", 0, -1, -32, -33, -129, 127, 128, 255, 256,
    65535, 65536, 4294967295, 4294967296, 2 ** 53, -(2 ** 31), -(2 ** 31) - 1, 1.5, -0.25, 1e19);
  await emit("broadcast with text", namespace, "t", "", "é€😀", "\n\"\\\u0001", "x".repeat(31),
    "x".repeat(32), "x".repeat(256), { "a key": { "": 1 } });
  await emit("broadcast with long lists", namespace, "l", Array(15).fill(0), Array(16).fill(0),
    Object.fromEntries([...Array(16).keys()].map((n) => ["k" + n, n])));
  await emit("broadcast with a large binary", namespace, "b", Buffer.alloc(300, 7));
  await emit("ask", namespace.timeout(500), "hello", 1, () => {});
  await emit("ask of a room", namespace.to("room1").timeout(60_000), "hello", () => {});
  await emit("ask with binary data", namespace.timeout(500), "hello", bytes(9), () => {});
  await emit("server emit", { emit: (...args) => namespace.serverSideEmit(...args) }, "hello", 1, "a");
  await emit("server ask", { emit: (...args) => namespace.serverSideEmit(...args) }, "hello", 1, () => {});
  await emit("server emit with binary data", { emit: (...args) => namespace.serverSideEmit(...args) },
    "hello", bytes(1, 2));
  await say(`${name} join`, () => namespace.in("room1").except("x").socketsJoin(["a", "b"]));
  await say(`${name} join of all`, () => namespace.socketsJoin("a"));
  await say(`${name} leave`, () => namespace.in(["room1", "room2"]).socketsLeave("a"));
  await say(`${name} disconnect`, () => namespace.in("room1").disconnectSockets(true));
  await say(`${name} disconnect of all`, () => namespace.disconnectSockets());
  await say(`${name} fetch`, () => { namespace.in("room1").fetchSockets().catch(() => {}); });
  if (adapter.allRooms) {
    await say(`${name} all rooms`, () => { adapter.allRooms().catch(() => {}); });
  }
};

const NAMESPACES = ["/", "/a[1]"];

for (const name of NAMESPACES) {
  const io = new Server({ adapter: createAdapter(new Redis(), new Redis()) });
  const namespace = io.of(name);
  const { adapter } = namespace;
  adapter.uid = "abc123";
  await statements(`classic ${name}`, namespace, adapter);

  // And everything it answers.
  const answer = async (what, request) => {
    await say(`classic ${name} ${what}`, () => adapter.onrequest(adapter.requestChannel, request));
  };
  const json = (request) => Buffer.from(JSON.stringify({ uid: "other1", requestId: "req456", ...request }));
  const ask = (opts) => notepack.encode({
    uid: "other1", requestId: "req456", type: 7,
    packet: { type: 2, data: ["hello"], nsp: name }, opts: { except: [], flags: { timeout: 500 }, ...opts },
  });
  await answer("no sockets", json({ type: 5, opts: { rooms: [], except: [] } }));
  await answer("client count of none", ask({ rooms: ["nobody"] }));
  join(namespace, ID, { user: "ann", n: 1 }, ["ok"]);
  await answer("sockets", json({ type: 5, opts: { rooms: ["room1"], except: [] } }));
  await answer("rooms", json({ type: 1 }));
  await answer("client count and ack", ask({ rooms: ["room1"] }));
  for (const [what, values] of [
    ["null", [null]], ["nothing", []], ["binary data", [{ b: bytes(1, 2) }]], ["two values", [1, 2]],
  ]) {
    namespace.sockets.clear();
    join(namespace, ID, {}, values);
    await answer(`client count and ack of ${what}`, ask({ rooms: [ID] }));
  }
  for (const [what, value] of [["text", "fine"], ["an object", { a: [1] }], ["nothing", undefined]]) {
    namespace.removeAllListeners("hello");
    namespace.on("hello", (done) => done(value));
    await answer(`server answer of ${what}`, json({ type: 6, data: ["hello"] }));
  }
}

for (const [mode, name] of [
  ["dynamic", "/"], ["dynamic", "/a[1]"], ["static", "/"], ["dynamic-private", "/"],
]) {
  const options = { subscriptionMode: mode };
  const io = new Server({ adapter: createShardedAdapter(new Redis(), new Redis(), options) });
  const namespace = io.of(name);
  const { adapter } = namespace;
  adapter.uid = "19183eaa9eddca93";
  const title = `sharded ${mode} ${name}`;
  if (mode !== "dynamic") {
    for (const [what, rooms] of [["all", []], ["a room", ["room1"]], ["a socket", [ID]], ["two", ["a", "b"]]]) {
      await say(`${title} broadcast to ${what}`, () => namespace.to(rooms).emit("hello"));
    }
    await say(`${title} ask of a room`, () => namespace.to("room1").timeout(500).emit("hello", () => {}));
    continue;
  }
  await statements(title, namespace, {});
  const answer = async (what, type, data) => {
    const message = { type, data, uid: "0000000000000001", nsp: name };
    await say(`${title} ${what}`, () => adapter.onMessage(message));
  };
  const ask = (rooms) => ({
    packet: { type: 2, data: ["hello"] }, requestId: "ffffffffffffffff",
    opts: { rooms, except: [], flags: { timeout: 500 } },
  });
  const fetch = { opts: { rooms: [], except: [], flags: {} }, requestId: "ffffffffffffffff" };
  await answer("no sockets", 7, fetch);
  await answer("client count of none", 3, ask(["nobody"]));
  join(namespace, ID, { user: "ann", n: 1 }, ["ok"]);
  await answer("sockets", 7, fetch);
  await answer("client count and ack", 3, ask(["room1"]));
  for (const [what, values] of [
    ["null", [null]], ["nothing", []], ["binary data", [{ b: bytes(1, 2) }]], ["two values", [1, 2]],
  ]) {
    namespace.sockets.clear();
    join(namespace, ID, { b: bytes(5, 6) }, values);
    await answer(`client count and ack of ${what}`, 3, ask([ID]));
  }
  await answer("sockets with binary data", 7, fetch);
  for (const [what, value] of [
    ["text", "fine"], ["an object", { a: [1] }], ["nothing", undefined], ["binary data", bytes(8)],
  ]) {
    namespace.removeAllListeners("hello");
    namespace.on("hello", (done) => done(value));
    await answer(`server answer of ${what}`, 9, { requestId: "ffffffffffffffff", packet: ["hello"] });
  }
}

for (const name of NAMESPACES) {
  const emitter = new Emitter(new Redis(), {}, name);
  const title = `emitter ${name}`;
  await say(`${title} broadcast to all`, () => emitter.emit("hello", 1));
  await say(`${title} broadcast to a room`, () => emitter.to("room1").volatile.emit("hello", bytes(1)));
  await say(`${title} broadcast with exceptions`, () => emitter.to(["a", "b"]).except("x").emit("hello"));
  await say(`${title} compressed broadcast`, () => emitter.compress(true).emit("hello"));
  await say(`${title} join`, () => emitter.in("room1").except("x").socketsJoin(["a", "b"]));
  await say(`${title} leave`, () => emitter.socketsLeave("a"));
  await say(`${title} disconnect`, () => emitter.in("room1").disconnectSockets(true));
  await say(`${title} server emit`, () => emitter.serverSideEmit("hello", 1, { a: bytes(1) }));
}

// Single values of msgpack, of which the messages above have none.
const value = (what, value) => say(`value ${what}`, () => record("", notepack.encode(value)));
await value("undefined in a list", [undefined]);
await value("undefined in an object", { a: undefined, b: 1 });
await value("date in whole seconds", new Date(1700000000000));
await value("date with milliseconds", new Date(1700000000123));
await value("date before 1970", new Date(-1500));
await value("date far away", new Date(8.64e15));
await value("invalid date", new Date(NaN));
await value("ArrayBuffer", new Uint8Array([1, 2]).buffer);
await value("not a number", [NaN, Infinity, -Infinity, -0]);

// The adapters' timers would keep the process for another minute.
process.stdout.write(recorded.join("\n") + "\n", () => process.exit(0));
