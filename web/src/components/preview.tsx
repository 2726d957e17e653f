/* preview.tsx - the picture of an uploaded file, drawn on a canvas: the page's policy forbids data:
 * and blob: images, and drawing needs neither. */

import { useEffect, useRef, useState } from "preact/hooks";
import { dataUrlBlob } from "../upload";

type Props = { preview: string | null; file: File | null; inverted: boolean; label: string };

async function decode(preview: string | null, file: File | null): Promise<ImageBitmap> {
  const blob = (preview && dataUrlBlob(preview)) || file;
  if (!blob) throw new Error("nothing to draw");
  return createImageBitmap(blob); /* rejects a FITS file, which the browser cannot draw */
}

export function Preview({ preview, file, inverted, label }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let live = true;
    setFailed(false);
    decode(preview, file).then(
      (bitmap) => {
        const c = canvas.current;
        if (!live || !c) return;
        c.width = bitmap.width;
        c.height = bitmap.height;
        c.getContext("2d")?.drawImage(bitmap, 0, 0);
        bitmap.close();
      },
      () => live && setFailed(true),
    );
    return () => {
      live = false;
    };
  }, [preview, file]);
  return (
    <span class={`picture${inverted ? " inverted" : ""}`}>
      {failed && <span class="picture-none">no preview of this file</span>}
      <canvas ref={canvas} role="img" aria-label={label} hidden={failed} />
    </span>
  );
}
