/* probes.test.mjs - a person makes a probe of examples, looks at its ranking, marks, and has it learn;
 * with keys, on a phone, and by axe's rules. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { breaches, overflow } from "./axe.mjs";
import { hitsOn, PHONE, settled } from "./browser.mjs";
import { searchAnywhere, skip, SUITE_MS, url, useBrowser } from "./session.mjs";

async function api(path, body) {
  const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const response = await fetch(`${url}/api/v1${path}`, init);
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

/* A probe of some galaxies' neighbours -> its name. */
async function makeProbe(name) {
  const ids = (await api("/objects/random?n=40")).objects.map((object) => object.id);
  const body = { name, positive: ids.slice(0, 12), negative: ids.slice(12, 24), background: 20, replace: true };
  await api("/probes", body);
  return name;
}

describe("probes", { skip, timeout: SUITE_MS }, () => {
  const session = useBrowser();

  test("from examples to a ranking, by the page alone", async () => {
    const { page } = session;
    const id = await searchAnywhere(page);
    const [one, two] = await hitsOn(page);
    await page.goto(`${url}/?like=${id},${one.id}&unlike=${two.id}`);
    await settled(page);
    await page.click(".make-probe button");
    await page.waitForSelector(".make-probe-failed");
    await page.fill("#probe-name", "By the Page!");
    await page.click(".make-probe button");
    await page.waitForURL("**/?probe=by-the-page");
    await settled(page);
    assert.ok(await page.locator(".curve-line").count(), "purity by completeness");
    const ranked = (await api("/probes/by-the-page/rank?top=48")).hits.map((hit) => hit.id);
    assert.deepEqual((await hitsOn(page)).map((hit) => hit.id), ranked);
    await page.click(".bar a.button");
    await page.click('.probe-list a:text("by-the-page")');
    await settled(page);
    assert.deepEqual(session.complaints, []);
  });

  test("marks by keys teach it, and what was drawn stays nobody's word", async () => {
    const { page } = session;
    const name = await makeProbe("marks");
    const before = await api(`/probes/${name}`);
    await page.goto(`${url}/?probe=${name}&label=1`);
    await settled(page);
    const hits = await hitsOn(page);
    for (const key of ["ArrowRight", "+", "-", "-"]) await page.keyboard.press(key);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("-"); /* the same again takes it back */
    assert.match(await page.textContent(".mark-bar p"), /1 yes, 1 no/);
    await page.keyboard.press("l");
    await page.waitForFunction(() => !document.querySelector(".mark-bar button"));
    const after = await api(`/probes/${name}`);
    const told = ({ labels }, side) => {
      const { ids, count, drawn = 0 } = labels.classes[side];
      return ids.slice(0, count - drawn).sort();
    };
    assert.deepEqual(told(after, 1), [...told(before, 1), hits[0].id].sort());
    assert.deepEqual(told(after, 0), [...told(before, 0), hits[1].id].sort());
    assert.deepEqual(session.complaints, []);
  });

  test("every state keeps axe's rules, on a desk and on a phone", async () => {
    const name = await makeProbe("axe");
    for (const options of [undefined, PHONE]) {
      const page = await session.fresh(options);
      for (const [path, there] of [
        ["?probes=all", ".probe-list a"],
        [`?probe=${name}`, 'main.results[aria-busy="false"] .tile[data-id]'],
        [`?probe=${name}&label=1`, 'main.results[aria-busy="false"] .tile[data-id]'],
        ["?probe=nobodys", ".problem"],
      ]) {
        await page.goto(`${url}/${path}`);
        await page.waitForSelector(there);
        assert.deepEqual(await breaches(page), [], path);
        assert.equal(await overflow(page), 0, `${path} is too wide`);
      }
    }
  });

  test("a redshift filter narrows the search and stays in the address", async () => {
    const page = await session.fresh({});
    await searchAnywhere(page);
    await page.fill('input[aria-label="redshift at most"]', "0.5");
    await page.keyboard.press("Enter");
    await page.waitForURL("**z_phot_max=0.5**");
    await page.waitForSelector('main.results[aria-busy="false"]');
    for (const { id } of await hitsOn(page)) assert.ok((await api(`/objects/${id}`)).z_phot <= 0.5, id);
  });
});
