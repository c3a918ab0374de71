// Running checks and reporting them as the runner reads it: "PLAN name", then "CHECK name ok|fail ms detail".

import { isDeepStrictEqual } from 'node:util'

// How long a check waits for something that must come; generous, as other work shares the machine.
export const PATIENCE_MS = 1000 * Number(process.env.WEIR_COMPAT_PATIENCE ?? 120)

// The checks of one client, in the order in which they start. A check's body says in a few words what was compared, and
// throws when the broker did something else.
export class Checks {
  #bodies = new Map()

  add(name, body) {
    this.#bodies.set(name, body)
  }

  // Runs those whose name contains one of the filters (all without a filter), so many at once.
  async run(parallel, filters) {
    const chosen = [...this.#bodies.keys()].filter(
      name => filters.length === 0 || filters.some(text => name.includes(text)))
    chosen.forEach(name => print('PLAN', name))
    const worker = async () => {
      for (let name = chosen.shift(); name !== undefined; name = chosen.shift()) {
        await this.#runOne(name)
      }
    }
    await Promise.all(Array.from({ length: parallel }, worker))
  }

  async #runOne(name) {
    const start = Date.now()
    let verdict = 'ok'
    let detail
    try {
      detail = await this.#bodies.get(name)()
    } catch (problem) {
      verdict = 'fail'
      detail = describe(problem)
    }
    print('CHECK', name, verdict, String(Date.now() - start), detail)
  }
}

function print(...fields) {
  console.log(fields.map(field => field.replace(/[\t\n]/g, ' ')).join('\t'))
}

// The error and the places in the checks that led to it.
function describe(problem) {
  const places = String(problem.stack).match(/\/(kafkajs|common)\/[a-z]+\.js:\d+/g) ?? []
  const own = places.filter(place => !place.includes('/checks.js')).slice(0, 3)
  return `${problem.name}: ${problem.message} at ${own.map(place => place.slice(1)).join(' ')}`
}

export function fail(text) {
  throw new Error(text)
}

export function isTrue(holds, what) {
  if (!holds) fail(what)
}

// Fails with both values when they differ.
export function equal(expected, found, what) {
  if (!isDeepStrictEqual(expected, found)) {
    fail(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`)
  }
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

// Waits until the condition holds; says what was, if it never does.
export async function eventually(what, condition) {
  const end = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    isTrue(Date.now() < end, `not within ${PATIENCE_MS / 1000} s: ${typeof what === 'function' ? what() : what}`)
    await sleep(50)
  }
}
