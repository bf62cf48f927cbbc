/**
 * What a child process may know. An allow-list: tokens and passwords of LoopTroop and OpenCode, and whatever else stands in
 * the server's environment, never reach a command or a git.
 */
import path from 'node:path'

const PASSED_ON = [
  ...[
    'HOME',
    'USER',
    'LOGNAME',
    'SHELL',
    'LANG',
    'LANGUAGE',
    'TZ',
    'TERM',
    'TMPDIR',
    'TMP',
    'TEMP',
    'XDG_CONFIG_HOME',
    'XDG_CACHE_HOME',
    'XDG_DATA_HOME',
  ],
  ...[
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
    'http_proxy',
    'https_proxy',
    'no_proxy',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'NODE_EXTRA_CA_CERTS',
  ],
  ...[
    'JAVA_HOME',
    'GOPATH',
    'GOROOT',
    'CARGO_HOME',
    'RUSTUP_HOME',
    'NVM_DIR',
    'VOLTA_HOME',
    'PNPM_HOME',
    'BUN_INSTALL',
    'DENO_DIR',
    'PYENV_ROOT',
    'RBENV_ROOT',
    'ANDROID_HOME',
  ],
]

export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const passed = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && (PASSED_ON.includes(name) || name.startsWith('LC_')),
  )
  return { ...(Object.fromEntries(passed) as Record<string, string>), PATH: searchPath().join(path.delimiter), ...extra }
}

/** Absolute folders only, without the bin folders that npm put in front for LoopTroop itself. */
export function searchPath(): readonly string[] {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter)
  return folders.filter(
    (folder) => path.isAbsolute(folder) && !folder.endsWith(path.join('node_modules', '.bin')) && !folder.endsWith('node-gyp-bin'),
  )
}
