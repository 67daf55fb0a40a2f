// Several chats on one Redis are one chat, to pages that know nothing of it.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startRedis } from "../cluster/support/redis.js";
import { until, within } from "../node/support/within.js";
import { launch } from "./browser.mjs";
import { startChat, startServer } from "./chat-server.mjs";
import { person, transports } from "./person.mjs";
import { keepScreenshot, lost, picture, visitor } from "./user.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const key = (of) => `the secret key of ${of}`;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Somebody on the official client. */
const come = (chat) => person(chat.url, transports["WebSocket only"]);
async function enter(chat, login) {
  const one = await come(chat);
  const [welcome] = await one.ask("login", login);
  assert.equal(welcome.error, undefined, JSON.stringify(welcome));
  return Object.assign(one, { welcome, acknowledges: true });
}

describe("two chats", () => {
  let redis, a, b, ann, bob, eve, all;
  const start = (options) => startChat({ env: { REDIS_URL: redis.url }, ...options });
  before(async () => {
    redis = await startRedis();
    [a, b] = await Promise.all([start(), start()]);
    const options = { expected: lost };
    all = [ann, eve, bob] = await Promise.all([visitor(browser, a, "Ann", options), visitor(browser, a, "Eve", options), visitor(browser, b, "Bob", options)]);
  });
  after(async () => {
    await Promise.all((all ?? []).map(({ close }) => close()));
    await Promise.all([a?.stop(), b?.stop()]);
    await redis?.stop();
  });
  afterEach(() => { for (const one of all) one.faultless(); });

  test("who is on one node sees who is on the other, and no name is there twice", async () => {
    await Promise.all([ann.sees("Bob", "Eve"), eve.sees("Ann", "Bob"), bob.sees("Ann", "Eve")]);
    const thief = await visitor(browser, b, null);
    for (const name of ["Ann", "ann", "EVE"]) {
      await thief.enter(name);
      await thief.page.getByRole("alert").filter({ hasText: /taken/ }).waitFor();
    }
    await thief.enter("Carl");
    await thief.online();
    await Promise.all([ann.sees("Bob", "Carl", "Eve"), bob.sees("Ann", "Carl", "Eve")]);
    await thief.close();
    await Promise.all([ann.sees("Bob", "Eve"), bob.sees("Ann", "Eve")]);
  });

  test("what is said in public is read on both, in one order, and ticked by the pages of both", async () => {
    await ann.say("from A");
    await bob.reads("Ann: from A");
    await bob.say("from B");
    for (const one of all) await one.reads("Ann: from A", "Bob: from B");
    await ann.message("from A").getByText("Delivered to 2", { exact: true }).waitFor({ state: "attached" });
    await bob.message("from B").getByText("Delivered to 2", { exact: true }).waitFor({ state: "attached" });
  });

  test("two people talk in private over both nodes, see each other type, and send pictures", async () => {
    await ann.open("@Bob");
    await ann.text.pressSequentially("ps");
    await bob.preview("@Ann", "typing …");
    await ann.say("psst");
    await bob.unread("@Ann", 1);
    await bob.open("@Ann");
    await bob.reads("Ann: psst");
    await bob.pick(await picture(bob, [120, 80]));
    await bob.page.locator("#previews li").waitFor();
    await bob.say("look");
    for (const one of [ann, bob]) await one.reads("Ann: psst", "Bob: [evening.png]", "Bob: look");
    await ann.state("psst", "delivered");
    await keepScreenshot(bob, "two chats, private");
    assert.deepEqual(await eve.page.locator("#sidebar [data-key] .preview").allTextContents().then((all) => all.filter((text) => /psst|look/.test(text))), []);
  });

  test("a group has members on both", async () => {
    await ann.join("garden");
    await ann.say("before you came");
    await bob.join("garden");
    await bob.reads("Ann: before you came");
    await bob.say("now");
    await ann.reads("Ann: before you came", "Bob: now");
    const groups = async () => {
      const dan = await enter(b, { id: "Dan", key: key("Dan") });
      dan.leave();
      return dan.welcome.groups.garden;
    };
    await within("both to be counted", until(async () => await groups() === 2));
  });

  test("who comes to the other node has what was said on this one, and is no longer here", async () => {
    const fay = await visitor(browser, b, "Fay");
    await fay.reads("Ann: from A", "Bob: from B");
    await fay.join("garden");
    await fay.reads("Ann: before you came", "Bob: now");
    await fay.close();
    const login = await ann.page.evaluate(() => ({ id: "Ann", key: JSON.parse(localStorage["koio-chat"]).key }));
    const [tab, moved] = [await enter(a, { id: "Zoe", key: key("Zoe") }), await enter(b, { id: "Zoe", key: key("Zoe") })];
    await within("the earlier window to be closed", until(() => !tab.socket.connected));
    await ann.sees("Bob", "Eve", "Zoe");
    const said = { to: "Zoe", text: "once", tag: "z1" };
    const [{ id }] = await moved.ask("private", said);
    moved.leave();
    const back = await enter(a, { id: "Zoe", key: key("Zoe") });
    assert.equal((await back.ask("private", said))[0].id, id, "a retry on the other node is known there");
    back.leave();
    const { welcome, ...again } = await enter(b, login); // and the page gets it back
    assert.deepEqual(welcome.history["@Bob"].map(({ text, image }) => text ?? image.name), ["psst", "evening.png", "look"]);
    assert.equal(welcome.history["@Bob"][1].image.bytes.subarray(1, 4).toString(), "PNG");
    await within("the page to have its name back", until(() => !again.socket.connected));
    await Promise.all([ann.online(), ann.sees("Bob", "Eve"), bob.sees("Ann", "Eve")]);
  });

  test("of two who claim one name on both nodes at once one has it soon, and both nodes agree who", async () => {
    for (let round = 0; round < 10; round += 1) {
      const rivals = await Promise.all([come(a), come(b)]);
      const logins = [{ id: `Rival ${round}`, key: key("one") }, { id: `rival ${round}`, ...(round % 2 && { key: key("two") }) }];
      const answers = await Promise.all(rivals.map((one, at) => one.ask("login", logins[at])));
      assert.ok(answers.some(([{ error }]) => !error), JSON.stringify(answers));
      const stays = () => rivals.filter(({ socket }, at) => socket.connected && !answers[at][0].error);
      await within("one of them to go", until(() => stays().length <= 1));
      await wait(50);
      assert.equal(stays().length, 1);
      const [winner] = stays();
      const users = async (chat) => {
        const one = await enter(chat, { id: "Witness", key: key("Witness") });
        one.leave();
        return one.welcome.users.filter((name) => /rival/i.test(name));
      };
      const name = (await winner.ask("login", logins[rivals.indexOf(winner)]))[0].name;
      for (const chat of [a, b]) await within("both to know who", until(async () => (await users(chat)).join() === name));
      for (const one of rivals) one.leave();
      for (const chat of [a, b]) await within("both to be gone", until(async () => (await users(chat)).length === 0));
    }
  });

  test("both go on while Redis is away, and tell each other what they have missed when it is back", async () => {
    await Promise.all(all.map((one) => one.open("everyone")));
    await redis.stop();
    await Promise.all([ann.sees("Eve"), bob.sees()]);
    await ann.say("A alone");
    await eve.reads("Ann: from A", "Bob: from B", "Ann: A alone");
    await bob.say("B alone");
    await bob.reads("Ann: from A", "Bob: from B", "Bob: B alone");
    redis = await startRedis(redis.port);
    for (const one of all) await one.reads("Ann: from A", "Bob: from B", "Ann: A alone", "Bob: B alone");
    await Promise.all([ann.sees("Bob", "Eve"), bob.sees("Ann", "Eve")]);
    await ann.open("@Bob");
    await ann.say("together again");
    await bob.preview("@Ann", "together again");
  });

  test("a node that is killed is missed by nobody but its own people, and has everything when it is back", async () => {
    await a.stop("SIGKILL");
    await Promise.all([ann.offline(), eve.offline()]);
    await bob.sees();
    await bob.open("@Ann");
    await bob.say("are you there?");
    await bob.acknowledged("are you there?");
    await bob.open("everyone");
    await bob.say("where are you all?");
    await ann.open("everyone");
    await ann.say("back");
    a = await start({ port: a.port });
    await Promise.all([ann.online(), eve.online()]);
    const said = ["Ann: from A", "Bob: from B", "Ann: A alone", "Bob: B alone", "Bob: where are you all?", "Ann: back"];
    for (const one of all) await one.reads(...said);
    await ann.open("@Bob");
    await ann.reads("Ann: psst", "Bob: [evening.png]", "Bob: look", "Ann: together again", "Bob: are you there?");
    await Promise.all([ann.sees("Bob", "Eve"), bob.sees("Ann", "Eve")]);
  });
});

describe("a chat of koio and one of Node with the stock adapter", () => {
  const program = fileURLToPath(new URL("../cluster/support/chat.js", import.meta.url));
  let redis, koio, node, ann, bob, all;
  before(async () => {
    redis = await startRedis();
    koio = await startChat({ env: { REDIS_URL: redis.url } });
    const early = await enter(koio, { id: "Early", key: key("Early") });
    await early.ask("sendMsg", { newAccount: "before Node came" });
    early.leave();
    node = await startServer(process.execPath, { REDIS_URL: redis.url, PORT: "0" }, [], [program]);
    all = [ann, bob] = await Promise.all([visitor(browser, koio, "Ann"), visitor(browser, node, "Bob")]);
  });
  after(async () => {
    await Promise.all((all ?? []).map(({ close }) => close()));
    await Promise.all([koio?.stop(), node?.stop()]);
    await redis?.stop();
  });
  afterEach(() => { for (const one of all) one.faultless(); });

  test("pages on both see each other, and no name is there twice", async () => {
    await Promise.all([ann.sees("Bob"), bob.sees("Ann")]);
    for (const [chat, id] of [[koio, "bob"], [node, "ANN"]]) {
      const thief = await come(chat);
      assert.equal((await thief.ask("login", { id, key: key("a thief") }))[0].error?.code, "name_taken");
      thief.leave();
    }
  });

  test("one room: what is said on either is read on both, in one order, with its history and ticks", async () => {
    await ann.say("from koio");
    await bob.reads("Early: before Node came", "Ann: from koio");
    await bob.say("from Node");
    for (const one of all) await one.reads("Early: before Node came", "Ann: from koio", "Bob: from Node");
    await ann.state("from koio", "delivered");
    await bob.state("from Node", "delivered");
    for (const one of all) await one.join("garden");
    await ann.say("roses");
    await bob.say("tulips");
    for (const one of all) await one.reads("Ann: roses", "Bob: tulips");
  });

  test("private messages, pictures and typing go both ways", async () => {
    await ann.open("@Bob");
    await bob.open("@Ann");
    await ann.text.pressSequentially("ps");
    await bob.page.getByText("Ann is typing").waitFor();
    await ann.say("psst");
    await bob.pick(await picture(bob, [160, 90], "from Node.png"));
    await bob.page.locator("#previews li").waitFor();
    await bob.text.press("Enter");
    for (const one of all) await one.reads("Ann: psst", "Bob: [from Node.png]");
    await ann.pick(await picture(ann, [160, 90], "from koio.png"));
    await ann.page.locator("#previews li").waitFor();
    await ann.text.press("Enter");
    for (const one of all) await one.reads("Ann: psst", "Bob: [from Node.png]", "Ann: [from koio.png]");
    await keepScreenshot(ann, "with Node, on koio");
    await keepScreenshot(bob, "with Node, on Node");
  });

  test("who comes later finds on either what was said on both, pictures included", async () => {
    for (const chat of [koio, node]) {
      const login = await bob.page.evaluate(() => ({ id: "Bob", key: JSON.parse(localStorage["koio-chat"]).key }));
      const again = await enter(chat, login);
      const { everyone, "@Ann": own } = again.welcome.history;
      assert.deepEqual(everyone.map(({ text }) => text), ["before Node came", "from koio", "from Node"]);
      assert.deepEqual(own.map(({ text, image }) => text ?? image.name), ["psst", "from Node.png", "from koio.png"]);
      for (const { image } of own.slice(1)) assert.equal(image.bytes.subarray(1, 4).toString(), "PNG");
      again.leave();
    }
    await Promise.all([bob.online(), ann.sees("Bob")]);
  });

  test("when the one of Node is killed, koio's goes on", async () => {
    await bob.close();
    all.pop();
    await node.stop("SIGKILL");
    await ann.sees();
    await ann.say("alone here");
    await ann.acknowledged("alone here");
  });
});
