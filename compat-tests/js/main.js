// The JavaScript side of the tests: main.js BOOTSTRAP [FILTER]… runs the checks of kafkajs, its restart check if a
// control address is set; main.js member BOOTSTRAP SETTINGS is a group's member that can be killed.

import { Checks } from './common/checks.js'
import { registerAdmin } from './kafkajs/admin.js'
import { Cluster } from './kafkajs/cluster.js'
import { registerCodecs } from './kafkajs/codecs.js'
import { registerCommit } from './kafkajs/commit.js'
import { registerConsume } from './kafkajs/consume.js'
import { registerErrors } from './kafkajs/errors.js'
import { registerGroups } from './kafkajs/groups.js'
import { runMember } from './kafkajs/member.js'
import { registerProduce } from './kafkajs/produce.js'
import { registerRestart } from './kafkajs/restart.js'

// Checks that run at once. Most of their time is waiting.
const PARALLEL = 6
// Records of produce.volume.
const VOLUME = Number(process.env.WEIR_COMPAT_VOLUME ?? 5000)

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
registerCodecs()
const [command, ...rest] = process.argv.slice(2)
if (command === 'member') {
  await runMember(...rest)
} else {
  const cluster = new Cluster(command)
  const checks = new Checks()
  if (process.env.WEIR_COMPAT_CONTROL) {
    registerRestart(checks, cluster)
  } else {
    // The slowest first, as they wait most.
    registerGroups(checks, cluster)
    registerProduce(checks, cluster, VOLUME)
    registerConsume(checks, cluster)
    registerCommit(checks, cluster)
    registerAdmin(checks, cluster)
    registerErrors(checks, cluster)
  }
  await checks.run(PARALLEL, rest)
}
// A check that failed may have left something open.
process.exit(0)
