// The program that the documentation shows first, compiled as printed, and the official client.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, ask, closeAll, connect, once } from "./support/client.js";
import { blocks, printsWhatItSays } from "./support/pages.js";
import { startAt } from "./support/server.js";
import { until, within } from "./support/within.js";

// The program is compiled as printed, and what is printed says port 3000.
const url = "http://127.0.0.1:3000";

describe("the program of the documentation", () => {
  let server;
  before(async () => {
    server = await startAt(3000, "hello");
  });
  after(() => server?.stop());
  afterEach(closeAll);

  for (const way of Object.keys(WAYS)) {
    it(`tells everybody what one client says, over ${way}`, async () => {
      const [ann, ben] = [await connect(url, way), await connect(url, way)];
      const heard = [ann, ben].map((client) =>
        Promise.all([once(client, "msg1"), once(client, "allmessage")]),
      );
      assert.deepEqual(await ask(ann, "sendMsg", { newAccount: "hello" }), []);
      for (const said of await Promise.all(heard)) {
        assert.deepEqual(said, [["I come from the server"], ["hello"]]);
      }
    });

    it(`delivers a private message to the one it is for, over ${way}`, async () => {
      const [ann, ben] = [await connect(url, way), await connect(url, way)];
      const [annId, benId] = [`ann-${way}`, `ben-${way}`];
      assert.deepEqual(await ask(ann, "login", { id: annId }), [ann.id]);
      assert.deepEqual(await ask(ben, "login", { id: benId }), [ben.id]);
      ann.on("private", () => assert.fail("the sender heard its own private message"));
      const heard = once(ben, "private");
      const receipt = await ask(ann, "private", { to: benId, text: "psst" });
      assert.deepEqual(receipt, [{ delivered: true }]);
      assert.deepEqual(await heard, ["psst"]);
      const nobody = await ask(ann, "private", { to: "nobody", text: "psst" });
      assert.deepEqual(nobody, [{ delivered: false }]);
    });

    it(`reaches all devices of a user, and one by its socket's id, over ${way}`, async () => {
      const sender = await connect(url, way);
      const devices = [await connect(url, way), await connect(url, way)];
      for (const device of devices) await ask(device, "login", { id: `cleo-${way}` });
      const heard = devices.map((device) => once(device, "private"));
      await ask(sender, "private", { to: `cleo-${way}`, text: "hi" });
      for (const said of heard) assert.deepEqual(await said, ["hi"]);
      devices[1].on("nudged", () => assert.fail("the other device was nudged"));
      const nudged = once(devices[0], "nudged");
      await ask(sender, "nudge", devices[0].id);
      assert.deepEqual(await nudged, [sender.id]);
      // Who is gone is gone from the user's room.
      for (const device of devices) device.disconnect();
      const gone = async () => !(await ask(sender, "private", { to: `cleo-${way}`, text: "?" }))[0].delivered;
      await within("the room to be empty", until(gone));
    });

    it(`answers a payload that does not fit with what is wrong, over ${way}`, async () => {
      const ann = await connect(url, way);
      const [{ error }] = await ask(ann, "sendMsg", { newAccount: 7 });
      assert.equal(error.code, "bad_request");
      assert.match(error.message, /msg/);
      // And the connection lives.
      assert.deepEqual(await ask(ann, "login", { id: `late-${way}` }), [ann.id]);
    });
  }

  it("does with the README's client what that says", async () => {
    await printsWhatItSays(blocks("README.md").join("\n"), url);
  });

  it("reports who connects and how long an event took", async () => {
    const ann = await connect(url, "websocket");
    await ask(ann, "login", { id: "ann" });
    assert.ok(server.lines.includes(`${ann.id} connected`), server.lines.join("\n"));
    assert.ok(server.lines.some((line) => /^login took /.test(line)));
  });

  it("drains on Ctrl-C: its clients are told, and it ends cleanly", async () => {
    const ann = await connect(url, "websocket");
    const gone = once(ann, "disconnect");
    const ended = server.stop("SIGINT");
    // Not `io server disconnect`: a client that was not kicked comes back by itself.
    assert.equal((await gone)[0], "transport close");
    assert.deepEqual(await ended, [0, null]);
  });
});
