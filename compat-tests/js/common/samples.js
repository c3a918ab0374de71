// Records to produce: the same ones for the same seed, but for their timestamps.

// A small generator of numbers from 0 to 1 (mulberry32).
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

// Bytes that no codec makes smaller.
export function noise(length, seed) {
  const next = generator(seed)
  return Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)))
}

// Keyed records for the partitions in turn, 1 ms apart and ending now; values compress well.
export function samples(partitions, count, seed) {
  const next = generator(seed)
  const start = Date.now() - count
  return Array.from({ length: count }, (_, index) => ({
    partition: index % partitions,
    time: start + index,
    key: Buffer.from(`key ${Math.floor(next() * 1000)}`),
    value: Buffer.from(`value ${index} ${'weir '.repeat(Math.floor(next() * 60))}${next()}`),
    headers: index % 3 === 0 ? [['number', Buffer.from(String(index))]] : [],
  }))
}
