/* page.test.mjs - what a person does with the page, against a running server.
 *
 * NEARSKY_URL   the server            NEARSKY_CUBE  a FITS cube that its survey holds
 * CHROMIUM      the browser, if not /usr/bin/chromium
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dropFile, hitsOn, settled } from "./browser.mjs";
import { cube, openWall, searchAnywhere, skip, SUITE_MS, url, useBrowser } from "./session.mjs";

/* Mean difference, in steps of 255, between the dropped picture and that of each hit at the same size:
 * what a person compares, not what the server says. Measured: 8 for its own (both are JPEG, of
 * different quality), 22 to 35 for others. */
function differences(page) {
  return page.evaluate(async () => {
    const mine = document.querySelector(".query canvas");
    const size = mine.width;
    const pixels = (source) => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = size;
      const context = canvas.getContext("2d");
      context.drawImage(source, 0, 0, size, size);
      return context.getImageData(0, 0, size, size).data;
    };
    const dropped = pixels(mine);
    const images = [...document.querySelectorAll(".hits .tile img")].slice(0, 6);
    return Promise.all(
      images.map(async ({ src }) => {
        const image = new Image();
        image.src = src.replace(/size=\d+/, `size=${size}`);
        await image.decode();
        const theirs = pixels(image);
        return dropped.reduce((sum, value, i) => sum + Math.abs(value - theirs[i]), 0) / dropped.length;
      }),
    );
  });
}

describe("the page", { skip, timeout: SUITE_MS }, () => {
  const session = useBrowser();

  test("the start page shows a wall of real pictures", async () => {
    const { page } = session;
    await openWall(page);
    await page.waitForFunction(() => document.querySelector(".wall img")?.naturalWidth > 0);
    assert.deepEqual(session.complaints, []);
  });

  test("a dropped cube finds its own picture first", async () => {
    const { page } = session;
    const { file, name, bytes } = await cube();
    await openWall(page);
    await dropFile(page, file, bytes);
    await settled(page);
    const [first] = await hitsOn(page);
    assert.equal(first.name, name);
    assert.ok(first.similarity >= 0.9999, `similarity ${first.similarity}`);
    await page.waitForFunction(() => document.querySelector(".query canvas")?.width > 0);
    const [own, ...others] = await differences(page);
    assert.ok(own < Math.min(...others) / 2, `own picture differs by ${own}, others by ${others}`);
    assert.deepEqual(session.complaints, []);
  });

  test("from an upload, a hit leads to an address that can be shared", async () => {
    const { page } = session;
    const { file, bytes } = await cube();
    await openWall(page);
    await dropFile(page, file, bytes);
    await settled(page);
    const [{ id }] = await hitsOn(page);
    await page.click(".hits .tile a");
    await page.waitForURL(`**/?id=${id}`);
    await settled(page);
    await page.goBack();
    await page.waitForSelector(".query canvas");
    assert.match(page.url(), /\?upload=/);
  });

  test("a hit searches from itself, and its address reloads to the same", async () => {
    const { page } = session;
    await openWall(page);
    await page.click(".wall .tile[data-id] a");
    await settled(page);
    const [hit] = await hitsOn(page);
    await page.click(".hits .tile a");
    await page.waitForURL(`**/?id=${hit.id}`);
    await settled(page);
    const seen = await hitsOn(page);
    const title = await page.textContent(".query h1");
    assert.equal(title, hit.name || hit.id);

    await page.reload();
    await settled(page);
    assert.equal(await page.textContent(".query h1"), title);
    assert.deepEqual(await hitsOn(page), seen);

    await page.goBack();
    await page.waitForFunction((id) => !location.search.includes(id), hit.id);
    await settled(page);
    assert.equal((await hitsOn(page))[0].id, hit.id);
    await page.goForward();
    await page.waitForURL(`**/?id=${hit.id}`);
    assert.deepEqual(session.complaints, []);
  });

  test("a position typed in leads to the galaxy there", async () => {
    const { page } = session;
    await openWall(page);
    await page.click(".hint a");
    await page.waitForURL(/\?ra=.*&dec=/);
    await settled(page);
    const place = await page.textContent(".place span");
    await page.fill("#search-text", place.replace("−", "-"));
    await page.keyboard.press("Enter");
    await settled(page);
    assert.equal(await page.textContent(".place span"), place);
  });

  test("examples are gathered from the grid and taken back", async () => {
    const { page } = session;
    const start = await searchAnywhere(page);
    const [one, two] = await hitsOn(page);
    const press = async (name, tile) => {
      await tile.hover();
      await tile.getByRole("button", { name }).click();
      await settled(page);
    };
    await press(/^More like/, page.locator(`.tile[data-id="${one.id}"]`));
    assert.equal(new URL(page.url()).searchParams.get("like"), `${start},${one.id}`);
    const shown = await hitsOn(page);
    assert.ok(!shown.some((hit) => hit.id === one.id || hit.id === start), "an example came back as a hit");

    await press(/^Less like/, page.locator(`.tile[data-id="${two.id}"]`));
    assert.equal(new URL(page.url()).searchParams.get("unlike"), two.id);
    await page.getByRole("button", { name: `Leave out ${two.id}` }).click();
    await page.getByRole("button", { name: `Leave out ${one.id}` }).click();
    await page.waitForURL(`${url}/?id=${start}`);
  });

  test("filters go into the address and the search", async () => {
    const { page } = session;
    await searchAnywhere(page);
    await page.selectOption("#filter-k", "24");
    await page.waitForURL(/k=24/);
    await settled(page);
    assert.equal((await hitsOn(page)).length, 24);
    await page.getByLabel("Exact search").check();
    await page.waitForURL(/exact=1/);
    await settled(page);
    await page.getByLabel("z magnitude at most").fill("1");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Clear the filters" }).click();
    await settled(page);
    assert.equal((await hitsOn(page)).length, 24);
  });

  test("the hits download as a table in their order", async () => {
    const { page } = session;
    await searchAnywhere(page);
    const hits = await hitsOn(page);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: "CSV" }).click(),
    ]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    const [header, ...rows] = Buffer.concat(chunks).toString().trim().split(/\r?\n/);
    assert.match(header, /^rank,id,name,ra,dec,similarity/);
    assert.deepEqual(rows.map((row) => row.split(",")[1]), hits.map((hit) => hit.id));
  });
});
