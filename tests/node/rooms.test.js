// Rooms, broadcasts, volatile.
import assert from "node:assert/strict";
import { it } from "node:test";

import { ask, once, report, settled } from "./support/client.js";
import { overAllWays } from "./support/suite.js";

/** Records what each client hears as "message". */
function listen(...clients) {
  return clients.map((client) => {
    const heard = [];
    client.on("message", (text) => heard.push(text));
    return heard;
  });
}

overAllWays("rooms", ({ connect, way }) => {
  const three = () => Promise.all([connect(), connect(), connect()]);

  it("tells everybody, the sender too", async () => {
    const clients = await three();
    const heard = listen(...clients);
    await ask(clients[0], "tell-all", "hi");
    await settled(...clients);
    assert.deepEqual(heard, [["hi"], ["hi"], ["hi"]]);
  });

  it("tells everybody but the sender", async () => {
    const clients = await three();
    const heard = listen(...clients);
    await ask(clients[0], "tell-others", "hi");
    await settled(...clients);
    assert.deepEqual(heard, [[], ["hi"], ["hi"]]);
  });

  it("tells a room, and stops telling those who left it", async () => {
    const clients = await three();
    const [ann, ben, cid] = clients;
    const heard = listen(...clients);
    await ask(ann, "join", "r");
    await ask(ben, "join", "r");
    await ask(cid, "tell", { to: ["r"] }, "1");
    await settled(...clients);
    await ask(ben, "leave", "r");
    await ask(cid, "tell", { to: ["r"] }, "2");
    await settled(...clients);
    assert.deepEqual(heard, [["1", "2"], ["1"], []]);
  });

  it("tells a socket in two of the rooms once", async () => {
    const clients = await three();
    const [ann, ben, cid] = clients;
    const heard = listen(...clients);
    for (const room of ["a", "b", "c"]) await ask(ann, "join", room);
    await ask(ben, "join", "b");
    await ask(cid, "tell", { to: ["a", "b", "c", "nobody"] }, "once");
    await settled(...clients);
    assert.deepEqual(heard, [["once"], ["once"], []]);
  });

  it("takes lists of rooms, and leaves all of them", async () => {
    const clients = await three();
    const [ann, ben, cid] = clients;
    const heard = listen(...clients);
    await ask(ann, "join all", ["a", "b", "c"]);
    await ask(ben, "join all", ["b", "d"]);
    assert.deepEqual((await ask(ann, "rooms"))[0].sort(), ["a", "b", "c"]);
    await ask(cid, "tell all of", ["a", "b"], [], "both");
    await ask(cid, "tell all of", ["a", "b"], ["d", "x"], "one");
    await ask(cid, "tell all of", [], [], "nobody");
    await ask(ann, "leave all");
    assert.deepEqual(await ask(ann, "rooms"), [[]]);
    await ask(cid, "tell all of", ["a", "b"], [], "ben");
    await settled(...clients);
    assert.deepEqual(heard, [["both", "one"], ["both", "ben"], []]);
  });

  it("leaves out the rooms and the sockets that are excepted", async () => {
    const clients = await three();
    const [ann, ben, cid] = clients;
    const heard = listen(...clients);
    for (const client of clients) await ask(client, "join", "r");
    await ask(ben, "join", "muted");
    await ask(ann, "tell", { to: ["r"], except: ["muted"] }, "1");
    await ask(ann, "tell", { except: [cid.id] }, "2");
    await settled(...clients);
    assert.deepEqual(heard, [["1", "2"], ["2"], ["1"]]);
  });

  it("leaves the sender out of what a context sends to a room", async () => {
    const clients = await three();
    const [ann, ben] = clients;
    const heard = listen(...clients);
    await ask(ann, "join", "r");
    await ask(ben, "join", "r");
    await ask(ann, "tell-room-mates", "r", "hi");
    await settled(...clients);
    assert.deepEqual(heard, [[], ["hi"], []]);
  });

  it("reaches one socket by its id, and nobody else can enter that room", async () => {
    const clients = await three();
    const [ann, ben, cid] = clients;
    const heard = listen(...clients);
    await ask(ann, "tell", { to: [ben.id] }, "for ben");
    const [answer] = await ask(cid, "join", ben.id);
    assert.ok(answer.error.code, JSON.stringify(answer));
    await ask(ann, "tell", { to: [ben.id] }, "for ben again");
    await settled(...clients);
    assert.deepEqual(heard, [[], ["for ben", "for ben again"], []]);
  });

  it("keeps the rooms of two namespaces apart", async () => {
    const root = await connect();
    const custom = root.io.socket("/custom");
    await once(custom, "connect");
    const heard = listen(root, custom);
    await ask(root, "join", "r");
    await ask(custom, "join", "r");
    await ask(root, "tell", { to: ["r"] }, "root");
    await ask(custom, "tell-all-here", "custom");
    await settled(root, custom);
    assert.deepEqual(heard, [["root"], ["custom"]]);
  });

  it("reaches another namespace from a handler", async () => {
    const root = await connect();
    const custom = root.io.socket("/custom");
    await once(custom, "connect");
    const heard = listen(root, custom);
    await ask(root, "tell-namespace", "/custom", "across");
    await settled(root, custom);
    assert.deepEqual(heard, [[], ["across"]]);
  });

  it("lists the rooms that a socket has joined", async () => {
    const client = await connect();
    await ask(client, "join", "a");
    await ask(client, "join", "a");
    await ask(client, "join", "b");
    const [rooms] = await ask(client, "rooms");
    assert.deepEqual(rooms.sort(), ["a", "b"]);
    await ask(client, "leave", "a");
    await ask(client, "leave", "never joined");
    assert.deepEqual(await ask(client, "rooms"), [["b"]]);
  });

  it("forgets the rooms of a socket that has gone", async () => {
    const [ann, ben] = [await connect(), await connect()];
    await ask(ann, "join", "r");
    const gone = report(await connect("/watch"), ann);
    ann.disconnect();
    await gone;
    assert.deepEqual(await ask(ben, "members", "r"), [[]]);
  });

  it("delivers a volatile event to a client that is listening", async () => {
    // No poll of it is ever pending.
    if (way === "short") return;
    const client = await connect();
    // A polling client hears a volatile event only while a poll is pending.
    let heard = 0;
    client.on("message", () => heard++);
    for (let n = 0; n < 50 && heard === 0; n++) {
      await ask(client, "tell", { to: [client.id], volatile: true }, `${way} ${n}`);
      await settled(client);
    }
    assert.ok(heard > 0);
  });

  it("drops volatile events of a client that does not read, and goes on when it does", async () => {
    const [sender, reader] = [await connect(), await connect()];
    // What asks for what it is sent has no line to fill: see the test above.
    if (!reader.io.engine.transport.ws) return;
    await ask(reader, "join", "flooded");
    const seen = [];
    reader.on("flood", (number) => seen.push(number));
    const line = reader.io.engine.transport.ws._socket;
    line.pause();
    const count = 2_000;
    const [dropped] = await ask(sender, "flood", "flooded", count);
    assert.ok(dropped > 0, "nothing was dropped");
    line.resume();
    await settled(reader);
    assert.ok(seen.length <= count - dropped, `${seen.length} of ${count}, and ${dropped} dropped`);
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
    await ask(sender, "flood", "flooded", 1);
    await settled(reader);
    assert.equal(seen.at(-1), 0);
  });

  it("reaches all namespaces of a pattern", async () => {
    const [first, second, other] = [await connect("/room/1"), await connect("/room/2"), await connect()];
    const heard = [first, second].map((client) => once(client, "said"));
    other.on("said", () => assert.fail("it is in no room"));
    await ask(other, "say in all", "hello");
    assert.deepEqual(await Promise.all(heard), [["hello"], ["hello"]]);
    await settled(other);
  });

  it("uses a builder twice without mixing the two up", async () => {
    const clients = await three();
    const heard = listen(...clients);
    await ask(clients[1], "join", "a");
    await ask(clients[2], "join", "b");
    await ask(clients[0], "tell-a-then-b", "x");
    await settled(...clients);
    assert.deepEqual(heard, [[], ["x to a"], ["x to b"]]);
  });
});
