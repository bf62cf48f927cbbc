/** The whole `quick` ticket, killed after the first use of each verb and taken up by a second kernel. See `verb-kills.ts`. */
import { describeVerbKills } from './verb-kills.ts'

await describeVerbKills('after')
