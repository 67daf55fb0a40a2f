// examples/files: chunks up and down, and what is refused.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, closeAll, connect, once, until } from "../support/client.js";
import { runHead } from "../support/head.js";
import { binaries, example } from "../support/server.js";

const CHUNK = 64 * 1024;
const MIB = 1024 * 1024;

describe("files in chunks", () => {
  let server;
  let folder;
  before(async () => {
    server = await example("files");
    [, folder] = await server.said(/^writes to (.*)$/);
  });
  after(() => server?.stop());
  afterEach(closeAll);

  const files = () => readdirSync(folder);
  const gone = () => until("the files to go", () => !files().length || new Promise(setImmediate));

  /** What has been sent, read back chunk by chunk. */
  async function download(client, id) {
    const parts = [];
    let at = 0;
    for (;;) {
      const part = await client.emitWithAck("read", id, at);
      if (!part.length) return Buffer.concat(parts);
      parts.push(part);
      at += part.length;
    }
  }

  it("goes as the client of the head comment says", async () => {
    const lines = (await runHead("files", server, 5)).map(([first]) => first);
    assert.deepEqual(lines, [65_536, 131_072, 196_608, 200_000, true]);
  });

  for (const way of Object.keys(WAYS)) {
    it(`keeps their order if the client does not wait, over ${way}`, async () => {
      const [ann, ben] = [await connect(server.url, way), await connect(server.url, way)];
      const file = randomBytes(MIB + 1);
      const { id, chunk } = await ann.emitWithAck("upload", file.length);
      assert.equal(chunk, CHUNK);
      const sent = [];
      for (let at = 0; at < file.length; at += chunk)
        sent.push(ann.emitWithAck("chunk", id, file.subarray(at, at + chunk)));
      const progress = (await Promise.all(sent)).map(({ received }) => received);
      const expected = sent.map((_, i) => Math.min((i + 1) * CHUNK, file.length));
      assert.deepEqual(progress, expected);
      assert.ok((await download(ben, id)).equals(file));
    });

    it(`refuses what is too much, over ${way}`, async () => {
      const [ann, ben] = [await connect(server.url, way), await connect(server.url, way)];
      const code = async (client, ...args) => (await client.emitWithAck(...args)).error.code;
      const { error } = await ann.emitWithAck("upload", 8 * MIB + 1);
      assert.deepEqual([error.code, error.data], ["too_big", { most: 8 * MIB }]);
      assert.equal(await code(ann, "upload", -1), "bad_request");

      const { id } = await ann.emitWithAck("upload", 10);
      assert.equal(await code(ann, "chunk", id, Buffer.alloc(11)), "too_much");
      assert.equal(await code(ann, "chunk", id, Buffer.alloc(CHUNK + 1)), "too_big");
      assert.equal(await code(ann, "chunk", id, "no bytes"), "bad_request");
      assert.equal(await code(ben, "chunk", id, Buffer.alloc(1)), "not_yours");
      for (const other of ["", "../secret", "0".repeat(32)])
        assert.equal(await code(ben, "read", other, 0), "no_file");
      // None of this has been written, and the upload lives.
      const progress = await ann.emitWithAck("chunk", id, Buffer.from("ten bytes."));
      assert.deepEqual(progress, { received: 10 });
      assert.equal(String(await download(ben, id)), "ten bytes.");
    });
  }

  it("gives the room of those who have left to others", async () => {
    await gone();
    const [ann, ben] = [
      await connect(server.url, "websocket"),
      await connect(server.url, "websocket"),
    ];
    for (let i = 0; i < 8; i++) assert.ok((await ann.emitWithAck("upload", 8 * MIB)).id);
    assert.equal((await ben.emitWithAck("upload", 1)).error.code, "full");
    assert.equal(files().length, 8);
    ann.disconnect();
    await until("room", async () => (await ben.emitWithAck("upload", 8 * MIB)).id);
    assert.equal(files().length, 1);
  });

  it("leaves nothing behind if it can't listen", () => {
    const env = { ...process.env, PORT: new URL(server.url).port };
    const { status, stdout } = spawnSync(`${binaries}/files`, { env, encoding: "utf8" });
    const [, other] = /^writes to (.*)\n$/.exec(stdout);
    assert.equal(status, 1);
    assert.ok(!existsSync(other) && existsSync(folder));
  });

  it("leaves nothing behind on Ctrl-C", async () => {
    const ann = await connect(server.url, "websocket");
    const { id } = await ann.emitWithAck("upload", 3);
    await ann.emitWithAck("chunk", id, Buffer.alloc(3));
    assert.ok(existsSync(folder));
    const ended = once(ann, "disconnect");
    assert.deepEqual(await server.stop("SIGINT"), [0, null]);
    await ended;
    assert.ok(!existsSync(folder));
  });
});
