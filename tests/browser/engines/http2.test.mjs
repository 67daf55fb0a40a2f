// The same in browsers of other engines as in ../http2.test.mjs.

import { describe } from "node:test";
import { connectsOverHttp2 } from "../http2.mjs";
import { engines } from "./engines.mjs";

for (const [engine, open] of Object.entries(engines)) {
  describe(engine, () => connectsOverHttp2(async () => {
    const browser = await open();
    return { page: await browser.newPage(), close: () => browser.close() };
  }, { asksForStreams: engine !== "WebKit" }));
}
