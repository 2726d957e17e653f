/* access.test.mjs - the page for those without a mouse, with a phone, or with other eyes: keys,
 * narrow screens, and axe's rules (WCAG 2.2 A and AA, contrast among them). */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { breaches, overflow } from "./axe.mjs";
import { hitsOn, PHONE, settled } from "./browser.mjs";
import { openWall, searchAnywhere, skip, SUITE_MS, url, useBrowser } from "./session.mjs";

describe("access", { skip, timeout: SUITE_MS }, () => {
  const session = useBrowser();

  test("every state keeps axe's rules", async () => {
    const { page } = session;
    await openWall(page);
    assert.deepEqual(await breaches(page), [], "start page");
    await page.keyboard.press("Shift+?");
    await page.waitForSelector("dialog[open]");
    assert.deepEqual(await breaches(page), [], "help");
    await page.keyboard.press("Escape");
    await page.click(".wall .tile[data-id] a");
    await settled(page);
    assert.deepEqual(await breaches(page), [], "results");
    const [one, two] = await hitsOn(page);
    await page.goto(`${url}/?like=${one.id}&unlike=${two.id}`);
    await settled(page);
    assert.deepEqual(await breaches(page), [], "examples");
    await page.goto(`${url}/?id=1`);
    await page.waitForSelector(".problem");
    assert.deepEqual(await breaches(page), [], "a problem");
  });

  test("keys move among the pictures and search", async () => {
    const { page } = session;
    await searchAnywhere(page);
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

  test("fits a phone", async () => {
    const page = await session.fresh(PHONE);
    await openWall(page);
    assert.equal(await overflow(page), 0, "the start page is too wide");
    await page.tap(".wall .tile[data-id] a");
    await settled(page);
    assert.equal(await overflow(page), 0, "results are too wide");
    assert.deepEqual(await breaches(page), []);
    await page.goto(`${url}/?ra=0.0001&dec=-89.9`);
    await page.waitForSelector(".problem");
    assert.equal(await overflow(page), 0, "a problem is too wide");
  });
});
