// Pages with the browser bundle of socket.io-client 2, in Chromium.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, watchedPage } from "./browser.mjs";
import { binaries, officialClient, startServer } from "./chat-server.mjs";

const bundle = fileURLToPath(new URL("node_modules/socket.io-client-2/dist/socket.io.js", import.meta.url));

let browser, server;

before(async () => {
  server = await startServer(join(binaries, "koio-fixture"), { KOIO_FIXTURE_CLIENT: officialClient }, [], ["--eio3", "1"]);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** In the page: connects, and tells what came back, over what, and whose. */
async function attempt({ transports, forceBase64 }) {
  const socket = window.io({ forceNew: true, forceBase64, ...(transports && { transports }) });
  await new Promise((resolve, reject) => { socket.once("connect", resolve); socket.once("connect_error", reject); });
  const { engine } = socket.io;
  const bytes = new Uint8Array([0, 4, 255, 128]);
  const ask = (...args) => new Promise((resolve) => socket.emit(...args, (...answer) => resolve(answer)));
  const rounds = [];
  for (let round = 0; round < 2; round++) {
    const [text, echoed] = await ask("echo", "é😀", bytes.buffer);
    rounds.push([text, [...new Uint8Array(echoed)]]);
    if (!transports && engine.transport.name === "polling") await new Promise((resolve) => engine.once("upgrade", resolve));
  }
  const [who] = await ask("whoami");
  const { id } = socket;
  socket.disconnect();
  return { rounds, transport: engine.transport.name, isMine: who.id === id };
}

for (const forceBase64 of [false, true]) {
  for (const transports of [undefined, ["polling"], ["websocket"]]) {
    test(`a page of Socket.IO 2 sends text and bytes over ${transports ?? "the upgrade"}${forceBase64 ? ", as base64" : ""}`, async () => {
      const { page, faults, close } = await watchedPage(browser, `${server.url}/`);
      // In place of the client that the page has brought along.
      await page.waitForFunction(() => window.io);
      await page.addScriptTag({ path: bundle });
      assert.equal(await page.evaluate(() => window.io.protocol), 4);
      const { rounds, transport, isMine } = await page.evaluate(attempt, { transports, forceBase64 });
      for (const round of rounds) assert.deepEqual(round, ["é😀", [0, 4, 255, 128]]);
      assert.equal(transport, transports?.[0] ?? "websocket");
      assert.ok(isMine);
      assert.deepEqual(faults, []);
      await close();
    });
  }
}
