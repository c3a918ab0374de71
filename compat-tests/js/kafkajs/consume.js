// Reading under fetch limits, and from any place in the log.

import { equal, isTrue } from '../common/checks.js'
import { byPartition, same } from '../common/lines.js'
import { samples } from '../common/samples.js'

export function registerConsume(checks, cluster) {
  for (const [name, body] of Object.entries({ 'consume.fetch_limits': fetchLimits,
    'consume.read_committed': readCommitted, 'seek.offset': seekOffset, 'seek.beginning_end': seekEnds,
    'seek.time': seekTime })) {
    checks.add(name, () => body(cluster))
  }
}

// However small the limits, whole batches come and nothing is left out.
async function fetchLimits(cluster) {
  const topic = await cluster.topic('fetch-limits', 2)
  const expected = await cluster.send(topic, samples(2, 1000, 6), { codec: 'gzip', batch: 100 })
  same(expected, await cluster.read(topic, { maxBytes: 1000, maxBytesPerPartition: 1000 }))
  same(expected, await cluster.read(topic, { minBytes: 100_000 }))
  return `${expected.length} records under 2 limits`
}

async function readCommitted(cluster) {
  const topic = await cluster.topic('read-committed', 1)
  const expected = await cluster.send(topic, samples(1, 200, 7), { idempotent: true })
  same(expected, await cluster.read(topic, { readUncommitted: true }))
  return same(expected, await cluster.read(topic))
}

// Seeks land on the record, inside a compressed batch too.
async function seekOffset(cluster) {
  const topic = await cluster.topic('seek-offset', 1)
  const sent = await cluster.send(topic, samples(1, 1000, 8), { codec: 'snappy', batch: 250 })
  return cluster.withReader(topic, async reader => {
    same(sent.slice(0, 1), await reader.take(1))
    const offsets = [500, 0, 999, 1, 777, 333]
    for (const offset of offsets) {
      reader.seek(0, offset)
      const count = Math.min(100, 1000 - offset)
      same(sent.slice(offset, offset + count), await reader.take(count))
    }
    return `${offsets.length} seeks`
  })
}

async function seekEnds(cluster) {
  const topic = await cluster.topic('seek-ends', 2)
  const early = await cluster.send(topic, samples(2, 100, 9))
  equal([[0, 50], [0, 50]], await cluster.bounds(topic), 'ends of the log')
  return cluster.withReader(topic, async reader => {
    for (const partition of [0, 1]) reader.seek(partition, 50)
    await reader.nothingComes()
    const late = samples(2, 2, 10)
    const messages = late.map(({ partition, time, key, value }) => ({ partition, timestamp: String(time), key, value }))
    await cluster.withProducer(producer => producer.send({ topic, messages }))
    const expected = late.map(record => ({ ...record, offset: 50, headers: [] }))
    same(expected, byPartition(await reader.take(2)))
    for (const partition of [0, 1]) reader.seek(partition, 0)
    return same(byPartition([...early, ...expected]), byPartition(await reader.take(102)))
  }, { fromBeginning: false })
}

// The first record at or after a time: inside batches, before all, after all.
async function seekTime(cluster) {
  const topic = await cluster.topic('seek-time', 2, { 'retention.ms': '-1' })
  const start = 1_600_000_000_000
  const records = Array.from({ length: 500 }, (_, i) => ({ partition: 0, time: start + 10 * i,
    key: Buffer.from(`k${i}`), value: Buffer.from(`v${i}`) }))
  const sent = await cluster.send(topic, records, { codec: 'zstd', batch: 50 })
  const cases = [[0, 0], [start, 0], [start + 1, 1], [start + 10, 1], [start + 2495, 250], [start + 4990, 499]]
  return cluster.withReader(topic, async reader => {
    for (const [time, offset] of cases) {
      equal(offset, (await cluster.offsetsAt(topic, time))[0], `offset at ${time}`)
      reader.seek(0, offset)
      same([sent[offset]], await reader.take(1))
    }
    // kafkajs gives the end where nothing is found.
    isTrue([-1, 500].includes((await cluster.offsetsAt(topic, start + 4991))[0]), 'offset after the last record')
    isTrue([-1, 0].includes((await cluster.offsetsAt(topic, start))[1]), 'offset in an empty partition')
    return `${cases.length + 2} times`
  })
}
