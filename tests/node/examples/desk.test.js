// examples/desk: a login over HTTP, two namespaces, tickets, files, behind a prefix.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";

import { WAYS, ask, closeAll, connect, once, socket } from "../support/client.js";
import { example } from "../support/server.js";

const PREFIX = "/help/desk";

describe("a support desk", () => {
  let server;
  before(async () => {
    server = await example("desk", { PREFIX });
  });
  after(() => server?.stop());
  afterEach(closeAll);

  const path = `${PREFIX}/socket.io/`;
  const post = (to, body, headers = {}) =>
    fetch(`${server.url}${PREFIX}/${to}`, { method: "POST", body, headers, redirect: "manual" });
  const login = (name, password) => post("login", new URLSearchParams({ name, password }));
  const cookieOf = async (name, password) => (await login(name, password)).headers.get("set-cookie").split(";")[0];

  /** A tab of somebody who has logged in, when it has been welcomed. */
  async function tab(namespace, way, cookie) {
    const made = socket(server.url + namespace, way, { path, extraHeaders: { cookie } });
    const [me] = await once(made, "welcome");
    return Object.assign(made, { me });
  }
  async function refusal(namespace, way, cookie = "theme=dark") {
    const made = socket(server.url + namespace, way, { path, extraHeaders: { cookie } });
    return (await once(made, "connect_error"))[0];
  }

  it("serves its page and its login behind the prefix, and nothing else", async () => {
    const page = await fetch(`${server.url}${PREFIX}/`);
    assert.match(await page.text(), /<title>Support desk/);
    assert.equal((await fetch(`${server.url}/`)).status, 404);
    assert.equal((await login("ann", "coffee")).status, 401);
    const { status, headers } = await login("ann", "tea");
    assert.deepEqual([status, headers.get("location")], [303, `${PREFIX}/`]);
    assert.match(headers.get("set-cookie"), /^session=[0-9a-f]{32}; Path=\/help\/desk\/; HttpOnly; SameSite=Lax$/);
  });

  for (const way of Object.keys(WAYS)) {
    it(`refuses with a code that the client can read, over ${way}`, async () => {
      const stranger = await refusal("/", way);
      assert.deepEqual([stranger.message, stranger.data], ["log in first", { code: "unauthorized" }]);
      const customer = await refusal("/agents", way, await cookieOf("ann", "tea"));
      assert.deepEqual([customer.message, customer.data], ["this is for the staff", { code: "forbidden" }]);
    });

    it(`lets a customer and an agent talk, over ${way}`, async () => {
      const ann = await tab("/", way, await cookieOf("ann", "tea"));
      const eve = await tab("/agents", way, await cookieOf("eve", "staff"));
      assert.deepEqual([ann.me, eve.me], [{ name: "ann", role: "customer" }, { name: "eve", role: "agent" }]);
      const opened = once(eve, "opened");
      const [ticket] = await ask(ann, "open", "cold tea");
      assert.deepEqual(await opened, [ticket]);

      await ask(ann, "say", ticket.id, "hello?");
      const [history] = await ask(eve, "join", ticket.id);
      assert.deepEqual(history.map(({ from, text }) => [from, text]), [["ann", "hello?"]]);
      const typing = once(ann, "typing");
      // Either end drops it if it can't leave at once, between two polls for example.
      const typist = setInterval(() => eve.volatile.emit("typing", ticket.id), 100);
      assert.deepEqual(await typing, [ticket.id, "eve"]);
      clearInterval(typist);

      const said = once(eve, "said");
      const [file] = await ask(ann, "upload", ticket.id, "tea.png", Buffer.alloc(5_000_000, 7));
      assert.deepEqual((await said)[0].file, file);
      const [bytes] = await ask(eve, "file", file.id);
      assert.ok(Buffer.alloc(5_000_000, 7).equals(Buffer.from(bytes)));
      const [{ error }] = await ask(ann, "upload", ticket.id, "tea.png", Buffer.alloc(5_000_001));
      assert.deepEqual([error.code, error.data], ["too_large", [5_000_000, 5_000_001]]);
    });
  }

  it("says once that a user with two tabs has come and gone", async () => {
    const sam = await tab("/agents", "websocket", await cookieOf("sam", "staff"));
    const heard = [];
    sam.on("presence", ({ name, online }) => heard.push([name, online]));
    const cookie = await cookieOf("ben", "tea");
    const tabs = await Promise.all([tab("/", "websocket", cookie), tab("/", "websocket", cookie)]);
    assert.deepEqual(await ask(sam, "online"), [["ben", "sam"]]);
    const gone = new Promise((resolve) => sam.on("presence", ({ online }) => online || resolve()));
    for (const each of tabs) each.disconnect();
    await gone;
    assert.deepEqual(heard, [["ben", true], ["ben", false]]);
  });

  it("disconnects every tab of a user who logs out", async () => {
    const cookie = await cookieOf("ben", "tea");
    const tabs = [await tab("/", "polling", cookie), await tab("/", "websocket", cookie)];
    const ends = tabs.map((each) => once(each, "disconnect"));
    assert.equal((await post("logout", "", { cookie })).status, 303);
    for (const [why] of await Promise.all(ends)) assert.equal(why, "io server disconnect");
    assert.equal((await refusal("/", "websocket", cookie)).data.code, "unauthorized");
  });

  it("ends when a service manager asks it to", async () => {
    const ann = await connect(server.url, "websocket", { path, extraHeaders: { cookie: await cookieOf("ann", "tea") } });
    const gone = once(ann, "disconnect");
    assert.deepEqual(await server.stop("SIGTERM"), [0, null]);
    await gone;
  });
});
