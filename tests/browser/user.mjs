// The chat's page as a person uses it: by what is on the screen.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { watchedPage } from "./browser.mjs";
import { artefacts, lines, people, shows } from "./shown.mjs";

/** What a browser says while the server is away. */
export const lost = /ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE|WebSocket|Failed to load resource/;
export const clients = { "the page's own client": "", "the official client": "?client=official" };
export const phone = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

/** Somebody who opens the page, and enters if they have a name; with `from`, in a window of that one's browser. */
export async function visitor(browser, chat, name, { query = "", ...options } = {}) {
  const { page, faults, close } = await watchedPage(browser, `${chat.url}/${query}`, options);
  const text = page.getByRole("textbox", { name: "Message", exact: true });
  const entry = (key) => page.locator("#sidebar button[data-key]").and(page.locator(`[data-key=${JSON.stringify(key)}]`));
  const expected = (wanted, read) => shows(page, (...asked) => page.waitForFunction(...asked), wanted, read);
  const user = {
    page, close, text, entry,
    async enter(name) {
      await page.locator("#enter:enabled").waitFor();
      await page.getByLabel("Your name").fill(name);
      await page.getByRole("button", { name: "Enter" }).click();
    },
    online: () => page.locator('[data-status="online"] #me').waitFor(),
    offline: () => page.locator('[data-status="offline"] #me').waitFor(),
    async open(key) {
      if (await page.locator("#back").isVisible()) await page.locator("#back").click();
      await entry(key).click();
      await user.opened(key);
    },
    opened: (key) => entry(key).and(page.locator("[aria-current]")).waitFor({ state: "attached" }),
    async say(...texts) {
      for (const one of texts) {
        await text.fill(one);
        await text.press("Enter");
      }
    },
    async join(room) {
      if (await page.locator("#back").isVisible()) await page.locator("#back").click();
      await page.getByRole("button", { name: "Join or start a group" }).click();
      await page.getByLabel("Name of a group").fill(room);
      await page.getByRole("button", { name: "Join", exact: true }).click();
      await user.opened(`#${room}`);
    },
    pick: (...files) => page.locator("#image").setInputFiles(files),
    /** One message of the open conversation. */
    message: (text) => page.locator(".log .message").filter({ has: page.locator(".text").and(page.getByText(text, { exact: true })) }),
    /** Waits until these and no others, in this order, are in the open conversation: "Name: text". */
    reads: (...wanted) => expected(wanted, lines),
    /** Waits until these and no others are online beside us. */
    sees: (...names) => expected(names.toSorted(), people),
    preview: (key, text) => entry(key).locator(".preview").getByText(text, { exact: true }).waitFor({ state: "attached" }),
    unread: (key, count) => count
      ? entry(key).locator(".unread:not([hidden])").getByText(`${count} unread`, { exact: true }).waitFor({ state: "attached" })
      : entry(key).locator(".unread[hidden]").waitFor({ state: "attached" }),
    state: (text, state) => user.message(text).and(page.locator(`[data-state=${state}]`)).waitFor(),
    acknowledged: (text) => user.message(text).and(page.locator("[data-state=sent], [data-state=delivered]")).waitFor(),
    faultless: () => assert.deepEqual(faults.splice(0), []),
  };
  if (name) {
    await user.enter(name);
    await user.online();
  }
  return user;
}

export const visitors = (browser, chat, names, options) => Promise.all(names.map((name) => visitor(browser, chat, name, options)));

/** Keeps what a page looks like, for whoever wants to see what the tests have seen. */
export async function keepScreenshot({ page }, name, folder = artefacts) {
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}${name}.png`, animations: "disabled", caret: "hide" });
}

/** A picture that a browser has drawn, as a file to choose. */
export async function picture({ page }, [width, height], name = "evening.png") {
  const base64 = await page.evaluate(([width, height]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    const sky = pen.createLinearGradient(0, 0, 0, height);
    for (const [at, colour] of [[0, "#26456b"], [0.6, "#d99a6c"], [1, "#f3dcae"]]) sky.addColorStop(at, colour);
    pen.fillStyle = sky;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#23313f";
    pen.moveTo(0, height);
    for (let x = 0; x <= width; x += 4) pen.lineTo(x, height * (0.72 + 0.08 * Math.sin(x / 31) + 0.05 * Math.sin(x / 11)));
    pen.lineTo(width, height);
    pen.fill();
    return canvas.toDataURL("image/png").split(",")[1];
  }, [width, height]);
  return { name, mimeType: "image/png", buffer: Buffer.from(base64, "base64") };
}
