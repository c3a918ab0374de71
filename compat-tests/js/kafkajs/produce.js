// What a producer sends is what a consumer reads, to the byte.

import { equal, isTrue } from '../common/checks.js'
import { byPartition, line, numbered, same, sameLines } from '../common/lines.js'
import { noise, samples } from '../common/samples.js'
import { CODECS } from './codecs.js'
import { toLibrary } from './cluster.js'

// Records of produce.volume that are sent together, a third to each partition.
const BATCH = 3000

export function registerProduce(checks, cluster, volume) {
  checks.add('produce.volume', () => manyRecords(cluster, volume))
  for (const [name, acks] of [['0', 0], ['1', 1], ['all', -1]]) {
    checks.add(`produce.acks_${name}`, async () =>
      cluster.roundTrip(await cluster.topic(`acks-${name}`, 3), samples(3, 500, 1), { acks }))
  }
  for (const codec of Object.keys(CODECS)) {
    checks.add(`produce.codec_${codec}`, async () =>
      cluster.roundTrip(await cluster.topic(`codec-${codec}`, 3), samples(3, 2000, 2), { codec }))
  }
  for (const [name, body] of Object.entries({ topic_codec: topicCodec, idempotent, large, nulls, headers,
    create_time: createTime, log_append_time: logAppendTime, partitioner, at_once: atOnce })) {
    checks.add(`produce.${name}`, () => body(cluster))
  }
}

// Enough records that a fault in one of 10,000 shows.
async function manyRecords(cluster, volume) {
  const topic = await cluster.topic('volume', 3)
  const records = samples(3, volume, 7)
  const answered = []
  await cluster.withProducer(async producer => {
    for (let start = 0; start < volume; start += BATCH) {
      const messages = records.slice(start, start + BATCH).map(toLibrary)
      answered.push(...await producer.send({ topic, messages }))
    }
  })
  // All are sent and read before any is compared.
  const found = await cluster.read(topic)
  const batches = [0, 0, 0]
  for (const { partition, errorCode, baseOffset } of answered) {
    equal([0, BATCH / 3 * batches[partition]++], [errorCode, Number(baseOffset)], `answer in partition ${partition}`)
  }
  return same(numbered(records), found)
}

// The topic's codec replaces the producer's.
async function topicCodec(cluster) {
  let detail
  for (const codec of ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const topic = await cluster.topic(`topic-codec-${codec}`, 1, { 'compression.type': codec })
    detail = await cluster.roundTrip(topic, samples(1, 300, 3), { codec: 'lz4' })
  }
  return `5 codecs, each ${detail}`
}

// Many small batches stay in order, none twice.
async function idempotent(cluster) {
  return cluster.roundTrip(await cluster.topic('idempotent', 2), samples(2, 1500, 4), { idempotent: true, batch: 6 })
}

async function large(cluster) {
  const records = Array.from({ length: 8 }, (_, i) => ({ partition: i % 2, time: Date.now() + i,
    key: Buffer.from(`large ${i}`), value: noise(1_000_000, i) }))
  return cluster.roundTrip(await cluster.topic('large', 2), records, { batch: 1 })
}

// A tombstone is not an empty value, and no key is not the empty key.
async function nulls(cluster) {
  const contents = text => [null, Buffer.alloc(0), Buffer.from(text)]
  const records = contents('key').flatMap(key =>
    contents('value').map(value => ({ partition: 0, time: Date.now(), key, value })))
  await cluster.roundTrip(await cluster.topic('nulls', 1), records)
  return cluster.roundTrip(await cluster.topic('nulls-compressed', 1), records, { codec: 'zstd' })
}

// Order, repeated names and empty values are kept. (kafkajs cannot send a null one.)
async function headers(cluster) {
  const rich = [['twice', Buffer.from('first')], ['twice', Buffer.from('second')], ['twice', Buffer.from('first')],
    ['empty', Buffer.alloc(0)], ['größe', noise(200, 1)]]
  const many = Array.from({ length: 300 }, (_, index) => [`h${index}`, Buffer.alloc(index, 'x')])
  const records = [rich, [], many].map(own => ({ partition: 0, time: Date.now(), key: Buffer.from('k'),
    value: Buffer.from('v'), headers: own }))
  return cluster.roundTrip(await cluster.topic('headers', 1), records)
}

// The producer's timestamps are kept, old ones and ones out of order too; and found, though kafkajs takes the last one
// of a batch for the greatest.
async function createTime(cluster) {
  const topic = await cluster.topic('create-time', 1, { 'retention.ms': '-1' })
  const now = Date.now()
  const times = [now, 1, now - 86_400_000, now + 60_000, 1_500_000_000_000, now]
  const detail = await cluster.roundTrip(topic,
    times.map(time => ({ partition: 0, time, key: null, value: Buffer.from(`at ${time}`) })))
  equal([3], await cluster.offsetsAt(topic, now + 1), 'offset of the greatest timestamp')
  return detail
}

// The broker's clock replaces the producer's timestamps; all of a batch get the same one.
async function logAppendTime(cluster) {
  const topic = await cluster.topic('append-time', 1, { 'message.timestamp.type': 'LogAppendTime' })
  let last = Date.now()
  const sent = await cluster.send(topic, samples(1, 50, 5).map((record, i) => ({ ...record, time: 1000 + i })),
    { codec: 'gzip', batch: 10 })
  const found = await cluster.read(topic)
  for (const { time } of found) {
    isTrue(last <= time && time <= Date.now(), `append time ${time} outside ${last} to now`)
    last = time
  }
  return same(sent.map((record, i) => ({ ...record, time: found[i]?.time })), found)
}

// Without explicit partitions a key always goes to the same one, and every record arrives.
async function partitioner(cluster) {
  const topic = await cluster.topic('partitioner', 4)
  const records = Array.from({ length: 400 }, (_, i) => ({ time: Date.now(), value: Buffer.from(`value ${i}`),
    key: i % 2 ? Buffer.from(`key ${i % 20}`) : null }))
  await cluster.withProducer(producer => producer.send({ topic, messages: records.map(toLibrary) }))
  const found = await cluster.read(topic)
  const homes = new Map()
  for (const { key, partition } of found.filter(record => record.key !== null)) {
    const name = key.toString()
    equal(homes.get(name) ?? partition, partition, `partition of ${name}`)
    homes.set(name, partition)
  }
  const placeless = all => all.map(record => line({ ...record, partition: 0, offset: 0 })).sort()
  return sameLines(placeless(records), placeless(byPartition(found)))
}

// Topics take records as soon as their creation is answered; what the library retries, it retries.
async function atOnce(cluster) {
  for (let index = 0; index < 20; index++) {
    const topic = cluster.name(`at-once-${index}`)
    await cluster.create({ topic, numPartitions: 1 })
    await cluster.send(topic, samples(1, 1, index))
  }
  return '20 topics'
}
