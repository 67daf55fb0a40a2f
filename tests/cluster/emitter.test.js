// What the tests of Node's emitter look at: a program without a server reaches the clients of koio's servers and of Node's.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";

import { until, within } from "../node/support/within.js";
import { closeAll, got, names } from "./support/clients.js";
import { Cluster } from "./support/cluster.js";
import { redisClients } from "./support/redis.js";

for (const client of ["redis", "redis4", "ioredis"]) {
  describe(`an emitter with ${client}`, () => {
    let cluster, publishers, emitter, clients, ids;
    before(async () => {
      cluster = await Cluster.start(["koio", "node", "koio"]);
      publishers = await redisClients(cluster.redis.url, client);
      emitter = new Emitter(publishers[0]);
    });
    after(async () => {
      await Promise.all((publishers ?? []).map((publisher) => publisher.quit()));
      await cluster?.stop();
    });
    beforeEach(async () => {
      clients = await cluster.clients();
      ids = clients.map(({ id }) => id);
    });
    afterEach(closeAll);

    /** What the clients got before an event that the emitter sends last. */
    async function events() {
      emitter.emit("end");
      await got("end", ...clients);
      return clients.map((socket) => names(socket).slice(0, -1));
    }

    test("emits any kind of data", async () => {
      const buffer = Buffer.from("asdfasdf");
      const array = Uint8Array.of(1, 2, 3, 4).buffer;
      emitter.emit("payload", 1, "2", [3], buffer, array);
      await got("payload", ...clients);
      for (const { events } of clients) {
        assert.deepEqual(events[0], ["payload", 1, "2", [3], buffer, Buffer.from(array)]);
      }
    });

    test("emits what a value's toJSON() makes of it", async () => {
      class Four {
        toJSON() {
          return 4;
        }
      }
      BigInt.prototype.toJSON = BigInt.prototype.toString;
      Set.prototype.toJSON = function () {
        return [...this];
      };
      emitter.emit("payload", 1n, new Set(["2", 3]), new Four());
      delete BigInt.prototype.toJSON;
      delete Set.prototype.toJSON;
      await got("payload", ...clients);
      for (const { events } of clients) assert.deepEqual(events[0], ["payload", "1", ["2", 3], 4]);
    });

    test("has all modifiers of a broadcast, and refuses reserved names", async () => {
      await cluster.join(clients, ["room1"], [], ["room4"]);
      emitter.in(["room1", "room2"]).emit("in");
      emitter.except(["room4", "room5"]).emit("except");
      emitter.compress(false).emit("uncompressed");
      await got("uncompressed", ...clients);
      // Behind another event it might be dropped.
      emitter.volatile.emit("volatile");
      await got("volatile", ...clients);
      assert.throws(() => emitter.emit("connect"));
      const common = ["uncompressed", "volatile"];
      assert.deepEqual(await events(), [["in", "except", ...common], ["except", ...common], common]);
    });

    test("emits to a namespace, whose name it completes", async () => {
      const chatting = await cluster.clients({ namespace: "/chat" });
      emitter.of("/chat").emit("news", "to chat");
      emitter.of("chat").emit("more", "to chat");
      await got("more", ...chatting);
      for (const socket of chatting) assert.deepEqual(names(socket), ["news", "more"]);
      assert.deepEqual(await events(), [[], [], []]);
    });

    test("emits to a room", async () => {
      await cluster.join(clients, ["room1"], ["room1"], ["room2"]);
      emitter.to("room1").emit("news", 1);
      assert.deepEqual(await events(), [["news"], ["news"], []]);
    });

    test("emits to a socket by its id", async () => {
      emitter.to(ids[0]).emit("news", 1);
      assert.deepEqual(await events(), [["news"], [], []]);
    });

    test("emits to all but a socket", async () => {
      emitter.except(ids[2]).emit("news", 1);
      assert.deepEqual(await events(), [["news"], ["news"], []]);
    });

    test("has all sockets join a room", async () => {
      emitter.socketsJoin("room1");
      await cluster.rooms(clients, ["room1"], ["room1"], ["room1"]);
    });

    test("has the sockets of a room join another", async () => {
      await cluster.join(clients, ["room1", "room2"], ["room1"], ["room2"]);
      emitter.in("room1").socketsJoin("room3");
      await cluster.rooms(clients, ["room1", "room2", "room3"], ["room1", "room3"], ["room2"]);
    });

    test("has all sockets leave a room", async () => {
      await cluster.join(clients, ["room1", "room2"], ["room1"], ["room2"]);
      emitter.socketsLeave("room1");
      await cluster.rooms(clients, ["room2"], [], ["room2"]);
    });

    test("has the sockets of a room leave another", async () => {
      await cluster.join(clients, ["room1", "room2"], ["room1"], ["room2"]);
      emitter.in("room2").socketsLeave("room1");
      await cluster.rooms(clients, ["room2"], ["room1"], ["room2"]);
    });

    test("sends an event to all servers", async () => {
      const [one, { io }, another] = cluster.servers;
      const ofNode = new Promise((resolve) => io.once("hello", (...args) => resolve(args)));
      emitter.serverSideEmit("hello", "world", 1, "2");
      for (const { call } of [one, another]) {
        let heard = [];
        await within("the event", until(async () => (heard = await call("heard")).length > 0));
        assert.deepEqual(heard.map(({ args }) => args), [["world", 1, "2"]]);
      }
      assert.deepEqual(await within("the event", ofNode), ["world", 1, "2"]);
    });

    test("has all sockets, or those of a room, disconnected", async () => {
      await cluster.join(clients, ["room1", "room2"], ["room1"], ["room2"]);
      const gone = clients.map((socket) => new Promise((resolve) => socket.once("disconnect", resolve)));
      emitter.in("room2").disconnectSockets(true);
      await within("those of the room to be gone", Promise.all([gone[0], gone[2]]));
      emitter.emit("to the last");
      await got("to the last", clients[1]);
      emitter.disconnectSockets(true);
      await within("all to be gone", gone[1]);
    });
  });
}
