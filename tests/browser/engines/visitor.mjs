// Somebody on the chat's page in any of the browsers, by what is on the screen.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { artefacts, lines, people, shows } from "../shown.mjs";
import { ENTER } from "./page.mjs";

/** In the page: an image that does not compress, dropped there; answers with its bytes' digest. */
async function drop(name, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(width, height);
  for (let at = 0; at < pixels.data.length; at += 65_536) crypto.getRandomValues(pixels.data.subarray(at, at + 65_536));
  pen.putImageData(pixels, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([blob], name, { type: "image/png" }));
  document.getElementById("conversation").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
  return { bytes: blob.size, digest: [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
}

/** Opens the page, and enters if they have a name. */
export async function visit(browser, chat, name, query = "") {
  const page = await browser.newPage();
  const status = (wanted) => page.until(wanted, (wanted) =>
    document.body.dataset.status === wanted && !document.getElementById("chat").hidden, wanted);
  const expected = (wanted, read) => shows(page, (...asked) => page.until("these lines", ...asked), wanted, read);
  const visitor = {
    page,
    online: () => status("online"),
    offline: () => status("offline"),
    sees: (...names) => expected(names.sort(), people),
    reads: (...wanted) => expected(wanted, lines),
    async open(key) {
      await page.click(`#sidebar button[data-key=${JSON.stringify(key)}]`);
      await page.until(key, (key) => document.querySelector("[aria-current]")?.dataset.key === key, key);
    },
    async say(text) {
      await page.click("#text");
      await page.keys(text + ENTER);
    },
    /** Until the newest message of the open conversation is in this state. */
    state: (wanted) => page.until(wanted, (wanted) => [...document.querySelectorAll(".log .message")].at(-1)?.dataset.state === wanted, wanted),
    /** Until one of the messages of the open conversation is this. */
    hears: (text) => page.until(text, (text) => [...document.querySelectorAll(".log .text")].some((one) => one.textContent === text), text),
    drop: (...image) => page.evaluate(drop, ...image),
    send: () => page.click("#send"),
    /** Connects over another transport, by the panel; answers what the page says that it has. */
    async travel(choice) {
      if (await page.evaluate(() => document.getElementById("travel").hidden)) await page.click("#travel-toggle");
      await page.click(`#transports input[value=${choice}]`);
      await page.until(choice, async (choice) => {
        const { connection } = await import("/connection.js");
        return connection.choice === choice && connection.connected && document.body.dataset.status === "online";
      }, choice);
    },
    /** Until a poll waits that nothing is about to answer: only the heartbeat notices a page that goes between two polls. */
    async waitsForNews() {
      await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true })); // measures no round trips then
      await page.until("a poll that waits", () => {
        const last = document.querySelector("#frames li:last-child");
        if (window.lastFrame !== last) Object.assign(window, { lastFrame: last, lastAt: performance.now() });
        return last?.textContent.includes("waits for news") && performance.now() - window.lastAt > 300;
      });
    },
    transport: () => page.evaluate(() => document.getElementById("transport").textContent),
    faultless: async () => assert.deepEqual(await page.faults(), []),
    async picture(name) {
      // What moves is seen where it ends.
      await page.evaluate(async () => { for (const one of document.getAnimations()) if (one.effect.getTiming().iterations === 1) await one.finished; });
      await mkdir(artefacts, { recursive: true });
      await writeFile(`${artefacts}${name}.png`, await page.screenshot());
    },
  };
  await page.goto(`${chat.url}/${query}`);
  if (name) {
    await page.until("the form", () => document.getElementById("enter").disabled === false);
    await page.click("#name");
    await page.keys(name);
    await page.click("#enter");
    await visitor.online();
  }
  return visitor;
}
