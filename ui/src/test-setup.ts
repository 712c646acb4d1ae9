// What every test needs. happy-dom lays nothing out, and the editor asks where things are.

import { cleanup } from '@testing-library/svelte'
import { afterEach } from 'vitest'

Range.prototype.getClientRects = () => [] as unknown as DOMRectList
afterEach(cleanup)
