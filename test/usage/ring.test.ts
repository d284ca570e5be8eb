import fc from 'fast-check';
import {
  chunkOfSlot,
  finestReaching,
  oldestKept,
  type Resolution,
  resolutions,
  shares,
  slotAt,
} from '../../src/usage/decide/resolution.js';
import { fromCode, LARGE, SMALL, toCode } from '../../src/usage/decide/short-float.js';
import {
  addToSlot,
  decodeChunk,
  encodeChunk,
  mergeChunk,
  newChunk,
  noteRequest,
  requestIn,
  SLOT_BYTES,
  type SlotUse,
  slotUse,
  type UsageChunk,
} from '../../src/usage/decide/usage-chunk.js';
import { pointsOf } from '../../src/usage/decide/usage-points.js';
import { OpenChunks } from '../../src/usage/open-chunks.js';

const [fine, , coarse] = resolutions as readonly [Resolution, Resolution, Resolution];
const resolution = fc.constantFrom(...resolutions);
const moment = fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 });
const use: fc.Arbitrary<SlotUse> = fc
  .record({
    instanceSeconds: fc.double({ min: 0.5, max: 1e6, noNaN: true }),
    cpuSeconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    memoryMiBSeconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    peakCpus: fc.double({ min: 0, max: 512, noNaN: true }),
    peakMemoryMiB: fc.double({ min: 0, max: 1e6, noNaN: true }),
  })
  .map(({ share, ...rest }) => ({ ...rest, throttledSeconds: share * rest.instanceSeconds }));

const total = (chunks: Iterable<UsageChunk>, field: keyof SlotUse): number => {
  let sum = 0;
  for (const chunk of chunks)
    for (let slot = 0; slot < chunk.sums.length / 6; slot++) sum += slotUse(chunk, slot)[field];
  return sum;
};

describe('the slots of time', () => {
  it('share a stretch out without losing or making any of it, oldest first and without gaps', () => {
    fc.assert(
      fc.property(
        resolution,
        moment,
        fc.double({ min: 0.01, max: 120, noNaN: true }),
        (each, at, seconds) => {
          const found = shares(each, at, seconds);
          expect(found.reduce((sum, share) => sum + share.seconds, 0)).toBeCloseTo(seconds, 6);
          expect(found[0]?.slot).toBe(slotAt(each, at - seconds * 1_000));
          for (const [index, share] of found.entries()) {
            expect(share.seconds).toBeGreaterThan(0);
            expect(share.seconds).toBeLessThanOrEqual(each.slotSeconds + 1e-9);
            expect(share.slot).toBe((found[0]?.slot ?? 0) + index);
          }
        },
      ),
    );
  });

  it('are as fine as the past that is asked for allows', () => {
    const now = 1_800_000_000_000;
    expect(finestReaching(now - 1_000, now).name).toBe('10s');
    expect(finestReaching(now - 3_601_000, now).name).toBe('1m');
    expect(finestReaching(now - 2 * 86_400_000, now).name).toBe('15m');
    expect(finestReaching(0, now).name).toBe('15m');
  });

  it('of an app take at most 100 KB when all of them are full', () => {
    const chunksKept = (each: Resolution): number =>
      chunkOfSlot(each, slotAt(each, 1_800_000_000_000)) - oldestKept(each, 1_800_000_000_000) + 1;
    let bytes = 0;
    for (const each of resolutions) {
      const chunk = newChunk(each);
      for (let slot = 0; slot < each.chunkSlots; slot++) {
        addToSlot(chunk, slot, {
          instanceSeconds: 9_999.9,
          cpuSeconds: 1e9,
          memoryMiBSeconds: 1e9,
          throttledSeconds: 1,
          peakCpus: 100,
          peakMemoryMiB: 1e6,
        });
        noteRequest(chunk, slot, 0.123456 + slot, 123.456);
      }
      bytes += chunksKept(each) * (JSON.stringify(encodeChunk(chunk)).length + 5);
      expect(chunksKept(each) * each.chunkSlots * each.slotSeconds).toBeGreaterThanOrEqual(each.keptSeconds);
    }
    expect(bytes).toBeLessThanOrEqual(100 * 1024);
  });
});

describe('what is added', () => {
  it('adds up to the same at every resolution, whatever the moments of the looks', () => {
    const look = fc.record({
      seconds: fc.double({ min: 1, max: 30, noNaN: true }),
      cpus: fc.double({ min: 0, max: 64, noNaN: true }),
      memoryMiB: fc.double({ min: 0, max: 1e5, noNaN: true }),
      throttled: fc.double({ min: 0, max: 1, noNaN: true }),
      offsetMs: fc.integer({ min: 0, max: 900_000 }),
    });
    fc.assert(
      fc.property(moment, fc.array(look, { minLength: 1, maxLength: 30 }), (at, looks) => {
        const open = new OpenChunks();
        for (const { offsetMs, ...each } of looks) open.add(each, at + offsetMs, { cpus: 1, memMiB: 64 });
        const seconds = looks.reduce((sum, each) => sum + each.seconds, 0);
        const cpuSeconds = looks.reduce((sum, each) => sum + each.cpus * each.seconds, 0);
        const memory = looks.reduce((sum, each) => sum + each.memoryMiB * each.seconds, 0);
        for (const { name } of resolutions) {
          const chunks = [...open.all()]
            .filter((each) => each.resolution.name === name)
            .map(({ chunk }) => chunk);
          expect(Math.abs(total(chunks, 'instanceSeconds') - seconds)).toBeLessThan(seconds * 1e-5 + 1e-6);
          expect(Math.abs(total(chunks, 'cpuSeconds') - cpuSeconds)).toBeLessThan(cpuSeconds * 1e-5 + 1e-6);
          expect(Math.abs(total(chunks, 'memoryMiBSeconds') - memory)).toBeLessThan(memory * 1e-5 + 1e-6);
          const highest = Math.max(...chunks.flatMap(({ sums }) => [...sums].filter((_, i) => i % 6 === 4)));
          expect(highest).toBe(Math.fround(Math.max(...looks.map(({ cpus }) => cpus))));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is open only for a bounded while: what is stored and over is let go of', () => {
    const open = new OpenChunks();
    const at = 1_800_000_000_000;
    const each = { seconds: 10, cpus: 1, memoryMiB: 1, throttled: 0 };
    for (let minute = 0; minute < 600; minute++) open.add(each, at + minute * 60_000, { cpus: 1, memMiB: 1 });
    expect([...open.all()].length).toBeLessThanOrEqual(18);
    for (const chunk of open.all()) chunk.dirty = false;
    open.close(at + 600 * 60_000 + 40 * 86_400_000);
    expect(open.isEmpty).toBe(true);
  });

  it('to two halves of a chunk is what one whole would have', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(59), use), { maxLength: 20 }), fc.nat(20), (adds, cut) => {
        const [whole, first, second] = [newChunk(fine), newChunk(fine), newChunk(fine)];
        for (const [index, [slot, each]] of adds.entries()) {
          addToSlot(whole, slot, each);
          addToSlot(index < cut ? first : second, slot, each);
        }
        mergeChunk(second, first);
        for (let slot = 0; slot < fine.chunkSlots; slot++) {
          const [one, other] = [slotUse(second, slot), slotUse(whole, slot)];
          const fields = Object.keys(one) as (keyof SlotUse)[];
          expect(fields.filter((field) => Math.abs(one[field] - other[field]) > other[field] * 1e-5)).toEqual(
            [],
          );
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a stored chunk', () => {
  it('gives back what was added, as precisely as it says', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(95), use), { minLength: 1, maxLength: 20 }), (adds) => {
        const chunk = newChunk(coarse);
        for (const [slot, each] of adds) addToSlot(chunk, slot, each);
        const back = decodeChunk(coarse, encodeChunk(chunk));
        const wrong = (field: keyof SlotUse, allowed: (was: SlotUse) => number): boolean =>
          adds.some(([slot]) => {
            const [was, is] = [slotUse(chunk, slot), slotUse(back, slot)];
            return Math.abs(is[field] - was[field]) > allowed(was);
          });
        for (const field of ['instanceSeconds', 'cpuSeconds', 'memoryMiBSeconds'] as const)
          expect(wrong(field, (was) => was[field] * 3e-6 + 1e-5)).toBe(false);
        for (const field of ['peakCpus', 'peakMemoryMiB'] as const)
          expect(wrong(field, (was) => was[field] * 3e-4 + 1e-3)).toBe(false);
        expect(wrong('throttledSeconds', (was) => was.instanceSeconds / 255)).toBe(false);
        const sum = total([chunk], 'cpuSeconds');
        expect(Math.abs(total([back], 'cpuSeconds') - sum)).toBeLessThanOrEqual(sum * 3e-6 + 1e-3);
      }),
    );
  });

  it('leaves empty slots at its end out, and remembers from when on what was asked for', () => {
    const chunk = newChunk(fine);
    addToSlot(chunk, 1, {
      instanceSeconds: 20,
      cpuSeconds: 5,
      memoryMiBSeconds: 1_280,
      throttledSeconds: 10,
      peakCpus: 0.3,
      peakMemoryMiB: 70,
    });
    noteRequest(chunk, 1, 0.5, 64);
    noteRequest(chunk, 7, 0.5, 64);
    noteRequest(chunk, 9, 1, 128);
    const stored = encodeChunk(chunk);
    expect(Buffer.from(stored.slots, 'base64')).toHaveLength(2 * SLOT_BYTES);
    const back = decodeChunk(fine, stored);
    expect(back.requests).toEqual([
      { slot: 1, cpus: 0.5, memMiB: 64 },
      { slot: 9, cpus: 1, memMiB: 128 },
    ]);
    expect(requestIn(back, 8)?.memMiB).toBe(64);
    expect(requestIn(back, 30)?.memMiB).toBe(128);
    expect(pointsOf(fine, 10, back, { fromMs: 0, toMs: 1e15 })).toEqual([
      {
        atMs: (10 * 60 + 1) * 10_000,
        instances: 2,
        cpus: 0.5,
        memMiB: 128,
        peakCpus: 0.3,
        peakMemMiB: 70,
        throttled: 0.502,
        requestedCpus: 1,
        requestedMemMiB: 128,
      },
    ]);
  });

  it('holds numbers in few bits, in order and within its bounds', () => {
    const value = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(value, value, (some, other) => {
        for (const format of [LARGE, SMALL]) {
          const [a, b] = [toCode(format, Math.min(some, other)), toCode(format, Math.max(some, other))];
          expect(a).toBeLessThanOrEqual(b);
          expect(Number.isInteger(a) && a >= 0 && b <= format.maxCode).toBe(true);
          expect(toCode(format, fromCode(format, a))).toBe(a);
        }
      }),
    );
    expect(toCode(SMALL, 0)).toBe(0);
    expect(toCode(SMALL, Number.NaN)).toBe(0);
    expect(toCode(SMALL, 1e300)).toBe(SMALL.maxCode);
    expect(fromCode(SMALL, toCode(SMALL, 1e-9))).toBe(0);
  });
});
