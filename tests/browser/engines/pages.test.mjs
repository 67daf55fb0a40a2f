// The same in browsers of other engines as in ../http2.test.mjs and ../origins.test.mjs.

import { after, before, describe } from "node:test";
import { connectsOverHttp2 } from "../http2.mjs";
import { keepsOrigins } from "../origins.mjs";
import { engines } from "./engines.mjs";

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => {
    let browser;
    before(async () => { browser = await open(); });
    after(() => browser?.close());
    const newPage = async () => {
      const page = await browser.newPage();
      return { page, close: () => page.close() };
    };
    describe("over TLS and HTTP/2", () => connectsOverHttp2(newPage, { asksForStreams: engine !== "WebKit" }));
    describe("across origins", () => keepsOrigins(newPage));
  });
}
