// Numbers, durations, money and times as src/format.rs prints them.

export const NONE = "–";

export const count = (value) => String(Math.trunc(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

const three = (thousandths, unit) => {
  const whole = Math.floor(thousandths / 1000);
  const part = thousandths % 1000;
  if (whole < 10) return `${whole}.${String(Math.floor(part / 10)).padStart(2, "0")} ${unit}`;
  if (whole < 100) return `${whole}.${Math.floor(part / 100)} ${unit}`;
  return `${whole} ${unit}`;
};

export const us = (value) => {
  if (value === null || value === undefined) return NONE;
  if (value < 1000) return `${value} µs`;
  if (value < 1e6) return three(value, "ms");
  if (value < 12e7) return three(Math.floor(value / 1000), "s");
  return `${Math.floor(value / 6e7)} min ${Math.floor(value / 1e6) % 60} s`;
};

export const money = (micro) => {
  if (micro === 0) return "0";
  if (micro < 1e6) {
    const kept = String(micro).padStart(6, "0").replace(/0+$/, "");
    return `0.${kept.padEnd(2, "0")}`;
  }
  const cents = Math.floor((micro + 5000) / 10000);
  return `${count(Math.floor(cents / 100))}.${String(cents % 100).padStart(2, "0")}`;
};

const two = (value) => String(value).padStart(2, "0");

/** A time in the local zone; `style` is clock, minute or full. */
export const time = (date, style) => {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minute = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const second = `${minute}:${two(date.getSeconds())}`;
  const today = date.toDateString() === new Date().toDateString();
  if (style === "full") return `${day} ${second}`;
  if (style === "minute") return today ? minute : `${day.slice(5)} ${minute}`;
  const clock = `${second}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return today ? clock : `${day.slice(5)} ${clock}`;
};
