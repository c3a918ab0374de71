// A broker that restarts while it is used: producers lose nothing, readers and groups go on.

import { connect as connectSocket } from 'node:net'

import { equal, eventually, fail, isTrue, sleep } from '../common/checks.js'
import { line, same, sameLines } from '../common/lines.js'
import { toLibrary } from './cluster.js'
import { LocalMember } from './member.js'
import { committed } from './scene.js'

const PARTITIONS = 4
// Between two records, and so many are read before, between and after the restarts.
const PAUSE_MS = 4
const STEP = 200

export function registerRestart(checks, cluster) {
  checks.add('restart.broker', () => restart(cluster))
}

// Has the broker restarted, and waits for it.
async function ask(action) {
  const [host, port] = process.env.WEIR_COMPAT_CONTROL.split(':')
  const answer = await new Promise((resolve, reject) => {
    const socket = connectSocket(Number(port), host, () => socket.write(action + '\n'))
    let text = ''
    socket.on('data', data => { text += data })
    socket.on('end', () => resolve(text.trim()))
    socket.on('error', reject)
  })
  equal('ok', answer, `the answer to ${action}`)
}

// Sends numbered records, one after the other, until it is told to stop. What became due while the producer was busy
// goes out together.
class Sending {
  sent = []
  #running = true

  constructor(producer, topic) {
    this.failure = null
    this.ended = this.#run(producer, topic).catch(problem => { this.failure = problem })
  }

  async #run(producer, topic) {
    let next = Date.now()
    for (let number = 0; this.#running; await sleep(next - Date.now())) {
      const due = []
      for (; due.length === 0 || next <= Date.now(); next += PAUSE_MS, number++) {
        due.push({ partition: number % PARTITIONS, time: Date.now(), key: Buffer.from(`key ${number % 50}`),
          value: Buffer.from(String(number).padStart(9, '0')) })
      }
      const answers = await producer.send({ topic, messages: due.map(toLibrary) })
      const offsets = new Map(answers.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
      for (const record of due) {
        const offset = offsets.get(record.partition)
        offsets.set(record.partition, offset + 1)
        this.sent.push({ ...record, offset })
      }
    }
  }

  async stop() {
    this.#running = false
    await this.ended
    if (this.failure) throw this.failure
    return this.sent
  }
}

async function restart(cluster) {
  const topic = await cluster.topic('restart', PARTITIONS)
  const group = cluster.name('restart')
  const members = [new LocalMember(cluster.bootstrap, { group, topic }),
    new LocalMember(cluster.bootstrap, { group, topic })]
  await Promise.all(members.map(member => member.open()))
  try {
    return await cluster.withReader(topic, reader => cluster.withProducer(producer =>
      check(cluster, { topic, group, members, reader, producer }), { idempotent: true }))
  } finally {
    await Promise.all(members.map(member => member.close()))
  }
}

async function check(cluster, { topic, group, members, reader, producer }) {
  const sending = new Sending(producer, topic)
  const byReader = new Map()
  const byGroup = new Map()
  const count = (into, text) => into.set(text, (into.get(text) ?? 0) + 1)
  const look = () => {
    if (sending.failure) throw sending.failure
    reader.drain().forEach(record => count(byReader, line(record)))
    for (const member of members) {
      if (member.failure()) throw member.failure()
      member.drain().forEach(text => count(byGroup, text))
    }
  }
  const readOn = async when => {
    const mark = sending.sent.length + STEP
    await eventually(() => `${STEP} records read ${when}: ${sending.sent.length} sent, ${byReader.size} read, ` +
      `${byGroup.size} by the group`, () => {
      look()
      return byReader.size >= mark && byGroup.size >= mark
    })
  }
  await readOn('at first')
  await ask('restart')
  await readOn('after the restart')
  await ask('kill')
  await readOn('after the kill')
  const sent = await sending.stop()
  const log = await cluster.read(topic)
  const lines = new Set(log.map(line))
  for (const record of sent) {
    isTrue(lines.has(line(record)), `an acknowledged record is not where it was said to be: ${line(record)}`)
  }
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = records => records.filter(record => record.partition === partition)
    same(own(sent), own(log))
  }
  await eventually('all is read', () => {
    look()
    return byReader.size >= log.length && byGroup.size >= log.length
  })
  // kafkajs reads in groups only, which read again what was not committed.
  for (const seen of [byReader, byGroup]) sameLines([...lines].sort(), [...seen.keys()].sort())
  const ends = (await cluster.bounds(topic)).map(([, end]) => end)
  await eventually('the group has committed the end', async () =>
    String(await committed(cluster, group, topic, PARTITIONS)) === String(ends))
  const again = [...byGroup.values()].reduce((sum, times) => sum + times - 1, 0)
  return sent.length === log.length ? `${sent.length} sent and in the log, ${again} came to the group again`
    : fail(`${sent.length} sent, ${log.length} in the log`)
}
