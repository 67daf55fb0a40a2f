// Pages of other origins in Chromium.

import { launch } from "./browser.mjs";
import { keepsOrigins } from "./origins.mjs";

keepsOrigins(async () => {
  const browser = await launch();
  return { page: await browser.newPage(), close: () => browser.close() };
});
