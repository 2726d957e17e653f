/* file-button.tsx - choosing a file by hand, for those who do not drop or paste. */

import { useRef } from "preact/hooks";
import { Icon } from "./icon";

type Props = { take: (file: File) => void; label: string; primary?: boolean };

export function FileButton({ take, label, primary }: Props) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        accept=".fits,.fit,.fts,.fz,.gz,.jpg,.jpeg,.png,image/jpeg,image/png,image/fits,application/fits"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = ""; /* the same file may be chosen again */
          if (file) take(file);
        }}
      />
      <button
        type="button"
        class={primary ? "primary" : undefined}
        title="Search with a FITS, JPEG or PNG file"
        onClick={() => input.current?.click()}
      >
        <Icon name="image" />
        <span>{label}</span>
      </button>
    </>
  );
}
