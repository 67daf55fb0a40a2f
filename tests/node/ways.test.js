// What koio's own transports do beside the others: streams that end, and polls that do not wait.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { EventSourceTransport, ask, closeAll, connect, once, settled, socket, upgraded } from "./support/client.js";
import { proxy } from "./support/proxy.js";
import { fixture } from "./support/server.js";

describe("server-sent events", () => {
  let server;
  before(async () => {
    server = await fixture({ "max-payload": 20_000 });
  });
  after(() => server?.stop());
  afterEach(closeAll);

  it("misses nothing when its stream is cut", async () => {
    const line = await proxy(server.port);
    const client = await connect(line.url, "eventsource");
    const { id } = client;
    const seen = [];
    client.on("message", (text) => seen.push(text));
    const other = await connect(server.url, "websocket");
    let said = 0;
    for (let round = 0; round < 10; round++) {
      for (let n = 0; n < 20; n++) other.emit("tell", { to: [id] }, `${said++}`);
      if (round % 2) await settled(other);
      line.cut();
    }
    await settled(other);
    await ask(client, "echo");
    assert.equal(client.id, id);
    assert.deepEqual(seen, Array.from({ length: said }, (_, n) => `${n}`));
    line.close();
  });

  it("keeps its session when each of its streams ends between two packets", async () => {
    const line = await proxy(server.port);
    const client = await connect(line.url, "eventsource");
    const { id } = client;
    for (let n = 0; n < 5; n++) {
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      line.cut();
    }
    assert.deepEqual(await ask(client, "echo", 1), [1]);
    assert.equal(client.id, id);
    line.close();
  });

  it("sends what was buffered in bodies that the server takes", async () => {
    const client = socket(server.url, "eventsource");
    const texts = Array.from({ length: 20 }, (_, n) => `${n}${"é".repeat(3_000)}`);
    const echoed = texts.map((text) => ask(client, "echo", text));
    assert.deepEqual(await Promise.all(echoed), texts.map((text) => [text]));
  });

  it("moves to a WebSocket under load and keeps the order", async () => {
    const other = await connect(server.url, "websocket");
    const client = await connect(server.url, "eventsource");
    client.disconnect();
    const moving = socket(server.url, "moving");
    await once(moving, "connect");
    const seen = [];
    moving.on("message", (text) => seen.push(text));
    for (let n = 0; n < 500; n++) other.emit("tell", { to: [moving.id] }, `${n}`);
    await upgraded(moving);
    await settled(other);
    await settled(moving);
    assert.deepEqual(seen, Array.from({ length: 500 }, (_, n) => `${n}`));
  });

  it("says what is wrong with a server that does not take it", async () => {
    const client = socket(server.url, "eventsource", { path: "/elsewhere" });
    const [error] = await once(client, "connect_error");
    assert.equal(error.message, "eventsource error");
  });

  it("needs the classes of the client", async () => {
    const { transports } = await import("../../koio/js/transports.mjs");
    assert.throws(() => transports({}), /`Fetch`/);
    assert.equal(EventSourceTransport.prototype.name, "eventsource");
  });
});

describe("short polling", () => {
  let server;
  before(async () => {
    server = await fixture({ "ping-interval": 200, "ping-timeout": 400 });
  });
  after(() => server?.stop());
  afterEach(closeAll);

  it("polls as often as it says", async () => {
    const client = await connect(server.url, "short", { transportOptions: { polling: { delay: 100 } } });
    let polls = 0;
    client.io.engine.transport.on("poll", () => polls++);
    let pings = 0;
    client.io.on("ping", () => pings++);
    const begun = Date.now();
    while (pings < 3) await once(client.io, "ping");
    const most = (Date.now() - begun) / 100 + 2;
    assert.ok(polls > 2 && polls <= most, `${polls} polls, at most ${most}`);
    assert.deepEqual(await ask(client, "echo", 1), [1]);
  });
});
