// Clients with `socket.io-msgpack-parser`: all that the default parser does once more, and what is its own.
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";

import msgpack from "socket.io-msgpack-parser";
import * as json from "socket.io-parser";

process.env.KOIO_PARSER = "msgpack";
const { ALL_WAYS, ask, closeAll, connect, once, socket, settled } = await import("./support/client.js");
const { fixture } = await import("./support/server.js");
const { overEachWay } = await import("./support/suite.js");

for (const file of ["acks", "binary", "events", "payload", "recovery", "rooms"]) {
  await import(`./${file}.test.js`);
}

overEachWay("msgpack", ({ connect, way }) => {
  it("is one binary message for each packet, also on polling", async () => {
    const client = await connect();
    const seen = [];
    client.io.engine.on("packet", ({ type, data }) => type === "message" && seen.push(data));
    const sent = [];
    client.io.engine.on("packetCreate", ({ type, data }) => type === "message" && sent.push(data));
    await ask(client, "echo", Buffer.from([1]), { a: Buffer.from([2]) });
    assert.equal(seen.length, 1, way);
    for (const data of [...seen, ...sent]) assert.equal(typeof data, "object");
    // {id, type: ACK, data, nsp}, byte for byte as Node's server writes it.
    const packet = { id: 0, type: 3, data: [Buffer.from([1]), { a: Buffer.from([2]) }], nsp: "/" };
    assert.deepEqual(Buffer.from(seen[0]), new msgpack.Encoder().encode(packet)[0]);
  });

  it("reads what JSON has no word for", async () => {
    const client = await connect();
    const date = new Date(1700000000123);
    const values = [undefined, date, new Uint8Array([9]).buffer, NaN, 2 ** 53, -(2 ** 40), { u: undefined }];
    const expected = [null, date.toJSON(), Buffer.from([9]), null, 2 ** 53, -(2 ** 40), { u: null }];
    assert.deepEqual(await ask(client, "echo", ...values), expected);
  });

  it("answers nothing with an empty list", async () => {
    const client = await connect();
    assert.deepEqual(await ask(client, "echo"), []);
    await settled(client);
  });
});

for (const way of Object.keys(ALL_WAYS)) {
  describe(`another parser than the server's, over ${way}`, () => {
    afterEach(closeAll);

    for (const [what, flag, parser] of [
      ["the default one at a server with msgpack", 1, json],
      ["msgpack at a server with the default one", 0, msgpack],
    ]) {
      for (const path of ["", "/custom"]) {
        it(`is refused in words, ${what}, in ${path || "/"}`, async () => {
          const server = await fixture({ msgpack: flag });
          const client = socket(server.url + path, way, { parser });
          const [error] = await once(client, "connect_error");
          assert.match(error.message, /^this server's parser is /);
          assert.equal(error.data.code, "parser");
          await server.stop();
        });
      }
    }

    it("disturbs nobody else", async () => {
      const server = await fixture({ msgpack: 1 });
      const right = await connect(server.url, way);
      await once(socket(server.url, way, { parser: json }), "connect_error");
      assert.deepEqual(await ask(right, "echo", 1), [1]);
      await server.stop();
    });
  });
}
