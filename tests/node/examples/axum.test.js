// examples/axum: routes, sockets and one login on one port.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, closeAll, connect, once, socket, until } from "../support/client.js";
import { example } from "../support/server.js";

describe("koio inside axum", () => {
  let server;
  before(async () => {
    server = await example("axum-example");
  });
  after(() => server?.stop());
  afterEach(closeAll);

  const text = async (path) => (await fetch(server.url + path)).text();
  // Those of the test before are on their way out.
  const online = (who) => until(who, async () => (await text("/")) === who);
  const login = (name) => fetch(`${server.url}/login`, { method: "POST", body: name });
  const cookieOf = async (name) => (await login(name)).headers.get("set-cookie").split(";")[0];
  const connectAs = async (name, way) =>
    connect(server.url, way, { extraHeaders: { cookie: `theme=dark; ${await cookieOf(name)}` } });

  for (const way of Object.keys(WAYS)) {
    it(`knows a client by the cookie of its login, over ${way}`, async () => {
      const [ann, ben] = [await connectAs("ann", way), await connectAs("ben", way)];
      await online("2 online: ann, ben\n");
      const heard = once(ann, "said");
      ben.emit("say", "hi");
      assert.deepEqual(await heard, ["ben", "hi"]);
    });

    it(`tells everybody what a route is asked to, over ${way}`, async () => {
      const people = [await connectAs("ann", way), await connectAs("ben", way)];
      const heard = people.map((person) => once(person, "said"));
      assert.equal(await text("/shout/hello"), "everybody was told\n");
      for (const said of await Promise.all(heard)) assert.deepEqual(said, ["somebody", "hello"]);
    });

    it(`refuses who is not logged in, over ${way}`, async () => {
      for (const extraHeaders of [{}, { cookie: "session=0123" }, { cookie: "ann" }]) {
        const stranger = socket(server.url, way, { extraHeaders });
        const [error] = await once(stranger, "connect_error");
        assert.equal(error.message, "log in first");
      }
      await online("0 online: \n");
    });
  }

  it("refuses a cookie that a page of another host makes the browser send", async () => {
    const cookie = await cookieOf("ann");
    const from = (origin) => ({ extraHeaders: { cookie, origin } });
    await connect(server.url, "polling", from(server.url));
    const stranger = socket(server.url, "polling", from("https://elsewhere.example"));
    const [error] = await once(stranger, "connect_error");
    assert.equal(error.context.status, 403);
  });

  it("gives a cookie that scripts can't read, and takes no name that is none", async () => {
    const { status, headers } = await login("ann");
    assert.equal(status, 200);
    const cookie = /^session=[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Lax$/;
    assert.match(headers.get("set-cookie"), cookie);
    for (const name of ["", "a".repeat(41)]) assert.equal((await login(name)).status, 400);
  });

  it("ends koio's sessions and then itself when a service manager asks it to", async () => {
    const clients = [await connectAs("ann", "polling"), await connectAs("ben", "websocket")];
    const gone = clients.map((client) => once(client, "disconnect"));
    assert.deepEqual(await server.stop("SIGTERM"), [0, null]);
    await Promise.all(gone);
  });
});
