// Binary: in and out, at any depth, in events and in acks.
import assert from "node:assert/strict";
import { it } from "node:test";

import { PACKED, ask, once, settled } from "./support/client.js";
import { overAllWays } from "./support/suite.js";

overAllWays("binary", ({ connect }) => {
  it("passes bytes at any depth there and back", async () => {
    const client = await connect();
    const values = [
      Buffer.from([0, 1, 254, 255]),
      { a: Buffer.alloc(0), b: [[Buffer.from("é"), 1], { c: Buffer.from([0x1e]) }], d: null },
      "text between",
      [Buffer.alloc(70_000, 7)],
    ];
    assert.deepEqual(await ask(client, "echo", ...values), values);
    const bounced = once(client, "bounced");
    client.emit("bounce", ...values);
    assert.deepEqual(await bounced, values);
  });

  it("reads bytes into typed values and writes them from typed values", async () => {
    const client = await connect();
    const sent = { name: "a.png", bytes: Buffer.from([1, 2, 3]), pages: [Buffer.from([4]), Buffer.alloc(0)] };
    const [answer] = await ask(client, "file", sent);
    assert.deepEqual(answer, { ...sent, size: 4 });
  });

  it("sends only the view of a typed array and takes every kind of it", async () => {
    const client = await connect();
    const whole = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]);
    // notepack, of the other parser, sends all of the buffer that is behind a view.
    const of = (view) => (PACKED ? new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)) : view);
    const views = [of(whole.subarray(2, 5)), of(new DataView(whole.buffer, 6)), whole.buffer];
    const seen = await ask(client, "echo", ...views);
    assert.deepEqual(seen.map((bytes) => [...bytes]), [[2, 3, 4], [6, 7], [0, 1, 2, 3, 4, 5, 6, 7]]);
  });

  it("refuses a string where bytes are wanted", async () => {
    const client = await connect();
    for (const bytes of ["AQID", "", {}, 7]) {
      const [{ error }] = await ask(client, "file", { name: "a", bytes, pages: [] });
      assert.equal(error.code, "bad_request", JSON.stringify(bytes));
    }
  });

  it("carries ten attachments and keeps their order", async () => {
    const client = await connect();
    const ten = Array.from({ length: 10 }, (_, n) => Buffer.alloc(n * 100, n));
    assert.deepEqual(await ask(client, "echo", ...ten), ten);
  });

  it("ends the connection at eleven attachments, as the official server does", async () => {
    const client = await connect();
    const ended = once(client, "disconnect");
    client.emit("echo", ...Array.from({ length: 11 }, () => Buffer.alloc(1)));
    await ended;
  });

  it("fails an emit of eleven attachments instead of cutting every client off", async () => {
    const client = await connect();
    const [{ error }] = await ask(client, "eleven");
    assert.ok(error.code);
    await settled(client);
  });

  it("fails it by whichever call it is sent, and nobody hears of it", async () => {
    const [client, other] = [await connect(), await connect()];
    await ask(other, "join", "room");
    for (const each of [client, other]) each.on("eleven", () => assert.fail("it was sent"));
    const [codes] = await ask(client, "eleven-anywhere");
    assert.equal(codes.length, 8);
    assert.deepEqual([...new Set(codes)].length, 1, codes.join());
    assert.notEqual(codes[0], "sent");
    await settled(client, other);
  });

  it("leaves a value alone that only looks like a placeholder", async () => {
    const client = await connect();
    const trap = { _placeholder: true, num: 99 };
    assert.deepEqual(await ask(client, "echo", trap), [trap]);
  });

  it("never lets such a value cut off those who receive it beside real bytes", async () => {
    const [sender, receiver] = [await connect(), await connect()];
    for (const num of [0, 99, -1, "0"]) {
      const trap = { _placeholder: true, num };
      await ask(sender, "relay-with-bytes", trap);
      await ask(sender, "relay-with-bytes", { deep: [trap] });
    }
    await settled(receiver, sender);
    assert.equal(receiver.connected, true);
  });

  it("delivers binary broadcasts to everybody", async () => {
    const clients = [await connect(), await connect(), await connect()];
    const heard = clients.map((client) => once(client, "picture"));
    clients[0].emit("picture", { name: "p", bytes: Buffer.from([9, 8, 7]) });
    for (const [picture] of await Promise.all(heard)) {
      assert.deepEqual(picture, { name: "p", bytes: Buffer.from([9, 8, 7]) });
    }
  });

  it("keeps text and binary in their order", async () => {
    const client = await connect();
    const seen = [];
    client.on("bounced", (value) => seen.push(Buffer.isBuffer(value) ? value[0] : value));
    for (let n = 0; n < 200; n++) client.emit("bounce", n % 3 ? n : Buffer.from([n]));
    await settled(client);
    assert.deepEqual(seen, Array.from({ length: 200 }, (_, n) => n));
  });
});
