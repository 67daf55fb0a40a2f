// What servers of a sharded cluster subscribe, and who hears what.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { until, within } from "../node/support/within.js";
import { closeAll, connected, got, names } from "./support/clients.js";
import { redisClients, startRedis } from "./support/redis.js";
import { koioServer, nodeServer } from "./support/servers.js";

const running = [];

/** Has it stopped when the test ends. */
async function lasting(starting) {
  const started = await starting;
  running.push(started);
  return started;
}
const koioIn = (redis, sharded) => lasting(koioServer(redis.url, { sharded }));
const nodeIn = (redis, sharded) => lasting(nodeServer(redis.url, { sharded }));

afterEach(async () => {
  closeAll();
  const ending = running.splice(0);
  await Promise.all(ending.filter(({ kind }) => kind).map((server) => server.stop()));
  // Behind its clients, which else find it gone while they leave.
  await Promise.all(ending.filter(({ kind }) => !kind).map((redis) => redis.stop()));
});

describe("the channels of rooms", () => {
  let redis, asking;
  before(async () => {
    redis = await startRedis();
    asking = await redisClients(redis.url);
  });
  after(async () => {
    await Promise.all((asking ?? []).map((client) => client.quit()));
    await redis?.stop();
  });

  /** The rooms and sockets of `/` that have a channel, sorted. */
  async function subscribed() {
    const channels = await asking[0].sendCommand(["PUBSUB", "SHARDCHANNELS", "socket.io#/#?*#"]);
    const rooms = channels.map((channel) => channel.slice("socket.io#/#".length, -1));
    // A server's own channel has the name of the server, of 19 characters.
    return rooms.filter((room) => room.length !== 19).sort();
  }
  const become = (what, rooms) =>
    within(what, until(async () => JSON.stringify(await subscribed()) === JSON.stringify([...rooms].sort())));

  test("a room is subscribed by its first member, and until its last has gone", async () => {
    const koio = await koioIn(redis, "dynamic");
    assert.deepEqual(await subscribed(), []);
    const [one, two] = [await connected(koio, { room: "red" }), await connected(koio, { room: "red" })];
    await become("the room", ["red"]);
    await koio.join({}, "blue");
    await become("both rooms", ["red", "blue"]);
    one.disconnect();
    await koio.leave({}, "blue");
    await become("one room", ["red"]);
    two.disconnect();
    await become("none", []);
  });

  test("ids of sockets have a channel in the mode dynamic-private, and no room has one in static", async () => {
    const [fixed, all] = [
      await koioIn(redis, "static"),
      await koioIn(redis, "dynamic-private"),
    ];
    await connected(fixed, { room: "red" });
    const socket = await connected(all, { room: "blue" });
    await become("the room and the socket", ["blue", socket.id]);
    socket.disconnect();
    await become("none", []);
  });

  test("rooms that many clients make and empty at once are subscribed if they have members", async () => {
    const koio = await koioIn(redis, "dynamic");
    const rooms = ["a", "b", "c", "d"];
    const clients = await Promise.all(rooms.map((room) => connected(koio, { room })));
    // Each call moves all of them, and the calls overlap.
    const move = (number) => {
      const room = rooms[number % rooms.length];
      const to = [clients[number % 3].id];
      return number % 7 < 4 ? koio.join({ to, local: true }, room) : koio.leave({ to, local: true }, room);
    };
    await Promise.all(Array.from({ length: 600 }, (_, number) => move(number)));
    const inRooms = new Set((await koio.fetch({ local: true })).flatMap((socket) => socket.rooms));
    await become("the rooms that have members", inRooms);
    await koio.leave({}, "a");
    await become("all but one", [...inRooms].filter((room) => room !== "a"));
    closeAll();
    await become("none", []);
  });

  test("a server that has left has subscribed nothing", async () => {
    const koio = await koioServer(redis.url, { sharded: "dynamic" });
    await connected(koio, { room: "red" });
    await become("the room", ["red"]);
    await koio.stop();
    assert.deepEqual(await asking[0].sendCommand(["PUBSUB", "SHARDCHANNELS"]), []);
  });
});

describe("a sharded cluster", () => {
  test("it does not hear a classic one with the same key", async () => {
    const redis = await lasting(startRedis());
    const servers = await Promise.all([
      koioIn(redis, "dynamic"),
      nodeIn(redis, "dynamic"),
      koioIn(redis),
      nodeIn(redis),
    ]);
    const clients = await Promise.all(servers.map((server) => connected(server, { room: "red" })));
    await servers[0].emit({ to: ["red"] }, "from sharded", 1);
    await servers[2].emit({ to: ["red"] }, "from classic", 1);
    await got("from sharded", clients[0], clients[1]);
    await got("from classic", clients[2], clients[3]);
    // Who hears a server is also who answers it.
    assert.deepEqual(await Promise.all(servers.map(async (server) => (await server.fetch({})).length)), [2, 2, 2, 2]);
    const expected = ["from sharded", "from sharded", "from classic", "from classic"];
    assert.deepEqual(clients.map(names), expected.map((name) => [name]));
  });

  test("its rooms are subscribed again when its Redis comes back", async () => {
    let redis = await startRedis();
    const koio = await koioIn(redis, "dynamic");
    const before = await connected(koio, { room: "before" });
    await redis.stop();
    await within("it to notice", until(() => koio.call("alone")));
    const meanwhile = await connected(koio, { room: "meanwhile" });
    await koio.leave({ to: [before.id] }, "before").catch(() => {});
    await koio.join({ to: [before.id] }, "moved").catch(() => {});

    redis = await lasting(startRedis(redis.port));
    await within("it to be back", until(async () => !(await koio.call("alone"))));
    const node = await nodeIn(redis, "dynamic");
    await node.counted(2);
    await node.emit({ to: ["before"] }, "never", 1);
    await node.emit({ to: ["meanwhile"] }, "meanwhile", 1);
    await node.emit({ to: ["moved"] }, "moved", 1);
    await got("meanwhile", meanwhile);
    await got("moved", before);
    assert.deepEqual(before.events, [["moved", 1]]);
  });

  test("a server that joins a room and answers hears what is sent there behind the answer", async () => {
    const redis = await lasting(startRedis());
    const [koio, node] = [
      await koioIn(redis, "dynamic"),
      await nodeIn(redis, "dynamic"),
    ];
    await node.counted(2);
    const socket = await connected(koio);
    const rooms = Array.from({ length: 50 }, (_, number) => `room ${number}`);
    for (const room of rooms) {
      await koio.join({ to: [socket.id], local: true }, room);
      await node.emit({ to: [room] }, room, 1);
    }
    await node.emit({}, "end", 1);
    await got("end", socket);
    const reached = new Set(names(socket));
    assert.deepEqual(rooms.filter((room) => !reached.has(room)), []);
  });
});
