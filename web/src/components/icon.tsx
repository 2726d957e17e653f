/* icon.tsx - the few line drawings on buttons. Always beside or inside something with a name. */

const PATHS = {
  image: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.2v.1",
  random: "M4 7h3.5c4 0 5 10 9 10H20M4 17h3.5c1.6 0 2.7-1.6 3.6-3.5M14 9.3c.7-1.4 1.6-2.3 2.5-2.3H20M17.5 4.5 20 7l-2.5 2.5M17.5 14.5 20 17l-2.5 2.5",
  invert: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 5.7v12.6a6.3 6.3 0 0 1 0-12.6z",
  tiles: "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM13.5 13.5h6v6h-6z",
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12.5 10 17.5 19 7",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  probe: "M4 19 19 4M4 19h16M4 19V4M9 9.5v.1M12 6.5v.1M14.5 15.5v.1M18 12.5v.1M17.5 16.5v.1M7 12v.1",
  close: "M6 6l12 12M18 6 6 18",
  warning: "M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.1",
  info: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17M12 11v5M12 8v.1",
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
