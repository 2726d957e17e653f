/* failures.test.mjs - what the page says when something is wrong, and that it goes on. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dropFile, settled } from "./browser.mjs";
import { cube, openWall, searchAnywhere, skip, SUITE_MS, url, useBrowser } from "./session.mjs";

const NEIGHBORS = "**/api/v1/objects/*/neighbors*";

/* The words of the problem shown, which are never those of a programming language. */
async function problemOn(page) {
  await page.locator(".problem").waitFor();
  const words = await page.innerText(".problem");
  assert.doesNotMatch(words, /undefined|null|NaN|\[object|Error:/);
  return words;
}

describe("failures", { skip, timeout: SUITE_MS }, () => {
  const session = useBrowser();

  test("a file that is no picture is refused kindly, and the page goes on", async () => {
    const { page } = session;
    await openWall(page);
    await dropFile(page, "notes.txt", Buffer.from("not a picture at all\n"));
    const words = await problemOn(page);
    assert.match(words, /notes\.txt/);
    assert.match(words, /FITS.*JPEG/s);
    await page.getByRole("button", { name: "Start page" }).click();
    await page.waitForSelector(".wall .tile[data-id]");
  });

  test("a truncated cube is refused by name", async () => {
    const { page } = session;
    const { bytes } = await cube();
    await openWall(page);
    await dropFile(page, "half.fits", bytes.subarray(0, Math.floor(bytes.length / 2)));
    assert.match(await problemOn(page), /half\.fits/);
  });

  test("a reloaded upload says that its file is gone", async () => {
    const { page } = session;
    await page.goto(`${url}/?upload=nevermore`);
    assert.match(await problemOn(page), /not kept/);
  });

  test("a place outside the survey says so", async () => {
    const { page } = session;
    await page.goto(`${url}/?ra=0.0001&dec=-89.9`);
    assert.match(await problemOn(page), /footprint/);
  });

  test("an id or a name that is not there says so", async () => {
    const { page } = session;
    await page.goto(`${url}/?id=1`);
    await problemOn(page);
    await page.goto(`${url}/?name=no+such+galaxy`);
    assert.match(await problemOn(page), /no such galaxy/);
  });

  test("typing a position that cannot be explains itself", async () => {
    const { page } = session;
    await openWall(page);
    await page.keyboard.press("/");
    await page.keyboard.type("400 10");
    await page.keyboard.press("Enter");
    assert.match(await page.innerText("#search-why"), /0 to 360/);
    assert.equal(page.url(), `${url}/`);
  });

  test("a server that went away: said, and tried again", async () => {
    const { page } = session;
    await searchAnywhere(page);
    await page.route("**/api/v1/**", (route) => route.abort("connectionrefused"));
    await page.click(".hits .tile a");
    assert.match(await problemOn(page), /did not answer/);
    await page.unroute("**/api/v1/**");
    await page.getByRole("button", { name: "Try again" }).click();
    await settled(page);
  });

  test("a start page without a server offers another try", async () => {
    const { page } = session;
    await page.route("**/api/v1/**", (route) => route.abort("connectionrefused"));
    await page.goto(url);
    assert.match(await page.innerText(".notice"), /did not answer/);
    await page.unroute("**/api/v1/**");
    await page.getByRole("button", { name: "try again" }).click();
    await page.waitForSelector(".wall .tile[data-id]");
  });

  test("a full queue asks for patience", async () => {
    const { page } = session;
    await searchAnywhere(page);
    await page.route(NEIGHBORS, (route) =>
      route.fulfill({
        status: 503,
        headers: { "Retry-After": "1" },
        contentType: "application/problem+json",
        body: '{"title":"Service Unavailable","status":503,"detail":"256 requests wait already"}',
      }),
    );
    await page.click(".hits .tile a");
    assert.match(await problemOn(page), /Busy.*256 requests.*Wait/s);
    await page.unroute(NEIGHBORS);
    await page.getByRole("button", { name: "Try again" }).click();
    await settled(page);
  });
});
