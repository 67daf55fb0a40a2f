// What koio publishes, byte by byte, and what becomes of bytes that are no message.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import notepack from "notepack.io";
import { createClient } from "redis";
import { io as client } from "socket.io-client";

import { until, within } from "../node/support/within.js";
import { startRedis } from "./support/redis.js";
import { koioServer, nodeServer } from "./support/servers.js";

const open = [];

/** A client in a room, which answers each event with `answer`. */
async function member(server, room, ...answer) {
  const options = { auth: { room }, forceNew: true, reconnection: false, transports: ["websocket"] };
  const socket = client(server.url, options);
  open.push(socket);
  socket.onAny((...event) => {
    const ack = event.at(-1);
    if (typeof ack === "function") ack(...answer);
  });
  await within("a client", new Promise((resolve) => socket.once("connect", resolve)));
  return socket;
}

/** One value, as the adapters read it: msgpack with bytes behind it is an error, as it is for them. */
function read(bytes) {
  return bytes[0] === 0x7b ? JSON.parse(bytes.toString()) : notepack.decode(bytes);
}

describe("what koio publishes", () => {
  let redis, koio, node, subscriber;
  let heard = [];
  before(async () => {
    redis = await startRedis();
    koio = await koioServer(redis.url);
    node = await nodeServer(redis.url);
    await node.counted(2);
    subscriber = createClient({ url: redis.url });
    await subscriber.connect();
    const listen = (bytes, channel) => heard.push([channel.toString(), Buffer.from(bytes)]);
    for (const kind of ["", "-request", "-response"]) {
      await subscriber.pSubscribe(`socket.io${kind}#/#*`, listen, true);
    }
  });
  after(async () => {
    await subscriber?.quit();
    await node?.stop();
    await koio?.stop();
    await redis?.stop();
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.disconnect();
    heard = [];
  });

  /** The first message of this channel that `matches`, read. */
  async function message(channel, matches) {
    const found = () =>
      heard.filter(([name]) => name === channel).map(([, bytes]) => read(bytes)).find(matches);
    await within(`a message on ${channel}`, until(() => found() !== undefined));
    return found();
  }

  test("a broadcast has the shape and the order of Node's", async () => {
    await koio.emit({ to: ["red"], except: ["blue"] }, "news", { n: 1 });
    const [uid, packet, opts] = await message("socket.io#/#red#", () => true);
    assert.equal(typeof uid, "string");
    assert.deepEqual(packet, { type: 2, data: ["news", { n: 1 }], nsp: "/" });
    assert.deepEqual(Object.keys(packet), ["type", "data", "nsp"]);
    assert.deepEqual(opts, { rooms: ["red"], except: ["blue"], flags: {} });
    assert.deepEqual(Object.keys(opts), ["rooms", "except", "flags"]);
  });

  test("binary data of a broadcast is binary", async () => {
    await koio.emitBinary({}, "bytes", Buffer.from([1, 2]));
    const [, packet] = await message("socket.io#/#", () => true);
    assert.deepEqual(packet.data, [
      "bytes", Buffer.from([1, 2]), { deep: [Buffer.from([1, 2]), Buffer.from([0, 255])] }, "text",
    ]);
  });

  test("requests are those of Node, with one more key", async () => {
    await koio.join({ to: ["red"] }, "green");
    const join = await message("socket.io-request#/#", ({ type }) => type === 2);
    const { uid } = join;
    assert.deepEqual(join, {
      uid, type: 2, opts: { rooms: ["red"], except: [] }, rooms: ["green"], koio: true,
    });
    await koio.fetch({ to: ["red"] });
    const fetch = await message("socket.io-request#/#", ({ type }) => type === 5);
    const { requestId } = fetch;
    assert.deepEqual(fetch, {
      uid, requestId, type: 5, opts: { rooms: ["red"], except: [] }, koio: true,
    });
    await koio.ask({ to: ["red"], timeout: 600 }, "q", 1);
    const ask = await message("socket.io-request#/#", ({ type }) => type === 7);
    assert.deepEqual(ask.packet, { type: 2, data: ["q", 1], nsp: "/" });
    assert.deepEqual(ask.opts.rooms, ["red"]);
    assert.equal(typeof ask.opts.flags.timeout, "number");
  });

  test("answers with binary data, without a value and with null are those of Node", async () => {
    const cases = [
      ["binary", [{ deep: [Buffer.from([7, 8])] }]],
      ["nothing", []],
      ["null", [null]],
      ["the first of two", [1, 2]],
    ];
    for (const [name, answer] of cases) {
      await member(koio, name, ...answer);
      const { values, failed } = await node.ask({ to: [name], timeout: 5_000 }, "q", 1);
      assert.deepEqual(values, [answer[0]], name);
      assert.equal(failed, false, name);
    }
    for (const [name, answer] of cases.slice(2)) {
      await member(node, name + "!", ...answer);
      const { values } = await koio.ask({ to: [name + "!"], timeout: 5_000 }, "q", 1);
      assert.deepEqual(values, [answer[0]], name);
    }
  });

  test("a server that has no client in the room counts once", async () => {
    await node.ask({ to: ["nobody"], timeout: 2_000 }, "q", 1);
    const counts = () =>
      heard
        .filter(([channel]) => channel === "socket.io-response#/#")
        .map(([, bytes]) => read(bytes))
        .filter(({ type }) => type === 8);
    await within("the count", until(() => counts().length > 0));
    assert.deepEqual(counts().map(({ clientCount }) => clientCount), [0]);
  });

  test("a socket is described with the keys of Node", async () => {
    await member(koio, "described");
    const [socket] = await node.io.in("described").fetchSockets();
    assert.deepEqual(Object.keys(socket.handshake), [
      "headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth",
    ]);
    assert.equal(socket.handshake.address, "127.0.0.1");
    assert.ok(Math.abs(Date.parse(socket.handshake.time) - Date.now()) < 60_000);
    assert.deepEqual([...socket.rooms].sort(), [socket.id, "described"].sort());
  });
});

// A server of Node ends with the first of these broadcasts, so there is none.
describe("bytes that are no message", () => {
  let redis, one, two, publisher;
  before(async () => {
    redis = await startRedis();
    one = await koioServer(redis.url);
    two = await koioServer(redis.url);
    publisher = createClient({ url: redis.url });
    await publisher.connect();
  });
  after(async () => {
    await publisher?.quit();
    await Promise.all([one?.stop(), two?.stop()]);
    await redis?.stop();
  });

  test("are counted, and the servers go on", async () => {
    const bad = [
      Buffer.from(""),
      Buffer.from([0xc1]),
      Buffer.concat([notepack.encode(["x", { type: 2, data: ["e"], nsp: "/" }, {}]), Buffer.from([0])]),
      Buffer.from("[".repeat(100_000)),
      Buffer.alloc(100_000, 0x91),
      Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from('{"type":6,"data":'),
      Buffer.from('{"type":5,"requestId":7,"opts":{}}'),
    ];
    // A server without clients does not read what is for clients.
    const socket = await member(two, "r");
    const channels = ["socket.io#/#", "socket.io-request#/#", "socket.io-response#/#"];
    for (const channel of channels) {
      for (const bytes of bad) await publisher.publish(channel, bytes);
    }
    const counted = async () => (await two.call("counts")).malformed === channels.length * bad.length;
    await within("the bytes to be counted", until(counted));
    const news = new Promise((resolve) => socket.once("news", resolve));
    await one.emit({ to: ["r"] }, "news", "still here");
    assert.equal(await within("the news", news), "still here");
    socket.disconnect();
  });

  test("a message for another namespace or an unknown room is ignored", async () => {
    const before = await two.call("counts");
    const broadcast = (nsp, rooms) =>
      notepack.encode(["other", { type: 2, data: ["e"], nsp }, { rooms, except: [], flags: {} }]);
    await publisher.publish("socket.io#/elsewhere#", broadcast("/elsewhere", []));
    await publisher.publish("socket.io#/#", broadcast("/elsewhere", []));
    await publisher.publish("socket.io#/#unknown#", Buffer.from([0xc1]));
    await publisher.publish("socket.io-request#/#", JSON.stringify({ type: 99, uid: "other" }));
    const socket = await member(two, "r");
    const news = new Promise((resolve) => socket.once("news", resolve));
    await one.emit({ to: ["r"] }, "news", 1);
    await within("the news", news);
    assert.deepEqual(await two.call("counts"), before);
    socket.disconnect();
  });
});
