// A small picture of CPU and memory over the last two hours. It needs the optional package @napi-rs/canvas; without it
// there is no picture, and nothing else is missing.

import type { Logger } from '../../skills/tool.ts';
import type { Sample } from './samples.ts';

const width = 480;
const height = 180;
const margin = 12;
const titleHeight = 20;
const colors = { ground: '#1e1f22', grid: '#3f4147', text: '#dbdee1', cpu: '#5865f2', memory: '#3ba55d' };

/** As much of a canvas as is used. */
interface Context {
  fillStyle: unknown;
  strokeStyle: unknown;
  lineWidth: number;
  font: string;
  fillRect(x: number, y: number, width: number, height: number): void;
  fillText(text: string, x: number, y: number): void;
  beginPath(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  stroke(): void;
}

/** As much of @napi-rs/canvas as is used. */
interface CanvasPackage {
  createCanvas(
    width: number,
    height: number,
  ): { getContext(kind: '2d'): Context; toBuffer(type: 'image/png'): Buffer };
}

/** Draws the samples of a bot as a PNG; nothing where there are too few for a line. */
export type Chart = (samples: readonly Sample[]) => Buffer | undefined;

/** The drawing function, or nothing where the package is missing. */
export async function loadChart(
  logger: Logger,
  load: () => Promise<unknown> = importCanvas,
): Promise<Chart | undefined> {
  try {
    const found = (await load()) as Partial<CanvasPackage> | undefined;
    const { createCanvas } = found ?? {};
    if (typeof createCanvas !== 'function') return undefined;
    return (samples) => (samples.length < 2 ? undefined : draw(createCanvas, samples));
  } catch (error) {
    logger.debug({ reason: String(error) }, 'no charts: @napi-rs/canvas is not there');
    return undefined;
  }
}

async function importCanvas(): Promise<unknown> {
  // Not a dependency: whoever wants charts installs it.
  const name: string = '@napi-rs/canvas';
  return import(name);
}

function draw(createCanvas: CanvasPackage['createCanvas'], samples: readonly Sample[]): Buffer {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = colors.ground;
  context.fillRect(0, 0, width, height);
  const half = height / 2;
  const last = samples.at(-1);
  const megabytes = (sample: Sample) => sample.memoryBytes / 1024 ** 2;
  drawLine(context, 0, half, samples, (sample) => sample.cpuPercent, 100, colors.cpu);
  drawLine(context, half, half, samples, megabytes, 1, colors.memory);
  context.fillStyle = colors.text;
  context.font = '12px sans-serif';
  const minutes = Math.round(((last?.at ?? 0) - (samples[0]?.at ?? 0)) / 60_000);
  context.fillText(`CPU ${last?.cpuPercent.toFixed(1)} %   (the last ${minutes} min)`, margin, margin + 4);
  context.fillText(`Memory ${last ? megabytes(last).toFixed(1) : 0} MB`, margin, half + margin + 4);
  return canvas.toBuffer('image/png');
}

/** One line over the time of the samples; the scale reaches at least `least`. */
function drawLine(
  context: Context,
  top: number,
  space: number,
  samples: readonly Sample[],
  measure: (sample: Sample) => number,
  least: number,
  color: string,
): void {
  const begin = samples[0]?.at ?? 0;
  const time = Math.max(1, (samples.at(-1)?.at ?? 0) - begin);
  const most = Math.max(least, ...samples.map(measure)) * 1.1;
  const x = (at: number) => margin + ((at - begin) / time) * (width - 2 * margin);
  const floor = top + space - margin / 2;
  const y = (value: number) => floor - (value / most) * (space - titleHeight - margin);
  const line = (points: readonly (readonly [number, number])[], style: string, thickness: number) => {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.beginPath();
    for (const [index, [left, up]] of points.entries()) {
      if (index === 0) context.moveTo(left, up);
      else context.lineTo(left, up);
    }
    context.stroke();
  };
  line(
    [
      [margin, floor],
      [width - margin, floor],
    ],
    colors.grid,
    1,
  );
  line(
    samples.map((sample) => [x(sample.at), y(measure(sample))] as const),
    color,
    2,
  );
}
