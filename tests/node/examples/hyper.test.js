// examples/hyper: koio beside plain hyper, and how both end.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, closeAll, connect, once, until } from "../support/client.js";
import { example } from "../support/server.js";

describe("koio beside plain hyper", () => {
  let server;
  before(async () => {
    server = await example("hyper-example");
  });
  after(() => server?.stop());
  afterEach(closeAll);

  const text = async (path) => (await fetch(server.url + path)).text();
  // Those of the test before are on their way out.
  const online = (count) =>
    until(`${count} online`, async () => (await text("/")) === `${count} online\n`);

  for (const way of Object.keys(WAYS)) {
    it(`serves sockets and pages on one port, over ${way}`, async () => {
      const [ann, ben] = [await connect(server.url, way), await connect(server.url, way)];
      await online(2);
      const heard = once(ben, "said");
      ann.emit("say", "hi");
      assert.deepEqual(await heard, ["hi"]);
      assert.equal((await fetch(`${server.url}/nothing`)).status, 404);
    });
  }

  it("knows where its clients come from", async () => {
    await connect(server.url, "websocket");
    assert.ok(server.lines.every((line) => !line.startsWith("None")), server.lines.join("\n"));
    assert.ok(server.lines.some((line) => /^Some\(127\.0\.0\.1:\d+\) came$/.test(line)));
  });

  it("on Ctrl-C ends every session and every connection, and then itself", async () => {
    await online(0);
    const clients = [];
    for (const way of Object.keys(WAYS)) clients.push(await connect(server.url, way));
    const gone = clients.map((client) => once(client, "disconnect"));
    const ended = server.stop("SIGINT");
    // Not `io server disconnect`: a client that was not kicked comes back by itself. One that polls finds nobody there.
    const reasons = { polling: "transport error", websocket: "transport close", upgrade: "transport close" };
    const seen = (await Promise.all(gone)).map(([reason]) => reason);
    assert.deepEqual(seen, Object.keys(WAYS).map((way) => reasons[way]));
    assert.deepEqual(await ended, [0, null]);
    assert.ok(server.lines.includes("3 sessions ended"), server.lines.join("\n"));
  });
});
