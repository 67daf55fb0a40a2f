// The panel "How messages travel", and the switch between the transports.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { keepScreenshot, picture, visitors } from "./user.mjs";

let browser, chat, ann, bob;
before(async () => {
  [browser, chat] = await Promise.all([launch(), startChat()]);
  [ann, bob] = await visitors(browser, chat, ["Ann", "Bob"]);
});
after(async () => {
  await browser?.close();
  await chat?.stop();
});

const frames = () => ann.page.locator("#frames li");
/** The frames that have gone by: [direction, type, event, ack id, size]. */
const rows = () => frames().evaluateAll((items) => items.map((item) =>
  [item.className, ...["type", "event", "ack", "size"].map((part) => item.querySelector(`.${part}`).textContent)]));
const gone = (direction, type, event) => frames().and(ann.page.locator(`.${direction}[data-type="${type}"]`))
  .filter({ has: ann.page.locator(".event").getByText(event, { exact: true }) });
const choose = async (title, transport) => {
  await ann.page.locator("#transports label").filter({ hasText: title }).click();
  await ann.page.locator("#transport").getByText(transport, { exact: true }).waitFor();
  await ann.online();
};

test("it opens and closes with its button and with Escape, and shows what went by before", async () => {
  const toggle = ann.page.getByRole("button", { name: "How messages travel" });
  assert.equal(await toggle.getAttribute("aria-expanded"), "false");
  await toggle.click();
  await ann.page.getByRole("complementary", { name: "How messages travel" }).waitFor();
  await ann.page.keyboard.press("Escape");
  await ann.page.getByRole("complementary").waitFor({ state: "hidden" });
  assert.equal(await toggle.evaluate((button) => button === document.activeElement), true);
  await toggle.press("Enter");
  await gone("in", "CONNECT", "").waitFor();
  const [open, connect] = await rows();
  assert.deepEqual([open.slice(0, 2), connect.slice(0, 2)], [["in", "OPEN"], ["out", "CONNECT"]]);
  await gone("in", "ACK", "login").waitFor();
});

test("a message is an event and its answer, under one ack id and with their sizes", async () => {
  await ann.say("héllo");
  const sent = gone("out", "EVENT", "sendMsg");
  const answer = gone("in", "ACK", "sendMsg");
  await answer.waitFor();
  assert.equal(await sent.locator(".ack").textContent(), await answer.locator(".ack").textContent());
  await sent.locator("summary").click();
  const text = await sent.locator("pre").textContent();
  assert.match(text, /^42\d+\["sendMsg",\{"newAccount":"héllo","tag":"[0-9a-f]{48}"\}\]$/);
  assert.equal(await sent.locator(".size").textContent(), `${Buffer.byteLength(text)} B`);
  await bob.say("answer me");
  await gone("in", "EVENT", "message").last().waitFor();
});

test("bytes are a frame of their own", async () => {
  const file = await picture(ann, [30, 20]);
  await ann.pick(file);
  await ann.page.locator("#previews li").waitFor();
  await ann.text.press("Enter");
  await gone("out", "EVENT + 1", "image").waitFor();
  await gone("out", "BINARY", "attachment").waitFor();
  assert.equal(await gone("out", "BINARY", "attachment").locator(".size").textContent(), `${file.buffer.length} B`);
});

test("the key that keeps the name is not shown", async () => {
  const key = await ann.page.evaluate(() => JSON.parse(localStorage.getItem("koio-chat")).key);
  assert.match(key, /^[0-9a-f]{48}$/);
  const texts = await frames().locator("pre").allTextContents();
  assert.ok(texts.some((text) => text.includes('["login"')));
  assert.ok(texts.every((text) => !text.includes(key)));
});

test("it can be paused and cleared, and keeps the last 200", async () => {
  const pause = ann.page.getByRole("button", { name: "Pause" });
  await pause.click();
  const before = await rows();
  await ann.say("not shown");
  await ann.state("not shown", "delivered");
  await ann.page.locator("#frames-missed").getByText(/^\d+ since$/).waitFor();
  assert.deepEqual(await rows(), before);
  await pause.click();
  await ann.page.getByRole("button", { name: "Clear" }).click();
  assert.equal(await gone("out", "EVENT", "sendMsg").count(), 0);
  await ann.page.evaluate(async () => {
    const { show } = await import("/frames.js");
    for (let at = 0; at < 250; at += 1) show("in", "message", `2["number ${at}"]`);
  });
  await gone("in", "EVENT", "number 249").waitFor();
  assert.equal(await frames().count(), 200);
});

test("the visitor changes the transport, and the conversation goes on", async () => {
  await ann.page.getByText("Ways for news to reach a page").click();
  for (const word of ["Short polling", "Long polling", "EventSource", "WebSocket", "Socket.IO"]) {
    await ann.page.locator("#travel dt").getByText(word, { exact: true }).waitFor();
  }
  await ann.page.getByText("Ways for news to reach a page").click();
  const said = ["Ann: héllo", "Bob: answer me", "Ann: [evening.png]", "Ann: not shown"];
  for (const [title, transport, text] of [["Long polling", "Long polling", "by polling"], ["Polling, then upgrade", "WebSocket", "upgraded"], ["WebSocket", "WebSocket", "by WebSocket"]]) {
    await choose(title, transport);
    await bob.sees("Ann");
    await ann.say(text);
    await ann.state(text, "delivered");
    said.push(`Ann: ${text}`);
    for (const one of [ann, bob]) await one.reads(...said);
    await gone("in", "ACK", "sendMsg").last().waitFor();
    if (title !== "Long polling") continue;
    await gone("note", "NOTE", "GET, waits for news").last().waitFor();
    await keepScreenshot(ann, "frames");
  }
  await gone("note", "NOTE", "upgraded to websocket").waitFor({ state: "attached" });
  for (const one of [ann, bob]) one.faultless();
});

test("the transport in use and its round-trip time are shown", async () => {
  await ann.page.locator("#round-trip").getByText(/^\d+(\.\d)? ms$/).waitFor();
  assert.equal(await ann.page.locator("#transport").textContent(), "WebSocket");
});
