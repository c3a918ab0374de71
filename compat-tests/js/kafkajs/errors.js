// What is refused, and that nothing is left behind by it. The broker runs with auto.create.topics.enable=false.

import kafkajs from 'kafkajs'

import { equal, isTrue } from '../common/checks.js'
import { noise, samples } from '../common/samples.js'
import { codeOf, entries } from './cluster.js'

const { ConfigResourceTypes } = kafkajs

const UNKNOWN_TOPIC_OR_PARTITION = 3
export const MESSAGE_TOO_LARGE = 10
const INVALID_TOPIC = 17
const INVALID_TIMESTAMP = 32
const INVALID_PARTITIONS = 37
const INVALID_REPLICATION_FACTOR = 38
const INVALID_CONFIG = 40
export const NON_EMPTY_GROUP = 68
export const GROUP_ID_NOT_FOUND = 69
const INVALID_RECORD = 87

export function registerErrors(checks, cluster) {
  for (const [name, body] of Object.entries({ unknown_topic: unknownTopic, message_too_large: messageTooLarge,
    invalid_topic: invalidTopic, duplicate_topic: duplicateTopic, invalid_config: invalidConfig,
    invalid_shape: invalidShape, offset_out_of_range: offsetOutOfRange, unknown_partition: unknownPartition,
    no_key: noKey, timestamp })) {
    checks.add(`error.${name}`, () => body(cluster))
  }
}

const plain = (value, time = Date.now()) => ({ partition: 0, time, key: null, value })

// What names a missing topic fails, and does not create it.
async function unknownTopic(cluster) {
  const topic = cluster.name('missing')
  equal(UNKNOWN_TOPIC_OR_PARTITION, await cluster.sendCode(topic, plain(null)), 'producing')
  for (const [what, action] of [
    ['describing', () => cluster.impatient.fetchTopicMetadata({ topics: [topic] })],
    ['deleting', () => cluster.impatient.deleteTopics({ topics: [topic] })],
    ['growing', () => cluster.impatient.createPartitions({ topicPartitions: [{ topic, count: 2 }] })]]) {
    equal(UNKNOWN_TOPIC_OR_PARTITION, await codeOf(action), what)
  }
  isTrue(!(await cluster.admin.listTopics()).includes(topic), 'it was created')
  return 'refused in 4 ways'
}

// A refused record takes no offset.
async function messageTooLarge(cluster) {
  const topic = await cluster.topic('too-large', 1, { 'max.message.bytes': '2000' })
  equal(MESSAGE_TOO_LARGE, await cluster.sendCode(topic, plain(noise(4000, 1))), 'error')
  return cluster.roundTrip(topic, samples(1, 1, 1))
}

async function invalidTopic(cluster) {
  const names = ['with space', '..', '.', 'ä', 'a/b', 'x'.repeat(250)]
  for (const topic of names) {
    equal(INVALID_TOPIC, await codeOf(() => cluster.create({ topic, numPartitions: 1 })), `creating '${topic.slice(0, 20)}'`)
  }
  return `${names.length} names`
}

// kafkajs takes this error for an answer: not created.
async function duplicateTopic(cluster) {
  const topic = await cluster.topic('duplicate', 1)
  equal(false, await cluster.create({ topic, numPartitions: 2 }), 'created')
  equal(1, (await cluster.bounds(topic)).length, 'partitions')
  return 'TOPIC_ALREADY_EXISTS'
}

async function invalidConfig(cluster) {
  const topic = await cluster.topic('invalid-config', 1)
  const wrong = { 'retention.ms': 'soon', 'cleanup.policy': 'shred', 'max.message.bytes': '-5', 'no.such.setting': '1',
    'segment.bytes': '1000' }
  for (const [name, value] of Object.entries(wrong)) {
    const configEntries = entries({ [name]: value })
    equal(INVALID_CONFIG, await codeOf(() => cluster.create({ topic: cluster.name('wrong'), numPartitions: 1,
      configEntries })), `creating with ${name}=${value}`)
    equal(INVALID_CONFIG, await codeOf(() => cluster.impatient.alterConfigs({ validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }] })), `altering ${name}=${value}`)
  }
  return `${Object.keys(wrong).length} settings, each twice`
}

async function invalidShape(cluster) {
  const topic = await cluster.topic('shape', 3)
  equal(INVALID_REPLICATION_FACTOR, await codeOf(() => cluster.create({ topic: cluster.name('shape-other'),
    numPartitions: 1, replicationFactor: 3 })), 'three replicas')
  for (const count of [2, 3]) {
    equal(INVALID_PARTITIONS, await codeOf(() => cluster.impatient.createPartitions({
      topicPartitions: [{ topic, count }] })), `${count} partitions where there are 3`)
  }
  return 'partitions and replicas'
}

// kafkajs goes on where it was told to start, without an error.
async function offsetOutOfRange(cluster) {
  const topic = await cluster.topic('out-of-range', 1)
  const sent = await cluster.send(topic, samples(1, 10, 1))
  return cluster.withReader(topic, async reader => {
    await reader.take(10)
    reader.seek(0, 11)
    const found = await reader.take(10)
    equal(sent.map(record => record.offset), found.map(record => record.offset), 'offsets after the reset')
    return 'goes on at the beginning'
  })
}

// kafkajs leaves such a record out, without an error.
async function unknownPartition(cluster) {
  const topic = await cluster.topic('unknown-partition', 2)
  await cluster.sendCode(topic, { ...plain(Buffer.from('v')), partition: 2 })
  equal(0, await cluster.count(topic), 'records')
  return 'partition 2 of 2'
}

// Compacted topics take no record without a key.
async function noKey(cluster) {
  const topic = await cluster.topic('no-key', 1, { 'cleanup.policy': 'compact' })
  equal(INVALID_RECORD, await cluster.sendCode(topic, plain(Buffer.from('no key'))), 'error')
  return cluster.roundTrip(topic, samples(1, 3, 1))
}

// Timestamps outside the topic's bounds.
async function timestamp(cluster) {
  const topic = await cluster.topic('timestamp', 1,
    { 'message.timestamp.before.max.ms': '60000', 'message.timestamp.after.max.ms': '60000' })
  for (const distance of [-3_600_000, 3_600_000]) {
    equal(INVALID_TIMESTAMP, await cluster.sendCode(topic, plain(Buffer.from('v'), Date.now() + distance)), 'error')
  }
  return cluster.roundTrip(topic, samples(1, 3, 1))
}
