/* screenshots.mjs - a PNG of every state of the page, desktop and phone, from a running server.
 * Run by scripts/screenshots DIR. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DESKTOP, dropFile, openBrowser, PHONE, serverUrl, settled } from "./browser.mjs";

const [dir] = process.argv.slice(2);
if (!dir) {
  console.error("usage: scripts/screenshots DIR    (NEARSKY_URL: the server, http://127.0.0.1:8080)");
  process.exit(2);
}
const url = serverUrl();

/* Lazy pictures below the fold stay out of the picture; those in view must have arrived. */
async function picturesIn(page) {
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll(".picture img")].every((img) => {
        const { top, bottom } = img.getBoundingClientRect();
        return bottom < 0 || top > innerHeight || img.complete;
      }),
    { timeout: 20_000 },
  );
}

async function ask(path) {
  const response = await fetch(`${url}/api/v1${path}`);
  if (!response.ok) throw new Error(`${url}/api/v1${path} answers ${response.status}`);
  return response;
}

const start = process.env.NEARSKY_OBJECT ?? (await (await ask("/objects/random?n=1")).json()).objects[0].id;
const neighbours = await (await ask(`/objects/${start}/neighbors?k=3`)).json();
const [one, two] = neighbours.hits.map((hit) => hit.id);
const bytes = async (what) => Buffer.from(await (await ask(`/objects/${start}/${what}`)).arrayBuffer());
const picture = await bytes("image.jpg?size=152");
const cutout = await bytes("cutout.fits");

/* A probe to look at: what is most like the object, against what is not. */
const near = (await (await ask(`/objects/${start}/neighbors?k=40`)).json()).hits.map((hit) => hit.id);
const far = (await (await ask("/objects/random?n=40")).json()).objects.map((object) => object.id);
const made = await fetch(`${url}/api/v1/probes`, {
  method: "POST",
  body: JSON.stringify({
    name: "screenshots",
    positive: [start, ...near],
    negative: far.filter((id) => id !== start && !near.includes(id)),
    replace: true,
  }),
});
if (!made.ok) throw new Error(`no probe: ${await made.text()}`);

/* Every request of the API answered by one of these in the server's place. */
const DOWN = (route) => route.abort("connectionrefused");
const SLOW = () => {}; /* never answers */
const BUSY = (route) =>
  route.fulfill({
    status: 503,
    contentType: "application/problem+json",
    body: JSON.stringify({ title: "Service unavailable", status: 503, detail: "256 searches are waiting already" }),
  });
const SEARCHES = /\/api\/v1\/(objects\/\d+\/neighbors|search)/;

/* name -> how to get the page there */
const STATES = {
  home: async (page) => {
    await page.goto(url);
    await page.waitForSelector(".wall .tile[data-id]");
  },
  "home-loading": async (page) => {
    await page.route("**/api/v1/**", SLOW);
    await page.goto(url);
    await page.waitForSelector(".waiting");
  },
  "home-server-down": async (page) => {
    await page.route("**/api/v1/**", DOWN);
    await page.goto(url);
    await page.waitForSelector(".notice, .problem");
  },
  "typed-wrong": async (page) => {
    await STATES.home(page);
    await page.keyboard.press("/");
    await page.keyboard.type("400 10");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#search-why");
  },
  results: async (page) => {
    await page.goto(`${url}/?id=${start}`);
    await settled(page);
  },
  "results-end": async (page) => {
    await STATES.results(page);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  },
  "results-loading": async (page) => {
    await page.route(SEARCHES, SLOW);
    await page.goto(`${url}/?id=${start}`);
    await page.waitForSelector(".waiting");
  },
  "results-server-down": async (page) => {
    await page.route(SEARCHES, DOWN);
    await page.goto(`${url}/?id=${start}`);
    await page.waitForSelector(".problem");
  },
  "results-busy": async (page) => {
    await page.route(SEARCHES, BUSY);
    await page.goto(`${url}/?id=${start}`);
    await page.waitForSelector(".problem");
  },
  "results-faint-inverted": async (page) => {
    await STATES.results(page);
    await page.keyboard.press("s");
    await page.keyboard.press("i");
    await page.keyboard.press("ArrowRight");
  },
  "results-filtered": async (page) => {
    await page.goto(`${url}/?id=${start}&k=24&mag_z_min=17&mag_z_max=19&exact=1`);
    await page.waitForSelector('main.results[aria-busy="false"]');
  },
  "nothing-passes": async (page) => {
    await page.goto(`${url}/?id=${start}&mag_z_min=2&mag_z_max=2.1`);
    await page.waitForSelector('main.results[aria-busy="false"]');
  },
  examples: async (page) => {
    await page.goto(`${url}/?like=${start},${one}&unlike=${two}`);
    await settled(page);
  },
  probes: async (page) => {
    await page.goto(`${url}/?probes=all`);
    await page.waitForSelector(".probe-list a");
  },
  probe: async (page) => {
    await page.goto(`${url}/?probe=screenshots`);
    await settled(page);
  },
  "probe-marking": async (page) => {
    await page.goto(`${url}/?probe=screenshots&label=1`);
    await settled(page);
    for (const key of ["ArrowRight", "+", "-", "+"]) await page.keyboard.press(key);
  },
  "no-such-probe": async (page) => {
    await page.goto(`${url}/?probe=nobodys`);
    await page.waitForSelector(".problem");
  },
  upload: async (page) => {
    await STATES.home(page);
    await dropFile(page, "my-galaxy.fits", cutout);
    await settled(page);
  },
  "upload-jpeg": async (page) => {
    await STATES.home(page);
    await dropFile(page, "my-galaxy.jpg", picture);
    await settled(page);
  },
  dropping: async (page) => {
    await STATES.home(page);
    await page.evaluate(() => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], "x.fits"));
      document.body.dispatchEvent(new DragEvent("dragenter", { dataTransfer: data, bubbles: true }));
    });
  },
  "bad-file": async (page) => {
    await STATES.home(page);
    await dropFile(page, "notes.txt", Buffer.from("not a picture\n"));
    await page.waitForSelector(".problem");
  },
  "outside-footprint": async (page) => {
    await page.goto(`${url}/?ra=0.0001&dec=-89.9`);
    await page.waitForSelector(".problem");
  },
  "no-such-name": async (page) => {
    await page.goto(`${url}/?name=NGC+1234`);
    await page.waitForSelector(".problem");
  },
  help: async (page) => {
    await STATES.home(page);
    await page.keyboard.press("Shift+?");
    await page.waitForSelector("dialog[open]");
  },
};

await mkdir(dir, { recursive: true });
const browser = await openBrowser();
let failed = 0;
for (const [device, options] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  for (const [state, arrive] of Object.entries(STATES)) {
    const context = await browser.context(options);
    const page = await context.newPage();
    const file = join(dir, `${state}-${device}.png`);
    try {
      await arrive(page);
      await picturesIn(page);
      await page.screenshot({ path: file, animations: "disabled" });
      console.log(file);
    } catch (error) {
      failed++;
      console.error(`${state}, ${device}: ${error.message.split("\n")[0]}`);
    }
    await context.close();
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
