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

/** In the page: connects and stays, until the server has got all that the client has to say. */
async function stay(options) {
  const socket = window.io(options);
  const { engine } = socket.io;
  if (!options) await new Promise((resolve) => engine.once("upgrade", resolve));
  await socket.timeout(10_000).emitWithAck("echo", "here");
  // The next poll is under way then. It has come when nothing comes any more.
  const look = async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return (await fetch("/seen")).text();
  };
  for (let [last, next] = ["", await look()]; last !== next; [last, next] = [next, await look()]);
  return engine.transport.name;
}

/** In a page: the first end that the server has seen, or nothing for 10 seconds. */
async function end() {
  for (const late = performance.now() + 10_000; performance.now() < late;) {
    const seen = await (await fetch("/seen")).text();
    const left = seen.split("\n").find((line) => line.startsWith("left"));
    if (left) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return "nothing";
}

const set = (lines) => [...new Set(lines)].sort();

/**
 * `open` answers a page that trusts any certificate: `goto(url)` and `evaluate(function, argument)`; and what closes
 * it. `asksForStreams` tells whether the browser opens a WebSocket on a stream of HTTP/2 where that is offered.
 */
export function connectsOverHttp2(open, { asksForStreams = true } = {}) {
  let page, close;
  before(async () => { ({ page, close } = await open()); });
  after(() => close?.());

  const serving = async (offered, use) => {
    const env = { KOIO_AXUM_CLIENT: join(officialClient, "socket.io.js"), KOIO_AXUM_CONNECT: offered ? "yes" : "no" };
    const server = await startServer(join(binaries, "koio-axum"), env);
    try {
      await page.goto(`${server.url}/`);
      await use(server.url);
    } finally {
      await server.stop();
    }
  };

  for (const offered of [true, false]) {
    const isStream = offered && asksForStreams;
    const title = `where WebSockets on streams are ${offered ? "" : "not "}offered, polling is HTTP/2 and the WebSocket`;
    test(`${title} ${isStream ? "one of its streams" : "a connection of its own"}`, () => serving(offered, async () => {
      const heard = [["hello", true], ["news", true]];
      for (const [options, over] of [[undefined, "websocket"], [{ transports: ["polling"] }, "polling"]]) {
        assert.deepEqual(JSON.parse(await page.evaluate(conversation, options)), { over, heard });
      }
      const { versions, seen } = JSON.parse(await page.evaluate(requests));
      assert.deepEqual(set(versions), ["h2"]);
      assert.deepEqual(set(seen.filter((line) => line.endsWith("polling"))), ["HTTP/2.0 GET polling", "HTTP/2.0 POST polling"]);
      const sockets = seen.filter((line) => line.endsWith("websocket"));
      assert.deepEqual(sockets, [isStream ? "HTTP/2.0 CONNECT websocket" : "HTTP/1.1 GET websocket"]);
    }));
  }

  for (const [options, over] of [[undefined, "websocket"], [{ transports: ["polling"] }, "polling"]]) {
    test(`who leaves a page that is connected by ${over} has left, although the connection of HTTP/2 goes on`, () => serving(true, async (url) => {
      assert.equal(await page.evaluate(stay, options), over);
      await page.goto(`${url}/seen`);
      assert.match(await page.evaluate(end), /^left Transport(Close|Error)$/);
    }));
  }
}
