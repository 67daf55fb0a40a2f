// What a server says about the requests of its clients, as the official client sees it.
import assert from "node:assert/strict";
import { it } from "node:test";

import { ask, once, socket } from "./support/client.js";
import { overEachWay } from "./support/suite.js";

overEachWay("a server that decides who may connect", ({ connect, url, way }) => {
  it("is refused with the program's status and text", async () => {
    for (const status of [403, 401, 429, 503]) {
      const client = socket(url(), way, { query: { refuse: status } });
      let answer;
      // Here: the client empties the answer behind its listeners.
      client.once("connect_error", ({ context }) => { answer = context?.responseText; });
      const [error] = await once(client, "connect_error");
      if (way === "websocket") {
        assert.equal(error.message, "websocket error");
        assert.equal(error.description.message, `Unexpected server response: ${status}`);
      } else {
        assert.equal(error.message, "xhr poll error");
        assert.equal(error.description, status);
        assert.deepEqual(JSON.parse(answer), { code: 4, message: 'not "you"' });
      }
      assert.equal(client.connected, false);
    }
  });

  it("lets in everybody else", async () => {
    const client = await connect();
    assert.deepEqual(await ask(client, "echo", "hi"), ["hi"]);
  });
}, { "allow-request": 1 }, ["polling", "websocket", "upgrade"]);

overEachWay("a server that makes the ids of sessions", ({ connect, way }) => {
  it("is what the program has made", async () => {
    const [one, other] = [await connect(), await connect()];
    for (const client of [one, other]) {
      assert.match(client.io.engine.id, /^fixture-[\w-]{24}$/);
      assert.notEqual(client.id, client.io.engine.id);
      assert.deepEqual(await ask(client, "echo", way), [way]);
    }
    assert.notEqual(one.io.engine.id, other.io.engine.id);
  });
}, { "generate-id": 1 });

overEachWay("a server without upgrades", ({ url }) => {
  it("stays on polling", async () => {
    const client = socket(url(), "upgrade");
    const moved = [];
    client.io.on("open", () => client.io.engine.on("upgrade", () => moved.push("upgrade")));
    await once(client, "connect");
    for (let n = 0; n < 20; n++) assert.deepEqual(await ask(client, "echo", n), [n]);
    assert.equal(client.io.engine.transport.name, "polling");
    assert.deepEqual(moved, []);
  });
}, { "allow-upgrades": 0 }, ["polling"]);
