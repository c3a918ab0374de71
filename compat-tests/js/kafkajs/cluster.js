// The broker under test, and clients of it. Names are unique for each run, so that a broker can be used again.

import { randomBytes } from 'node:crypto'

import kafkajs from 'kafkajs'

import { PATIENCE_MS, equal, eventually, isTrue, sleep } from '../common/checks.js'
import { byPartition, numbered, same } from '../common/lines.js'
import { CODECS } from './codecs.js'

const { Kafka, Partitioners, logLevel } = kafkajs

// Retries until the patience is over; by default there are five.
const RETRY = { initialRetryTime: 100, maxRetryTime: 1000, retries: Math.ceil(PATIENCE_MS / 1000) }
// By default a second, in which a busy machine may not come to it.
const CONNECT_MS = 20_000
// Of calls that must fail: what can be retried is not retried for long.
const FEW = { initialRetryTime: 50, retries: 3 }

// A client; its own log is left out, as what must fail would fill it.
export function connect(bootstrap, clientId = 'weir-compat') {
  return new Kafka({ clientId, brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: RETRY,
    connectionTimeout: CONNECT_MS, requestTimeout: PATIENCE_MS })
}

// An admin client that is another one for each call. A client of kafkajs asks for all topics at once that it was ever
// told of, and each call fails as long as one of them is not there: a topic that one check has deleted, or that the broker
// does not know yet, would fail the other checks, and calls at the same time can make it stay so.
function afresh(kafka, options) {
  const call = method => (...details) => once(kafka, options, admin => admin[method](...details))
  return new Proxy({}, { get: (_, method) => call(method) })
}

async function once(kafka, options, use) {
  const admin = kafka.admin(options)
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

// Kafka's code in an error of the library; -1 for an error of its own, 0 for none.
export async function codeOf(action) {
  try {
    await action()
    return 0
  } catch (problem) {
    return code(problem)
  }
}

export function code(problem) {
  for (let each = problem; each; each = each.cause ?? each.errors?.[0] ?? each.groups?.[0]?.error) {
    if (each.code > 0) return each.code
    if (each.groups?.[0]?.errorCode > 0) return each.groups[0].errorCode
  }
  return -1
}

export class Cluster {
  #run = randomBytes(4).toString('hex')

  constructor(bootstrap) {
    this.bootstrap = bootstrap
    this.kafka = connect(bootstrap)
    this.admin = afresh(this.kafka, {})
    this.impatient = afresh(this.kafka, { retry: FEW })
  }

  // A name that no other run uses.
  name(what) {
    return `kafkajs-${what}-${this.#run}`
  }

  // Creates a topic, waits until its partitions answer, and returns its name.
  async topic(what, partitions, configs = {}) {
    const name = this.name(what)
    await this.create({ topic: name, numPartitions: partitions, configEntries: entries(configs) })
    await this.awaitPartitions(name, partitions)
    return name
  }

  create(topic, options = {}) {
    return this.impatient.createTopics({ waitForLeaders: false, timeout: PATIENCE_MS, ...options,
      topics: [{ replicationFactor: 1, ...topic }] })
  }

  // Waits until the partitions lead. Kafka answers CreateTopics before; with acks=0 records would be lost.
  async awaitPartitions(topic, partitions) {
    await eventually(`${topic} leads`, async () => {
      try {
        return (await this.admin.fetchTopicOffsets(topic)).length === partitions
      } catch {
        return false
      }
    })
  }

  // An admin client for calls that count on what the ones before have found.
  withAdmin(use) {
    return once(this.kafka, {}, use)
  }

  // A producer that obeys the records' partitions, unless the options say otherwise; `use` gets it and it is closed.
  async withProducer(use, options = {}) {
    const producer = this.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options })
    await producer.connect()
    try {
      return await use(producer)
    } finally {
      await producer.disconnect()
    }
  }

  // Produces to empty partitions, checks what is answered, and returns the records as they must be read.
  send(topic, records, { acks = -1, codec = 'none', batch = records.length, ...options } = {}) {
    return this.withProducer(async producer => {
      const ends = new Map()
      for (let start = 0; start < records.length; start += batch) {
        const chunk = records.slice(start, start + batch)
        const answers = await producer.send({ topic, acks, compression: CODECS[codec], messages: chunk.map(toLibrary) })
        if (acks !== 0) checkAnswers(answers, chunk, ends)
      }
      return numbered(records)
    }, options)
  }

  // Produces to an empty topic, reads it whole and compares.
  async roundTrip(topic, records, options = {}) {
    const expected = await this.send(topic, records, options)
    if (options.acks === 0 || options.acks === 1) {
      // Nobody says when the records can be read: with acks=1 they are written, and not yet committed.
      await eventually('all records are committed', async () => (await this.count(topic)) >= records.length)
    }
    return same(expected, await this.read(topic))
  }

  // [first, next] offset of each partition.
  async bounds(topic) {
    const found = []
    for (const { partition, low, high } of await steadily(() => this.admin.fetchTopicOffsets(topic))) {
      found[partition] = [Number(low), Number(high)]
    }
    return found
  }

  // Offset of the first record at or after a time in each partition; -1, or the end, where there is none.
  async offsetsAt(topic, time) {
    const found = []
    for (const each of await steadily(() => this.admin.fetchTopicOffsetsByTimestamp(topic, time))) {
      found[each.partition] = Number(each.offset)
    }
    return found
  }

  async count(topic) {
    return (await this.bounds(topic)).reduce((sum, [low, high]) => sum + high - low, 0)
  }

  // Every record of the topic, by partition and offset.
  async read(topic, options = {}) {
    const count = await this.count(topic)
    return this.withReader(topic, async reader => byPartition(await reader.take(count)), options)
  }

  // A reader of the whole topic from its beginning, by a group of its own, as kafkajs reads in groups only.
  async withReader(topic, use, options = {}) {
    const reader = new Reader(this, topic, options)
    await reader.open()
    try {
      return await use(reader)
    } finally {
      await reader.close()
    }
  }

  // The error code of producing one record.
  sendCode(topic, record) {
    return this.withProducer(producer => codeOf(() => producer.send({ topic, messages: [toLibrary(record)] })),
      { retry: FEW })
  }
}

// Asks again where kafkajs finds nothing in what it knows of the topic, as another call is just renewing that.
async function steadily(action) {
  for (let tries = 50; ; tries--) {
    try {
      return await action()
    } catch (problem) {
      if (!(problem instanceof TypeError) || tries === 0) throw problem
      await sleep(100)
    }
  }
}

let readers = 0

// All that a consumer of one topic reads.
export class Reader {
  #records = []
  #failure = null

  constructor(cluster, topic, { fromBeginning = true, ...options } = {}) {
    this.topic = topic
    this.fromBeginning = fromBeginning
    this.consumer = cluster.kafka.consumer({ groupId: cluster.name(`reader-${readers++}`), maxWaitTimeInMs: 100,
      heartbeatInterval: 500, ...options })
    this.consumer.on(this.consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) this.#failure = payload.error
    })
  }

  // Resolves when the consumer has its partitions.
  async open() {
    const joined = new Promise(resolve => this.consumer.on(this.consumer.events.GROUP_JOIN, resolve))
    await this.consumer.connect()
    await this.consumer.subscribe({ topic: this.topic, fromBeginning: this.fromBeginning })
    await this.consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async context => {
      for (const message of context.batch.messages) {
        // After a seek the rest of a batch is old.
        if (context.isStale() || !context.isRunning()) return
        this.#records.push(fromLibrary(context.batch.partition, message))
        context.resolveOffset(message.offset)
      }
      await context.heartbeat()
    } })
    await joined
  }

  // Exactly so many records.
  async take(count) {
    await eventually(() => `${this.#records.length} of ${count} records came`, () => {
      if (this.#failure) throw this.#failure
      return this.#records.length >= count
    })
    return this.#records.splice(0, count)
  }

  // What came since the last call.
  drain() {
    if (this.#failure) throw this.#failure
    return this.#records.splice(0)
  }

  // Looks for a moment whether another record comes.
  async nothingComes() {
    await sleep(500)
    equal(0, this.#records.length, 'more records')
  }

  // Goes on elsewhere; what was read before and not taken is forgotten.
  seek(partition, offset) {
    this.#records = this.#records.filter(record => record.partition !== partition)
    this.consumer.seek({ topic: this.topic, partition, offset: String(offset) })
  }

  close() {
    return this.consumer.disconnect()
  }
}

// The answer for a batch is its first offset; the others follow.
function checkAnswers(answers, records, ends) {
  for (const { partition, errorCode, baseOffset } of answers) {
    equal(0, errorCode, 'error')
    equal(ends.get(partition) ?? 0, Number(baseOffset), `offset in partition ${partition}`)
  }
  const answered = new Set(answers.map(answer => answer.partition))
  for (const { partition } of records) {
    isTrue(answered.has(partition), `no answer for partition ${partition}`)
    ends.set(partition, (ends.get(partition) ?? 0) + 1)
  }
}

export function entries(configs) {
  return Object.entries(configs).map(([name, value]) => ({ name, value }))
}

// Headers are an object in kafkajs: several of one name are an array, and stand together.
export function toLibrary({ partition, time, key, value, headers = [] }) {
  const grouped = {}
  for (const [name, content] of headers) {
    if (name in grouped) grouped[name] = [].concat(grouped[name], [content])
    else grouped[name] = content
  }
  return { partition, timestamp: String(time), key, value, headers: grouped }
}

export function fromLibrary(partition, { offset, timestamp, key, value, headers }) {
  return { partition, offset: Number(offset), time: Number(timestamp), key, value,
    headers: Object.entries(headers).flatMap(([name, content]) => [].concat(content).map(each => [name, each])) }
}
