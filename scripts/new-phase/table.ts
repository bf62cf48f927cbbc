/** The table of phases/index.ts as text: where a new phase's import, line and row belong. Everything else stays as it is. */
import { parseSync } from 'oxc-parser'
import { fail } from '#core'
import type { PhaseNames } from './names.ts'

export interface Place {
  readonly pipeline: string
  /** The phase it follows; default: it comes before the last row. */
  readonly after: PhaseNames | null
}

type Node = { readonly type: string; readonly start: number; readonly end: number } & Readonly<Record<string, unknown>>
interface Edit {
  readonly at: number
  readonly text: string
}

/** The new source, and the constant of the phase that it follows. */
export function addToTable(source: string, names: PhaseNames, place: Place): { readonly source: string; readonly follows: string } {
  if (new RegExp(`\\b${names.constant}\\b`).test(source))
    throw fail('INVALID_INPUT', { field: 'NAME', problem: `is taken: phases/index.ts uses ${names.constant} already` })
  const nodes = nodesOf(source)
  const { row, next } = rowBefore(nodes, place)
  const follows = constantOf(row)
  const edited = apply(source, [
    importEdit(nodes, names),
    lineEdit(nodes, names, follows),
    { at: row.end, text: `,\n    ${rowText(source, names, [row, next])}` },
  ])
  if (parseSync('index.ts', edited).errors.length > 0)
    throw fail('INVALID_INPUT', { field: 'NAME', problem: `cannot be the name of a constant: ${names.constant}` })
  return { source: edited, follows }
}

const apply = (source: string, edits: readonly Edit[]): string =>
  edits.toSorted((a, b) => b.at - a.at).reduce((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), source)

function importEdit(nodes: readonly Node[], names: PhaseNames): Edit {
  const text = `import ${names.constant} from './${names.file}.ts'`
  const own = nodes.filter((n) => n.type === 'ImportDeclaration' && literal(n['source'])?.startsWith('./'))
  const later = own.find((n) => (literal(n['source']) ?? '') > `./${names.file}.ts`)
  return later ? { at: later.start, text: `${text}\n` } : { at: own.at(-1)?.end ?? 0, text: `\n${text}` }
}

function lineEdit(nodes: readonly Node[], names: PhaseNames, follows: string): Edit {
  const list = nodes.find((n) => n.type === 'VariableDeclarator' && identifier(n['id']) === 'phases')?.['init']
  const elements = elementsOf(list)
  const anchor = elements.find((e) => identifier(e) === follows) ?? elements.at(-1)
  if (!anchor) throw fail('INVALID_INPUT', { field: 'phases/index.ts', problem: 'has no list of `phases`' })
  return { at: anchor.end, text: `,\n  ${names.constant}` }
}

function rowBefore(nodes: readonly Node[], { pipeline, after }: Place): { row: Node; next: Node | undefined } {
  const tables = nodes.filter((n) => n.type === 'ObjectExpression' && property(n, 'rows') !== undefined)
  const table = tables.find((n) => literal(property(n, 'name')) === pipeline)
  if (!table) {
    const known = tables.map((n) => literal(property(n, 'name'))).join(', ')
    throw fail('PIPELINE_UNKNOWN', { pipeline, known, field: '--pipeline' })
  }
  const rows = elementsOf(property(table, 'rows'))
  const index = after ? rows.findIndex((row) => constantOf(row) === after.constant) : Math.max(0, rows.length - 2)
  const row = rows[index]
  if (!row) throw fail('INVALID_INPUT', { field: '--after', problem: `must be a phase of ${pipeline}: ${rows.map(constantOf).join(', ')}` })
  return { row, next: rows[index + 1] }
}

/** In the group of the row before it; between two rows that need the execution lease it needs it too. */
function rowText(source: string, names: PhaseNames, [row, next]: readonly [Node, Node | undefined]): string {
  const group = property(row, 'group')
  const exclusive = (n: Node | undefined): boolean => n !== undefined && valueOf(property(n, 'exclusive')) === true
  const parts = [
    `phase: ${names.constant}.id`,
    `group: ${group ? source.slice(group.start, group.end) : "'planning'"}`,
    ...(exclusive(row) && exclusive(next) ? ['exclusive: true'] : []),
  ]
  return `{ ${parts.join(', ')} }`
}

const constantOf = (row: Node): string => {
  const phase = property(row, 'phase')
  return phase?.type === 'MemberExpression' ? (identifier(phase['object']) ?? '') : ''
}

// -------------------------------------------------------------------------------------------------------------- parser

function nodesOf(source: string): readonly Node[] {
  const { program, errors } = parseSync('index.ts', source)
  if (errors.length > 0)
    throw fail('INVALID_INPUT', { field: 'phases/index.ts', problem: `cannot be parsed: ${errors[0]?.message ?? 'unknown'}` })
  const nodes: Node[] = []
  collect(program, nodes)
  return nodes
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
const elementsOf = (node: unknown): readonly Node[] =>
  isNode(node) && Array.isArray(node['elements']) ? node['elements'].filter(isNode) : []
const identifier = (node: unknown): string | undefined =>
  isNode(node) && node.type === 'Identifier' && typeof node['name'] === 'string' ? node['name'] : undefined
const valueOf = (node: unknown): unknown => (isNode(node) && node.type === 'Literal' ? node['value'] : undefined)
function literal(node: unknown): string | undefined {
  const value = valueOf(node)
  return typeof value === 'string' ? value : undefined
}

function property(node: Node, name: string): Node | undefined {
  const properties: readonly unknown[] = Array.isArray(node['properties']) ? node['properties'] : []
  const found = properties.find((p) => isNode(p) && p.type === 'Property' && identifier(p['key']) === name)
  return isNode(found) && isNode(found['value']) ? found['value'] : undefined
}
