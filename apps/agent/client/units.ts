const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** A number of bytes for people: `1.5 GiB`. */
export function size(bytes: number): string {
  const power = Math.min(bytes < 1024 ? 0 : Math.floor(Math.log2(bytes) / 10), SIZES.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${SIZES[power]}`;
}

/** A number of seconds for people, in its two biggest units: `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [
    { unit: 'd', value: Math.floor(whole / 86_400) },
    { unit: 'h', value: Math.floor(whole / 3_600) % 24 },
    { unit: 'min', value: Math.floor(whole / 60) % 60 },
    { unit: 's', value: whole % 60 },
  ];
  const first = parts.findIndex(({ value }) => value > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2);
  return shown.map(({ unit, value }) => `${value} ${unit}`).join(' ');
}

/** A share from 0 to 1 in percent. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Text without control characters, which could do something to a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}
