// Namespaces that are made by their first client, and namespaces whose names have a `#` in them.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { until, within } from "../node/support/within.js";
import { closeAll, connected, got, names } from "./support/clients.js";
import { redisClients, startRedis } from "./support/redis.js";
import { koioServer, nodeServer } from "./support/servers.js";

for (const sharded of [undefined, "dynamic"]) {
  describe(sharded ? "in a sharded cluster" : "in a cluster", () => {
    let redis, koio, another, node, asking;
    before(async () => {
      redis = await startRedis();
      koio = await koioServer(redis.url, { sharded });
      another = await koioServer(redis.url, { sharded });
      node = await nodeServer(redis.url, { sharded });
      await node.counted(3);
      asking = await redisClients(redis.url);
    });
    after(async () => {
      await Promise.all((asking ?? []).map((client) => client.quit()));
      await Promise.all([koio, another, node].map((server) => server?.stop()));
      await redis?.stop();
    });
    afterEach(closeAll);

    /** How many servers have subscribed a namespace. */
    async function servers(namespace) {
      const [command, channel] = sharded ? ["SHARDNUMSUB", "socket.io"] : ["NUMSUB", "socket.io-request"];
      return (await asking[0].sendCommand(["PUBSUB", command, `${channel}#${namespace}#`]))[1];
    }
    const counted = (namespace, count) =>
      within(`${count} servers in ${namespace}`, until(async () => (await servers(namespace)) === count));

    test("a namespace of a pattern is subscribed while it has a client", async () => {
      const namespace = "/visitors/come-and-go";
      const socket = await connected(koio, { namespace });
      await counted(namespace, 1);
      const other = await connected(another, { namespace });
      await counted(namespace, 2);
      socket.disconnect();
      await counted(namespace, 1);
      other.disconnect();
      await counted(namespace, 0);
      await connected(koio, { namespace });
      await counted(namespace, 1);
    });

    test("clients of koio and of Node are in one namespace of a pattern", async () => {
      const namespace = "/visitors/7";
      const all = [koio, another, node];
      const sockets = await Promise.all(all.map((server) => connected(server, { namespace, room: "red" })));
      await connected(koio, { namespace: "/visitors/8", room: "red" });
      await counted(namespace, 3);
      for (const server of all) {
        const seen = async () => (await server.fetch({ namespace, to: ["red"] })).length === 3;
        await within(`them to be seen by ${server.kind}`, until(seen));
      }
      for (const [number, server] of all.entries()) {
        await server.emit({ namespace }, `all ${number}`, number);
        await server.emitBinary({ namespace, to: ["red"] }, `room ${number}`, Buffer.from([number]));
        await server.emit({ namespace, except: ["red"] }, "never", number);
        await server.emit({ namespace, to: [sockets[0].id] }, `private ${number}`, number);
        await got(`room ${number}`, ...sockets);
        await got(`private ${number}`, sockets[0]);
      }
      const both = [0, 1, 2].flatMap((number) => [`all ${number}`, `room ${number}`]);
      const mine = [0, 1, 2].flatMap((number) => [`all ${number}`, `room ${number}`, `private ${number}`]);
      assert.deepEqual(sockets.map(names), [mine, both, both]);

      for (const [number, socket] of sockets.entries()) socket.answer = number;
      for (const server of all) {
        const { values, failed } = await server.ask({ namespace }, "q", 1);
        assert.deepEqual([values.sort(), failed], [[0, 1, 2], false], server.kind);
        const room = `moved by ${server.url}`;
        const inRoom = async (count) => (await server.fetch({ namespace, to: [room] })).length === count;
        await server.join({ namespace }, room);
        await within("all to be in the room", until(() => inRoom(3)));
        await server.leave({ namespace, to: [sockets[2].id] }, room);
        await within("one to have left", until(() => inRoom(2)));
      }
      await node.disconnect({ namespace, to: [sockets[0].id] });
      await koio.disconnect({ namespace, to: [sockets[2].id] });
      await within("both to be gone", until(() => !sockets[0].connected && !sockets[2].connected));
      assert.equal(sockets[1].connected, true);
    });

    test("a server without a client in it reaches those of the others", async () => {
      const namespace = "/visitors/9";
      const [there, theirs] = [await connected(another, { namespace }), await connected(node, { namespace })];
      await counted(namespace, 2);
      await koio.emit({ namespace }, "news", 1);
      await got("news", there, theirs);
      assert.equal((await koio.fetch({ namespace })).length, 2);
      for (const [number, socket] of [there, theirs].entries()) socket.answer = number;
      assert.deepEqual((await koio.ask({ namespace }, "q", 1)).values.sort(), [0, 1]);
      assert.deepEqual([names(there), names(theirs)], [["news", "q"], ["news", "q"]]);
    });

    test("a family is all of koio's namespaces of a pattern", async () => {
      const [one, two] = [
        await connected(koio, { namespace: "/visitors/1" }),
        await connected(another, { namespace: "/visitors/2" }),
      ];
      await another.emit({ namespace: "/visitors/{id}" }, "family", 2);
      await got("family", one, two);
      assert.deepEqual([names(one), names(two)], [["family"], ["family"]]);
    });

    test("one event comes once, also if one namespace is the beginning of another's name", async () => {
      const [short, long] = [
        await connected(koio, { namespace: "/a", room: "b" }),
        await connected(koio, { namespace: "/a#b", room: "c" }),
      ];
      for (const server of [another, node]) {
        await server.emit({ namespace: "/a#b" }, "long", 1);
        await server.emit({ namespace: "/a#b", to: ["c"] }, "long's room", 1);
        await server.emit({ namespace: "/a", to: ["b"] }, "short's room", 1);
        await server.emit({ namespace: "/a#b" }, `end ${server.kind}`, 1);
        await server.emit({ namespace: "/a" }, `end ${server.kind}`, 1);
        await got(`end ${server.kind}`, short, long);
      }
      const twice = (...events) => [...events, "end koio", ...events, "end node"];
      assert.deepEqual(names(long), twice("long", "long's room"));
      assert.deepEqual(names(short), twice("short's room"));
    });

    test("nothing was malformed, dropped or lost meanwhile", async () => {
      for (const server of [koio, another]) {
        const counts = { malformed: 0, unpublished: 0, dropped: 0, gaps: 0 };
        assert.deepEqual(await server.call("counts"), counts);
      }
    });
  });
}
