/* notices.tsx - what a reader of the result must know first. */

import type { Answer, Info } from "../api";
import { sentence } from "../format";
import { Icon } from "./icon";

export function randomWeights(info: Info | null, answer?: Answer): boolean {
  const model = answer?.stats.model;
  return info?.model?.random_weights === true || (typeof model === "object" && model?.random_weights === true);
}

export function RandomWeights() {
  return (
    <p class="notice serious" role="note">
      <Icon name="warning" />
      <span>
        <b>Random weights.</b> This network has learned nothing yet: try the program with it, but
        read nothing into the likeness.
      </span>
    </p>
  );
}

/* Warnings the server sent, less the one that RandomWeights says shorter. */
export function warningsOf(answer?: Answer): string[] {
  return (answer?.warnings ?? []).filter((warning) => !/random weights/i.test(warning));
}

export function Warnings({ warnings }: { warnings: string[] }) {
  return (
    <>
      {warnings.map((warning) => (
        <p class="notice" role="note" key={warning}>
          <Icon name="info" />
          <span>{sentence(warning)}</span>
        </p>
      ))}
    </>
  );
}
