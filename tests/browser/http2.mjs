// What a page of axum's, over TLS and HTTP/2, has to get from koio, in whichever browser.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { binaries, officialClient, startServer } from "./chat-server.mjs";

/** In the page: connects, speaks, and tells over what. */
async function conversation(options) {
  const socket = window.io(options);
  const event = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));
  const refused = event(socket, "connect_error").then((error) => { throw error; });
  await Promise.race([event(socket, "connect"), refused]);
  const { engine } = socket.io;
  if (!options && engine.transport.name === "polling") await event(engine, "upgrade");
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251);
  const answer = await socket.timeout(10_000).emitWithAck("echo", { word: "hello", bytes });
  const bounced = event(socket, "bounced");
  socket.emit("bounce", { word: "news", bytes });
  const pushed = await bounced;
  const heard = [answer, pushed].map((one) => [one.word, String(new Uint8Array(one.bytes)) === String(bytes)]);
  const over = engine.transport.name;
  socket.disconnect();
  return JSON.stringify({ over, heard });
}

/** In the page: the version of HTTP of each poll, as the browser and as the server tell it. */
async function requests() {
  const polls = performance.getEntriesByType("resource").filter(({ name }) => name.includes("transport=polling"));
  const seen = await (await fetch("/seen")).text();
  return JSON.stringify({ versions: polls.map(({ nextHopProtocol }) => nextHopProtocol), seen: seen.split("\n") });
}

const set = (lines) => [...new Set(lines)].sort();

/** `open` answers a page that trusts any certificate: `goto(url)` and `evaluate(function)`; and what closes it. */
export function connectsOverHttp2(open) {
  let page, close;
  before(async () => { ({ page, close } = await open()); });
  after(() => close?.());

  for (const stream of [true, false]) {
    test(`polling is HTTP/2, and the WebSocket ${stream ? "a stream of it" : "a connection of its own where streams are not offered"}`, async () => {
      const env = { KOIO_AXUM_CLIENT: join(officialClient, "socket.io.js"), KOIO_AXUM_CONNECT: stream ? "yes" : "no" };
      const server = await startServer(join(binaries, "koio-axum"), env);
      try {
        await page.goto(`${server.url}/`);
        const heard = [["hello", true], ["news", true]];
        for (const [options, over] of [[undefined, "websocket"], [{ transports: ["polling"] }, "polling"]]) {
          assert.deepEqual(JSON.parse(await page.evaluate(conversation, options)), { over, heard });
        }
        const { versions, seen } = JSON.parse(await page.evaluate(requests));
        assert.deepEqual(set(versions), ["h2"]);
        assert.deepEqual(set(seen.filter((line) => line.endsWith("polling"))), ["HTTP/2.0 GET polling", "HTTP/2.0 POST polling"]);
        const sockets = seen.filter((line) => line.endsWith("websocket"));
        assert.deepEqual(sockets, [stream ? "HTTP/2.0 CONNECT websocket" : "HTTP/1.1 GET websocket"]);
      } finally {
        await server.stop();
      }
    });
  }
}
