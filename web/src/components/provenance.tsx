/* provenance.tsx - where an answer comes from, so that it can be cited and repeated. */

import type { Answer, Info, Model } from "../api";
import { count, millis } from "../format";

function modelOf(info: Info | null, answer?: Answer): Model {
  const { model, model_sha256 } = answer?.stats ?? {};
  const told = typeof model === "string" ? { name: model } : model;
  return { ...info?.model, ...told, ...(model_sha256 ? { sha256: model_sha256 } : {}) };
}

function facts(info: Info | null, answer?: Answer): [string, string, string?][] {
  const out: [string, string, string?][] = [];
  const generation = info?.generation;
  const model = modelOf(info, answer);
  const stats = answer?.stats;
  if (info?.survey?.name)
    out.push(["Survey", `${info.survey.name}, ${count(info.survey.rows ?? generation?.rows)} galaxies`]);
  const number = stats?.generation ?? generation?.number;
  if (number !== undefined && number !== null)
    out.push(["Generation", `${number}${generation?.created ? ` of ${generation.created.slice(0, 10)}` : ""}`]);
  if (model.name) out.push(["Model", `${model.name}${model.random_weights ? ", random weights" : ""}`]);
  if (model.sha256) out.push(["SHA-256", `${model.sha256.slice(0, 12)}…`, model.sha256]);
  const recall = generation?.index?.recall_at_10;
  if (typeof recall === "number") out.push(["Recall@10", `${recall.toFixed(3)}, measured`]);
  if (stats?.scanned) out.push(["Compared", `${count(stats.scanned)}${stats.method ? `, ${stats.method}` : ""}`]);
  if (typeof stats?.took_ms === "number") out.push(["Took", millis(stats.took_ms)]);
  if (info?.version) out.push(["nearsky", `${info.version}${info.commit ? ` (${info.commit.slice(0, 9)})` : ""}`]);
  return out;
}

export function Provenance({ info, answer }: { info: Info | null; answer?: Answer }) {
  return (
    <footer class="provenance">
      <dl aria-label="Where this comes from">
        {facts(info, answer).map(([label, value, full]) => (
          <div key={label} title={full}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p>
        <a href="/api/v1/openapi.json">API</a>
      </p>
    </footer>
  );
}
