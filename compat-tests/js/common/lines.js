// A record as one line of text: partition, offset, timestamp, key, value, headers. Null is "-" and the empty value is
// "=", so that the two never look alike; long values stand as length and SHA-256. Two records are the same if and only
// if their lines are.
//
// A record is { partition, offset, time, key, value, headers }; time in milliseconds, key and value Buffers or null,
// headers pairs of a name and a Buffer or null.

import { createHash } from 'node:crypto'

import { equal } from './checks.js'

// Bytes up to this length are written out in hexadecimal.
const SHORT = 48

export function line({ partition, offset, time, key, value, headers = [] }) {
  const written = headers.map(([name, content]) => `[${bytes(Buffer.from(name))} ${bytes(content)}]`).join('')
  return `p${partition} o${offset} t${time} k${bytes(key)} v${bytes(value)} h${written}`
}

function bytes(content) {
  if (content === null || content === undefined) return '-'
  if (content.length <= SHORT) return '=' + content.toString('hex')
  return `#${content.length}:${createHash('sha256').update(content).digest('hex')}`
}

// Orders records by partition; inside a partition they stay as they came.
export function byPartition(records) {
  return [...records].sort((one, other) => one.partition - other.partition)
}

// Records that are produced, in this order, to empty partitions, with their offsets; by partition.
export function numbered(records) {
  const ends = new Map()
  return byPartition(records.map(record => {
    const offset = ends.get(record.partition) ?? 0
    ends.set(record.partition, offset + 1)
    return { ...record, offset }
  }))
}

// Both are the same records in the same order; returns their count and digest.
export function same(expected, found) {
  return sameLines(expected.map(line), found.map(line))
}

export function sameLines(expected, found) {
  for (let index = 0; index < Math.min(expected.length, found.length); index++) {
    equal(expected[index], found[index], `record ${index}`)
  }
  equal(expected.length, found.length, 'number of records')
  const digest = createHash('sha256').update(found.map(text => text + '\n').join('')).digest('hex')
  return `${found.length} records ${digest.slice(0, 12)}`
}
