// The page of `crosstalkd web` in Chromium.
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const DESK = { width: 1280, height: 1500 };
const LOOKS = {
  light: { viewport: DESK, colorScheme: 'light' },
  dark: { viewport: DESK, colorScheme: 'dark' },
  phone: { viewport: { width: 360, height: 1800 }, colorScheme: 'light', hasTouch: true },
};
const VIEWS = {
  now: '/',
  channel: '/c/general',
  search: '/search?q=lease',
  runs: '/runs',
  run: '/runs/RUN',
  timeline: '/runs/RUN/timeline',
  tasks: '/runs/RUN/tasks',
  hosts: '/hosts',
  charts: '/charts',
};

/** The view of a run, as README.md shows it, and what waits for a person, on a phone. */
export async function photographPage(scene, { run }, { desk, phone }) {
  await withPages(scene, async (open) => {
    const page = await open({ viewport: { width: 1180, height: 860 }, colorScheme: 'light' });
    await visit(page, VIEWS.run.replace('RUN', run));
    await page.screenshot({ path: desk });
    const held = await open({ ...LOOKS.phone, viewport: { width: 360, height: 670 } });
    await visit(held, VIEWS.now);
    await held.screenshot({ path: phone });
  });
}

/** Each view in each look, as `<view>-<look>.png`. */
export async function photographViews(scene, { run }, folder) {
  await withPages(scene, async (open) => {
    for (const [look, options] of Object.entries(LOOKS)) {
      const page = await open(options);
      for (const [view, path] of Object.entries(VIEWS)) {
        await visit(page, path.replace('RUN', run));
        await page.screenshot({ path: join(folder, `${view}-${look}.png`), fullPage: true });
      }
      await visit(page, VIEWS.channel);
      await page.locator('.thread-row').first().click();
      await page.locator('.message').first().waitFor();
      await page.screenshot({ path: join(folder, `thread-${look}.png`), fullPage: true });
    }
  });
}

async function withPages(scene, use) {
  const { url } = JSON.parse(await scene.start(['web', '--no-open', '--port', '0', '--json']));
  const browser = await chromium.launch({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  let state;
  try {
    await use(async (options) => {
      // An address lets in once; its cookie holds for every look.
      const context = await browser.newContext({ ...options, storageState: state });
      const page = await context.newPage();
      await page.goto(state === undefined ? url : new URL(url).origin);
      await page.locator('.verdict').waitFor();
      state = await context.storageState();
      return page;
    });
  } finally {
    await browser.close();
  }
}

async function visit(page, path) {
  await page.goto(new URL(page.url()).origin + path);
  await page.locator('main :is(h1, h2, .empty-title):visible').first().waitFor();
  await page.locator('.loading').waitFor({ state: 'detached' });
  await page.waitForTimeout(600);
}
