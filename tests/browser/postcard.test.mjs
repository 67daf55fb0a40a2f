// In the panel "How messages travel": one postcard over every way, with its frames and what it costs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { startChat } from "./chat-server.mjs";
import { keepScreenshot, phone, visitor } from "./user.mjs";

let browser, chat;
before(async () => { [browser, chat] = await Promise.all([launch(), startChat()]); });
after(async () => {
  await browser?.close();
  await chat?.stop();
});

const WAYS = ["Short polling", "Long polling", "EventSource", "WebSocket"];

/** The table: by way, its session, requests, bytes and delay. */
const table = (page) => page.locator("#ways-rows tr").evaluateAll((rows) => Object.fromEntries(rows.map((row) => {
  const [way, session, requests, bytes, after] = [...row.children].map(({ textContent }) => textContent);
  return [way, { session, requests: Number(requests), bytes, after }];
})));
const frames = (page, way) => page.locator("#ways-frames li").evaluateAll((items, way) =>
  items.filter((item) => item.querySelector(".over").textContent === way)
    .map((item) => [item.className, item.querySelector("code").textContent]), way);
const arrived = (page) => page.waitForFunction(() => [...document.querySelectorAll("#ways-rows .took")].every(({ textContent }) => textContent !== "–"));
const sessions = (page, state) => page.waitForFunction((state) => [...document.querySelectorAll("#ways-rows .state")].every(({ textContent }) => textContent === state), state);

for (const [device, options] of Object.entries({ desktop: { viewport: { width: 1280, height: 860 } }, phone })) {
  test(`on a ${device}, a postcard comes over each way, and each has its frames and its costs`, async () => {
    const ann = await visitor(browser, chat, `Ann on a ${device}`, options);
    const { page } = ann;
    if (await page.locator("#back").isHidden()) await ann.open("everyone");
    await page.getByRole("button", { name: "How messages travel" }).click();
    await page.getByText("One postcard over every way").click();
    const send = page.getByRole("button", { name: "Send", exact: true }).and(page.locator("#ways-send"));
    assert.equal(await send.isDisabled(), true, "nothing is open");
    // By the keyboard alone.
    await page.getByRole("button", { name: "Open all four" }).press("Enter");
    await sessions(page, "open");
    const before = await table(page);
    assert.deepEqual(Object.keys(before), WAYS);
    await page.getByLabel("Text of the postcard").fill("Greetings, with ü");
    await page.getByLabel("Text of the postcard").press("Enter");
    await arrived(page);
    const after = await table(page);
    for (const way of WAYS) {
      const seen = await frames(page, way);
      assert.equal(seen.filter(([, text]) => text === '42/travel,["postcard","Greetings, with ü"]').length, 1, way);
      assert.match(seen[0][1], /^0\{"sid":/, way);
      assert.deepEqual(seen[1], ["out", '40/travel,{"page":"…"}'], way);
      assert.match(after[way].after, /^[\d.]+ m?s$/, way);
    }
    // One request for all; one answer for each news; one for each question, news or not.
    assert.deepEqual(after.WebSocket.requests, 1);
    assert.deepEqual(after.EventSource.requests, 2, "the stream, and the POST that connects");
    assert.equal(after["Long polling"].requests, before["Long polling"].requests + 1);
    assert.ok(after["Short polling"].requests >= 4);
    await keepScreenshot(ann, `postcard, ${device}`);
    await page.waitForFunction((least) => Number(document.querySelector("#ways-rows .requests").textContent) > least, after["Short polling"].requests);
    assert.equal((await table(page))["Long polling"].requests, after["Long polling"].requests, "nobody had anything to say");

    await page.getByRole("button", { name: "Close all" }).click();
    await sessions(page, "closed");
    const { requests } = (await table(page))["Short polling"];
    await page.waitForTimeout(2_500);
    assert.equal((await table(page))["Short polling"].requests, requests, "it asks no longer");
    // What the panel does is nobody's business in the chat.
    await ann.page.getByRole("button", { name: "Close", exact: true }).click();
    await ann.say(`still here on a ${device}`);
    await ann.acknowledged(`still here on a ${device}`);
    ann.faultless();
    await ann.close();
  });
}

test("the panel that is closed leaves no session behind, and opens them anew", async () => {
  const ann = await visitor(browser, chat, "Zoe");
  const { page } = ann;
  await page.getByRole("button", { name: "How messages travel" }).click();
  await page.getByText("One postcard over every way").click();
  for (let round = 0; round < 2; round++) {
    await page.getByRole("button", { name: "Open all four" }).click();
    await sessions(page, "open");
    await page.getByRole("button", { name: "Send", exact: true }).and(page.locator("#ways-send")).click();
    await arrived(page);
    await page.keyboard.press("Escape");
    await page.getByRole("complementary").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "How messages travel" }).click();
    await sessions(page, "closed");
  }
  ann.faultless();
  await ann.close();
});
