// Clients of Socket.IO 2: all that later ones do once more, and what is their own.
import assert from "node:assert/strict";
import { it } from "node:test";

import * as now from "socket.io-client";

process.env.KOIO_CLIENT = "2";
const { WAYS, ask, connect, manager, once, settled, socket } = await import("./support/client.js");
const { fixture } = await import("./support/server.js");
const { overEachWay } = await import("./support/suite.js");
const { within } = await import("./support/within.js");

for (const file of ["acks", "binary", "events", "order", "payload", "rooms"]) {
  await import(`./${file}.test.js`);
}

overEachWay("Socket.IO 2", ({ url, way, connect: open, server }) => {
  it("is in / from the start, with the id that the client knows", async () => {
    const client = await open();
    assert.equal(client.id, client.io.engine.id);
    const [who] = await ask(client, "whoami");
    assert.equal(who.id, client.id);
    assert.equal(client.io.engine.transport.name, way === "upgrade" ? "websocket" : way);
  });

  it("connects to several namespaces, each with its query, and to / beside them", async () => {
    const made = manager(url(), way);
    const custom = made.socket("/custom", { query: { token: "a b", "ö": "é" } });
    const root = made.socket("/");
    await Promise.all([once(custom, "connect"), once(root, "connect")]);
    assert.deepEqual(await ask(custom, "auth"), [{ token: "a b", "ö": "é" }]);
    assert.deepEqual(await ask(root, "auth"), [{}]);
    assert.deepEqual(await ask(custom, "where"), ["/custom"]);
    assert.equal(custom.id, `/custom#${root.id}`);
    assert.deepEqual(await ask(root, "query").then(([query]) => query.EIO), "3");
  });

  it("hears by the event error why it is not let in", async () => {
    for (const [path, query, wanted] of [
      ["/nowhere", {}, (error) => assert.equal(error, "Invalid namespace")],
      ["/guarded", { token: "wrong" }, (error) => assert.deepEqual(error, { reason: "token" })],
      ["/guarded", { token: "hidden" }, (error) => assert.ok(!error.includes("password"), error)],
    ]) {
      const refused = manager(url(), way).socket(path, { query });
      wanted((await once(refused, "error"))[0]);
      assert.equal(refused.connected, false);
    }
    const friend = manager(url(), way).socket("/guarded", { query: { token: "secret" } });
    await once(friend, "connect");
    assert.deepEqual(await ask(friend, "where"), ["/guarded"]);
  });

  it("leaves a namespace, and is told to leave", async () => {
    const made = manager(url(), way);
    const [root, custom] = [made.socket("/"), made.socket("/custom")];
    await Promise.all([once(root, "connect"), once(custom, "connect")]);
    const ended = once(custom, "disconnect");
    custom.disconnect();
    assert.deepEqual(await ended, ["io client disconnect"]);
    await settled(root);
    const told = once(root, "disconnect");
    root.emit("kick-me");
    assert.deepEqual(await told, ["io server disconnect"]);
  });

  it("shares a room with clients of today", async () => {
    const [old, other] = [await open(), await open()];
    const today = now.io(url(), { ...WAYS[way], forceNew: true, reconnection: false });
    await once(today, "connect");
    const heard = [old, other, today].map((client) => once(client, "picture"));
    const bytes = Buffer.from([0, 4, 255, 128]);
    today.emit("picture", { name: "é😀", bytes });
    for (const [picture] of await Promise.all(heard)) {
      assert.equal(picture.name, "é😀");
      assert.deepEqual(Buffer.from(picture.bytes), bytes);
    }
    today.disconnect();
  });

  it("takes and sends base64 where it asks for it", async () => {
    const client = await open("", { forceBase64: true });
    const binary = [Buffer.from([1, 2, 3]), { deep: [Buffer.from([255])] }, "é😀"];
    for (let round = 0; round < 3; round++) {
      const [first, { deep }, text] = await ask(client, "echo", ...binary);
      assert.deepEqual(Buffer.from(first), binary[0]);
      assert.deepEqual(Buffer.from(deep[0]), binary[1].deep[0]);
      assert.equal(text, binary[2]);
    }
  });

  it("notices a server that is gone, and comes back", async () => {
    const own = await fixture({});
    const client = socket(own.url, way, { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    await once(client, "connect");
    const gone = once(client, "disconnect");
    const { id } = client;
    await own.stop();
    assert.match((await gone)[0], /^transport (close|error)$/);
    const back = once(client, "connect");
    const again = await fixture({ port: own.port });
    await back;
    assert.notEqual(client.id, id);
    assert.deepEqual(await ask(client, "echo", 1), [1]);
    client.disconnect();
    await again.stop();
  });
});

overEachWay(
  "the heartbeat of Socket.IO 2",
  ({ connect: open }) => {
    it("is the client's, and keeps a quiet connection", async () => {
      const client = await open();
      let pongs = 0;
      const three = new Promise((resolve) => client.io.engine.on("pong", () => ++pongs === 3 && resolve()));
      await within("three pongs", three);
      assert.equal(client.connected, true);
      assert.deepEqual(await ask(client, "echo", 1), [1]);
    });
  },
  { "ping-interval": 150, "ping-timeout": 1000 },
);
