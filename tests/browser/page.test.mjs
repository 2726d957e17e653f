/* page.test.mjs - what a person does with the page, against a running server.
 *
 * NEARSKY_URL   the server            NEARSKY_CUBE  a FITS cube that its survey holds
 * CHROMIUM      the browser, if not /usr/bin/chromium
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { DESKTOP, dropFile, hitsOn, openBrowser, PHONE, serverUrl, settled } from "./browser.mjs";

const url = serverUrl();
const cube = process.env.NEARSKY_CUBE;
const skip = process.env.NEARSKY_URL ? false : "NEARSKY_URL is not set: no server to test";
const skipCube = skip || (cube ? false : "NEARSKY_CUBE is not set: no cube to search with");

describe("the page", { skip, timeout: 120_000 }, () => {
  let browser;
  let page;
  let complaints;

  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());
  beforeEach(async () => {
    await page?.context().close();
    page = await (await browser.context(DESKTOP)).newPage();
    complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) complaints.push(message.text());
    });
    page.on("request", (request) => {
      const to = request.url();
      if (!to.startsWith(url) && !/^(data|blob):/.test(to)) complaints.push(`asked ${to}`);
    });
  });

  async function openWall() {
    await page.goto(url);
    await page.waitForSelector(".wall .tile[data-id]");
  }

  async function searchFromWall() {
    await openWall();
    await page.click(".wall .tile[data-id] a");
    await settled(page);
  }

  test("the start page shows a wall of real pictures", async () => {
    await openWall();
    const loaded = () => document.querySelector(".wall img")?.naturalWidth > 0;
    await page.waitForFunction(loaded);
    assert.deepEqual(complaints, []);
  });

  test("a dropped cube finds its own picture first", { skip: skipCube }, async () => {
    await openWall();
    await dropFile(page, basename(cube), await readFile(cube));
    await settled(page);
    const [first] = await hitsOn(page);
    assert.equal(first.name, basename(cube).replace(/\.(fits?|fts)(\.(gz|fz))?$/i, ""));
    assert.ok(first.similarity >= 0.9999, `similarity ${first.similarity}`);
    assert.deepEqual(complaints, []);
  });

  test("from an upload, a hit leads to an address that can be shared", { skip: skipCube }, async () => {
    await openWall();
    await dropFile(page, basename(cube), await readFile(cube));
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
    await searchFromWall();
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
    assert.deepEqual(complaints, []);
  });

  test("a bad file is refused kindly, and the page goes on", async () => {
    await openWall();
    await dropFile(page, "notes.txt", Buffer.from("not a picture at all\n"));
    const problem = page.locator(".problem");
    await problem.waitFor();
    const words = await problem.innerText();
    assert.match(words, /FITS/);
    assert.match(words, /JPEG/);
    assert.doesNotMatch(words, /undefined|\[object|Error:/);
    await problem.getByRole("button", { name: "Start page" }).click();
    await page.waitForSelector(".wall .tile[data-id]");
  });

  test("a truncated cube is refused kindly", { skip: skipCube }, async () => {
    await openWall();
    const bytes = await readFile(cube);
    await dropFile(page, "half.fits", bytes.subarray(0, Math.floor(bytes.length / 2)));
    await page.locator(".problem").waitFor();
    assert.doesNotMatch(await page.innerText(".problem"), /undefined|\[object/);
  });

  test("a place outside the survey says so", async () => {
    await page.goto(`${url}/?ra=0.0001&dec=-89.9`);
    await page.locator(".problem").waitFor();
    assert.match(await page.innerText(".problem"), /footprint/);
  });

  test("typing a position that cannot be explains itself", async () => {
    await openWall();
    await page.keyboard.press("/");
    await page.keyboard.type("400 10");
    await page.keyboard.press("Enter");
    assert.match(await page.innerText("#search-why"), /0 to 360/);
  });

  test("keys move among the pictures and search", async () => {
    await searchFromWall();
    const hits = await hitsOn(page);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    const focused = () => document.activeElement.closest(".tile")?.dataset.id;
    assert.equal(await page.evaluate(focused), hits[1].id);
    await page.keyboard.press("i");
    assert.ok(await page.locator(".query .picture.inverted").count());
    await page.keyboard.press("s");
    assert.ok(await page.locator('.query img[src*="stretch=faint"]').count());
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/?id=${hits[1].id}`);
  });

  test("filters go into the address and the search", async () => {
    await searchFromWall();
    await page.selectOption("#filter-k", "24");
    await page.waitForURL(/k=24/);
    await settled(page);
    assert.ok((await hitsOn(page)).length <= 24);
    await page.getByLabel("Exact search").check();
    await page.waitForURL(/exact=1/);
    await settled(page);
  });

  test("fits a phone", async () => {
    const phone = await (await browser.context(PHONE)).newPage();
    for (const path of ["/", new URL(page.url(), url).search || "/"]) {
      await phone.goto(url + path);
      await phone.waitForSelector(".tile[data-id]");
      const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - screen.width);
      assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
    }
    await phone.click(".tile[data-id] a");
    await settled(phone);
    const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - screen.width);
    assert.ok(overflow <= 0, `results are ${overflow} px too wide`);
    await phone.context().close();
  });
});
