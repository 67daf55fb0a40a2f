// The end of a connection: its reason on both sides, exactly one disconnect handler.
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { it } from "node:test";

import { ask, manager, once, report, settled, socket, until } from "./support/client.js";
import { overAllWays, overEachWay } from "./support/suite.js";
import { within } from "./support/within.js";

const SHORT = { "ping-interval": 300, "ping-timeout": 200 };

overAllWays("disconnecting", ({ connect, url, way }) => {
  const onWebSocket = way !== "polling";

  it("says io client disconnect, and client namespace disconnect on the server", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    const reported = report(watcher, client);
    const here = once(client, "disconnect");
    client.disconnect();
    assert.equal((await here)[0], "io client disconnect");
    assert.deepEqual(await reported, ["/", "client namespace disconnect"]);
  });

  it("says io server disconnect, and server namespace disconnect on the server", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    const reported = report(watcher, client);
    const here = once(client, "disconnect");
    client.emit("kick-me");
    assert.equal((await here)[0], "io server disconnect");
    assert.deepEqual(await reported, ["/", "server namespace disconnect"]);
  });

  it("keeps the other namespaces of the connection when one is left or kicked", async () => {
    const made = manager(url(), way);
    const [root, custom] = [made.socket("/"), made.socket("/custom")];
    await Promise.all([once(root, "connect"), once(custom, "connect")]);
    const kicked = once(root, "disconnect");
    root.emit("kick-me");
    assert.equal((await kicked)[0], "io server disconnect");
    assert.deepEqual(await ask(custom, "echo", 1), [1]);
    root.connect();
    await once(root, "connect");
    custom.disconnect();
    assert.deepEqual(await ask(root, "echo", 2), [2]);
  });

  it("says transport close on the server when the client just goes", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    const reported = report(watcher, client);
    client.io.engine.close();
    assert.deepEqual(await reported, ["/", "transport close"]);
  });

  it("delivers what was emitted before a disconnect, and nothing after it", async () => {
    const client = await connect();
    const seen = [];
    client.on("number", (n) => seen.push(n));
    const gone = once(client, "disconnect");
    client.emit("count-and-kick", 100);
    await gone;
    assert.deepEqual(seen, Array.from({ length: 100 }, (_, n) => n));
  });

  it("delivers a last word to everybody whose connection is closed", async () => {
    const made = [manager(url(), way), manager(url(), way)];
    const roots = made.map((each) => each.socket("/"));
    const others = made.map((each) => each.socket("/custom"));
    await Promise.all([...roots, ...others].map((socket) => once(socket, "connect")));
    await Promise.all(roots.map((socket) => ask(socket, "join", "party")));
    const words = roots.map((socket) => once(socket, "last word"));
    const gone = [...roots, ...others].map((socket) => once(socket, "disconnect"));
    roots[0].emit("close-room", "party");
    assert.deepEqual(await Promise.all(words), [["goodbye"], ["goodbye"]]);
    await Promise.all(gone);
  });

  it("runs the disconnect handler once for each connection handler that ran", async () => {
    const watcher = await connect("/watch");
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect("/custom")));
    const ids = clients.map((client) => client.id).sort();
    const reports = [];
    watcher.on("disconnected", (id) => ids.includes(id) && reports.push(id));
    for (const [n, client] of clients.entries()) {
      if (n % 3 === 0) client.disconnect();
      else if (n % 3 === 1) client.io.engine.close();
      else client.emit("kick-me");
    }
    await until("20 reports", () => settled(watcher).then(() => reports.length >= ids.length));
    await settled(watcher);
    assert.deepEqual(reports.sort(), ids);
  });

  it("lets a handler that has started run to its end", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    const finished = once(watcher, "finished");
    const gone = report(watcher, client);
    const started = once(client, "started");
    client.emit("work", 200);
    await started;
    client.disconnect();
    // Its emit says closed; the disconnect handler comes after it.
    const order = [];
    finished.then(() => order.push("finished"));
    gone.then(() => order.push("disconnected"));
    assert.deepEqual(await finished, ["closed"]);
    await gone;
    assert.deepEqual(order, ["finished", "disconnected"]);
  });

  it("does not reconnect by itself a client that was kicked", async () => {
    const client = await connect("", { reconnection: true, reconnectionDelay: 1 });
    const gone = once(client, "disconnect");
    client.emit("kick-me");
    await gone;
    assert.equal(client.active, false);
  });

  it("closes the whole connection when a handler asks for that", async () => {
    const made = manager(url(), way);
    const [root, custom] = [made.socket("/"), made.socket("/custom")];
    await Promise.all([once(root, "connect"), once(custom, "connect")]);
    const both = Promise.all([once(root, "disconnect"), once(custom, "disconnect")]);
    root.emit("kick-connection");
    await both;
  });

  it("ends a connection whose client breaks the protocol, and says so on both sides", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    const reported = report(watcher, client);
    const here = once(client, "disconnect");
    client.io.engine.write("5woooot");
    await here;
    const [, reason] = await reported;
    assert.ok(["parse error", "forced close"].includes(reason), reason);
  });

  // The connections of `fetch` are its own.
  if (way === "eventsource" || way === "short") return;

  it("does not wait for a ping to notice that a WebSocket or a poll has gone", async () => {
    const agent = new Agent({ keepAlive: true });
    const [watcher, client] = [await connect("/watch"), await connect("", { agent })];
    const reported = report(watcher, client);
    await settled(client);
    // The poll that follows the answer is on its way: all of it has been written.
    const isPoll = (tcp) => tcp._httpMessage?.method === "GET" && tcp.writableLength === 0;
    const polls = () => Object.values(agent.sockets).flat().some(isPoll);
    await until("a poll", async () => {
      await new Promise(setImmediate);
      return onWebSocket || polls();
    });
    // Every TCP connection of this client, the one with the pending poll among them.
    agent.destroy();
    if (onWebSocket) client.io.engine.transport.ws.terminate();
    const [, reason] = await reported;
    assert.ok(["transport close", "transport error"].includes(reason), reason);
  });
});

overEachWay(
  "the heartbeat",
  ({ connect }) => {
    it("keeps a quiet connection", async () => {
      const client = await connect();
      const { id } = client;
      let pings = 0;
      client.io.engine.on("ping", () => pings++);
      while (pings < 5) await once(client.io, "ping");
      assert.deepEqual(await ask(client, "echo", 1), [1]);
      assert.equal(client.id, id);
    });

    it("ends with ping timeout on the server when the client does not answer", async () => {
      const [watcher, client] = [await connect("/watch"), await connect()];
      const reported = report(watcher, client);
      // The client hears pings and says nothing.
      const { engine } = client.io;
      const send = engine._sendPacket.bind(engine);
      engine._sendPacket = (type, ...rest) => type !== "pong" && send(type, ...rest);
      assert.deepEqual(await reported, ["/", "ping timeout"]);
    });

    it("is not paused by a handler that takes longer than it", async () => {
      const client = await connect();
      const { id } = client;
      assert.deepEqual(await ask(client, "slow", 1, 1500), [1]);
      assert.equal(client.id, id);
    });
  },
  SHORT,
);

overEachWay("going away from rooms", ({ connect }) => {
  it("knows at the end in which rooms the socket was", async () => {
    const [watcher, client] = [await connect("/watch"), await connect()];
    for (const room of ["a", "b"]) await ask(client, "join", room);
    const { id } = client;
    const told = new Promise((resolve) => {
      watcher.on("left rooms", (who, rooms) => who === id && resolve(rooms));
    });
    client.disconnect();
    assert.deepEqual((await within("the rooms", told)).toSorted(), ["a", "b"]);
  });
});

overEachWay("going away while connecting", ({ url, way, connect }) => {
  it("leaves nothing behind", async () => {
    const watcher = await connect("/watch");
    for (let n = 0; n < 10; n++) {
      const client = socket(url("/slow"), way);
      client.connect();
      await once(client.io, "open");
      client.disconnect();
    }
    const late = await connect("/slow");
    assert.deepEqual(await ask(late, "ready"), [true]);
    // Those who left while their connection handler ran are out when it has ended.
    await until("the others to be gone", async () => {
      const [count] = await ask(watcher, "online", "/slow");
      return count === 1;
    });
  });
});
