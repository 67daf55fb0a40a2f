// Headless Chromium from the system's packages (nothing is downloaded), and pages that are watched:
// an error, a violated policy or a request to another place fails the test that caused it.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const args = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

function executablePath() {
  const found = ["/usr/bin", ...process.env.PATH.split(delimiter)].map((folder) => join(folder, "chromium")).find(existsSync);
  assert.ok(found, "Chromium is missing: apt-get install chromium");
  return found;
}

/** `more` are further arguments of Chromium. */
export const launch = (more = []) => chromium.launch({ executablePath: executablePath(), args: [...args, ...more] });

/**
 * A page in a profile of its own, or in that of the page `from`. `faults` collects what went wrong;
 * `expected` names what may.
 */
export async function watchedPage(browser, url, { expected = /^$/, from, ...options } = {}) {
  const context = from ? from.page.context() : await browser.newContext({ viewport: { width: 1000, height: 680 }, ...options });
  const page = await context.newPage();
  const faults = [];
  const fault = (text) => { if (!expected.test(text)) faults.push(text); };
  page.on("pageerror", (error) => fault(`error: ${error.stack ?? error}`));
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) fault(`console: ${message.text()}`); });
  page.on("dialog", (dialog) => { fault(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith("blob:")) fault(`request: ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== new URL(url).host) fault(`websocket: ${socket.url()}`);
  });
  page.setDefaultTimeout(10_000);
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}
