// koio's own transports, and a plain event stream, in Chromium: its EventSource, its modules, another origin.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { proxy } from "../node/support/proxy.js";
import { fixture } from "../node/support/server.js";
import { launch } from "./browser.mjs";
import { officialClient } from "./chat-server.mjs";

const FILES = {
  "/client.mjs": join(officialClient, "socket.io.esm.min.js"),
  "/transports.mjs": new URL("../../koio/js/transports.mjs", import.meta.url),
};

/** A page of an origin of its own, beside the two modules. */
async function startPage() {
  const server = createServer(async (request, response) => {
    const file = FILES[request.url];
    response.setHeader("content-type", file ? "text/javascript" : "text/html");
    response.end(file ? await readFile(file) : "<!doctype html><link rel=icon href=data:,>");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}/`, close: () => { server.closeAllConnections(); server.close(); } };
}

let browser, page, home, server, line;
before(async () => {
  home = await startPage();
  server = await fixture({ "allow-port": home.port, recovery: 60_000 });
  line = await proxy(server.port);
  browser = await launch();
  page = await browser.newPage();
  await page.goto(home.url);
});
after(async () => {
  await browser?.close();
  line?.close();
  home?.close();
  await server?.stop();
});

/** In the page: connects by one of koio's transports, and tells what came back over what. */
async function conversation([url, name, moves]) {
  const client = await import("/client.mjs");
  const { transports } = await import("/transports.mjs");
  const made = transports(client);
  const socket = client.io(url, {
    transports: [made[name], ...(moves ? [client.WebSocket] : [])],
    transportOptions: { polling: { delay: 20 } },
    forceNew: true,
    withCredentials: true,
  });
  const event = (emitter, of) => new Promise((resolve) => emitter.once(of, resolve));
  const refused = event(socket, "connect_error").then((error) => { throw error; });
  await Promise.race([event(socket, "connect"), refused]);
  const { engine } = socket.io;
  if (moves && engine.transport.name !== "websocket") await event(engine, "upgrade");
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251);
  const bounced = event(socket, "bounced");
  socket.emit("bounce", { word: "é\n", bytes });
  const heard = await bounced;
  const same = String(new Uint8Array(heard.bytes)) === String(bytes);
  const answer = await socket.timeout(10_000).emitWithAck("echo", 1);
  const over = engine.transport.name;
  const isNative = engine.transport.stream instanceof EventSource;
  socket.disconnect();
  return { word: heard.word, same, answer, over, isNative };
}

const expected = (over, isNative) => ({ word: "é\n", same: true, answer: 1, over, isNative });

test("a page talks over the browser's EventSource", async () => {
  const heard = await page.evaluate(conversation, [server.url, "EventSourceTransport", false]);
  assert.deepEqual(heard, expected("eventsource", true));
});

test("a page moves from EventSource to a WebSocket", async () => {
  const heard = await page.evaluate(conversation, [server.url, "EventSourceTransport", true]);
  assert.deepEqual(heard, expected("websocket", false));
});

test("a page talks by short polling, and moves from it", async () => {
  const heard = await page.evaluate(conversation, [server.url, "ShortPolling", false]);
  assert.deepEqual(heard, expected("polling", false));
  const moved = await page.evaluate(conversation, [server.url, "ShortPolling", true]);
  assert.deepEqual(moved, expected("websocket", false));
});

test("a page's plain EventSource misses nothing when its line is cut", async () => {
  await page.evaluate((url) => {
    window.seen = [];
    window.opened = 0;
    window.source = new EventSource(`${url}/news`);
    window.source.onopen = () => window.opened++;
    window.source.addEventListener("message", ({ data, lastEventId }) => window.seen.push([JSON.parse(data), lastEventId !== ""]));
  }, line.url);
  await page.waitForFunction(() => window.opened === 1);
  const speaker = io(server.url, { transports: ["websocket"] });
  await once(speaker, "connect");
  const said = [];
  for (let cut = 0; cut < 3; cut++) {
    for (let n = 0; n < 5; n++) {
      said.push(`${cut} ${n}`);
      await speaker.emitWithAck("tell", { to: ["news"] }, said.at(-1));
    }
    if (cut === 2) break;
    line.cut();
    // While nobody listens.
    said.push(`${cut} away`);
    await speaker.emitWithAck("tell", { to: ["news"] }, said.at(-1));
    await page.waitForFunction((opened) => window.opened === opened, cut + 2, { timeout: 20_000 });
  }
  await page.waitForFunction((count) => window.seen.length >= count, said.length);
  assert.deepEqual(await page.evaluate(() => window.seen), said.map((text) => [text, true]));
  await page.evaluate(() => window.source.close());
  speaker.disconnect();
});
