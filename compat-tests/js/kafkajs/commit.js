// Committed offsets: written, read back by others, and where a group goes on.

import { equal, eventually, isTrue } from '../common/checks.js'
import { line, same } from '../common/lines.js'
import { samples } from '../common/samples.js'
import { fromLibrary, toLibrary } from './cluster.js'
import { LocalMember } from './member.js'
import { committed } from './scene.js'

export function registerCommit(checks, cluster) {
  for (const [name, body] of Object.entries({ sync, resume, auto, reset, lag })) {
    checks.add(`commit.${name}`, () => body(cluster))
  }
}

// Offset and metadata come back; never committed ones are missing.
async function sync(cluster) {
  const topic = await cluster.topic('commit-sync', 3)
  const group = cluster.name('commit-sync')
  await cluster.send(topic, samples(3, 300, 1))
  for (const [offset, metadata] of [['10', 'größe ' + 'm'.repeat(1000)], ['42', 'again']]) {
    await consume(cluster, { group, topic }, 1, ({ consumer }) => consumer.commitOffsets([
      { topic, partition: 0, offset, metadata }, { topic, partition: 1, offset: '99' }]))
    const [{ partitions }] = await cluster.admin.fetchOffsets({ groupId: group, topics: [topic] })
    const found = partitions.sort((a, b) => a.partition - b.partition).map(each => [each.offset, each.metadata ?? ''])
    equal([[offset, metadata], ['99', ''], ['-1', '']], found, 'committed')
  }
  return '2 partitions'
}

// Joins a group, reads so many records, acts and leaves.
async function consume(cluster, { group, topic, ...options }, count, act) {
  const consumer = cluster.kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
  const records = []
  let done
  const enough = new Promise(resolve => { done = resolve })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommit: false, ...options, eachMessage: async ({ partition, message }) => {
    if (records.length === count) return
    records.push(fromLibrary(partition, message))
    if (records.length === count) done()
  } })
  await Promise.race([enough, eventually(`${count} records`, () => records.length === count)])
  if (act) await act({ consumer, records })
  await consumer.disconnect()
  return records
}

// A second consumer of the group goes on where the first one stopped.
async function resume(cluster) {
  const topic = await cluster.topic('commit-resume', 1)
  const group = cluster.name('commit-resume')
  const sent = await cluster.send(topic, samples(1, 200, 2))
  for (let start = 0; start < 200; start += 50) {
    const found = await consume(cluster, { group, topic }, 50, ({ consumer }) =>
      consumer.commitOffsets([{ topic, partition: 0, offset: String(start + 50) }]))
    same(sent.slice(start, start + 50), found)
    equal([start + 50], await committed(cluster, group, topic, 1), 'committed')
  }
  return '4 consumers, 200 records'
}

// What was read is committed without a call.
async function auto(cluster) {
  const topic = await cluster.topic('commit-auto', 1)
  const group = cluster.name('commit-auto')
  const sent = await cluster.send(topic, samples(1, 60, 2))
  same(sent, await consume(cluster, { group, topic, autoCommit: true }, 60))
  equal([60], await committed(cluster, group, topic, 1), 'committed')
  return 'offset 60'
}

// A group without offsets starts at the beginning or at the end, as it was told.
async function reset(cluster) {
  const topic = await cluster.topic('commit-reset', 1)
  const sent = await cluster.send(topic, samples(1, 30, 2))
  same(sent, await consume(cluster, { group: cluster.name('reset-earliest'), topic }, 30))
  const member = await new LocalMember(cluster.bootstrap,
    { group: cluster.name('reset-latest'), topic, fromBeginning: false }).open()
  try {
    await eventually('it is assigned', () => member.assigned().length === 1)
    const late = new Set()
    const found = []
    await cluster.withProducer(producer => eventually('a record after the end comes', async () => {
      // The member may ask for the end only after some of these.
      const [record] = samples(1, 1, late.size)
      const [{ baseOffset }] = await producer.send({ topic, messages: [toLibrary(record)] })
      late.add(line({ ...record, offset: Number(baseOffset) }))
      found.push(...member.drain())
      return found.length > 0
    }))
    for (const text of found) isTrue(late.has(text), `a record before the end came: ${text}`)
  } finally {
    await member.close()
  }
  return '2 policies'
}

// The distance from what is committed to the end.
async function lag(cluster) {
  const topic = await cluster.topic('commit-lag', 2)
  const groupId = cluster.name('commit-lag')
  await cluster.send(topic, samples(2, 100, 3))
  const lags = async () => {
    const offsets = await committed(cluster, groupId, topic, 2)
    return (await cluster.bounds(topic)).map(([, end], partition) => end - offsets[partition])
  }
  for (const at of [0, 20, 50]) {
    await cluster.admin.setOffsets({ groupId, topic,
      partitions: [{ partition: 0, offset: String(at) }, { partition: 1, offset: '50' }] })
    equal([50 - at, 0], await lags(), `lag at ${at}`)
  }
  await cluster.withProducer(producer => producer.send({ topic, messages: samples(2, 30, 4).map(toLibrary) }))
  equal([15, 15], await lags(), 'lag after more was produced')
  return '4 lags'
}
