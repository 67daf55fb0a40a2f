// What the tests of Node's own adapters look at, on three servers of which one or two are koio's. README.md has the
// table of their titles.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";

import { until, within } from "../node/support/within.js";
import { closeAll, connected, got, names } from "./support/clients.js";
import { Cluster } from "./support/cluster.js";
import { redisClients } from "./support/redis.js";
import { koioServer } from "./support/servers.js";

// The first acts, and what it does concerns the client of the second.
const ONE_OF_KOIO = [
  ["koio", "node", "node"],
  ["node", "koio", "node"],
  ["node", "node", "koio"],
];
const TWO_OF_KOIO = [
  ["koio", "koio", "node"],
  ["koio", "node", "koio"],
  ["node", "koio", "koio"],
];
const ALL = [...ONE_OF_KOIO, ...TWO_OF_KOIO];
const SOME = [ONE_OF_KOIO[0], TWO_OF_KOIO[1], TWO_OF_KOIO[2]];

// With what servers of Node are started, and which servers there are. In the long form, `KOIO_TITLES=long`, each with all.
const ADAPTERS = [
  ["classic", {}, ALL],
  ["classic, answers on the asking server's own channel", { publishOnSpecificResponseChannel: true }, SOME.slice(0, 2)],
  ["classic, ioredis", { client: "ioredis" }, SOME.slice(1, 2)],
  ["classic, redis 4", { client: "redis4" }, SOME.slice(2)],
  ["sharded", { sharded: "dynamic" }, SOME],
  ["sharded, static", { sharded: "static" }, SOME.slice(1, 2)],
  ["sharded, dynamic-private", { sharded: "dynamic-private" }, SOME.slice(2)],
  ["sharded, ioredis", { sharded: "dynamic", client: "ioredis" }, SOME.slice(1, 2)],
].map(([name, options, some]) => [name, options, process.env.KOIO_TITLES === "long" ? ALL : some]);

for (const [adapter, options, ensembles] of ADAPTERS) {
  for (const kinds of ensembles) {
    describe(`${adapter}: ${kinds.join(", ")}`, () => {
      let cluster, acting, second, clients, ids;
      const heard = kinds.map(() => []);
      before(async () => {
        const { sharded } = options;
        cluster = await Cluster.start(kinds, { node: { requestsTimeout: 500, ...options }, koio: { sharded } });
        [acting, second] = cluster.servers;
        // koio-cluster has the same handlers; none of its servers answers "silent" in time.
        cluster.servers.forEach((server, index) => {
          server.io?.on("hello", (...args) => heard[index].push(args));
          server.io?.on("kind", (answer) => answer("node"));
          server.io?.on("silent", (answer) => index === 1 && answer("node"));
        });
      });
      after(() => cluster?.stop());
      beforeEach(async () => {
        clients = await cluster.clients();
        ids = clients.map(({ id }) => id);
      });
      afterEach(() => {
        closeAll();
        for (const server of cluster.servers) assert.equal(server.waiting?.() ?? 0, 0, "requests that nobody answers");
      });

      test("a broadcast reaches all clients", async () => {
        const bytes = Buffer.from([3, 4]);
        await acting.emitBinary({}, "test", bytes);
        await got("test", ...clients);
        for (const client of clients) {
          const [, value, { deep }, text] = client.events[0];
          assert.deepEqual([value, deep, text], [bytes, [bytes, Buffer.from([0, 255])], "text"]);
        }
      });

      test("a broadcast reaches all clients of its namespace, and no others", async () => {
        const namespace = "/chat";
        const chatting = await cluster.clients({ namespace });
        await acting.emit({ namespace }, "test", 1);
        await got("test", ...chatting);
        assert.deepEqual(await cluster.events(clients), [[], [], []]);
      });

      test("a broadcast to a room reaches a client of another server", async () => {
        await cluster.join(clients, [], ["room1"], []);
        await acting.emit({ to: ["room1"] }, "test", 1);
        assert.deepEqual(await cluster.events(clients), [[], ["test"], []]);
      });

      test("a broadcast to all but a room", async () => {
        await cluster.join(clients, [], ["room1"], []);
        await acting.emit({ except: ["room1"] }, "test", 1);
        assert.deepEqual(await cluster.events(clients), [["test"], [], ["test"]]);
      });

      test("a local broadcast reaches the acting server's clients alone", async () => {
        await acting.emit({ local: true }, "test", 1);
        assert.deepEqual(await cluster.events(clients), [["test"], [], []]);
      });

      test("a local broadcast to a room stays as well", async () => {
        await cluster.join(clients, ["woot"], ["woot"], []);
        await acting.emit({ local: true, to: ["woot"] }, "test", 1);
        assert.deepEqual(await cluster.events(clients), [["test"], [], []]);
      });

      test("a socket's broadcast reaches all others, with lists, objects and binary data", async () => {
        const values = [[], { a: "b" }, Buffer.from("asdfasdf"), Uint8Array.of(1, 2, 3, 4)];
        clients[1].emit("tell others", [], "woot", values);
        await got("woot", clients[0], clients[2]);
        for (const client of [clients[0], clients[2]]) {
          const expected = [...values.slice(0, 3), Buffer.from(values[3])];
          assert.deepEqual(client.events[0], ["woot", ...expected]);
        }
        assert.deepEqual((await cluster.events(clients, second))[1], []);
      });

      test("a socket's broadcast to a room", async () => {
        await cluster.join(clients, ["woot"], ["woot"], []);
        clients[1].emit("tell others", ["woot"], "test", [1, 2, Buffer.of(), Buffer.of()]);
        await got("test", clients[0]);
        assert.deepEqual(await cluster.events(clients, second), [["test"], [], []]);
      });

      test("a client in several of the rooms gets a broadcast once", async () => {
        await cluster.join(clients, [], ["foo", "bar"], []);
        await acting.emit({ to: ["foo", "bar"] }, "test", 1);
        assert.deepEqual(await cluster.events(clients), [[], ["test"], []]);
      });

      test("a client that has left the room gets nothing", async () => {
        await cluster.join(clients, [], ["woot"], ["woot"]);
        await second.leave({ to: [ids[1]], local: true }, "woot");
        await acting.emit({ to: ["woot"] }, "test", 1);
        assert.deepEqual(await cluster.events(clients), [[], [], ["test"]]);
      });

      test("a room of Node's that is a number", async () => {
        const { kind, io } = second;
        if (kind === "node") io.sockets.sockets.get(ids[1]).join(123);
        else await second.join({ to: [ids[1]] }, "123");
        if (acting.kind === "node") acting.io.to(123).emit("test");
        else await acting.emit({ to: ["123"] }, "test", 1);
        // For Node it is another room than that of its text, which is all that koio can name.
        const reached = acting.kind === "node" || kind === "koio";
        assert.deepEqual(await cluster.events(clients), [[], reached ? ["test"] : [], []]);
      });

      test("a client that is gone is in no room", async () => {
        await cluster.join(clients, [], ["woot"], []);
        clients[1].disconnect();
        for (const server of cluster.servers) {
          await within("it to be gone", until(async () => (await server.fetch({ to: ["woot"] })).length === 0));
        }
      });

      test("every client's acknowledgement arrives", async () => {
        clients.forEach((client, index) => (client.answer = index + 1));
        const { values, failed } = await acting.ask({ timeout: 5_000 }, "test", 0);
        assert.deepEqual([values.sort(), failed], [[1, 2, 3], false]);
      });

      test("acknowledgements with binary data are binary", async () => {
        clients.forEach((client, index) => (client.answer = Buffer.from([index + 1])));
        const values = await acting.askBinary({ timeout: 5_000 }, "test", 0);
        assert.deepEqual(values.sort(Buffer.compare), [Buffer.from([1]), Buffer.from([2]), Buffer.from([3])]);
      });

      test("no client acknowledges: there is no answer and no error", async () => {
        const { values, failed } = await acting.ask({ to: ["abc"], timeout: 5_000 }, "test", 0);
        assert.deepEqual([values, failed], [[], false]);
      });

      test("one client does not acknowledge: an error, and the others' acknowledgements", async () => {
        clients[0].answer = 1;
        clients[1].answer = 2;
        const { values, failed } = await acting.ask({ timeout: 300 }, "test", 0);
        assert.deepEqual([values.sort(), failed], [[1, 2], true]);
      });

      test("a single acknowledgement of the server's own client", async () => {
        clients[1].answer = 2;
        assert.equal(await second.askOne({ to: [ids[1]], local: true }, "test", 0), 2);
        assert.deepEqual(await cluster.events(clients), [[], ["test"], []]);
      });

      test("a single acknowledgement of another server's client", async () => {
        clients[1].answer = 2;
        assert.equal(await acting.askOne({ to: [ids[1]] }, "test", 0), 2);
        assert.deepEqual(await cluster.events(clients), [[], ["test"], []]);
      });

      test("all sockets join a room", async () => {
        await acting.join({}, "room1");
        await cluster.rooms(clients, ["room1"], ["room1"], ["room1"]);
      });

      test("the sockets of a room join another", async () => {
        await cluster.join(clients, ["room1"], [], ["room1"]);
        await acting.join({ to: ["room1"] }, "room2");
        await cluster.rooms(clients, ["room1", "room2"], [], ["room1", "room2"]);
      });

      test("one socket of another server joins a room", async () => {
        await acting.join({ to: [ids[1]] }, "room3");
        await cluster.rooms(clients, [], ["room3"], []);
      });

      test("all sockets leave a room", async () => {
        await cluster.join(clients, ["room1"], [], ["room1"]);
        await acting.leave({}, "room1");
        await cluster.rooms(clients, [], [], []);
      });

      test("the sockets of a room leave another", async () => {
        await cluster.join(clients, ["room1", "room2"], ["room1", "room2"], ["room2"]);
        await acting.leave({ to: ["room1"] }, "room2");
        await cluster.rooms(clients, ["room1"], ["room1"], ["room2"]);
      });

      test("one socket of another server leaves a room", async () => {
        await cluster.join(clients, ["room3"], ["room3"], ["room3"]);
        await acting.leave({ to: [ids[1]] }, "room3");
        await cluster.rooms(clients, ["room3"], [], ["room3"]);
      });

      test("all sockets are disconnected", async () => {
        const reasons = clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve)));
        await acting.disconnect({}, true);
        const expected = clients.map(() => "io server disconnect");
        assert.deepEqual(await within("the clients to be disconnected", Promise.all(reasons)), expected);
      });

      test("what is sent before the sockets are disconnected arrives", async () => {
        const gone = clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve)));
        await acting.emit({}, "bye", 0);
        await acting.disconnect({}, true);
        await within("the clients to be disconnected", Promise.all(gone));
        assert.deepEqual(clients.map(names), [["bye"], ["bye"], ["bye"]]);
      });

      test("all sockets are fetched", async () => {
        const sockets = await acting.fetch({});
        assert.deepEqual(sockets.map(({ id }) => id).sort(), [...ids].sort());
      });

      test("one socket is fetched as its own server sees it", async () => {
        const data = { name: "test" };
        const client = await connected(second, { data, name: "second" });
        const [fetched, ...more] = await acting.fetch({ to: [client.id] });
        assert.deepEqual([more, fetched.id, fetched.rooms], [[], client.id, []]);
        assert.deepEqual(fetched, (await second.fetch({ to: [client.id], local: true }))[0]);
        assert.deepEqual([fetched.data, fetched.query, fetched.header], [data, "second", "seen"]);
      });

      test("the sockets of a room are fetched", async () => {
        await cluster.join(clients, ["room1"], [], ["room1"]);
        const sockets = await acting.fetch({ to: ["room1"] });
        assert.deepEqual(sockets.map(({ id }) => id).sort(), [ids[0], ids[2]].sort());
      });

      test("the acting server's own sockets are fetched", async () => {
        const sockets = await acting.fetch({ local: true });
        assert.deepEqual(sockets.map(({ id }) => id), [ids[0]]);
      });

      /** Has the acting server ask the others, in a form that both kinds have. */
      async function askServers(event) {
        if (acting.kind === "node") {
          const late = ({ message, responses }) => ({ values: responses, error: message });
          return acting.io.serverSideEmitWithAck(event).then((values) => ({ values }), late);
        }
        const { values, missing } = await acting.call("server ask", { timeout: 500 }, event);
        const error = `timeout reached: only ${values.length} responses received out of ${values.length + missing.length}`;
        return { values, ...(missing.length > 0 && { error }) };
      }

      test("an event to the other servers", async () => {
        if (acting.kind === "node") acting.io.serverSideEmit("hello", "world", "last");
        else await acting.call("server emit", {}, "hello", "world");
        const arrived = async ({ kind, call }, index) => {
          if (kind === "koio") heard[index].push(...(await call("heard")).map(({ args }) => args));
          return heard[index].length > 0;
        };
        for (const index of [1, 2]) {
          await within("the event", until(() => arrived(cluster.servers[index], index)));
        }
        await arrived(acting, 0);
        assert.deepEqual(heard.map((all) => all.splice(0)), [[], [["world", "last"]], [["world", "last"]]]);
      });

      test("an event that the other servers answer", async () => {
        const { values, error } = await askServers("kind");
        assert.deepEqual([values.sort(), error], [kinds.slice(1).sort(), undefined]);
      });

      // The sharded adapter waits for 5 s, which no option changes: longer than koio-cluster is silent.
      const waits = !options.sharded || kinds[0] === "koio";
      if (waits) test("an event that one of the other servers does not answer", async () => {
        const { values, error } = await askServers("silent");
        const answers = second.kind === "node" ? ["node"] : [];
        assert.deepEqual(values, answers);
        assert.equal(error, `timeout reached: only ${answers.length} responses received out of 2`);
      });

      // The sharded adapter does not have the call.
      if (options.sharded) return;
      test("a server of Node's hears all rooms of all servers", async () => {
        await cluster.join(clients, ["woot1"], ["woot2"], []);
        const { io } = cluster.servers.find(({ kind }) => kind === "node");
        const rooms = await io.of("/").adapter.allRooms();
        assert.deepEqual([...rooms].sort(), [...ids, "woot1", "woot2"].sort());
      });
    });
  }
}

describe("what a server of koio's subscribes", () => {
  let cluster, publishers;
  before(async () => {
    cluster = await Cluster.start(["koio", "node"]);
    publishers = await redisClients(cluster.redis.url);
  });
  after(async () => {
    await Promise.all((publishers ?? []).map((publisher) => publisher.quit()));
    await cluster?.stop();
  });
  afterEach(closeAll);

  test("it unsubscribes when it is closed", async () => {
    const subscribed = async () => {
      const [channels, patterns] = await Promise.all([
        publishers[0].sendCommand(["PUBSUB", "CHANNELS"]),
        publishers[0].sendCommand(["PUBSUB", "NUMPAT"]),
      ]);
      return [channels.sort().join(" "), patterns];
    };
    const alone = await subscribed();
    const another = await koioServer(cluster.redis.url);
    await cluster.servers[1].counted(3);
    assert.notDeepEqual(await subscribed(), alone);
    await another.stop();
    assert.deepEqual(await subscribed(), alone);
  });

  test("messages on channels that nobody has told it are ignored", async () => {
    const clients = await cluster.clients();
    const [koio] = cluster.servers;
    const before = await koio.call("counts");
    for (const channel of ["foo", "woot", "socket.io", "socket.io#/#woot", "socket.io#/#nobody#", "socket.io-request#/#woot#"]) {
      await publishers[0].publish(channel, "bar");
    }
    assert.deepEqual(await cluster.events(clients, cluster.servers[1]), [[], []]);
    assert.deepEqual(await koio.call("counts"), before);
  });
});
