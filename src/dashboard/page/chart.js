// A chart of what a bot or process used lately. It is drawn by uPlot, which is loaded with the first chart.

import { el, fill } from './dom.js';
import { size } from './words.js';

const kept = 600;
const megabyte = 2 ** 20;
/** Where the lines of the axis of memory may stand. */
const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000];

/** @typedef {{at: number, cpuPercent: number, memoryBytes: number}} Sample */

/**
 * CPU and memory of one bot or process, as they go on.
 * @param {import('./watch.js').Watch} watch
 * @param {AbortSignal} gone
 */
export function usageCharts(watch, gone) {
  const place = el(
    'div',
    { class: 'charts' },
    el('p', { class: 'quiet' }, 'The charts begin with the first samples …'),
  );
  /** @type {Sample[]} */
  let samples = [];
  /** @type {ReturnType<typeof makeChart>[]} */
  let charts = [];
  let made = false;
  const show = async () => {
    if (samples.length < 2) return;
    if (!made) {
      made = true;
      const { default: Plot } = await import(/** @type {any} */ ('./vendor/uplot.js'));
      if (gone.aborted) return;
      charts = [
        makeChart(
          Plot,
          'CPU',
          (value) => `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)} %`,
          ({ cpuPercent }) => cpuPercent,
        ),
        makeChart(
          Plot,
          'Memory',
          size,
          ({ memoryBytes }) => memoryBytes,
          steps.map((step) => step * megabyte),
        ),
      ];
      fill(place, ...charts.map(({ element }) => element));
    }
    for (const chart of charts) chart.draw(samples);
  };
  watch.on('samples', (all) => {
    samples = all;
    void show();
  });
  watch.on('sample', (sample) => {
    samples = [...samples.slice(1 - kept), sample];
    void show();
  });
  const redraw = () => {
    for (const chart of charts) chart.renew(samples);
  };
  window.addEventListener('theme', redraw, { signal: gone });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw, { signal: gone });
  gone.addEventListener('abort', () => {
    for (const chart of charts) chart.end();
  });
  return place;
}

/**
 * @param {any} Plot
 * @param {string} title
 * @param {(value: number) => string} words
 * @param {(sample: Sample) => number} pick
 * @param {readonly number[]} [incrs] between the lines of the axis
 */
function makeChart(Plot, title, words, pick, incrs) {
  const now = el('span', { class: 'quiet' });
  const canvas = el('div', { class: 'canvas' });
  const element = el('figure', {}, el('figcaption', {}, el('strong', {}, title), ' ', now), canvas);
  /** @type {any} */
  let plot;
  const make = () => {
    const probe = el('span', { class: 'probe' });
    element.append(probe);
    const { color: text, borderColor: line, backgroundColor: accent } = getComputedStyle(probe);
    probe.remove();
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    return new Plot(
      {
        width: Math.max(200, canvas.clientWidth),
        height: 140,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          y: {
            range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [
              0,
              Math.max(1, high * 1.1),
            ],
          },
        },
        series: [{}, { stroke: accent, width: 2, fill: `color-mix(in srgb, ${accent} 15%, transparent)` }],
        axes: [
          { ...axis, space: 80 },
          {
            ...axis,
            ...(incrs ? { incrs } : {}),
            size: 70,
            values: (/** @type {any} */ _, /** @type {number[]} */ all) => all.map(words),
          },
        ],
      },
      [[], []],
      canvas,
    );
  };
  const watch = new ResizeObserver(() =>
    plot?.setSize({ width: Math.max(200, canvas.clientWidth), height: 140 }),
  );
  watch.observe(canvas);
  return {
    element,
    draw(/** @type {Sample[]} */ samples) {
      plot ??= make();
      plot.setData([samples.map(({ at }) => at / 1_000), samples.map(pick)]);
      const last = samples.at(-1);
      now.textContent = last ? words(pick(last)) : '';
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `${title} now: ${now.textContent}`);
    },
    renew(/** @type {Sample[]} */ samples) {
      plot?.destroy();
      plot = undefined;
      if (samples.length > 1) this.draw(samples);
    },
    end() {
      watch.disconnect();
      plot?.destroy();
    },
  };
}
