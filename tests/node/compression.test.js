// Clients that compress (permessage-deflate): the suites once more with every message compressed, and what is their own.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";

import msgpack from "socket.io-msgpack-parser";
import * as json from "socket.io-parser";

process.env.KOIO_COMPRESSED = "1";
const { ask, closeAll, connect, once, settled } = await import("./support/client.js");
const { proxy } = await import("./support/proxy.js");
const { fixture } = await import("./support/server.js");

for (const file of ["acks", "binary", "events", "order", "recovery", "rooms"]) {
  await import(`./${file}.test.js`);
}

const ON = { "per-message-deflate": 1024 };
const COMPRESSED = { perMessageDeflate: true };
const PLAIN = { perMessageDeflate: false };
const PARSERS = [
  ["the default parser", {}, { parser: json }],
  ["msgpack", { msgpack: 1 }, { parser: msgpack }],
];

/** As many messages of a chat, no two of which are the same. */
function messages(count) {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647);
  return Array.from({ length: count }, (_, id) => ({
    id: id * 7 + (random() % 7),
    from: `user-${random() % 10_000}`,
    sent: 1_700_000_000_000 + random(),
    seen: random() % 2 === 0,
    text: Array.from({ length: 6 }, () => random().toString(36)).join(" "),
  }));
}

const webSocket = (client) => client.io.engine.transport.ws;

/** The bytes that this client's WebSocket reads and writes meanwhile, below TLS and compression. */
async function bytes(client, work) {
  const line = webSocket(client)._socket;
  const [read, written] = [line.bytesRead, line.bytesWritten];
  await work();
  return { read: line.bytesRead - read, written: line.bytesWritten - written };
}

/** Runs a test with a server that compresses. */
async function served(options, test) {
  const server = await fixture({ ...ON, ...options });
  try {
    await test(server);
  } finally {
    closeAll();
    await server.stop();
  }
}

describe("the extension", () => {
  afterEach(closeAll);

  for (const way of ["websocket", "upgrade"]) {
    it(`is agreed on with who offers it, over ${way}`, async () => {
      await served({}, async ({ url }) => {
        for (const perMessageDeflate of [true, { threshold: 10, serverMaxWindowBits: 15 }]) {
          const client = await connect(url, way, { perMessageDeflate });
          assert.match(webSocket(client).extensions, /^permessage-deflate/);
        }
        const other = await connect(url, way, PLAIN);
        assert.equal(webSocket(other).extensions, "");
        // This client allows the server a window of 10 bits, and the server has one of 15: the offer is declined.
        const short = await connect(url, way, { perMessageDeflate: { serverMaxWindowBits: 10 } });
        assert.equal(webSocket(short).extensions, "");
        assert.deepEqual(await ask(short, "echo", messages(50)), [messages(50)]);
      });
    });
  }

  it("is declined by a server without compression", async () => {
    const server = await fixture({ "per-message-deflate": undefined });
    const client = await connect(server.url, "websocket", COMPRESSED);
    assert.equal(webSocket(client).extensions, "");
    assert.deepEqual(await ask(client, "echo", messages(50)), [messages(50)]);
    await server.stop();
  });
});

for (const [what, flags, parser] of PARSERS) {
  for (const way of ["websocket", "upgrade"]) {
    describe(`fewer bytes, with ${what}, over ${way}`, () => {
      it("of events, answers and attachments, both ways", async () => {
        await served(flags, async ({ url }) => {
          const said = [messages(40), { file: Buffer.from(JSON.stringify(messages(60))) }];
          const used = [];
          for (const options of [COMPRESSED, PLAIN]) {
            const client = await connect(url, way, { ...parser, ...options });
            used.push(
              await bytes(client, async () => {
                const bounced = once(client, "bounced");
                client.emit("bounce", ...said);
                assert.deepEqual(await bounced, said);
                assert.deepEqual(await ask(client, "echo", ...said), said);
              }),
            );
          }
          const [compressed, plain] = used;
          for (const way of ["read", "written"]) {
            assert.ok(compressed[way] < plain[way] * 0.6, `${way}: ${compressed[way]} of ${plain[way]} bytes`);
          }
        });
      });

      it("of a broadcast and of a room's event, for those who take them", async () => {
        await served(flags, async ({ url }) => {
          const [compressed, plain] = [
            await connect(url, way, { ...parser, ...COMPRESSED }),
            await connect(url, way, { ...parser, ...PLAIN }),
          ];
          const polls = await connect(url, "polling", { ...parser, ...COMPRESSED });
          const all = [compressed, plain, polls];
          await ask(compressed, "join", "a");
          await ask(plain, "join", "a");
          const text = JSON.stringify(messages(80));
          let used;
          const ofPlain = await bytes(plain, async () => {
            used = await bytes(compressed, async () => {
              for (const [emit, recipients] of [
                [["tell-all", text], all],
                [["tell", { to: ["a"] }, text], all.slice(0, 2)],
              ]) {
                const heard = recipients.map((client) => once(client, "message"));
                polls.emit(...emit);
                for (const [message] of await Promise.all(heard)) assert.equal(message, text);
              }
            });
          });
          await settled(...all);
          assert.ok(ofPlain.read > 2 * text.length, `${ofPlain.read}`);
          assert.ok(used.read < 0.6 * ofPlain.read, `${used.read} of ${ofPlain.read} bytes`);
        });
      });

      it("but for what is short, and for emits that say so", async () => {
        await served(flags, async ({ url }) => {
          const client = await connect(url, way, { ...parser, ...COMPRESSED });
          for (const [whom, length, isCompressed] of [
            [{}, 1_200, true],
            [{}, 900, false],
            [{ uncompressed: true }, 20_000, false],
            [{ volatile: true }, 20_000, true],
          ]) {
            const text = "x".repeat(length);
            const used = await bytes(client, async () => {
              const heard = once(client, "message");
              client.emit("tell", whom, text);
              assert.deepEqual(await heard, [text]);
            });
            assert.equal(used.read < length, isCompressed, `${length}: ${used.read} bytes`);
          }
        });
      });

      it("of what a client that comes back has missed", async () => {
        await served({ ...flags, recovery: 60_000 }, async ({ url, port }) => {
          const line = await proxy(port);
          const back = { reconnection: true, reconnectionDelay: 300, reconnectionDelayMax: 400 };
          const client = await connect(line.url, way, { ...parser, ...COMPRESSED, ...back });
          const other = await connect(url, "websocket", { ...parser, ...COMPRESSED });
          const text = JSON.stringify(messages(80));
          const heard = [];
          client.on("message", (message) => heard.push(message));
          await Promise.all([once(client, "message"), ask(other, "tell", {}, `0${text}`)]);
          const [lost, again] = [once(client, "disconnect"), once(client, "connect")];
          line.cut();
          await lost;
          for (const number of [1, 2]) await ask(other, "tell", {}, `${number}${text}`);
          await again;
          assert.equal(client.recovered, true);
          await settled(client);
          await Promise.all([once(client, "message"), ask(other, "tell", {}, `3${text}`)]);
          assert.deepEqual(heard, [0, 1, 2, 3].map((number) => `${number}${text}`));
          line.close();
        });
      });
    });
  }
}
