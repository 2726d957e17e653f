/* browser.mjs - Debian's Chromium, driven headless; shared by the tests and scripts/screenshots. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", /* runs as root in containers; it only ever sees our own server */
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const DESKTOP = { viewport: { width: 1440, height: 900 } };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

export function serverUrl() {
  return (process.env.NEARSKY_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
}

/* -> { context(options), close() }; the profile is fresh and goes with it. */
export async function openBrowser() {
  const profile = await mkdtemp(join(tmpdir(), "nearsky-browser-"));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
    env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  });
  return {
    context: (options = DESKTOP) => browser.newContext(options),
    close: async () => {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/* Drops a file on the page the way a person does: enter, over, drop, with its bytes. */
export async function dropFile(page, name, bytes) {
  const base64 = Buffer.from(bytes).toString("base64");
  await page.evaluate(
    ([fileName, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], fileName));
      for (const type of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(
          new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }),
        );
    },
    [name, base64],
  );
}

/* The hits on the page, in order. */
export function hitsOn(page) {
  return page.$$eval(".hits .tile[data-id]", (tiles) =>
    tiles.map(({ dataset }) => ({
      id: dataset.id,
      name: dataset.name,
      similarity: Number(dataset.similarity),
    })),
  );
}

/* Resolves once a search's answer is on the page. */
export async function settled(page) {
  await page.waitForSelector('main.results[aria-busy="false"] .hits .tile[data-id]');
}
