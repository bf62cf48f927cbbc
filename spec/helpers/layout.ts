/**
 * The layout of the source as data, and the check that holds it. A violation says where, and what to do, in one sentence.
 * The parser is oxc's: TypeScript 7 offers no parser to programs.
 */
import path from 'node:path'
import { parseSync } from 'oxc-parser'

/** Top folder → the doors it may go through. */
export const DIRECTIONS: Readonly<Record<string, readonly string[]>> = {
  plugins: [],
  core: ['#plugins/contract', '#plugins/errors'],
  phases: ['#plugins', '#plugins/contract', '#plugins/errors'],
  router: ['#core', '#plugins/contract', '#core/events'],
  scripts: ['#core', '#core/events', '#plugins', '#plugins/contract', '#plugins/errors', '#phases', '#router'],
}

/** Package → the only places (files, or folders with a slash at the end) in core, plugins, phases and router that may import it. */
export const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@opencode-ai/sdk': ['core/opencode/sdk-adapter.ts'],
  libsql: ['core/store/'],
  '@libsql/client': ['core/store/'],
  '@trpc/server': ['router/'],
  'node:child_process': ['core/workspace/', 'core/opencode/managed-server.ts'],
  msw: [],
}

/** Of a phase without what the model is told: its prompt template. */
export const LIMITS = { fileLines: 300, phaseLines: 119, primitiveLines: 249, functionLines: 50 } as const

/** `file` for its length, `file:function` for a function. Each with the reason why it may be longer. */
export const EXEMPT: Readonly<Record<string, string>> = {}

/** The fake OpenCode is known to the factory; every other way in is a spec's. */
const FAKE = 'core/opencode/fake/'
const FAKE_IS_KNOWN_TO = ['core/opencode/factory.ts', FAKE]
const TABLE = 'phases/index.ts'
const STATUS_HOME = 'core/ticket.ts'
const STATUS_WORDS = ['draft', 'running', 'waiting', 'blocked', 'completed', 'canceled']
/** So many of them together are a list of their own; fewer are often another system's words. */
const STATUS_LIST = 3
const KERNEL = ['core', 'plugins', 'phases', 'router']

export interface Violation {
  readonly file: string
  readonly line: number
  readonly sentence: string
}
export interface Tree {
  /** Path from the root → source. */
  readonly files: Readonly<Record<string, string>>
  /** `imports` of package.json: door → file. */
  readonly doors: Readonly<Record<string, string>>
}

export function checkLayout(tree: Tree, exempt: Readonly<Record<string, string>> = EXEMPT): readonly Violation[] {
  const parsed = Object.entries(tree.files).map(([file, source]) => parse(file, source))
  const ids = new Set(parsed.filter(({ file }) => file.startsWith('phases/')).flatMap(phaseIds))
  const found = parsed.flatMap((file) => [
    ...checkImports(file, tree.doors),
    ...(isPhase(file.file)
      ? checkTable(
          file.file,
          parsed.find((other) => other.file === TABLE),
        )
      : []),
    ...(topOf(file.file) === 'spec' ? [] : [...checkSizes(file, exempt), ...checkWords(file, ids)]),
  ])
  return found.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
}

export const describeViolation = ({ file, line, sentence }: Violation): string => `${file}:${line} ${sentence}`

// ------------------------------------------------------------------------------------------------------------- imports

function checkImports(parsed: Parsed, doors: Tree['doors']): readonly Violation[] {
  return importsOf(parsed).flatMap(({ specifier, node }) =>
    importSentences(parsed.file, specifier, doors).map((sentence) => ({ file: parsed.file, line: parsed.lineOf(node), sentence })),
  )
}

function importSentences(file: string, specifier: string, doors: Tree['doors']): readonly string[] {
  const top = topOf(file)
  if (specifier.startsWith('.') || specifier.startsWith('#')) {
    const target = specifier.startsWith('#') ? doors[specifier]?.replace(/^\.\//, '') : path.posix.join(path.posix.dirname(file), specifier)
    if (target === undefined) return [`imports ${specifier}, which is no door in package.json.`]
    return [...directionSentences({ file, top, specifier, target }), ...fakeSentences(file, target)]
  }
  return homeSentences(file, top, specifier)
}

function directionSentences({
  file,
  top,
  specifier,
  target,
}: {
  file: string
  top: string
  specifier: string
  target: string
}): readonly string[] {
  const targetTop = topOf(target)
  if (top === 'spec') return []
  if (targetTop === 'spec') return [`imports ${target}; nothing imports spec.`]
  if (targetTop === 'scripts' && top !== 'scripts') return [`imports ${target}; only specs import scripts.`]
  if (top === 'phases' && targetTop === 'phases' && file !== TABLE) return [`imports ${target}; a phase never imports a phase.`]
  if (targetTop === top)
    return specifier.startsWith('#') ? [`imports its own folder through the door ${specifier}; use a relative path.`] : []
  if (!specifier.startsWith('#')) return [`reaches into ${targetTop} by path; use a door of package.json.`]
  const allowed = DIRECTIONS[top] ?? []
  return allowed.includes(specifier)
    ? []
    : [`imports ${specifier}; ${top} may import ${allowed.join(' and ') || 'nothing outside itself'}.`]
}

const fakeSentences = (file: string, target: string): readonly string[] =>
  !target.startsWith(FAKE) || topOf(file) === 'spec' || isAt(file, FAKE_IS_KNOWN_TO)
    ? []
    : ['imports the fake OpenCode; only the factory and specs know it.']

function homeSentences(file: string, top: string, specifier: string): readonly string[] {
  if (!KERNEL.includes(top)) return []
  const name = specifier === 'child_process' ? 'node:child_process' : specifier
  return Object.entries(HOMES).flatMap(([packageName, homes]) => {
    if ((name !== packageName && !name.startsWith(`${packageName}/`)) || isAt(file, homes)) return []
    return [`imports ${specifier}, which belongs ${homes.length === 0 ? 'in specs only' : `in ${homes.join(' and ')}`}.`]
  })
}

const isAt = (file: string, places: readonly string[]): boolean =>
  places.some((place) => (place.endsWith('/') ? file.startsWith(place) : file === place))

function importsOf(parsed: Parsed): readonly { specifier: string; node: Node }[] {
  return parsed.nodes.flatMap((node) => {
    const isImport = ['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression', 'TSImportType'].includes(
      node.type,
    )
    const specifier = isImport ? textOf(node['source']) : undefined
    return specifier === undefined ? [] : [{ specifier, node }]
  })
}

/** A phase is its file and its row; what begins with a line under it is a pattern to copy. */
function checkTable(file: string, table: Parsed | undefined): readonly Violation[] {
  const name = path.posix.basename(file)
  if (table === undefined || name.startsWith('_')) return []
  if (importsOf(table).some(({ specifier }) => specifier === `./${name}`)) return []
  return [{ file, line: 1, sentence: `is in no table: import it in ${TABLE}, and give it a row.` }]
}

// --------------------------------------------------------------------------------------------------------------- sizes

function checkSizes(parsed: Parsed, exempt: Readonly<Record<string, string>>): readonly Violation[] {
  const { file, source } = parsed
  const limit = limitOf(file)
  const lines = source.trimEnd().split('\n').length - (isPhase(file) ? templateLines(parsed) : 0)
  const tooLong =
    lines > limit && !Object.hasOwn(exempt, file)
      ? [
          {
            file,
            line: Math.min(limit + 1, source.split('\n').length),
            sentence: `has ${lines} lines; the limit is ${limit}: split it by concept.`,
          },
        ]
      : []
  return [
    ...tooLong,
    ...functionsOf(parsed)
      .filter(({ name }) => !Object.hasOwn(exempt, `${file}:${name}`))
      .flatMap(({ name, node }) => functionViolation(parsed, name, node)),
  ]
}

/** The pipeline table is no phase: it grows by a row with each. */
const isPhase = (file: string): boolean => topOf(file) === 'phases' && file !== TABLE
const limitOf = (file: string): number =>
  isPhase(file) ? LIMITS.phaseLines : file.startsWith('plugins/primitives/') ? LIMITS.primitiveLines : LIMITS.fileLines

function templateLines(parsed: Parsed): number {
  const templates = parsed.nodes.filter(
    (node) =>
      node.type === 'Property' && textOf(node['key']) === 'prompt' && isNode(node['value']) && node['value'].type === 'ObjectExpression',
  )
  return templates.reduce((sum, node) => sum + parsed.lineAt(node.end) - parsed.lineOf(node) + 1, 0)
}

function functionViolation(parsed: Parsed, name: string, node: Node): readonly Violation[] {
  const line = parsed.lineOf(node)
  const lines = parsed.lineAt(node.end) - line + 1
  return lines <= LIMITS.functionLines
    ? []
    : [{ file: parsed.file, line, sentence: `${name} has ${lines} lines; the limit is ${LIMITS.functionLines}: name its parts.` }]
}

function functionsOf(parsed: Parsed): readonly { name: string; node: Node }[] {
  const names = new Map<Node, string>()
  for (const node of parsed.nodes) {
    const named = node['init'] ?? node['value']
    if (isNode(named)) names.set(named, textOf(node['id']) ?? textOf(node['key']) ?? '')
  }
  const functions = parsed.nodes.filter((node) =>
    ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(node.type),
  )
  return functions.map((node) => ({ name: textOf(node['id']) ?? names.get(node) ?? 'a function', node }))
}

// --------------------------------------------------------------------------------------------------------------- words

function checkWords(parsed: Parsed, ids: ReadonlySet<string>): readonly Violation[] {
  const at = (node: Node, sentence: string): Violation => ({ file: parsed.file, line: parsed.lineOf(node), sentence })
  const top = topOf(parsed.file)
  return parsed.nodes.flatMap((node) => [
    ...(top !== 'phases' && ids.has(textOf(node) ?? '') && node.type === 'Literal'
      ? [at(node, `spells the phase id ${textOf(node)}; only phases and specs do.`)]
      : []),
    ...(parsed.file !== STATUS_HOME && isStatusList(node) ? [at(node, `lists ticket statuses; they are spelled in ${STATUS_HOME}.`)] : []),
    ...(KERNEL.includes(top) && isPlainThrow(node)
      ? [at(node, 'throws a plain Error; use a code of core/errors.ts or an error of plugins/errors.ts.')]
      : []),
  ])
}

function phaseIds(parsed: Parsed): readonly string[] {
  const fields = parsed.nodes.filter((node) => node.type === 'Property' && ['id', 'phase'].includes(textOf(node['key']) ?? ''))
  return fields.flatMap((node) => textOf(node['value']) ?? []).filter((id) => /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(id))
}

function isStatusList(node: Node): boolean {
  const elements = node.type === 'ArrayExpression' ? node['elements'] : node.type === 'TSUnionType' ? node['types'] : undefined
  if (!Array.isArray(elements)) return false
  const words = elements.map((element: unknown) =>
    textOf(isNode(element) && element.type === 'TSLiteralType' ? element['literal'] : element),
  )
  return new Set(words.filter((word) => word !== undefined && STATUS_WORDS.includes(word))).size >= STATUS_LIST
}

const isPlainThrow = (node: Node): boolean =>
  node.type === 'ThrowStatement' &&
  isNode(node['argument']) &&
  node['argument'].type === 'NewExpression' &&
  textOf(node['argument']['callee']) === 'Error'

// -------------------------------------------------------------------------------------------------------------- parser

type Node = { readonly type: string; readonly start: number; readonly end: number } & Readonly<Record<string, unknown>>
interface Parsed {
  readonly file: string
  readonly source: string
  readonly nodes: readonly Node[]
  lineAt(offset: number): number
  lineOf(node: Node): number
}

function parse(file: string, source: string): Parsed {
  const { program, errors } = parseSync(file, source)
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors[0]?.message ?? ''}`)
  const nodes: Node[] = []
  collect(program, nodes)
  const lineAt = (offset: number): number => source.slice(0, offset).split('\n').length
  return { file, source, nodes, lineAt, lineOf: (node) => lineAt(node.start) }
}

function collect(value: unknown, nodes: Node[]): void {
  if (Array.isArray(value)) for (const element of value) collect(element, nodes)
  else if (typeof value === 'object' && value !== null) {
    if (isNode(value)) nodes.push(value)
    for (const inner of Object.values(value)) collect(inner, nodes)
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as Node).type === 'string' && typeof (value as Node).start === 'number'

/** The text of a string literal, or the name of an identifier. */
function textOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined
  const text = value.type === 'Literal' ? value['value'] : value.type === 'Identifier' ? value['name'] : undefined
  return typeof text === 'string' ? text : undefined
}

const topOf = (file: string): string => file.split('/')[0] ?? ''
