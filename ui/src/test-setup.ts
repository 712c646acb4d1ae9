// Setup of every test. happy-dom computes no layout, and the editor asks for positions.

import { cleanup } from '@testing-library/svelte'
import { afterEach } from 'vitest'

Range.prototype.getClientRects = () => [] as unknown as DOMRectList
afterEach(cleanup)
