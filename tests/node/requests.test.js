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
}, { "allow-request": 1 });
