/**
 * A stand-in for the GitHub command line tool, for the demo and for specs: it keeps the pull requests of a local bare remote
 * in a file in it, and really merges there. Only what LoopTroop uses is there.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** Puts `gh` into a folder, which then goes first on the PATH. */
export async function installFakeGh(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, 'gh')
  await writeFile(file, `#!${process.execPath}\n${PROGRAM}`)
  await chmod(file, 0o755)
}

const PROGRAM = `
const { execFileSync } = require('node:child_process')
const { existsSync, readFileSync, renameSync, writeFileSync, appendFileSync } = require('node:fs')
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const args = process.argv.slice(2)
const remote = git('remote', 'get-url', 'origin')
const file = remote + '/gh.json'
const all = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
const now = () => new Date().toISOString()
const keep = () => { writeFileSync(file + '.new', JSON.stringify(all, null, 1)); renameSync(file + '.new', file) }
const option = (name) => args[args.indexOf(name) + 1]
const at = (ref) => git('--git-dir', remote, 'rev-parse', 'refs/heads/' + ref)
const body = () => readFileSync(0, 'utf8')
const end = (text, code) => { (code ? process.stderr : process.stdout).write(text + '\\n'); process.exit(code || 0) }
appendFileSync(remote + '/gh.log', args.slice(0, 3).join(' ') + '\\n')
const [group, action] = args
// Specs put a file there: {"reset": seconds, or null for the limit that names no end}.
const limit = existsSync(remote + '/gh-limit.json') ? JSON.parse(readFileSync(remote + '/gh-limit.json', 'utf8')) : null
if (group === 'api') end(JSON.stringify({ resources: { graphql: { limit: 5000, remaining: limit && limit.reset ? 0 : 9, reset: (limit && limit.reset) || 0 } } }))
if (limit) end('GraphQL: API rate limit exceeded for user ID 1. (HTTP 403)', 1)
if (group === 'auth') end('Logged in')
const one = all.find((pr) => String(pr.number) === args[2])
const head = (pr) => (pr.state === 'OPEN' ? at(pr.branch) : pr.headRefOid)
if (action === 'list') {
  const mine = all.filter((pr) => pr.branch === option('--head')).reverse().slice(0, 1)
  end(JSON.stringify(mine.map((pr) => ({ number: pr.number, url: pr.url, state: pr.state, isDraft: pr.isDraft, headRefOid: head(pr), baseRefName: pr.baseRefName, updatedAt: pr.updatedAt }))))
}
if (action === 'create') {
  const branch = option('--head')
  if (all.some((pr) => pr.branch === branch && pr.state === 'OPEN')) end('a pull request for this branch already exists', 1)
  const number = all.length + 1
  all.push({ number, url: 'https://forge.invalid/pull/' + number, state: 'OPEN', isDraft: args.includes('--draft'), branch, baseRefName: option('--base'), title: option('--title'), body: body(), headRefOid: at(branch), updatedAt: now() })
  keep()
  end(all.at(-1).url)
}
if (!one) end('no such pull request', 1)
one.updatedAt = now()
if (action === 'edit') { one.title = option('--title'); one.body = body() }
if (action === 'ready') one.isDraft = false
if (action === 'close') { one.headRefOid = head(one); one.state = 'CLOSED' }
if (action === 'merge') {
  if (one.isDraft) end('still a draft', 1)
  if (head(one) !== option('--match-head-commit')) end('head moved', 1)
  one.headRefOid = head(one)
  const base = at(one.baseRefName)
  const tree = git('--git-dir', remote, 'merge-tree', '--write-tree', base, one.headRefOid)
  const who = ['-c', 'user.name=Forge', '-c', 'user.email=forge@localhost']
  const commit = git('--git-dir', remote, ...who, 'commit-tree', tree, '-p', base, '-p', one.headRefOid, '-m', 'Merge pull request #' + one.number)
  git('--git-dir', remote, 'update-ref', 'refs/heads/' + one.baseRefName, commit, base)
  one.state = 'MERGED'
}
keep()
end('')
`
