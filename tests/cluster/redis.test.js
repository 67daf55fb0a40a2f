// koio and servers of Node in one cluster over Redis: what each does reaches the clients of the others.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Adapter } from "socket.io-adapter";

import { until, within } from "../node/support/within.js";
import { closeAll, connected, got, names } from "./support/clients.js";
import { startRedis } from "./support/redis.js";
import { NAMESPACES, koioServer, nodeServer } from "./support/servers.js";

// Each kind of server emits to, asks and moves the clients of each other kind.
const DIRECTIONS = [
  ["koio", "node"],
  ["node", "koio"],
  ["koio", "another koio"],
];

describe("one cluster", () => oneCluster());
describe("one sharded cluster", () => oneCluster("dynamic"));

/** `sharded`: the subscription mode, if the cluster is. */
function oneCluster(sharded) {
  let redis;
  const servers = {};
  const each = () => Object.values(servers);

  before(async () => {
    redis = await startRedis();
    servers["another koio"] = await koioServer(redis.url, { sharded });
    servers.koio = await koioServer(redis.url, { sharded });
    servers.node = await nodeServer(redis.url, { sharded });
    await servers.node.counted(3);
  });
  after(async () => {
    await Promise.all(each().map((server) => server.stop()));
    await redis?.stop();
  });
  afterEach(closeAll);

  for (const [here, there] of DIRECTIONS) {
    describe(`${here} to ${there}`, () => {
      test("a broadcast of text reaches every client of all servers", async () => {
        const sockets = await Promise.all(each().map((server) => connected(server)));
        const value = { text: 'ä "quoted" \u2028', numbers: [1, -2, 3.5, 2 ** 40], nothing: null };
        await servers[here].emit({}, "news", value);
        await got("news", ...sockets);
        for (const socket of sockets) assert.deepEqual(socket.events, [["news", value]]);
      });

      test("binary arrives as binary, at any depth", async () => {
        const socket = await connected(servers[there]);
        const bytes = Buffer.from([1, 2, 3, 254]);
        await servers[here].emitBinary({}, "bytes", bytes);
        await got("bytes", socket);
        const [, first, { deep }, text] = socket.events[0];
        assert.deepEqual([Buffer.from(first), text], [bytes, "text"]);
        assert.deepEqual(deep.map((part) => Buffer.from(part)), [bytes, Buffer.from([0, 255])]);
      });

      test("rooms, several rooms once, and all but a room", async () => {
        const [red, blue, none] = await Promise.all(
          ["red", "blue", undefined].map((room) => connected(servers[there], { room })),
        );
        await servers[here].emit({ to: ["red"] }, "one", 1);
        await servers[here].emit({ to: ["red", "blue"] }, "two", 2);
        await servers[here].emit({ to: ["red", "blue"], except: ["red"] }, "three", 3);
        await servers[here].emit({ except: ["blue"] }, "four", 4);
        await servers[here].emit({}, "end", 5);
        await got("end", red, blue, none);
        assert.deepEqual(names(red), ["one", "two", "four", "end"]);
        assert.deepEqual(names(blue), ["two", "three", "end"]);
        assert.deepEqual(names(none), ["four", "end"]);
      });

      test("a local broadcast stays, a volatile one goes", async () => {
        const [mine, theirs] = [await connected(servers[here]), await connected(servers[there])];
        await servers[here].emit({ local: true }, "local", 1);
        await servers[here].emit({}, "end", 2);
        await got("end", mine, theirs);
        await servers[here].emit({ volatile: true }, "volatile", 3);
        await got("volatile", mine, theirs);
        assert.deepEqual(names(mine), ["local", "end", "volatile"]);
        assert.deepEqual(names(theirs), ["end", "volatile"]);
      });

      test("an event is compressed on every server, unless its emit says no", async (t) => {
        const sockets = await Promise.all(each().map((server) => connected(server)));
        const broadcasts = t.mock.method(Adapter.prototype, "broadcast");
        const text = "compressible ".repeat(1_000);
        for (const uncompressed of [false, true]) {
          const lines = sockets.map(({ io }) => io.engine.transport.ws._socket);
          const before = lines.map(({ bytesRead }) => bytesRead);
          await servers[here].emit({ uncompressed }, `plain: ${uncompressed}`, text);
          await got(`plain: ${uncompressed}`, ...sockets);
          for (const [at, { kind }] of each().entries()) {
            const bytes = lines[at].bytesRead - before[at];
            // Node's WebSocket compresses whatever the emit says.
            const isPlain = uncompressed && kind === "koio";
            assert.equal(bytes > text.length, isPlain, `${kind}, uncompressed: ${uncompressed}: ${bytes} bytes`);
          }
          const [, { flags }] = broadcasts.mock.calls.at(-1).arguments;
          assert.equal(flags.compress, uncompressed ? false : undefined);
        }
        for (const { events } of sockets) assert.deepEqual(events.map(([, value]) => value), [text, text]);
      });

      test("a private message reaches one client by its id", async () => {
        const [one, other] = [await connected(servers[there]), await connected(servers[there])];
        await servers[here].emit({ to: [one.id] }, "private", "psst");
        await servers[here].emit({}, "end", 1);
        await got("end", one, other);
        assert.deepEqual(one.events[0], ["private", "psst"]);
        assert.deepEqual(names(other), ["end"]);
      });

      test("an odd namespace is one of its own", async () => {
        // Node does not escape the pattern that it subscribes: it would hear nothing in this one.
        const namespace = there === "node" ? "/ä b#c" : "/a[1]*#b";
        const [odd, plain] = [
          await connected(servers[there], { namespace, room: "r#1" }),
          await connected(servers[there]),
        ];
        await servers[here].emit({ namespace }, "all", 1);
        await servers[here].emit({ namespace, to: ["r#1"] }, "room", 2);
        await servers[here].emit({}, "end", 3);
        await got("room", odd);
        await got("end", plain);
        assert.deepEqual([names(odd), names(plain)], [["all", "room"], ["end"]]);
      });

      test("what one server emits to one room arrives in that order", async () => {
        const socket = await connected(servers[there], { room: "order" });
        const numbers = Array.from({ length: 300 }, (_, number) => number);
        await Promise.all(
          numbers.map((number) => servers[here].emit({ to: ["order"] }, "number", number)),
        );
        await within("300 events", until(() => socket.events.length === 300));
        assert.deepEqual(socket.events.map(([, number]) => number), numbers);
      });

      test("sockets are fetched with rooms, data and handshake", async () => {
        const data = { user: "ann", tags: ["a"] };
        const [mine, theirs] = [
          await connected(servers[here], { room: "red" }),
          await connected(servers[there], { room: "red", data, name: "theirs" }),
        ];
        const fetched = async () => servers[here].fetch({ to: ["red"] });
        await within("the room", until(async () => (await fetched()).length === 2));
        const sockets = await fetched();
        assert.deepEqual(sockets.map(({ id }) => id).sort(), [mine.id, theirs.id].sort());
        const found = sockets.find(({ id }) => id === theirs.id);
        assert.deepEqual(found, {
          id: theirs.id,
          rooms: ["red"],
          data,
          query: "theirs",
          header: "seen",
          auth: { room: "red", data },
        });
        const [alone] = await servers[here].fetch({ to: [theirs.id] });
        assert.equal(alone.id, theirs.id);
        assert.deepEqual(await servers[here].fetch({ to: ["nobody"] }), []);
      });

      test("sockets join, leave and are disconnected", async () => {
        const [mine, theirs] = [await connected(servers[here]), await connected(servers[there])];
        await servers[here].join({}, "moved");
        const inRoom = async (count) => (await servers[here].fetch({ to: ["moved"] })).length === count;
        await within("both to be in the room", until(() => inRoom(2)));
        await servers[here].emit({ to: ["moved"] }, "in", 1);
        await got("in", mine, theirs);
        await servers[here].leave({ to: [theirs.id] }, "moved");
        await within("one to have left", until(() => inRoom(1)));
        const gone = new Promise((resolve) => theirs.once("disconnect", resolve));
        await servers[here].disconnect({ to: [theirs.id] });
        assert.equal(await within("the disconnect", gone), "io server disconnect");
        assert.equal(mine.connected, true);
      });

      test("a broadcast with acks has the answers of no, of one and of many clients", async () => {
        const whom = { to: ["asked"] };
        assert.deepEqual((await servers[here].ask(whom, "q", 0)).values, []);
        const make = (server, answer) =>
          connected(server, { room: "asked" }).then((socket) => Object.assign(socket, { answer }));
        await make(servers[there], "first");
        const one = await servers[here].ask(whom, "q", 1);
        assert.deepEqual(one, { ...one, values: ["first"], failed: false });
        await Promise.all([
          make(servers[here], "mine"),
          make(servers[there], { nested: [1] }),
          ...Array.from({ length: 10 }, (_, number) => make(servers[there], number)),
        ]);
        const many = await servers[here].ask(whom, "q", 2);
        const text = (values) => values.map((value) => JSON.stringify(value)).sort();
        const expected = ["first", "mine", { nested: [1] }, ...Array(10).keys()];
        assert.deepEqual(text(many.values), text(expected));
        assert.equal(many.failed, false);
      });

      test("a client that does not answer is late, and the others' answers are there", async () => {
        const whom = { to: ["half"], timeout: 700 };
        const answering = await connected(servers[there], { room: "half" });
        answering.answer = "yes";
        await connected(servers[there], { room: "half" });
        const { values, failed } = await servers[here].ask(whom, "q", 1);
        assert.deepEqual([values, failed], [["yes"], true]);
      });

      test("one client that was fetched is asked", async () => {
        const socket = await connected(servers[there]);
        socket.answer = { answer: 42 };
        const answer = await servers[here].askOne({ to: [socket.id] }, "q", 1);
        assert.deepEqual(answer, { answer: 42 });
      });
    });
  }

  // Servers of Node move their own sockets when their message comes back from Redis, and miss them with the next emit.
  // The other sharded ones have not subscribed the room yet.
  const hearing = () => (sharded ? [servers.koio] : each());
  test("sockets that koio has join a room get what it emits next", async () => {
    const sockets = await Promise.all(hearing().map((server) => connected(server)));
    await Promise.all([
      servers.koio.join({}, "at once"),
      servers.koio.emit({ to: ["at once"] }, "next", 1),
    ]);
    await got("next", ...sockets);
  });

  test("rooms of Node that are numbers are rooms of koio's by their text", async () => {
    const socket = await connected(servers.koio, { room: "123" });
    servers.node.io.to(123).emit("one", 1);
    servers.node.io.to(123).to(456).emit("two", 2);
    servers.node.io.except(123).emit("three", 3);
    servers.node.io.emit("end", 4);
    await got("end", socket);
    assert.deepEqual(names(socket), ["one", "two", "end"]);
  });

  test("Node counts a server of koio's once in each namespace, and knows its rooms", async () => {
    assert.deepEqual(await servers.node.servers(), NAMESPACES.map(() => 3));
    // The sharded adapter does not have the call.
    if (sharded) return;
    const socket = await connected(servers.koio, { room: "a room of koio's" });
    const rooms = await servers.node.io.of("/").adapter.allRooms();
    assert.equal(rooms.has("a room of koio's"), true);
    assert.equal(rooms.has(socket.id), true);
  });

  // There is no emitter for sharded publishing.
  if (!sharded) test("an emitter without a server reaches koio's clients", async () => {
    const publisher = createClient({ url: redis.url });
    await publisher.connect();
    const emitter = new Emitter(publisher);
    const socket = await connected(servers.koio, { namespace: "/chat", room: "red" });
    const chat = emitter.of("/chat");
    chat.emit("all", { from: "emitter" });
    chat.to("red").emit("room", Buffer.from([7]));
    chat.to("blue").emit("never");
    chat.in("red").socketsJoin("green");
    await got("room", socket);
    const joined = async () =>
      (await servers.koio.fetch({ namespace: "/chat", to: ["green"] })).length === 1;
    await within("the room", until(joined));
    chat.in("green").disconnectSockets(true);
    await within("the end", until(() => !socket.connected));
    assert.deepEqual(names(socket), ["all", "room"]);
    assert.deepEqual(Buffer.from(socket.events[1][1]), Buffer.from([7]));
    await publisher.quit();
  });

  test("a server of Node that comes and goes is waited for and forgotten", async () => {
    const third = await nodeServer(redis.url, { sharded });
    await third.counted(4);
    await connected(third, { room: "third" });
    assert.equal((await servers.koio.fetch({ to: ["third"] })).length, 1);
    await third.stop();
    const started = performance.now();
    assert.equal((await servers.koio.fetch({ to: ["third"] })).length, 0);
    assert.ok(performance.now() - started < 4_000, "nobody was waited for");
  });

  test("a server of koio's that comes and goes is counted by Node and forgotten", async () => {
    const third = await koioServer(redis.url, { sharded });
    await connected(third, { room: "fourth" });
    // It knows its peers at once, not with their next heartbeat.
    const early = Date.now();
    await connected(servers.koio, { room: "elsewhere" });
    await within("its peers", until(async () => (await third.fetch({ to: ["elsewhere"] })).length === 1));
    assert.ok(Date.now() - early < 2_000, "a heartbeat was waited for");
    assert.equal((await servers.node.fetch({ to: ["fourth"] })).length, 1);
    assert.equal((await servers.koio.fetch({ to: ["fourth"] })).length, 1);
    await third.stop();
    const started = performance.now();
    assert.equal((await servers.node.fetch({ to: ["fourth"] })).length, 0);
    assert.equal((await servers.koio.fetch({ to: ["fourth"] })).length, 0);
    assert.ok(performance.now() - started < 4_000, "nobody was waited for");
  });

  test("nothing was malformed, dropped or lost meanwhile", async () => {
    for (const server of [servers.koio, servers["another koio"]]) {
      const counts = { malformed: 0, unpublished: 0, dropped: 0, gaps: 0 };
      assert.deepEqual(await server.call("counts"), counts);
      assert.equal(await server.call("alone"), false);
    }
  });
}

describe("without Redis", () => {
  test("a server of koio's does not start, and says which Redis it means", async () => {
    await assert.rejects(koioServer("redis://me:secret@127.0.0.1:1"), (error) => {
      assert.match(error.message, /Redis at redis:\/\/me@127\.0\.0\.1:1.*can't be used/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });

  test("one that may start alone serves its clients, and joins when Redis comes", async () => {
    let redis = await startRedis();
    await redis.stop();
    const koio = await koioServer(redis.url, { alone: true });
    const mine = await connected(koio);
    await within("it to notice", until(() => koio.call("alone")));
    await koio.emit({}, "local", 1);
    await got("local", mine);

    redis = await startRedis(redis.port);
    const node = await nodeServer(redis.url);
    await within("it to join", until(async () => !(await koio.call("alone"))));
    await node.counted(2);
    await node.emit({}, "together", 1);
    await got("together", mine);
    await Promise.all([koio.stop(), node.stop()]);
    await redis.stop();
  });

  test("a cluster whose Redis goes away and comes back is one again", async () => {
    let redis = await startRedis();
    const [one, two] = [await koioServer(redis.url), await koioServer(redis.url)];
    const node = await nodeServer(redis.url);
    const servers = [one, two, node];
    const sockets = await Promise.all(servers.map((server) => connected(server)));
    await redis.stop();
    for (const koio of [one, two]) {
      await within("it to notice", until(() => koio.call("alone")));
      await koio.emit({ local: false }, "alone", 1);
    }
    await got("alone", sockets[0], sockets[1]);

    redis = await startRedis(redis.port);
    for (const koio of [one, two]) {
      await within("it to be back", until(async () => !(await koio.call("alone"))));
      assert.equal((await koio.call("counts")).gaps, 1);
    }
    await node.counted(3);
    await one.emit({}, "from koio", 1);
    await node.emit({}, "from node", 1);
    await got("from koio", ...sockets);
    await got("from node", ...sockets);
    assert.equal((await two.fetch({})).length, 3);
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  });

  test("a server of koio's that is killed is not waited for by those of Node, and its peers forget it", async () => {
    const redis = await startRedis();
    const [one, two] = [await koioServer(redis.url), await koioServer(redis.url)];
    const node = await nodeServer(redis.url);
    await node.counted(3);
    await within("both", until(async () => (await one.fetch({})).length === 0));
    await two.stop("SIGKILL");
    await node.counted(2);
    assert.deepEqual(await node.fetch({}), []);
    const forgotten = async () => (await one.call("fetch", { timeout: 200 })).missing.length === 0;
    await within("its peer to forget it", until(forgotten), 40_000);
    await Promise.all([one.stop(), node.stop()]);
    await redis.stop();
  });
});

describe("another key, and namespaces of a pattern", () => {
  test("servers with different keys are different clusters", async () => {
    const redis = await startRedis();
    const [one, two] = [
      await koioServer(redis.url, { key: "one" }),
      await koioServer(redis.url, { key: "two" }),
    ];
    const node = await nodeServer(redis.url, { key: "two" });
    const sockets = await Promise.all([one, two, node].map((server) => connected(server)));
    await two.emit({}, "two", 1);
    await one.emit({}, "one", 1);
    await got("two", sockets[1], sockets[2]);
    await got("one", sockets[0]);
    await node.emit({}, "end", 1);
    await got("end", sockets[1], sockets[2]);
    assert.deepEqual(sockets.map(names), [["one"], ["two", "end"], ["two", "end"]]);
    await Promise.all([one, two, node].map((server) => server.stop()));
    await redis.stop();
  });

  test("namespaces of a pattern are shared among servers of koio's", async () => {
    const redis = await startRedis();
    const [one, two] = [await koioServer(redis.url), await koioServer(redis.url)];
    const namespace = "/visitors/7";
    const socket = await connected(two, { namespace, room: "red" });
    const there = async () => (await one.fetch({ namespace })).length === 1;
    await within("it to be seen", until(there));
    await one.emit({ namespace, to: ["red"] }, "one", 1);
    await one.emit({ namespace: "/visitors/{id}" }, "family", 2);
    await got("family", socket);
    assert.deepEqual(names(socket), ["one", "family"]);
    socket.answer = "yes";
    assert.deepEqual((await one.ask({ namespace }, "q", 1)).values, ["yes"]);
    await Promise.all([one.stop(), two.stop()]);
    await redis.stop();
  });
});
