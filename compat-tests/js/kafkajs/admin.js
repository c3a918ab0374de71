// Admin calls on topics, configs and groups: what they answer and that they act.

import kafkajs from 'kafkajs'

import { equal, eventually, isTrue } from '../common/checks.js'
import { byPartition, same } from '../common/lines.js'
import { noise, samples } from '../common/samples.js'
import { codeOf, entries } from './cluster.js'
import { GROUP_ID_NOT_FOUND, MESSAGE_TOO_LARGE, NON_EMPTY_GROUP } from './errors.js'
import { PARTITIONS, Scene, committed } from './scene.js'

const { AssignerProtocol, ConfigResourceTypes } = kafkajs

export function registerAdmin(checks, cluster) {
  for (const [name, body] of Object.entries({ create_topics: createTopics, delete_topics: deleteTopics,
    create_partitions: createPartitions, describe_topics: describeTopics, describe_cluster: describeCluster,
    describe_configs: describeConfigs, describe_broker: describeBroker, replace_configs: replaceConfigs,
    configs_act: configsAct, delete_records: deleteRecords, groups, group_offsets: groupOffsets })) {
    checks.add(`admin.${name}`, () => body(cluster))
  }
  checks.add('error.group_not_empty', () => groupNotEmpty(cluster))
  checks.add('error.group_not_found', () => groupNotFound(cluster))
}

async function exists(cluster, topic) {
  return (await cluster.admin.listTopics()).includes(topic)
}

async function node(cluster) {
  return (await cluster.admin.describeCluster()).brokers[0].nodeId
}

async function partitionsOf(cluster, topic) {
  const { topics } = await cluster.admin.fetchTopicMetadata({ topics: [topic] })
  return topics[0].partitions.sort((a, b) => a.partitionId - b.partitionId)
}

// By count, by assignment, with configs; validating creates nothing.
async function createTopics(cluster) {
  const [counted, assigned, validated] = ['counted', 'assigned', 'validated'].map(what => cluster.name(what))
  const own = [await node(cluster)]
  await cluster.create({ topic: counted, numPartitions: 3, configEntries: entries({ 'retention.ms': '123456' }) })
  await cluster.create({ topic: assigned, numPartitions: -1, replicationFactor: -1,
    replicaAssignment: [{ partition: 0, replicas: own }, { partition: 1, replicas: own }] })
  await cluster.create({ topic: validated, numPartitions: 1 }, { validateOnly: true })
  await eventually('topics', async () => (await exists(cluster, counted)) && exists(cluster, assigned))
  equal(3, (await partitionsOf(cluster, counted)).length, 'partitions by count')
  equal(2, (await partitionsOf(cluster, assigned)).length, 'partitions by assignment')
  equal('123456', (await topicConfigs(cluster, counted))['retention.ms'], 'config')
  isTrue(!(await exists(cluster, validated)), 'validating created the topic')
  return '3 topics'
}

// A topic made again under the same name is another one, and empty.
async function deleteTopics(cluster) {
  const topic = await cluster.topic('delete', 2)
  await cluster.send(topic, samples(2, 50, 1))
  await cluster.admin.deleteTopics({ topics: [topic] })
  await eventually('gone', async () => !(await exists(cluster, topic)))
  await eventually('the name is free', async () => {
    const made = await codeOf(async () => isTrue(await cluster.create({ topic, numPartitions: 1 }), 'not created'))
    return made === 0
  })
  await cluster.awaitPartitions(topic, 1)
  return cluster.roundTrip(topic, samples(1, 40, 2))
}

async function createPartitions(cluster) {
  const topic = await cluster.topic('create-partitions', 1)
  await cluster.admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
  await cluster.awaitPartitions(topic, 4)
  equal(4, (await partitionsOf(cluster, topic)).length, 'partitions')
  return cluster.roundTrip(topic, samples(4, 100, 2))
}

async function describeTopics(cluster) {
  const topic = await cluster.topic('describe', 3)
  const own = await node(cluster)
  const found = (await partitionsOf(cluster, topic)).map(({ partitionId, leader, replicas, isr }) =>
    [partitionId, leader, replicas, isr])
  equal([0, 1, 2].map(id => [id, own, [own], [own]]), found, 'id, leader, replicas, in-sync ones')
  return '3 partitions'
}

async function describeCluster(cluster) {
  const { brokers, controller, clusterId } = await cluster.admin.describeCluster()
  isTrue(Boolean(clusterId), 'no cluster id')
  equal([cluster.bootstrap], brokers.map(({ host, port }) => `${host}:${port}`), 'addresses')
  equal(brokers[0].nodeId, controller, 'controller')
  return '1 node'
}

async function configs(cluster, type, name) {
  const { resources } = await cluster.admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] })
  return Object.fromEntries(resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue]))
}

function topicConfigs(cluster, topic) {
  return configs(cluster, ConfigResourceTypes.TOPIC, topic)
}

async function describeConfigs(cluster) {
  const wanted = { 'cleanup.policy': 'compact,delete', 'segment.bytes': '2000000' }
  const found = await topicConfigs(cluster, await cluster.topic('describe-configs', 1, wanted))
  for (const [name, value] of Object.entries({ ...wanted, 'retention.ms': '604800000',
    'max.message.bytes': '1048588', 'compression.type': 'producer' })) {
    equal(value, found[name], name)
  }
  return `${Object.keys(found).length} settings`
}

async function describeBroker(cluster) {
  const found = await configs(cluster, ConfigResourceTypes.BROKER, String(await node(cluster)))
  equal('false', found['auto.create.topics.enable'], 'auto.create.topics.enable')
  equal('1048588', found['message.max.bytes'], 'message.max.bytes')
  return `${Object.keys(found).length} settings`
}

function replace(cluster, topic, values) {
  return cluster.impatient.alterConfigs({ validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: entries(values) }] })
}

// The older request, which kafkajs has, puts what it does not name back to its default.
async function replaceConfigs(cluster) {
  const topic = await cluster.topic('replace', 1, { 'retention.bytes': '1000', 'cleanup.policy': 'compact' })
  await replace(cluster, topic, { 'retention.ms': '3600000' })
  await eventually('replaced', async () => {
    const found = await topicConfigs(cluster, topic)
    return found['retention.ms'] === '3600000' && found['retention.bytes'] === '-1' && found['cleanup.policy'] === 'delete'
  })
  return '1 set, 2 put back'
}

// A new max.message.bytes refuses, a larger one takes again.
async function configsAct(cluster) {
  const topic = await cluster.topic('configs-act', 1)
  const big = { partition: 0, time: Date.now(), key: null, value: noise(20_000, 1) }
  equal(0, await cluster.sendCode(topic, big), 'error before')
  await replace(cluster, topic, { 'max.message.bytes': '10000' })
  await eventually('refused', async () => (await cluster.sendCode(topic, big)) === MESSAGE_TOO_LARGE)
  await replace(cluster, topic, { 'max.message.bytes': '30000' })
  await eventually('taken', async () => (await cluster.sendCode(topic, big)) === 0)
  return 'refused and taken'
}

// The start of the log moves; what is left is read as before.
async function deleteRecords(cluster) {
  const topic = await cluster.topic('delete-records', 1)
  const sent = await cluster.send(topic, samples(1, 100, 4))
  await cluster.withAdmin(async admin => {
    // It finds the leader among the topics it knows.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '40' }] })
  })
  equal([[40, 100]], await cluster.bounds(topic), 'ends of the log')
  return same(sent.slice(40), byPartition(await cluster.read(topic)))
}

// Listed, described with members and their partitions, deleted when empty.
function groups(cluster) {
  return Scene.play(cluster, 'admin-groups', async scene => {
    await scene.join('a')
    await scene.join('b')
    await scene.settle()
    const listed = async () => (await cluster.admin.listGroups()).groups.find(each => each.groupId === scene.group)
    equal('consumer', (await listed()).protocolType, 'listed protocol')
    const { protocol, members } = await scene.describe()
    equal('RoundRobinAssigner', protocol, 'strategy')
    let count = 0
    for (const { clientId, clientHost, memberAssignment } of members) {
      equal('seen', clientId, 'client id')
      isTrue(clientHost.includes('127.0.0.1'), `host ${clientHost}`)
      count += AssignerProtocol.MemberAssignment.decode(memberAssignment).assignment[scene.topic].length
    }
    equal(PARTITIONS, count, 'partitions of the members')
    await scene.leave('a')
    await scene.leave('b')
    await eventually('empty', async () => (await scene.describe()).state === 'Empty')
    await cluster.admin.deleteGroups([scene.group])
    equal(undefined, await listed(), 'listed after it was deleted')
    return 'listed, described, deleted'
  }, { clientId: 'seen' })
}

// Offsets of an empty group can be set from outside, and to the ends of the log; they go with the group.
async function groupOffsets(cluster) {
  const topic = await cluster.topic('admin-offsets', 2)
  const groupId = cluster.name('admin-offsets')
  await cluster.send(topic, samples(2, 30, 1))
  const found = () => committed(cluster, groupId, topic, 2)
  await cluster.admin.setOffsets({ groupId, topic,
    partitions: [{ partition: 0, offset: '7' }, { partition: 1, offset: '8' }] })
  equal([7, 8], await found(), 'set')
  for (const [earliest, offset] of [[true, -2], [false, -1]]) {
    await cluster.admin.resetOffsets({ groupId, topic, earliest })
    // kafkajs commits a name for the end, which it resolves when it reads.
    const resolved = await cluster.admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })
    const expected = offset === -2 ? '0' : '15'
    equal([expected, expected], resolved[0].partitions.map(each => each.offset), 'reset')
  }
  await cluster.admin.deleteGroups([groupId])
  equal([-1, -1], await found(), 'after the group was deleted')
  return 'set, reset and deleted'
}

function groupNotEmpty(cluster) {
  return Scene.play(cluster, 'not-empty', async scene => {
    await scene.join('a')
    await scene.expectRound(await scene.settle())
    equal(NON_EMPTY_GROUP, await codeOf(() => cluster.impatient.deleteGroups([scene.group])), 'deleting the group')
    await scene.expectRound(await scene.settle())
    return 'NON_EMPTY_GROUP'
  })
}

async function groupNotFound(cluster) {
  equal(GROUP_ID_NOT_FOUND, await codeOf(() => cluster.impatient.deleteGroups([cluster.name('nobody')])), 'deleting')
  return 'GROUP_ID_NOT_FOUND'
}
