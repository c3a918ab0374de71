// Members of a group: one in this process, and one in a process of its own that can be killed.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

import kafkajs from 'kafkajs'

import { sleep } from '../common/checks.js'
import { line } from '../common/lines.js'
import { connect, fromLibrary } from './cluster.js'

const { PartitionAssigners } = kafkajs

// A member that reads and commits by itself until it leaves.
export class LocalMember {
  #lines = []
  #revoked = []
  #assigned = []
  #failure = null

  constructor(bootstrap, { group, topic, clientId, fromBeginning = true, session = 6000 }) {
    this.topic = topic
    this.fromBeginning = fromBeginning
    this.consumer = connect(bootstrap, clientId).consumer({ groupId: group, sessionTimeout: session, maxWaitTimeInMs: 100,
      heartbeatInterval: 500, partitionAssigners: [PartitionAssigners.roundRobin],
      // It joins again, whatever ended it.
      retry: { initialRetryTime: 100, maxRetryTime: 500, restartOnFailure: async () => true } })
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events
    this.consumer.on(GROUP_JOIN, ({ payload }) => { this.#assign(payload.memberAssignment[topic] ?? []) })
    this.consumer.on(REBALANCING, () => { this.#assign([]) })
    this.consumer.on(CRASH, ({ payload }) => {
      this.#assign([])
      if (!payload.restart) this.#failure = payload.error
    })
  }

  // Eager: at each change everything is given up.
  #assign(partitions) {
    this.#revoked.push(...this.#assigned)
    this.#assigned = [...partitions].sort()
  }

  async open() {
    await this.consumer.connect()
    await this.consumer.subscribe({ topic: this.topic, fromBeginning: this.fromBeginning })
    await this.consumer.run({ autoCommit: true, eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary,
      uncommittedOffsets, isRunning, isStale }) => {
      for (const message of batch.messages) {
        if (!isRunning() || isStale()) return
        this.#lines.push(line(fromLibrary(batch.partition, message)))
        resolveOffset(message.offset)
      }
      await commitOffsetsIfNecessary(uncommittedOffsets())
    } })
    return this
  }

  assigned() {
    return [...this.#assigned]
  }

  // The lines it read since the last call.
  drain() {
    return this.#lines.splice(0)
  }

  // The partitions taken from it since the last call.
  drainRevoked() {
    return this.#revoked.splice(0)
  }

  // What ended it, if it did not end by itself.
  failure() {
    return this.#failure
  }

  async close() {
    await this.consumer.disconnect()
  }
}

// A member in a process of its own. It ends by itself when this process does.
export class ChildMember {
  #assigned = []
  #lines = []
  #ended = null

  constructor(bootstrap, options) {
    this.process = spawn(process.execPath, [process.argv[1], 'member', bootstrap, JSON.stringify(options)],
      { stdio: ['pipe', 'pipe', 'inherit'] })
    this.exit = new Promise(resolve => this.process.on('exit', code => {
      this.#ended = new Error(`exit code ${code}`)
      resolve()
    }))
    createInterface({ input: this.process.stdout }).on('line', text => {
      const [assigned, lines] = JSON.parse(text)
      this.#assigned = assigned
      this.#lines.push(...lines)
    })
  }

  async open() {
    return this
  }

  assigned() {
    return [...this.#assigned]
  }

  drain() {
    return this.#lines.splice(0)
  }

  drainRevoked() {
    return []
  }

  failure() {
    return this.#ended
  }

  // Kills it: it goes without a word to the broker.
  async close() {
    this.process.kill('SIGKILL')
    await this.exit
  }
}

// The child's side: prints what it has and reads until its standard input ends.
export async function runMember(bootstrap, settings) {
  process.stdin.on('close', () => process.exit(1)).resume()
  const member = await new LocalMember(bootstrap, JSON.parse(settings)).open()
  while (member.failure() === null) {
    console.log(JSON.stringify([member.assigned(), member.drain()]))
    await sleep(50)
  }
  throw member.failure()
}
