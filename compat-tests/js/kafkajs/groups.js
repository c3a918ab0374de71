// Groups of three whose members come, go and die. kafkajs has one strategy, an eager one, and no static members.

import { equal } from '../common/checks.js'
import { Scene } from './scene.js'

export function registerGroups(checks, cluster) {
  checks.add('group.round_robin', () => Scene.play(cluster, 'group-round-robin', roundRobin))
}

// At each change everybody gives up everything.
async function roundRobin(scene) {
  await scene.join('a')
  await scene.expectRound(await scene.settle())
  await scene.join('b')
  await scene.joinInOwnProcess('c')
  await scene.expectRound(await scene.settle())
  const revoked = new Set(scene.members.get('a').drainRevoked())
  equal([0, 1, 2, 3, 4, 5], [...revoked].sort(), 'given up when others joined')
  await scene.leave('c')
  await scene.expectRound(await scene.settle())
  await scene.leave('a')
  await scene.expectRound(await scene.settle())
  await scene.join('d')
  await scene.expectRound(await scene.settle())
  return '5 rounds: one, three, one killed, one left, one new'
}
