// The browsers beside Chromium, each of an engine of its own.

import { openFirefox } from "./firefox.mjs";
import { openWebKit } from "./webkit.mjs";

export const engines = { Firefox: openFirefox, WebKit: openWebKit };
