import { storeSuite } from '../suites/store-suite.ts'
import { openFileHome } from './file-home.ts'

storeSuite('a store in a file', () => openFileHome())
