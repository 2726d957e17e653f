import assert from "node:assert/strict";
import { test } from "node:test";
import { degrees, sexagesimal } from "../src/format";
import { parseTyped, positionInName } from "../src/parse";

function near(text: string, ra: number, dec: number) {
  const typed = parseTyped(text);
  assert.equal(typed.kind, "position", text);
  if (typed.kind !== "position") return;
  assert.ok(Math.abs(typed.ra - ra) < 1e-6, `${text}: ra ${typed.ra}`);
  assert.ok(Math.abs(typed.dec - dec) < 1e-6, `${text}: dec ${typed.dec}`);
}

test("positions in degrees", () => {
  near("150.1163 2.2058", 150.1163, 2.2058);
  near("150.1163, -2.2058", 150.1163, -2.2058);
  near("  10 +5 ", 10, 5);
  near("360 0", 0, 0);
  near("150.1 −2.2", 150.1, -2.2);
});

test("positions in sexagesimal: colons and h mean hours", () => {
  near("10:00:28.6 +02:12:21", 150.1191666667, 2.2058333333);
  near("10:00:28.6, +02:12:21", 150.1191666667, 2.2058333333);
  near("10h00m28.6s +02d12m21s", 150.1191666667, 2.2058333333);
  near("150d07m09s +02d12m21s", 150.1191666667, 2.2058333333);
  near("10 00 28.6 +02 12 21", 150.1191666667, 2.2058333333);
  near("10:00 -00:30", 150, -0.5);
  near("00:00:01 −00:00:36", 15 / 3600, -0.01);
});

test("impossible positions say why", () => {
  for (const text of ["400 10", "-5 10", "10 95", "10:00:28 +95:00:00", "10:75:00 +02:12:21"]) {
    const typed = parseTyped(text);
    assert.equal(typed.kind, "bad", text);
  }
});

test("ids, names and links", () => {
  assert.deepEqual(parseTyped("9907734712582345679"), { kind: "id", id: "9907734712582345679" });
  assert.deepEqual(parseTyped("zoo_example"), { kind: "name", name: "zoo_example" });
  assert.deepEqual(parseTyped(" "), { kind: "empty" });
  near("https://www.legacysurvey.org/viewer?ra=184.675&dec=11.73181&layer=ls-dr8&zoom=12", 184.675, 11.73181);
  assert.deepEqual(parseTyped("http://localhost/?id=12&k=96"), { kind: "id", id: "12" });
});

test("a designation holds its position", () => {
  const at = positionInName("DESI J101216.40+501840.1");
  assert.ok(at && Math.abs(at.ra - 153.0683333) < 1e-5 && Math.abs(at.dec - 50.3111389) < 1e-5);
  assert.equal(positionInName("zoo_example"), null);
});

test("positions are written so that they read back", () => {
  assert.equal(degrees(150.1163, -0.5), "150.11630 −0.50000");
  assert.equal(sexagesimal(150.1191666667, -2.2058333333), "10:00:28.60 −02:12:21.0");
  assert.equal(sexagesimal(359.99999999, 0), "00:00:00.00 +00:00:00.0");
  assert.equal(sexagesimal(14.9999999, 9.99999999), "01:00:00.00 +10:00:00.0");
});
