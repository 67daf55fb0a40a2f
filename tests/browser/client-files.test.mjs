// Pages whose client comes from koio itself, by a script tag and as a module, in Chromium.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, watchedPage } from "./browser.mjs";
import { binaries, officialClient, startServer } from "./chat-server.mjs";

let browser, server;

before(async () => {
  const env = { KOIO_FIXTURE_CLIENT: officialClient };
  server = await startServer(join(binaries, "koio-fixture"), env, [], ["--http-compression", "1024"]);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** In the page: connects and tells what came back, and over what. */
async function attempt(transports) {
  const socket = window.io({ forceNew: true, ...(transports && { transports }) });
  await new Promise((resolve, reject) => { socket.once("connect", resolve); socket.once("connect_error", reject); });
  const { engine } = socket.io;
  if (!transports && engine.transport.name === "polling") await new Promise((resolve) => engine.once("upgrade", resolve));
  const echo = await socket.timeout(10_000).emitWithAck("echo", "hello");
  socket.disconnect();
  return `${echo} over ${engine.transport.name}`;
}

for (const [how, path, file] of [["by a script tag", "/", "socket.io.js"], ["as a module", "/module", "socket.io.esm.min.js"]]) {
  test(`a page loads the client ${how} and connects over each transport`, async () => {
    const { page, faults, close } = await watchedPage(browser, server.url + path);
    await page.waitForFunction(() => window.io);
    for (const transports of [undefined, ["polling"], ["websocket"]]) {
      assert.equal(await page.evaluate(attempt, transports), `hello over ${transports ?? "websocket"}`);
    }
    assert.deepEqual(faults, []);
    await close();
  });

  test(`a page that is loaded again ${how} asks for the client and is told that its copy is the newest`, async () => {
    const { page, close } = await watchedPage(browser, server.url + path);
    const again = page.waitForResponse((response) => response.url().endsWith(file));
    await page.goto(`${server.url}${path}?again`);
    const response = await again;
    assert.equal(response.status(), 304);
    assert.ok((await response.request().allHeaders())["if-none-match"]);
    await page.waitForFunction(() => window.io);
    await close();
  });
}

test("each file of the bundle comes as it is on the disk, its map with it", async () => {
  const names = (await readdir(officialClient)).sort();
  assert.equal(names.length, 8, names.join());
  for (const name of names) {
    const answer = await fetch(`${server.url}/socket.io/${name}`);
    assert.equal(answer.status, 200, name);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), await readFile(join(officialClient, name)), name);
  }
});

test("the answers to long polls are compressed, and a page reads them as it reads others", async () => {
  const { page, faults, close } = await watchedPage(browser, `${server.url}/`);
  const compressed = page.waitForResponse((response) => /transport=polling.*sid=/.test(response.url()) && response.headers()["content-encoding"] === "gzip");
  const echo = await page.evaluate(async () => {
    const socket = window.io({ transports: ["polling"] });
    const words = "each answer has some of these words in it, ".repeat(500);
    const answer = await socket.timeout(10_000).emitWithAck("echo", words);
    socket.disconnect();
    return answer === words;
  });
  assert.ok(echo);
  await compressed;
  assert.deepEqual(faults, []);
  await close();
});
