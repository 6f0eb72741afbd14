// The browser, its pages, and the checks that every page must pass.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const URL_BASE = (process.env.TOLLGATE_URL ?? "").replace(/\/$/, "");
const SHOTS = process.env.SHOTS;

export const SIZES = [{ name: "wide", width: 1280, height: 900 }, { name: "phone", width: 360, height: 740 }];
export const THEMES = ["light", "dark"];

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

/** Runs `use` with a fresh browser that has its own profile. */
export async function withBrowser(use) {
  const profile = mkdtempSync(join(tmpdir(), "tollgate-console-"));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS, env: { ...process.env, HOME: profile } });
  try {
    return await use(browser);
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** A page of one size and theme; everything the browser complains of is collected in `page.problems`.
 *  `before` gets the page before anything is loaded. */
export async function open(browser, { width, height, theme, path, before }) {
  const extraHTTPHeaders = process.env.TOLLGATE_ADMIN ? { authorization: `Bearer ${process.env.TOLLGATE_ADMIN}` } : {};
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, extraHTTPHeaders, timezoneId: "America/Lima" });
  const page = await context.newPage();
  page.problems = [];
  page.setDefaultTimeout(10_000);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) page.problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => page.problems.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(URL_BASE) && !request.url().startsWith("data:")) page.problems.push(`fetches ${request.url()}`);
  });
  await before?.(page);
  const response = await page.goto(URL_BASE + path, { waitUntil: "load" });
  page.status = response.status();
  page.policyHeader = (await response.allHeaders())["content-security-policy"] ?? "";
  return page;
}

export async function shot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

/** What is wrong with the page as it stands: overflow, names, landmarks, contrast. */
export async function faults(page) {
  return page.evaluate(() => {
    const found = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) {
      const wide = [...document.querySelectorAll("main *, header *, footer *")]
        .filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest(".scroll, pre, .sheet, svg, .unseen, .skip"));
      found.push(`overflows: ${root.scrollWidth} > ${root.clientWidth} (${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 80)).join(" | ")})`);
    }
    for (const [what, count] of [["main", 1], ["h1", 1], ["nav[aria-label]", null], ["footer", 1]]) {
      const there = document.querySelectorAll(what).length;
      if (count === null ? there === 0 : there !== count) found.push(`${there} ${what}`);
    }
    const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length || e.getAttribute("aria-labelledby");
    for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), textarea, svg[role=img]")) {
      if (!e.hidden && !named(e)) found.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`id ${id} twice`);
    if (document.querySelector("[style], [onclick], script:not([src])")) found.push("inline style or script");
    found.push(...dim());
    return found;

    function dim() {
      const rgb = (text) => {
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        canvas.fillStyle = text;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
      };
      const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
      const light = (rgba) => {
        const [r, g, b] = rgba.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const raw = (text) => {
        const seen = rgb(text);
        const alpha = seen[3];
        // The canvas keeps colours times their alpha; undone by the browser already when read back.
        return [seen[0], seen[1], seen[2], alpha];
      };
      const back = (e) => {
        const chain = [];
        for (let at = e; at; at = at.parentElement) chain.unshift(getComputedStyle(at).backgroundColor);
        return chain.map(raw).reduce((under, top) => over(top, under), [1, 1, 1, 1]);
      };
      const opacity = (e) => (e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1);
      const low = [];
      const walker = document.createTreeWalker(document.querySelector("body"), NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const e = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || !e.checkVisibility({ visibilityProperty: true }) || e.closest("svg, .fresh, textarea, :disabled, .unseen, #toast")) continue;
        const under = back(e);
        const ink = raw(getComputedStyle(e).color);
        const front = over([ink[0], ink[1], ink[2], ink[3] * opacity(e)], under);
        const [a, b] = [light(front), light(under)].sort((x, y) => y - x);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) low.push(`contrast ${contrast.toFixed(2)}: ${e.tagName}.${e.className} ${JSON.stringify(e.textContent.trim().slice(0, 30))}`);
      }
      return [...new Set(low)].slice(0, 5);
    }
  });
}
