import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { answerFrom, ApiProblem, getObject, imagePath, neighborsPath, searchBody, uploadPath } from "../src/api";
import { NO_FILTERS } from "../src/route";
import { contentType, dataUrlBlob } from "../src/upload";

const fetchBefore = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = fetchBefore;
});

test("an answer with holes is filled", () => {
  const answer = answerFrom({ hits: [{ id: "1", similarity: 1 } as never, { id: "2" } as never] });
  assert.deepEqual(answer.hits.map((hit) => hit.rank), [1, 2]);
  assert.deepEqual([answer.query, answer.stats, answer.warnings], [{}, {}, []]);
  assert.deepEqual(answerFrom(null).hits, []);
});

test("paths carry filters as the API spells them", () => {
  const filters = { k: 24, magMin: 18, magMax: null, zMin: 0.2, zMax: null, exact: true, hideKnown: true };
  assert.equal(
    neighborsPath("7", filters, "csv"),
    "/api/v1/objects/7/neighbors?k=24&mag_z_min=18&z_phot_min=0.2&exact=1&hide_known=1&format=csv",
  );
  assert.match(uploadPath(NO_FILTERS, "a b.fits"), /^\/api\/v1\/search\/upload\?k=48&name=a\+b\.fits$/);
  assert.equal(imagePath({ id: "7" }, 304, "faint"), "/api/v1/objects/7/image.jpg?size=304&stretch=faint");
  assert.equal(imagePath({ id: "7", image: "/x.jpg?size=1" }, 152, "viewer"), "/x.jpg?size=152&stretch=viewer");
});

test("ids stay strings in a posted search", () => {
  const body = JSON.parse(searchBody(["9907734712582345679"], ["2"], NO_FILTERS));
  assert.equal(body.positive[0].id, "9907734712582345679");
  assert.deepEqual(body.negative, [{ id: "2" }]);
});

test("problem documents keep their words", async () => {
  globalThis.fetch = async () =>
    new Response(JSON.stringify({ title: "Not found", status: 404, detail: "no object 5" }), { status: 404 });
  await assert.rejects(getObject("5"), (error: unknown) => {
    assert.ok(error instanceof ApiProblem);
    assert.deepEqual([error.status, error.title, error.detail], [404, "Not found", "no object 5"]);
    return true;
  });
});

test("errors that are no documents, and no answer at all", async () => {
  globalThis.fetch = async () => new Response("<html>", { status: 502, statusText: "Bad Gateway" });
  await assert.rejects(getObject("5"), (e: unknown) => e instanceof ApiProblem && e.title === "Bad Gateway");
  globalThis.fetch = async () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(getObject("5"), (e: unknown) => e instanceof ApiProblem && e.status === 0);
});

test("first bytes tell what a file is", async () => {
  const of = (head: number[] | string, name = "x") =>
    contentType(Object.assign(new Blob([typeof head === "string" ? head : Uint8Array.from(head)]), { name }));
  assert.equal(await of("SIMPLE  =                    T"), "application/fits");
  assert.equal(await of([0xff, 0xd8, 0xff, 0xe0]), "image/jpeg");
  assert.equal(await of([0x89, 0x50, 0x4e, 0x47]), "image/png");
  assert.equal(await of([0x1f, 0x8b], "a.fits.gz"), "application/fits");
  assert.equal(await of("hello", "a.txt"), "application/octet-stream");
  assert.equal(await dataUrlBlob("data:image/jpeg;base64,aGk=")?.text(), "hi");
  assert.equal(dataUrlBlob("http://elsewhere"), null);
});
