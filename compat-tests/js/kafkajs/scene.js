// A topic of six partitions and the members of one group that read it.

import { equal, eventually, sleep } from '../common/checks.js'
import { line, sameLines } from '../common/lines.js'
import { toLibrary } from './cluster.js'
import { ChildMember, LocalMember } from './member.js'

export const PARTITIONS = 6
// Records for each partition in a round.
const ROUND = 20

export class Scene {
  members = new Map()
  #produced = 0

  // Makes the topic, runs the body and closes the members.
  static async play(cluster, what, body, options = {}) {
    const scene = new Scene(cluster, cluster.name(what), await cluster.topic(what, PARTITIONS), options)
    try {
      return await body(scene)
    } finally {
      await Promise.all([...scene.members.values()].map(member => member.close()))
    }
  }

  constructor(cluster, group, topic, options) {
    this.cluster = cluster
    this.group = group
    this.topic = topic
    this.options = { ...options, group, topic }
  }

  async join(name, Kind = LocalMember) {
    this.members.set(name, await new Kind(this.cluster.bootstrap, this.options).open())
  }

  joinInOwnProcess(name) {
    return this.join(name, ChildMember)
  }

  // Closes a member; one in a process of its own is killed.
  async leave(name) {
    const member = this.members.get(name)
    this.members.delete(name)
    await member.close()
  }

  async describe() {
    return (await this.cluster.admin.describeGroups([this.group])).groups[0]
  }

  // Waits until the group is stable and the members share all partitions evenly, each with one owner.
  async settle() {
    const settled = async () => {
      if (!this.#shared()) return false
      const { state, members } = await this.describe()
      return state === 'Stable' && members.length === this.members.size
    }
    await eventually(`settled: ${this.group} of ${[...this.members.keys()]}`, async () => {
      if (!(await settled())) return false
      await sleep(300)
      return settled()
    })
    return new Map([...this.members].map(([name, member]) => [name, member.assigned()]))
  }

  #shared() {
    const shares = [...this.members.values()].map(member => {
      if (member.failure()) throw member.failure()
      return member.assigned()
    })
    const least = Math.floor(PARTITIONS / shares.length)
    const most = Math.ceil(PARTITIONS / shares.length)
    const all = shares.flat()
    return shares.every(share => least <= share.length && share.length <= most)
      && all.length === PARTITIONS && new Set(all).size === PARTITIONS
  }

  // Produces a round of records; each comes once, to the member that has its partition, and is committed.
  async expectRound(shares) {
    const expected = await this.#produceRound()
    const found = new Map([...this.members.keys()].map(name => [name, []]))
    let count = 0
    await eventually(() => `${count} of ${expected.length} records of a round in ${this.group}`, () => {
      for (const [name, member] of this.members) {
        const lines = member.drain()
        found.get(name).push(...lines)
        count += lines.length
      }
      return count >= expected.length
    })
    for (const [name, share] of shares) {
      for (const partition of share) {
        const own = found.get(name).filter(text => text.startsWith(`p${partition} `))
        sameLines(expected.filter(record => record.partition === partition).map(line), own)
      }
    }
    equal(expected.length, count, 'records in all')
    await eventually('the round is committed', async () => {
      const offsets = await this.committed()
      return offsets.every(offset => offset === this.#produced)
    })
  }

  // The committed offset of each partition, -1 where there is none.
  async committed() {
    return committed(this.cluster, this.group, this.topic, PARTITIONS)
  }

  async #produceRound() {
    const round = Array.from({ length: ROUND * PARTITIONS }, (_, i) => ({ partition: i % PARTITIONS, time: Date.now(),
      offset: this.#produced + Math.floor(i / PARTITIONS), key: Buffer.from(`k${i}`),
      value: Buffer.from(`record ${this.#produced * PARTITIONS + i}`) }))
    const answers = await this.cluster.withProducer(producer =>
      producer.send({ topic: this.topic, messages: round.map(toLibrary) }))
    for (const { partition, baseOffset } of answers) {
      equal(this.#produced, Number(baseOffset), `first offset in partition ${partition}`)
    }
    this.#produced += ROUND
    return round
  }
}

// The committed offset of each partition, -1 where there is none.
export async function committed(cluster, group, topic, count) {
  const offsets = Array(count).fill(-1)
  for (const each of await cluster.admin.fetchOffsets({ groupId: group, topics: [topic] })) {
    for (const { partition, offset } of each.partitions) offsets[partition] = Number(offset)
  }
  return offsets
}
