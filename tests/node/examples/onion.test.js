// examples/onion: what each of its rings does.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { ask, closeAll, connect, once, socket, until } from "../support/client.js";
import { runHead } from "../support/head.js";
import { example } from "../support/server.js";

const WAY = "websocket";

describe("the onion", () => {
  let server;
  before(async () => {
    server = await example("onion", { TIMEOUT: "500" });
  });
  after(() => server?.stop());
  afterEach(closeAll);

  /** How often it has printed a line that begins so. */
  const printed = (start) => server.lines.filter((line) => line.startsWith(start)).length;
  /** Waits for a line: the answer can be here before what was printed. */
  const prints = (what, ready) => until(what, () => ready() || new Promise(setImmediate));

  it("times what is inside, and tells the observer what went wrong", async () => {
    const client = await connect(server.url, WAY);
    await ask(client, "divide", 1, 0);
    await ask(client, "number", "six");
    assert.deepEqual(await ask(client, "number", "6"), [6]);
    const lines = [
      '"divide" took ',
      '"divide" failed: no_quotient',
      '"number" failed: internal: invalid digit',
    ];
    for (const line of lines) await prints(line, () => printed(line) === 1);
  });

  it("drops what takes too long, middleware included", async () => {
    const client = await connect(server.url, WAY);
    const [{ error }] = await ask(client, "sleep", 60_000);
    assert.equal(error.code, "timeout");
    // The socket lives.
    assert.deepEqual(await ask(client, "sleep", 1), []);
    // Lines come in their order: behind this one there is none to come.
    await ask(client, "divide", 1, 1);
    await prints("a line", () => printed('"divide" took') === 2);
    assert.equal(printed('"sleep" took'), 1);
  });

  it("does what the client of its head comment asks", async () => {
    const seen = (await runHead("onion", server, 10)).map(([first]) => first);
    const answers = [
      2,
      { error: { code: "no_quotient", message: "there is no quotient" } },
      { error: { code: "internal", message: "internal error" } },
      ...["hello", "hello", "hello", "sorry: 3 in a second are enough"],
      { error: { code: "timeout", message: "it took too long" } },
    ];
    // Those of the other connections come at any time.
    const others = ["the key does not fit", 1];
    assert.deepEqual(seen.filter((value) => !others.includes(value)), answers);
    for (const value of others) assert.equal(seen.filter((one) => one === value).length, 1);
  });

  it("limits one handler, and nobody else", async () => {
    const [ann, ben] = [await connect(server.url, WAY), await connect(server.url, WAY)];
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(ask(ann, "greet"));
    assert.deepEqual((await Promise.all(answers)).map(([answer]) => answer.slice(0, 5)), [
      "hello",
      "hello",
      "hello",
      "sorry",
    ]);
    assert.deepEqual(await ask(ben, "greet"), ["hello"]);
    assert.deepEqual(await ask(ann, "divide", 4, 2), [2]);
    // The next second is another one.
    await until("a greeting", async () => (await ask(ann, "greet"))[0] === "hello");
  });

  it("keeps a namespace to those who have the key", async () => {
    for (const auth of [undefined, { key: "wrong" }, { key: 7 }]) {
      const stranger = socket(`${server.url}/admin`, WAY, { auth });
      const [error] = await once(stranger, "connect_error");
      assert.equal(error.message, "the key does not fit");
    }
    const admin = await connect(`${server.url}/admin`, WAY, { auth: { key: "sesame" } });
    assert.equal(typeof (await ask(admin, "count"))[0], "number");
  });
});
