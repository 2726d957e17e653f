/* picture.tsx - a galaxy's picture in the chosen stretch. Its box has its size before it loads. */

import { useEffect, useState } from "preact/hooks";
import { imagePath, type SkyObject } from "../api";
import { describe } from "../format";
import type { Settings } from "../settings";

type Props = { object: SkyObject; size: number; settings: Settings; eager?: boolean; alt?: string };

export function Picture({ object, size, settings, eager, alt }: Props) {
  const src = imagePath(object, size, settings.stretch);
  const [failed, setFailed] = useState(false);
  useEffect(() => setFailed(false), [src]);
  return (
    <span class={`picture${settings.invert ? " inverted" : ""}`}>
      {failed ? (
        <span class="picture-none">no picture</span>
      ) : (
        <img
          src={src}
          alt={alt ?? describe(object)}
          width={size}
          height={size}
          loading={eager ? "eager" : "lazy"}
          decoding="async"
          onError={() => setFailed(true)}
        />
      )}
    </span>
  );
}
