// examples/auth: tokens in the CONNECT payload, and their end.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, ask, closeAll, connect, once, socket } from "../support/client.js";
import { runHead } from "../support/head.js";
import { example } from "../support/server.js";

/** Logs in, and returns the answer. */
async function login(url, name, password) {
  const desk = await connect(`${url}/login`, "websocket");
  const [answer] = await ask(desk, "login", name, password);
  desk.disconnect();
  return answer;
}

/** The error with which a client is refused that gives this as `auth`. */
async function refusal(url, way, auth) {
  const [error] = await once(socket(url, way, { auth }), "connect_error");
  return error;
}

describe("a token in the CONNECT payload", () => {
  let server;
  before(async () => {
    server = await example("auth");
  });
  after(() => server?.stop());
  afterEach(closeAll);

  for (const way of Object.keys(WAYS)) {
    it(`makes a client a user in every handler, over ${way}`, async () => {
      const enter = async (name, password) =>
        connect(server.url, way, { auth: await login(server.url, name, password) });
      const [ann, ben] = [await enter("ann", "secret"), await enter("ben", "geheim")];
      assert.deepEqual(await ask(ann, "whoami"), [{ name: "ann" }]);
      const heard = once(ann, "said");
      ben.emit("say", "hi");
      assert.deepEqual(await heard, ["ben", "hi"]);
    });

    it(`is needed, and who has none is told where to get one, over ${way}`, async () => {
      for (const auth of [undefined, {}, { token: "guessed" }]) {
        const error = await refusal(server.url, way, auth);
        assert.equal(error.message, "a token is needed");
        assert.deepEqual(error.data, { code: "token", reason: "unknown", login: "/login" });
      }
      const error = await refusal(server.url, way, { token: 7 });
      assert.match(error.message, /^auth: .*expected a string/);
    });
  }

  it("is not given for a wrong password", async () => {
    for (const [name, password] of [["ann", "geheim"], ["eve", "secret"]]) {
      const { error, token } = await login(server.url, name, password);
      assert.deepEqual([error.code, token], ["login", undefined]);
    }
  });

  it("is one for each user: a new login ends what the old token is good for", async () => {
    const old = await login(server.url, "ann", "secret");
    const now = await login(server.url, "ann", "secret");
    assert.equal((await refusal(server.url, "websocket", old)).data.reason, "unknown");
    await connect(server.url, "websocket", { auth: now });
  });
});

describe("a token that ends", () => {
  const LIFETIME = 800;
  let server;
  before(async () => {
    server = await example("auth", { LIFETIME: String(LIFETIME) });
  });
  after(() => server?.stop());
  afterEach(closeAll);

  it("puts its socket out, which does not come back with it", async () => {
    const started = performance.now();
    const auth = await login(server.url, "ann", "secret");
    const ann = await connect(server.url, "websocket", { auth, reconnection: true });
    const [reason] = await once(ann, "disconnect");
    assert.equal(reason, "io server disconnect");
    assert.ok(performance.now() - started >= LIFETIME);
    ann.connect();
    const [error] = await once(ann, "connect_error");
    assert.deepEqual(error.data, { code: "token", reason: "expired", login: "/login" });
    // With a new one it does.
    ann.auth = await login(server.url, "ann", "secret");
    ann.connect();
    await once(ann, "connect");
  });

  it("does all this to the client of the head comment", async () => {
    assert.deepEqual((await runHead("auth", server, 3)).map((values) => values.slice(0, 2)), [
      ["a token is needed", { code: "token", reason: "unknown", login: "/login" }],
      [{ name: "ann" }],
      ["io server disconnect", undefined],
    ]);
  });

  it("can be renewed by a socket that stays", async () => {
    const started = performance.now();
    const auth = await login(server.url, "ben", "geheim");
    const ben = await connect(server.url, "websocket", { auth });
    const gone = once(ben, "disconnect");
    let renewed;
    let answer;
    do {
      renewed = performance.now();
      [answer] = await ask(ben, "renew");
    } while (renewed - started < 1.2 * LIFETIME);
    await connect(server.url, "websocket", { auth: answer });
    await gone;
    assert.ok(performance.now() - renewed >= LIFETIME);
  });
});
