/* session.mjs - what every browser test stands on: one browser a file, a fresh page a test, and a
 * list of what the page should never have done. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { after, before, beforeEach } from "node:test";
import { openBrowser, serverUrl, settled } from "./browser.mjs";

export const url = serverUrl();
export const skip = process.env.NEARSKY_URL ? false : "NEARSKY_URL is not set: no server to test";

/* A FITS cube of which the survey holds the object. */
export async function cube() {
  const path = process.env.NEARSKY_CUBE;
  assert.ok(path, "NEARSKY_CUBE is not set: no cube to search with");
  const file = basename(path);
  return { file, name: file.replace(/\.(fits?|fts)(\.(gz|fz))?$/i, ""), bytes: await readFile(path) };
}

/* Notes errors of scripts, breaches of the content policy and requests to anyone else. */
function listen(page, complaints) {
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(url) && !/^(data|blob):/.test(to)) complaints.push(`asked ${to}`);
  });
}

/* Bounds for a machine busy with other things; a test says what is right, not how fast. */
const STEP_MS = 120_000;
export const SUITE_MS = 1_800_000;

/* Registers the hooks of a describe block -> { page, complaints, fresh(options) }, live. Tests of a
 * file share a browser and its cache, as a person's visits do. */
export function useBrowser() {
  const session = { page: null, complaints: [] };
  let browser;
  let context;
  session.fresh = async (options) => {
    await session.page?.close();
    if (options || !context) {
      await context?.close();
      context = await browser.context(options);
      context.setDefaultTimeout(STEP_MS);
    }
    session.page = await context.newPage();
    session.complaints = [];
    listen(session.page, session.complaints);
    return session.page;
  };
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());
  beforeEach(() => session.fresh());
  return session;
}

export async function openWall(page) {
  await page.goto(url);
  await page.waitForSelector(".wall .tile[data-id]");
}

/* Searches from some galaxy of the survey -> its id. */
export async function searchAnywhere(page) {
  const answer = await fetch(`${url}/api/v1/objects/random?n=1`);
  const { id } = (await answer.json()).objects[0];
  await page.goto(`${url}/?id=${id}`);
  await settled(page);
  return id;
}
