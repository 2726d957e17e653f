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
        <b>This model has random weights.</b> It has learned nothing, so the likeness shown here
        is good for trying out the program and for nothing else.
      </span>
    </p>
  );
}

/* Warnings the server sent, less those the page already says in its own place. */
export function Warnings({ warnings, hideRandom }: { warnings: string[]; hideRandom: boolean }) {
  const shown = hideRandom ? warnings.filter((w) => !/random weights/i.test(w)) : warnings;
  return (
    <>
      {shown.map((warning) => (
        <p class="notice" role="note" key={warning}>
          <Icon name="info" />
          <span>{sentence(warning)}</span>
        </p>
      ))}
    </>
  );
}
